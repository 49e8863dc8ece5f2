/* SPDX-License-Identifier: MIT */
/*
 * Listening sockets of our own, on the libuv loop: TCP for clients, UNIX for Apache and for
 * publishers.
 */
#pragma once

#include <uv.h>

#include "proto/base.h"

struct hc_fault;
struct hc_inherited;
struct hc_listener;

/** hc_listener_fn - takes a connection; @fd is non-blocking and belongs to the function */
typedef void hc_listener_fn(void *context, int fd);

/**
 * hc_listener_gate_fn - how long the next connection has to wait, in milliseconds; 0: not at all
 */
typedef uint64_t hc_listener_gate_fn(void *context);

/** struct hc_listener_options - what is the same for either kind */
struct hc_listener_options {
	uv_loop_t *loop;
	struct hc_inherited *inherited; /* looked into before one is opened; or NULL */
	hc_listener_fn *fn;
	hc_listener_gate_fn *gate; /* asked before each connection, or NULL: what has to wait stays
				      in the kernel's backlog */
	void *context;		   /* of both */
};

/**
 * hc_listener_tcp() - listen on an address, and on nothing else
 * @address: numeric, IPv4 or IPv6
 * @port:    0 for any free one
 * @fault:   what failed and which setting to change
 */
int hc_listener_tcp(struct hc_listener **ret, const struct hc_listener_options *options,
		    const char *address, uint16_t port, struct hc_fault *fault);

/**
 * hc_listener_unix() - listen on a UNIX socket that owner and group may connect to
 *
 * A lock file beside it tells a socket in use from one that was left behind: the first is refused
 * with -EADDRINUSE, the second replaced. An inherited one keeps the access it has.
 */
int hc_listener_unix(struct hc_listener **ret, const struct hc_listener_options *options,
		     const char *path, struct hc_fault *fault);

/** hc_listener_port() - the TCP port it really has */
uint16_t hc_listener_port(const struct hc_listener *listener);

/** hc_listener_free() - stop accepting, remove a UNIX socket that was not inherited; run the loop
 * once more */
struct hc_listener *hc_listener_free(struct hc_listener *listener);
