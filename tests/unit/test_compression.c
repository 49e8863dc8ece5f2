/* SPDX-License-Identifier: MIT */
/* Compression: which offers are taken, and that inflating ends at the limit and at rubbish. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <zlib.h>

#include "tests/unit/hub.h"
#include "ws/fanout/compression.h"

static const struct {
	const char *offers;
	bool accepted;
} cases[] = {
	{ "permessage-deflate", true },
	{ "permessage-deflate; client_max_window_bits", true }, /* Chromium */
	{ "permessage-deflate;client_max_window_bits=10", true },
	{ "permessage-deflate; client_max_window_bits=\"15\"", true },
	{ "permessage-deflate; server_no_context_takeover; client_no_context_takeover", true },
	{ "permessage-deflate ; client_no_context_takeover ;client_max_window_bits = 8", true },
	{ "permessage-deflate; client_max_window_bits, permessage-deflate", true },
	{ "permessage-deflate; client_max_window_bits, x-other", true },
	{ "", false },
	{ "x-webkit-deflate-frame", false },
	{ "permessage-deflates", false },
	{ "Permessage-Deflate", false },
	{ "x-other, permessage-deflate", false },
	{ "permessage-deflate, permessage-deflate; client_max_window_bits", false },
	{ "permessage-deflate; server_max_window_bits=10", false },
	{ "permessage-deflate; server_max_window_bits", false },
	{ "permessage-deflate; server_max_window_bits=15", false },
	{ "permessage-deflate; client_max_window_bits=7", false },
	{ "permessage-deflate; client_max_window_bits=16", false },
	{ "permessage-deflate; client_max_window_bits=08", false },
	{ "permessage-deflate; client_max_window_bits=", false },
	{ "permessage-deflate; client_no_context_takeover=1", false },
	{ "permessage-deflate; client_no_context_takeover; client_no_context_takeover", false },
	{ "permessage-deflate; something", false },
	{ "permessage-deflate;", false },
	{ "permessage-deflate;;client_max_window_bits", false },
	{ ";,;=", false },
};

Test(compression, takes_offers_it_can_keep)
{
	for (size_t i = 0; i < HC_ARRAY_LEN(cases); i++)
		cr_expect_eq(hc_compression_accepts(hc_str(cases[i].offers)), cases[i].accepted,
			     "\"%s\"", cases[i].offers);
}

/* As a client does it: RFC 7692 section 7.2.1. */
static void deflate_text(struct hc_buffer *payload, const char *text, size_t len)
{
	z_stream zlib = { 0 };

	cr_assert_eq(deflateInit2(&zlib, 9, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY), Z_OK);
	cr_assert(hc_buffer_reserve(payload, len + 1000));
	zlib.next_in = (Bytef *)(uintptr_t)text;
	zlib.avail_in = (uInt)len;
	zlib.next_out = (Bytef *)payload->data;
	zlib.avail_out = (uInt)len + 1000;
	cr_assert_eq(deflate(&zlib, Z_SYNC_FLUSH), Z_OK);
	cr_assert_eq(zlib.avail_in, 0);
	payload->len = zlib.total_out - 4;
	(void)deflateEnd(&zlib);
}

static int inflate_into(struct hc_buffer *text, const struct hc_buffer *payload, size_t max)
{
	return hc_compression_inflate(text, (struct hc_str){ payload->data, payload->len }, max);
}

Test(compression, inflates_what_was_deflated_up_to_the_limit)
{
	static const size_t lens[] = { 0, 1, 2, 100, 4095, 4096, 4097, 8192, 65535, 65536 };
	char *text = malloc(65536);
	uint64_t state = 1;

	for (size_t i = 0; i < 65536; i++)
		text[i] = (char)(test_random(&state) % 7 ? 'a' : 'a' + test_random(&state) % 26);
	for (size_t i = 0; i < HC_ARRAY_LEN(lens); i++) {
		HC_CLEANUP(hc_buffer_deinit) struct hc_buffer payload = HC_BUFFER_NULL;
		HC_CLEANUP(hc_buffer_deinit) struct hc_buffer out = HC_BUFFER_NULL;

		deflate_text(&payload, text, lens[i]);
		cr_expect_eq(inflate_into(&out, &payload, lens[i]), 0, "%zu bytes", lens[i]);
		cr_assert_eq(out.len, lens[i]);
		if (!lens[i])
			continue;
		cr_expect_arr_eq(out.data, text, lens[i]);
		cr_expect_eq(inflate_into(&out, &payload, lens[i] - 1), HC_COMPRESSION_E_TOO_BIG,
			     "%zu bytes", lens[i]);
		cr_expect_eq(out.len, lens[i], "what was there before stays");
	}
	free(text);
}

Test(compression, a_bomb_costs_no_more_than_the_limit)
{
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer payload = HC_BUFFER_NULL;
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer out = HC_BUFFER_NULL;
	char *zeros = calloc(64, 1 << 20);

	deflate_text(&payload, zeros, (size_t)64 << 20);
	cr_assert_leq(payload.len, 70000);
	cr_expect_eq(inflate_into(&out, &payload, 65536), HC_COMPRESSION_E_TOO_BIG);
	cr_expect_eq(out.cap, 0);
	free(zeros);
}

Test(compression, rubbish_is_an_error_and_nothing_worse)
{
	uint64_t state = 88172645463325252;

	for (int round = 0; round < 3000; round++) {
		HC_CLEANUP(hc_buffer_deinit) struct hc_buffer out = HC_BUFFER_NULL;
		char bytes[64];
		size_t len = test_random(&state) % sizeof(bytes);
		int r;

		for (size_t i = 0; i < len; i++)
			bytes[i] = (char)test_random(&state);
		r = hc_compression_inflate(&out, (struct hc_str){ bytes, len }, 1000);
		cr_expect(r == 0 || r == HC_COMPRESSION_E_DATA || r == HC_COMPRESSION_E_TOO_BIG,
			  "%d", r);
		cr_expect_leq(out.len, 1000);
	}
}

Test(compression, a_text_that_is_cut_off_is_an_error)
{
	static const char text[] = "{\"action\":\"subscribe\",\"events\":[\"alert.*\",\"job.*\"]}";
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer payload = HC_BUFFER_NULL;

	deflate_text(&payload, text, sizeof(text) - 1);
	/* The last byte is the head of the empty block. */
	for (size_t len = 1; len < payload.len - 1; len++) {
		HC_CLEANUP(hc_buffer_deinit) struct hc_buffer out = HC_BUFFER_NULL;

		cr_expect_eq(
			hc_compression_inflate(&out, (struct hc_str){ payload.data, len }, 1000),
			HC_COMPRESSION_E_DATA, "%zu of %zu bytes", len, payload.len);
	}
}

/* The examples of RFC 7692 section 7.2.3. */
Test(compression, inflates_the_examples_of_the_rfc)
{
	static const struct hc_str payloads[] = {
		{ "\xf2\x48\xcd\xc9\xc9\x07\x00", 7 },
		{ "\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00", 11 },
		{ "\xf3\x48\xcd\xc9\xc9\x07\x00\x00", 8 },
		{ "\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00", 13 },
	};

	for (size_t i = 0; i < HC_ARRAY_LEN(payloads); i++) {
		HC_CLEANUP(hc_buffer_deinit) struct hc_buffer out = HC_BUFFER_NULL;

		cr_expect_eq(hc_compression_inflate(&out, payloads[i], 5), 0, "example %zu", i);
		cr_expect(hc_str_is((struct hc_str){ out.data, out.len }, "Hello"), "example %zu",
			  i);
	}
}
