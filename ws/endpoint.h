/* SPDX-License-Identifier: MIT */
/*
 * Endpoints: the paths a client may connect to, and what it gets there.
 */
#pragma once

#include "ws/filter.h"
#include "ws/track.h"

struct hc_fault;
struct hc_endpoints;

#define HC_ENDPOINT_PATTERNS_MAX 8

enum hc_start {
	HC_START_ALL,	   /* all events of the endpoint, until the first subscribe */
	HC_START_SNAPSHOT, /* the retained ones first, then all */
};

struct hc_endpoint {
	const char *path;
	const char *patterns[HC_ENDPOINT_PATTERNS_MAX + 1]; /* NULL-terminated */
	struct hc_encoding encoding;
	enum hc_start start;
	struct hc_filter filter; /* of the patterns */
	size_t n_clients;
};

/**
 * hc_endpoints_new() - the shipped endpoints
 * @prefix: put before every path, "" for none
 */
int hc_endpoints_new(struct hc_endpoints **ret, const struct hc_types *types, const char *prefix);
struct hc_endpoints *hc_endpoints_free(struct hc_endpoints *endpoints);
HC_DEFINE_CLEANUP(struct hc_endpoints *, hc_endpoints_free);

/** hc_endpoints_find() - the endpoint of a request path, or NULL */
struct hc_endpoint *hc_endpoints_find(struct hc_endpoints *endpoints, struct hc_str path);

size_t hc_endpoints_count(const struct hc_endpoints *endpoints);
struct hc_endpoint *hc_endpoints_at(struct hc_endpoints *endpoints, size_t index);
