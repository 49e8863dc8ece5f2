/* SPDX-License-Identifier: MIT */
/*
 * URIs: percent-decoding, the segments of a path, the fields of a query.
 *
 * Everything decoded here is valid UTF-8 without NUL, so it can go to the hub and into messages as
 * is.
 *
 * Source: RFC 3986 sections 2.1, 3.3, 3.4; the plus sign in a query from the WHATWG URL standard,
 * section 5.1.
 */
#pragma once

#include "proto/buffer.h"

struct hc_fault;

#define HC_PATH_SEGMENTS_MAX 16 /* no route has more than 5; a prefix may add some */
#define HC_QUERY_FIELDS_MAX  64 /* fields of one query, repeated ones counted */

/** struct hc_path - the decoded segments of a path; they point into text */
struct hc_path {
	struct hc_buffer text;
	struct hc_str segments[HC_PATH_SEGMENTS_MAX];
	size_t n;
};

struct hc_query_field {
	struct hc_str name;
	struct hc_str value;
};

/** struct hc_query - the decoded fields of a query, in their order; they point into text */
struct hc_query {
	struct hc_buffer text;
	struct hc_query_field fields[HC_QUERY_FIELDS_MAX];
	size_t n;
};

/** struct hc_query_rule - a field that a resource knows */
struct hc_query_rule {
	const char *name;
	bool may_repeat;
};

#define HC_PATH_NULL  ((struct hc_path){ 0 })
#define HC_QUERY_NULL ((struct hc_query){ 0 })

/**
 * hc_uri_path() - the path of a request target, still encoded
 * @target: "/a/b?c=d" or "http://host/a/b?c=d", borrowed
 *
 * Return: a slice of @target without scheme, authority, query and fragment; "/" if it has no path.
 */
struct hc_str hc_uri_path(struct hc_str target);

/**
 * hc_path_parse() - split an encoded path at its slashes, then decode each segment
 * @path:  HC_PATH_NULL or an earlier result; hc_path_deinit() also after a failure
 * @fault: HC_FAULT_MALFORMED for a bad escape, HC_FAULT_NOT_FOUND for more segments than any route
 * has
 *
 * One slash at the end counts as none. An encoded slash belongs to its segment.
 */
bool hc_path_parse(struct hc_path *path, struct hc_str raw, struct hc_fault *fault);
void hc_path_deinit(struct hc_path *path);

/**
 * hc_query_parse() - split and decode "a=1&b=2"
 * @query: HC_QUERY_NULL or an earlier result; hc_query_deinit() also after a failure
 * @fault: HC_FAULT_MALFORMED, HC_FAULT_TOO_LARGE
 */
bool hc_query_parse(struct hc_query *query, struct hc_str raw, struct hc_fault *fault);
void hc_query_deinit(struct hc_query *query);

/**
 * hc_query_check() - whether there are only fields that the resource knows
 * @fault: HC_FAULT_INVALID_PARAMS that names the field
 *
 * A misspelt filter must not silently filter nothing.
 */
bool hc_query_check(const struct hc_query *query, const struct hc_query_rule *rules, size_t n_rules,
		    struct hc_fault *fault);

/** hc_query_get() - the first value of @name; empty if the field is absent or empty */
struct hc_str hc_query_get(const struct hc_query *query, const char *name);
