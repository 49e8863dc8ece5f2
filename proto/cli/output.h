/* SPDX-License-Identifier: MIT */
/*
 * Output: the hub's answers as JSON lines for programs, as trees and tables for people.
 *
 * What an event says comes from anybody. So nothing written here can move a terminal's cursor or
 * change its colours: JSON has such characters escaped, other text has them replaced.
 */
#pragma once

#include "proto/codec.h"

#define HC_TABLE_COLUMNS_MAX 8

/** hc_output_json() - one line of JSON */
void hc_output_json(const msgpack_object *value);

/** hc_output_tree() - a map as "key: value" lines, what is inside it indented */
void hc_output_tree(const msgpack_object *value);

/** hc_output_text() - text in one line, cleaned */
void hc_output_text(struct hc_str text);

/** hc_output_gap() - say on stderr what @answer tells to be missing; nothing if nothing is */
void hc_output_gap(const char *command, const msgpack_object *answer);

/** struct hc_column - a column of a table */
struct hc_column {
	const char *title;
	const char *key; /* of the row's map */
};

/**
 * hc_output_table() - rows of maps under titles, the columns as wide as they need
 * @rows: an array of maps; anything else is an empty table
 */
void hc_output_table(const msgpack_object *rows, const struct hc_column *columns, size_t n_columns);
