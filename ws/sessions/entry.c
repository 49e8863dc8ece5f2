/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "proto/clock.h"
#include "proto/fault.h"
#include "proto/log.h"
#include "ws/auth/tickets.h"
#include "ws/sessions/admission.h"
#include "ws/sessions/entry.h"
#include "ws/wire/handshake.h"

#define WARNING_MS_MAX 60000 /* before the end of a token; of one that is short, a quarter */
#define WARNING_PART   4

/** struct hc_entry - what a client that waits for its token asked for */
struct hc_entry {
	struct hc_position since;
	bool has_since;
	uint64_t deadline_ms; /* loop time */
	char user[];	      /* that the path names, or "" */
};

/* ---- may it ------------------------------------------------------------------------------- */

/*
 * Whether a path names that user. libwebsockets reads "+" in it as a space, and "&" and ";" as a
 * comma. What a client gets depends on its token alone, so nobody gains by such a likeness.
 */
static bool names(const char *user, const char *subject)
{
	while (*user && (*user == *subject || (*user == ' ' && *subject == '+') ||
			 (*user == ',' && *subject && strchr("&;", *subject)))) {
		user++;
		subject++;
	}
	return !*user && !*subject;
}

static bool is_user(const struct hc_grant *grant, const char *user, struct hc_fault *fault)
{
	if (names(user, hc_grant_subject(grant)))
		return true;
	hc_fault_set(fault, HC_FAULT_FORBIDDEN, "the token is of another user than the path");
	return false;
}

static struct hc_grant *redeem(const struct hc_hub *hub, const struct hc_handshake *handshake,
			       struct hc_fault *fault)
{
	struct hc_str secret = hc_str(handshake->secret);

	if (handshake->credential == HC_CREDENTIAL_TOKEN)
		return hc_auth_check(hub->auth, secret, fault);
	return hc_tickets_redeem(hub->tickets, secret, hc_str(handshake->origin),
				 hc_monotonic_ns() / 1000000, fault);
}

int hc_entry_judge(struct hc_grant **ret, const struct hc_hub *hub,
		   const struct hc_handshake *handshake, struct hc_fault *fault)
{
	enum hc_endpoint_auth auth = handshake->endpoint->auth;
	HC_CLEANUP(hc_grant_unrefp) struct hc_grant *grant = NULL;

	if (!handshake->credential) {
		*ret = NULL;
		hc_fault_set(fault, HC_FAULT_UNAUTHORIZED, "this endpoint needs a token");
		return auth == HC_ENDPOINT_OPEN ? HC_ENTRY_OK_ : HC_ENTRY_E_WAIT;
	}
	grant = redeem(hub, handshake, fault);
	if (!grant)
		return HC_ENTRY_E_UNAUTHORIZED;
	if (auth == HC_ENDPOINT_USER && !is_user(grant, handshake->user, fault))
		return HC_ENTRY_E_FORBIDDEN;
	*ret = hc_take(grant);
	return HC_ENTRY_OK_;
}

/* ---- coming in ---------------------------------------------------------------------------- */

static bool wait_for_token(struct hc_session *session, const struct hc_handshake *handshake)
{
	struct hc_entry *entry = calloc(1, sizeof(*entry) + strlen(handshake->user) + 1);

	if (!entry)
		return false;
	entry->since = handshake->since;
	entry->has_since = handshake->has_since;
	entry->deadline_ms = uv_now(session->hub->loop) + session->hub->conf->auth.timeout_ms;
	strcpy(entry->user, handshake->user);
	session->entry = entry;
	return true;
}

static void send_away(struct hc_session *session, uint16_t code, const struct hc_fault *fault)
{
	hc_info("client %llu (%s): %s, disconnecting", (unsigned long long)session->id,
		session->peer, fault->message);
	hc_session_end(session, code, fault->message);
}

/* With its first grant it takes a place of its user's. Returns whether there was one; else it is
 * sent away. */
