/* SPDX-License-Identifier: MIT */
/* JSON text in and out. */
#include <criterion/criterion.h>
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "proto/fault.h"
#include "proto/json.h"
#include "tests/unit/golden.h"

static bool text_is(const struct hc_buffer *buffer, const char *text)
{
	return hc_str_is((struct hc_str){ buffer->data, buffer->len }, text);
}

/* ---- reading ------------------------------------------------------------------------------ */

Test(json, a_fault_names_line_and_column)
{
	struct hc_fault fault = HC_FAULT_NULL;

	cr_assert_null(hc_json_parse(HC_STR("{\"a\": 1,\n \"b\": oops}"), &fault));
	cr_expect_eq(fault.code, HC_FAULT_MALFORMED);
	cr_expect(strstr(fault.message, "line 2"), "%s", fault.message);
	cr_expect(strstr(fault.message, "column"), "%s", fault.message);
}

Test(json, what_is_not_json_is_refused)
{
	static const struct hc_str texts[] = {
		{ NULL, 0 },
		{ "", 0 },
		{ "   ", 3 },
		{ "{", 1 },
		{ "}", 1 },
		{ "{} ", 1 },
		{ "{}x", 3 },
		{ "{}{}", 4 },
		{ "[1,]", 4 },
		{ "{\"a\":1,}", 8 },
		{ "{a:1}", 5 },
		{ "{'a':1}", 7 },
		{ "[01]", 4 },
		{ "[+1]", 4 },
		{ "[.5]", 4 },
		{ "[1.]", 4 },
		{ "[NaN]", 5 },
		{ "[Infinity]", 10 },
		{ "[1e999]", 7 },
		{ "[9223372036854775808]", 21 },
		{ "[\"\t\"]", 5 },
		{ "[\"\xff\"]", 5 },
		{ "[\"\xc0\x80\"]", 6 },
		{ "[\"\\ud800\"]", 10 },
		{ "[\"\\x41\"]", 8 },
		{ "[\"\\u0000\"]", 10 },
		{ "{\"\\u0000\":1}", 12 },
		{ "[1]\0", 4 },
		{ "{\"a\":1,\"a\":1}", 13 },
		{ "{\"a\":1,\"\\u0061\":2}", 18 },
		{ "{\"o\":{\"a\":1,\"b\":2,\"a\":3}}", 25 },
		{ "\xef\xbb\xbf{}", 5 },
		{ "/**/{}", 6 },
	};

	for (size_t i = 0; i < HC_ARRAY_LEN(texts); i++) {
		struct hc_fault fault = HC_FAULT_NULL;

		cr_expect_null(hc_json_parse(texts[i], &fault), "taken: %.*s", (int)texts[i].len,
			       texts[i].s);
		cr_expect_eq(fault.code, HC_FAULT_MALFORMED);
		cr_expect_null(hc_json_parse(texts[i], NULL));
	}
}

Test(json, nesting_without_end_is_refused)
{
	static char text[1000000];
	struct hc_fault fault = HC_FAULT_NULL;

	memset(text, '[', sizeof(text));
	cr_expect_null(hc_json_parse((struct hc_str){ text, sizeof(text) }, &fault));
	cr_expect_eq(fault.code, HC_FAULT_MALFORMED);
}

Test(json, a_slice_ends_where_its_length_says)
{
	json_t *value = hc_json_parse((struct hc_str){ "[1, 2]garbage", 6 }, NULL);

	cr_assert(value);
	cr_expect_eq(json_array_size(value), 2);
	json_decref(value);
}

