/* SPDX-License-Identifier: MIT */
/*
 * The handshake: what a client asks for before its connection becomes a WebSocket or a stream, and
 * refusals, which are HTTP with problem+json (RFC 9457). A browser shows its script nothing but
 * 1006, but curl and logs tell.
 */
#pragma once

#include "ws/auth/jwt.h"
#include "ws/hub.h"
#include "ws/sessions/admission.h"
#include "ws/wire/origin.h"

struct lws;

#define HC_SUBPROTOCOL		   "hostcast.v1"      /* is greeted */
#define HC_SUBPROTOCOL_CLOUDEVENTS "cloudevents.json" /* gets CloudEvents, structured JSON */

enum hc_credential {
	HC_CREDENTIAL_NONE,
	HC_CREDENTIAL_TOKEN,
	HC_CREDENTIAL_TICKET,
};

/** struct hc_handshake - what a client asks for */
struct hc_handshake {
	struct hc_endpoint *endpoint;
	struct hc_encoding encoding;
	bool is_greeted;
	bool has_since;
	bool is_sse; /* the path is for a stream of Server-Sent Events */
	struct hc_position since;
	enum hc_credential credential;
	char user[HC_EVENT_TO_MAX + 1];	    /* that the path names; "" for none */
	char origin[HC_ORIGIN_LEN_MAX + 1]; /* "" for none */
	char secret[HC_JWT_LEN_MAX + 1];    /* token or ticket */
};

/** struct hc_refusal - why it is refused; static */
struct hc_refusal {
	const char *status; /* "404 Not Found" */
	const char *code;   /* of urn:hostcast:problem:<code> */
	const char *detail;
	const char *header; /* a whole header line more, or "" */
};

#define HC_DEFINE_REFUSAL(name, status, code, detail, header) \
	static const struct hc_refusal name = { status, code, detail, header }

/** hc_argument_fn - take an argument of the URL, "name=value", or refuse the request for it */
typedef const struct hc_refusal *hc_argument_fn(void *user, char *argument,
						const struct hc_hub *hub);

/**
 * hc_handshake_read() - read a request that wants to be upgraded, from the library's tables
 *
 * Return: why it is refused, or NULL with @ret set.
 */
const struct hc_refusal *hc_handshake_read(struct hc_handshake *ret, const struct hc_hub *hub,
					   struct lws *wire);

/** hc_handshake_read_arguments() - one after the other, until one is refused */
const struct hc_refusal *hc_handshake_read_arguments(struct lws *wire, hc_argument_fn *read,
						     void *user, const struct hc_hub *hub);

/** hc_handshake_wants_deflate() - whether it offered deflated messages, and may have them */
bool hc_handshake_wants_deflate(const struct hc_hub *hub, struct lws *wire);

/**
 * hc_handshake_read_plain() - read a request without an upgrade: for a stream, or a mistake
 *
 * Return: why it is refused, or NULL with @ret set.
 */
const struct hc_refusal *hc_handshake_read_plain(struct hc_handshake *ret, const struct hc_hub *hub,
						 struct lws *wire);

/** hc_handshake_surplus() - why a guest is refused; NULL for one that is welcome */
const struct hc_refusal *hc_handshake_surplus(enum hc_verdict verdict);

/** hc_handshake_refuse() - send the refusal; the caller then lets the connection close */
void hc_handshake_refuse(struct lws *wire, const struct hc_refusal *refusal);

/** hc_handshake_refuse_connect() - refuse a CONNECT, of which the library has kept no header */
void hc_handshake_refuse_connect(struct lws *wire);
