/* SPDX-License-Identifier: MIT */
/*
 * An audience: the clients that get the same bytes, because endpoint, encoding, filter and user are
 * the same. New events are laid out once for all its members; a member that is up to date gets one
 * write of them a turn.
 *
 * Members that are not up to date stay in the audience but go on by themselves, from their own
 * cursor, when their socket takes more (session.h).
 */
#pragma once

#include "ws/fanout/endpoint.h"
#include "ws/fanout/ring.h"
#include "ws/health/stats.h"

struct hc_audience;
struct hc_audiences;
struct hc_question;
struct hc_session;

#define HC_SLICE_MAX (64 * 1024) /* bytes of one write, unless a single event is larger */

/** struct hc_slice - frames to write, and the cursor behind them */
struct hc_slice {
	struct hc_str bytes; /* empty if nothing up to `next` is wanted */
	uint64_t next;
	size_t n; /* events in it */
};

/** struct hc_turn - what one turn of the loop has brought: the slots from @from up to @end */
struct hc_turn {
	uint64_t from;
	uint64_t from_sequence; /* the newest sequence before @from */
	uint64_t end;
	uint64_t now_ms;
};

int hc_audiences_new(struct hc_audiences **ret, struct hc_ring *ring);
struct hc_audiences *hc_audiences_free(struct hc_audiences *audiences);
HC_DEFINE_CLEANUP(struct hc_audiences *, hc_audiences_free);

/** struct hc_wants - what makes clients one audience */
struct hc_wants {
	struct hc_encoding encoding;
	struct hc_filter filter;
	const char *user;    /* whose addressed events it gets; "" for nobody's */
	bool addressed_only; /* and nothing that is for everybody */
};

bool hc_wants_equal(const struct hc_wants *a, const struct hc_wants *b);

/**
 * hc_audience_join() - make @session a member of the audience for what it wants
 * @wants: copied
 *
 * An audience is made for its first member and ends with its last.
 * Return: the audience, or NULL without memory.
 */
struct hc_audience *hc_audience_join(struct hc_audiences *audiences, struct hc_session *session,
				     const struct hc_wants *wants);
void hc_audience_leave(struct hc_audience *audience, struct hc_session *session);

/** hc_audiences_flush() - write what is new in the ring to every member that is up to date */
void hc_audiences_flush(struct hc_audiences *audiences, uint64_t now_ms);

/**
 * hc_audience_slice() - what a member at @from gets next
 * @ret: valid until the ring or the audiences are used again
 *
 * Return: false if the ring does not reach back to @from: the log must be asked.
 */
bool hc_audience_slice(struct hc_audience *audience, uint64_t from, struct hc_slice *ret);

/**
 * hc_audience_is_ready() - whether the frames from slot @from on are ready to be sent
 *
 * Else a slice has to encode them, which is work for the loop.
 */
bool hc_audience_is_ready(const struct hc_audience *audience, uint64_t from);

/** hc_audience_count() - wanted events from slot @from on */
size_t hc_audience_count(const struct hc_audience *audience, uint64_t from);

/** hc_audience_wants() - what its members want; borrowed */
const struct hc_wants *hc_audience_wants(const struct hc_audience *audience);

/** hc_audience_questions() - what its members have asked the log for; the list of question.c */
struct hc_question **hc_audience_questions(struct hc_audience *audience);

size_t hc_audiences_size(const struct hc_audiences *audiences);

/** hc_audiences_sent() - what hc_audiences_flush() has written to clients so far */
struct hc_sent hc_audiences_sent(const struct hc_audiences *audiences);
