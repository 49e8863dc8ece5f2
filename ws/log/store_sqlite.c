/* SPDX-License-Identifier: MIT */
/*
 * The store in an SQLite database in WAL mode: one connection that writes and checkpoints
 * (database.h), two that read (readers.h). Nobody else opens the files: a lock beside them sees to
 * it, and tells how much was acknowledged (witness.h).
 *
 * All new batches of one append are one transaction: with synchronous=FULL, one fdatasync for all
 * of them. Freed pages are used again, so the file grows to about keep_bytes and stays there; when
 * very many are free, because less is to be kept than before, it is made shorter step by step.
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
#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/statvfs.h>

#include "proto/clock.h"
#include "proto/fault.h"
#include "proto/log.h"
#include "ws/log/database.h"
#include "ws/log/files.h"
#include "ws/log/readers.h"
#include "ws/log/witness.h"

#define TEND_MS		1000	    /* at the latest */
#define MEND_MS		250	    /* between two attempts to open it anew */
#define CHECK_MS	1000	    /* that the search for damage may take */
#define SUSPECT_MS	(60 * 1000) /* damage again within that time needs no search */
#define UNREADABLE_MS	(60 * 1000) /* for which a disk may fail to read before that is damage */
#define KEYS_MS		(10 * 1000) /* between two removals of old keys */
#define MARKS_OF_AGE	100	    /* keep_age is kept to one part in that */
#define MARK_MS_MIN	100
#define MARK_MS_MAX	(60 * 60 * 1000)
#define TRIM_ROWS_MIN	16 /* of one step; it adapts so that a step takes a few milliseconds */
#define TRIM_ROWS_MAX	4096
#define TRIM_NS_MIN	1000000
#define TRIM_NS_MAX	5000000
#define EXCESS_ROWS	2048 /* above which trimming does not wait for a pause */
#define EXCESS_BYTES	(4 * 1024 * 1024)
#define QUIET_MS	900  /* without a commit, after which all there is is moved */
#define WAL_PAGES	1000 /* after which it is time for a checkpoint: SQLite's own figure */
#define WAL_PAGES_MAX	4000 /* after which readers wait for one */
#define STUCK_NS	UINT64_C(1000000000) /* before the next attempt to empty it */
#define STUCK_PAGES_MIN 16000		     /* to tell: 64 MiB */
#define FREE_BYTES_MIN \
	(1024 * 1024) /* of a file system that was full, before it counts as healed */

enum condition {
	UP,
	DOWN,	 /* to be opened anew */
	DAMAGED, /* to be set aside */
	GONE,	 /* set aside: a new one is to be begun */
	ANEW,	 /* open again, but what is retained in it is not right yet */
};

struct sqlite_store {
	struct hc_store base;
	char *path;
	struct hc_witness witness;
	uint64_t mount; /* see hc_files_mount() */
	bool sync;
	uint64_t keep_age_ms, keep_events, keep_bytes; /* 0: no limit */
	/* of the writer thread */
	enum condition condition;
	bool is_full;	/* the last commit found no space */
	bool is_locked; /* or somebody else at it */
	struct hc_database database;
	uint64_t mended_ns;	/* when that was tried last */
	bool is_suspect;	/* damage was met */
	uint64_t suspect_ns;	/* when it was searched for and not found; 0: never */
	uint64_t unreadable_ns; /* since when the disk fails to read; 0: it does not */
	uint64_t appended_ns;	/* when something was committed last */
	uint64_t keys_ns;	/* when old keys were removed */
	uint64_t stuck_ns;	/* when another program's reading kept a checkpoint from its end */
	unsigned int stuck_pages; /* of the file beside it, when that was told last */
	uint64_t trim_rows;
	struct hc_readers *readers;
	_Atomic int read_error; /* an SQLite code that a reader has met */
};

static struct sqlite_store *of(struct hc_store *store)
{
	return hc_container_of(store, struct sqlite_store, base);
}

static void report(struct sqlite_store *store, int code)
{
	char reason[HC_STORE_REASON_MAX];

	(void)snprintf(reason, sizeof(reason), "%s: %s", store->path,
		       hc_database_error(&store->database, code));
	hc_store_report(&store->base, reason);
}

/* ---- set aside ---------------------------------------------------------------------------- */

