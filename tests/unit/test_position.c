/* SPDX-License-Identifier: MIT */
/* Positions: strict reading, exact writing. */
#include <criterion/criterion.h>

#include "proto/position.h"

#define EPOCH "0123456789abcdef"

Test(position, what_is_written_reads_back)
{
	static const uint64_t sequences[] = { 0, 1, 9, 10, 18446744073709551615ull, 1ull << 53 };

	for (size_t i = 0; i < HC_ARRAY_LEN(sequences); i++) {
		struct hc_position position = { 0 };
		char text[HC_POSITION_MAX];
		size_t len = hc_position_format(text, EPOCH, sequences[i]);

		cr_expect_eq(len, strlen(text));
		cr_expect(hc_position_parse(&position, hc_str(text)), "%s", text);
		cr_expect_str_eq(position.epoch, EPOCH);
		cr_expect_eq(position.sequence, sequences[i], "%s", text);
	}
}

Test(position, has_the_documented_form)
{
	char text[HC_POSITION_MAX];

	cr_expect_eq(hc_position_format(text, EPOCH, 42), 19);
	cr_expect_str_eq(text, EPOCH "-42");
	cr_expect_eq(hc_position_format(text, EPOCH, UINT64_MAX), 37);
	cr_expect_str_eq(text, EPOCH "-18446744073709551615");
}

Test(position, anything_else_is_rejected)
{
	static const char *const cases[] = {
		"",
		"-",
		"1",
		EPOCH,
		EPOCH "-",
		EPOCH "--1",
		EPOCH "-+1",
		EPOCH "- 1",
		EPOCH "-1 ",
		EPOCH "-01",
		EPOCH "-00",
		EPOCH "-1x",
		EPOCH "-0x1",
		EPOCH "-18446744073709551616",
		EPOCH "-99999999999999999999",
		EPOCH "-184467440737095516150",
		EPOCH "1-1",
		EPOCH "_1",
		"0123456789ABCDEF-1",
		"0123456789abcdeg-1",
		"0123456789abcde-1",
		" " EPOCH "-1",
	};
	struct hc_position position = { "untouched", 7 };

	for (size_t i = 0; i < HC_ARRAY_LEN(cases); i++)
		cr_expect_not(hc_position_parse(&position, hc_str(cases[i])), "\"%s\"", cases[i]);
	cr_expect_not(hc_position_parse(&position, HC_STR("0123456789abcde\0-1")));
	cr_expect_not(hc_position_parse(&position, (struct hc_str){ NULL, 0 }));
	cr_expect_str_eq(position.epoch, "untouched");
	cr_expect_eq(position.sequence, 7);
}

Test(position, epochs_are_random_and_well_formed)
{
	char epochs[64][HC_EPOCH_LEN + 1];
	struct hc_position position;
	char text[HC_POSITION_MAX];

	for (size_t i = 0; i < HC_ARRAY_LEN(epochs); i++) {
		hc_epoch_random(epochs[i]);
		cr_assert_eq(strlen(epochs[i]), HC_EPOCH_LEN);
		(void)hc_position_format(text, epochs[i], 1);
		cr_expect(hc_position_parse(&position, hc_str(text)), "%s", text);
		for (size_t j = 0; j < i; j++)
			cr_expect_str_neq(epochs[i], epochs[j]);
	}
}
