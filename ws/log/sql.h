/* SPDX-License-Identifier: MIT */
/*
 * SQLite, as the log uses it: connections, values in and out of statements, and what its result
 * codes mean here. Functions that return an int return such a code.
 */
#pragma once

#include "proto/base.h"

struct sqlite3;
struct sqlite3_stmt;

#define HC_SQL_BUSY_TIMEOUT_MS 500 /* for a database that somebody else has locked */

/**
 * hc_sql_open() - a connection of one thread at a time
 * @flags: SQLITE_OPEN_READONLY or SQLITE_OPEN_READWRITE
 *
 * Also after a failure *ret is to be closed.
 */
int hc_sql_open(struct sqlite3 **ret, const char *path, int flags);

/** hc_sql_ask() - the first column of the first row, a number; SQLITE_DONE if there is no row */
int hc_sql_ask(struct sqlite3 *db, const char *sql, uint64_t *ret);

/** hc_sql_bind_text() - borrowed until the statement has run, as the next */
void hc_sql_bind_text(struct sqlite3_stmt *stmt, int at, struct hc_str text);
void hc_sql_bind_blob(struct sqlite3_stmt *stmt, int at, struct hc_str bytes);

/** hc_sql_column() - the bytes of a column, borrowed until the next step */
struct hc_str hc_sql_column(struct sqlite3_stmt *stmt, int at);

/* What a code tells. */
bool hc_sql_is_damage(int code);
bool hc_sql_is_lock(int code);
bool hc_sql_is_memory(int code); /* the hub's own, of which there was none */

/** hc_sql_is_full() - whether a failure is for want of space; @db NULL: not open */
bool hc_sql_is_full(struct sqlite3 *db, int code);

/** hc_sql_cause() - SQLITE_IOERR_READ where SQLite calls damaged what the disk did not read */
int hc_sql_cause(struct sqlite3 *db, int code);

/** hc_sql_error() - what went wrong last, as text; @db NULL: not open */
const char *hc_sql_error(struct sqlite3 *db, int code);