static bool take_over_one(void *context, const struct hc_consumer_row *row)
{
	struct sqlite_store *store = context;
	HC_CLEANUP(hc_batch_freep) struct hc_batch *batch = hc_batch_of_consumer(row);

	return batch && !hc_database_append(&store->database, &batch, 1);
}

/*
 * Whoever reads by a durable consumer keeps no position himself. So if it can still be read where
 * it stood, it stands there, and is told what is lost.
 */
static void take_over_consumers(struct sqlite_store *store, const char *damaged)
{
	HC_CLEANUP(hc_readers_freep) struct hc_readers *readers = NULL;
	int r = SQLITE_NOMEM;

	if (!hc_readers_new(&readers, damaged))
		r = hc_readers_open(readers);
	if (!r)
		r = hc_readers_read_consumers(readers, take_over_one, store);
	if (r)
		hc_err("%s: the durable consumers cannot be read: those that are not found are "
		       "made anew when they ask",
		       damaged);
}

/* ---- trouble ------------------------------------------------------------------------------ */

static bool is_damage(int code)
{
	return (code & 0xff) == SQLITE_CORRUPT || (code & 0xff) == SQLITE_NOTADB;
}

static bool is_lock(int code)
{
	return (code & 0xff) == SQLITE_BUSY || (code & 0xff) == SQLITE_LOCKED;
}

/* A disk that fails to read may do so again after a while: that is no damage yet. */
static int find_cause(struct sqlite_store *store, int code)
{
	uint64_t now_ns = hc_monotonic_ns();

	code = hc_database_cause(store->database.db, code);
	if (code != SQLITE_IOERR_READ)
		return code;
	if (!store->unreadable_ns)
		store->unreadable_ns = now_ns;
	return now_ns - store->unreadable_ns < UNREADABLE_MS * UINT64_C(1000000) ? code
										 : SQLITE_CORRUPT;
}

/* Something has failed: is the database still to be used? */
static void judge(struct sqlite_store *store, int code)
{
	code = find_cause(store, code);
	if ((code & 0xff) == SQLITE_NOMEM)
		return; /* this once; it says nothing about the database */
	report(store, code);
	store->is_full = hc_database_is_full(&store->database, code);
	store->is_locked = is_lock(code);
	if (!store->is_full && !store->is_locked)
		store->condition = DOWN;
	if (is_damage(code) && store->suspect_ns &&
	    hc_monotonic_ns() - store->suspect_ns < SUSPECT_MS * UINT64_C(1000000))
		store->condition = DAMAGED;
	else if (is_damage(code) || code == SQLITE_IOERR_READ)
		store->is_suspect = true; /* it is searched for when it is open again */
}

static void be_well(struct sqlite_store *store)
{
	store->condition = UP;
	store->is_full = false;
	store->is_locked = false;
	store->unreadable_ns = 0;
	store->read_error = 0; /* it was of before */
	hc_store_report(&store->base, NULL);
}

/* A new log that could not be begun: nothing is in it yet. */
static void give_back_place(struct sqlite_store *store)
{
	hc_readers_close(store->readers);
	hc_database_abandon(&store->database);
	hc_files_remove(store->path);
}

static void report_errno(struct sqlite_store *store, int error)
{
	char reason[HC_STORE_REASON_MAX];

	(void)snprintf(reason, sizeof(reason), "%s: %s", store->path, strerror(error));
	hc_store_report(&store->base, reason);
}

static void begin_anew(struct sqlite_store *store)
{
	struct hc_log_start start = { .base = store->base.newest };
	int r = hc_files_create(store->path);

	if (r == -EEXIST)
		store->condition = DOWN; /* somebody has put it there: is it ours? */
	if (r) {
		report_errno(store, -r);
		return;
	}
	hc_epoch_random(start.epoch);
	r = hc_database_open(&store->database, store->path, store->sync, &start);
	if (!r)
		r = hc_readers_open(store->readers);
	if (!r && hc_store_begin_epoch(&store->base, start.epoch) < 0)
		r = SQLITE_NOMEM;
	if (r) {
		report(store, r);
		give_back_place(store);
		return;
	}
	hc_witness_tell(&store->witness, start.epoch, start.base);
	store->suspect_ns = 0;
	store->is_suspect = false;
	store->base.oldest = store->base.newest + 1;
	store->condition = ANEW;
	hc_store_want_state(&store->base, true);
}

