/* SPDX-License-Identifier: MIT */
/*
 * Replay: clients that are behind and whose sockets take more.
 *
 * A turn of the loop serves so many of them that those who are live need not wait for a thousand
 * that come back. The others wait in a queue, in the order in which they came, and cost nothing
 * meanwhile: to ask for their sockets again each turn was six times the work of serving them.
 */
#pragma once

#include <stdbool.h>

struct hc_hub;
struct hc_replay;
struct hc_session;

int hc_replay_new(struct hc_replay **ret, struct hc_hub *hub);
/** hc_replay_free() - its sessions must be closed; run the loop once more */
struct hc_replay *hc_replay_free(struct hc_replay *replay);

/** hc_replay_go_on() - the socket of a client takes more: serve it now, or when its turn comes */
void hc_replay_go_on(struct hc_session *session);

/** hc_replay_enqueue() - what a client waited for is there: serve it when its turn comes */
void hc_replay_enqueue(struct hc_session *session);

/** hc_replay_leave() - the client is gone */
void hc_replay_leave(struct hc_session *session);

/** hc_replay_turn() - a turn of the loop begins, which calls this; whether somebody has waited */
bool hc_replay_turn(struct hc_replay *replay);
