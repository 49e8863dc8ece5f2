/* SPDX-License-Identifier: MIT */
/*
 * Watches sockets whose peers have nothing to say: the clients of a stream. Whatever one of them
 * sends after its request, and its leaving, is told once.
 *
 * libwebsockets 4.1.6 does not read such a socket and goes round in circles once there is something
 * to read. The sockets stay its own: they are in an epoll set of ours beside it, which takes one
 * descriptor for all.
 */
#pragma once

#include <uv.h>

struct hc_lookout;

/** hc_lookout_fn - somebody has spoken or gone; must not close a socket before it returns */
typedef void hc_lookout_fn(void *whom);

int hc_lookout_new(struct hc_lookout **ret, uv_loop_t *loop, hc_lookout_fn *fn);

/** hc_lookout_free() - run the loop once more */
struct hc_lookout *hc_lookout_free(struct hc_lookout *lookout);

/** hc_lookout_add() - watch a socket; 0 or -errno of epoll_ctl(2) */
int hc_lookout_add(struct hc_lookout *lookout, int fd, void *whom);

/** hc_lookout_remove() - before it is closed, or @whom is no more */
void hc_lookout_remove(struct hc_lookout *lookout, int fd);
