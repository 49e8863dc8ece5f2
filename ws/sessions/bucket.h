/* SPDX-License-Identifier: MIT */
/*
 * A token bucket: so many a second on average, so many at once.
 *
 * It is kept as the time at which it would be full again, so it takes 8 bytes, needs no timer, and
 * is full when it is all zero.
 *
 * Source: the generic cell rate algorithm, ITU-T I.371, as virtual scheduling.
 */
#pragma once

#include "proto/base.h"

/** struct hc_bucket_rate - what it lets through; both at least 1, or per_second 0: everything */
struct hc_bucket_rate {
	uint32_t per_second;
	uint32_t burst; /* at once, from a bucket that is full */
};

struct hc_bucket {
	uint64_t full_us; /* when it will be full again; any time that is past: it is full */
};

/**
 * hc_bucket_take() - take one token, if there is one
 * @now_ms: of a clock that never goes back; loop time
 */
bool hc_bucket_take(struct hc_bucket *bucket, struct hc_bucket_rate rate, uint64_t now_ms);

/** hc_bucket_wait_ms() - how long until there is one; 0: there is one now */
uint64_t hc_bucket_wait_ms(const struct hc_bucket *bucket, struct hc_bucket_rate rate,
			   uint64_t now_ms);
