/* SPDX-License-Identifier: MIT */
/*
 * Ages. A wall clock that is set, by ten years or so, must not make the log forget everything. So
 * its age is counted on CLOCK_BOOTTIME while the hub runs; of the time in between, the wall clock
 * tells, and a day at most is believed. For idempotency keys it is not believed at all: none is
 * forgotten before the hub has run for as long as every key is kept.
 */
#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <unistd.h>

#include "proto/clock.h"
#include "ws/log/checksum.h"
#include "ws/log/database.h"

#define BUSY_TIMEOUT_MS	  500 /* for a database that somebody else has locked */
#define AWAY_MS_MAX	  (24 * 60 * 60 * 1000)
#define CLOCK_EVERY_MS	  (60 * 60 * 1000) /* it is noted, also if there is nothing to mark */
#define KEY_KEPT_MS	  (60 * 60 * 1000) /* how long an idempotency key is remembered */
#define KEY_KEPT_MS_MIN	  (10 * 60 * 1000) /* and if there are more than KEYS_MAX */
#define KEYS_MAX	  200000
#define KEYS_STEP	  500
#define KEY_BYTES	  256		     /* of pages, roughly: measured 210 to 260 */
#define JOURNAL_BYTES_MAX (16 * 1024 * 1024) /* that the file beside the database keeps */
#define FREE_BYTES_KEPT	  (8 * 1024 * 1024)  /* of free pages, which are used again */
#define FREE_PART_KEPT	  4		     /* one part in that, if it is more */
#define CHECK_STEPS	  1000 /* of the virtual machine between two looks at the clock */

static const char *const statements[HC_DATABASE_STATEMENTS_] = {
	[HC_DATABASE_BEGIN] = "BEGIN IMMEDIATE",
	[HC_DATABASE_COMMIT] = "COMMIT",
	[HC_DATABASE_ROLLBACK] = "ROLLBACK",
	[HC_DATABASE_INSERT_EVENT] = "INSERT INTO events (sequence, type, addressee, body,"
				     " checksum) VALUES (?, ?, ?, ?, ?)",
	[HC_DATABASE_SET_RETAINED] =
		"INSERT OR REPLACE INTO retained (type, key, sequence, body, checksum)"
		" VALUES (?, ?, ?, ?, ?)",
	[HC_DATABASE_CLEAR_RETAINED] = "DELETE FROM retained WHERE type = ? AND key = ?",
	[HC_DATABASE_CLEAR_STATE] = "DELETE FROM retained",
	[HC_DATABASE_FIND_KEY] = "SELECT digest, first_sequence FROM keys WHERE key = ?",
	[HC_DATABASE_INSERT_KEY] = "INSERT INTO keys (key, digest, first_sequence, clock_ms) "
				   "VALUES (?, ?, ?, ?)",
	[HC_DATABASE_DELETE_KEYS] = "DELETE FROM keys WHERE key IN (SELECT key FROM keys "
				    "WHERE clock_ms < ? ORDER BY clock_ms LIMIT ?)",
	[HC_DATABASE_SET_CONSUMER] =
		"INSERT OR REPLACE INTO consumers (name, owner, epoch, sequence, created_unix_ms,"
		" acknowledged_unix_ms) VALUES (?, ?, ?, ?, ?, ?)",
	[HC_DATABASE_DELETE_CONSUMER] = "DELETE FROM consumers WHERE name = ?",
	[HC_DATABASE_INSERT_MARK] =
		"INSERT OR REPLACE INTO marks (sequence, clock_ms) VALUES (?, ?)",
	[HC_DATABASE_FIND_MARK] = "SELECT max(sequence) FROM marks WHERE clock_ms <= ?",
	[HC_DATABASE_DELETE_MARKS] = "DELETE FROM marks WHERE sequence <= ?",
	[HC_DATABASE_DELETE_EVENTS] = "DELETE FROM events WHERE sequence <= ?",
	[HC_DATABASE_SET_BASE] = "UPDATE about SET base = ?",
	[HC_DATABASE_SET_CLOCK] = "UPDATE about SET clock_ms = ?, wall_unix_ms = ?",
	[HC_DATABASE_COUNT_PAGES] = "PRAGMA page_count",
	[HC_DATABASE_COUNT_FREE_PAGES] = "PRAGMA freelist_count",
	[HC_DATABASE_SHRINK] = "PRAGMA incremental_vacuum(64)", /* pages: a few milliseconds */
};

