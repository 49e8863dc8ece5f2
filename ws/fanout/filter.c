/* SPDX-License-Identifier: MIT */
#include "proto/pattern.h"
#include "ws/fanout/filter.h"

static void add(struct hc_filter *filter, const struct hc_type *type)
{
	filter->bits[type->index / 64] |= UINT64_C(1) << type->index % 64;
}

size_t hc_filter_add_pattern(struct hc_filter *filter, const struct hc_types *types,
			     struct hc_str pattern)
{
	size_t n = 0;

	for (size_t i = 0; i < hc_types_count(types); i++) {
		const struct hc_type *type = hc_types_at(types, i);

		if (!hc_pattern_matches(pattern, hc_str(type->name)))
			continue;
		add(filter, type);
		n++;
	}
	return n;
}

size_t hc_filter_add_channel(struct hc_filter *filter, const struct hc_types *types,
			     struct hc_str channel)
{
	size_t n = 0;

	for (size_t i = 0; i < hc_types_count(types); i++) {
		const struct hc_type *type = hc_types_at(types, i);

		if (!hc_str_is(channel, type->channel))
			continue;
		add(filter, type);
		n++;
	}
	return n;
}

void hc_filter_intersect(struct hc_filter *filter, const struct hc_filter *other)
{
	for (size_t i = 0; i < HC_FILTER_WORDS; i++)
		filter->bits[i] &= other->bits[i];
}

void hc_filter_unite(struct hc_filter *filter, const struct hc_filter *other)
{
	for (size_t i = 0; i < HC_FILTER_WORDS; i++)
		filter->bits[i] |= other->bits[i];
}

bool hc_filter_equal(const struct hc_filter *a, const struct hc_filter *b)
{
	return !memcmp(a->bits, b->bits, sizeof(a->bits));
}
