/* SPDX-License-Identifier: MIT */
/* Origins: those on the list, and nothing that looks like them. */
#include <criterion/criterion.h>
#include <errno.h>

#include "ws/wire/origin.h"

static bool is_allowed(const char *list, const char *origin, const char *host)
{
	struct hc_list allowed = { 0 };
	bool result;

	cr_assert_eq(hc_list_append(&allowed, list), 0);
	result = hc_origin_is_allowed(&allowed, hc_str(origin), hc_str(host));
	hc_list_deinit(&allowed);
	return result;
}

Test(origin, one_on_the_list_is_allowed)
{
	cr_expect(is_allowed("https://example.org", "https://example.org", ""));
	cr_expect(is_allowed("https://a https://b:8443", "https://b:8443", "c"));
	cr_expect(is_allowed("http://[::1]:8080", "http://[::1]:8080", ""));
}

Test(origin, one_that_looks_like_it_is_not)
{
	static const char *const others[] = {
		"https://example.org.evil.org", /* ours is its beginning */
		"https://evil-example.org",	/* its end */
		"https://evil.org/https://example.org",
		"https://sub.example.org",
		"http://example.org",
		"https://example.org:8443",
		"https://example.org:443",
		"https://EXAMPLE.org",
		"HTTPS://example.org",
		"https://example.org/",
		"https://example.org@evil.org", /* ours is a user name */
		"https://user@example.org",
		"https://ex\xd0\xb0mple.org", /* a Cyrillic letter */
		"https://xn--exmple-4nf.org",
		"https://example.org.",
		"https://example.org https://evil.org",
		"https://example.or",
		"example.org",
		"null",
		"same",
		"",
	};

	for (size_t i = 0; i < HC_ARRAY_LEN(others); i++) {
		cr_expect_not(is_allowed("https://example.org", others[i], "evil.org"), "%s",
			      others[i]);
		cr_expect_not(is_allowed("same", others[i], "example.org") &&
				      strcmp(others[i], "http://example.org") != 0,
			      "%s", others[i]);
	}
}

Test(origin, the_host_of_the_request_is_the_same)
{
	cr_expect(is_allowed("same", "https://example.org", "example.org"));
	cr_expect(is_allowed("same", "http://127.0.0.1:8080", "127.0.0.1:8080"));
	cr_expect_not(is_allowed("same", "http://127.0.0.1:8080", "127.0.0.1:8090"));
	cr_expect_not(is_allowed("same", "file://example.org", "example.org"));
	cr_expect_not(is_allowed("same", "https://", ""));
	cr_expect_not(is_allowed("same", "null", "null"));
}

Test(origin, a_star_is_any_and_an_empty_list_none)
{
	cr_expect(is_allowed("*", "null", ""));
	cr_expect(is_allowed("*", "https://example.org", ""));
	cr_expect_not(is_allowed("", "https://example.org", "example.org"));
}