/* ---- statements --------------------------------------------------------------------------- */

static void bind_text(sqlite3_stmt *stmt, int at, struct hc_str text)
{
	if (text.s && text.len)
		sqlite3_bind_text(stmt, at, text.s, (int)text.len, SQLITE_STATIC);
	else
		sqlite3_bind_text(stmt, at, "", 0, SQLITE_STATIC);
}

static void bind_blob(sqlite3_stmt *stmt, int at, struct hc_str bytes)
{
	sqlite3_bind_blob(stmt, at, bytes.s, (int)bytes.len, SQLITE_STATIC);
}

static struct hc_str column_bytes(sqlite3_stmt *stmt, int at)
{
	const void *bytes = sqlite3_column_blob(stmt, at);

	return (struct hc_str){ bytes, (size_t)sqlite3_column_bytes(stmt, at) };
}

/* Runs a statement that returns no rows. */
static int run(struct hc_database *database, enum hc_database_statement which)
{
	sqlite3_stmt *stmt = database->stmts[which];
	int r = sqlite3_step(stmt);

	sqlite3_reset(stmt);
	return r == SQLITE_DONE ? SQLITE_OK : r;
}

static int run_with(struct hc_database *database, enum hc_database_statement which, uint64_t value)
{
	sqlite3_bind_int64(database->stmts[which], 1, (sqlite3_int64)value);
	return run(database, which);
}

/* The first column of the first row; nothing counts as 0. */
static int ask(struct hc_database *database, enum hc_database_statement which, uint64_t *ret)
{
	sqlite3_stmt *stmt = database->stmts[which];
	int r = sqlite3_step(stmt);

	if (r == SQLITE_ROW) {
		*ret = (uint64_t)sqlite3_column_int64(stmt, 0);
		r = SQLITE_OK;
	}
	sqlite3_reset(stmt);
	return r;
}

/* Ends a transaction well or, if something in it has failed, not at all. */
static int finish(struct hc_database *database, int r)
{
	if (!r)
		r = run(database, HC_DATABASE_COMMIT);
	if (r && !sqlite3_get_autocommit(database->db))
		(void)run(database, HC_DATABASE_ROLLBACK); /* some errors have done it already */
	return r;
}

/* ---- the clock ---------------------------------------------------------------------------- */

static int64_t clock_ms(const struct hc_database *database)
{
	return database->clock_began_ms +
	       (int64_t)(hc_boottime_ns() / 1000000 - database->clock_began_boot_ms);
}

static void start_clock(struct hc_database *database, int64_t left_at_ms, int64_t wall_unix_ms)
{
	int64_t away_ms = hc_now_unix_ms() - wall_unix_ms;

	if (away_ms < 0)
		away_ms = 0;
	database->clock_began_ms = left_at_ms + (away_ms < AWAY_MS_MAX ? away_ms : AWAY_MS_MAX);
	database->clock_began_boot_ms = hc_boottime_ns() / 1000000;
	database->clock_set_ms = database->clock_began_ms;
}

static int set_clock(struct hc_database *database, int64_t now_ms)
{
	int r;

	sqlite3_bind_int64(database->stmts[HC_DATABASE_SET_CLOCK], 2, hc_now_unix_ms());
	r = run_with(database, HC_DATABASE_SET_CLOCK, (uint64_t)now_ms);
	if (!r)
		database->clock_set_ms = now_ms;
	return r;
}

int hc_database_set_clock(struct hc_database *database)
{
	return set_clock(database, clock_ms(database));
}

static bool is_time_to_mark(const struct hc_database *database, uint64_t newest, int64_t now_ms)
{
	return newest > database->marked &&
	       now_ms - database->marked_clock_ms >= (int64_t)database->mark_every_ms;
}

