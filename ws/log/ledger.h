/* SPDX-License-Identifier: MIT */
/*
 * The log on its disk, as a whole: the database, the connections that read it, the lock and the
 * witness beside it, and the mount they are on. It can be opened, opened again after trouble, set
 * aside, and begun anew; when to do which is for recovery.h to say.
 *
 * Of the writer thread; all functions block.
 */
#pragma once

#include "ws/log/database.h"
#include "ws/log/readers.h"
#include "ws/log/witness.h"

struct hc_ledger {
	char *path; /* where it really is */
	struct hc_database_options options;
	struct hc_database database;
	struct hc_readers *readers;
	struct hc_witness witness;
	uint64_t mount; /* see hc_files_mount() */
};

#define HC_LEDGER_NULL ((struct hc_ledger){ .witness = HC_WITNESS_NULL })

/**
 * hc_ledger_open() - open what there is, or begin; see hc_store_open()
 * @ledger: HC_LEDGER_NULL with its options; also after a failure it is to be closed
 */
int hc_ledger_open(struct hc_ledger *ledger, const char *path, struct hc_fault *fault);
void hc_ledger_close(struct hc_ledger *ledger);

/**
 * hc_ledger_reopen() - open it once more, which must be what we left
 * @left:        everything up to there was acknowledged
 * @is_suspect:  damage was met: search for it
 * @ret_was_cut: there was more, which is taken out: what is retained may be wrong now
 *
 * Return: an SQLite code; SQLITE_CORRUPT also if it is not what we left, or not there.
 */
int hc_ledger_reopen(struct hc_ledger *ledger, const struct hc_position *left, bool is_suspect,
		     bool *ret_was_cut);

/** hc_ledger_is_away() - whether its directory is on another mount than it was: unmounted, say */
bool hc_ledger_is_away(const struct hc_ledger *ledger);

/** hc_ledger_set_aside() - give it up: -errno if its files cannot be renamed */
int hc_ledger_set_aside(struct hc_ledger *ledger);

/** hc_ledger_begin() - open a new one in the empty file that hc_files_create() has made */
int hc_ledger_begin(struct hc_ledger *ledger, const struct hc_log_start *start);

/** hc_ledger_discard() - remove a new one that could not be begun: nothing is in it yet */
void hc_ledger_discard(struct hc_ledger *ledger);

/** hc_ledger_checkpoint_all() - hc_database_checkpoint() of all, with our own readers held */
int hc_ledger_checkpoint_all(struct hc_ledger *ledger);

/** hc_ledger_error() - what went wrong last with the database, as text */
const char *hc_ledger_error(const struct hc_ledger *ledger, int code);
