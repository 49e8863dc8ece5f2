/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>

#include "proto/log.h"
#include "ws/fanout/endpoint.h"

/* One path that leads to an endpoint: its own or an alias. */
struct way {
	char *path; /* owned */
	struct hc_endpoint *endpoint;
	bool is_sse;
};

struct hc_endpoints {
	unsigned int n_refs;
	char *prefix;
	struct hc_endpoint *items;
	size_t n;
	struct way *ways; /* the most specific first */
	size_t n_ways;
};

/* ---- paths -------------------------------------------------------------------------------- */

/* Takes the next segment off the front of @rest, which begins with "/". */
static struct hc_str next_segment(struct hc_str *rest)
{
	struct hc_str segment = { rest->s + 1, 0 };

	while (segment.len < rest->len - 1 && segment.s[segment.len] != '/')
		segment.len++;
	rest->s += segment.len + 1;
	rest->len -= segment.len + 1;
	return segment;
}

static bool matches(struct hc_str pattern, struct hc_str path, struct hc_str *ret_user)
{
	while (pattern.len && path.len && path.s[0] == '/') {
		struct hc_str wanted = next_segment(&pattern), given = next_segment(&path);

		if (wanted.s[0] == '{' && given.len)
			*ret_user = given;
		else if (!hc_str_equal(wanted, given))
			return false;
	}
	return !pattern.len && !path.len;
}

/* How many segments are before the one in braces; SIZE_MAX if none is. */
static size_t n_literal(const char *path)
{
	struct hc_str rest = hc_str(path);

	for (size_t n = 0; rest.len; n++)
		if (next_segment(&rest).s[0] == '{')
			return n;
	return SIZE_MAX;
}

/*
 * Whose braces come later is first. Paths of other lengths are ordered as well, although no request
 * could be for both: a sort needs to know the order of any two.
 */
static int compare_ways(const void *a, const void *b)
{
	size_t x = n_literal(((const struct way *)a)->path);
	size_t y = n_literal(((const struct way *)b)->path);

	return x == y ? 0 : x > y ? -1 : 1;
}

bool hc_endpoints_find(struct hc_route *ret, struct hc_endpoints *endpoints, struct hc_str path)
{
	size_t prefix_len = strlen(endpoints->prefix);

	if (path.len < prefix_len || memcmp(path.s, endpoints->prefix, prefix_len) != 0)
		return false;
	path.s += prefix_len;
	path.len -= prefix_len;
	for (size_t i = 0; i < endpoints->n_ways; i++) {
		const struct way *way = &endpoints->ways[i];
		struct hc_route route = { .endpoint = way->endpoint, .is_sse = way->is_sse };

		if (!matches(hc_str(way->path), path, &route.user))
			continue;
		*ret = route;
		return true;
	}
	return false;
}

/* ---- from the configuration ---------------------------------------------------------------- */

static struct hc_filter filter_of(const char *path, const struct hc_list *patterns,
				  const struct hc_types *types)
{
	struct hc_filter filter = HC_FILTER_NONE;

	for (size_t i = 0; i < patterns->n; i++)
		if (!hc_filter_add_pattern(&filter, types, hc_str(patterns->items[i])))
			hc_warn("endpoint %s: no event type matches %s", path, patterns->items[i]);
	return filter;
}

static bool add_way(struct hc_endpoints *endpoints, struct hc_endpoint *endpoint, const char *path,
		    bool is_sse)
{
	struct way *way = &endpoints->ways[endpoints->n_ways];

	*way = (struct way){ strdup(path), endpoint, is_sse };
	if (!way->path)
		return false;
	if (!endpoint->path)
		endpoint->path = way->path; /* the first is its own */
	endpoints->n_ways++;
	return true;
}

