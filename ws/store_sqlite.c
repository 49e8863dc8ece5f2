/* SPDX-License-Identifier: MIT */
/*
 * The store in an SQLite database in WAL mode.
 *
 * One connection writes and checkpoints, on the writer thread; one other only reads, for whoever
 * holds its lock. (SQLite before 3.51.3 can corrupt a database that two connections checkpoint: see
 * sqlite.org/wal.html, "The WAL-reset bug". Readers never do.) Nobody else opens the files: a lock
 * file beside them sees to it.
 *
 * All new batches of one append are one transaction: with synchronous=FULL, one fdatasync for all
 * of them.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "proto/clock.h"
#include "proto/fault.h"
#include "proto/log.h"
#include "ws/store.h"

#define SCHEMA_VERSION 1
#define KEY_KEPT_MS    (60 * 60 * 1000) /* how long an idempotency key is remembered: an hour */
#define KEY_SWEEP_MS   (60 * 1000)	/* between two removals of old ones */

enum statement {
	BEGIN,
	COMMIT,
	ROLLBACK,
	INSERT_EVENT,
	SET_RETAINED,
	CLEAR_RETAINED,
	FIND_KEY,
	INSERT_KEY,
	DELETE_KEYS,
	N_STATEMENTS
};

static const char *const statements[N_STATEMENTS] = {
	[BEGIN] = "BEGIN IMMEDIATE",
	[COMMIT] = "COMMIT",
	[ROLLBACK] = "ROLLBACK",
	[INSERT_EVENT] = "INSERT INTO events (sequence, type, addressee, body) VALUES (?, ?, ?, ?)",
	[SET_RETAINED] = "INSERT OR REPLACE INTO retained (type, key, sequence, body) "
			 "VALUES (?, ?, ?, ?)",
	[CLEAR_RETAINED] = "DELETE FROM retained WHERE type = ? AND key = ?",
	[FIND_KEY] = "SELECT digest, first_sequence FROM keys WHERE key = ?",
	[INSERT_KEY] = "INSERT INTO keys (key, digest, first_sequence, unix_ms) "
		       "VALUES (?, ?, ?, ?)",
	[DELETE_KEYS] = "DELETE FROM keys WHERE unix_ms < ?",
};

static const char schema[] =
	"CREATE TABLE about (epoch TEXT NOT NULL);"
	"CREATE TABLE events (sequence INTEGER PRIMARY KEY, type TEXT NOT NULL,"
	" addressee TEXT, body BLOB NOT NULL);"
	"CREATE TABLE retained (type TEXT NOT NULL, key TEXT NOT NULL, sequence INTEGER,"
	" body BLOB NOT NULL, PRIMARY KEY (type, key)) WITHOUT ROWID;"
	"CREATE TABLE keys (key TEXT PRIMARY KEY, digest BLOB NOT NULL,"
	" first_sequence INTEGER NOT NULL, unix_ms INTEGER NOT NULL) WITHOUT ROWID;"
	"CREATE INDEX keys_by_time ON keys (unix_ms);";

struct sqlite_store {
	struct hc_store base;
	char *path;
	int lock_fd;
	sqlite3 *writer;
	sqlite3_stmt *stmts[N_STATEMENTS];
	int64_t keys_swept_unix_ms;
	pthread_mutex_t reader_lock;
	sqlite3 *reader;
	sqlite3_stmt *read_stmt;
};

static struct sqlite_store *of(struct hc_store *store)
{
	return hc_container_of(store, struct sqlite_store, base);
}

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

/* Runs a statement that returns no rows; SQLITE_DONE is success. */
static int run(struct sqlite_store *store, enum statement which)
{
	sqlite3_stmt *stmt = store->stmts[which];
	int r = sqlite3_step(stmt);

	sqlite3_reset(stmt);
	return r == SQLITE_DONE ? SQLITE_OK : r;
}

static int insert_event(struct sqlite_store *store, const struct hc_record *record)
{
	sqlite3_stmt *stmt = store->stmts[INSERT_EVENT];

	sqlite3_bind_int64(stmt, 1, (sqlite3_int64)record->sequence);
	bind_text(stmt, 2, hc_str(record->type->name));
	if (record->to.len)
		bind_text(stmt, 3, record->to);
	else
		sqlite3_bind_null(stmt, 3);
	bind_blob(stmt, 4, record->body);
	return run(store, INSERT_EVENT);
}

