/* SPDX-License-Identifier: MIT */
/*
 * The handshake: what a client asks for before its connection becomes a WebSocket, and refusals,
 * which are HTTP with problem+json (RFC 9457). A browser shows its script nothing but 1006, but
 * curl and logs tell.
 */
#pragma once

#include "ws/hub.h"

struct lws;

#define HC_SUBPROTOCOL "hostcast.v1"

/** struct hc_handshake - what a client asks for */
struct hc_handshake {
	struct hc_endpoint *endpoint;
	struct hc_encoding encoding;
	struct hc_position since;
	bool has_since;
};

/** struct hc_refusal - why it is refused; static */
struct hc_refusal {
	const char *status; /* "404 Not Found" */
	const char *code;   /* of urn:hostcast:problem:<code> */
	const char *detail;
	const char *header; /* a whole header line more, or "" */
};

/**
 * hc_handshake_read() - read a request that wants to be upgraded, from the library's tables
 *
 * Return: why it is refused, or NULL with @ret set.
 */
const struct hc_refusal *hc_handshake_read(struct hc_handshake *ret, const struct hc_hub *hub,
					   struct lws *wire);

/** hc_handshake_read_plain() - why a request without an upgrade is refused */
const struct hc_refusal *hc_handshake_read_plain(const struct hc_hub *hub, struct lws *wire);

/** hc_handshake_refuse() - send the refusal; the caller then lets the connection close */
void hc_handshake_refuse(struct lws *wire, const struct hc_refusal *refusal);
