/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>

#include "fcgi/router.h"

static void list(struct hc_exchange *exchange)
{
	(void)exchange;
}

static void post(struct hc_exchange *exchange)
{
	(void)exchange;
}

static void one(struct hc_exchange *exchange)
{
	(void)exchange;
}

static void special(struct hc_exchange *exchange)
{
	(void)exchange;
}

static const struct hc_route routes[] = {
	{ "GET", "/things", list },
	{ "POST", "/things", post },
	{ "GET", "/things/{name}", one },
	{ "DELETE", "/things/{name}", one },
	{ "PUT", "/things/special", special },
	{ "GET", "/a/{b}/c/{d}", one },
};

#define N HC_ARRAY_LEN(routes)

static bool match(struct hc_route_match *ret, struct hc_path *path, const char *raw)
{
	cr_assert(hc_path_parse(path, hc_str(raw), NULL));
	return hc_router_match(ret, routes, N, path);
}

Test(router, a_path_finds_its_pattern)
{
	static const struct {
		const char *raw;
		const char *pattern; /* NULL: there is none */
	} cases[] = {
		{ "/things", "/things" },
		{ "/things/", "/things" },
		{ "/things/x", "/things/{name}" },
		{ "/things/a%2Fb", "/things/{name}" },
		{ "/things/special", "/things/special" },
		{ "/a/1/c/2", "/a/{b}/c/{d}" },
		{ "/", NULL },
		{ "/thing", NULL },
		{ "/Things", NULL },
		{ "/things/x/y", NULL },
		{ "/things//", NULL },
		{ "/a/1/x/2", NULL },
		{ "/a/1/c", NULL },
		{ "/x/things", NULL },
	};
	HC_CLEANUP(hc_path_deinit) struct hc_path path = HC_PATH_NULL;

	for (size_t i = 0; i < HC_ARRAY_LEN(cases); i++) {
		struct hc_route_match found = { 0 };

		cr_assert_eq(match(&found, &path, cases[i].raw), cases[i].pattern != NULL, "%s",
			     cases[i].raw);
		if (cases[i].pattern)
			cr_assert_str_eq(found.pattern, cases[i].pattern);
	}
}

Test(router, braces_take_the_decoded_segment)
{
	HC_CLEANUP(hc_path_deinit) struct hc_path path = HC_PATH_NULL;
	struct hc_route_match found;

	cr_assert(match(&found, &path, "/a/x%20y/c/a%2Fb"));
	cr_assert(hc_str_is(found.params[0], "x y"));
	cr_assert(hc_str_is(found.params[1], "a/b"));
}

Test(router, the_method_chooses_among_the_routes_of_a_pattern)
{
	cr_assert_eq(hc_router_find(routes, N, "/things", HC_STR("GET"))->answer, list);
	cr_assert_eq(hc_router_find(routes, N, "/things", HC_STR("POST"))->answer, post);
	cr_assert_eq(hc_router_find(routes, N, "/things/special", HC_STR("PUT"))->answer, special);
	cr_assert_null(hc_router_find(routes, N, "/things", HC_STR("DELETE")));
	cr_assert_null(hc_router_find(routes, N, "/things", HC_STR("get")));
	cr_assert_null(hc_router_find(routes, N, "/things", HC_STR("")));
}

Test(router, head_is_answered_where_get_is)
{
	cr_assert_eq(hc_router_find(routes, N, "/things", HC_STR("HEAD"))->answer, list);
	cr_assert_null(hc_router_find(routes, N, "/things/special", HC_STR("HEAD")));
}

Test(router, allow_is_computed_from_the_table)
{
	static const struct {
		const char *pattern;
		const char *allow;
	} cases[] = {
		{ "/things", "GET, HEAD, OPTIONS, POST" },
		{ "/things/{name}", "DELETE, GET, HEAD, OPTIONS" },
		{ "/things/special", "OPTIONS, PUT" },
	};

	for (size_t i = 0; i < HC_ARRAY_LEN(cases); i++) {
		HC_CLEANUP(hc_buffer_deinit) struct hc_buffer allow = HC_BUFFER_NULL;

		hc_router_allow(&allow, routes, N, cases[i].pattern);
		cr_assert(hc_str_is((struct hc_str){ allow.data, allow.len }, cases[i].allow),
			  "%.*s", (int)allow.len, allow.data);
	}
}
