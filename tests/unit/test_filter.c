/* SPDX-License-Identifier: MIT */
/* Filters: bits against the patterns and channels they were worked out from. */
#include <criterion/criterion.h>

#include "proto/pattern.h"
#include "tests/unit/hub.h"

static const char *const patterns[] = {
	"*", "alert.*", "job.progress", "device.*", "notification", "no.such", "job", "jo.*",
};

Test(filter, a_pattern_lets_through_what_it_matches_and_nothing_else)
{
	const struct hc_types *types = test_types();

	for (size_t i = 0; i < HC_ARRAY_LEN(patterns); i++) {
		struct hc_filter filter = HC_FILTER_NONE;
		size_t n = hc_filter_add_pattern(&filter, types, hc_str(patterns[i]));
		size_t n_wanted = 0;

		for (size_t j = 0; j < hc_types_count(types); j++) {
			const struct hc_type *type = hc_types_at(types, j);
			bool wanted = hc_pattern_matches(hc_str(patterns[i]), hc_str(type->name));

			cr_expect_eq(hc_filter_has(&filter, type), wanted, "%s of %s", type->name,
				     patterns[i]);
			n_wanted += wanted;
		}
		cr_expect_eq(n, n_wanted, "%s", patterns[i]);
	}
}

Test(filter, a_channel_lets_its_types_through)
{
	const struct hc_types *types = test_types();
	struct hc_filter filter = HC_FILTER_NONE;
	size_t n = 0;

	cr_expect_eq(hc_filter_add_channel(&filter, types, HC_STR("no such channel")), 0);
	cr_expect_gt(hc_filter_add_channel(&filter, types, HC_STR("jobs")), 0);
	for (size_t i = 0; i < hc_types_count(types); i++) {
		const struct hc_type *type = hc_types_at(types, i);

		cr_expect_eq(hc_filter_has(&filter, type), !strcmp(type->channel, "jobs"), "%s",
			     type->name);
		n += hc_filter_has(&filter, type);
	}
	cr_expect_eq(n, hc_filter_add_channel(&filter, types, HC_STR("jobs")));
}

Test(filter, the_last_type_there_can_be_has_a_bit)
{
	struct hc_type last = { .name = "z", .index = HC_TYPES_MAX - 1 };
	struct hc_filter filter = HC_FILTER_NONE;

	cr_expect_not(hc_filter_has(&filter, &last));
	filter.bits[HC_FILTER_WORDS - 1] = UINT64_C(1) << 63;
	cr_expect(hc_filter_has(&filter, &last));
}

Test(filter, what_two_let_through_is_what_each_does)
{
	const struct hc_types *types = test_types();
	struct hc_filter a = HC_FILTER_NONE, b = HC_FILTER_NONE, job = HC_FILTER_NONE;

	(void)hc_filter_add_pattern(&a, types, HC_STR("job.*"));
	(void)hc_filter_add_pattern(&a, types, HC_STR("alert.*"));
	(void)hc_filter_add_pattern(&b, types, HC_STR("job.*"));
	(void)hc_filter_add_pattern(&b, types, HC_STR("device.*"));
	(void)hc_filter_add_pattern(&job, types, HC_STR("job.*"));
	cr_expect_not(hc_filter_equal(&a, &b));
	hc_filter_intersect(&a, &b);
	cr_expect(hc_filter_equal(&a, &job));
	hc_filter_intersect(&a, &HC_FILTER_NONE);
	cr_expect(hc_filter_equal(&a, &HC_FILTER_NONE));
}
