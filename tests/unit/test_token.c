/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>

#include "fcgi/request.h"
#include "fcgi/token.h"

static struct hc_str find(const char *method, const char *authorization, const char *cookie,
			  const char *origin)
{
	struct hc_request request = {
		.method = hc_str(method),
		.authorization = hc_str(authorization),
		.cookie = hc_str(cookie),
		.origin = hc_str(origin),
		.host = HC_STR("hub.example:8443"),
	};

	return hc_token_find(&request);
}

Test(token, authorization_must_be_of_the_bearer_scheme)
{
	static const struct {
		const char *header;
		const char *token;
	} cases[] = {
		{ "Bearer abc", "abc" },  { "bearer abc", "abc" }, { "BEARER \t abc ", "abc" },
		{ " Bearer a b", "a b" }, { "Bearer", "" },	   { "Bearer ", "" },
		{ "Bearerabc", "" },	  { "Basic abc", "" },	   { "", "" },
	};

	for (size_t i = 0; i < HC_ARRAY_LEN(cases); i++)
		cr_assert(hc_str_is(find("GET", cases[i].header, NULL, NULL), cases[i].token), "%s",
			  cases[i].header);
}

Test(token, the_cookie_is_found_among_others_by_its_whole_name)
{
	static const struct {
		const char *cookie;
		const char *token;
	} cases[] = {
		{ "hostcast_token=abc", "abc" },
		{ "a=b; hostcast_token=abc; c=d", "abc" },
		{ "a=b;hostcast_token=a=b", "a=b" },
		{ "xhostcast_token=abc", "" },
		{ "hostcast_tokenx=abc", "" },
		{ "hostcast_token", "" },
		{ ";;", "" },
		{ "a=hostcast_token=abc", "" },
	};

	for (size_t i = 0; i < HC_ARRAY_LEN(cases); i++)
		cr_assert(hc_str_is(find("GET", NULL, cases[i].cookie, NULL), cases[i].token), "%s",
			  cases[i].cookie);
}

Test(token, a_bearer_wins_over_the_cookie_even_if_it_bears_no_token)
{
	cr_assert(hc_str_is(find("GET", "Bearer a", "hostcast_token=b", NULL), "a"));
	cr_assert(hc_str_is(find("GET", "Bearer ", "hostcast_token=b", NULL), ""));
	cr_assert(hc_str_is(find("GET", "bearer", "hostcast_token=b", NULL), ""));
}

/* As the hub has it: a site behind Basic has that header in every request of a browser. */
Test(token, other_schemes_are_for_others_and_leave_the_cookie_to_count)
{
	cr_assert(hc_str_is(find("GET", "Basic a", "hostcast_token=b", NULL), "b"));
	cr_assert(hc_str_is(find("POST", "Negotiate a", "hostcast_token=b", NULL), "b"));
	cr_assert(hc_str_is(find("GET", "Bearera", "hostcast_token=b", NULL), "b"));
	cr_assert(hc_str_is(find("GET", "Basic a", NULL, NULL), ""));
	cr_assert(
		hc_str_is(find("POST", "Basic a", "hostcast_token=b", "https://evil.example"), ""));
}

Test(token, the_cookie_does_not_count_for_what_another_site_makes_a_browser_post)
{
	static const struct {
		const char *method;
		const char *origin;
		const char *token;
	} cases[] = {
		{ "POST", NULL, "t" },
		{ "POST", "https://hub.example:8443", "t" },
		{ "POST", "https://HUB.example:8443", "t" },
		{ "POST", "https://evil.example", "" },
		{ "POST", "https://hub.example:8443.evil.example", "" },
		{ "POST", "https://hub.example", "" },
		{ "POST", "null", "" },
		{ "DELETE", "https://evil.example", "" },
		{ "GET", "https://evil.example", "t" },
	};

	for (size_t i = 0; i < HC_ARRAY_LEN(cases); i++)
		cr_assert(
			hc_str_is(find(cases[i].method, NULL, "hostcast_token=t", cases[i].origin),
				  cases[i].token),
			"%s from %s", cases[i].method, cases[i].origin);
}
