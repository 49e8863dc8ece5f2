/* SPDX-License-Identifier: MIT */
#include "conf/value.h"
#include "proto/cli/filter.h"
#include "proto/pattern.h"

const char *hc_cli_filter_add(struct hc_cli_filter *filter, const char *pattern)
{
	if (!hc_pattern_check(hc_str(pattern), NULL))
		return "is not a pattern: *, job.* or job.progress";
	if (filter->n_patterns == HC_FILTER_PATTERNS_MAX)
		return "is one pattern too many";
	filter->patterns[filter->n_patterns++] = pattern;
	return NULL;
}

uint32_t hc_cli_filter_size(const struct hc_cli_filter *filter)
{
	return !!filter->position + !!filter->n_patterns;
}

void hc_cli_filter_pack(const struct hc_cli_filter *filter, msgpack_packer *pk, const char *key)
{
	uint64_t sequence;

	if (filter->position && hc_value_number(&sequence, filter->position))
		hc_pack_u64_at(pk, key, sequence);
	else if (filter->position)
		hc_pack_str_at(pk, key, hc_str(filter->position));
	if (!filter->n_patterns)
		return;
	hc_pack_key(pk, "types");
	msgpack_pack_array(pk, filter->n_patterns);
	for (uint32_t i = 0; i < filter->n_patterns; i++)
		hc_pack_str(pk, hc_str(filter->patterns[i]));
}
