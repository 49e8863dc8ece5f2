/* SPDX-License-Identifier: MIT */
/*
 * What clients ask the log for: how many events there are behind a position, and a page of them.
 *
 * Clients that come back together ask for the same. So a question belongs to an audience, who of it
 * asks again waits for the same answer, and an answer stays for a while for those who come to it
 * later: a thousand clients cost the log as much as one. The answers are bounded in bytes, all of
 * them together; a client holds one only until its turn to be served has come (replay.h).
 */
#pragma once

#include "ws/fanout/catchup.h"
#include "ws/sessions/audience.h"

struct hc_hub;
struct hc_questions;
struct hc_session;

/** enum hc_asked - what is asked for */
enum hc_asked {
	HC_ASKED_COUNT, /* how many events up to now */
	HC_ASKED_PAGE,	/* the next ones, as they are sent */
};

/** struct hc_question - asked once for all who wait for it */
struct hc_question {
	enum hc_asked asked;
	uint64_t after; /* sequence */
	uint64_t until; /* the newest sequence when it was asked */
	/* the answer */
	uint64_t left; /* see hc_catchup_first_left() */
	uint64_t last; /* the newest sequence looked at; `after` if there was none */
	uint64_t n;    /* events wanted */
	/* its own */
	struct hc_questions *all;
	struct hc_question **head; /* all of its audience */
	struct hc_question *next, **link;
	struct hc_question *all_next, **all_link; /* the one that was longest not asked for first */
	struct hc_session *waiting;
	struct hc_catchup_job *job; /* NULL: it is answered */
	struct hc_buffer frames;    /* of a page */
	struct hc_buffer marks;	    /* struct hc_catchup_mark of each frame */
	bool is_idle;		    /* nobody has asked since the last look */
};

int hc_questions_new(struct hc_questions **ret, struct hc_hub *hub);
/** hc_questions_free() - the audiences must be gone */
struct hc_questions *hc_questions_free(struct hc_questions *questions);

/** hc_questions_forget() - another log has begun: no answer is good any more */
void hc_questions_forget(struct hc_questions *questions);

/** hc_questions_bytes() - the memory of all answers */
size_t hc_questions_bytes(const struct hc_questions *questions);

/** hc_questions_look() - now and then: forget answers that nobody has asked for lately */
void hc_questions_look(struct hc_questions *questions);

/**
 * hc_question_ask() - ask what @session wants to know behind its sequence
 *
 * Return: the answer, to be given back with hc_question_drop(). NULL: not yet; the session then
 * gets its turn of replay.h when it is there, or has been ended because it cannot be had.
 */
const struct hc_question *hc_question_ask(struct hc_session *session, enum hc_asked asked);

/** hc_question_drop() - the answer has been used, or is not wanted any more */
void hc_question_drop(struct hc_session *session);

/** hc_question_slice() - of a page, the frames behind @sequence; `next` is a sequence too */
struct hc_slice hc_question_slice(const struct hc_question *page, uint64_t sequence);

/** hc_question_end() - the audience whose questions these are ends */
void hc_question_end(struct hc_question *questions);