static bool take_grant(struct hc_session *session, struct hc_grant *grant, struct hc_fault *fault)
{
	int64_t expires = hc_grant_expires_unix_ms(grant), left = expires - hc_now_unix_ms();
	int64_t ahead = left / WARNING_PART;

	if (!session->grant &&
	    hc_admission_take_user(session->hub->admission, hc_grant_subject(grant)) !=
		    HC_VERDICT_WELCOME) {
		hc_fault_set(fault, HC_FAULT_UNAVAILABLE,
			     "there are as many clients of your user as may be");
		send_away(session, HC_CLOSE_FULL, fault);
		return false;
	}
	(void)hc_grant_unref(session->grant);
	session->grant = hc_grant_ref(grant);
	session->warn_unix_ms = expires - (ahead < WARNING_MS_MAX ? ahead : WARNING_MS_MAX);
	return true;
}

static bool let_in(struct hc_session *session, const struct hc_handshake *handshake,
		   struct hc_grant *grant)
{
	struct hc_fault fault = HC_FAULT_NULL;

	if (grant && !take_grant(session, grant, &fault))
		return true;
	return hc_session_begin(session, handshake->has_since ? &handshake->since : NULL);
}

bool hc_entry_admit(struct hc_session *session, const struct hc_handshake *handshake,
		    struct hc_grant *grant)
{
	hc_session_open(session);
	return let_in(session, handshake, grant);
}

bool hc_entry_open(struct hc_session *session, const struct hc_handshake *handshake)
{
	HC_CLEANUP(hc_grant_unrefp) struct hc_grant *grant = NULL;
	struct hc_fault fault = HC_FAULT_NULL;
	int verdict = hc_entry_judge(&grant, session->hub, handshake, &fault);

	hc_session_open(session);
	switch (verdict) {
	case HC_ENTRY_OK_:
		return let_in(session, handshake, grant);
	case HC_ENTRY_E_WAIT:
		return wait_for_token(session, handshake);
	case HC_ENTRY_E_FORBIDDEN:
		send_away(session, HC_CLOSE_FORBIDDEN, &fault);
		return true;
	default:
		send_away(session, HC_CLOSE_UNAUTHORIZED, &fault);
		return true;
	}
}

/* ---- a token as a message ----------------------------------------------------------------- */

static void answer_authenticated(struct hc_session *session)
{
	char expires[HC_TIMESTAMP_LEN];
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer text = HC_BUFFER_NULL;

	hc_timestamp_format(expires, hc_grant_expires_unix_ms(session->grant));
	hc_buffer_printf(&text, "{\"action\":\"authenticated\",\"expires_at\":\"%.*s\"}",
			 HC_TIMESTAMP_LEN, expires);
	if (text.failed)
		hc_session_end(session, HC_CLOSE_INTERNAL, "out of memory");
	else
		hc_session_send_text(session, (struct hc_str){ text.data, text.len });
}

/* Who waited for a token waits no more. */
static void stop_waiting(struct hc_session *session)
{
	struct hc_entry *entry = session->entry;
	bool has_memory;

	session->entry = NULL;
	has_memory = hc_session_begin(session, entry->has_since ? &entry->since : NULL);
	free(entry);
	if (!has_memory)
		hc_session_end(session, HC_CLOSE_INTERNAL, "out of memory");
}

/* The first token, for somebody who waits for it. */
static bool come_in(struct hc_session *session, struct hc_grant *grant, struct hc_fault *fault)
{
	if (session->endpoint->auth == HC_ENDPOINT_USER &&
	    !is_user(grant, session->entry->user, fault)) {
		send_away(session, HC_CLOSE_FORBIDDEN, fault);
		return false;
	}
	if (!take_grant(session, grant, fault))
		return false;
	answer_authenticated(session);
	stop_waiting(session);
	return true;
}

/* Another one, for somebody who is in already: for as long as the new one says, if it is theirs. */
static bool renew(struct hc_session *session, struct hc_grant *grant, struct hc_fault *fault)
{
	if (session->grant &&
	    strcmp(hc_grant_subject(grant), hc_grant_subject(session->grant)) != 0) {
		hc_fault_set(fault, HC_FAULT_FORBIDDEN,
			     "the token is of another user than this connection");
		return false;
	}
	if (!take_grant(session, grant, fault))
		return false;
	if (hc_session_refilter(session))
		answer_authenticated(session);
	else
		hc_session_end(session, HC_CLOSE_INTERNAL, "out of memory");
	return true;
}

