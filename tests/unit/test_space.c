/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "ws/health/space.h"

Test(space, what_is_kept_for_root_is_neither_used_nor_available)
{
	static const struct {
		struct hc_space space;
		double percent;
	} cases[] = {
		{ { 300, 100, 100 }, 50 }, { { 200, 100, 100 }, 50 }, { { 100, 95, 0 }, 100 },
		{ { 100, 0, 95 }, 0 },	   { { 0, 0, 0 }, 0 }, /* a tmpfs without a limit */
	};

	for (size_t i = 0; i < HC_ARRAY_LEN(cases); i++)
		cr_expect(cases[i].percent - hc_space_percent(&cases[i].space) == 0, "case %zu", i);
}

Test(space, of_this_machine_is_what_df_says)
{
	unsigned long long total, used, percent;
	struct hc_space space;
	FILE *df = popen("df -B1 --output=size,used,pcent / | tail -n 1", "r");
	int n;

	cr_assert(df);
	n = fscanf(df, "%llu %llu %llu%%", &total, &used, &percent);
	(void)pclose(df);
	cr_assert_eq(n, 3);
	cr_assert(hc_space_read(&space, "/"));
	cr_expect_eq(space.total_bytes, total);
	/* Others write meanwhile; df rounds up. */
	cr_expect_lt(llabs((long long)(space.used_bytes - used)), (long long)total / 50);
	cr_expect_lt(hc_space_percent(&space), (double)percent + 3);
	cr_expect_gt(hc_space_percent(&space), (double)percent - 4);
}

Test(space, of_nowhere_cannot_be_told)
{
	struct hc_space space = { .total_bytes = 7 };

	cr_expect_not(hc_space_read(&space, "/nowhere/at/all"));
	cr_expect_eq(space.total_bytes, 7);
}
