/* SPDX-License-Identifier: MIT */
/* Skimming, unpacking, what JSON can show, and the helpers for maps. */
#include <criterion/criterion.h>
#include <errno.h>

#include "proto/codec.h"
#include "proto/fault.h"
#include "tests/unit/golden.h"

/* ---- skimming ----------------------------------------------------------------------------- */

static const struct {
	const char *hex;
	size_t body_len; /* bytes that follow those */
} values[] = {
	{ "c0", 0 },
	{ "c2", 0 },
	{ "c3", 0 },
	{ "00", 0 },
	{ "7f", 0 },
	{ "e0", 0 },
	{ "ff", 0 },
	{ "cc", 1 },
	{ "cd", 2 },
	{ "ce", 4 },
	{ "cf", 8 },
	{ "d0", 1 },
	{ "d1", 2 },
	{ "d2", 4 },
	{ "d3", 8 },
	{ "ca", 4 },
	{ "cb", 8 },
	{ "a0", 0 },
	{ "a1", 1 },
	{ "bf", 31 },
	{ "d9 00", 0 },
	{ "d9 ff", 255 },
	{ "da 0000", 0 },
	{ "da 0100", 256 },
	{ "db 00000000", 0 },
	{ "db 00010000", 65536 },
	{ "c4 00", 0 },
	{ "c4 ff", 255 },
	{ "c5 0100", 256 },
	{ "c6 00010000", 65536 },
	{ "d4 05", 1 },
	{ "d5 05", 2 },
	{ "d6 05", 4 },
	{ "d7 05", 8 },
	{ "d8 05", 16 },
	{ "c7 00 05", 0 },
	{ "c7 ff 05", 255 },
	{ "c8 0100 05", 256 },
	{ "c9 00010000 05", 65536 },
	{ "90", 0 },
	{ "80", 0 },
	{ "dc 0000", 0 },
	{ "dd 00000000", 0 },
	{ "de 0000", 0 },
	{ "df 00000000", 0 },
	{ "91 c0", 0 },
	{ "81 a0 c0", 0 },
	{ "9f", 15 },
	{ "8f", 30 },
	{ "dc 0100", 256 },
	{ "dd 00000100", 256 },
	{ "de 0100", 512 },
	{ "df 00000100", 512 },
};

static void append_value(struct hc_buffer *bytes, size_t i)
{
	golden_append_hex(bytes, values[i].hex);
	/* 0x20 is an integer where a value is wanted, a blank where text is. */
	memset(hc_buffer_reserve(bytes, values[i].body_len + 1), 0x20, values[i].body_len);
	bytes->len += values[i].body_len;
}

Test(codec, skim_finds_the_end_of_every_kind_of_value)
{
	for (size_t i = 0; i < HC_ARRAY_LEN(values); i++) {
		HC_CLEANUP(hc_buffer_deinit) struct hc_buffer bytes = HC_BUFFER_NULL;
		struct hc_codec_skim skim = { 0 };
		size_t len;

		append_value(&bytes, i);
		len = bytes.len;
		hc_buffer_append_str(&bytes, HC_STR("\xc1 more"));
		cr_expect_eq(hc_codec_skim(&skim, bytes.data, bytes.len, 1 << 20), 0, "%s",
			     values[i].hex);
		cr_expect_eq(skim.pos, len, "%s: %zu bytes", values[i].hex, skim.pos);
	}
}

Test(codec, skim_goes_on_where_the_bytes_ended)
{
	for (size_t i = 0; i < HC_ARRAY_LEN(values); i++) {
		HC_CLEANUP(hc_buffer_deinit) struct hc_buffer bytes = HC_BUFFER_NULL;
		struct hc_codec_skim skim = { 0 };

		append_value(&bytes, i);
		if (bytes.len > 1024)
			continue; /* the long ones differ in nothing but their length */
		for (size_t len = 0; len < bytes.len; len++)
			cr_assert_eq(hc_codec_skim(&skim, bytes.data, len, 1 << 20),
				     HC_CODEC_E_MORE, "%s, %zu bytes", values[i].hex, len);
		cr_expect_eq(hc_codec_skim(&skim, bytes.data, bytes.len, 1 << 20), 0);
		cr_expect_eq(skim.pos, bytes.len);
	}
}