static void give_up(struct sqlite_store *store)
{
	char aside[PATH_MAX];
	int r;

	hc_database_abandon(&store->database);
	hc_readers_close(store->readers);
	r = hc_files_set_aside(store->path, "is damaged, or not what was left", aside);
	if (r)
		report_errno(store, -r);
	else
		store->condition = GONE;
}

/* What was opened again must be what we left, and all of it must reach the disk once more. */
static int verify(struct sqlite_store *store)
{
	const char *epoch = store->base.epochs->text;
	uint64_t newest = store->base.newest;
	int r;

	hc_readers_hold(store->readers);
	r = hc_database_checkpoint(&store->database, true);
	hc_readers_go_on(store->readers);
	if (is_lock(r))
		r = SQLITE_OK; /* another program is reading: the next one moves what is left */
	if (!r && store->is_suspect)
		r = hc_database_check(&store->database, CHECK_MS);
	if (r == SQLITE_INTERRUPT)
		r = SQLITE_OK; /* not found in that time: if it is met again, it is there */
	if (r)
		return r;
	if (strcmp(store->database.epoch, epoch) != 0 || store->database.newest < newest)
		return SQLITE_CORRUPT; /* acknowledged events are not in it */
	if (store->database.newest == newest)
		return SQLITE_OK;
	r = hc_database_cut(&store->database, newest);
	if (!r)
		hc_store_want_state(&store->base, true);
	return r;
}

/* It, and not the whole directory. */
static bool is_missing(const struct sqlite_store *store)
{
	char path[PATH_MAX];

	if (!access(store->path, F_OK) || errno != ENOENT)
		return false;
	strcpy(path, store->path); /* realpath(3) has given it */
	return !access(dirname(path), F_OK);
}

static bool is_away(const struct sqlite_store *store)
{
	return hc_files_mount(store->path) != store->mount;
}

/* Nobody else may be at it where it is now. It may be the same file that was locked before. */
static int move_in(struct sqlite_store *store)
{
	store->mount = 0; /* until it is all there, it is away */
	hc_witness_close(&store->witness);
	return hc_witness_open(&store->witness, store->path, store->sync) ? SQLITE_BUSY : SQLITE_OK;
}

/*
 * The readers stay open until the writer is: they can go on reading what was there, and SQLite
 * keeps its index of what was committed.
 */
static int open_anew(struct sqlite_store *store)
{
	struct hc_log_start start = { .base = store->base.newest };
	struct hc_store_health health;
	bool away = is_away(store);
	int r = SQLITE_OK;

	hc_database_close(&store->database);
	if (is_missing(store))
		return SQLITE_CORRUPT;
	if (away)
		r = move_in(store);
	hc_epoch_random(start.epoch);
	if (!r)
		r = hc_database_open(&store->database, store->path, store->sync, &start);
	if (!r)
		r = hc_readers_open(store->readers);
	if (!r)
		r = verify(store);
	if (r)
		return find_cause(store, r);
	if (away)
		hc_witness_begin(&store->witness, store->database.epoch, store->base.newest);
	store->mount = hc_files_mount(store->path);
	if (store->is_suspect)
		store->suspect_ns = hc_monotonic_ns();
	store->is_suspect = false;
	store->base.oldest = store->database.base + 1;
	hc_store_look(&store->base, &health);
	store->condition = health.wants_state ? ANEW : UP;
	return SQLITE_OK;
}

static void report_away(struct sqlite_store *store, int code)
{
	char reason[HC_STORE_REASON_MAX];
	bool is_there = !access(store->path, F_OK);

	if (is_there && !is_damage(code)) {
		report(store, code);
		return;
	}
	(void)snprintf(reason, sizeof(reason), "%s: %s", store->path,
		       is_there ? "another log is mounted in its place: waiting for its own"
				: "its file system is not mounted any more: waiting for it");
	hc_store_report(&store->base, reason);
}

/* Tries to get it up again, if it is time to. */
static void mend(struct sqlite_store *store)
{
	uint64_t now_ns = hc_monotonic_ns();
	int r = SQLITE_OK;

	if (store->condition == UP || store->condition == ANEW ||
	    (store->mended_ns && now_ns - store->mended_ns < MEND_MS * UINT64_C(1000000)))
		return;
	store->mended_ns = now_ns;
	if (store->condition == DOWN)
		r = open_anew(store);
	if (r && is_away(store))
		report_away(store, r);
	else if (is_damage(r))
		store->condition = DAMAGED;
	else if (r)
		report(store, r);
	if (store->condition == DAMAGED)
		give_up(store);
	if (store->condition == GONE)
		begin_anew(store);
	if (store->condition == UP)
		be_well(store);
}

