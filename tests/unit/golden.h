/* SPDX-License-Identifier: MIT */
/*
 * The golden vectors of tests/data, as C reads them. What is in the files: tests/data/golden.py.
 */
#pragma once

#include <criterion/criterion.h>
#include <jansson.h>

#include "proto/codec.h"

/* The file's document; a text in it may contain NUL. Never NULL. */
static inline json_t *golden_load(const char *path)
{
	json_error_t error;
	json_t *document = json_load_file(path, JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES, &error);

	cr_assert(document, "%s, line %d: %s", path, error.line, error.text);
	return document;
}

static inline const char *golden_text(const json_t *vector, const char *key)
{
	const char *text = json_string_value(json_object_get(vector, key));

	cr_assert(text, "a vector has no \"%s\"", key);
	return text;
}

static inline struct hc_str golden_str(const json_t *text)
{
	return (struct hc_str){ json_string_value(text), json_string_length(text) };
}

static inline unsigned char golden_digit(char c)
{
	static const char digits[] = "0123456789abcdef";
	const char *found = c ? strchr(digits, c) : NULL;

	cr_assert(found, "'%c' is no hexadecimal digit", c);
	return (unsigned char)(found - digits);
}

/* Appends the bytes that @hex writes down; blanks between them are for the reader. */
static inline void golden_append_hex(struct hc_buffer *buffer, const char *hex)
{
	while (*hex) {
		unsigned char byte;

		if (*hex == ' ') {
			hex++;
			continue;
		}
		byte = (unsigned char)(golden_digit(hex[0]) << 4 | golden_digit(hex[1]));
		hc_buffer_append(buffer, &byte, 1);
		hex += 2;
	}
	cr_assert(!buffer->failed);
}

/* Unpacks bytes that must be one good value. */
static inline msgpack_object golden_unpack(msgpack_zone *zone, const struct hc_buffer *bytes)
{
	struct hc_codec_skim skim = { 0 };
	msgpack_object value;

	cr_assert_eq(hc_codec_skim(&skim, bytes->data, bytes->len, bytes->len), 0);
	cr_assert_eq(skim.pos, bytes->len);
	cr_assert_eq(hc_codec_unpack(&value, zone, bytes->data, bytes->len), 0);
	return value;
}

static inline bool golden_equal(const struct hc_buffer *a, const struct hc_buffer *b)
{
	return hc_str_equal((struct hc_str){ a->data, a->len }, (struct hc_str){ b->data, b->len });
}