/* Within a transaction. */
static int insert_mark(struct hc_database *database, uint64_t newest, int64_t now_ms)
{
	int r = set_clock(database, now_ms);

	sqlite3_bind_int64(database->stmts[HC_DATABASE_INSERT_MARK], 2, now_ms);
	return r ? r : run_with(database, HC_DATABASE_INSERT_MARK, newest);
}

int hc_database_mark(struct hc_database *database)
{
	int64_t now_ms = clock_ms(database);
	int r;

	if (!is_time_to_mark(database, database->newest, now_ms))
		return now_ms - database->clock_set_ms < CLOCK_EVERY_MS
			       ? SQLITE_OK
			       : set_clock(database, now_ms);
	r = run(database, HC_DATABASE_BEGIN);
	if (!r)
		r = finish(database, insert_mark(database, database->newest, now_ms));
	if (!r) {
		database->marked = database->newest;
		database->marked_clock_ms = now_ms;
	}
	return r;
}

int hc_database_aged(struct hc_database *database, uint64_t age_ms, uint64_t *ret_sequence)
{
	sqlite3_stmt *stmt = database->stmts[HC_DATABASE_FIND_MARK];

	sqlite3_bind_int64(stmt, 1, clock_ms(database) - (sqlite3_int64)age_ms);
	return ask(database, HC_DATABASE_FIND_MARK, ret_sequence);
}

/* ---- append ------------------------------------------------------------------------------- */

static uint32_t checksum(const struct hc_record *record, struct hc_str to)
{
	return hc_checksum(record->sequence, hc_str(record->type->name), to, record->body);
}

static int insert_event(struct hc_database *database, const struct hc_record *record)
{
	sqlite3_stmt *stmt = database->stmts[HC_DATABASE_INSERT_EVENT];

	sqlite3_bind_int64(stmt, 1, (sqlite3_int64)record->sequence);
	bind_text(stmt, 2, hc_str(record->type->name));
	if (record->to.len)
		bind_text(stmt, 3, record->to);
	else
		sqlite3_bind_null(stmt, 3);
	bind_blob(stmt, 4, record->body);
	sqlite3_bind_int64(stmt, 5, checksum(record, record->to));
	return run(database, HC_DATABASE_INSERT_EVENT);
}

static int retain(struct hc_database *database, const struct hc_record *record)
{
	sqlite3_stmt *stmt = database->stmts[HC_DATABASE_SET_RETAINED];

	bind_text(stmt, 1, hc_str(record->type->name));
	bind_text(stmt, 2, record->state_key);
	sqlite3_bind_int64(stmt, 3, (sqlite3_int64)record->sequence);
	bind_blob(stmt, 4, record->body);
	sqlite3_bind_int64(stmt, 5, checksum(record, HC_STR("")));
	return run(database, HC_DATABASE_SET_RETAINED);
}

static int clear_retained(struct hc_database *database, const struct hc_record *record)
{
	sqlite3_stmt *stmt = database->stmts[HC_DATABASE_CLEAR_RETAINED];

	bind_text(stmt, 1, hc_str(record->type->clears->name));
	bind_text(stmt, 2, record->state_key);
	return run(database, HC_DATABASE_CLEAR_RETAINED);
}

static void repeat(struct hc_batch *batch, struct hc_str digest, uint64_t sequence)
{
	batch->result = HC_BATCH_E_CONFLICT;
	if (digest.len != sizeof(batch->digest) || memcmp(digest.s, batch->digest, digest.len) != 0)
		return;
	batch->result = HC_BATCH_REPEATED;
	for (size_t i = 0; i < batch->n; i++)
		if (hc_record_is_logged(batch->records[i]))
			batch->records[i]->sequence = sequence++;
}