Test(codec, skim_walks_a_value_that_trickles_in_only_once)
{
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer bytes = HC_BUFFER_NULL;
	struct hc_codec_skim skim = { 0 };
	size_t before = 0;

	golden_append_hex(&bytes, "93 a161 92 01 02 a3616263");
	for (size_t len = 1; len < bytes.len; len++) {
		(void)hc_codec_skim(&skim, bytes.data, len, bytes.len);
		cr_expect_geq(skim.pos, before);
		before = skim.pos;
	}
	cr_expect_eq(before, 6, "the head of the text behind the array: %zu", before);
}

Test(codec, skim_refuses_the_byte_that_is_not_msgpack)
{
	static const char *const hexes[] = { "c1", "91 c1", "81 c1 00", "81 00 c1", "92 90 c1" };

	for (size_t i = 0; i < HC_ARRAY_LEN(hexes); i++) {
		HC_CLEANUP(hc_buffer_deinit) struct hc_buffer bytes = HC_BUFFER_NULL;
		struct hc_codec_skim skim = { 0 };

		golden_append_hex(&bytes, hexes[i]);
		cr_expect_eq(hc_codec_skim(&skim, bytes.data, bytes.len, 100), HC_CODEC_E_INVALID,
			     "%s", hexes[i]);
	}
}

Test(codec, skim_refuses_an_announced_length_at_once)
{
	static const char *const hexes[] = {
		"dd ffffffff", "dd 10000000", "df ffffffff", "df 80000000", "db ffffffff",
		"c6 ffffffff", "c9 ffffffff", "db 00000060", "d9 63",	    "dc 0063",
		"de 0031",     "c7 62 05",    "92 90 d9 61",
	};

	for (size_t i = 0; i < HC_ARRAY_LEN(hexes); i++) {
		HC_CLEANUP(hc_buffer_deinit) struct hc_buffer bytes = HC_BUFFER_NULL;
		struct hc_codec_skim skim = { 0 };

		golden_append_hex(&bytes, hexes[i]);
		cr_expect_eq(hc_codec_skim(&skim, bytes.data, bytes.len, 100), HC_CODEC_E_LIMIT,
			     "%s", hexes[i]);
	}
}

Test(codec, a_value_may_be_exactly_as_long_as_the_limit)
{
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer bytes = HC_BUFFER_NULL;
	struct hc_codec_skim skim = { 0 };

	golden_append_hex(&bytes, "93 a3616263 c0 cd0102");
	cr_expect_eq(hc_codec_skim(&skim, bytes.data, bytes.len, bytes.len), 0);
	for (size_t len_max = 1; len_max < bytes.len; len_max++) {
		skim = (struct hc_codec_skim){ 0 };
		cr_expect_eq(hc_codec_skim(&skim, bytes.data, bytes.len, len_max), HC_CODEC_E_LIMIT,
			     "%zu", len_max);
	}
}

static int skim_nested(unsigned char head, size_t levels, const char *innermost)
{
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer bytes = HC_BUFFER_NULL;
	struct hc_codec_skim skim = { 0 };

	for (size_t i = 0; i < levels; i++) {
		hc_buffer_append(&bytes, &head, 1);
		if (head == 0x81)
			hc_buffer_append(&bytes, "", 1); /* the key 0 */
	}
	golden_append_hex(&bytes, innermost);
	return hc_codec_skim(&skim, bytes.data, bytes.len, 1 << 20);
}

