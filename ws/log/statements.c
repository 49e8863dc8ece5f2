/* SPDX-License-Identifier: MIT */
#include <sqlite3.h>

#include "ws/log/statements.h"

static const char *const texts[HC_STATEMENTS_] = {
	[HC_STATEMENT_BEGIN] = "BEGIN IMMEDIATE",
	[HC_STATEMENT_COMMIT] = "COMMIT",
	[HC_STATEMENT_ROLLBACK] = "ROLLBACK",
	[HC_STATEMENT_INSERT_EVENT] = "INSERT INTO events (sequence, type, addressee, body,"
				      " checksum) VALUES (?, ?, ?, ?, ?)",
	[HC_STATEMENT_SET_RETAINED] =
		"INSERT OR REPLACE INTO retained (type, key, sequence, body, checksum)"
		" VALUES (?, ?, ?, ?, ?)",
	[HC_STATEMENT_CLEAR_RETAINED] = "DELETE FROM retained WHERE type = ? AND key = ?",
	[HC_STATEMENT_CLEAR_STATE] = "DELETE FROM retained",
	[HC_STATEMENT_FIND_KEY] = "SELECT digest, first_sequence FROM keys WHERE key = ?",
	[HC_STATEMENT_INSERT_KEY] = "INSERT INTO keys (key, digest, first_sequence, clock_ms) "
				    "VALUES (?, ?, ?, ?)",
	[HC_STATEMENT_DELETE_KEYS] = "DELETE FROM keys WHERE key IN (SELECT key FROM keys "
				     "WHERE clock_ms < ? ORDER BY clock_ms LIMIT ?)",
	[HC_STATEMENT_SET_CONSUMER] =
		"INSERT OR REPLACE INTO consumers (name, owner, epoch, sequence, created_unix_ms,"
		" acknowledged_unix_ms) VALUES (?, ?, ?, ?, ?, ?)",
	[HC_STATEMENT_DELETE_CONSUMER] = "DELETE FROM consumers WHERE name = ?",
	[HC_STATEMENT_INSERT_MARK] =
		"INSERT OR REPLACE INTO marks (sequence, clock_ms) VALUES (?, ?)",
	[HC_STATEMENT_FIND_MARK] = "SELECT max(sequence) FROM marks WHERE clock_ms <= ?",
	[HC_STATEMENT_DELETE_MARKS] = "DELETE FROM marks WHERE sequence <= ?",
	[HC_STATEMENT_DELETE_EVENTS] = "DELETE FROM events WHERE sequence <= ?",
	[HC_STATEMENT_SET_BASE] = "UPDATE about SET base = ?",
	[HC_STATEMENT_SET_CLOCK] = "UPDATE about SET clock_ms = ?, wall_unix_ms = ?",
	[HC_STATEMENT_COUNT_PAGES] = "PRAGMA page_count",
	[HC_STATEMENT_COUNT_FREE_PAGES] = "PRAGMA freelist_count",
	[HC_STATEMENT_SHRINK] = "PRAGMA incremental_vacuum(64)", /* pages: a few milliseconds */
};

int hc_statements_prepare(struct hc_statements *statements, struct sqlite3 *db)
{
	int r = SQLITE_OK;

	for (int i = 0; i < HC_STATEMENTS_ && !r; i++)
		r = sqlite3_prepare_v3(db, texts[i], -1, SQLITE_PREPARE_PERSISTENT,
				       &statements->all[i], NULL);
	return r;
}

void hc_statements_finalize(struct hc_statements *statements)
{
	for (int i = 0; i < HC_STATEMENTS_; i++) {
		sqlite3_finalize(statements->all[i]);
		statements->all[i] = NULL;
	}
}

int hc_statements_run(struct hc_statements *statements, enum hc_statement which)
{
	sqlite3_stmt *stmt = statements->all[which];
	int r = sqlite3_step(stmt);

	sqlite3_reset(stmt);
	return r == SQLITE_DONE ? SQLITE_OK : r;
}

int hc_statements_run_with(struct hc_statements *statements, enum hc_statement which,
			   uint64_t value)
{
	sqlite3_bind_int64(statements->all[which], 1, (sqlite3_int64)value);
	return hc_statements_run(statements, which);
}

int hc_statements_ask(struct hc_statements *statements, enum hc_statement which, uint64_t *ret)
{
	sqlite3_stmt *stmt = statements->all[which];
	int r = sqlite3_step(stmt);

	if (r == SQLITE_ROW) {
		*ret = (uint64_t)sqlite3_column_int64(stmt, 0);
		r = SQLITE_OK;
	}
	sqlite3_reset(stmt);
	return r;
}

int hc_statements_end(struct hc_statements *statements, int r)
{
	if (!r)
		r = hc_statements_run(statements, HC_STATEMENT_COMMIT);
	if (r)
		hc_statements_roll_back(statements);
	return r;
}

void hc_statements_roll_back(struct hc_statements *statements)
{
	sqlite3 *db = sqlite3_db_handle(statements->all[HC_STATEMENT_ROLLBACK]);

	if (!sqlite3_get_autocommit(db)) /* some errors have done it already */
		(void)hc_statements_run(statements, HC_STATEMENT_ROLLBACK);
}
