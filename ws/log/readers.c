/* SPDX-License-Identifier: MIT */
/* A small pool under one mutex. A reader is out while its connection is in use. */
#include <errno.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdlib.h>

#include "ws/log/checksum.h"
#include "ws/log/readers.h"
#include "ws/log/sql.h"

#define N_READERS 2 /* as many as jobs catch up at once */

static const char read_events[] = "SELECT sequence, type, addressee, body, checksum FROM events "
				  "WHERE sequence > ? ORDER BY sequence";
static const char read_retained[] = "SELECT sequence, type, NULL, body, checksum FROM retained "
				    "ORDER BY sequence";
static const char read_consumers[] = "SELECT name, owner, epoch, sequence, created_unix_ms,"
				     " acknowledged_unix_ms FROM consumers ORDER BY name";

struct reader {
	sqlite3 *db;
	sqlite3_stmt *events;
	bool is_out;
};

struct hc_readers {
	pthread_mutex_t lock;
	pthread_cond_t came_back;
	struct reader readers[N_READERS];
	bool held;
	char path[];
};

int hc_readers_new(struct hc_readers **ret, const char *path)
{
	struct hc_readers *readers = calloc(1, sizeof(*readers) + strlen(path) + 1);

	if (!readers)
		return -ENOMEM;
	strcpy(readers->path, path);
	pthread_mutex_init(&readers->lock, NULL);
	pthread_cond_init(&readers->came_back, NULL);
	*ret = readers;
	return 0;
}

struct hc_readers *hc_readers_free(struct hc_readers *readers)
{
	if (!readers)
		return NULL;
	hc_readers_close(readers);
	pthread_mutex_destroy(&readers->lock);
	pthread_cond_destroy(&readers->came_back);
	free(readers);
	return NULL;
}

/* ---- the pool ----------------------------------------------------------------------------- */

static struct reader *find_free(struct hc_readers *readers)
{
	for (size_t i = 0; i < N_READERS && !readers->held; i++)
		if (!readers->readers[i].is_out)
			return &readers->readers[i];
	return NULL;
}

static struct reader *take(struct hc_readers *readers)
{
	struct reader *reader;

	pthread_mutex_lock(&readers->lock);
	while (!(reader = find_free(readers)))
		pthread_cond_wait(&readers->came_back, &readers->lock);
	reader->is_out = true;
	pthread_mutex_unlock(&readers->lock);
	return reader;
}

static void give_back(struct hc_readers *readers, struct reader *reader)
{
	pthread_mutex_lock(&readers->lock);
	reader->is_out = false;
	pthread_cond_broadcast(&readers->came_back);
	pthread_mutex_unlock(&readers->lock);
}

static bool is_any_out(const struct hc_readers *readers)
{
	for (size_t i = 0; i < N_READERS; i++)
		if (readers->readers[i].is_out)
			return true;
	return false;
}

void hc_readers_hold(struct hc_readers *readers)
{
	pthread_mutex_lock(&readers->lock);
	readers->held = true;
	while (is_any_out(readers))
		pthread_cond_wait(&readers->came_back, &readers->lock);
	pthread_mutex_unlock(&readers->lock);
}

void hc_readers_go_on(struct hc_readers *readers)
{
	pthread_mutex_lock(&readers->lock);
	readers->held = false;
	pthread_cond_broadcast(&readers->came_back);
	pthread_mutex_unlock(&readers->lock);
}

/* ---- open and close ----------------------------------------------------------------------- */

static void close_one(struct reader *reader)
{
	sqlite3_finalize(reader->events);
	sqlite3_close(reader->db);
	reader->events = NULL;
	reader->db = NULL;
}

static int open_one(struct reader *reader, const char *path)
{
	int r = hc_sql_open(&reader->db, path, SQLITE_OPEN_READONLY);

	return r ? r
		 : sqlite3_prepare_v3(reader->db, read_events, -1, SQLITE_PREPARE_PERSISTENT,
				      &reader->events, NULL);
}

static void close_all(struct hc_readers *readers)
{
	for (size_t i = 0; i < N_READERS; i++)
		close_one(&readers->readers[i]);
}

int hc_readers_open(struct hc_readers *readers)
{
	int r = SQLITE_OK;

	hc_readers_hold(readers);
	close_all(readers);
	for (size_t i = 0; i < N_READERS && !r; i++)
		r = open_one(&readers->readers[i], readers->path);
	if (r)
		close_all(readers);
	hc_readers_go_on(readers);
	return r;
}

