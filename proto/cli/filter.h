/* SPDX-License-Identifier: MIT */
/*
 * Which events are wanted: the options that events and follow have in common.
 */
#pragma once

#include "proto/codec.h"

#define HC_FILTER_PATTERNS_MAX 64

struct hc_cli_filter {
	const char *position; /* NULL: from the beginning, or from now */
	const char *patterns[HC_FILTER_PATTERNS_MAX];
	uint32_t n_patterns;
};

/** hc_cli_filter_add() - take one pattern; NULL if it is one, else why it is not taken */
const char *hc_cli_filter_add(struct hc_cli_filter *filter, const char *pattern);

/** hc_cli_filter_size() - entries that hc_cli_filter_pack() adds to a map */
uint32_t hc_cli_filter_size(const struct hc_cli_filter *filter);

/** hc_cli_filter_pack() - pack "types", and the position under @key as the number or text that it
 * is */
void hc_cli_filter_pack(const struct hc_cli_filter *filter, msgpack_packer *pk, const char *key);
