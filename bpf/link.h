/* SPDX-License-Identifier: MIT */
/*
 * The connection to the hub: events out of the spool, batch by batch; the hub's questions.
 *
 * One batch is under way at a time and is dropped only when the hub has acknowledged it. After a
 * lost connection the same bytes are sent again under the same key, so that the hub, which may have
 * stored them, does not store them twice. A connection that is gone is tried again after 100 ms to
 * 5 s.
 */
#pragma once

#include <uv.h>

#include "bpf/spool.h"
#include "proto/codec.h"

struct hc_link;

/** struct hc_link_options - copied; all pointers borrowed for the link's life */
struct hc_link_options {
	uv_loop_t *loop;
	const char *path; /* of the hub's socket */
	struct hc_spool *spool;
	void *context; /* for the functions below */

	/* The hub has answered "hello"; nothing has been sent yet. */
	void (*connected)(void *context);
	/* Everything that was spooled is acknowledged. */
	void (*idle)(void *context);
	/* The answer to hc_link_ask_state(); @events is an array of event maps. */
	void (*state)(void *context, const msgpack_object *events);
	/* The hub asks; @enabled: NULL or what it wants; append the answer, one map, to @result. */
	void (*detector)(void *context, const bool *enabled, struct hc_buffer *result);
};

/** hc_link_new() - 0 or -ENOMEM */
int hc_link_new(struct hc_link **ret, const struct hc_link_options *options);

/** hc_link_start() - connect as soon as the loop runs */
void hc_link_start(struct hc_link *link);

/** hc_link_kick() - there may be something in the spool: send it if nothing is under way */
void hc_link_kick(struct hc_link *link);

/**
 * hc_link_ask_state() - ask for the retained events of a type
 *
 * Return: whether it was asked: only while hc_link_is_idle().
 */
bool hc_link_ask_state(struct hc_link *link, const char *type);

/** hc_link_is_idle() - connected, and nothing spooled or under way */
bool hc_link_is_idle(const struct hc_link *link);

/** hc_link_is_up() - the hub has said hello and not gone since */
bool hc_link_is_up(const struct hc_link *link);

/** hc_link_close() - give up the connection; the loop must run once more before hc_link_free() */
void hc_link_close(struct hc_link *link);
struct hc_link *hc_link_free(struct hc_link *link);
