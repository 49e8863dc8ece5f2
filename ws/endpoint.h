/* SPDX-License-Identifier: MIT */
/*
 * Endpoints: the paths a client may connect to, ready for use: patterns made bits, paths in the
 * order in which they are tried.
 *
 * A literal segment is tried before one in braces, whatever the order in the file:
 * /ws/system-health never falls into /ws/{user_id}.
 */
#pragma once

#include "conf/endpoint.h"
#include "ws/filter.h"
#include "ws/track.h"

struct hc_endpoints;

struct hc_endpoint {
	const char *path; /* borrowed from the configuration */
	struct hc_encoding encoding;
	enum hc_endpoint_auth auth;
	enum hc_endpoint_start start;
	enum hc_endpoint_addressed addressed;
	struct hc_filter events; /* what it carries */
	struct hc_filter always; /* what every client gets */
	size_t n_clients;
	uint64_t n_opened; /* clients, since the start */
};

/** struct hc_route - where a request path leads */
struct hc_route {
	struct hc_endpoint *endpoint;
	struct hc_str user; /* the segment in braces, within the path; empty if there is none */
	bool is_sse;	    /* the path is for Server-Sent Events */
};

/**
 * hc_endpoints_new() - make the configured endpoints ready
 * @conf:   borrowed for the life of the endpoints
 * @prefix: before every path, "" for none; borrowed as well
 */
int hc_endpoints_new(struct hc_endpoints **ret, const struct hc_types *types,
		     const struct hc_conf_endpoints *conf, const char *prefix);
struct hc_endpoints *hc_endpoints_free(struct hc_endpoints *endpoints);
HC_DEFINE_CLEANUP(struct hc_endpoints *, hc_endpoints_free);

/** hc_endpoints_find() - where a request path leads; false if nowhere */
bool hc_endpoints_find(struct hc_route *ret, struct hc_endpoints *endpoints, struct hc_str path);

size_t hc_endpoints_count(const struct hc_endpoints *endpoints);
struct hc_endpoint *hc_endpoints_at(struct hc_endpoints *endpoints, size_t index);
