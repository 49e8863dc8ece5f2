/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <unistd.h>

#include "ws/log/database.h"
#include "ws/log/rows.h"
#include "ws/log/sql.h"

#define JOURNAL_BYTES_MAX (16 * 1024 * 1024) /* that the file beside the database keeps */
#define FREE_BYTES_KEPT	  (8 * 1024 * 1024)  /* of free pages, which are used again */
#define FREE_PART_KEPT	  4		     /* one part in that, if it is more */

/* ---- open --------------------------------------------------------------------------------- */

static bool is_epoch(struct hc_str text)
{
	struct hc_position position;
	char buffer[HC_POSITION_MAX];

	if (text.len != HC_EPOCH_LEN)
		return false;
	(void)snprintf(buffer, sizeof(buffer), "%.*s-0", HC_EPOCH_LEN, text.s);
	return hc_position_parse(&position, hc_str(buffer));
}

static int read_about(struct hc_database *database, uint64_t keep_age_ms)
{
	sqlite3_stmt *stmt = NULL;
	int r = sqlite3_prepare_v2(database->db,
				   "SELECT epoch, base, clock_ms, wall_unix_ms FROM about", -1,
				   &stmt, NULL);

	if (!r)
		r = sqlite3_step(stmt);
	if (r == SQLITE_ROW && is_epoch(hc_sql_column(stmt, 0))) {
		memcpy(database->epoch, hc_sql_column(stmt, 0).s, HC_EPOCH_LEN);
		database->base = (uint64_t)sqlite3_column_int64(stmt, 1);
		hc_age_start(&database->age, keep_age_ms, sqlite3_column_int64(stmt, 2),
			     sqlite3_column_int64(stmt, 3));
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
	int r = hc_sql_ask(database->db, "SELECT max(sequence) FROM events", &newest);

	database->newest = newest > database->base ? newest : database->base;
	if (!r)
		r = hc_sql_ask(database->db, "SELECT max(sequence) FROM marks",
			       &database->age.last.sequence);
	if (!r)
		r = hc_sql_ask(database->db, "SELECT count(*) FROM keys", &database->keys.n);
	if (!r)
		r = hc_sql_ask(database->db, "PRAGMA page_size", &database->page_bytes);
	database->age.last.clock_ms = hc_age_now_ms(&database->age);
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
	int r = hc_sql_open(&database->db, path, SQLITE_OPEN_READWRITE);

	if (r)
		return r;
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
		r = hc_sql_ask(database->db, "PRAGMA auto_vacuum", &auto_vacuum);
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

int hc_database_open(struct hc_database *database, const char *path,
		     const struct hc_database_options *options, const struct hc_log_start *start)
{
	int version, r;

	*database = (struct hc_database){
		.keys.statements = &database->statements,
		.age.statements = &database->statements,
	};
	r = open_connection(database, path);
	if (!r)
		r = hc_migration_look(database->db, &version);
	if (!r && options->sync)
		r = sync_what_is_left(database);
	if (!r)
		r = set_up(database, options->sync);
	if (!r)
		r = hc_migrate(database->db, start);
	if (!r)
		r = read_about(database, options->keep_age_ms);
	if (!r)
		r = read_bounds(database);
	return r ? r : hc_statements_prepare(&database->statements, database->db);
}

void hc_database_close(struct hc_database *database)
{
	hc_statements_finalize(&database->statements);
	sqlite3_close(database->db);
	database->db = NULL;
}

void hc_database_abandon(struct hc_database *database)
{
	if (database->db)
		(void)sqlite3_db_config(database->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	hc_database_close(database);
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

/* ---- append ------------------------------------------------------------------------------- */

/* What a transaction has given out so far. */
struct progress {
	uint64_t newest;
	uint64_t n_keys;
	int64_t now_ms; /* on the log's clock, when it began */
};

static int insert_events(struct hc_database *database, struct hc_batch *batch,
			 struct progress *progress)
{
	struct hc_statements *statements = &database->statements;
	bool known;
	int r = hc_keys_answer(&database->keys, batch, &known);

	if (r || known)
		return r;
	hc_batch_take(batch);
	if (batch->key[0]) {
		r = hc_keys_insert(&database->keys, batch, progress->newest + 1, progress->now_ms);
		progress->n_keys++;
	}
	for (size_t i = 0; i < batch->n && !r; i++) {
		struct hc_record *record = batch->records[i];

		if (!hc_record_is_logged(record))
			continue;
		record->sequence = ++progress->newest;
		r = hc_rows_insert_event(statements, record);
	}
	batch->result = HC_BATCH_OK_;
	return r;
}

static int insert_batch(struct hc_database *database, struct hc_batch *batch,
			struct progress *progress)
{
	if (batch->kind == HC_BATCH_EVENTS)
		return insert_events(database, batch, progress);
	batch->result = HC_BATCH_OK_;
	if (batch->kind == HC_BATCH_STATE)
		return hc_rows_replace_state(&database->statements, batch);
	return hc_rows_set_consumer(&database->statements, batch->consumer);
}

int hc_database_append(struct hc_database *database, struct hc_batch **batches, size_t n)
{
	struct hc_statements *statements = &database->statements;
	struct hc_age *age = &database->age;
	struct progress progress = { database->newest, 0, hc_age_now_ms(age) };
	struct hc_mark mark;
	int r = hc_statements_run(statements, HC_STATEMENT_BEGIN);
	bool marks;

	if (r)
		return r;
	for (size_t i = 0; i < n && !r; i++)
		r = insert_batch(database, batches[i], &progress);
	mark = (struct hc_mark){ progress.newest, progress.now_ms };
	marks = !r && hc_age_wants(age, mark);
	if (marks)
		r = hc_age_insert(age, mark);
	r = hc_statements_end(statements, r);
	if (r)
		return r;
	database->newest = progress.newest;
	database->keys.n += progress.n_keys;
	if (marks)
		age->last = mark;
	return SQLITE_OK;
}

/* ---- forget ------------------------------------------------------------------------------- */

int hc_database_trim(struct hc_database *database, uint64_t until)
{
	int r = hc_statements_run(&database->statements, HC_STATEMENT_BEGIN);

	if (r)
		return r;
	r = hc_statements_run_with(&database->statements, HC_STATEMENT_DELETE_EVENTS, until);
	if (!r)
		r = hc_statements_run_with(&database->statements, HC_STATEMENT_DELETE_MARKS, until);
	if (!r)
		r = hc_statements_run_with(&database->statements, HC_STATEMENT_SET_BASE, until);
	r = hc_statements_end(&database->statements, r);
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
	if (r)
		hc_statements_roll_back(&database->statements);
	else
		database->newest = newest;
	return r;
}

/* ---- room --------------------------------------------------------------------------------- */

static int count_pages(struct hc_database *database, uint64_t *ret_all, uint64_t *ret_free)
{
	int r = hc_statements_ask(&database->statements, HC_STATEMENT_COUNT_PAGES, ret_all);

	return r ? r
		 : hc_statements_ask(&database->statements, HC_STATEMENT_COUNT_FREE_PAGES,
				     ret_free);
}

int hc_database_bytes(struct hc_database *database, uint64_t *ret)
{
	uint64_t n_pages = 0, n_free = 0, bytes;
	uint64_t keys_bytes = hc_keys_bytes(&database->keys);
	int r = count_pages(database, &n_pages, &n_free);

	if (r)
		return r;
	bytes = n_pages > n_free ? (n_pages - n_free) * database->page_bytes : 0;
	*ret = bytes > keys_bytes ? bytes - keys_bytes : 0;
	return SQLITE_OK;
}

int hc_database_shrink(struct hc_database *database, bool *ret_more)
{
	sqlite3_stmt *stmt = database->statements.all[HC_STATEMENT_SHRINK];
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
	sqlite3_busy_timeout(database->db, HC_SQL_BUSY_TIMEOUT_MS);
	if (!r && n_moved >= n_pages)
		database->wal_pages = 0; /* the next commit begins that file anew */
	return r;
}
