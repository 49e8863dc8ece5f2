/* SPDX-License-Identifier: MIT */
/*
 * Listening sockets of our own, on the libuv loop: TCP for clients, UNIX for Apache and for
 * publishers.
 */
#pragma once

#include <uv.h>

#include "proto/base.h"

struct hc_fault;
struct hc_listener;

/** hc_listener_fn - takes a connection; @fd is non-blocking and belongs to the function */
typedef void hc_listener_fn(void *context, int fd);

/**
 * hc_listener_tcp() - listen on an address, and on nothing else
 * @address: numeric, IPv4 or IPv6
 * @port:    0 for any free one
 * @fault:   what failed and which setting to change
 */
int hc_listener_tcp(struct hc_listener **ret, uv_loop_t *loop, const char *address, uint16_t port,
		    hc_listener_fn *fn, void *context, struct hc_fault *fault);

/**
 * hc_listener_unix() - listen on a UNIX socket that owner and group may connect to
 *
 * A lock file beside it tells a socket in use from one that was left behind: the first is refused
 * with -EADDRINUSE, the second replaced.
 */
int hc_listener_unix(struct hc_listener **ret, uv_loop_t *loop, const char *path,
		     hc_listener_fn *fn, void *context, struct hc_fault *fault);

/**
 * hc_listener_gate_fn - how long the next connection has to wait, in milliseconds; 0: not at all
 */
typedef uint64_t hc_listener_gate_fn(void *context);

/**
 * hc_listener_set_gate() - ask @gate, with the context of the listener, before each connection
 *
 * What has to wait stays in the kernel's backlog.
 */
void hc_listener_set_gate(struct hc_listener *listener, hc_listener_gate_fn *gate);

/** hc_listener_port() - the TCP port it really has */
uint16_t hc_listener_port(const struct hc_listener *listener);

/** hc_listener_free() - stop accepting, remove the UNIX socket; run the loop once more */
struct hc_listener *hc_listener_free(struct hc_listener *listener);
