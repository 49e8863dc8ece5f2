/* SPDX-License-Identifier: MIT */
/*
 * A session: one client, of a WebSocket or a stream, which is a cursor into the log (cursor.h) and
 * little else.
 *
 * What it holds in memory for a client that does not read is bounded: the answers to its own
 * messages, and whoever lets too many of them wait is closed. Its reading is not stopped instead:
 * libwebsockets 4.1.6 goes round in circles then if TLS has more to read.
 */
#pragma once

#include "proto/log.h"
#include "ws/hub.h"
#include "ws/sessions/bucket.h"
#include "ws/wire/wire.h"

struct hc_entry;
struct hc_question;
struct hc_subscription;

/* Close codes: of RFC 6455 section 7.4.1, and ours: from 4500 on coming again does not help. */
#define HC_CLOSE_NORMAL	       1000
#define HC_CLOSE_GOING_AWAY    1001
#define HC_CLOSE_PROTOCOL      1002
#define HC_CLOSE_BAD_TEXT      1007
#define HC_CLOSE_POLICY	       1008
#define HC_CLOSE_TOO_BIG       1009
#define HC_CLOSE_INTERNAL      1011
#define HC_CLOSE_UNAUTHORIZED  4001
#define HC_CLOSE_TOO_SLOW      4008
#define HC_CLOSE_POSITION_LOST 4010
#define HC_CLOSE_TOO_MANY      4029
#define HC_CLOSE_FULL	       4053
#define HC_CLOSE_BAD_REQUEST   4500
#define HC_CLOSE_FORBIDDEN     4503

struct hc_session {
	struct hc_hub *hub;
	struct lws *wire;
	struct hc_session *next, **link; /* in the hub's list */
	struct hc_session *replay_next,
		**replay_link; /* in the queue of replay.h; link NULL: not */
	uint64_t id;
	struct hc_endpoint *endpoint;
	struct hc_encoding encoding;  /* of its endpoint, unless it asked for another */
	struct hc_grant *grant;	      /* what its token grants; NULL: it has none */
	struct hc_entry *entry;	      /* it waits for its token, see entry.h; else NULL */
	struct hc_audience *audience; /* NULL: it is not let in yet */
	size_t index;		      /* in the audience */
	uint64_t cursor;   /* the slot it gets next, while it is behind and not in the log */
	uint64_t sequence; /* the newest it has been given, while it is behind */
	struct hc_question *question; /* what it has asked the log for; NULL: nothing */
	struct hc_session *question_next, **question_link; /* among those who ask for the same */
	struct hc_subscription *subscription; /* owned; NULL: everything the endpoint has */
	struct hc_buffer waiting;	      /* frames to send before the cursor goes on */
	size_t remarks_len;		      /* bytes of them that it has caused itself */
	bool state_waits;		      /* the retained events are among them */
	struct hc_buffer incoming;	      /* of the message that is coming in */
	size_t incoming_text_len;	      /* bytes of it that are known to be text */
	bool incoming_deflated;
	uint64_t connected_unix_ms;
	int64_t warn_unix_ms;	 /* when to tell that its token ends soon */
	uint64_t sent_ms;	 /* loop time: the last message to it */
	uint64_t progress_ms;	 /* loop time: when its socket last took something */
	int unsent;		 /* bytes, at the last look */
	uint16_t close_code;	 /* not 0: it is to be closed */
	char *close_reason;	 /* owned; NULL for none */
	uint32_t retry_after_ms; /* when to come back; 0: as always */
	uint32_t n_fragments;	 /* of the message that is coming in, so far */
	struct hc_bucket said;	 /* its messages */
	bool close_sent;	 /* nothing more is to be sent */
	bool behind;
	bool in_log;	  /* behind, and the ring does not reach back that far */
	bool is_resuming; /* in the log, and not told yet what it will get */
	bool is_greeted;  /* it speaks hostcast.v1 */
	char peer[48];
};

