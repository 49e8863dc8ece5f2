/* SPDX-License-Identifier: MIT */
/*
 * A wire to nobody, in the place of ws/wire/wire.c: it records what is written to it, and blocks,
 * breaks or counts as a test wants. The unit tests are linked without libwebsockets' side of the
 * hub.
 */
#pragma once

#include "proto/buffer.h"
#include "ws/wire/wire.h"

struct lws {
	struct hc_buffer sent; /* everything that was written */
	size_t room;	       /* bytes it takes before it blocks; SIZE_MAX: it never does */
	size_t n_writes;
	size_t longest_write;
	int unsent;	  /* what hc_wire_unsent() says */
	bool broken;	  /* writes fail */
	bool blocked;	  /* whoever writes nevertheless fails the test */
	bool wants_write; /* somebody asked to be told when it takes more */
	bool killed;
	bool closed; /* a close frame was written, and an answer is awaited */
};

#define WIRE_NULL ((struct lws){ .room = SIZE_MAX })

/** wire_deinit() - forget what was written */
void wire_deinit(struct lws *wire);
