/* SPDX-License-Identifier: MIT */
/*
 * The writer thread: group commit. Everything that arrived while the last commit ran is the next
 * commit.
 *
 * The loop never waits for it: batches go in by hc_writer_submit() and come back, in the same
 * order, to their done function on the loop thread.
 */
#pragma once

#include <uv.h>

#include "ws/health/histogram.h"
#include "ws/log/store.h"

struct hc_writer;

/** hc_writer_after_fn - called on the loop thread after the done functions of one commit */
typedef void hc_writer_after_fn(void *context);

/**
 * hc_writer_new() - start the thread
 * @store: borrowed; appended to by this thread alone
 */
int hc_writer_new(struct hc_writer **ret, uv_loop_t *loop, struct hc_store *store,
		  hc_writer_after_fn *after, void *context);

/**
 * hc_writer_free() - commit what was submitted, hand it back, end the thread
 *
 * Called on the loop thread. The loop must run once more afterwards, for libuv to close its handle.
 */
struct hc_writer *hc_writer_free(struct hc_writer *writer);

/** hc_writer_submit() - pass a batch to the thread, which hands it back by batch->done() */
void hc_writer_submit(struct hc_writer *writer, struct hc_batch *batch);

/** struct hc_commits - what the thread has done so far */
struct hc_commits {
	struct hc_histogram events; /* logged events of a commit */
	struct hc_histogram durations_ns;
};

/** hc_writer_commits() - take a copy of that; waits for a lock that is held for a copy only */
void hc_writer_commits(struct hc_writer *writer, struct hc_commits *ret);

/** hc_writer_waiting() - batches submitted and not yet handed back */
size_t hc_writer_waiting(const struct hc_writer *writer);

/** hc_writer_done() - how many have been handed back in all */
uint64_t hc_writer_done(const struct hc_writer *writer);
