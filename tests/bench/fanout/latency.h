/* SPDX-License-Identifier: MIT */
/*
 * Latencies: a histogram whose buckets are 1/32 of their value wide, so that one costs a few
 * instructions to count and no memory grows.
 */
#pragma once

#include <stdint.h>

#define LATENCY_STEPS_LOG2 5
#define LATENCY_BUCKETS	   ((64 - LATENCY_STEPS_LOG2) << LATENCY_STEPS_LOG2)

struct latency {
	uint64_t n;
	uint64_t max_ns;
	uint64_t buckets[LATENCY_BUCKETS];
};

static inline void latency_count(struct latency *latency, uint64_t ns)
{
	unsigned int shift;

	if (ns > latency->max_ns)
		latency->max_ns = ns;
	latency->n++;
	if (ns < 1u << LATENCY_STEPS_LOG2) {
		latency->buckets[ns]++;
		return;
	}
	shift = 63u - (unsigned int)__builtin_clzll(ns) - LATENCY_STEPS_LOG2;
	latency->buckets[((uint64_t)shift << LATENCY_STEPS_LOG2) + (ns >> shift)]++;
}

/** latency_percentile_ms() - the value that @share of 1 do not exceed; 0 if nothing was counted */
double latency_percentile_ms(const struct latency *latency, double share);
