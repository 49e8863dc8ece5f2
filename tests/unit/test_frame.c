/* SPDX-License-Identifier: MIT */
/* Frames: the three forms of a length, and that nothing is masked. RFC 6455 section 5.2, 5.7. */
#include <criterion/criterion.h>

#include "ws/fanout/frame.h"

static const struct {
	uint64_t payload_len;
	enum hc_frame_opcode opcode;
	size_t len;
	unsigned char head[HC_FRAME_HEAD_MAX];
} heads[] = {
	{ 0, HC_FRAME_TEXT, 2, { 0x81, 0 } },
	{ 5, HC_FRAME_TEXT, 2, { 0x81, 5 } },
	{ 5, HC_FRAME_CLOSE, 2, { 0x88, 5 } },
	{ 125, HC_FRAME_TEXT, 2, { 0x81, 125 } },
	{ 126, HC_FRAME_TEXT, 4, { 0x81, 126, 0, 126 } },
	{ 256, HC_FRAME_TEXT, 4, { 0x81, 126, 1, 0 } },
	{ 65535, HC_FRAME_TEXT, 4, { 0x81, 126, 0xff, 0xff } },
	{ 65536, HC_FRAME_TEXT, 10, { 0x81, 127, 0, 0, 0, 0, 0, 1, 0, 0 } },
	{ UINT64_C(0x0123456789abcdef),
	  HC_FRAME_TEXT,
	  10,
	  { 0x81, 127, 0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef } },
};

Test(frame, the_head_has_the_shortest_form_of_the_length)
{
	for (size_t i = 0; i < HC_ARRAY_LEN(heads); i++) {
		unsigned char head[HC_FRAME_HEAD_MAX] = { 0 };
		size_t len = hc_frame_head(head, heads[i].opcode, heads[i].payload_len);

		cr_expect_eq(len, heads[i].len, "%llu", (unsigned long long)heads[i].payload_len);
		cr_expect_arr_eq(head, heads[i].head, sizeof(head), "%llu",
				 (unsigned long long)heads[i].payload_len);
	}
}

Test(frame, the_text_follows_its_head_as_it_is)
{
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer buffer = HC_BUFFER_NULL;

	hc_frame_append(&buffer, HC_STR("Hello")); /* the RFC's own example */
	hc_frame_append(&buffer, HC_STR(""));
	cr_assert_eq(buffer.len, 9);
	cr_expect_arr_eq(buffer.data, "\x81\x05Hello\x81\x00", 9);
}

Test(frame, a_close_frame_has_the_code_and_the_reason)
{
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer buffer = HC_BUFFER_NULL;

	hc_frame_append_close(&buffer, 4008, HC_STR("slow"));
	hc_frame_append_close(&buffer, 1000, HC_STR(""));
	cr_assert_eq(buffer.len, 12);
	cr_expect_arr_eq(buffer.data, "\x88\x06\x0f\xa8slow\x88\x02\x03\xe8", 12);
}

Test(frame, a_reason_that_is_too_long_is_cut)
{
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer buffer = HC_BUFFER_NULL;
	char reason[200];

	memset(reason, 'r', sizeof(reason));
	hc_frame_append_close(&buffer, 1000, (struct hc_str){ reason, sizeof(reason) });
	cr_assert_eq(buffer.len, 2 + 125);
	cr_expect_eq(buffer.data[1], 125);
}

Test(frame, a_close_frame_without_a_code_is_empty)
{
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer buffer = HC_BUFFER_NULL;

	hc_frame_append_close(&buffer, 0, HC_STR("not said"));
	cr_assert_eq(buffer.len, 2);
	cr_expect_arr_eq(buffer.data, "\x88\x00", 2);
}

Test(frame, a_close_is_answered_with_its_code_or_with_what_is_wrong_with_it)
{
	static const struct {
		unsigned int first, last, answer; /* 0: the code itself */
	} ranges[] = {
		{ 0, 999, 1002 },     { 1000, 1003, 0 }, { 1004, 1006, 1002 },	{ 1007, 1014, 0 },
		{ 1015, 2999, 1002 }, { 3000, 4999, 0 }, { 5000, 65535, 1002 },
	};

	for (size_t i = 0; i < HC_ARRAY_LEN(ranges); i++) {
		for (unsigned int code = ranges[i].first; code <= ranges[i].last; code++) {
			char payload[] = { (char)(code >> 8), (char)code, 'o', 'k', '\xff' };
			unsigned int answer = ranges[i].answer ? ranges[i].answer : code;

			cr_assert_eq(hc_frame_close_answer((struct hc_str){ payload, 2 }), answer);
			cr_assert_eq(hc_frame_close_answer((struct hc_str){ payload, 4 }), answer);
			cr_assert_eq(hc_frame_close_answer((struct hc_str){ payload, 5 }),
				     ranges[i].answer ? 1002 : 1007);
		}
	}
	cr_expect_eq(hc_frame_close_answer(HC_STR("")), 0);
	cr_expect_eq(hc_frame_close_answer(HC_STR("\x03")), 1002);
}
