/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>

#include "fcgi/uri.h"
#include "proto/fault.h"

static void assert_text(struct hc_str text, const char *expected)
{
	cr_assert(hc_str_is(text, expected), "\"%.*s\" instead of \"%s\"", (int)text.len, text.s,
		  expected);
}

Test(uri, path_of_a_target_is_without_scheme_authority_and_query)
{
	static const struct {
		const char *target;
		const char *path;
	} cases[] = {
		{ "/api/events?after=1", "/api/events" },
		{ "/", "/" },
		{ "", "/" },
		{ "?a=/b", "/" },
		{ "http://host:80/api/x?y", "/api/x" },
		{ "http://host", "/" },
		{ "http://host?q", "/" },
		{ "/a://b", "/a://b" },
		{ "/a#b", "/a" },
		{ "*", "/" },
	};

	for (size_t i = 0; i < HC_ARRAY_LEN(cases); i++)
		assert_text(hc_uri_path(hc_str(cases[i].target)), cases[i].path);
}

Test(uri, path_is_split_before_it_is_decoded)
{
	HC_CLEANUP(hc_path_deinit) struct hc_path path = HC_PATH_NULL;

	cr_assert(hc_path_parse(&path, HC_STR("/api/a%2Fb/%c3%a9+"), NULL));
	cr_assert_eq(path.n, 3);
	assert_text(path.segments[0], "api");
	assert_text(path.segments[1], "a/b");
	assert_text(path.segments[2], "\xc3\xa9+");
}

Test(uri, one_slash_at_the_end_of_a_path_counts_as_none)
{
	static const struct {
		const char *raw;
		size_t n;
	} cases[] = {
		{ "/", 0 }, { "/a", 1 }, { "/a/", 1 }, { "/a//", 2 }, { "//a", 2 }, { "/a//b", 3 },
	};
	HC_CLEANUP(hc_path_deinit) struct hc_path path = HC_PATH_NULL;

	for (size_t i = 0; i < HC_ARRAY_LEN(cases); i++) {
		cr_assert(hc_path_parse(&path, hc_str(cases[i].raw), NULL));
		cr_assert_eq(path.n, cases[i].n, "%s: %zu", cases[i].raw, path.n);
	}
}

Test(uri, bad_escapes_are_refused)
{
	static const char *const cases[] = { "/%",   "/%4",	 "/%zz", "/%00", "/a%2",
					     "/%ff", "/%c3/%a9", "/%-1", "/% 1", "/%ed%a0%80" };
	HC_CLEANUP(hc_path_deinit) struct hc_path path = HC_PATH_NULL;

	for (size_t i = 0; i < HC_ARRAY_LEN(cases); i++) {
		struct hc_fault fault = HC_FAULT_NULL;

		cr_assert_not(hc_path_parse(&path, hc_str(cases[i]), &fault), "%s", cases[i]);
		cr_assert_eq(fault.code, HC_FAULT_MALFORMED, "%s", cases[i]);
	}
}

Test(uri, more_segments_than_any_route_has_are_not_found)
{
	HC_CLEANUP(hc_path_deinit) struct hc_path path = HC_PATH_NULL;
	struct hc_fault fault = HC_FAULT_NULL;

	cr_assert(hc_path_parse(&path, HC_STR("/1/2/3/4/5/6/7/8/9/a/b/c/d/e/f/g"), &fault));
	cr_assert_eq(path.n, HC_PATH_SEGMENTS_MAX);
	cr_assert_not(hc_path_parse(&path, HC_STR("/1/2/3/4/5/6/7/8/9/a/b/c/d/e/f/g/h"), &fault));
	cr_assert_eq(fault.code, HC_FAULT_NOT_FOUND);
}

Test(query, fields_are_decoded_in_their_order)
{
	HC_CLEANUP(hc_query_deinit) struct hc_query query = HC_QUERY_NULL;

	cr_assert(hc_query_parse(&query, HC_STR("a=1+2&&b&c=%3D%26=x&=y&a=%2B"), NULL));
	cr_assert_eq(query.n, 5);
	assert_text(hc_query_get(&query, "a"), "1 2");
	assert_text(hc_query_get(&query, "b"), "");
	assert_text(hc_query_get(&query, "c"), "=&=x");
	assert_text(hc_query_get(&query, ""), "y");
	assert_text(query.fields[4].value, "+");
	cr_assert_eq(hc_query_get(&query, "d").len, 0);
}

Test(query, nothing_is_a_query_without_fields)
{
	HC_CLEANUP(hc_query_deinit) struct hc_query query = HC_QUERY_NULL;

	cr_assert(hc_query_parse(&query, (struct hc_str){ NULL, 0 }, NULL));
	cr_assert_eq(query.n, 0);
}

Test(query, more_fields_than_allowed_are_too_large)
{
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer text = HC_BUFFER_NULL;
	HC_CLEANUP(hc_query_deinit) struct hc_query query = HC_QUERY_NULL;
	struct hc_fault fault = HC_FAULT_NULL;

	for (size_t i = 0; i < HC_QUERY_FIELDS_MAX; i++)
		hc_buffer_append(&text, "a=&", 3);
	cr_assert(hc_query_parse(&query, (struct hc_str){ text.data, text.len }, &fault));
	hc_buffer_append(&text, "a", 1);
	cr_assert_not(hc_query_parse(&query, (struct hc_str){ text.data, text.len }, &fault));
	cr_assert_eq(fault.code, HC_FAULT_TOO_LARGE);
}

Test(query, unknown_and_doubled_fields_are_named)
{
	static const struct hc_query_rule rules[] = { { "type", true }, { "limit", false } };
	static const struct {
		const char *raw;
		const char *named; /* NULL: the query is in order */
	} cases[] = {
		{ "", NULL },
		{ "type=a&limit=1&type=b", NULL },
		{ "limit=1&limit=1", "\"limit\"" },
		{ "lmit=1", "\"lmit\"" },
		{ "type=a&Type=b", "\"Type\"" },
		{ "=1", "\"\"" },
	};
	HC_CLEANUP(hc_query_deinit) struct hc_query query = HC_QUERY_NULL;

	for (size_t i = 0; i < HC_ARRAY_LEN(cases); i++) {
		struct hc_fault fault = HC_FAULT_NULL;
		bool in_order;

		cr_assert(hc_query_parse(&query, hc_str(cases[i].raw), NULL));
		in_order = hc_query_check(&query, rules, HC_ARRAY_LEN(rules), &fault);
		cr_assert_eq(in_order, !cases[i].named, "%s", cases[i].raw);
		if (in_order)
			continue;
		cr_assert_eq(fault.code, HC_FAULT_INVALID_PARAMS);
		cr_assert(strstr(fault.message, cases[i].named), "%s", fault.message);
	}
}
