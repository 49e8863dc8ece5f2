/* SPDX-License-Identifier: MIT */
/*
 * Trouble with the log on its disk: how it is judged, told, and mended.
 *
 *   up ──an error that is not of space or of a lock──> down: nothing is taken until the database
 *    ^  ^                                                │   has been opened anew and verified; a
 *    │  └───────────────verified─────────────────────────┤   handle that has failed is never used
 *    │                                                   │   again, for nobody knows what of its
 *    │                                                   │   pages is on the disk
 *    └──the state comes── anew <──damaged, not what we left, or gone: set aside, a new epoch
 *
 * A directory that is not there, or is on another mount than it was, is waited for: a file system
 * was unmounted, and the log comes back with it.
 *
 * What failed was answered as "unknown". Should it be in the database nevertheless once that is
 * opened anew, it is taken out: nobody has been shown it, and whoever repeats it is answered
 * rightly.
 */
#pragma once

#include "ws/log/ledger.h"
#include "ws/log/store.h"

#define HC_RECOVERY_EVERY_MS 250 /* between two attempts to open it anew */

enum hc_condition {
	HC_CONDITION_UP,
	HC_CONDITION_DOWN,    /* to be opened anew */
	HC_CONDITION_DAMAGED, /* to be set aside */
	HC_CONDITION_GONE,    /* set aside: a new one is to be begun */
	HC_CONDITION_ANEW,    /* open again, but what is retained in it is not right yet */
};

/** struct hc_recovery - of the writer thread, but for @read_error */
struct hc_recovery {
	struct hc_store *store; /* which is told; borrowed, as the next */
	struct hc_ledger *ledger;
	enum hc_condition condition;
	bool is_full;		/* the last commit found no space */
	bool is_locked;		/* or somebody else at it */
	bool is_suspect;	/* damage was met */
	uint64_t suspect_ns;	/* when it was searched for and not found; 0: never */
	uint64_t unreadable_ns; /* since when the disk fails to read; 0: it does not */
	uint64_t mended_ns;	/* when that was tried last */
	_Atomic int read_error; /* an SQLite code that a reader has met; 0: none */
};

/** hc_recovery_judge() - something has failed with an SQLite code: is it still to be used? */
void hc_recovery_judge(struct hc_recovery *recovery, int code);

/** hc_recovery_judge_reading() - a reader has met that code; any thread, heeded by the next */
void hc_recovery_judge_reading(struct hc_recovery *recovery, int code);

/** hc_recovery_heed_readers() - what they have met is the writer's business too */
void hc_recovery_heed_readers(struct hc_recovery *recovery);

/** hc_recovery_heed_moves() - see whether the files were taken away from under us, and mend that */
void hc_recovery_heed_moves(struct hc_recovery *recovery);

/** hc_recovery_mend() - try to get it up again, if it is time to */
void hc_recovery_mend(struct hc_recovery *recovery);

/** hc_recovery_look_again() - is that gone which was in the way, without anything to commit? */
void hc_recovery_look_again(struct hc_recovery *recovery);

/** hc_recovery_be_well() - it is up, and works */
void hc_recovery_be_well(struct hc_recovery *recovery);
