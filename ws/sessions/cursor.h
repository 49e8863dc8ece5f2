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

/**
 * hc_cursor_replay() - write what it lacks, one slice of it, from the ring or the log
 *
 * It may be up to date then, blocked, wait for an answer of the log, or none of these. A
 * socket may take a megabyte at once, for milliseconds in which nobody else is served: who asks
 * decides how many slices are enough.
 * Return: bytes written.
 */
size_t hc_cursor_replay(struct hc_session *session);

void hc_cursor_be_up_to_date(struct hc_session *session);

/** hc_cursor_be_behind() - it goes on with the slot @cursor, and has seen @sequence */
void hc_cursor_be_behind(struct hc_session *session, uint64_t cursor, uint64_t sequence);

/** hc_cursor_sequence() - up to there the client has been given what it wants, or it waits for its
 * socket */
uint64_t hc_cursor_sequence(const struct hc_session *session);
