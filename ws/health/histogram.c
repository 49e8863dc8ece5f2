/* SPDX-License-Identifier: MIT */
#include "ws/health/histogram.h"

#define US UINT64_C(1000)
#define MS UINT64_C(1000000)
#define S  UINT64_C(1000000000)

const struct hc_buckets hc_buckets_ns = {
	.unit = 1e-9,
	.n = 17,
	.bounds = { 50 * US, 100 * US, 250 * US, 500 * US, 1 * MS, 2500 * US, 5 * MS, 10 * MS,
		    25 * MS, 50 * MS, 100 * MS, 250 * MS, 500 * MS, 1 * S, 2500 * MS, 5 * S,
		    10 * S },
};

const struct hc_buckets hc_buckets_events = {
	.unit = 1,
	.n = 13,
	.bounds = { 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096 },
};

void hc_histogram_add(struct hc_histogram *histogram, const struct hc_buckets *buckets,
		      uint64_t value)
{
	size_t i = 0;

	while (i < buckets->n && value > buckets->bounds[i])
		i++;
	histogram->counts[i]++;
	histogram->sum += value;
}

uint64_t hc_histogram_count(const struct hc_histogram *histogram)
{
	uint64_t n = 0;

	for (size_t i = 0; i <= HC_BUCKETS_MAX; i++)
		n += histogram->counts[i];
	return n;
}