static int retain(struct sqlite_store *store, const struct hc_record *record)
{
	sqlite3_stmt *stmt = store->stmts[SET_RETAINED];

	bind_text(stmt, 1, hc_str(record->type->name));
	bind_text(stmt, 2, record->state_key);
	sqlite3_bind_int64(stmt, 3, (sqlite3_int64)record->sequence);
	bind_blob(stmt, 4, record->body);
	return run(store, SET_RETAINED);
}

static int clear_retained(struct sqlite_store *store, const struct hc_record *record)
{
	sqlite3_stmt *stmt = store->stmts[CLEAR_RETAINED];

	bind_text(stmt, 1, hc_str(record->type->clears->name));
	bind_text(stmt, 2, record->state_key);
	return run(store, CLEAR_RETAINED);
}

/* ---- append ------------------------------------------------------------------------------- */

/* Answers a batch whose key is known. Returns whether it is. */
static bool repeat_if_known(struct sqlite_store *store, struct hc_batch *batch)
{
	sqlite3_stmt *stmt = store->stmts[FIND_KEY];
	struct hc_str digest;
	uint64_t sequence;
	bool known;

	if (!batch->key[0])
		return false;
	bind_text(stmt, 1, hc_str(batch->key));
	known = sqlite3_step(stmt) == SQLITE_ROW;
	if (known) {
		digest = column_bytes(stmt, 0);
		sequence = (uint64_t)sqlite3_column_int64(stmt, 1);
		batch->result = HC_BATCH_E_CONFLICT;
		if (digest.len == sizeof(batch->digest) &&
		    !memcmp(digest.s, batch->digest, digest.len)) {
			batch->result = HC_BATCH_REPEATED;
			for (size_t i = 0; i < batch->n; i++)
				if (hc_record_is_logged(batch->records[i]))
					batch->records[i]->sequence = sequence++;
		}
	}
	sqlite3_reset(stmt);
	return known;
}

static int insert_key(struct sqlite_store *store, const struct hc_batch *batch, uint64_t first)
{
	sqlite3_stmt *stmt = store->stmts[INSERT_KEY];

	bind_text(stmt, 1, hc_str(batch->key));
	bind_blob(stmt, 2, (struct hc_str){ (const char *)batch->digest, sizeof(batch->digest) });
	sqlite3_bind_int64(stmt, 3, (sqlite3_int64)first);
	sqlite3_bind_int64(stmt, 4, batch->now_unix_ms);
	return run(store, INSERT_KEY);
}

static int insert_record(struct sqlite_store *store, struct hc_record *record, uint64_t sequence)
{
	int r;

	record->sequence = sequence;
	r = insert_event(store, record);
	if (r || record->to.len)
		return r;
	if (record->type->retained_key)
		r = retain(store, record);
	if (!r && record->type->clears)
		r = clear_retained(store, record);
	return r;
}

/* Inserts one new batch; *newest is the last sequence given out so far in this transaction. */
static int insert_batch(struct sqlite_store *store, struct hc_batch *batch, uint64_t *newest)
{
	int r = SQLITE_OK;

	if (repeat_if_known(store, batch))
		return SQLITE_OK;
	hc_batch_take(batch);
	if (batch->key[0])
		r = insert_key(store, batch, *newest + 1);
	for (size_t i = 0; i < batch->n && !r; i++)
		if (hc_record_is_logged(batch->records[i]))
			r = insert_record(store, batch->records[i], ++*newest);
	if (!r)
		batch->result = HC_BATCH_OK_;
	return r;
}

static int sweep_keys(struct sqlite_store *store)
{
	int64_t now_unix_ms = hc_now_unix_ms();

	if (llabs(now_unix_ms - store->keys_swept_unix_ms) < KEY_SWEEP_MS)
		return SQLITE_OK;
	store->keys_swept_unix_ms = now_unix_ms;
	sqlite3_bind_int64(store->stmts[DELETE_KEYS], 1, now_unix_ms - KEY_KEPT_MS);
	return run(store, DELETE_KEYS);
}