/* A quota is not seen in what the file system says, nor is a disk that lies. */
static bool has_space(struct sqlite_store *store)
{
	struct statvfs about;

	return !statvfs(store->path, &about) &&
	       (uint64_t)about.f_bavail * about.f_frsize >= FREE_BYTES_MIN &&
	       !hc_database_try_to_write(&store->database, FREE_BYTES_MIN);
}

/* Without anything to commit: is that which stood in the way gone? */
static void look_again(struct sqlite_store *store)
{
	/* A quota, or what only root may use, shows when something is written. */
	if (store->is_full && has_space(store) && !hc_database_set_clock(&store->database))
		be_well(store);
	else if (store->is_locked && !hc_database_try(&store->database))
		be_well(store);
}

/* ---- append ------------------------------------------------------------------------------- */

static void fail_one(struct sqlite_store *store, struct hc_batch *batch, bool is_full)
{
	struct hc_store_health health;

	hc_store_look(&store->base, &health);
	if (batch->kind == HC_BATCH_EVENTS) {
		for (size_t j = 0; j < batch->n; j++)
			batch->records[j]->sequence = 0;
		hc_batch_lose(batch);
	}
	batch->result = is_full ? HC_BATCH_E_FULL : HC_BATCH_E_UNAVAILABLE;
	(void)snprintf(batch->error, sizeof(batch->error), "%.*s", (int)sizeof(batch->error) - 1,
		       health.is_degraded ? health.reason : "out of memory");
}

static void fail_all(struct sqlite_store *store, struct hc_batch **batches, size_t n)
{
	for (size_t i = 0; i < n; i++)
		fail_one(store, batches[i], store->is_full);
}

/* The state makes it right again; everything else must wait for it. */
static void append_anew(struct sqlite_store *store, struct hc_batch **batches, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		int r;

		if (batches[i]->kind != HC_BATCH_STATE || store->condition != ANEW) {
			fail_one(store, batches[i], false);
			continue;
		}
		r = hc_database_append(&store->database, &batches[i], 1);
		if (r) {
			judge(store, r);
			fail_one(store, batches[i], store->is_full);
			if (store->condition == UP)
				store->condition = ANEW;
			continue;
		}
		hc_store_want_state(&store->base, false);
		be_well(store);
		if (i + 1 < n)
			hc_store_append(&store->base, batches + i + 1, n - i - 1);
		return;
	}
}

/* Files that were taken away from under us. */
static void heed_moves(struct sqlite_store *store)
{
	enum hc_database_move move = HC_DATABASE_STAYS;

	if (store->condition == UP)
		move = hc_database_has_moved(&store->database);
	if (move == HC_DATABASE_STAYS)
		return;
	if (is_away(store))
		report_away(store, SQLITE_CORRUPT);
	else
		hc_store_report(&store->base,
				"the database was deleted or replaced by somebody else");
	store->condition = move == HC_DATABASE_MOVED ? DOWN : DAMAGED;
	mend(store);
}

static void sqlite_append(struct hc_store *base, struct hc_batch **batches, size_t n)
{
	struct sqlite_store *store = of(base);
	int r;

	mend(store);
	heed_moves(store);
	if (store->condition == ANEW) {
		append_anew(store, batches, n);
		return;
	}
	if (store->condition != UP) {
		fail_all(store, batches, n);
		return;
	}
	r = hc_database_append(&store->database, batches, n);
	if (r) {
		judge(store, r);
		fail_all(store, batches, n);
		return;
	}
	store->appended_ns = hc_monotonic_ns();
	base->newest = store->database.newest;
	hc_witness_tell(&store->witness, store->database.epoch, base->newest);
	if (store->is_full || store->is_locked)
		be_well(store);
}

/* ---- tend --------------------------------------------------------------------------------- */

/* How many of the oldest rows take about that part of all bytes; the newest stays. */
static uint64_t rows_of(uint64_t part, uint64_t bytes, uint64_t n)
{
	uint64_t rows = (uint64_t)((double)n * (double)part / (double)bytes) + 1;

	return rows < n ? rows : n - !!n;
}

