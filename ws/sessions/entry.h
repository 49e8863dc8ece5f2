/* SPDX-License-Identifier: MIT */
/*
 * Entry: how a client comes in, and how long it may stay.
 *
 *   connected ──token at once, or none needed──> in
 *       ├──first message: authenticate─────────> in ──told connection.expiring, renews──> in
 *       └──nothing in time, a bad token──> 4001    └──token ends, or is revoked──> 4001
 *
 * A token that is not good is never taken for none.
 */
#pragma once

#include "ws/sessions/session.h"

struct hc_handshake;

enum {
	HC_ENTRY_OK_,
	HC_ENTRY_E_WAIT,	 /* a token is needed, and none came along */
	HC_ENTRY_E_UNAUTHORIZED, /* the token is not good */
	HC_ENTRY_E_FORBIDDEN,	 /* it is another user's */
};

/**
 * hc_entry_judge() - whether a client may come in with what it brings; a ticket is used up
 * @ret:   a reference to what its token grants; NULL if it has none and needs none
 * @fault: why not
 */
int hc_entry_judge(struct hc_grant **ret, const struct hc_hub *hub,
		   const struct hc_handshake *handshake, struct hc_fault *fault);

/**
 * hc_entry_open() - a client has connected: let it in, let it wait for its token, or send it away
 *
 * Return: whether there was memory.
 */
bool hc_entry_open(struct hc_session *session, const struct hc_handshake *handshake);

/**
 * hc_entry_admit() - a client has connected that has been judged already
 * @grant: a reference is taken; NULL if it needs none
 *
 * Return: whether there was memory.
 */
bool hc_entry_admit(struct hc_session *session, const struct hc_handshake *handshake,
		    struct hc_grant *grant);

/**
 * hc_entry_authenticate() - a token has come as a message: the first, or a renewal
 * @fault: why it is not taken; whoever has none that is good is closed then
 */
bool hc_entry_authenticate(struct hc_session *session, struct hc_str token, struct hc_fault *fault);

/** hc_entry_check() - look at the time: has the token come, does it end soon, has it ended */
void hc_entry_check(struct hc_session *session, uint64_t now_ms, int64_t now_unix_ms);

/** hc_entry_check_grant() - close a client whose token was revoked */
void hc_entry_check_grant(struct hc_session *session);

/**
 * hc_entry_move() - the endpoint of a client has been configured anew
 * @to: what it is now; NULL: there is none any more
 *
 * The client goes on with what that carries now, if it may.
 */
void hc_entry_move(struct hc_session *session, struct hc_endpoint *to);

/** hc_entry_close() - the connection is gone */
void hc_entry_close(struct hc_session *session);
