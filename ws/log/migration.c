/* SPDX-License-Identifier: MIT */
/*
 * PRAGMA user_version is the version. A step, once released, is never changed; a new version is a
 * new step. A new database takes all of them, so each is run in every test.
 */
#include <sqlite3.h>
#include <stdio.h>

#include "ws/log/migration.h"
#include "ws/log/sql.h"

static const char *const steps[HC_MIGRATION_VERSION] = {
	"CREATE TABLE about (epoch TEXT NOT NULL);"
	"CREATE TABLE events (sequence INTEGER PRIMARY KEY, type TEXT NOT NULL,"
	" addressee TEXT, body BLOB NOT NULL);"
	"CREATE TABLE retained (type TEXT NOT NULL, key TEXT NOT NULL, sequence INTEGER,"
	" body BLOB NOT NULL, PRIMARY KEY (type, key)) WITHOUT ROWID;"
	"CREATE TABLE keys (key TEXT PRIMARY KEY, digest BLOB NOT NULL,"
	" first_sequence INTEGER NOT NULL, unix_ms INTEGER NOT NULL) WITHOUT ROWID;"
	"CREATE INDEX keys_by_time ON keys (unix_ms);",

	/*
	 * Trimming: base is the sequence before the oldest event kept. Age: clock_ms counts the
	 * time that the log has been in use, whatever the wall clock says; marks tell what it was
	 * when the events up to a sequence were there. Durable consumers.
	 */
	"ALTER TABLE about ADD COLUMN base INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE about ADD COLUMN clock_ms INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE about ADD COLUMN wall_unix_ms INTEGER NOT NULL DEFAULT 0;"
	"UPDATE about SET base = (SELECT coalesce(min(sequence) - 1, 0) FROM events),"
	" wall_unix_ms = CAST(strftime('%s', 'now') AS INTEGER) * 1000;"
	"ALTER TABLE keys RENAME COLUMN unix_ms TO clock_ms;"
	"UPDATE keys SET clock_ms = 0;"
	"CREATE TABLE marks (sequence INTEGER PRIMARY KEY, clock_ms INTEGER NOT NULL);"
	"CREATE TABLE consumers (name TEXT PRIMARY KEY, owner TEXT NOT NULL, epoch TEXT NOT NULL,"
	" sequence INTEGER NOT NULL, created_unix_ms INTEGER NOT NULL,"
	" acknowledged_unix_ms INTEGER NOT NULL) WITHOUT ROWID;",

	/* What an older version has written has none: NULL. */
	"ALTER TABLE events ADD COLUMN checksum INTEGER;"
	"ALTER TABLE retained ADD COLUMN checksum INTEGER;",
};

int hc_migration_look(struct sqlite3 *db, int *ret_version)
{
	uint64_t n_tables = 0, version = 0; /* which may be negative: larger than any of ours */
	int r = hc_sql_ask(db, "PRAGMA user_version", &version);

	if (!r && !version)
		r = hc_sql_ask(db, "SELECT count(*) FROM sqlite_schema", &n_tables);
	if (r)
		return r;
	if (n_tables)
		return SQLITE_MISMATCH;
	if (version > HC_MIGRATION_VERSION)
		return SQLITE_SCHEMA;
	*ret_version = (int)version;
	return SQLITE_OK;
}

static int begin_log(sqlite3 *db, const struct hc_log_start *start)
{
	char sql[200];

	(void)snprintf(sql, sizeof(sql),
		       "INSERT INTO about (epoch, base, wall_unix_ms) VALUES ('%s', %lld,"
		       " CAST(strftime('%%s', 'now') AS INTEGER) * 1000)",
		       start->epoch, (long long)start->base);
	return sqlite3_exec(db, sql, NULL, NULL, NULL);
}

static int take_steps(sqlite3 *db, int from, const struct hc_log_start *start)
{
	char version[40];
	int r = SQLITE_OK;

	for (int i = from; i < HC_MIGRATION_VERSION && !r; i++)
		r = sqlite3_exec(db, steps[i], NULL, NULL, NULL);
	if (!r && !from)
		r = begin_log(db, start);
	(void)snprintf(version, sizeof(version), "PRAGMA user_version = %d", HC_MIGRATION_VERSION);
	return r ? r : sqlite3_exec(db, version, NULL, NULL, NULL);
}

int hc_migrate(struct sqlite3 *db, const struct hc_log_start *start)
{
	int version = 0, r = hc_migration_look(db, &version);

	if (r || version == HC_MIGRATION_VERSION)
		return r;
	r = sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL);
	if (!r)
		r = take_steps(db, version, start);
	if (!r)
		r = sqlite3_exec(db, "COMMIT", NULL, NULL, NULL);
	if (r && !sqlite3_get_autocommit(db))
		(void)sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL); /* the first error counts */
	return r;
}
