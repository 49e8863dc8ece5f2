/* SPDX-License-Identifier: MIT */
/*
 * File descriptors, of which each client is one: how many there are, and how they are shared out so
 * that log, listeners and programs keep theirs whoever comes.
 */
#pragma once

#include <stddef.h>

#define HC_DESCRIPTORS_PENDING_MAX 256 /* handshakes at once */

/** struct hc_descriptors_share - how descriptors are shared out */
struct hc_descriptors_share {
	size_t max;	 /* clients */
	size_t surplus;	 /* of those to be refused by a handshake, at once */
	size_t pending;	 /* of all, before their handshake is done */
	size_t programs; /* at the UNIX socket, of what clients leave */
};

/**
 * hc_descriptors_share() - the share for so many descriptors
 * @wanted: [clients] max; 0: as many as can be
 */
struct hc_descriptors_share hc_descriptors_share(size_t n_descriptors, size_t wanted);

/** hc_descriptors_raise() - have as many descriptors as we may; returns how many that is */
size_t hc_descriptors_raise(void);
