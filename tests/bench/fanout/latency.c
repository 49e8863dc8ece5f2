/* SPDX-License-Identifier: MIT */
#include "tests/bench/fanout/latency.h"

/* The largest value that falls into a bucket. */
static uint64_t bucket_end(unsigned int bucket)
{
	unsigned int shift = bucket >> LATENCY_STEPS_LOG2;

	if (!shift)
		return bucket;
	shift--;
	return ((bucket - ((uint64_t)shift << LATENCY_STEPS_LOG2) + 1) << shift) - 1;
}

double latency_percentile_ms(const struct latency *latency, double share)
{
	uint64_t seen = 0;

	for (unsigned int i = 0; i < LATENCY_BUCKETS; i++) {
		seen += latency->buckets[i];
		if (latency->buckets[i] && (double)seen >= share * (double)latency->n)
			return (double)bucket_end(i) / 1e6;
	}
	return 0;
}