static void fail_all(struct sqlite_store *store, struct hc_batch **batches, size_t n, int code)
{
	bool full = (code & 0xff) == SQLITE_FULL;

	for (size_t i = 0; i < n; i++) {
		for (size_t j = 0; j < batches[i]->n; j++)
			batches[i]->records[j]->sequence = 0;
		hc_batch_lose(batches[i]);
		batches[i]->result = full ? HC_BATCH_E_FULL : HC_BATCH_E_UNAVAILABLE;
		(void)snprintf(batches[i]->error, sizeof(batches[i]->error), "%s: %s", store->path,
			       sqlite3_errmsg(store->writer));
	}
}

static int commit_all(struct sqlite_store *store, struct hc_batch **batches, size_t n,
		      uint64_t *newest)
{
	int r = run(store, BEGIN);

	for (size_t i = 0; i < n && !r; i++)
		r = insert_batch(store, batches[i], newest);
	if (!r)
		r = sweep_keys(store);
	return r ? r : run(store, COMMIT);
}

static void sqlite_append(struct hc_store *base, struct hc_batch **batches, size_t n)
{
	struct sqlite_store *store = of(base);
	uint64_t newest = base->newest;
	int r = commit_all(store, batches, n, &newest);

	if (r) {
		fail_all(store, batches, n, r);
		if (!sqlite3_get_autocommit(store->writer))
			(void)run(store, ROLLBACK); /* some errors have done it already */
		return;
	}
	base->newest = newest;
}

/* ---- read --------------------------------------------------------------------------------- */

static int read_rows(sqlite3_stmt *stmt, hc_row_fn *fn, void *context)
{
	int r;

	while ((r = sqlite3_step(stmt)) == SQLITE_ROW) {
		struct hc_row row = {
			.sequence = (uint64_t)sqlite3_column_int64(stmt, 0),
			.type = column_bytes(stmt, 1),
			.to = column_bytes(stmt, 2),
			.body = column_bytes(stmt, 3),
		};

		if (!fn(context, &row))
			return 0;
	}
	return r == SQLITE_DONE ? 0 : -EIO;
}

static int sqlite_read(struct hc_store *base, uint64_t after, hc_row_fn *fn, void *context)
{
	struct sqlite_store *store = of(base);
	int r;

	if (after > INT64_MAX)
		return 0; /* no sequence is beyond it; to SQLite it would be negative */
	pthread_mutex_lock(&store->reader_lock);
	sqlite3_bind_int64(store->read_stmt, 1, (sqlite3_int64)after);
	r = read_rows(store->read_stmt, fn, context);
	sqlite3_reset(store->read_stmt);
	pthread_mutex_unlock(&store->reader_lock);
	return r;
}

static int sqlite_read_retained(struct hc_store *base, hc_row_fn *fn, void *context)
{
	struct sqlite_store *store = of(base);
	sqlite3_stmt *stmt = NULL;
	int r = -EIO;

	pthread_mutex_lock(&store->reader_lock);
	if (!sqlite3_prepare_v2(store->reader,
				"SELECT sequence, type, NULL, body FROM retained ORDER BY sequence",
				-1, &stmt, NULL))
		r = read_rows(stmt, fn, context);
	sqlite3_finalize(stmt);
	pthread_mutex_unlock(&store->reader_lock);
	return r;
}

/* Of the files' lengths: the database, and the log of its writes beside it. */
static uint64_t sqlite_bytes(struct hc_store *base)
{
	static const char *const suffixes[] = { "", "-wal" };
	struct sqlite_store *store = of(base);
	uint64_t bytes = 0;

	for (size_t i = 0; i < HC_ARRAY_LEN(suffixes); i++) {
		char path[PATH_MAX];
		struct stat about;

		if (snprintf(path, sizeof(path), "%s%s", store->path, suffixes[i]) <
			    (int)sizeof(path) &&
		    !stat(path, &about))
			bytes += (uint64_t)about.st_size;
	}
	return bytes;
}

/* ---- open --------------------------------------------------------------------------------- */

