/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "proto/fault.h"
#include "proto/log.h"
#include "ws/log/files.h"
#include "ws/log/ledger.h"
#include "ws/log/probe.h"
#include "ws/log/sql.h"

#define CHECK_MS 1000 /* that the search for damage may take */

const char *hc_ledger_error(const struct hc_ledger *ledger, int code)
{
	return hc_sql_error(ledger->database.db, code);
}

static int open_database(struct hc_ledger *ledger, const struct hc_log_start *start)
{
	int r = hc_database_open(&ledger->database, ledger->path, &ledger->options, start);

	return r ? r : hc_readers_open(ledger->readers);
}

static void abandon(struct hc_ledger *ledger)
{
	hc_readers_close(ledger->readers);
	hc_database_abandon(&ledger->database);
}

/* ---- the first time ----------------------------------------------------------------------- */

static int explain(const struct hc_ledger *ledger, int code, struct hc_fault *fault)
{
	if (code == SQLITE_SCHEMA)
		hc_fault_set(fault, HC_FAULT_INTERNAL,
			     "%s was written by a newer hostcast: install that, or set [log] path",
			     ledger->path);
	else if (code == SQLITE_MISMATCH)
		hc_fault_set(fault, HC_FAULT_INTERNAL,
			     "%s is the database of another program: set [log] path", ledger->path);
	else
		hc_fault_set(fault, HC_FAULT_INTERNAL, "cannot open the log %s: %s", ledger->path,
			     hc_ledger_error(ledger, code));
	return -EIO;
}

static int take_lock(struct hc_ledger *ledger, struct hc_fault *fault)
{
	int r = hc_witness_open(&ledger->witness, ledger->path, ledger->options.sync);

	if (r == HC_WITNESS_E_IN_USE) {
		hc_fault_set(fault, HC_FAULT_INTERNAL, "the log %s is in use by another hub",
			     ledger->path);
		return -EBUSY;
	}
	if (r < 0)
		hc_fault_set(fault, HC_FAULT_INTERNAL,
			     "cannot open %s.lock: %s: the hub must be allowed to write it",
			     ledger->path, strerror(-r));
	return r;
}

static bool pass_row(void *context, const struct hc_row *row)
{
	(void)context;
	(void)row;
	return true;
}

static bool pass_consumer(void *context, const struct hc_consumer_row *row)
{
	(void)context;
	(void)row;
	return true;
}

static int open_readable(struct hc_ledger *ledger)
{
	struct hc_log_start start = { .base = 0 };
	int r;

	hc_epoch_random(start.epoch);
	r = open_database(ledger, &start);
	if (!r) /* the hub cannot do without: whether they can be read is to be known now */
		r = hc_readers_read_retained(ledger->readers, pass_row, NULL);
	return r ? r : hc_readers_read_consumers(ledger->readers, pass_consumer, NULL);
}

struct take_over {
	struct hc_database *to;
	int error; /* of @to */
};

static bool take_over_one(void *context, const struct hc_consumer_row *row)
{
	struct take_over *take_over = context;
	HC_CLEANUP(hc_batch_freep) struct hc_batch *batch = hc_batch_of_consumer(row);

	take_over->error = batch ? hc_database_append(take_over->to, &batch, 1) : SQLITE_NOMEM;
	return !take_over->error;
}

/*
 * Whoever reads by a durable consumer keeps no position himself. So if it can still be read where
 * it stood, it stands there, and is told what is lost.
 */
static void take_over_consumers(struct hc_ledger *ledger, const char *damaged)
{
	HC_CLEANUP(hc_readers_freep) struct hc_readers *readers = NULL;
	struct take_over take_over = { .to = &ledger->database };
	int r = SQLITE_NOMEM;

	if (!hc_readers_new(&readers, damaged))
		r = hc_readers_open(readers);
	if (!r)
		r = hc_readers_read_consumers(readers, take_over_one, &take_over);
	if (r || take_over.error)
		hc_err("%s: the durable consumers cannot be %s: those that are not found are made "
		       "anew when they ask",
		       damaged, r ? "read" : "taken over");
}

/* What follows would be taken for what clients have seen already: so they are told. */
static int renew(struct hc_ledger *ledger, const char *why)
{
	char before[HC_EPOCH_LEN + 1], epoch[HC_EPOCH_LEN + 1];
	int r;

	strcpy(before, ledger->database.epoch);
	hc_epoch_random(epoch);
	r = hc_database_renew(&ledger->database, epoch);
	if (!r)
		hc_err("%s: %s: going on behind %s-%llu with the epoch %s, so that clients are "
		       "told what they miss",
		       ledger->path, why, before, (unsigned long long)ledger->database.newest,
		       epoch);
	return r;
}

/* Is it all that was acknowledged? */
static int hear_witness(struct hc_ledger *ledger)
{
	const struct hc_database *database = &ledger->database;
	const struct hc_position *said = &ledger->witness.said;
	char why[200];

	switch (hc_witness_hear(&ledger->witness, database->epoch, database->newest)) {
	case HC_WITNESS_E_LOST:
		(void)snprintf(why, sizeof(why),
			       "acknowledged events, %llu to %llu, are not in it (its files were "
			       "damaged, deleted, or are an older copy)",
			       (unsigned long long)database->newest + 1,
			       (unsigned long long)said->sequence);
		return renew(ledger, why);
	case HC_WITNESS_E_DOUBT:
		return renew(ledger, "the system went down with it open, and with durability = "
				     "process what was acknowledged last may be lost");
	default:
		return SQLITE_OK;
	}
}