Test(codec, the_depth_limit_counts_empty_containers_too)
{
	cr_expect_eq(skim_nested(0x91, HC_CODEC_DEPTH_MAX, "c0"), 0);
	cr_expect_eq(skim_nested(0x81, HC_CODEC_DEPTH_MAX, "c0"), 0);
	cr_expect_eq(skim_nested(0x91, HC_CODEC_DEPTH_MAX - 1, "90"), 0);
	cr_expect_eq(skim_nested(0x91, HC_CODEC_DEPTH_MAX + 1, "c0"), HC_CODEC_E_LIMIT);
	cr_expect_eq(skim_nested(0x81, HC_CODEC_DEPTH_MAX + 1, "c0"), HC_CODEC_E_LIMIT);
	cr_expect_eq(skim_nested(0x91, HC_CODEC_DEPTH_MAX, "90"), HC_CODEC_E_LIMIT);
	cr_expect_eq(skim_nested(0x81, HC_CODEC_DEPTH_MAX, "80"), HC_CODEC_E_LIMIT);
	cr_expect_eq(skim_nested(0x91, HC_CODEC_DEPTH_MAX, "dd 00000000"), HC_CODEC_E_LIMIT);
}

Test(codec, a_value_beyond_a_limit_stays_beyond_it)
{
	static const char *const hexes[] = { "dd ffffffff", "c1" };

	for (size_t i = 0; i < HC_ARRAY_LEN(hexes); i++) {
		HC_CLEANUP(hc_buffer_deinit) struct hc_buffer bytes = HC_BUFFER_NULL;
		struct hc_codec_skim skim = { 0 };
		int r;

		for (size_t n = 0; n < HC_CODEC_DEPTH_MAX; n++)
			golden_append_hex(&bytes, "91");
		golden_append_hex(&bytes, hexes[i]);
		golden_append_hex(&bytes, "c0 c0 c0 c0 c0 c0");
		r = hc_codec_skim(&skim, bytes.data, bytes.len, 100);
		cr_expect_neq(r, 0);
		cr_expect_eq(hc_codec_skim(&skim, bytes.data, bytes.len, 100), r, "%s", hexes[i]);
	}
}

Test(codec, the_values_of_a_frame_are_counted_over_all_its_containers)
{
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer bytes = HC_BUFFER_NULL;
	struct hc_codec_skim skim = { 0 };
	size_t n_inner = HC_CODEC_ELEMENTS_MAX / 4;

	/* n arrays of three: n + 3 n values */
	golden_append_hex(&bytes, "dc 4000");
	cr_assert_eq(n_inner, 0x4000);
	for (size_t i = 0; i < n_inner; i++)
		golden_append_hex(&bytes, "93 c0 c0 c0");
	cr_expect_eq(hc_codec_skim(&skim, bytes.data, bytes.len, 1 << 20), 0);
	bytes.data[bytes.len - 4] = (char)0x94;
	hc_buffer_append(&bytes, "\xc0", 1);
	skim = (struct hc_codec_skim){ 0 };
	cr_expect_eq(hc_codec_skim(&skim, bytes.data, bytes.len, 1 << 20), HC_CODEC_E_LIMIT);
}

/* ---- unpacking ---------------------------------------------------------------------------- */

struct fixture {
	msgpack_zone zone;
	struct hc_buffer bytes;
	msgpack_object value;
};

static void setup(struct fixture *f, const char *hex)
{
	*f = (struct fixture){ 0 };
	cr_assert(msgpack_zone_init(&f->zone, 4096));
	golden_append_hex(&f->bytes, hex);
	f->value = golden_unpack(&f->zone, &f->bytes);
}

static void teardown(struct fixture *f)
{
	msgpack_zone_destroy(&f->zone);
	hc_buffer_deinit(&f->bytes);
}

Test(codec, bytes_behind_the_value_are_refused)
{
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer bytes = HC_BUFFER_NULL;
	msgpack_object value;
	msgpack_zone zone;

	cr_assert(msgpack_zone_init(&zone, 4096));
	golden_append_hex(&bytes, "92 01 02 c0");
	cr_expect_eq(hc_codec_unpack(&value, &zone, bytes.data, 3), 0);
	cr_expect_eq(hc_codec_unpack(&value, &zone, bytes.data, 4), HC_CODEC_E_INVALID);
	cr_expect_eq(hc_codec_unpack(&value, &zone, bytes.data, 2), HC_CODEC_E_INVALID);
	msgpack_zone_destroy(&zone);
}

