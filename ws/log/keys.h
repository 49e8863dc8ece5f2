/* SPDX-License-Identifier: MIT */
/*
 * Idempotency keys: what was published with one is not stored twice, but answered as it was the
 * first time.
 */
#pragma once

#include "ws/log/age.h"
#include "ws/log/batch.h"

struct hc_keys {
	struct hc_statements *statements;
	uint64_t n; /* remembered */
};

/** hc_keys_answer() - answer a batch whose key is known; *ret_known says whether it is */
int hc_keys_answer(const struct hc_keys *keys, struct hc_batch *batch, bool *ret_known);

/**
 * hc_keys_insert() - remember the key of a batch; within a transaction
 * @first:    the sequence of its first event that is logged
 * @clock_ms: hc_age_now_ms()
 *
 * Whoever commits counts it.
 */
int hc_keys_insert(const struct hc_keys *keys, const struct hc_batch *batch, uint64_t first,
		   int64_t clock_ms);

/** hc_keys_forget() - drop some that are old; @ret_more: there are more */
int hc_keys_forget(struct hc_keys *keys, const struct hc_age *age, bool *ret_more);

/** hc_keys_bytes() - roughly how much of the database they are */
uint64_t hc_keys_bytes(const struct hc_keys *keys);
