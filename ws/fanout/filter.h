/* SPDX-License-Identifier: MIT */
/*
 * A filter: which event types somebody gets, one bit a type, worked out once from patterns and
 * channels. Every event is of a registered type, so matching is a bit test.
 */
#pragma once

#include "proto/types.h"

#define HC_FILTER_WORDS (HC_TYPES_MAX / 64)

struct hc_filter {
	uint64_t bits[HC_FILTER_WORDS];
};

#define HC_FILTER_NONE ((struct hc_filter){ 0 })

static inline bool hc_filter_has(const struct hc_filter *filter, const struct hc_type *type)
{
	return filter->bits[type->index / 64] >> type->index % 64 & 1;
}

/** hc_filter_add_pattern() - let the types through that @pattern matches; returns how many it
 * matches */
size_t hc_filter_add_pattern(struct hc_filter *filter, const struct hc_types *types,
			     struct hc_str pattern);

/** hc_filter_add_channel() - let the types of a channel through; returns how many it has */
size_t hc_filter_add_channel(struct hc_filter *filter, const struct hc_types *types,
			     struct hc_str channel);

/** hc_filter_intersect() - keep only what @other lets through too */
void hc_filter_intersect(struct hc_filter *filter, const struct hc_filter *other);

/** hc_filter_unite() - let through what @other lets through, too */
void hc_filter_unite(struct hc_filter *filter, const struct hc_filter *other);

bool hc_filter_equal(const struct hc_filter *a, const struct hc_filter *b);
