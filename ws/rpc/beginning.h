/* SPDX-License-Identifier: MIT */
/*
 * Where a program begins to read the log, and what it misses if the log does not reach back that
 * far: of a page, and of a subscription.
 */
#pragma once

#include "ws/rpc/method.h"

struct hc_beginning {
	uint64_t after;
	bool anywhere;	    /* wherever the log begins: nothing can be missed */
	const char *reason; /* NULL: nothing is missed */
	struct hc_position missed_from;
	uint64_t missed_to;
};

/** hc_beginning_behind() - behind a position, of whatever epoch */
struct hc_beginning hc_beginning_behind(const struct hc_hub *hub, const struct hc_position *since);

/**
 * hc_beginning_read() - read it from a request
 * @key: of the parameter, which may be a sequence of this epoch or a position; without it, and if
 * it is 0, the oldest event kept is the first
 */
bool hc_beginning_read(struct hc_beginning *ret, const struct hc_request *request, const char *key,
		       struct hc_fault *fault);

/**
 * hc_beginning_settle() - the log was read: it may have been trimmed further before that
 * @first: the oldest sequence that was left
 */
void hc_beginning_settle(struct hc_beginning *begin, const struct hc_hub *hub, uint64_t first);

/** hc_beginning_n_fields() - how many fields hc_beginning_pack() adds to a map */
size_t hc_beginning_n_fields(const struct hc_beginning *begin);
void hc_beginning_pack(msgpack_packer *pk, const struct hc_hub *hub,
		       const struct hc_beginning *begin);
