/* SPDX-License-Identifier: MIT */
/* What the hub counts, and that what happens to clients is counted once. */
#include <criterion/criterion.h>

#include "tests/unit/hub.h"
#include "ws/sessions/resume.h"

static uint64_t closes(const struct hc_stats *stats, uint16_t code)
{
	for (size_t i = 0; i < HC_STATS_CODES; i++)
		if (hc_stats_close_code(i) == code)
			return stats->closes[i];
	cr_assert_fail("no counter for %u", code);
	return 0;
}

static uint64_t resumes(const struct hc_stats *stats, const char *outcome)
{
	for (size_t i = 0; i < HC_STATS_RESUMES; i++)
		if (!strcmp(hc_stats_resume_name(i), outcome))
			return stats->resumes[i];
	cr_assert_fail("no counter for %s", outcome);
	return 0;
}

/* Everything that was written, whoever counted it. */
static struct hc_sent sent(const struct test_hub *test)
{
	struct hc_sent sum = hc_audiences_sent(test->hub.audiences);

	sum.deliveries += test->hub.stats.sent.deliveries;
	sum.bytes += test->hub.stats.sent.bytes;
	return sum;
}

static void publish(struct test_hub *test)
{
	test_hub_publish(test, test_record(test_type("job.progress"), NULL,
					   "{\"job_id\":\"1\",\"progress\":1}"));
}

Test(stats, unknown_labels_are_counted_as_others)
{
	struct hc_stats stats = { 0 };

	hc_stats_close(&stats, 4008);
	hc_stats_close(&stats, 0);
	hc_stats_close(&stats, 4999);
	hc_stats_close(&stats, 3000);
	cr_expect_eq(closes(&stats, 4008), 1);
	cr_expect_eq(closes(&stats, 1006), 1);
	cr_expect_eq(closes(&stats, 0), 2);
	hc_stats_refusal(&stats, "not_found");
	hc_stats_refusal(&stats, "made_up");
	cr_expect_eq(stats.refusals[HC_STATS_REFUSALS - 1], 1);
	cr_expect_str_eq(hc_stats_refusal_name(HC_STATS_REFUSALS - 1), "other");
	hc_stats_resume(&stats, NULL);
	hc_stats_resume(&stats, "epoch");
	cr_expect_eq(resumes(&stats, "complete"), 1);
	cr_expect_eq(resumes(&stats, "epoch"), 1);
}

Test(stats, every_label_has_a_name)
{
	for (size_t i = 0; i < HC_STATS_REFUSALS; i++)
		cr_expect(hc_stats_refusal_name(i));
	for (size_t i = 0; i < HC_STATS_RESUMES; i++)
		cr_expect(hc_stats_resume_name(i));
	for (size_t i = 0; i < HC_PUBLISH_MAX_; i++)
		cr_expect(hc_stats_publish_name(i));
}

Test(stats, each_delivery_is_counted_once_whichever_way_it_went)
{
	struct test_client quick, slow;
	struct test_hub test;

	test_hub_open(&test, 100000, 100000);
	client_open(&quick, &test, "/ws/events", NULL);
	client_open(&slow, &test, "/ws/events", NULL);
	publish(&test);
	cr_expect_eq(sent(&test).deliveries, 2);
	slow.wire.blocked = true;
	for (int i = 0; i < 3; i++)
		publish(&test);
	cr_expect_eq(sent(&test).deliveries, 5, "the slow one has got nothing new yet");
	slow.wire.blocked = false;
	test_hub_settle(&test);
	cr_expect_eq(sent(&test).deliveries, 8);
	cr_expect_eq(sent(&test).bytes, quick.wire.sent.len + slow.wire.sent.len);
	cr_expect_eq(test.hub.stats.events[test_type("job.progress")->index], 4);
	cr_expect_eq(quick.session.endpoint->n_opened, 2);
	client_close(&quick);
	client_close(&slow);
	cr_expect_eq(closes(&test.hub.stats, 1006), 2);
	test_hub_close(&test);
}

Test(stats, deliveries_from_the_log_count_too)
{
	struct hc_position since = { 0 },
			   elsewhere = { .epoch = "0000000000000000", .sequence = 3 };
	struct test_client client;
	struct test_hub test;

	test_hub_open(&test, 1000, 1000000);
	memcpy(since.epoch, test.hub.store->epoch, sizeof(since.epoch));
	for (int i = 0; i < 100; i++)
		publish(&test);
	client_open(&client, &test, "/ws/events", &since);
	test_hub_settle(&test);
	cr_expect_eq(sent(&test).deliveries, 100);
	cr_expect_eq(resumes(&test.hub.stats, "complete"), 1);
	hc_resume(&client.session, &elsewhere);
	cr_expect_eq(resumes(&test.hub.stats, "epoch"), 1);
	test_hub_settle(&test);
	hc_session_end(&client.session, HC_CLOSE_GOING_AWAY, "x");
	test_hub_settle(&test);
	client_close(&client);
	cr_expect_eq(closes(&test.hub.stats, 1001), 1);
	test_hub_close(&test);
}
