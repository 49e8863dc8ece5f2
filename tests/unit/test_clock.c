/* SPDX-License-Identifier: MIT */
/* Time: RFC 3339 against tables of good and bad text, and against gmtime(3) over all years. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <time.h>

#include "proto/clock.h"

#define MS_MIN (-62167219200000ll) /* 0000-01-01T00:00:00.000Z */
#define MS_MAX 253402300799999ll   /* 9999-12-31T23:59:59.999Z */

static void format(char text[static HC_TIMESTAMP_LEN + 1], int64_t unix_ms)
{
	text[HC_TIMESTAMP_LEN] = '\0';
	hc_timestamp_format(text, unix_ms);
}

Test(clock, known_times_have_their_text)
{
	static const struct {
		int64_t unix_ms;
		const char *wanted;
	} cases[] = {
		{ 0, "1970-01-01T00:00:00.000Z" },
		{ -1, "1969-12-31T23:59:59.999Z" },
		{ 951782400000, "2000-02-29T00:00:00.000Z" },
		{ 1764417600123, "2025-11-29T12:00:00.123Z" },
		{ 4107542399999, "2100-02-28T23:59:59.999Z" },
		{ 4107542400000, "2100-03-01T00:00:00.000Z" },
		{ MS_MIN, "0000-01-01T00:00:00.000Z" },
		{ MS_MAX, "9999-12-31T23:59:59.999Z" },
		{ MS_MIN - 1, "0000-01-01T00:00:00.000Z" },
		{ MS_MAX + 1, "9999-12-31T23:59:59.999Z" },
		{ INT64_MIN, "0000-01-01T00:00:00.000Z" },
		{ INT64_MAX, "9999-12-31T23:59:59.999Z" },
	};
	char text[HC_TIMESTAMP_LEN + 1];

	for (size_t i = 0; i < HC_ARRAY_LEN(cases); i++) {
		format(text, cases[i].unix_ms);
		cr_expect_str_eq(text, cases[i].wanted);
	}
}

Test(clock, every_month_of_every_year_agrees_with_gmtime)
{
	const int64_t step_ms = 86400000ll * 13 + 12345677;
	char text[HC_TIMESTAMP_LEN + 1], wanted[64];

	for (int64_t ms = MS_MIN; ms <= MS_MAX; ms += step_ms) {
		time_t seconds = (time_t)((ms >= 0 ? ms : ms - 999) / 1000);
		struct tm tm;
		int64_t back;

		cr_assert_not_null(gmtime_r(&seconds, &tm));
		(void)snprintf(wanted, sizeof(wanted), "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ",
			       tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min,
			       tm.tm_sec, (int)(ms - (int64_t)seconds * 1000));
		format(text, ms);
		cr_assert_str_eq(text, wanted);
		cr_assert(hc_timestamp_parse(&back, hc_str(text)), "%s", text);
		cr_assert_eq(back, ms, "%s", text);
	}
}

Test(clock, reads_what_rfc_3339_allows)
{
	static const struct {
		const char *text;
		int64_t unix_ms;
	} cases[] = {
		{ "2025-11-29T12:00:00Z", 1764417600000 },
		{ "2025-11-29t12:00:00z", 1764417600000 },
		{ "2025-11-29T12:00:00.5Z", 1764417600500 },
		{ "2025-11-29T12:00:00.123456789012345678901234567890Z", 1764417600123 },
		{ "2025-11-29T12:00:00.9999Z", 1764417600999 },
		{ "2025-11-29T12:00:00.0009Z", 1764417600000 },
		{ "2025-11-29T13:30:00+01:30", 1764417600000 },
		{ "2025-11-28T12:01:00-23:59", 1764417600000 },
		{ "2025-11-29T12:00:00-00:00", 1764417600000 },
		{ "2016-12-31T23:59:60Z", 1483228800000 },
		{ "2016-12-31T23:59:60.25Z", 1483228800250 },
		{ "2017-01-01T00:59:60+01:00", 1483228800000 },
		{ "1969-12-31T23:59:59.001Z", -999 },
		{ "2000-02-29T00:00:00Z", 951782400000 },
		{ "0000-02-29T00:00:00Z", -62162121600000 },
		{ "0000-01-01T00:00:00+00:01", MS_MIN - 60000 },
	};
	int64_t ms;

	for (size_t i = 0; i < HC_ARRAY_LEN(cases); i++) {
		ms = 42;
		cr_expect(hc_timestamp_parse(&ms, hc_str(cases[i].text)), "%s", cases[i].text);
		cr_expect_eq(ms, cases[i].unix_ms, "%s: %lld", cases[i].text, (long long)ms);
	}
}

