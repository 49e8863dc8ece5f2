/* SPDX-License-Identifier: MIT */
/*
 * JSON text in and out.
 *
 * Strings are copied in runs between the characters that RFC 8259 section 7 wants escaped; a number
 * that is whole stays whole (5.0 is written "5.0"), and every double is written so that it reads
 * back equal.
 */
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "proto/fault.h"
#include "proto/json.h"

/*
 * Whether an allocation of jansson has failed. It goes on in some places where one does, and loses
 * a byte of a text, or calls the text invalid: so what it says then does not count.
 */
static _Thread_local bool is_out_of_memory;

static void *allocate(size_t size)
{
	void *memory = malloc(size);

	is_out_of_memory |= !memory;
	return memory;
}

json_t *hc_json_parse(struct hc_str text, struct hc_fault *fault)
{
	json_error_t error;
	json_t *value;

	json_set_alloc_funcs(allocate, free); /* what was allocated before is freed as well */
	is_out_of_memory = false;
	value = json_loadb(text.s ? text.s : "", text.len, JSON_REJECT_DUPLICATES, &error);
	if (is_out_of_memory) {
		json_decref(value);
		hc_fault_set(fault, HC_FAULT_INTERNAL, "out of memory");
		return NULL;
	}
	if (!value)
		hc_fault_set(fault, HC_FAULT_MALFORMED, "not JSON: %s, line %d, column %d",
			     error.text, error.line, error.column);
	return value;
}

static void pack_object(msgpack_packer *pk, const json_t *value)
{
	const char *key;
	json_t *member;

	msgpack_pack_map(pk, json_object_size(value));
	json_object_foreach((json_t *)value, key, member)
	{
		hc_pack_key(pk, key);
		hc_json_pack(pk, member);
	}
}

static void pack_array(msgpack_packer *pk, const json_t *value)
{
	msgpack_pack_array(pk, json_array_size(value));
	for (size_t i = 0; i < json_array_size(value); i++)
		hc_json_pack(pk, json_array_get(value, i));
}

void hc_json_pack(msgpack_packer *pk, const json_t *value)
{
	switch (json_typeof(value)) {
	case JSON_OBJECT:
		pack_object(pk, value);
		break;
	case JSON_ARRAY:
		pack_array(pk, value);
		break;
	case JSON_STRING:
		hc_pack_str(pk,
			    (struct hc_str){ json_string_value(value), json_string_length(value) });
		break;
	case JSON_INTEGER:
		msgpack_pack_int64(pk, json_integer_value(value));
		break;
	case JSON_REAL:
		msgpack_pack_double(pk, json_real_value(value));
		break;
	case JSON_TRUE:
		msgpack_pack_true(pk);
		break;
	case JSON_FALSE:
		msgpack_pack_false(pk);
		break;
	case JSON_NULL:
		msgpack_pack_nil(pk);
		break;
	}
}

static void append_escape(struct hc_buffer *buffer, unsigned char c)
{
	static const char hex[] = "0123456789abcdef";
	char escape[6] = { '\\', (char)c, '0', '0', 0, 0 };
	size_t len = 2;

	switch (c) {
	case '\n':
		escape[1] = 'n';
		break;
	case '\r':
		escape[1] = 'r';
		break;
	case '\t':
		escape[1] = 't';
		break;
	case '"':
	case '\\':
		break;
	default:
		escape[1] = 'u';
		escape[4] = hex[c >> 4];
		escape[5] = hex[c & 15];
		len = 6;
	}
	hc_buffer_append(buffer, escape, len);
}

void hc_json_write_str(struct hc_buffer *buffer, struct hc_str text)
{
	size_t run = 0;

	hc_buffer_append(buffer, "\"", 1);
	for (size_t i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.s[i];

		if (c >= 0x20 && c != '"' && c != '\\')
			continue;
		hc_buffer_append(buffer, text.s + run, i - run);
		append_escape(buffer, c);
		run = i + 1;
	}
	if (run < text.len) /* text.s is NULL for the empty text of msgpack-c */
		hc_buffer_append(buffer, text.s + run, text.len - run);
	hc_buffer_append(buffer, "\"", 1);
}

void hc_json_write_u64(struct hc_buffer *buffer, uint64_t value)
{
	char digits[20]; /* 2^64 - 1 has 20 */
	size_t i = sizeof(digits);

	do {
		digits[--i] = (char)('0' + value % 10);
		value /= 10;
	} while (value);
	hc_buffer_append(buffer, digits + i, sizeof(digits) - i);
}

static void write_i64(struct hc_buffer *buffer, int64_t value)
{
	if (value < 0)
		hc_buffer_append(buffer, "-", 1);
	hc_json_write_u64(buffer, value < 0 ? -(uint64_t)value : (uint64_t)value);
}

/* With as few digits as read back equal, so that what was 0.1234567890123456 stays that. */
static void write_double(struct hc_buffer *buffer, double value)
{
	char text[32];
	int len, digits = DBL_DIG;

	do
		len = snprintf(text, sizeof(text), "%.*g", digits, value);
	while (digits++ < DBL_DECIMAL_DIG && strtod(text, NULL) != value);
	hc_buffer_append(buffer, text, (size_t)len);
	if (!strpbrk(text, ".e"))
		hc_buffer_append(buffer, ".0", 2);
}

static void write_array(struct hc_buffer *buffer, const msgpack_object_array *array)
{
	hc_buffer_append(buffer, "[", 1);
	for (uint32_t i = 0; i < array->size; i++) {
		if (i)
			hc_buffer_append(buffer, ",", 1);
		hc_json_write(buffer, &array->ptr[i]);
	}
	hc_buffer_append(buffer, "]", 1);
}

static void write_map(struct hc_buffer *buffer, const msgpack_object_map *map)
{
	hc_buffer_append(buffer, "{", 1);
	for (uint32_t i = 0; i < map->size; i++) {
		if (i)
			hc_buffer_append(buffer, ",", 1);
		hc_json_write_str(buffer, hc_object_str(&map->ptr[i].key));
		hc_buffer_append(buffer, ":", 1);
		hc_json_write(buffer, &map->ptr[i].val);
	}
	hc_buffer_append(buffer, "}", 1);
}

void hc_json_write(struct hc_buffer *buffer, const msgpack_object *value)
{
	switch (value->type) {
	case MSGPACK_OBJECT_BOOLEAN:
		hc_buffer_append_str(buffer, value->via.boolean ? HC_STR("true") : HC_STR("false"));
		break;
	case MSGPACK_OBJECT_POSITIVE_INTEGER:
		hc_json_write_u64(buffer, value->via.u64);
		break;
	case MSGPACK_OBJECT_NEGATIVE_INTEGER:
		write_i64(buffer, value->via.i64);
		break;
	case MSGPACK_OBJECT_FLOAT32:
	case MSGPACK_OBJECT_FLOAT64:
		write_double(buffer, value->via.f64);
		break;
	case MSGPACK_OBJECT_STR:
		hc_json_write_str(buffer, hc_object_str(value));
		break;
	case MSGPACK_OBJECT_ARRAY:
		write_array(buffer, &value->via.array);
		break;
	case MSGPACK_OBJECT_MAP:
		write_map(buffer, &value->via.map);
		break;
	default: /* nil; anything binary has been refused by hc_codec_check_json() */
		hc_buffer_append_str(buffer, HC_STR("null"));
	}
}
