/* SPDX-License-Identifier: MIT */
/* UTF-8: table 3-7 of Unicode, every code point once, and what a display must not get. */
#include <criterion/criterion.h>

#include "proto/utf8.h"

#define MARK "\xef\xbf\xbd"

/* Encodes any number up to 1FFFFF, also those that are no characters. */
static size_t encode(char to[static 4], unsigned int code)
{
	if (code < 0x80) {
		to[0] = (char)code;
		return 1;
	}
	if (code < 0x800) {
		to[0] = (char)(0xc0 | code >> 6);
		to[1] = (char)(0x80 | (code & 0x3f));
		return 2;
	}
	if (code < 0x10000) {
		to[0] = (char)(0xe0 | code >> 12);
		to[1] = (char)(0x80 | (code >> 6 & 0x3f));
		to[2] = (char)(0x80 | (code & 0x3f));
		return 3;
	}
	to[0] = (char)(0xf0 | code >> 18);
	to[1] = (char)(0x80 | (code >> 12 & 0x3f));
	to[2] = (char)(0x80 | (code >> 6 & 0x3f));
	to[3] = (char)(0x80 | (code & 0x3f));
	return 4;
}

Test(utf8, every_scalar_value_is_valid_and_nothing_else)
{
	char text[4];

	for (unsigned int code = 0; code < 0x120000; code++) {
		bool is_scalar = code <= 0x10ffff && !(code >= 0xd800 && code <= 0xdfff);
		struct hc_str s = { text, encode(text, code) };

		cr_assert_eq(hc_utf8_valid(s), is_scalar, "U+%04X", code);
		for (size_t len = 1; is_scalar && len < s.len; len++)
			cr_assert_not(hc_utf8_valid((struct hc_str){ text, len }),
				      "U+%04X cut at %zu", code, len);
	}
}

Test(utf8, malformed_sequences_are_told_wherever_they_stand)
{
	static const char *const cases[] = {
		"\x80",
		"\xbf",
		"\xc0\x80",
		"\xc1\xbf",
		"\xe0\x80\x80",
		"\xe0\x9f\xbf",
		"\xed\xa0\x80",
		"\xed\xbf\xbf",
		"\xf0\x80\x80\x80",
		"\xf0\x8f\xbf\xbf",
		"\xf4\x90\x80\x80",
		"\xf5\x80\x80\x80",
		"\xfe",
		"\xff",
		"\xc3",
		"\xc3(",
		"\xe2\x82",
		"\xe2(\xac",
		"\xe2\x82(",
		"\xf0\x9f\x98",
		"\xf0\x9f\x98\xc0",
	};
	char text[32];

	for (size_t i = 0; i < HC_ARRAY_LEN(cases); i++) {
		for (size_t lead = 0; lead < 17; lead++) {
			size_t len = strlen(cases[i]);

			memset(text, 'a', sizeof(text));
			memcpy(text + lead, cases[i], len);
			cr_expect_not(hc_utf8_valid((struct hc_str){ text, lead + len }),
				      "case %zu after %zu", i, lead);
			cr_expect_not(hc_utf8_valid((struct hc_str){ text, sizeof(text) }),
				      "case %zu after %zu, in text", i, lead);
		}
	}
}

Test(utf8, empty_text_is_valid)
{
	cr_expect(hc_utf8_valid(HC_STR("")));
	cr_expect(hc_utf8_valid((struct hc_str){ NULL, 0 }));
	cr_expect(hc_utf8_valid(HC_STR("a\0b")), "NUL is a character");
}

static bool is_banned(unsigned int code)
{
	static const unsigned int ranges[][2] = {
		{ 0, 0x1f },	    { 0x7f, 0x9f },	{ 0x200b, 0x200f }, { 0x202a, 0x202e },
		{ 0x2060, 0x2064 }, { 0x2066, 0x206f }, { 0xfeff, 0xfeff },
	};

	for (size_t i = 0; i < HC_ARRAY_LEN(ranges); i++) {
		if (code >= ranges[i][0] && code <= ranges[i][1])
			return true;
	}
	return false;
}

Test(utf8, every_character_is_shown_or_marked)
{
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer buffer = HC_BUFFER_NULL;
	char text[4];

	for (unsigned int code = 0; code <= 0x10ffff; code++) {
		struct hc_str s = { text, encode(text, code) }, clean;

		if (code >= 0xd800 && code <= 0xdfff)
			continue;
		hc_buffer_reset(&buffer);
		cr_assert_eq(hc_utf8_clean(&buffer, s), is_banned(code), "U+%04X", code);
		clean = (struct hc_str){ buffer.data, buffer.len };
		cr_assert(hc_str_equal(clean, is_banned(code) ? HC_STR(MARK) : s), "U+%04X", code);
	}
}

static const struct {
	struct hc_str text;
	const char *wanted;
} dirty[] = {
	{ { "", 0 }, "" },
	{ { "USB \xe2\x82\xac", 7 }, "USB \xe2\x82\xac" },
	{ { "a\xff"
	    "b",
	    3 },
	  "a" MARK "b" },
	{ { "\xe2\x82", 2 }, MARK MARK },
	{ { "\xe2\x82"
	    "A",
	    3 },
	  MARK MARK "A" },
	{ { "\xf0\x9f\x98", 3 }, MARK MARK MARK },
	{ { "\xed\xa0\x80", 3 }, MARK MARK MARK },
	{ { "x\0y", 3 }, "x" MARK "y" },
	{ { "\xe2\x80\xae"
	    "fdp.exe",
	    10 },
	  MARK "fdp.exe" },
	{ { "\xc2\x85", 2 }, MARK },
};

