/* SPDX-License-Identifier: MIT */
/*
 * The drain: how clients are sent away when the hub stops, so that they do not come back as a herd.
 *
 * They are closed one after the other, evenly over the time of the drain. Each is told when to come
 * back: after the drain is over, and then evenly over the same time once more, in reverse, so that
 * the first to go is the last to return.
 *
 *   0 ──────── closed ──────── ms ─ 1 s ─ ms+1s ──────── back again ──────── 2ms+1s
 *   A          B           C               C          B           A
 */
#pragma once

#include "ws/hub.h"

#define HC_DRAIN_RESTART_MS 1000 /* from our end until the next start answers */
#define HC_DRAIN_ANSWER_MS  1000 /* for the last clients to answer their close frame */

struct hc_drain {
	struct hc_hub *hub;
	uv_timer_t timer;
	uint64_t started_ms; /* loop time */
	uint32_t ms;
	size_t n; /* clients at its start */
	size_t n_told;
};

/** struct hc_drain_slot - what one of @n clients is in for, in milliseconds */
struct hc_drain_slot {
	uint32_t close_after_ms; /* from the start of the drain */
	uint32_t retry_after_ms; /* from its close; no two alike as long as @n <= 2 @ms */
};

struct hc_drain_slot hc_drain_slot(size_t index, size_t n, uint32_t ms);

/** hc_drain_start() - send all clients away within @ms; nobody may be let in any more */
void hc_drain_start(struct hc_drain *drain, struct hc_hub *hub, uint32_t ms);

/** hc_drain_is_over() - all have gone, or those that are left do not answer */
bool hc_drain_is_over(const struct hc_drain *drain);

/**
 * hc_drain_hurry() - nobody waits any longer: send away who is left, at once
 *
 * Whose socket takes the end without waiting gets it; the others will just be cut off.
 */
void hc_drain_hurry(struct hc_drain *drain);

/** hc_drain_stop() - run the loop once more before @drain goes */
void hc_drain_stop(struct hc_drain *drain);