Test(codec, strings_point_into_the_bytes)
{
	struct fixture f;

	setup(&f, "a3 616263");
	cr_expect_eq(f.value.via.str.ptr, f.bytes.data + 1);
	teardown(&f);
}

Test(codec, msgpack_c_takes_whatever_the_skimmer_lets_through)
{
	for (size_t i = 0; i < HC_ARRAY_LEN(values); i++) {
		HC_CLEANUP(hc_buffer_deinit) struct hc_buffer bytes = HC_BUFFER_NULL;
		msgpack_object value;
		msgpack_zone zone;

		cr_assert(msgpack_zone_init(&zone, 4096));
		append_value(&bytes, i);
		cr_expect_eq(hc_codec_unpack(&value, &zone, bytes.data, bytes.len), 0, "%s",
			     values[i].hex);
		msgpack_zone_destroy(&zone);
	}
}

/* ---- what JSON can show ------------------------------------------------------------------- */

Test(codec, values_that_json_has_are_shown)
{
	static const char *const hexes[] = {
		"c0",
		"c2",
		"cf ffffffffffffffff",
		"d3 8000000000000000",
		"cb 3fb999999999999a",
		"ca 3f000000",
		"a0",
		"a4 f09f92be",
		"a1 00",
		"90",
		"80",
		"82 a161 01 a162 82 a161 01 a162 02",
	};

	for (size_t i = 0; i < HC_ARRAY_LEN(hexes); i++) {
		struct hc_fault fault = HC_FAULT_NULL;
		struct fixture f;

		setup(&f, hexes[i]);
		cr_expect(hc_codec_check_json(&f.value, &fault), "%s: %s", hexes[i], fault.message);
		cr_expect_eq(fault.code, HC_FAULT_NONE);
		teardown(&f);
	}
}

Test(codec, values_that_json_has_not_are_refused_with_their_place)
{
	static const struct {
		const char *hex;
		const char *pointer;
	} rows[] = {
		{ "c4 01 00", "" },			    /* binary */
		{ "d4 05 00", "" },			    /* extension */
		{ "d7 ff 0000000000000000", "" },	    /* a timestamp is an extension */
		{ "cb 7ff8000000000000", "" },		    /* NaN */
		{ "cb 7ff0000000000000", "" },		    /* infinity */
		{ "cb fff0000000000000", "" },		    /* minus infinity */
		{ "ca 7f800000", "" },			    /* infinity of 32 bits */
		{ "a1 ff", "" },			    /* not UTF-8 */
		{ "a2 c080", "" },			    /* an overlong NUL */
		{ "a3 eda080", "" },			    /* a surrogate */
		{ "a4 f4908080", "" },			    /* above U+10FFFF */
		{ "81 01 01", "" },			    /* a key that is a number */
		{ "81 c0 01", "" },			    /* a key of nil */
		{ "81 c4 01 61 01", "" },		    /* a binary key */
		{ "81 a1 ff 01", "" },			    /* a key that is not UTF-8 */
		{ "82 a161 01 a161 01", "/a" },		    /* a key twice */
		{ "82 a0 01 a0 01", "/" },		    /* the empty key twice */
		{ "93 01 02 c4 00", "/2" },		    /* inside an array */
		{ "81 a161 c4 00", "/a" },		    /* inside a map */
		{ "81 a161 92 01 81 a162 a1ff", "/a/1/b" }, /* further inside */
		{ "81 a3 612f62 81 a3 617e62 c400", "/a~1b/a~0b" },
	};

	for (size_t i = 0; i < HC_ARRAY_LEN(rows); i++) {
		struct hc_fault fault = HC_FAULT_NULL;
		struct fixture f;

		setup(&f, rows[i].hex);
		cr_expect_not(hc_codec_check_json(&f.value, &fault), "%s: shown", rows[i].hex);
		cr_expect_eq(fault.code, HC_FAULT_MALFORMED, "%s", rows[i].hex);
		cr_expect_str_eq(fault.pointer, rows[i].pointer, "%s: at \"%s\"", rows[i].hex,
				 fault.pointer);
		cr_expect_not(hc_codec_check_json(&f.value, NULL), "%s: no fault wanted",
			      rows[i].hex);
		teardown(&f);
	}
}

