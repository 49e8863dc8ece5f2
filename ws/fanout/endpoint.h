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
#include "ws/fanout/filter.h"
#include "ws/fanout/track.h"

struct hc_endpoints;

struct hc_endpoint {
	struct hc_endpoints *all; /* the table it is in */
	const char *path;
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
 * @ret:    the table, a reference; whoever keeps one of its endpoints keeps one, too
 * @prefix: before every path, "" for none
 */
int hc_endpoints_new(struct hc_endpoints **ret, const struct hc_types *types,
		     const struct hc_conf_endpoints *conf, const char *prefix);
struct hc_endpoints *hc_endpoints_ref(struct hc_endpoints *endpoints);
struct hc_endpoints *hc_endpoints_unref(struct hc_endpoints *endpoints);
HC_DEFINE_CLEANUP(struct hc_endpoints *, hc_endpoints_unref);

/** hc_endpoints_find() - where a request path leads; false if nowhere */
bool hc_endpoints_find(struct hc_route *ret, struct hc_endpoints *endpoints, struct hc_str path);

/** hc_endpoints_same() - the endpoint that has taken the place of one of another table, or NULL */
struct hc_endpoint *hc_endpoints_same(struct hc_endpoints *endpoints,
				      const struct hc_endpoint *other);

/** hc_endpoints_inherit() - go on with the numbers of those whose place they have taken */
void hc_endpoints_inherit(struct hc_endpoints *endpoints, const struct hc_endpoints *before);

size_t hc_endpoints_count(const struct hc_endpoints *endpoints);
struct hc_endpoint *hc_endpoints_at(struct hc_endpoints *endpoints, size_t index);
