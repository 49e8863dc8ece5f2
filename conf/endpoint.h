/* SPDX-License-Identifier: MIT */
/*
 * Endpoints: the paths a WebSocket client may connect to, and what it gets there.
 *
 * The shipped ones are there without any configuration. A section [endpoint PATH] changes the one
 * of that path, or makes a new one; `enabled = no` takes it away.
 */
#pragma once

#include "conf/value.h"

struct hc_fault;

enum hc_endpoint_auth {
	HC_ENDPOINT_OPEN,  /* a token may be sent, and then must be valid; none is needed */
	HC_ENDPOINT_TOKEN, /* a valid token is needed */
	HC_ENDPOINT_USER,  /* a token of the user that the path names */
};

enum hc_endpoint_start {
	HC_START_ALL,	   /* everything, until the first subscribe */
	HC_START_NONE,	   /* nothing, until the first subscribe */
	HC_START_SNAPSHOT, /* the retained events, then everything */
};

enum hc_endpoint_addressed {
	HC_ADDRESSED_TOO,  /* what is for everybody, and what is for this client's user */
	HC_ADDRESSED_ONLY, /* only what is for this client's user */
};

struct hc_conf_endpoint {
	char *path;	       /* "/ws/{user_id}": a segment in braces stands for any one segment */
	struct hc_list events; /* patterns of what it carries */
	struct hc_list always; /* patterns of what every client gets, subscribed or not */
	struct hc_list aliases; /* other paths of the same endpoint */
	struct hc_list sse;	/* paths that serve the same as Server-Sent Events */
	int envelope;		/* enum hc_envelope */
	int timestamps;		/* enum hc_time_format */
	int auth;		/* enum hc_endpoint_auth */
	int start;		/* enum hc_endpoint_start */
	int addressed;		/* enum hc_endpoint_addressed */
	int enabled;		/* bool */
};

/** struct hc_conf_endpoints - all of them; owned by the hc_conf */
struct hc_conf_endpoints {
	struct hc_conf_endpoint *items;
	size_t n;
};

/** hc_conf_endpoints_init() - the shipped endpoints; 0 or -ENOMEM */
int hc_conf_endpoints_init(struct hc_conf_endpoints *endpoints);
void hc_conf_endpoints_deinit(struct hc_conf_endpoints *endpoints);

/**
 * hc_conf_endpoints_need() - the endpoint of that path, made with the defaults if there is none yet
 *
 * Return: a pointer that is good until the next call, or NULL without memory.
 */
struct hc_conf_endpoint *hc_conf_endpoints_need(struct hc_conf_endpoints *endpoints,
						const char *path);

/**
 * hc_conf_endpoints_check() - whether the endpoints go together
 * @ret:   the endpoint that does not
 * @fault: why
 *
 * No two paths may stand for the same requests, and a user's endpoint must name the user.
 */
bool hc_conf_endpoints_check(const struct hc_conf_endpoints *endpoints,
			     const struct hc_conf_endpoint **ret, struct hc_fault *fault);