/* Answers a batch whose key is known; *ret_known says whether it is. */
static int repeat_if_known(struct hc_database *database, struct hc_batch *batch, bool *ret_known)
{
	sqlite3_stmt *stmt = database->stmts[HC_DATABASE_FIND_KEY];
	int r;

	*ret_known = false;
	if (!batch->key[0])
		return SQLITE_OK;
	bind_text(stmt, 1, hc_str(batch->key));
	r = sqlite3_step(stmt);
	if (r == SQLITE_ROW) {
		*ret_known = true;
		repeat(batch, column_bytes(stmt, 0), (uint64_t)sqlite3_column_int64(stmt, 1));
	}
	sqlite3_reset(stmt);
	return r == SQLITE_ROW || r == SQLITE_DONE ? SQLITE_OK : r;
}

static int insert_key(struct hc_database *database, const struct hc_batch *batch, uint64_t first)
{
	sqlite3_stmt *stmt = database->stmts[HC_DATABASE_INSERT_KEY];

	bind_text(stmt, 1, hc_str(batch->key));
	bind_blob(stmt, 2, (struct hc_str){ (const char *)batch->digest, sizeof(batch->digest) });
	sqlite3_bind_int64(stmt, 3, (sqlite3_int64)first);
	sqlite3_bind_int64(stmt, 4, clock_ms(database));
	return run(database, HC_DATABASE_INSERT_KEY);
}

static int insert_record(struct hc_database *database, struct hc_record *record, uint64_t sequence)
{
	int r;

	record->sequence = sequence;
	r = insert_event(database, record);
	if (r || record->to.len)
		return r;
	if (record->type->retained_key)
		r = retain(database, record);
	if (!r && record->type->clears)
		r = clear_retained(database, record);
	return r;
}

/* What a transaction has given out so far. */
struct progress {
	uint64_t newest;
	uint64_t n_keys;
};

static int insert_events(struct hc_database *database, struct hc_batch *batch,
			 struct progress *progress)
{
	bool known;
	int r = repeat_if_known(database, batch, &known);

	if (r || known)
		return r;
	hc_batch_take(batch);
	if (batch->key[0]) {
		r = insert_key(database, batch, progress->newest + 1);
		progress->n_keys++;
	}
	for (size_t i = 0; i < batch->n && !r; i++)
		if (hc_record_is_logged(batch->records[i]))
			r = insert_record(database, batch->records[i], ++progress->newest);
	batch->result = HC_BATCH_OK_;
	return r;
}

static int replace_state(struct hc_database *database, struct hc_batch *batch)
{
	int r = run(database, HC_DATABASE_CLEAR_STATE);

	for (size_t i = 0; i < batch->n && !r; i++)
		if (hc_record_is_logged(batch->records[i]))
			r = retain(database, batch->records[i]);
	batch->result = HC_BATCH_OK_;
	return r;
}

static int set_consumer(struct hc_database *database, struct hc_batch *batch)
{
	const struct hc_consumer_row *row = batch->consumer;
	enum hc_database_statement which =
		row->is_gone ? HC_DATABASE_DELETE_CONSUMER : HC_DATABASE_SET_CONSUMER;
	sqlite3_stmt *stmt = database->stmts[which];

	bind_text(stmt, 1, hc_str(row->name));
	if (!row->is_gone) {
		bind_text(stmt, 2, hc_str(row->owner));
		bind_text(stmt, 3, hc_str(row->position.epoch));
		sqlite3_bind_int64(stmt, 4, (sqlite3_int64)row->position.sequence);
		sqlite3_bind_int64(stmt, 5, row->created_unix_ms);
		sqlite3_bind_int64(stmt, 6, row->acknowledged_unix_ms);
	}
	batch->result = HC_BATCH_OK_;
	return run(database, which);
}

static int insert_batch(struct hc_database *database, struct hc_batch *batch,
			struct progress *progress)
{
	switch (batch->kind) {
	case HC_BATCH_STATE:
		return replace_state(database, batch);
	case HC_BATCH_CONSUMER:
		return set_consumer(database, batch);
	default:
		return insert_events(database, batch, progress);
	}
}