static int add(struct hc_endpoints *endpoints, const struct hc_types *types,
	       const struct hc_conf_endpoint *conf)
{
	struct hc_endpoint *endpoint = &endpoints->items[endpoints->n++];

	*endpoint = (struct hc_endpoint){
		.all = endpoints,
		.encoding = { (enum hc_envelope)conf->envelope,
			      (enum hc_time_format)conf->timestamps },
		.auth = (enum hc_endpoint_auth)conf->auth,
		.start = (enum hc_endpoint_start)conf->start,
		.addressed = (enum hc_endpoint_addressed)conf->addressed,
		.events = filter_of(conf->path, &conf->events, types),
		.always = filter_of(conf->path, &conf->always, types),
	};
	if (!add_way(endpoints, endpoint, conf->path, false))
		return -ENOMEM;
	for (size_t i = 0; i < conf->aliases.n; i++)
		if (!add_way(endpoints, endpoint, conf->aliases.items[i], false))
			return -ENOMEM;
	for (size_t i = 0; i < conf->sse.n; i++)
		if (!add_way(endpoints, endpoint, conf->sse.items[i], true))
			return -ENOMEM;
	return 0;
}

static int fill(struct hc_endpoints *endpoints, const struct hc_types *types,
		const struct hc_conf_endpoints *conf)
{
	size_t n_ways = conf->n;

	for (size_t i = 0; i < conf->n; i++)
		n_ways += conf->items[i].aliases.n + conf->items[i].sse.n;
	endpoints->items = calloc(conf->n + 1, sizeof(*endpoints->items));
	endpoints->ways = calloc(n_ways + 1, sizeof(*endpoints->ways));
	if (!endpoints->items || !endpoints->ways)
		return -ENOMEM;
	for (size_t i = 0; i < conf->n; i++)
		if (conf->items[i].enabled && add(endpoints, types, &conf->items[i]) < 0)
			return -ENOMEM;
	qsort(endpoints->ways, endpoints->n_ways, sizeof(*endpoints->ways), compare_ways);
	return 0;
}

int hc_endpoints_new(struct hc_endpoints **ret, const struct hc_types *types,
		     const struct hc_conf_endpoints *conf, const char *prefix)
{
	HC_CLEANUP(hc_endpoints_unrefp) struct hc_endpoints *endpoints = NULL;

	endpoints = calloc(1, sizeof(*endpoints));
	if (!endpoints)
		return -ENOMEM;
	endpoints->n_refs = 1;
	endpoints->prefix = strdup(prefix);
	if (!endpoints->prefix || fill(endpoints, types, conf) < 0)
		return -ENOMEM;
	*ret = hc_take(endpoints);
	return 0;
}

struct hc_endpoints *hc_endpoints_ref(struct hc_endpoints *endpoints)
{
	endpoints->n_refs++;
	return endpoints;
}

struct hc_endpoints *hc_endpoints_unref(struct hc_endpoints *endpoints)
{
	if (!endpoints || --endpoints->n_refs)
		return NULL;
	for (size_t i = 0; i < endpoints->n_ways; i++)
		free(endpoints->ways[i].path);
	free(endpoints->ways);
	free(endpoints->items);
	free(endpoints->prefix);
	free(endpoints);
	return NULL;
}

struct hc_endpoint *hc_endpoints_same(struct hc_endpoints *endpoints,
				      const struct hc_endpoint *other)
{
	for (size_t i = 0; i < endpoints->n; i++)
		if (!strcmp(endpoints->items[i].path, other->path))
			return &endpoints->items[i];
	return NULL;
}

void hc_endpoints_inherit(struct hc_endpoints *endpoints, const struct hc_endpoints *before)
{
	for (size_t i = 0; i < before->n; i++) {
		struct hc_endpoint *same = hc_endpoints_same(endpoints, &before->items[i]);

		if (same)
			same->n_opened = before->items[i].n_opened;
	}
}

size_t hc_endpoints_count(const struct hc_endpoints *endpoints)
{
	return endpoints->n;
}

struct hc_endpoint *hc_endpoints_at(struct hc_endpoints *endpoints, size_t index)
{
	return &endpoints->items[index];
}