void hc_readers_close(struct hc_readers *readers)
{
	hc_readers_hold(readers);
	close_all(readers);
	hc_readers_go_on(readers);
}

/* ---- reading ------------------------------------------------------------------------------ */

/* What an older version has written has no checksum. */
static bool is_whole(sqlite3_stmt *stmt, const struct hc_row *row)
{
	return sqlite3_column_type(stmt, 4) == SQLITE_NULL ||
	       sqlite3_column_int64(stmt, 4) ==
		       hc_checksum(row->sequence, row->type, row->to, row->body);
}

static int read_rows(sqlite3_stmt *stmt, bool dense, hc_row_fn *fn, void *context)
{
	uint64_t before = 0;
	int r;

	while ((r = sqlite3_step(stmt)) == SQLITE_ROW) {
		struct hc_row row = {
			.sequence = (uint64_t)sqlite3_column_int64(stmt, 0),
			.type = hc_sql_column(stmt, 1),
			.to = hc_sql_column(stmt, 2),
			.body = hc_sql_column(stmt, 3),
		};

		if (!is_whole(stmt, &row) || (dense && before && row.sequence != before + 1))
			return SQLITE_CORRUPT;
		before = row.sequence;
		if (!fn(context, &row))
			return SQLITE_OK;
	}
	return r == SQLITE_DONE ? SQLITE_OK : r;
}

int hc_readers_read(struct hc_readers *readers, uint64_t after, hc_row_fn *fn, void *context)
{
	struct reader *reader;
	int r = SQLITE_CANTOPEN;

	if (after > INT64_MAX)
		return SQLITE_OK; /* no sequence is beyond it; to SQLite it would be negative */
	reader = take(readers);
	if (reader->events) {
		sqlite3_bind_int64(reader->events, 1, (sqlite3_int64)after);
		r = hc_sql_cause(reader->db, read_rows(reader->events, true, fn, context));
		sqlite3_reset(reader->events);
	}
	give_back(readers, reader);
	return r;
}

int hc_readers_read_retained(struct hc_readers *readers, hc_row_fn *fn, void *context)
{
	struct reader *reader = take(readers);
	sqlite3_stmt *stmt = NULL;
	int r = SQLITE_CANTOPEN;

	if (reader->db)
		r = sqlite3_prepare_v2(reader->db, read_retained, -1, &stmt, NULL);
	if (!r)
		r = read_rows(stmt, false, fn, context);
	sqlite3_finalize(stmt);
	give_back(readers, reader);
	return r;
}

/* False if the text does not fit, which nothing of ours has written. */
static bool copy_text(char *to, size_t size, struct hc_str text)
{
	if (text.len >= size)
		return false;
	if (text.len)
		memcpy(to, text.s, text.len);
	to[text.len] = '\0';
	return true;
}

static bool read_consumer(struct hc_consumer_row *ret, sqlite3_stmt *stmt)
{
	*ret = (struct hc_consumer_row){
		.position.sequence = (uint64_t)sqlite3_column_int64(stmt, 3),
		.created_unix_ms = sqlite3_column_int64(stmt, 4),
		.acknowledged_unix_ms = sqlite3_column_int64(stmt, 5),
	};
	return copy_text(ret->name, sizeof(ret->name), hc_sql_column(stmt, 0)) &&
	       copy_text(ret->owner, sizeof(ret->owner), hc_sql_column(stmt, 1)) &&
	       copy_text(ret->position.epoch, sizeof(ret->position.epoch), hc_sql_column(stmt, 2));
}

int hc_readers_read_consumers(struct hc_readers *readers, hc_consumer_row_fn *fn, void *context)
{
	struct reader *reader = take(readers);
	struct hc_consumer_row row;
	sqlite3_stmt *stmt = NULL;
	int r = SQLITE_CANTOPEN;

	if (reader->db)
		r = sqlite3_prepare_v2(reader->db, read_consumers, -1, &stmt, NULL);
	while (!r && (r = sqlite3_step(stmt)) == SQLITE_ROW) {
		r = read_consumer(&row, stmt) ? SQLITE_OK : SQLITE_CORRUPT;
		if (!r && !fn(context, &row))
			r = SQLITE_DONE;
	}
	sqlite3_finalize(stmt);
	give_back(readers, reader);
	return r == SQLITE_DONE ? SQLITE_OK : r;
}
