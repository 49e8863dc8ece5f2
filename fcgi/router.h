/* SPDX-License-Identifier: MIT */
/*
 * Routes: which function answers which method on which path.
 *
 * A pattern is a path whose segments are words, or names in braces that match any one segment that
 * is not empty: "/api/state/{type}". Words win over braces whatever their order in the table.
 */
#pragma once

#include "fcgi/uri.h"

struct hc_exchange;

#define HC_ROUTE_PARAMS_MAX 4 /* names in braces in one pattern */

/** hc_route_fn - sets exchange->response, in every case */
typedef void (*hc_route_fn)(struct hc_exchange *exchange);

struct hc_route {
	const char *method;
	const char *pattern;
	hc_route_fn answer;
};

/**
 * struct hc_route_match - a path's pattern, and what stands in its braces; borrows from the path
 */
struct hc_route_match {
	const char *pattern;
	struct hc_str params[HC_ROUTE_PARAMS_MAX];
};

/**
 * hc_router_match() - the pattern of a path, whatever the method
 *
 * O(routes).
 * Return: whether there is one; *ret is set only then.
 */
bool hc_router_match(struct hc_route_match *ret, const struct hc_route *routes, size_t n_routes,
		     const struct hc_path *path);

/**
 * hc_router_find() - the route of a pattern for a method
 * @pattern: from hc_router_match()
 *
 * HEAD is answered by the route for GET (RFC 9110 section 9.3.2).
 * Return: NULL if the resource does not have the method.
 */
const struct hc_route *hc_router_find(const struct hc_route *routes, size_t n_routes,
				      const char *pattern, struct hc_str method);

/** hc_router_allow() - append the value of Allow: "GET, HEAD, OPTIONS, POST" */
void hc_router_allow(struct hc_buffer *buffer, const struct hc_route *routes, size_t n_routes,
		     const char *pattern);
