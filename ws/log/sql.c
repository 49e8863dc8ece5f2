/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <sqlite3.h>

#include "ws/log/sql.h"

int hc_sql_open(struct sqlite3 **ret, const char *path, int flags)
{
	int r = sqlite3_open_v2(path, ret, flags | SQLITE_OPEN_NOMUTEX, NULL);

	if (r)
		return r;
	sqlite3_extended_result_codes(*ret, 1);
	sqlite3_busy_timeout(*ret, HC_SQL_BUSY_TIMEOUT_MS);
	return SQLITE_OK;
}

int hc_sql_ask(struct sqlite3 *db, const char *sql, uint64_t *ret)
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

/* ---- values ------------------------------------------------------------------------------- */

void hc_sql_bind_text(struct sqlite3_stmt *stmt, int at, struct hc_str text)
{
	if (text.s && text.len)
		sqlite3_bind_text(stmt, at, text.s, (int)text.len, SQLITE_STATIC);
	else
		sqlite3_bind_text(stmt, at, "", 0, SQLITE_STATIC); /* no NULL, which is not text */
}

void hc_sql_bind_blob(struct sqlite3_stmt *stmt, int at, struct hc_str bytes)
{
	sqlite3_bind_blob(stmt, at, bytes.s, (int)bytes.len, SQLITE_STATIC);
}

struct hc_str hc_sql_column(struct sqlite3_stmt *stmt, int at)
{
	const void *bytes = sqlite3_column_blob(stmt, at);

	return (struct hc_str){ bytes, (size_t)sqlite3_column_bytes(stmt, at) };
}

/* ---- codes -------------------------------------------------------------------------------- */

/* What is common to the extended codes of one kind. */
static int kind_of(int code)
{
	return code & 0xff;
}

bool hc_sql_is_damage(int code)
{
	return kind_of(code) == SQLITE_CORRUPT || kind_of(code) == SQLITE_NOTADB;
}

bool hc_sql_is_lock(int code)
{
	return kind_of(code) == SQLITE_BUSY || kind_of(code) == SQLITE_LOCKED;
}

bool hc_sql_is_memory(int code)
{
	return kind_of(code) == SQLITE_NOMEM;
}

bool hc_sql_is_full(struct sqlite3 *db, int code)
{
	int error = db ? sqlite3_system_errno(db) : 0;

	if (kind_of(code) == SQLITE_FULL || code == SQLITE_IOERR_SHMSIZE)
		return true;
	return kind_of(code) == SQLITE_IOERR && (error == ENOSPC || error == EDQUOT);
}

int hc_sql_cause(struct sqlite3 *db, int code)
{
	sqlite3_file *file = NULL;
	int database_errno = 0, file_errno = 0;

	if (kind_of(code) != SQLITE_CORRUPT || !db)
		return code;
	(void)sqlite3_file_control(db, NULL, SQLITE_FCNTL_LAST_ERRNO, &database_errno);
	/* The file beside it, which is where newer pages are. */
	if (!sqlite3_file_control(db, NULL, SQLITE_FCNTL_JOURNAL_POINTER, &file) && file->pMethods)
		(void)file->pMethods->xFileControl(file, SQLITE_FCNTL_LAST_ERRNO, &file_errno);
	return database_errno == EIO || file_errno == EIO ? SQLITE_IOERR_READ : code;
}

const char *hc_sql_error(struct sqlite3 *db, int code)
{
	if (hc_sql_is_full(db, code))
		return sqlite3_errstr(SQLITE_FULL);
	if (db && sqlite3_extended_errcode(db) == code)
		return sqlite3_errmsg(db);
	return sqlite3_errstr(code);
}
