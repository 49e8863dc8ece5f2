/* SPDX-License-Identifier: MIT */
/*
 * Histograms with fixed buckets: what happened how often, by how long it took or how much it was.
 */
#pragma once

#include "proto/base.h"

#define HC_BUCKETS_MAX 20

/** struct hc_buckets - the bounds of a histogram; static */
struct hc_buckets {
	double unit; /* what a value is multiplied by to be shown */
	size_t n;
	uint64_t bounds[HC_BUCKETS_MAX]; /* each the largest value of its bucket, ascending */
};

extern const struct hc_buckets hc_buckets_ns;	  /* 50 us to 10 s, shown in seconds */
extern const struct hc_buckets hc_buckets_events; /* 1 to 4096 */

struct hc_histogram {
	uint64_t counts[HC_BUCKETS_MAX + 1]; /* of each bucket alone; behind the last: the rest */
	uint64_t sum;
};

/** hc_histogram_add() - count one value; O(buckets), no allocation */
void hc_histogram_add(struct hc_histogram *histogram, const struct hc_buckets *buckets,
		      uint64_t value);

/** hc_histogram_count() - values in all */
uint64_t hc_histogram_count(const struct hc_histogram *histogram);
