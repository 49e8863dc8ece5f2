/* SPDX-License-Identifier: MIT */
/*
 * The table is small and a request costs a system call or ten: a walk over all rows is the index.
 */
#include "fcgi/router.h"

/* Cuts the next segment off a pattern that begins with a slash. */
static struct hc_str next_segment(const char **pattern)
{
	struct hc_str segment = { *pattern + 1, strcspn(*pattern + 1, "/") };

	*pattern = segment.s + segment.len;
	return segment;
}

static bool is_param(struct hc_str segment)
{
	return segment.len > 2 && segment.s[0] == '{';
}

/* Returns how many segments were words, plus one; 0 if the path does not match. */
static size_t try_pattern(struct hc_route_match *match, const char *pattern,
			  const struct hc_path *path)
{
	size_t n_params = 0, n_words = 0, i = 0;

	match->pattern = pattern;
	for (const char *rest = pattern; *rest; i++) {
		struct hc_str segment = next_segment(&rest);

		if (i == path->n)
			return 0;
		if (hc_str_equal(segment, path->segments[i]))
			n_words++;
		else if (is_param(segment) && path->segments[i].len &&
			 n_params < HC_ROUTE_PARAMS_MAX)
			match->params[n_params++] = path->segments[i];
		else
			return 0;
	}
	return i == path->n ? n_words + 1 : 0;
}

bool hc_router_match(struct hc_route_match *ret, const struct hc_route *routes, size_t n_routes,
		     const struct hc_path *path)
{
	size_t best = 0;

	for (size_t i = 0; i < n_routes; i++) {
		struct hc_route_match match = { 0 };
		size_t rank = try_pattern(&match, routes[i].pattern, path);

		if (rank <= best)
			continue;
		best = rank;
		*ret = match;
	}
	return best > 0;
}

const struct hc_route *hc_router_find(const struct hc_route *routes, size_t n_routes,
				      const char *pattern, struct hc_str method)
{
	if (hc_str_is(method, "HEAD"))
		method = HC_STR("GET");
	for (size_t i = 0; i < n_routes; i++)
		if (!strcmp(routes[i].pattern, pattern) && hc_str_is(method, routes[i].method))
			return &routes[i];
	return NULL;
}

void hc_router_allow(struct hc_buffer *buffer, const struct hc_route *routes, size_t n_routes,
		     const char *pattern)
{
	static const char *const methods[] = { "DELETE", "GET",	 "HEAD", "OPTIONS",
					       "PATCH",	 "POST", "PUT" };
	const char *separator = "";

	for (size_t i = 0; i < HC_ARRAY_LEN(methods); i++) {
		if (strcmp(methods[i], "OPTIONS") &&
		    !hc_router_find(routes, n_routes, pattern, hc_str(methods[i])))
			continue;
		hc_buffer_printf(buffer, "%s%s", separator, methods[i]);
		separator = ", ";
	}
}
