/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>

#include "proto/base64url.h"

Test(base64url, bytes_become_text_and_back)
{
	/* RFC 4648 section 10 without the padding, and the two characters of this alphabet. */
	static const struct {
		struct hc_str bytes;
		const char *text;
	} cases[] = {
		{ HC_STR(""), "" },
		{ HC_STR("f"), "Zg" },
		{ HC_STR("fo"), "Zm8" },
		{ HC_STR("foo"), "Zm9v" },
		{ HC_STR("foob"), "Zm9vYg" },
		{ HC_STR("fooba"), "Zm9vYmE" },
		{ HC_STR("foobar"), "Zm9vYmFy" },
		{ HC_STR("\xfb\xff\xfe"), "-__-" },
		{ HC_STR("\0\0"), "AAA" },
	};

	for (size_t i = 0; i < HC_ARRAY_LEN(cases); i++) {
		char text[16], bytes[16];
		ssize_t len = hc_base64url_decode(bytes, hc_str(cases[i].text));

		hc_base64url_encode(text, cases[i].bytes.s, cases[i].bytes.len);
		cr_expect_str_eq(text, cases[i].text);
		cr_expect_eq(strlen(text), HC_BASE64URL_LEN(cases[i].bytes.len));
		cr_assert_geq(len, 0, "%s", cases[i].text);
		cr_expect(hc_str_equal((struct hc_str){ bytes, (size_t)len }, cases[i].bytes), "%s",
			  cases[i].text);
	}
}

Test(base64url, any_other_text_is_refused)
{
	static const struct hc_str wrong[] = {
		HC_STR("Z"),
		HC_STR("Zg=="),
		HC_STR("Zg="),
		HC_STR("Zm9vY"),
		HC_STR("Zh"),
		HC_STR("Zm9"),
		HC_STR("Zm9v "),
		HC_STR("Zm9v\n"),
		HC_STR("Zm+v"),
		HC_STR("Zm/v"),
		HC_STR("Zm\0v"),
		HC_STR("Zm.v"),
		HC_STR("\xff\xff\xff\xff"),
	};
	char bytes[16];

	for (size_t i = 0; i < HC_ARRAY_LEN(wrong); i++)
		cr_expect_eq(hc_base64url_decode(bytes, wrong[i]), -1, "%s", wrong[i].s);
}

Test(base64url, there_is_one_text_only_for_the_same_bytes)
{
	static const char all[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	size_t n_taken = 0;

	for (size_t i = 0; i < sizeof(all) - 1; i++) {
		char text[] = { 'Z', all[i] }, byte;

		n_taken += hc_base64url_decode(&byte, (struct hc_str){ text, 2 }) == 1;
	}
	cr_expect_eq(n_taken, 4, "two characters have 12 bits, of which 8 count");
}
