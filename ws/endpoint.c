/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>

#include "ws/endpoint.h"

static const struct hc_endpoint shipped[] = {
	{
		.path = "/ws/events",
		.patterns = { "*" },
		.encoding = { HC_ENVELOPE_STANDARD, HC_TIME_RFC3339 },
		.start = HC_START_ALL,
	},
	{
		.path = "/ws/tasks",
		.patterns = { "task.*" },
		.encoding = { HC_ENVELOPE_SPREAD, HC_TIME_RFC3339 },
		.start = HC_START_ALL,
	},
	{
		.path = "/ws/device",
		.patterns = { "device.status" },
		.encoding = { HC_ENVELOPE_SPREAD, HC_TIME_RFC3339 },
		.start = HC_START_SNAPSHOT,
	},
	{
		.path = "/ws/detection",
		.patterns = { "detection.*" },
		.encoding = { HC_ENVELOPE_DATA, HC_TIME_RFC3339 },
		.start = HC_START_ALL,
	},
	{
		.path = "/ws/status",
		.patterns = { "detector.status", "backend.status", "component.status" },
		.encoding = { HC_ENVELOPE_DATA, HC_TIME_RFC3339 },
		.start = HC_START_SNAPSHOT,
	},
};

struct hc_endpoints {
	char *prefix;
	size_t n;
	struct hc_endpoint items[HC_ARRAY_LEN(shipped)];
};

int hc_endpoints_new(struct hc_endpoints **ret, const struct hc_types *types, const char *prefix)
{
	HC_CLEANUP(hc_endpoints_freep) struct hc_endpoints *endpoints = NULL;

	endpoints = calloc(1, sizeof(*endpoints));
	if (!endpoints)
		return -ENOMEM;
	endpoints->prefix = strdup(prefix);
	if (!endpoints->prefix)
		return -ENOMEM;
	for (size_t i = 0; i < HC_ARRAY_LEN(shipped); i++) {
		struct hc_endpoint *endpoint = &endpoints->items[endpoints->n++];

		*endpoint = shipped[i];
		for (size_t j = 0; endpoint->patterns[j]; j++)
			(void)hc_filter_add_pattern(&endpoint->filter, types,
						    hc_str(endpoint->patterns[j]));
	}
	*ret = hc_take(endpoints);
	return 0;
}

struct hc_endpoints *hc_endpoints_free(struct hc_endpoints *endpoints)
{
	if (!endpoints)
		return NULL;
	free(endpoints->prefix);
	free(endpoints);
	return NULL;
}

struct hc_endpoint *hc_endpoints_find(struct hc_endpoints *endpoints, struct hc_str path)
{
	size_t prefix_len = strlen(endpoints->prefix);

	if (path.len < prefix_len || memcmp(path.s, endpoints->prefix, prefix_len) != 0)
		return NULL;
	path.s += prefix_len;
	path.len -= prefix_len;
	for (size_t i = 0; i < endpoints->n; i++)
		if (hc_str_is(path, endpoints->items[i].path))
			return &endpoints->items[i];
	return NULL;
}

size_t hc_endpoints_count(const struct hc_endpoints *endpoints)
{
	return endpoints->n;
}

struct hc_endpoint *hc_endpoints_at(struct hc_endpoints *endpoints, size_t index)
{
	return &endpoints->items[index];
}