int hc_database_append(struct hc_database *database, struct hc_batch **batches, size_t n)
{
	struct progress progress = { database->newest, 0 };
	int64_t now_ms = clock_ms(database);
	int r = run(database, HC_DATABASE_BEGIN);
	bool marks;

	if (r)
		return r;
	for (size_t i = 0; i < n && !r; i++)
		r = insert_batch(database, batches[i], &progress);
	marks = !r && is_time_to_mark(database, progress.newest, now_ms);
	if (marks)
		r = insert_mark(database, progress.newest, now_ms);
	r = finish(database, r);
	if (r)
		return r;
	database->newest = progress.newest;
	database->n_keys += progress.n_keys;
	if (marks) {
		database->marked = progress.newest;
		database->marked_clock_ms = now_ms;
	}
	return SQLITE_OK;
}

/* ---- tidying up --------------------------------------------------------------------------- */

int hc_database_trim(struct hc_database *database, uint64_t until)
{
	int r = run(database, HC_DATABASE_BEGIN);

	if (r)
		return r;
	r = run_with(database, HC_DATABASE_DELETE_EVENTS, until);
	if (!r)
		r = run_with(database, HC_DATABASE_DELETE_MARKS, until);
	if (!r)
		r = run_with(database, HC_DATABASE_SET_BASE, until);
	r = finish(database, r);
	if (!r)
		database->base = until;
	return r;
}

int hc_database_cut(struct hc_database *database, uint64_t newest)
{
	char sql[200];
	int r;

	(void)snprintf(sql, sizeof(sql),
		       "BEGIN IMMEDIATE; DELETE FROM events WHERE sequence > %llu;"
		       " DELETE FROM marks WHERE sequence > %llu;"
		       " DELETE FROM keys WHERE first_sequence > %llu; COMMIT",
		       (unsigned long long)newest, (unsigned long long)newest,
		       (unsigned long long)newest);
	r = sqlite3_exec(database->db, sql, NULL, NULL, NULL);
	if (r && !sqlite3_get_autocommit(database->db))
		(void)run(database, HC_DATABASE_ROLLBACK); /* the first error counts */
	if (!r)
		database->newest = newest;
	return r;
}

int hc_database_renew(struct hc_database *database, const char *epoch)
{
	char sql[80];
	int r;

	(void)snprintf(sql, sizeof(sql), "UPDATE about SET epoch = '%.*s'", HC_EPOCH_LEN, epoch);
	r = sqlite3_exec(database->db, sql, NULL, NULL, NULL);
	if (!r)
		r = hc_database_checkpoint(database, true); /* which syncs, whatever commits do */
	if (!r)
		memcpy(database->epoch, epoch, HC_EPOCH_LEN);
	return r;
}

int hc_database_forget_keys(struct hc_database *database, bool *ret_more)
{
	sqlite3_stmt *stmt = database->stmts[HC_DATABASE_DELETE_KEYS];
	int64_t now_ms = clock_ms(database), kept_ms = KEY_KEPT_MS;
	uint64_t n;
	int r;

	*ret_more = false;
	if (database->n_keys > KEYS_MAX)
		kept_ms = KEY_KEPT_MS_MIN; /* nor do they become ever more if the hub keeps dying */
	else if (!database->n_keys || now_ms - database->clock_began_ms < KEY_KEPT_MS_MIN)
		return SQLITE_OK;
	sqlite3_bind_int64(stmt, 1, now_ms - kept_ms);
	sqlite3_bind_int64(stmt, 2, KEYS_STEP);
	r = run(database, HC_DATABASE_DELETE_KEYS);
	if (r)
		return r;
	n = (uint64_t)sqlite3_changes(database->db);
	database->n_keys -= n < database->n_keys ? n : database->n_keys;
	*ret_more = n == KEYS_STEP;
	return SQLITE_OK;
}

static int count_pages(struct hc_database *database, uint64_t *ret_all, uint64_t *ret_free)
{
	int r = ask(database, HC_DATABASE_COUNT_PAGES, ret_all);

	return r ? r : ask(database, HC_DATABASE_COUNT_FREE_PAGES, ret_free);
}