/** struct hc_sessions - all of them */
struct hc_sessions {
	struct hc_session *head;
	size_t n;
	size_t n_looked;    /* at the last look */
	uint64_t looked_ms; /* loop time of it; 0: there was none */
	size_t n_most;	    /* since memory was given back */
	uint64_t next_id;
	uv_timer_t timer;
	struct hc_log_limit log_limit; /* of those who are closed for reading nothing */
};

int hc_sessions_new(struct hc_sessions **ret, struct hc_hub *hub);
/** hc_sessions_free() - the sessions themselves must be closed; run the loop once more */
struct hc_sessions *hc_sessions_free(struct hc_sessions *sessions);

/** hc_sessions_move() - the endpoints have been configured anew: each goes on at what is now its */
void hc_sessions_move(struct hc_sessions *sessions, struct hc_endpoints *to);

/** hc_sessions_check_grants() - close those whose token was revoked */
void hc_sessions_check_grants(struct hc_sessions *sessions);

/** hc_session_move() - it is at another endpoint from now on; for hc_entry_move() */
void hc_session_move(struct hc_session *session, struct hc_endpoint *to);

/** hc_session_open() - a client has connected; hub, wire, endpoint, encoding and peer are set */
void hc_session_open(struct hc_session *session);

/**
 * hc_session_begin() - it is let in: from now on it gets events
 * @since: its position, or NULL
 *
 * It may have a subscription already. Return: whether there was memory; if there was none, close it
 * nevertheless.
 */
bool hc_session_begin(struct hc_session *session, const struct hc_position *since);

/** hc_session_close() - the connection is gone: leave everything */
void hc_session_close(struct hc_session *session);

/** hc_session_on_writable() - the socket takes more */
void hc_session_on_writable(struct hc_session *session);

/**
 * hc_session_end() - close it with @code as soon as its socket lets us say so
 * @reason: up to 123 bytes, copied
 */
void hc_session_end(struct hc_session *session, uint16_t code, const char *reason);

/**
 * hc_session_on_message() - a message begins to come in: may it?
 *
 * Return: false if there were too many; the session is then ended with 4029.
 */
bool hc_session_on_message(struct hc_session *session);

/**
 * hc_session_on_fragment() - a frame of a message has ended, and there is more to come
 *
 * Return: false if there were too many; the session is then ended with 1008. It is not 1009,
 * because the message itself may be small (RFC 6455 section 7.4.1).
 */
bool hc_session_on_fragment(struct hc_session *session);

/**
 * hc_session_set_filter() - from now on it gets what the filter lets through, of what its endpoint
 * has and its token grants; returns whether there was memory
 */
bool hc_session_set_filter(struct hc_session *session, const struct hc_filter *filter);

/** hc_session_refilter() - the same, after what it has subscribed to or its token has changed */
bool hc_session_refilter(struct hc_session *session);

/**
 * hc_session_write() - write whole frames now; the wire must not be blocked
 *
 * Return: whether it is good still.
 */
bool hc_session_write(struct hc_session *session, struct hc_str bytes);

/** hc_session_send_text() - send one message, or keep it until the socket takes it */
void hc_session_send_text(struct hc_session *session, struct hc_str text);

/**
 * hc_session_ping() - a sign of life, which a client need not answer
 *
 * It says where the client is, if that can read it: whoever wants few of the events would else stay
 * behind what was not for it, and be told of a gap once that is trimmed.
 */
void hc_session_ping(struct hc_session *session);

/**
 * hc_session_tell() - send a control message in the envelope of the endpoint
 * @payload: one packed map
 */
void hc_session_tell(struct hc_session *session, const char *type, const struct hc_buffer *payload);

/** hc_session_tell_at() - the same, and with it the client is at position @id, if it is not NULL */
void hc_session_tell_at(struct hc_session *session, const char *type, const char *id,
			const struct hc_buffer *payload);

/** hc_session_remind() - send a retained event; with it the client is at position @id, if it is not
 * NULL */
void hc_session_remind(struct hc_session *session, const struct hc_record *record, const char *id);

/** hc_session_tell_fault() - an "error" message */
void hc_session_tell_fault(struct hc_session *session, const struct hc_fault *fault);
