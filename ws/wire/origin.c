/* SPDX-License-Identifier: MIT */
#include "ws/wire/origin.h"

static bool strip(struct hc_str *text, const char *prefix)
{
	size_t len = strlen(prefix);

	if (text->len <= len || memcmp(text->s, prefix, len) != 0)
		return false;
	text->s += len;
	text->len -= len;
	return true;
}

static bool is_same_host(struct hc_str origin, struct hc_str host)
{
	return host.len && (strip(&origin, "https://") || strip(&origin, "http://")) &&
	       hc_str_equal(origin, host);
}

bool hc_origin_is_allowed(const struct hc_list *allowed, struct hc_str origin, struct hc_str host)
{
	for (size_t i = 0; i < allowed->n; i++) {
		const char *item = allowed->items[i];

		if (!strcmp(item, "*"))
			return true;
		if (strcmp(item, "same") ? hc_str_is(origin, item) : is_same_host(origin, host))
			return true;
	}
	return false;
}