int hc_database_bytes(struct hc_database *database, uint64_t *ret)
{
	uint64_t n_pages = 0, n_free = 0, bytes, keys_bytes = database->n_keys * KEY_BYTES;
	int r = count_pages(database, &n_pages, &n_free);

	if (r)
		return r;
	bytes = n_pages > n_free ? (n_pages - n_free) * database->page_bytes : 0;
	*ret = bytes > keys_bytes ? bytes - keys_bytes : 0;
	return SQLITE_OK;
}

int hc_database_shrink(struct hc_database *database, bool *ret_more)
{
	sqlite3_stmt *stmt = database->stmts[HC_DATABASE_SHRINK];
	uint64_t n_pages = 0, n_free = 0;
	int r = count_pages(database, &n_pages, &n_free);

	if (r || !database->can_shrink || n_free * database->page_bytes < FREE_BYTES_KEPT ||
	    n_free < n_pages / FREE_PART_KEPT)
		return r;
	while ((r = sqlite3_step(stmt)) == SQLITE_ROW) /* a page each */
		;
	sqlite3_reset(stmt);
	*ret_more = r == SQLITE_DONE;
	return r == SQLITE_DONE ? SQLITE_OK : r;
}

int hc_database_checkpoint(struct hc_database *database, bool all)
{
	int n_pages = 0, n_moved = 0, r;

	sqlite3_busy_timeout(database->db, 0); /* commits wait for this: it waits for nobody */
	r = sqlite3_wal_checkpoint_v2(database->db, NULL,
				      all ? SQLITE_CHECKPOINT_TRUNCATE : SQLITE_CHECKPOINT_PASSIVE,
				      &n_pages, &n_moved);
	sqlite3_busy_timeout(database->db, BUSY_TIMEOUT_MS);
	if (!r && n_moved >= n_pages)
		database->wal_pages = 0; /* the next commit begins that file anew */
	return r;
}

/* ---- is it well --------------------------------------------------------------------------- */

/* SQLite asks only for the database itself; what is written goes to the file beside it first. */
enum hc_database_move hc_database_has_moved(struct hc_database *database)
{
	const char *path = sqlite3_db_filename(database->db, "main");
	int moved = 0;

	if (!sqlite3_file_control(database->db, NULL, SQLITE_FCNTL_HAS_MOVED, &moved) && moved)
		return HC_DATABASE_MOVED;
	if (database->wal_pages && access(sqlite3_filename_wal(path), F_OK) < 0 && errno == ENOENT)
		return HC_DATABASE_WIDOWED;
	return HC_DATABASE_STAYS;
}

int hc_database_try(struct hc_database *database)
{
	int r;

	sqlite3_busy_timeout(database->db, 0);
	r = run(database, HC_DATABASE_BEGIN);
	sqlite3_busy_timeout(database->db, BUSY_TIMEOUT_MS);
	return finish(database, r);
}

int hc_database_try_to_write(struct hc_database *database, size_t len)
{
	char sql[160];
	int r;

	(void)snprintf(sql, sizeof(sql),
		       "BEGIN IMMEDIATE; INSERT INTO keys (key, digest, first_sequence, clock_ms)"
		       " VALUES ('', zeroblob(%zu), 0, 0)",
		       len);
	r = sqlite3_exec(database->db, sql, NULL, NULL, NULL);
	if (!r)
		r = sqlite3_db_cacheflush(database->db); /* into the file beside it */
	if (!sqlite3_get_autocommit(database->db))
		(void)run(database, HC_DATABASE_ROLLBACK); /* it is for trying only */
	return r;
}

static int is_over(void *context)
{
	const uint64_t *deadline_ns = context;

	return hc_monotonic_ns() > *deadline_ns;
}

static int take_verdict(void *context, int n_columns, char **values, char **names)
{
	bool *is_well = context;

	(void)n_columns;
	(void)names;
	*is_well = values[0] && !strcmp(values[0], "ok");
	return 0;
}

