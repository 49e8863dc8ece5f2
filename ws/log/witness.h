/* SPDX-License-Identifier: MIT */
/*
 * What stands beside the log's database, in the file PATH.lock: the lock that keeps other hubs
 * away, and one line that says how far events were acknowledged.
 *
 * A database does not know that its newest part is gone. SQLite takes a -wal that is damaged for
 * one that ends there, one that was deleted for empty, an old copy for the truth; and without
 * synchronous=FULL a system that goes down takes with it what was acknowledged last. To go on from
 * there would give out sequences once more that clients have seen with other events.
 */
#pragma once

#include "proto/position.h"

struct hc_fault;

struct hc_witness {
	int fd;
	bool is_synced;		 /* each commit reaches the disk */
	bool has_begun;		 /* what follows is what this hub says; else an earlier one */
	struct hc_position said; /* epoch "": nothing */
	bool was_open;		 /* that one has not closed its log */
	bool was_synced;	 /* and its commits reached the disk */
	int64_t came_up_unix_ms; /* the system, then */
};

#define HC_WITNESS_NULL ((struct hc_witness){ .fd = -1 })

enum {
	HC_WITNESS_OK_,
	HC_WITNESS_E_LOST,   /* what was acknowledged behind @newest is not there */
	HC_WITNESS_E_DOUBT,  /* the system went down, and nothing had been synced */
	HC_WITNESS_E_IN_USE, /* another hub has the lock */
};

/** hc_witness_open() - take the lock; HC_WITNESS_E_IN_USE, or -errno */
int hc_witness_open(struct hc_witness *witness, const char *path, bool sync);

/** hc_witness_close() - the log is closed, and all that was acknowledged is on the disk */
void hc_witness_close(struct hc_witness *witness);

/** hc_witness_hear() - whether a log that was opened is all that was acknowledged */
int hc_witness_hear(const struct hc_witness *witness, const char *epoch, uint64_t newest);

/**
 * hc_witness_begin() - from here on, this is the log
 *
 * A file that cannot be written goes on to say what it said, which was true.
 */
void hc_witness_begin(struct hc_witness *witness, const char *epoch, uint64_t newest);

/** hc_witness_tell() - everything up to @newest is committed; one system call */
void hc_witness_tell(struct hc_witness *witness, const char *epoch, uint64_t newest);
