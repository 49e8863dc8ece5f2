/* SPDX-License-Identifier: MIT */
/* Losses, counted by stage. */
#include <criterion/criterion.h>

#include "tests/unit/hub.h"

static void count(uint64_t *lost, const char *type, const char *payload)
{
	HC_CLEANUP(hc_record_unrefp) struct hc_record *record = NULL;

	record = test_record(test_type(type), NULL, payload);
	hc_lost_count(lost, record);
}

Test(lost, gaps_add_up_by_stage)
{
	uint64_t lost[HC_LOST_MAX_] = { 0 };

	count(lost, "detector.gap", "{\"stage\":\"kernel\",\"count\":3}");
	count(lost, "detector.gap", "{\"stage\":\"spool\",\"count\":1}");
	count(lost, "detector.gap", "{\"stage\":\"kernel\",\"count\":4}");
	cr_expect_eq(lost[HC_LOST_KERNEL], 7);
	cr_expect_eq(lost[HC_LOST_SPOOL], 1);
	cr_expect_eq(lost[HC_LOST_RECONCILE], 0);
}

Test(lost, everything_else_adds_nothing)
{
	uint64_t lost[HC_LOST_MAX_] = { 0 };

	count(lost, "detector.status", "{\"stage\":\"kernel\",\"count\":3}");
	count(lost, "detector.gap", "{\"stage\":\"elsewhere\",\"count\":3}");
	count(lost, "detector.gap", "{\"stage\":\"kernel\"}");
	count(lost, "detector.gap", "{\"stage\":\"kernel\",\"count\":-3}");
	count(lost, "detector.gap", "{\"stage\":7,\"count\":3}");
	count(lost, "detector.gap", "{\"count\":3}");
	for (int i = 0; i < HC_LOST_MAX_; i++)
		cr_expect_eq(lost[i], 0, "%s", hc_lost_name((enum hc_lost_stage)i));
}

Test(lost, every_stage_that_the_registry_allows_is_counted)
{
	json_t *stages = json_object_get(
		json_object_get(json_object_get(test_type("detector.gap")->payload, "properties"),
				"stage"),
		"enum");

	cr_assert(json_is_array(stages));
	for (size_t i = 0; i < json_array_size(stages); i++) {
		const char *stage = json_string_value(json_array_get(stages, i));
		HC_CLEANUP(hc_buffer_deinit) struct hc_buffer payload = HC_BUFFER_NULL;
		uint64_t lost[HC_LOST_MAX_] = { 0 }, n = 0;

		hc_buffer_printf(&payload, "{\"stage\":\"%s\",\"count\":5}%c", stage, '\0');
		count(lost, "detector.gap", payload.data);
		for (int j = 0; j < HC_LOST_MAX_; j++)
			n += lost[j];
		cr_expect_eq(n, 5, "%s", stage);
	}
}