Test(json, packing_keeps_types_and_order)
{
	static const struct {
		const char *text;
		const char *hex;
	} rows[] = {
		{ "{}", "80" },
		{ "[]", "90" },
		{ "[null,true,false]", "93 c0 c3 c2" },
		{ "[0,127,128,65536]", "94 00 7f cc80 ce00010000" },
		{ "[-1,-32,-33,-129]", "94 ff e0 d0df d1ff7f" },
		{ "[9223372036854775807,-9223372036854775808]",
		  "92 cf7fffffffffffffff d38000000000000000" },
		{ "[1.0,-0.0,1e3]", "93 cb3ff0000000000000 cb8000000000000000 cb408f400000000000" },
		{ "{\"b\":1,\"a\":{\"z\":[\"\"]}}", "82 a162 01 a161 81 a17a 91 a0" },
		{ "[\"\\ud83d\\udcbe\\/\\n\"]", "91 a6 f09f92be 2f 0a" },
	};

	for (size_t i = 0; i < HC_ARRAY_LEN(rows); i++) {
		HC_CLEANUP(hc_buffer_deinit) struct hc_buffer got = HC_BUFFER_NULL;
		HC_CLEANUP(hc_buffer_deinit) struct hc_buffer wanted = HC_BUFFER_NULL;
		msgpack_packer pk = hc_codec_packer(&got);
		json_t *value = hc_json_parse(hc_str(rows[i].text), NULL);

		cr_assert(value, "%s", rows[i].text);
		hc_json_pack(&pk, value);
		golden_append_hex(&wanted, rows[i].hex);
		cr_expect(golden_equal(&got, &wanted), "%s", rows[i].text);
		json_decref(value);
	}
}

/* ---- writing ------------------------------------------------------------------------------ */

static void write_hex(struct hc_buffer *text, const char *hex)
{
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer bytes = HC_BUFFER_NULL;
	msgpack_object value;
	msgpack_zone zone;

	cr_assert(msgpack_zone_init(&zone, 4096));
	golden_append_hex(&bytes, hex);
	value = golden_unpack(&zone, &bytes);
	hc_json_write(text, &value);
	msgpack_zone_destroy(&zone);
}

Test(json, every_value_has_its_compact_text)
{
	static const struct {
		const char *hex;
		const char *text;
	} rows[] = {
		{ "c0", "null" },
		{ "c3", "true" },
		{ "c2", "false" },
		{ "00", "0" },
		{ "ff", "-1" },
		{ "d0 05", "5" },
		{ "cf ffffffffffffffff", "18446744073709551615" },
		{ "d3 8000000000000000", "-9223372036854775808" },
		{ "d3 7fffffffffffffff", "9223372036854775807" },
		{ "cb 4014000000000000", "5.0" },
		{ "cb 8000000000000000", "-0.0" },
		{ "cb 3fb999999999999a", "0.1" },
		{ "cb 7e37e43c8800759c", "1e+300" },
		{ "cb 3fbf9add3746f659", "0.1234567890123456" },
		{ "cb 3fd3333333333334", "0.30000000000000004" },
		{ "ca 3f000000", "0.5" },
		{ "ca 40a00000", "5.0" },
		{ "a0", "\"\"" },
		{ "a3 616263", "\"abc\"" },
		{ "90", "[]" },
		{ "80", "{}" },
		{ "93 01 90 80", "[1,[],{}]" },
		{ "82 a162 01 a161 91 c0", "{\"b\":1,\"a\":[null]}" },
		{ "81 a1 22 01", "{\"\\\"\":1}" },
	};

	for (size_t i = 0; i < HC_ARRAY_LEN(rows); i++) {
		HC_CLEANUP(hc_buffer_deinit) struct hc_buffer text = HC_BUFFER_NULL;

		write_hex(&text, rows[i].hex);
		cr_expect(text_is(&text, rows[i].text), "%s: %.*s", rows[i].hex, (int)text.len,
			  text.data);
	}
}

