/* SPDX-License-Identifier: MIT */
/*
 * Values of options: text into numbers and words, and numbers back into the text a person would
 * write.
 *
 *   size      4096  64K  8M  1G       bytes; K, M, G are powers of 1024
 *   duration  10  500ms  10s  2m  1h  7d  a bare number is seconds
 */
#pragma once

#include "proto/base.h"

/** struct hc_list - words of a list option, split at spaces and commas */
struct hc_list {
	char **items; /* owned */
	size_t n;
};

#define HC_VALUE_TEXT_MAX 24 /* bytes with the NUL: 20 digits and a unit */

/* Each reads the whole text and nothing but; *ret is set only when true is returned. */
bool hc_value_number(uint64_t *ret, const char *text);
bool hc_value_bytes(uint64_t *ret, const char *text);
bool hc_value_duration(uint64_t *ret_ms, const char *text);

/* In the largest unit that divides the value: 65536 is "64K", 90000 ms is "90s". */
void hc_value_format_bytes(char ret[static HC_VALUE_TEXT_MAX], uint64_t bytes);
void hc_value_format_duration(char ret[static HC_VALUE_TEXT_MAX], uint64_t ms);

/** hc_list_append() - split @text at spaces and commas, copy the words; 0 or -ENOMEM */
int hc_list_append(struct hc_list *list, const char *text);

/** hc_list_deinit() - free the words; the list is then empty and usable again */
void hc_list_deinit(struct hc_list *list);