static int find_excess(struct sqlite_store *store, bool busy, uint64_t *ret_until)
{
	const struct hc_database *database = &store->database;
	uint64_t n = database->newest - database->base, until = 0, bytes = 0, rows = 0;
	int r = SQLITE_OK;

	if (store->keep_age_ms)
		r = hc_database_aged(&store->database, store->keep_age_ms, &until);
	if (busy && until < database->base + EXCESS_ROWS)
		until = 0;
	if (store->keep_events && n > store->keep_events + (busy ? EXCESS_ROWS : 0) &&
	    database->newest - store->keep_events > until)
		until = database->newest - store->keep_events;
	if (!r && store->keep_bytes)
		r = hc_database_bytes(&store->database, &bytes);
	if (store->keep_bytes && bytes > store->keep_bytes + (busy ? EXCESS_BYTES : 0))
		rows = rows_of(bytes - store->keep_bytes, bytes, n);
	*ret_until = until > database->base + rows ? until : database->base + rows;
	return r;
}

/* A step takes as many rows as can be done in some milliseconds. */
static void adapt(struct sqlite_store *store, uint64_t took_ns)
{
	if (took_ns > TRIM_NS_MAX && store->trim_rows > TRIM_ROWS_MIN)
		store->trim_rows /= 2;
	else if (took_ns < TRIM_NS_MIN && store->trim_rows < TRIM_ROWS_MAX)
		store->trim_rows *= 2;
}

static int trim(struct sqlite_store *store, bool busy, bool *ret_more)
{
	uint64_t until, began_ns, step;
	int r = find_excess(store, busy, &until);

	if (r || until <= store->database.base)
		return r;
	step = store->database.base + store->trim_rows;
	*ret_more = true;
	began_ns = hc_monotonic_ns();
	r = hc_database_trim(&store->database, until < step ? until : step);
	adapt(store, hc_monotonic_ns() - began_ns);
	if (!r)
		store->base.oldest = store->database.base + 1;
	return r;
}

static bool is_quiet(const struct sqlite_store *store)
{
	return hc_monotonic_ns() - store->appended_ns > QUIET_MS * UINT64_C(1000000);
}

/* Whoever reads the database without us keeps the file beside it from being begun anew. */
static void warn_stuck(struct sqlite_store *store)
{
	unsigned int n_pages = store->database.wal_pages;

	store->stuck_ns = hc_monotonic_ns();
	if (n_pages < STUCK_PAGES_MIN || n_pages / 2 < store->stuck_pages)
		return;
	store->stuck_pages = n_pages;
	hc_warn("%s-wal has grown to %llu MiB, because another program is reading the log: it "
		"shrinks when that is done",
		store->path,
		(unsigned long long)(n_pages * store->database.page_bytes / (1024 * 1024)));
}

static int checkpoint_all(struct sqlite_store *store)
{
	int r;

	if (store->stuck_ns && hc_monotonic_ns() - store->stuck_ns < STUCK_NS)
		return hc_database_checkpoint(&store->database, false);
	hc_readers_hold(store->readers);
	r = hc_database_checkpoint(&store->database, true);
	hc_readers_go_on(store->readers);
	if (is_lock(r))
		warn_stuck(store);
	else
		store->stuck_ns = store->stuck_pages = 0;
	return r;
}

static int checkpoint(struct sqlite_store *store, bool busy)
{
	unsigned int n_pages = store->database.wal_pages;
	int r;

	if (!n_pages || (n_pages < WAL_PAGES && (busy || !is_quiet(store))))
		return SQLITE_OK;
	if (n_pages < WAL_PAGES_MAX)
		r = hc_database_checkpoint(&store->database, false);
	else
		r = checkpoint_all(store);
	return is_lock(r) ? SQLITE_OK : r; /* the next one moves what is left */
}

static int tidy_up(struct sqlite_store *store, bool busy, bool *ret_more)
{
	uint64_t now_ns = hc_monotonic_ns();
	bool more_keys = false;
	int r = trim(store, busy, ret_more);

	if (!r && !busy)
		r = hc_database_mark(&store->database);
	if (!r && !busy && !*ret_more)
		r = hc_database_shrink(&store->database, ret_more);
	if (!r && now_ns - store->keys_ns > KEYS_MS * UINT64_C(1000000)) {
		r = hc_database_forget_keys(&store->database, &more_keys);
		if (!more_keys)
			store->keys_ns = now_ns;
		*ret_more |= more_keys;
	}
	if (!r && !*ret_more)
		r = checkpoint(store, busy);
	else if (!r && store->database.wal_pages >= WAL_PAGES)
		r = checkpoint(store, true);
	return r;
}