static bool check_map_of(size_t n_keys, size_t last_key, char pointer[static 16])
{
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer bytes = HC_BUFFER_NULL;
	msgpack_packer pk = hc_codec_packer(&bytes);
	struct hc_fault fault = HC_FAULT_NULL;
	msgpack_object value;
	msgpack_zone zone;
	bool ok;

	msgpack_pack_map(&pk, n_keys);
	for (size_t i = 0; i < n_keys; i++) {
		char key[24];

		snprintf(key, sizeof(key), "%zu", i + 1 < n_keys ? i : last_key);
		hc_pack_u64_at(&pk, key, i);
	}
	cr_assert(msgpack_zone_init(&zone, 4096));
	value = golden_unpack(&zone, &bytes);
	ok = hc_codec_check_json(&value, &fault);
	snprintf(pointer, 16, "%.15s", fault.pointer);
	msgpack_zone_destroy(&zone);
	return ok;
}

Test(codec, a_key_that_stands_twice_is_found_in_maps_of_any_size)
{
	static const size_t sizes[] = { 2, 3, 23, 24, 25, 26, 100, 30000 };
	char pointer[16];

	for (size_t i = 0; i < HC_ARRAY_LEN(sizes); i++) {
		cr_expect(check_map_of(sizes[i], sizes[i] - 1, pointer), "%zu", sizes[i]);
		cr_expect_not(check_map_of(sizes[i], 0, pointer), "%zu", sizes[i]);
		cr_expect_str_eq(pointer, "/0", "%zu", sizes[i]);
		if (sizes[i] < 3)
			continue;
		cr_expect_not(check_map_of(sizes[i], 1, pointer), "%zu", sizes[i]);
		cr_expect_str_eq(pointer, "/1", "%zu", sizes[i]);
	}
}

/* ---- maps and packing --------------------------------------------------------------------- */

/* {"s": "text", "n": 5, "neg": -5, "t": true, "f": false, "nil": nil, "": "", 7: 1, "m": {}} */
#define MAP \
	"89 a173 a474657874 a16e 05 a36e6567 fb a174 c3 a166 c2 a36e696c c0 a0 a0 07 01 " \
	"a16d 80"

Test(codec, a_map_gives_its_values)
{
	struct hc_str text = { 0 };
	bool yes = false, no = true;
	uint64_t n = 0;
	struct fixture f;

	setup(&f, MAP);
	cr_expect(hc_map_get_str(&text, &f.value, "s") && hc_str_is(text, "text"));
	cr_expect(hc_map_get_str(&text, &f.value, "") && hc_str_is(text, ""));
	cr_expect(hc_map_get_u64(&n, &f.value, "n") && n == 5);
	cr_expect(hc_map_get_bool(&yes, &f.value, "t") && yes);
	cr_expect(hc_map_get_bool(&no, &f.value, "f") && !no);
	cr_expect_eq(hc_map_get(&f.value, "m")->type, MSGPACK_OBJECT_MAP);
	teardown(&f);
}

