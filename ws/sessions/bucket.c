/* SPDX-License-Identifier: MIT */
#include "ws/sessions/bucket.h"

#define SECOND_US UINT64_C(1000000)

/* Until it is full again, once all that may be taken at once is gone. */
static uint64_t depth_us(struct hc_bucket_rate rate)
{
	return SECOND_US * rate.burst / rate.per_second;
}

/* How far it would be from full with one token less, and what it lacks then. */
static uint64_t lacking_us(const struct hc_bucket *bucket, struct hc_bucket_rate rate,
			   uint64_t now_us)
{
	uint64_t full_us = bucket->full_us > now_us ? bucket->full_us : now_us;

	full_us += SECOND_US / rate.per_second;
	return full_us - now_us > depth_us(rate) ? full_us - now_us - depth_us(rate) : 0;
}

uint64_t hc_bucket_wait_ms(const struct hc_bucket *bucket, struct hc_bucket_rate rate,
			   uint64_t now_ms)
{
	if (!rate.per_second)
		return 0;
	return (lacking_us(bucket, rate, now_ms * 1000) + 999) / 1000;
}

bool hc_bucket_take(struct hc_bucket *bucket, struct hc_bucket_rate rate, uint64_t now_ms)
{
	uint64_t now_us = now_ms * 1000;

	if (!rate.per_second)
		return true;
	if (lacking_us(bucket, rate, now_us))
		return false;
	if (bucket->full_us < now_us)
		bucket->full_us = now_us;
	bucket->full_us += SECOND_US / rate.per_second;
	return true;
}
