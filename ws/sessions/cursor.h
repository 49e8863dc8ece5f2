/* SPDX-License-Identifier: MIT */
/*
 * Where a client stands in the log, and how it goes on from there:
 *
 *   up to date ──socket full──> behind in the ring ──ring moved on──> behind in the log
 *        ^                           │        ^                            │
 *        └────────caught up──────────┘        └──────the ring has it───────┘
 */
#pragma once

#include "ws/sessions/session.h"

/**
 * hc_cursor_deliver() - what is new, for a member of an audience; see audience.h
 *
 * Return: whether it was written; else the session goes on by itself.
 */
bool hc_cursor_deliver(struct hc_session *session, const struct hc_turn *turn,
		       const struct hc_slice *slice);

/** hc_cursor_continue() - the socket of a client that is behind takes more */
void hc_cursor_continue(struct hc_session *session);

/**
 * hc_cursor_replay() - write what it lacks of the ring, one slice of it
 *
 * It may be up to date then, blocked, in the log because the ring has moved on, or neither. A
 * socket may take a megabyte at once, for milliseconds in which nobody else is served: who asks
 * decides how many slices are enough.
 * Return: bytes written.
 */
size_t hc_cursor_replay(struct hc_session *session);

void hc_cursor_be_up_to_date(struct hc_session *session);

/** hc_cursor_be_behind() - it goes on with the slot @cursor, and has seen @sequence */
void hc_cursor_be_behind(struct hc_session *session, uint64_t cursor, uint64_t sequence);

/**
 * hc_cursor_new_job() - a question to the log about what the client wants behind its sequence
 *
 * Return: the job, which is the session's until it is answered or dropped; NULL without memory, and
 * then the session has been ended.
 */
struct hc_catchup_job *hc_cursor_new_job(struct hc_session *session, hc_catchup_done_fn *done);

/** hc_cursor_sequence() - up to there the client has been given what it wants, or it waits for its
 * socket */
uint64_t hc_cursor_sequence(const struct hc_session *session);

/** hc_cursor_drop_job() - the answer is not wanted any more */
void hc_cursor_drop_job(struct hc_session *session);

/** hc_cursor_drop_page() - the same for a page of events, whose filter has changed; a count is good
 * enough */
void hc_cursor_drop_page(struct hc_session *session);