/* What a reader has met: an I/O error or damage is the writer's business too. */
static void heed_readers(struct sqlite_store *store)
{
	int code = atomic_exchange(&store->read_error, 0);

	if (code && store->condition == UP && !is_lock(code) && (code & 0xff) != SQLITE_NOMEM)
		judge(store, code);
}

static uint64_t sqlite_tend(struct hc_store *base, bool busy)
{
	struct sqlite_store *store = of(base);
	bool more = false;
	int r;

	heed_readers(store);
	mend(store);
	if (store->condition != UP)
		return MEND_MS;
	if (store->is_full || store->is_locked)
		look_again(store);
	if (!busy)
		heed_moves(store);
	if (store->condition != UP)
		return MEND_MS;
	r = tidy_up(store, busy, &more);
	if (r && !hc_database_is_full(&store->database, r)) {
		judge(store, r);
		return MEND_MS;
	}
	return more && !r ? 0 : TEND_MS; /* a full disk is for the next commit to tell */
}

/* ---- read --------------------------------------------------------------------------------- */

static int note_read(struct sqlite_store *store, int code)
{
	if (!code)
		return 0;
	store->read_error = code;
	return (code & 0xff) == SQLITE_NOMEM ? -ENOMEM : -EIO;
}

static int sqlite_read(struct hc_store *base, uint64_t after, hc_row_fn *fn, void *context)
{
	struct sqlite_store *store = of(base);

	return note_read(store, hc_readers_read(store->readers, after, fn, context));
}

static int sqlite_read_retained(struct hc_store *base, hc_row_fn *fn, void *context)
{
	struct sqlite_store *store = of(base);

	return note_read(store, hc_readers_read_retained(store->readers, fn, context));
}

static int sqlite_read_consumers(struct hc_store *base, hc_consumer_row_fn *fn, void *context)
{
	struct sqlite_store *store = of(base);

	return note_read(store, hc_readers_read_consumers(store->readers, fn, context));
}

static uint64_t sqlite_bytes(struct hc_store *base)
{
	return hc_files_bytes(of(base)->path);
}

/* ---- open --------------------------------------------------------------------------------- */

static int explain(const struct sqlite_store *store, int code, struct hc_fault *fault)
{
	if (code == SQLITE_SCHEMA)
		hc_fault_set(fault, HC_FAULT_INTERNAL,
			     "%s was written by a newer hostcast: install that, or set [log] path",
			     store->path);
	else if (code == SQLITE_MISMATCH)
		hc_fault_set(fault, HC_FAULT_INTERNAL,
			     "%s is the database of another program: set [log] path", store->path);
	else
		hc_fault_set(fault, HC_FAULT_INTERNAL, "cannot open the log %s: %s", store->path,
			     hc_database_error(&store->database, code));
	return -EIO;
}

static int take_lock(struct sqlite_store *store, struct hc_fault *fault)
{
	int r = hc_witness_open(&store->witness, store->path, store->sync);

	if (r == HC_WITNESS_E_IN_USE) {
		hc_fault_set(fault, HC_FAULT_INTERNAL, "the log %s is in use by another hub",
			     store->path);
		return -EBUSY;
	}
	if (r < 0)
		hc_fault_set(fault, HC_FAULT_INTERNAL,
			     "cannot open %s.lock: %s: the hub must be allowed to write it",
			     store->path, strerror(-r));
	return r;
}

static struct hc_store *sqlite_free(struct hc_store *base)
{
	struct sqlite_store *store = of(base);

	if (store->condition == UP && store->witness.has_begun)
		(void)hc_database_set_clock(&store->database); /* else some time is not counted */
	(void)hc_readers_free(store->readers);
	hc_database_close(&store->database); /* the last one: it leaves nothing beside the file */
	hc_witness_close(&store->witness);
	hc_store_deinit(base);
	free(store->path);
	free(store);
	return NULL;
}

static const struct hc_store_ops sqlite_ops = {
	.name = "sqlite",
	.free = sqlite_free,
	.append = sqlite_append,
	.tend = sqlite_tend,
	.read = sqlite_read,
	.read_retained = sqlite_read_retained,
	.read_consumers = sqlite_read_consumers,
	.bytes = sqlite_bytes,
};

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