bool hc_entry_authenticate(struct hc_session *session, struct hc_str token, struct hc_fault *fault)
{
	HC_CLEANUP(hc_grant_unrefp)
	struct hc_grant *grant = hc_auth_check(session->hub->auth, token, fault);

	if (!grant) {
		if (!session->grant)
			send_away(session, HC_CLOSE_UNAUTHORIZED, fault);
		return false;
	}
	return session->entry ? come_in(session, grant, fault) : renew(session, grant, fault);
}

/* ---- staying ------------------------------------------------------------------------------ */

static void warn(struct hc_session *session, int64_t now_unix_ms)
{
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer payload = HC_BUFFER_NULL;
	int64_t expires = hc_grant_expires_unix_ms(session->grant);
	msgpack_packer pk = hc_codec_packer(&payload);
	char text[HC_TIMESTAMP_LEN];

	hc_timestamp_format(text, expires);
	msgpack_pack_map(&pk, 2);
	hc_pack_str_at(&pk, "expires_at", (struct hc_str){ text, sizeof(text) });
	hc_pack_u64_at(&pk, "expires_in_ms", (uint64_t)(expires - now_unix_ms));
	hc_session_tell(session, "connection.expiring", &payload);
	session->warn_unix_ms = INT64_MAX;
}

void hc_entry_check(struct hc_session *session, uint64_t now_ms, int64_t now_unix_ms)
{
	struct hc_fault fault = HC_FAULT_NULL;

	if (session->close_code)
		return;
	if (session->entry && now_ms >= session->entry->deadline_ms) {
		hc_fault_set(&fault, HC_FAULT_UNAUTHORIZED, "no token came in time");
		send_away(session, HC_CLOSE_UNAUTHORIZED, &fault);
	} else if (!session->grant) {
		return;
	} else if (now_unix_ms >= hc_grant_expires_unix_ms(session->grant)) {
		hc_fault_set(&fault, HC_FAULT_UNAUTHORIZED, "the token has expired");
		send_away(session, HC_CLOSE_UNAUTHORIZED, &fault);
	} else if (now_unix_ms >= session->warn_unix_ms) {
		warn(session, now_unix_ms);
	}
}

void hc_entry_check_grant(struct hc_session *session)
{
	struct hc_fault fault = HC_FAULT_NULL;

	if (session->grant && !session->close_code &&
	    !hc_auth_check_again(session->hub->auth, session->grant, &fault))
		send_away(session, HC_CLOSE_UNAUTHORIZED, &fault);
}

/* ---- the endpoint is another -------------------------------------------------------------- */

/* Who is in stays in, unless more is asked for now than was asked for then. */
static bool may_stay(const struct hc_session *session, enum hc_endpoint_auth asked_for)
{
	switch (session->endpoint->auth) {
	case HC_ENDPOINT_OPEN:
		return true;
	case HC_ENDPOINT_TOKEN:
		return session->grant;
	default:
		return asked_for == HC_ENDPOINT_USER;
	}
}

void hc_entry_move(struct hc_session *session, struct hc_endpoint *to)
{
	enum hc_endpoint_auth asked_for = session->endpoint->auth;
	struct hc_fault fault = HC_FAULT_NULL;

	if (!to) {
		hc_fault_set(&fault, HC_FAULT_NOT_FOUND, "there is no such endpoint any more");
		send_away(session, HC_CLOSE_BAD_REQUEST, &fault);
		return;
	}
	hc_session_move(session, to);
	if (session->close_code)
		return;
	if (session->entry) {
		if (to->auth == HC_ENDPOINT_OPEN)
			stop_waiting(session);
	} else if (!may_stay(session, asked_for)) {
		hc_fault_set(&fault, HC_FAULT_UNAUTHORIZED, "this endpoint asks for a token now");
		send_away(session, HC_CLOSE_UNAUTHORIZED, &fault);
	} else if (!hc_session_refilter(session)) {
		hc_session_end(session, HC_CLOSE_INTERNAL, "out of memory");
	}
}

void hc_entry_close(struct hc_session *session)
{
	if (session->grant)
		hc_admission_release_user(session->hub->admission,
					  hc_grant_subject(session->grant));
	session->grant = hc_grant_unref(session->grant);
	free(session->entry);
	session->entry = NULL;
}
