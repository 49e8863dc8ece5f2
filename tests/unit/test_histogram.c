/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>

#include "ws/health/histogram.h"

static void check_buckets(const struct hc_buckets *buckets)
{
	cr_assert_leq(buckets->n, HC_BUCKETS_MAX);
	for (size_t i = 1; i < buckets->n; i++)
		cr_expect_gt(buckets->bounds[i], buckets->bounds[i - 1]);
}

Test(histogram, bounds_ascend)
{
	check_buckets(&hc_buckets_ns);
	check_buckets(&hc_buckets_events);
}

Test(histogram, a_value_at_a_bound_belongs_to_its_bucket)
{
	for (size_t i = 0; i < hc_buckets_ns.n; i++) {
		struct hc_histogram histogram = { 0 };

		hc_histogram_add(&histogram, &hc_buckets_ns, hc_buckets_ns.bounds[i]);
		hc_histogram_add(&histogram, &hc_buckets_ns, hc_buckets_ns.bounds[i] + 1);
		cr_expect_eq(histogram.counts[i], 1);
		cr_expect_eq(histogram.counts[i + 1], 1);
		cr_expect_eq(histogram.sum, 2 * hc_buckets_ns.bounds[i] + 1);
		cr_expect_eq(hc_histogram_count(&histogram), 2);
	}
}

Test(histogram, what_no_bucket_takes_is_counted_behind_the_last)
{
	struct hc_histogram histogram = { 0 };

	hc_histogram_add(&histogram, &hc_buckets_events, 5000);
	hc_histogram_add(&histogram, &hc_buckets_events, 0);
	cr_expect_eq(histogram.counts[hc_buckets_events.n], 1);
	cr_expect_eq(histogram.counts[0], 1);
}