int hc_database_check(struct hc_database *database, uint64_t ms_max)
{
	uint64_t deadline_ns = hc_monotonic_ns() + ms_max * 1000000;
	bool is_well = false;
	int r;

	sqlite3_progress_handler(database->db, CHECK_STEPS, is_over, &deadline_ns);
	r = sqlite3_exec(database->db, "PRAGMA quick_check(1)", take_verdict, &is_well, NULL);
	sqlite3_progress_handler(database->db, 0, NULL, NULL);
	return r || is_well ? r : SQLITE_CORRUPT;
}

int hc_database_cause(struct sqlite3 *db, int code)
{
	sqlite3_file *file = NULL;
	int database_errno = 0, file_errno = 0;

	if ((code & 0xff) != SQLITE_CORRUPT || !db)
		return code;
	(void)sqlite3_file_control(db, NULL, SQLITE_FCNTL_LAST_ERRNO, &database_errno);
	/* The file beside it, which is where newer pages are. */
	if (!sqlite3_file_control(db, NULL, SQLITE_FCNTL_JOURNAL_POINTER, &file) && file->pMethods)
		(void)file->pMethods->xFileControl(file, SQLITE_FCNTL_LAST_ERRNO, &file_errno);
	return database_errno == EIO || file_errno == EIO ? SQLITE_IOERR_READ : code;
}

bool hc_database_is_full(const struct hc_database *database, int code)
{
	int error = database->db ? sqlite3_system_errno(database->db) : 0;

	if ((code & 0xff) == SQLITE_FULL || code == SQLITE_IOERR_SHMSIZE)
		return true;
	return (code & 0xff) == SQLITE_IOERR && (error == ENOSPC || error == EDQUOT);
}

const char *hc_database_error(const struct hc_database *database, int code)
{
	if (hc_database_is_full(database, code))
		return sqlite3_errstr(SQLITE_FULL);
	if (database->db && sqlite3_extended_errcode(database->db) == code)
		return sqlite3_errmsg(database->db);
	return sqlite3_errstr(code);
}

/* ---- open --------------------------------------------------------------------------------- */

static int query(struct hc_database *database, const char *sql, uint64_t *ret)
{
	sqlite3_stmt *stmt = NULL;
	int r = sqlite3_prepare_v2(database->db, sql, -1, &stmt, NULL);

	if (!r) {
		r = sqlite3_step(stmt);
		if (r == SQLITE_ROW) {
			*ret = (uint64_t)sqlite3_column_int64(stmt, 0);
			r = SQLITE_OK;
		}
	}
	sqlite3_finalize(stmt);
	return r;
}

static bool is_epoch(struct hc_str text)
{
	struct hc_position position;
	char buffer[HC_POSITION_MAX];

	if (text.len != HC_EPOCH_LEN)
		return false;
	(void)snprintf(buffer, sizeof(buffer), "%.*s-0", HC_EPOCH_LEN, text.s);
	return hc_position_parse(&position, hc_str(buffer));
}

static int read_about(struct hc_database *database)
{
	sqlite3_stmt *stmt = NULL;
	int r = sqlite3_prepare_v2(database->db,
				   "SELECT epoch, base, clock_ms, wall_unix_ms FROM about", -1,
				   &stmt, NULL);

	if (!r)
		r = sqlite3_step(stmt);
	if (r == SQLITE_ROW && is_epoch(column_bytes(stmt, 0))) {
		memcpy(database->epoch, column_bytes(stmt, 0).s, HC_EPOCH_LEN);
		database->base = (uint64_t)sqlite3_column_int64(stmt, 1);
		start_clock(database, sqlite3_column_int64(stmt, 2), sqlite3_column_int64(stmt, 3));
		r = SQLITE_OK;
	} else if (r == SQLITE_ROW || r == SQLITE_DONE) {
		r = SQLITE_CORRUPT;
	}
	sqlite3_finalize(stmt);
	return r;
}

static int read_bounds(struct hc_database *database)
{
	uint64_t newest = 0;
	int r = query(database, "SELECT max(sequence) FROM events", &newest);

	database->newest = newest > database->base ? newest : database->base;
	if (!r)
		r = query(database, "SELECT max(sequence) FROM marks", &database->marked);
	if (!r)
		r = query(database, "SELECT count(*) FROM keys", &database->n_keys);
	if (!r)
		r = query(database, "PRAGMA page_size", &database->page_bytes);
	database->marked_clock_ms = clock_ms(database);
	return r;
}

