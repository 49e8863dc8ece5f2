/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdio.h>

#include "proto/cli/output.h"
#include "proto/json.h"
#include "proto/utf8.h"

#define INDENT 2 /* columns a level, as many as "- " has */
#define GAP    2 /* columns between two of a table */

/* ---- JSON --------------------------------------------------------------------------------- */

/*
 * JSON escapes U+0000 to U+001F itself. DEL and U+0080 to U+009F, among them the one-character CSI,
 * can only stand within its strings, so they may be escaped in the finished text.
 */
static void write_safely(struct hc_str json)
{
	for (size_t i = 0; i < json.len; i++) {
		unsigned char c = (unsigned char)json.s[i];
		unsigned char next = i + 1 < json.len ? (unsigned char)json.s[i + 1] : 0;

		if (c == 0x7f) {
			fputs("\\u007f", stdout);
		} else if (c == 0xc2 && next >= 0x80 && next < 0xa0) {
			printf("\\u%04x", next);
			i++;
		} else {
			putchar(c);
		}
	}
}

void hc_output_json(const msgpack_object *value)
{
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer text = HC_BUFFER_NULL;

	if (!hc_codec_check_json(value, NULL)) {
		fprintf(stderr, "hostcast: something that JSON cannot show was left out\n");
		return;
	}
	hc_json_write(&text, value);
	write_safely((struct hc_str){ text.data, text.len });
	putchar('\n');
}

/* ---- text --------------------------------------------------------------------------------- */

static void append_text(struct hc_buffer *line, const msgpack_object *value)
{
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer json = HC_BUFFER_NULL;

	if (value->type == MSGPACK_OBJECT_STR) {
		hc_utf8_clean(line, hc_object_str(value));
	} else if (hc_codec_check_json(value, NULL)) {
		hc_json_write(&json, value);
		hc_utf8_clean(line, (struct hc_str){ json.data, json.len });
	}
}

static void write_buffer(const struct hc_buffer *line)
{
	fwrite(line->data, 1, line->len, stdout);
}

void hc_output_text(struct hc_str text)
{
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer line = HC_BUFFER_NULL;

	hc_utf8_clean(&line, text);
	write_buffer(&line);
}

static void write_value(const msgpack_object *value)
{
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer line = HC_BUFFER_NULL;

	append_text(&line, value);
	write_buffer(&line);
}

/* ---- trees -------------------------------------------------------------------------------- */

static bool is_container(const msgpack_object *value)
{
	return (value->type == MSGPACK_OBJECT_MAP && value->via.map.size) ||
	       (value->type == MSGPACK_OBJECT_ARRAY && value->via.array.size);
}

static void write_tree(const msgpack_object *value, int indent, bool at_start);

/* @at_start: whether a line has begun already, with as many columns as @indent says. */
static void write_entry(const msgpack_object *key, const msgpack_object *value, int indent,
			bool at_start)
{
	if (!at_start)
		printf("%*s", indent, "");
	if (!key) {
		fputs("- ", stdout);
	} else {
		write_value(key);
		putchar(':');
	}
	if (is_container(value)) {
		if (key)
			putchar('\n');
		write_tree(value, indent + INDENT, !key);
		return;
	}
	if (key)
		putchar(' ');
	write_value(value);
	putchar('\n');
}

/* The depth is bounded by HC_CODEC_DEPTH_MAX. */
static void write_tree(const msgpack_object *value, int indent, bool at_start)
{
	if (value->type == MSGPACK_OBJECT_MAP)
		for (uint32_t i = 0; i < value->via.map.size; i++)
			write_entry(&value->via.map.ptr[i].key, &value->via.map.ptr[i].val, indent,
				    at_start && !i);
	else if (value->type == MSGPACK_OBJECT_ARRAY)
		for (uint32_t i = 0; i < value->via.array.size; i++)
			write_entry(NULL, &value->via.array.ptr[i], indent, at_start && !i);
}

void hc_output_tree(const msgpack_object *value)
{
	write_tree(value, 0, false);
}

/* ---- tables ------------------------------------------------------------------------------- */

/* Characters, which for names and paths is what they take on the screen. */
static size_t width_of(const struct hc_buffer *text)
{
	size_t width = 0;

	for (size_t i = 0; i < text->len; i++)
		width += ((unsigned char)text->data[i] & 0xc0) != 0x80;
	return width;
}

static void cell(struct hc_buffer *ret, const msgpack_object *row, const char *key)
{
	const msgpack_object *value = hc_map_get(row, key);

	hc_buffer_reset(ret);
	if (value)
		append_text(ret, value);
	if (!ret->len)
		hc_buffer_append(ret, "-", 1);
}

static void write_row(const msgpack_object *row, const struct hc_column *columns, size_t n_columns,
		      const size_t *widths)
{
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer text = HC_BUFFER_NULL;

	for (size_t i = 0; i < n_columns; i++) {
		if (row)
			cell(&text, row, columns[i].key);
		else
			hc_buffer_append_str(&text, hc_str(columns[i].title));
		write_buffer(&text);
		if (i + 1 < n_columns)
			printf("%*s", (int)(widths[i] - width_of(&text)) + GAP, "");
		hc_buffer_reset(&text);
	}
	putchar('\n');
}

void hc_output_table(const msgpack_object *rows, const struct hc_column *columns, size_t n_columns)
{
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer text = HC_BUFFER_NULL;
	size_t widths[HC_TABLE_COLUMNS_MAX] = { 0 };
	uint32_t n = rows && rows->type == MSGPACK_OBJECT_ARRAY ? rows->via.array.size : 0;

	for (size_t i = 0; i < n_columns; i++) {
		widths[i] = strlen(columns[i].title);
		for (uint32_t k = 0; k < n; k++) {
			cell(&text, &rows->via.array.ptr[k], columns[i].key);
			if (width_of(&text) > widths[i])
				widths[i] = width_of(&text);
		}
	}
	write_row(NULL, columns, n_columns, widths);
	for (uint32_t k = 0; k < n; k++)
		write_row(&rows->via.array.ptr[k], columns, n_columns, widths);
}

static struct hc_str text_at(const msgpack_object *map, const char *key)
{
	struct hc_str text = HC_STR("?");

	(void)hc_map_get_str(&text, map, key); /* the default stays */
	return text;
}

void hc_output_gap(const char *command, const msgpack_object *answer)
{
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer line = HC_BUFFER_NULL;

	if (!hc_map_get(answer, "reason"))
		return;
	hc_utf8_clean(&line, text_at(answer, "reason"));
	hc_buffer_append_str(&line, HC_STR("): "));
	hc_utf8_clean(&line, text_at(answer, "missed_from"));
	hc_buffer_append_str(&line, HC_STR(" to "));
	hc_utf8_clean(&line, text_at(answer, "missed_to"));
	fprintf(stderr, "hostcast %s: events are missing here (%.*s\n", command, (int)line.len,
		line.data);
}
