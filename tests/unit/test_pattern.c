/* SPDX-License-Identifier: MIT */
/* Patterns: the grammar and its traps, and which types each one wants. */
#include <criterion/criterion.h>

#include "proto/fault.h"
#include "proto/pattern.h"

static const char *const good[] = {
	"*", "alert.*", "job.progress", "job_progress",		 "a", "a.b.c", "a.b.*", "A-1.x",
	"-", "_.*",	"0.*",		"scene_change.detected",
};

static const char *const bad[] = {
	"",    "*x",  "x*",	 "**",	 "*.*",	 "*.a",	 "a.*.b", "a.**",  "a.*x",	  "a.x*",
	".a",  ".*",  "a.",	 "a..b", "a..*", ".",	 "..",	  "a b",   " a",	  "a ",
	"a/b", "a,b", "alert.?", "a\nb", "*\n",	 "a.*.", "[a-z]", "a\\.b", "caf\xc3\xa9", "\xff",
};

Test(pattern, what_follows_the_grammar_is_accepted)
{
	for (size_t i = 0; i < HC_ARRAY_LEN(good); i++) {
		struct hc_fault fault = HC_FAULT_NULL;

		cr_expect(hc_pattern_check(hc_str(good[i]), &fault), "\"%s\": %s", good[i],
			  fault.message);
		cr_expect_eq(fault.code, HC_FAULT_NONE);
	}
}

Test(pattern, everything_else_is_rejected_and_told_why)
{
	for (size_t i = 0; i < HC_ARRAY_LEN(bad); i++) {
		struct hc_fault fault = HC_FAULT_NULL;

		cr_expect_not(hc_pattern_check(hc_str(bad[i]), &fault), "\"%s\"", bad[i]);
		cr_expect_eq(fault.code, HC_FAULT_INVALID_PARAMS, "\"%s\"", bad[i]);
		cr_expect_neq(fault.message[0], '\0', "\"%s\"", bad[i]);
		cr_expect_not(hc_pattern_check(hc_str(bad[i]), NULL), "\"%s\"", bad[i]);
	}
}

Test(pattern, a_nul_byte_is_no_end)
{
	cr_expect_not(hc_pattern_check(HC_STR("a\0b"), NULL));
	cr_expect_not(hc_pattern_check(HC_STR("a.*\0"), NULL));
	cr_expect_not(hc_pattern_check((struct hc_str){ NULL, 0 }, NULL));
}

Test(pattern, length_is_limited)
{
	struct hc_fault fault = HC_FAULT_NULL;
	char text[HC_PATTERN_LEN_MAX + 1];

	memset(text, 'a', sizeof(text));
	cr_expect(hc_pattern_check((struct hc_str){ text, HC_PATTERN_LEN_MAX }, NULL));
	cr_expect_not(hc_pattern_check((struct hc_str){ text, sizeof(text) }, &fault));
	cr_expect_str_eq(fault.message, "a pattern has 129 bytes, at most 128 are allowed");
}

Test(pattern, hostile_text_is_quoted_in_the_message)
{
	static const char wanted[] = "pattern \"a\\x1b\\\"\\xff\" has ";
	struct hc_fault fault = HC_FAULT_NULL;

	cr_expect_not(hc_pattern_check(HC_STR("a\x1b\"\xff"), &fault));
	cr_expect_eq(strncmp(fault.message, wanted, strlen(wanted)), 0, "%s", fault.message);
}

static const struct {
	const char *pattern, *type;
	bool wanted;
} cases[] = {
	{ "*", "device.mounted", true },
	{ "*", "notification", true },
	{ "*", "a", true },
	{ "device.*", "device.mounted", true },
	{ "device.*", "device.a.b", true },
	{ "device.*", "devicex.y", false },
	{ "device.*", "devices.mounted", false },
	{ "device.*", "device", false },
	{ "device.*", "device_mounted", false },
	{ "device.*", "Device.mounted", false },
	{ "device.*", "xdevice.mounted", false },
	{ "alert.*", "alert", false },
	{ "alert.*", "alerts.x", false },
	{ "a.b.*", "a.b.c", true },
	{ "a.b.*", "a.bc", false },
	{ "a.b.*", "a.b", false },
	{ "job.progress", "job.progress", true },
	{ "job.progress", "job.progress2", false },
	{ "job.progress", "job.progres", false },
	{ "job.progress", "job.progress.x", false },
	{ "job.progress", "job_progress", false },
	{ "job_progress", "job.progress", false },
};

Test(pattern, a_pattern_matches_what_it_says)
{
	for (size_t i = 0; i < HC_ARRAY_LEN(cases); i++) {
		cr_assert(hc_pattern_check(hc_str(cases[i].pattern), NULL));
		cr_expect_eq(hc_pattern_matches(hc_str(cases[i].pattern), hc_str(cases[i].type)),
			     cases[i].wanted, "%s and %s", cases[i].pattern, cases[i].type);
	}
}

/* A slice is compared by its length: what stands behind it in memory does not count. */
Test(pattern, slices_end_where_they_end)
{
	cr_expect(hc_pattern_matches((struct hc_str){ "job.progressXX", 12 },
				     HC_STR("job.progress")));
	cr_expect(hc_pattern_matches((struct hc_str){ "job.*XX", 5 }, HC_STR("job.progress")));
	cr_expect_not(hc_pattern_matches(HC_STR("job.*"), (struct hc_str){ "job.progress", 4 }));
}

Test(pattern, a_name_matches_itself_its_domain_and_everything)
{
	for (size_t i = 0; i < HC_ARRAY_LEN(good); i++) {
		struct hc_str name = hc_str(good[i]);

		if (name.s[name.len - 1] == '*')
			continue;
		cr_expect(hc_pattern_matches(name, name), "%s", good[i]);
		cr_expect(hc_pattern_matches(HC_STR("*"), name), "%s", good[i]);
	}
}
