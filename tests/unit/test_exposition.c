/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>

#include "ws/health/exposition.h"

static void expect_text(struct hc_buffer *text, const char *wanted)
{
	hc_buffer_append(text, "", 1);
	cr_assert_not(text->failed);
	cr_expect_str_eq(text->data, wanted);
}

Test(exposition, families_have_help_type_and_samples)
{
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer text = HC_BUFFER_NULL;

	hc_exposition_family(&text, "x_total", "counter", "How many.");
	hc_exposition_count(&text, "x_total", HC_LABEL_NONE, UINT64_MAX);
	hc_exposition_value(&text, "x_seconds", HC_LABEL_NONE, 1700000000.125);
	expect_text(&text, "# HELP x_total How many.\n"
			   "# TYPE x_total counter\n"
			   "x_total 18446744073709551615\n"
			   "x_seconds 1700000000.125\n");
}

Test(exposition, label_values_are_escaped)
{
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer text = HC_BUFFER_NULL;

	hc_exposition_count(&text, "x", (struct hc_label){ "a", "q\" b\\ n\n \xc3\xa9{}" }, 1);
	expect_text(&text, "x{a=\"q\\\" b\\\\ n\\n \xc3\xa9{}\"} 1\n");
}

Test(exposition, buckets_are_cumulative_and_end_with_infinity)
{
	static const struct hc_buckets buckets = { .unit = 1e-3, .n = 2, .bounds = { 50, 2000 } };
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer text = HC_BUFFER_NULL;
	struct hc_histogram histogram = { 0 };
	const uint64_t values[] = { 10, 50, 60, 3000 };

	for (size_t i = 0; i < HC_ARRAY_LEN(values); i++)
		hc_histogram_add(&histogram, &buckets, values[i]);
	hc_exposition_histogram(&text, "x_seconds", &buckets, &histogram);
	expect_text(&text, "x_seconds_bucket{le=\"0.05\"} 2\n"
			   "x_seconds_bucket{le=\"2\"} 3\n"
			   "x_seconds_bucket{le=\"+Inf\"} 4\n"
			   "x_seconds_sum 3.12\n"
			   "x_seconds_count 4\n");
}