Test(clock, rejects_everything_else)
{
	static const char *const cases[] = {
		"",
		"2025-11-29",
		"2025-11-29T12:00:00",
		"2025-11-29 12:00:00Z",
		"2025-11-29T12:00Z",
		"2025-11-29T12:00:00.Z",
		"2025-11-29T12:00:00,5Z",
		"2025-11-29T12:00:00Zx",
		"2025-11-29T12:00:00Z ",
		" 2025-11-29T12:00:00Z",
		"2025-11-29T12:00:00+0100",
		"2025-11-29T12:00:00+01",
		"2025-11-29T12:00:00+24:00",
		"2025-11-29T12:00:00+00:60",
		"2025-11-29T24:00:00Z",
		"2025-11-29T12:60:00Z",
		"2025-11-29T12:00:61Z",
		"2025-11-29T12:00:60Z",
		"2016-12-31T23:59:60+01:00",
		"2025-00-01T00:00:00Z",
		"2025-13-01T00:00:00Z",
		"2025-01-00T00:00:00Z",
		"2025-01-32T00:00:00Z",
		"2025-04-31T00:00:00Z",
		"2025-02-29T00:00:00Z",
		"1900-02-29T00:00:00Z",
		"25-11-29T12:00:00Z",
		"02025-11-29T12:00:00Z",
		"-025-11-29T12:00:00Z",
		"2025-1-29T12:00:00Z",
		"2025/11/29T12:00:00Z",
		"2025-11-29T1 :00:00Z",
		"...",
	};
	int64_t ms = 42;

	for (size_t i = 0; i < HC_ARRAY_LEN(cases); i++)
		cr_expect_not(hc_timestamp_parse(&ms, hc_str(cases[i])), "\"%s\"", cases[i]);
	cr_expect_not(hc_timestamp_parse(&ms, HC_STR("2025-11-29T12:00:00\0Z")));
	cr_expect_not(hc_timestamp_parse(&ms, (struct hc_str){ NULL, 0 }));
	cr_expect_eq(ms, 42, "set by a text that was rejected");
}

/* The text is a slice: what stands behind it must not matter, and no byte behind it is read. */
Test(clock, every_prefix_of_a_timestamp_is_rejected)
{
	static const char whole[] = "2025-11-29T12:00:00.123+01:00";
	int64_t ms;

	for (size_t len = 0; len < sizeof(whole) - 1; len++)
		cr_expect_not(hc_timestamp_parse(&ms, (struct hc_str){ whole, len }), "%zu", len);
	cr_expect(hc_timestamp_parse(&ms, hc_str(whole)));
}

Test(clock, both_clocks_run_forward)
{
	uint64_t ns = hc_monotonic_ns();
	struct timespec now;

	cr_expect_leq(ns, hc_monotonic_ns());
	cr_assert_eq(clock_gettime(CLOCK_REALTIME, &now), 0);
	cr_expect_leq(hc_now_unix_ms() - (int64_t)now.tv_sec * 1000, 60000);
	cr_expect_geq(hc_now_unix_ms() - (int64_t)now.tv_sec * 1000, 0);
}