/* The first time, damage is found by what cannot be read. */
static int open_or_set_aside(struct hc_ledger *ledger, struct hc_fault *fault)
{
	int code = open_readable(ledger);
	char damaged[PATH_MAX];

	if (hc_sql_is_damage(code)) {
		abandon(ledger);
		if (hc_files_set_aside(ledger->path, "is damaged", damaged) < 0 ||
		    hc_files_create(ledger->path) < 0)
			return explain(ledger, code, fault);
		code = open_readable(ledger);
		if (!code)
			take_over_consumers(ledger, damaged);
	}
	if (!code)
		code = hear_witness(ledger);
	return code ? explain(ledger, code, fault) : 0;
}

int hc_ledger_open(struct hc_ledger *ledger, const char *path, struct hc_fault *fault)
{
	int r = hc_files_find(&ledger->path, path, fault);

	if (!r)
		r = take_lock(ledger, fault);
	if (!r)
		r = hc_files_ready(ledger->path, fault);
	if (!r)
		r = hc_readers_new(&ledger->readers, ledger->path);
	if (!r)
		r = open_or_set_aside(ledger, fault);
	if (r)
		return r;
	hc_witness_begin(&ledger->witness, ledger->database.epoch, ledger->database.newest);
	ledger->mount = hc_files_mount(ledger->path);
	return 0;
}

void hc_ledger_close(struct hc_ledger *ledger)
{
	(void)hc_readers_free(ledger->readers);
	hc_database_close(&ledger->database); /* the last one: it leaves nothing beside the file */
	hc_witness_close(&ledger->witness);
	free(ledger->path);
	*ledger = HC_LEDGER_NULL;
}

/* ---- once more ---------------------------------------------------------------------------- */

int hc_ledger_checkpoint_all(struct hc_ledger *ledger)
{
	int r;

	hc_readers_hold(ledger->readers);
	r = hc_database_checkpoint(&ledger->database, true);
	hc_readers_go_on(ledger->readers);
	return r;
}

/* What was opened again must be what we left, and all of it must reach the disk once more. */
static int verify(struct hc_ledger *ledger, const struct hc_position *left, bool is_suspect)
{
	struct hc_database *database = &ledger->database;
	int r = hc_ledger_checkpoint_all(ledger);

	if (hc_sql_is_lock(r))
		r = SQLITE_OK; /* another program is reading: the next one moves what is left */
	if (!r && is_suspect)
		r = hc_probe_damage(database, CHECK_MS);
	if (r == SQLITE_INTERRUPT)
		r = SQLITE_OK; /* not found in that time: if it is met again, it is there */
	if (r)
		return r;
	if (strcmp(database->epoch, left->epoch) != 0 || database->newest < left->sequence)
		return SQLITE_CORRUPT; /* acknowledged events are not in it */
	return SQLITE_OK;
}

/* It, and not the whole directory. */
static bool is_missing(const struct hc_ledger *ledger)
{
	char path[PATH_MAX];

	if (!access(ledger->path, F_OK) || errno != ENOENT)
		return false;
	strcpy(path, ledger->path); /* realpath(3) has given it */
	return !access(dirname(path), F_OK);
}

bool hc_ledger_is_away(const struct hc_ledger *ledger)
{
	return hc_files_mount(ledger->path) != ledger->mount;
}

/* Nobody else may be at it where it is now. It may be the same file that was locked before. */
static int move_in(struct hc_ledger *ledger)
{
	ledger->mount = 0; /* until it is all there, it is away */
	hc_witness_close(&ledger->witness);
	return hc_witness_open(&ledger->witness, ledger->path, ledger->options.sync) ? SQLITE_BUSY
										     : SQLITE_OK;
}

/*
 * The readers stay open until the writer is: they can go on reading what was there, and SQLite
 * keeps its index of what was committed.
 */
int hc_ledger_reopen(struct hc_ledger *ledger, const struct hc_position *left, bool is_suspect,
		     bool *ret_was_cut)
{
	struct hc_log_start start = { .base = left->sequence };
	bool away = hc_ledger_is_away(ledger), cut = false;
	int r = SQLITE_OK;

	hc_database_close(&ledger->database);
	if (is_missing(ledger))
		return SQLITE_CORRUPT;
	if (away)
		r = move_in(ledger);
	hc_epoch_random(start.epoch);
	if (!r)
		r = open_database(ledger, &start);
	if (!r)
		r = verify(ledger, left, is_suspect);
	if (!r && ledger->database.newest > left->sequence) {
		r = hc_database_cut(&ledger->database, left->sequence);
		cut = true;
	}
	if (r)
		return r;
	if (away)
		hc_witness_begin(&ledger->witness, ledger->database.epoch, left->sequence);
	ledger->mount = hc_files_mount(ledger->path);
	*ret_was_cut = cut;
	return SQLITE_OK;
}

/* ---- anew --------------------------------------------------------------------------------- */

int hc_ledger_set_aside(struct hc_ledger *ledger)
{
	char aside[PATH_MAX];

	abandon(ledger);
	return hc_files_set_aside(ledger->path, "is damaged, or not what was left", aside);
}

int hc_ledger_begin(struct hc_ledger *ledger, const struct hc_log_start *start)
{
	return open_database(ledger, start);
}

void hc_ledger_discard(struct hc_ledger *ledger)
{
	abandon(ledger);
	hc_files_remove(ledger->path);
}