Test(codec, a_lookup_that_fails_touches_nothing)
{
	static const char *const keys[] = { "absent", "nil", "m", "neg", "S", "7" };
	struct hc_str text = HC_STR("before");
	uint64_t n = 77;
	bool yes = true;
	struct fixture f;

	setup(&f, MAP);
	for (size_t i = 0; i < HC_ARRAY_LEN(keys); i++) {
		cr_expect_not(hc_map_get_str(&text, &f.value, keys[i]), "%s", keys[i]);
		cr_expect_not(hc_map_get_u64(&n, &f.value, keys[i]), "%s", keys[i]);
		cr_expect_not(hc_map_get_bool(&yes, &f.value, keys[i]), "%s", keys[i]);
	}
	cr_expect_not(hc_map_get_u64(&n, &f.value, "s"));
	cr_expect_not(hc_map_get_str(&text, &f.value, "n"));
	cr_expect_not(hc_map_get_bool(&yes, &f.value, "n"));
	cr_expect(hc_str_is(text, "before"));
	cr_expect_eq(n, 77);
	cr_expect(yes);
	teardown(&f);
}

Test(codec, nil_and_absent_are_the_same)
{
	struct fixture f;

	setup(&f, MAP);
	cr_expect_null(hc_map_get(&f.value, "nil"));
	cr_expect_null(hc_map_get(&f.value, "absent"));
	teardown(&f);
}

Test(codec, what_is_no_map_has_no_keys)
{
	static const char *const hexes[] = { "c0", "90", "92 a173 01", "a173", "05" };

	for (size_t i = 0; i < HC_ARRAY_LEN(hexes); i++) {
		struct fixture f;

		setup(&f, hexes[i]);
		cr_expect_null(hc_map_get(&f.value, "s"), "%s", hexes[i]);
		teardown(&f);
	}
}

Test(codec, packing_gives_the_shortest_form)
{
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer got = HC_BUFFER_NULL;
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer wanted = HC_BUFFER_NULL;
	msgpack_packer pk = hc_codec_packer(&got);

	hc_pack_str_at(&pk, "k", HC_STR("v"));
	hc_pack_str_at(&pk, "k", (struct hc_str){ NULL, 0 });
	hc_pack_u64_at(&pk, "k", 127);
	hc_pack_u64_at(&pk, "k", 128);
	hc_pack_u64_at(&pk, "k", UINT32_MAX);
	hc_pack_u64_at(&pk, "k", UINT64_MAX);
	hc_pack_bool_at(&pk, "k", true);
	hc_pack_bool_at(&pk, "k", false);
	golden_append_hex(&wanted, "a16b a176  a16b a0  a16b 7f  a16b cc80  a16b ceffffffff"
				   "a16b cfffffffffffffffff  a16b c3  a16b c2");
	cr_expect(golden_equal(&got, &wanted));
}

Test(codec, packing_in_order_makes_equal_what_differs_in_order_only)
{
	static const struct {
		const char *hex, *wanted;
	} rows[] = {
		{ "c0", "c0" },
		{ "80", "80" },
		{ "90", "90" },
		{ "82 a162 01 a161 02", "82 a161 02 a162 01" },
		{ "83 a162 01 a0 02 a26161 03", "83 a0 02 a26161 03 a162 01" },
		{ "92 82 a162 80 a161 90 01", "92 82 a161 90 a162 80 01" }, /* arrays stay */
		{ "81 a16d 82 a178 92 02 01 a161 c3", "81 a16d 82 a161 c3 a178 92 02 01" },
		{ "82 d90162 ce00000001 a161 cb3ff0000000000000",
		  "82 a161 cb3ff0000000000000 a162 01" }, /* the shortest form, but for 1.0 */
	};

	for (size_t i = 0; i < HC_ARRAY_LEN(rows); i++) {
		HC_CLEANUP(hc_buffer_deinit) struct hc_buffer got = HC_BUFFER_NULL;
		HC_CLEANUP(hc_buffer_deinit) struct hc_buffer wanted = HC_BUFFER_NULL;
		msgpack_packer pk = hc_codec_packer(&got);
		struct fixture f;

		setup(&f, rows[i].hex);
		hc_pack_sorted(&pk, &f.value);
		golden_append_hex(&wanted, rows[i].wanted);
		cr_expect(golden_equal(&got, &wanted), "%s", rows[i].hex);
		teardown(&f);
	}
}