static int prepare_all(struct hc_database *database)
{
	int r = SQLITE_OK;

	for (int i = 0; i < HC_DATABASE_STATEMENTS_ && !r; i++)
		r = sqlite3_prepare_v3(database->db, statements[i], -1, SQLITE_PREPARE_PERSISTENT,
				       &database->stmts[i], NULL);
	return r;
}

static int on_commit(void *context, sqlite3 *db, const char *name, int n_pages)
{
	struct hc_database *database = context;

	(void)db;
	(void)name;
	database->wal_pages = (unsigned int)n_pages;
	return SQLITE_OK;
}

static int open_connection(struct hc_database *database, const char *path)
{
	int r = sqlite3_open_v2(path, &database->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX,
				NULL);

	if (r)
		return r;
	sqlite3_extended_result_codes(database->db, 1);
	sqlite3_busy_timeout(database->db, BUSY_TIMEOUT_MS);
	/* In the place of SQLite's own checkpoints, which would be a part of some commit. */
	(void)sqlite3_wal_hook(database->db, on_commit, database);
	/* It opens for reading what may not be written, which is of no use. */
	return sqlite3_db_readonly(database->db, "main") ? SQLITE_READONLY : SQLITE_OK;
}

/* The first one counts only before there is anything in it. */
static int set_up(struct hc_database *database, bool sync)
{
	uint64_t auto_vacuum = 0;
	char sql[200];
	int r;

	(void)snprintf(sql, sizeof(sql),
		       "PRAGMA auto_vacuum = INCREMENTAL; PRAGMA journal_mode = WAL;"
		       " PRAGMA synchronous = %s; PRAGMA journal_size_limit = %d",
		       sync ? "FULL" : "NORMAL", JOURNAL_BYTES_MAX);
	r = sqlite3_exec(database->db, sql, NULL, NULL, NULL);
	if (!r)
		r = query(database, "PRAGMA auto_vacuum", &auto_vacuum);
	database->can_shrink = auto_vacuum == 2;
	return r;
}

/*
 * A hub that was killed may have written a commit and not synced it. From now on it is shown, and
 * answered to whoever repeats it, so it must stay. SQLite keeps no locks on that file, which one
 * more descriptor could take with it.
 */
static int sync_what_is_left(const struct hc_database *database)
{
	const char *path = sqlite3_filename_wal(sqlite3_db_filename(database->db, "main"));
	HC_CLEANUP(hc_closep) int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return errno == ENOENT ? SQLITE_OK : SQLITE_CANTOPEN;
	return fdatasync(fd) < 0 ? SQLITE_IOERR_FSYNC : SQLITE_OK;
}

int hc_database_open(struct hc_database *database, const char *path, bool sync,
		     const struct hc_log_start *start)
{
	uint64_t mark_every_ms = database->mark_every_ms;
	int version, r;

	*database = (struct hc_database){ .mark_every_ms = mark_every_ms };
	r = open_connection(database, path);
	if (!r)
		r = hc_migration_look(database->db, &version);
	if (!r && sync)
		r = sync_what_is_left(database);
	if (!r)
		r = set_up(database, sync);
	if (!r)
		r = hc_migrate(database->db, start);
	if (!r)
		r = read_about(database);
	if (!r)
		r = read_bounds(database);
	return r ? r : prepare_all(database);
}

void hc_database_close(struct hc_database *database)
{
	for (int i = 0; i < HC_DATABASE_STATEMENTS_; i++) {
		sqlite3_finalize(database->stmts[i]);
		database->stmts[i] = NULL;
	}
	sqlite3_close(database->db);
	database->db = NULL;
}

void hc_database_abandon(struct hc_database *database)
{
	if (database->db)
		(void)sqlite3_db_config(database->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	hc_database_close(database);
}
