/* SPDX-License-Identifier: MIT */
/*
 * A grant: what a token that was checked lets its bearer do, and for how long. Shared by reference:
 * a connection keeps it for its life, a ticket until it is redeemed.
 *
 * Claims (RFC 7519 section 4.1):
 *
 *   sub       the user; required
 *   exp       required and exact: from that moment on the token is none
 *   nbf, iat  not later than now, HC_GRANT_LEEWAY_MS for clocks that differ
 *   aud       text or a list; if there is one, it must name us
 *   iss       must be the configured one, if one is configured
 *   jti       the token's own name, by which it can be revoked
 *   hostcast  {"subscribe": [patterns], "publish": [patterns], "admin": bool}, each optional.
 *             No "subscribe": everything; no "publish": nothing. Other members are refused: a
 *             misspelt limit must not be none.
 */
#pragma once

#include <jansson.h>

#include "ws/fanout/filter.h"

struct hc_fault;
struct hc_grant;

#define HC_GRANT_NAME_MAX  256	 /* bytes of sub and jti: longer ones could not be revoked */
#define HC_GRANT_LEEWAY_MS 30000 /* of nbf and iat; half of what clocks of one site may differ */

/** struct hc_grant_wants - what claims must agree with */
struct hc_grant_wants {
	const char *audience; /* that a token with "aud" must name */
	const char *issuer;   /* "": any */
	int64_t now_unix_ms;
};

/**
 * hc_grant_new() - check claims whose signature is good
 * @fault: HC_FAULT_UNAUTHORIZED and which claim is wrong
 *
 * Return: a reference, or NULL.
 */
struct hc_grant *hc_grant_new(const json_t *claims, const struct hc_grant_wants *wants,
			      struct hc_fault *fault);
struct hc_grant *hc_grant_ref(struct hc_grant *grant);
struct hc_grant *hc_grant_unref(struct hc_grant *grant);
HC_DEFINE_CLEANUP(struct hc_grant *, hc_grant_unref);

/** hc_grant_subject() - the user that the token is for; never empty */
const char *hc_grant_subject(const struct hc_grant *grant);

/** hc_grant_id() - the token's own name (jti), or NULL */
const char *hc_grant_id(const struct hc_grant *grant);

/** hc_grant_issued_unix_ms() - when the token was made (iat); INT64_MIN if it does not say */
int64_t hc_grant_issued_unix_ms(const struct hc_grant *grant);

/** hc_grant_expires_unix_ms() - from when on it is worth nothing (CLOCK_REALTIME) */
int64_t hc_grant_expires_unix_ms(const struct hc_grant *grant);

/** hc_grant_limits_subscribe() - whether the token says what may be subscribed to */
bool hc_grant_limits_subscribe(const struct hc_grant *grant);

/** hc_grant_filter() - the types that may be subscribed to: all, if the token does not say */
struct hc_filter hc_grant_filter(const struct hc_grant *grant, const struct hc_types *types);

bool hc_grant_may_publish(const struct hc_grant *grant, struct hc_str type);
bool hc_grant_is_admin(const struct hc_grant *grant);