Test(json, every_double_reads_back_equal_and_as_a_double)
{
	static const double doubles[] = {
		0.0,
		-0.0,
		0.1,
		0.2,
		0.1 + 0.2,
		1.0 / 3.0,
		2.0 / 3.0,
		5.0,
		1e15,
		1e16,
		1e17,
		123456789012345680.0,
		1e21,
		1e22,
		1e23,
		1e300,
		1e-300,
		5e-324,
		DBL_MIN,
		DBL_MAX,
		DBL_EPSILON,
		-DBL_MAX,
		DBL_MIN / 3,
		M_PI,
		-M_E,
		1e-5,
		1e-4,
		0.3,
		1705314600.25,
		1700000000.123456,
		9007199254740993.0,
		4503599627370497.5,
		2.2250738585072011e-308,
	};

	for (size_t i = 0; i < HC_ARRAY_LEN(doubles); i++) {
		HC_CLEANUP(hc_buffer_deinit) struct hc_buffer text = HC_BUFFER_NULL;
		msgpack_object value = { .type = MSGPACK_OBJECT_FLOAT64, .via.f64 = doubles[i] };
		double back;
		json_t *read;

		hc_buffer_append(&text, "[", 1);
		hc_json_write(&text, &value);
		hc_buffer_append(&text, "]", 1);
		read = hc_json_parse((struct hc_str){ text.data, text.len }, NULL);
		cr_assert(read, "%.*s", (int)text.len, text.data);
		cr_expect(json_is_real(json_array_get(read, 0)), "%.*s", (int)text.len, text.data);
		back = json_real_value(json_array_get(read, 0));
		cr_expect(!memcmp(&back, &doubles[i], sizeof(back)), "%.*s", (int)text.len,
			  text.data);
		json_decref(read);
	}
}

Test(json, unsigned_integers_have_no_limit_but_64_bits)
{
	static const uint64_t numbers[] = { 0, 9, 10, 99, 100, UINT32_MAX, INT64_MAX, UINT64_MAX };

	for (size_t i = 0; i < HC_ARRAY_LEN(numbers); i++) {
		HC_CLEANUP(hc_buffer_deinit) struct hc_buffer text = HC_BUFFER_NULL;
		char wanted[32];

		snprintf(wanted, sizeof(wanted), "%llu", (unsigned long long)numbers[i]);
		hc_json_write_u64(&text, numbers[i]);
		cr_expect(text_is(&text, wanted), "%s", wanted);
	}
}

Test(json, strings_are_escaped_where_rfc_8259_wants_it)
{
	static const struct {
		struct hc_str in;
		const char *out;
	} rows[] = {
		{ { NULL, 0 }, "\"\"" },
		{ { "", 0 }, "\"\"" },
		{ { "\"", 1 }, "\"\\\"\"" },
		{ { "\\", 1 }, "\"\\\\\"" },
		{ { "a\nb\rc\td", 7 }, "\"a\\nb\\rc\\td\"" },
		{ { "\0", 1 }, "\"\\u0000\"" },
		{ { "a\0b", 3 }, "\"a\\u0000b\"" },
		{ { "\x1f\x7f", 2 }, "\"\\u001f\x7f\"" },
		{ { "\x01", 1 }, "\"\\u0001\"" },
		{ { "/<>&'", 5 }, "\"/<>&'\"" },
		{ { "\xf0\x9f\x92\xbe", 4 }, "\"\xf0\x9f\x92\xbe\"" },
		{ { "\"\"\"\"", 4 }, "\"\\\"\\\"\\\"\\\"\"" },
	};

	for (size_t i = 0; i < HC_ARRAY_LEN(rows); i++) {
		HC_CLEANUP(hc_buffer_deinit) struct hc_buffer text = HC_BUFFER_NULL;

		hc_json_write_str(&text, rows[i].in);
		cr_expect(text_is(&text, rows[i].out), "row %zu: %.*s", i, (int)text.len,
			  text.data);
	}
}

Test(json, every_character_of_one_byte_reads_back)
{
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer text = HC_BUFFER_NULL;
	char all[128];
	json_t *read;

	for (size_t i = 0; i < sizeof(all); i++)
		all[i] = (char)i;
	hc_buffer_append(&text, "[", 1);
	hc_json_write_str(&text, (struct hc_str){ all, sizeof(all) });
	hc_buffer_append(&text, "]", 1);
	read = json_loadb(text.data, text.len, JSON_ALLOW_NUL, NULL);
	cr_assert(read, "%.*s", (int)text.len, text.data);
	cr_expect(hc_str_equal(golden_str(json_array_get(read, 0)),
			       (struct hc_str){ all, sizeof(all) }));
	json_decref(read);
}
