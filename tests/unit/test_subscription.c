/* SPDX-License-Identifier: MIT */
/* Subscriptions: what is in them, and what they let through. */
#include <criterion/criterion.h>

#include "tests/unit/hub.h"
#include "ws/sessions/subscription.h"

static struct hc_filter filter_of(const char *pattern)
{
	struct hc_filter filter = HC_FILTER_NONE;

	(void)hc_filter_add_pattern(&filter, test_types(), hc_str(pattern));
	return filter;
}

static void expect_filter(const struct hc_subscription *subscription, struct hc_filter wanted)
{
	struct hc_filter filter = hc_subscription_filter(subscription, test_types());

	cr_expect(hc_filter_equal(&filter, &wanted));
}

static void expect_at(const struct hc_subscription *subscription, size_t index,
		      enum hc_subscribed_by by, const char *text)
{
	enum hc_subscribed_by got_by;
	struct hc_str got = hc_subscription_at(subscription, index, &got_by);

	cr_expect(hc_str_is(got, text), "%.*s", (int)got.len, got.s);
	cr_expect_eq(got_by, by);
}

Test(subscription, begins_with_nothing)
{
	struct hc_subscription *subscription = hc_subscription_new();

	cr_assert(subscription);
	cr_expect_eq(hc_subscription_count(subscription), 0);
	expect_filter(subscription, HC_FILTER_NONE);
	hc_subscription_remove(subscription, HC_BY_PATTERN, HC_STR("*"));
	cr_expect_null(hc_subscription_free(subscription));
	cr_expect_null(hc_subscription_free(NULL));
}

Test(subscription, keeps_each_pattern_and_channel_once_and_in_order)
{
	HC_CLEANUP(hc_subscription_freep)
	struct hc_subscription *subscription = hc_subscription_new();

	cr_assert(subscription);
	cr_expect(hc_subscription_add(subscription, HC_BY_PATTERN, HC_STR("job.*")));
	cr_expect(hc_subscription_add(subscription, HC_BY_CHANNEL, HC_STR("jobs")));
	cr_expect(hc_subscription_add(subscription, HC_BY_PATTERN, HC_STR("jobs")));
	cr_expect(hc_subscription_add(subscription, HC_BY_PATTERN, HC_STR("job.*")));
	cr_assert_eq(hc_subscription_count(subscription), 3);
	expect_at(subscription, 0, HC_BY_PATTERN, "job.*");
	expect_at(subscription, 1, HC_BY_CHANNEL, "jobs");
	expect_at(subscription, 2, HC_BY_PATTERN, "jobs");
	hc_subscription_remove(subscription, HC_BY_CHANNEL, HC_STR("job.*")); /* is a pattern */
	hc_subscription_remove(subscription, HC_BY_PATTERN, HC_STR("job.*"));
	cr_assert_eq(hc_subscription_count(subscription), 2);
	expect_at(subscription, 0, HC_BY_CHANNEL, "jobs");
	expect_at(subscription, 1, HC_BY_PATTERN, "jobs");
}

Test(subscription, its_text_is_its_own)
{
	HC_CLEANUP(hc_subscription_freep)
	struct hc_subscription *subscription = hc_subscription_new();
	char text[] = "alert.*";

	cr_assert(subscription);
	cr_expect(hc_subscription_add(subscription, HC_BY_PATTERN, hc_str(text)));
	memset(text, 'x', sizeof(text) - 1);
	expect_at(subscription, 0, HC_BY_PATTERN, "alert.*");
	expect_filter(subscription, filter_of("alert.*"));
}

Test(subscription, lets_through_what_any_of_its_parts_does)
{
	HC_CLEANUP(hc_subscription_freep)
	struct hc_subscription *subscription = hc_subscription_new();
	struct hc_filter wanted = filter_of("alert.*");

	cr_assert(subscription);
	cr_expect(hc_subscription_add(subscription, HC_BY_PATTERN, HC_STR("alert.*")));
	cr_expect(hc_subscription_add(subscription, HC_BY_CHANNEL, HC_STR("devices")));
	(void)hc_filter_add_channel(&wanted, test_types(), HC_STR("devices"));
	expect_filter(subscription, wanted);
	hc_subscription_remove(subscription, HC_BY_CHANNEL, HC_STR("devices"));
	expect_filter(subscription, filter_of("alert.*"));
	/* A pattern is no channel, a channel no pattern. */
	cr_expect(hc_subscription_add(subscription, HC_BY_PATTERN, HC_STR("devices")));
	cr_expect(hc_subscription_add(subscription, HC_BY_CHANNEL, HC_STR("job.*")));
	expect_filter(subscription, filter_of("alert.*"));
}