static int open_all(struct sqlite_store *store)
{
	struct hc_log_start start = { .base = 0 };
	int r;

	hc_epoch_random(start.epoch);
	r = hc_database_open(&store->database, store->path, store->sync, &start);
	if (!r)
		r = hc_readers_open(store->readers);
	if (!r) /* the hub cannot do without: whether they can be read is to be known now */
		r = hc_readers_read_retained(store->readers, pass_row, NULL);
	return r ? r : hc_readers_read_consumers(store->readers, pass_consumer, NULL);
}

/* What follows would be taken for what clients have seen already: so they are told. */
static int renew(struct sqlite_store *store, const char *why)
{
	char before[HC_EPOCH_LEN + 1], epoch[HC_EPOCH_LEN + 1];
	int r;

	strcpy(before, store->database.epoch);
	hc_epoch_random(epoch);
	r = hc_database_renew(&store->database, epoch);
	if (!r)
		hc_err("%s: %s: going on behind %s-%llu with the epoch %s, so that clients are "
		       "told what they miss",
		       store->path, why, before, (unsigned long long)store->database.newest, epoch);
	return r;
}

/* Is it all that was acknowledged? */
static int hear_witness(struct sqlite_store *store)
{
	const struct hc_position *said = &store->witness.said;
	char why[200];

	switch (hc_witness_hear(&store->witness, store->database.epoch, store->database.newest)) {
	case HC_WITNESS_E_LOST:
		(void)snprintf(why, sizeof(why),
			       "acknowledged events, %llu to %llu, are not in it (its files were "
			       "damaged, deleted, or are an older copy)",
			       (unsigned long long)store->database.newest + 1,
			       (unsigned long long)said->sequence);
		return renew(store, why);
	case HC_WITNESS_E_DOUBT:
		return renew(store, "the system went down with it open, and with durability = "
				    "process what was acknowledged last may be lost");
	default:
		return SQLITE_OK;
	}
}

static int open_or_set_aside(struct sqlite_store *store, struct hc_fault *fault)
{
	struct hc_store *base = &store->base;
	int code = open_all(store);
	char damaged[PATH_MAX];

	if (is_damage(code)) {
		hc_readers_close(store->readers);
		hc_database_abandon(&store->database);
		if (hc_files_set_aside(store->path, "is damaged", damaged) < 0 ||
		    hc_files_create(store->path) < 0)
			return explain(store, code, fault);
		code = open_all(store);
		if (!code)
			take_over_consumers(store, damaged);
	}
	if (!code)
		code = hear_witness(store);
	if (code)
		return explain(store, code, fault);
	base->newest = store->database.newest;
	base->oldest = store->database.base + 1;
	hc_witness_begin(&store->witness, store->database.epoch, base->newest);
	store->mount = hc_files_mount(store->path);
	return hc_store_begin_epoch(base, store->database.epoch);
}

static void take_options(struct sqlite_store *store, const struct hc_conf *conf)
{
	uint64_t mark_ms = conf->log.keep_age_ms / MARKS_OF_AGE;

	store->sync = conf->log.durability == HC_DURABILITY_DISK;
	store->keep_age_ms = conf->log.keep_age_ms;
	store->keep_events = conf->log.keep_events;
	store->keep_bytes = conf->log.keep_bytes;
	store->trim_rows = TRIM_ROWS_MIN;
	if (!mark_ms || mark_ms > MARK_MS_MAX)
		mark_ms = MARK_MS_MAX;
	store->database.mark_every_ms = mark_ms < MARK_MS_MIN ? MARK_MS_MIN : mark_ms;
}

int hc_store_sqlite_open(struct hc_store **ret, const struct hc_conf *conf, struct hc_fault *fault)
{
	struct sqlite_store *store = calloc(1, sizeof(*store));
	int r;

	if (!store)
		return -ENOMEM;
	store->witness = HC_WITNESS_NULL;
	take_options(store, conf);
	r = hc_store_init(&store->base, &sqlite_ops);
	if (!r)
		r = hc_files_find(&store->path, conf->log.path, fault);
	if (!r)
		r = take_lock(store, fault);
	if (!r)
		r = hc_files_ready(store->path, fault);
	if (!r)
		r = hc_readers_new(&store->readers, store->path);
	if (!r)
		r = open_or_set_aside(store, fault);
	if (r) {
		(void)sqlite_free(&store->base);
		return r;
	}
	*ret = &store->base;
	return 0;
}
