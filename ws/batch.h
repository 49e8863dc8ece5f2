/* SPDX-License-Identifier: MIT */
/*
 * A batch: the events of one publish on their way through the log, and what became of them.
 *
 * The loop thread makes it, the writer thread commits it, the loop thread answers and frees it.
 */
#pragma once

#include "ws/record.h"

#define HC_BATCH_KEY_MAX    128 /* bytes of an idempotency key */
#define HC_BATCH_DIGEST_LEN 32	/* bytes: SHA-256 of what was published */

enum hc_batch_result {
	HC_BATCH_OK_,
	HC_BATCH_REPEATED,	/* the key is known, with the same events: sequences are the first
				   answer's */
	HC_BATCH_E_CONFLICT,	/* the key is known, with other events */
	HC_BATCH_E_FULL,	/* no space: not stored */
	HC_BATCH_E_UNAVAILABLE, /* the log failed: unknown whether stored */
};

struct hc_batch;
typedef void hc_batch_done_fn(struct hc_batch *batch);

struct hc_batch {
	struct hc_batch *next;	/* in the queue it is in */
	hc_batch_done_fn *done; /* called on the loop thread, frees the batch */
	void *owner;
	uint32_t request_id;
	char key[HC_BATCH_KEY_MAX + 1]; /* "" = none */
	unsigned char digest[HC_BATCH_DIGEST_LEN];
	int64_t now_unix_ms;
	enum hc_batch_result result;
	char error[128]; /* why, for the last two results */
	size_t n;
	struct hc_record *records[]; /* each with a reference of the batch's own */
};

/** hc_batch_new() - an empty batch with room for @n records */
struct hc_batch *hc_batch_new(size_t n);
struct hc_batch *hc_batch_free(struct hc_batch *batch);
HC_DEFINE_CLEANUP(struct hc_batch *, hc_batch_free);

/** hc_batch_is_logged() - whether any of its records goes to the log */
bool hc_batch_is_logged(const struct hc_batch *batch);
