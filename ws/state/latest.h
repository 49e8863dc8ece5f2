/* SPDX-License-Identifier: MIT */
/*
 * The latest snapshots, also those that are on their way through the log: what a new one is
 * compared with, for types whose registry entry has "changed".
 *
 * A snapshot is compared with the one that was taken before it, in the order of the log, whether
 * that is committed already or not. Should it not be committed in the end, the new one is logged
 * without "changed", which says nothing and so nothing wrong.
 */
#pragma once

#include "ws/log/batch.h"
#include "ws/state/state.h"

struct hc_latest;

struct hc_latest *hc_latest_new(void);
struct hc_latest *hc_latest_free(struct hc_latest *latest);
HC_DEFINE_CLEANUP(struct hc_latest *, hc_latest_free);

/**
 * hc_latest_take() - a batch is about to be committed: tell what its snapshots change
 * @state: the committed ones
 *
 * O(events) for types without "changed". Without memory, snapshots stay as they are.
 */
void hc_latest_take(struct hc_latest *latest, const struct hc_state *state, struct hc_batch *batch);

/** hc_latest_forget() - the batch is through, well or not; its events are in the state by now */
void hc_latest_forget(struct hc_latest *latest, const struct hc_batch *batch);