Test(utf8, malformed_bytes_get_one_mark_each)
{
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer buffer = HC_BUFFER_NULL;

	for (size_t i = 0; i < HC_ARRAY_LEN(dirty); i++) {
		struct hc_str wanted = hc_str(dirty[i].wanted);

		hc_buffer_reset(&buffer);
		cr_expect_eq(hc_utf8_clean(&buffer, dirty[i].text),
			     !hc_str_equal(dirty[i].text, wanted), "case %zu", i);
		cr_expect(hc_str_equal((struct hc_str){ buffer.data, buffer.len }, wanted),
			  "case %zu", i);
	}
}

Test(utf8, cleaned_into_fixed_memory_it_is_the_same_text)
{
	char fixed[64];

	for (size_t i = 0; i < HC_ARRAY_LEN(dirty); i++) {
		cr_expect_eq(hc_utf8_clean_fixed(fixed, sizeof(fixed), dirty[i].text),
			     strlen(dirty[i].wanted));
		cr_expect_str_eq(fixed, dirty[i].wanted);
	}
}

/*
 * For every size, and for random bytes: valid, a prefix of the whole, and never beyond its memory.
 */
Test(utf8, what_does_not_fit_is_cut_at_a_character)
{
	static const char euro[] = "\xe2\x82\xac--";
	unsigned int seed = 1;

	for (int round = 0; round < 2000; round++) {
		HC_CLEANUP(hc_buffer_deinit) struct hc_buffer whole = HC_BUFFER_NULL;
		char text[24], fixed[80];
		size_t size = (size_t)round % sizeof(fixed) + 1, len;

		for (size_t i = 0; i < sizeof(text); i++) {
			seed = seed * 1103515245u + 12345u;
			text[i] = euro[i % 5];
			if (seed >> 16 & 1)
				text[i] = (char)(seed >> 24);
		}
		(void)hc_utf8_clean(&whole, (struct hc_str){ text, sizeof(text) });
		memset(fixed, 'Z', sizeof(fixed));
		len = hc_utf8_clean_fixed(fixed, size, (struct hc_str){ text, sizeof(text) });
		cr_assert_lt(len, size);
		cr_assert_eq(fixed[len], '\0');
		cr_assert(size == sizeof(fixed) || fixed[size] == 'Z');
		cr_assert(hc_utf8_valid((struct hc_str){ fixed, len }));
		cr_assert_leq(len, whole.len);
		cr_assert_arr_eq(fixed, whole.data, len);
		cr_assert(len == whole.len || len + 4 >= size, "cut too early");
	}
}

/*
 * Cut anywhere, and the rest after it: what is valid begins well, what is not is seen in the end.
 */
Test(utf8, a_text_in_pieces_is_judged_as_in_one)
{
	static const char pool[] =
		"ab\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\xed\x9f\xbf\xf4\x8f\xbf\xbf";
	unsigned int seed = 7;

	for (int round = 0; round < 20000; round++) {
		char text[12];
		size_t done = 0, whole = 0, len = (size_t)round % sizeof(text) + 1;
		size_t from = seed % (sizeof(pool) - 1 - sizeof(text));
		bool begins = true;

		memcpy(text, pool + from, len);
		seed = seed * 1103515245u + 12345u;
		if (seed >> 16 & 1)
			text[seed % len] = (char)(seed >> 24);
		for (size_t end = 1; begins && end <= len; end++) {
			begins = hc_utf8_begins(&whole, (struct hc_str){ text + done, end - done });
			if (begins)
				done += whole;
			cr_assert(hc_utf8_valid((struct hc_str){ text, done }));
			cr_assert(!begins || end - done < 4, "more kept than a character has");
		}
		cr_assert_eq(begins && done == len, hc_utf8_valid((struct hc_str){ text, len }));
	}
}

Test(utf8, text_that_cannot_become_valid_is_refused_at_its_first_bad_byte)
{
	static const struct {
		const char *text;
		size_t good; /* bytes that may still become a character */
	} texts[] = {
		{ "\x80", 0 },
		{ "\xc0", 0 },
		{ "\xc1", 0 },
		{ "\xf5", 0 },
		{ "\xff", 0 },
		{ "\xc3\x28", 1 },
		{ "\xe0\x9f", 1 },
		{ "\xed\xa0", 1 },
		{ "\xf0\x8f", 1 },
		{ "\xf4\x90", 1 },
		{ "\xe2\x82\x28", 2 },
		{ "\xf0\x9f\x28", 2 },
		{ "\xf0\x9f\x98\xc0", 3 },
	};

	for (size_t i = 0; i < HC_ARRAY_LEN(texts); i++) {
		size_t whole = 99;

		cr_expect(hc_utf8_begins(&whole, (struct hc_str){ texts[i].text, texts[i].good }));
		cr_expect_eq(whole, 0);
		whole = 99;
		cr_expect_not(hc_utf8_begins(&whole,
					     (struct hc_str){ texts[i].text, texts[i].good + 1 }));
		cr_expect_eq(whole, 99, "set on failure");
	}
}
