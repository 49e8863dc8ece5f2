/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>

#include "ws/sessions/bucket.h"

static const uint64_t starts_ms[] = { 1, 1000, UINT64_C(86400) * 365 * 1000 };

static size_t take_all(struct hc_bucket *bucket, struct hc_bucket_rate rate, uint64_t now_ms)
{
	size_t n = 0;

	while (n < 100000 && hc_bucket_take(bucket, rate, now_ms))
		n++;
	return n;
}

Test(bucket, gives_the_burst_at_once_and_no_more)
{
	static const struct hc_bucket_rate rates[] = { { 1, 1 },   { 20, 40 },	   { 1000, 100 },
						       { 3, 7 },   { 1000000, 1 }, { 7, 1 },
						       { 1, 1000 } };

	for (size_t i = 0; i < HC_ARRAY_LEN(rates); i++)
		for (size_t j = 0; j < HC_ARRAY_LEN(starts_ms); j++) {
			struct hc_bucket bucket = { 0 };

			cr_expect_eq(take_all(&bucket, rates[i], starts_ms[j]), rates[i].burst,
				     "%u/s", rates[i].per_second);
		}
}

Test(bucket, keeps_to_its_rate_within_one_percent_over_ten_seconds)
{
	static const uint32_t rates[] = { 1, 3, 20, 150, 1000, 5000 };

	for (size_t i = 0; i < HC_ARRAY_LEN(rates); i++) {
		struct hc_bucket_rate rate = { rates[i], rates[i] };
		struct hc_bucket bucket = { 0 };
		size_t n = 0, wanted = rates[i] * 10 + rates[i];

		for (uint64_t now_ms = 5000; now_ms < 15000; now_ms++)
			n += take_all(&bucket, rate, now_ms);
		cr_expect(n + wanted / 100 + 1 >= wanted && n <= wanted, "%u/s gave %zu", rates[i],
			  n);
	}
}

Test(bucket, tells_how_long_to_wait_to_the_millisecond)
{
	struct hc_bucket_rate rate = { 10, 1 };
	struct hc_bucket bucket = { 0 };

	cr_expect_eq(hc_bucket_wait_ms(&bucket, rate, 500), 0);
	cr_assert(hc_bucket_take(&bucket, rate, 500));
	cr_expect_eq(hc_bucket_wait_ms(&bucket, rate, 500), 100);
	cr_expect_eq(hc_bucket_wait_ms(&bucket, rate, 599), 1);
	cr_expect_not(hc_bucket_take(&bucket, rate, 599));
	cr_expect_eq(hc_bucket_wait_ms(&bucket, rate, 600), 0);
	cr_expect(hc_bucket_take(&bucket, rate, 600));
}

Test(bucket, who_waits_as_told_always_gets_one)
{
	struct hc_bucket_rate rate = { 333, 5 };
	struct hc_bucket bucket = { 0 };
	uint64_t now_ms = 1;

	for (int i = 0; i < 1000; i++) {
		now_ms += hc_bucket_wait_ms(&bucket, rate, now_ms);
		cr_assert(hc_bucket_take(&bucket, rate, now_ms), "at %d", i);
	}
}

Test(bucket, a_failed_attempt_costs_nothing)
{
	struct hc_bucket_rate rate = { 1, 1 };
	struct hc_bucket bucket = { 0 };

	cr_assert(hc_bucket_take(&bucket, rate, 1000));
	for (uint64_t now_ms = 1000; now_ms < 2000; now_ms++)
		cr_assert_not(hc_bucket_take(&bucket, rate, now_ms));
	cr_expect(hc_bucket_take(&bucket, rate, 2000));
}

Test(bucket, a_rate_of_0_is_no_limit)
{
	struct hc_bucket bucket = { 0 };

	cr_expect_eq(take_all(&bucket, (struct hc_bucket_rate){ 0, 0 }, 1), 100000);
	cr_expect_eq(hc_bucket_wait_ms(&bucket, (struct hc_bucket_rate){ 0, 0 }, 1), 0);
}

Test(bucket, a_rate_that_is_lowered_holds_from_then_on)
{
	struct hc_bucket bucket = { 0 };

	cr_expect_eq(take_all(&bucket, (struct hc_bucket_rate){ 100, 100 }, 1000), 100);
	cr_expect_eq(take_all(&bucket, (struct hc_bucket_rate){ 1, 1 }, 2000), 1);
	cr_expect_eq(take_all(&bucket, (struct hc_bucket_rate){ 1, 1 }, 3000), 1);
}
