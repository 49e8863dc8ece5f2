/* SPDX-License-Identifier: MIT */
/*
 * Tickets: 43 characters that stand for a grant once, for 30 s. A browser cannot put a token into
 * the headers of a WebSocket, and one in the URL ends up in logs; a ticket fits into a subprotocol
 * and is worth nothing afterwards.
 */
#pragma once

#include "proto/base.h"

struct hc_auth;
struct hc_fault;
struct hc_grant;
struct hc_tickets;

#define HC_TICKET_LEN	      43    /* characters: 32 random bytes in base64url */
#define HC_TICKET_LIFETIME_MS 30000 /* from the request to the connection */
#define HC_TICKET_ORIGIN_MAX  512   /* bytes; a host name has 253 */
#define HC_TICKETS_MAX	      16384 /* not redeemed yet; with origin and grant, about 20 MB */
#define HC_TICKETS_USER_MAX   4096  /* of one user, so that nobody takes them all */

enum {
	HC_TICKETS_OK_,
	HC_TICKETS_E_FULL, /* too many of them, or of this user's, wait to be redeemed */
};

/** hc_tickets_new() - none yet; @auth is borrowed and asked again when a ticket is redeemed */
int hc_tickets_new(struct hc_tickets **ret, const struct hc_auth *auth);
struct hc_tickets *hc_tickets_free(struct hc_tickets *tickets);
HC_DEFINE_CLEANUP(struct hc_tickets *, hc_tickets_free);

/**
 * hc_tickets_issue() - make a ticket for @grant
 * @origin: that it is bound to, at most HC_TICKET_ORIGIN_MAX bytes; empty: to none
 * @now_ms: of any clock that never goes back, the same for all calls
 * @ret:    the ticket and a NUL
 *
 * Return: 0, HC_TICKETS_E_FULL, or -errno.
 */
int hc_tickets_issue(struct hc_tickets *tickets, struct hc_grant *grant, struct hc_str origin,
		     uint64_t now_ms, char ret[static HC_TICKET_LEN + 1]);

/**
 * hc_tickets_redeem() - take a ticket, which is then used up whatever the answer
 * @origin: of whoever brings it
 * @fault:  HC_FAULT_UNAUTHORIZED
 *
 * Return: a reference to its grant, or NULL.
 */
struct hc_grant *hc_tickets_redeem(struct hc_tickets *tickets, struct hc_str ticket,
				   struct hc_str origin, uint64_t now_ms, struct hc_fault *fault);

/** hc_tickets_count() - those that wait to be redeemed, expired ones perhaps among them */
size_t hc_tickets_count(const struct hc_tickets *tickets);
