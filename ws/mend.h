/* SPDX-License-Identifier: MIT */
/*
 * What the hub does when the log is not well, or is another one: says so once, closes clients whose
 * positions mean nothing any more, and gives the store back what only the hub still has.
 */
#pragma once

#include "proto/base.h"

struct hc_hub;

/** struct hc_mend - what is known of the store's health */
struct hc_mend {
	unsigned int n_turns;
	uint64_t since_ns; /* CLOCK_MONOTONIC: degraded since; 0: it is not */
	bool restoring;	   /* the state is on its way to the store */
};

/** hc_mend_look() - look at the store's health; O(1) if nothing has changed */
void hc_mend_look(struct hc_hub *hub);