static int query_u64(sqlite3 *db, const char *sql, uint64_t *ret)
{
	sqlite3_stmt *stmt = NULL;
	int r = sqlite3_prepare_v2(db, sql, -1, &stmt, NULL);

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

static int create_schema(struct sqlite_store *store)
{
	char sql[sizeof(schema) + 200];

	hc_epoch_random(store->base.epoch);
	(void)snprintf(sql, sizeof(sql),
		       "BEGIN; %s INSERT INTO about VALUES ('%s'); PRAGMA user_version=%d; COMMIT",
		       schema, store->base.epoch, SCHEMA_VERSION);
	return sqlite3_exec(store->writer, sql, NULL, NULL, NULL);
}

static int read_epoch(struct sqlite_store *store)
{
	sqlite3_stmt *stmt = NULL;
	int r = sqlite3_prepare_v2(store->writer, "SELECT epoch FROM about", -1, &stmt, NULL);

	if (!r) {
		r = sqlite3_step(stmt);
		if (r == SQLITE_ROW) {
			struct hc_str epoch = column_bytes(stmt, 0);

			r = epoch.len == HC_EPOCH_LEN ? SQLITE_OK : SQLITE_CORRUPT;
			if (!r)
				memcpy(store->base.epoch, epoch.s, epoch.len);
		} else if (r == SQLITE_DONE) {
			r = SQLITE_CORRUPT;
		}
	}
	sqlite3_finalize(stmt);
	return r;
}

static int read_bounds(struct sqlite_store *store)
{
	uint64_t newest = 0, oldest = 0;
	int r = query_u64(store->writer, "SELECT max(sequence) FROM events", &newest);

	if (!r)
		r = query_u64(store->writer, "SELECT min(sequence) FROM events", &oldest);
	store->base.newest = newest;
	store->base.oldest = oldest ? oldest : newest + 1;
	return r;
}

static int prepare_all(struct sqlite_store *store)
{
	int r = SQLITE_OK;

	for (int i = 0; i < N_STATEMENTS && !r; i++)
		r = sqlite3_prepare_v3(store->writer, statements[i], -1, SQLITE_PREPARE_PERSISTENT,
				       &store->stmts[i], NULL);
	if (r)
		return r;
	return sqlite3_prepare_v3(store->reader,
				  "SELECT sequence, type, addressee, body FROM events "
				  "WHERE sequence > ? ORDER BY sequence",
				  -1, SQLITE_PREPARE_PERSISTENT, &store->read_stmt, NULL);
}

static int open_writer(struct sqlite_store *store, bool sync_each_commit)
{
	int r = sqlite3_open_v2(store->path, &store->writer,
				SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX,
				NULL);

	if (r)
		return r;
	sqlite3_extended_result_codes(store->writer, 1);
	return sqlite3_exec(store->writer,
			    sync_each_commit ? "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL"
					     : "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL",
			    NULL, NULL, NULL);
}

static int open_reader(struct sqlite_store *store)
{
	int r = sqlite3_open_v2(store->path, &store->reader,
				SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, NULL);

	if (!r)
		sqlite3_extended_result_codes(store->reader, 1);
	return r;
}

/* Opens, creates the tables of a new database, reads epoch and bounds. Returns an SQLite code. */
static int open_database(struct sqlite_store *store, bool sync_each_commit)
{
	uint64_t version = 0;
	int r = open_writer(store, sync_each_commit);

	if (!r)
		r = query_u64(store->writer, "PRAGMA user_version", &version);
	if (!r && version > SCHEMA_VERSION)
		return SQLITE_SCHEMA;
	if (!r)
		r = version ? read_epoch(store) : create_schema(store);
	if (!r)
		r = read_bounds(store);
	if (!r)
		r = open_reader(store);
	return r ? r : prepare_all(store);
}

static void close_database(struct sqlite_store *store)
{
	for (int i = 0; i < N_STATEMENTS; i++) {
		sqlite3_finalize(store->stmts[i]);
		store->stmts[i] = NULL;
	}
	sqlite3_finalize(store->read_stmt);
	sqlite3_close(store->reader);
	sqlite3_close(store->writer);
	store->read_stmt = NULL;
	store->reader = NULL;
	store->writer = NULL;
}

static int set_aside(const struct sqlite_store *store)
{
	static const char *const suffixes[] = { "", "-wal", "-shm" };
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer to = HC_BUFFER_NULL;

	for (size_t i = 0; i < HC_ARRAY_LEN(suffixes); i++) {
		HC_CLEANUP(hc_buffer_deinit) struct hc_buffer from = HC_BUFFER_NULL;

		hc_buffer_reset(&to);
		hc_buffer_printf(&from, "%s%s%c", store->path, suffixes[i], '\0');
		hc_buffer_printf(&to, "%s.damaged-%lld%s%c", store->path,
				 (long long)hc_now_unix_ms(), suffixes[i], '\0');
		if (from.failed || to.failed)
			return -ENOMEM;
		if (rename(from.data, to.data) < 0 && errno != ENOENT)
			return -errno;
	}
	hc_err("%s was damaged and has been set aside as %s.damaged-*: beginning a new log with a "
	       "new epoch",
	       store->path, store->path);
	return 0;
}

static int explain(const struct sqlite_store *store, int code, struct hc_fault *fault)
{
	if (code == SQLITE_SCHEMA)
		hc_fault_set(fault, HC_FAULT_INTERNAL,
			     "%s was written by a newer hostcast: install that, or set [log] path",
			     store->path);
	else
		hc_fault_set(fault, HC_FAULT_INTERNAL, "cannot open the log %s: %s", store->path,
			     store->writer ? sqlite3_errmsg(store->writer) : sqlite3_errstr(code));
	return -EIO;
}

static int take_lock(struct sqlite_store *store, struct hc_fault *fault)
{
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer path = HC_BUFFER_NULL;
	int r;

	hc_buffer_printf(&path, "%s.lock%c", store->path, '\0');
	if (path.failed)
		return -ENOMEM;
	store->lock_fd = open(path.data, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (store->lock_fd < 0) {
		r = -errno;
		hc_fault_set(fault, HC_FAULT_INTERNAL,
			     "cannot open %s: %s: the directory must exist and be writable",
			     path.data, strerror(-r));
		return r;
	}
	if (flock(store->lock_fd, LOCK_EX | LOCK_NB) < 0) {
		hc_fault_set(fault, HC_FAULT_INTERNAL, "the log %s is in use by another hub",
			     store->path);
		return -EBUSY;
	}
	return 0;
}

static struct hc_store *sqlite_free(struct hc_store *base)
{
	struct sqlite_store *store = of(base);

	close_database(store);
	hc_closep(&store->lock_fd);
	pthread_mutex_destroy(&store->reader_lock);
	free(store->path);
	free(store);
	return NULL;
}

static const struct hc_store_ops sqlite_ops = {
	.name = "sqlite",
	.free = sqlite_free,
	.append = sqlite_append,
	.read = sqlite_read,
	.read_retained = sqlite_read_retained,
	.bytes = sqlite_bytes,
};

static int open_or_set_aside(struct sqlite_store *store, bool sync_each_commit,
			     struct hc_fault *fault)
{
	int code = open_database(store, sync_each_commit);

	if ((code & 0xff) == SQLITE_CORRUPT || (code & 0xff) == SQLITE_NOTADB) {
		close_database(store);
		if (set_aside(store) < 0)
			return explain(store, code, fault);
		code = open_database(store, sync_each_commit);
	}
	return code ? explain(store, code, fault) : 0;
}

int hc_store_sqlite_open(struct hc_store **ret, const struct hc_conf *conf, struct hc_fault *fault)
{
	struct sqlite_store *store = calloc(1, sizeof(*store));
	int r;

	if (!store)
		return -ENOMEM;
	store->base.ops = &sqlite_ops;
	store->lock_fd = -1;
	pthread_mutex_init(&store->reader_lock, NULL);
	store->path = strdup(conf->log.path);
	r = store->path ? take_lock(store, fault) : -ENOMEM;
	if (!r)
		r = open_or_set_aside(store, conf->log.durability == HC_DURABILITY_DISK, fault);
	if (r) {
		(void)sqlite_free(&store->base);
		return r;
	}
	*ret = &store->base;
	return 0;
}
