/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <unistd.h>

#include "proto/clock.h"
#include "ws/log/probe.h"
#include "ws/log/sql.h"

#define CHECK_STEPS 1000 /* of the virtual machine between two looks at the clock */

/* SQLite asks only for the database itself; what is written goes to the file beside it first. */
enum hc_probe_move hc_probe_move(struct hc_database *database)
{
	const char *path = sqlite3_db_filename(database->db, "main");
	int moved = 0;

	if (!sqlite3_file_control(database->db, NULL, SQLITE_FCNTL_HAS_MOVED, &moved) && moved)
		return HC_PROBE_MOVED;
	if (database->wal_pages && access(sqlite3_filename_wal(path), F_OK) < 0 && errno == ENOENT)
		return HC_PROBE_WIDOWED;
	return HC_PROBE_STAYS;
}

int hc_probe_lock(struct hc_database *database)
{
	int r;

	sqlite3_busy_timeout(database->db, 0);
	r = hc_statements_run(&database->statements, HC_STATEMENT_BEGIN);
	sqlite3_busy_timeout(database->db, HC_SQL_BUSY_TIMEOUT_MS);
	return hc_statements_end(&database->statements, r);
}

int hc_probe_space(struct hc_database *database, size_t len)
{
	char sql[160];
	int r;

	(void)snprintf(sql, sizeof(sql),
		       "BEGIN IMMEDIATE; INSERT INTO keys (key, digest, first_sequence, clock_ms)"
		       " VALUES ('', zeroblob(%zu), 0, 0)",
		       len);
	r = sqlite3_exec(database->db, sql, NULL, NULL, NULL);
	if (!r) /* into the file beside it */
		r = sqlite3_db_cacheflush(database->db);
	hc_statements_roll_back(&database->statements); /* it was for trying only */
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

int hc_probe_damage(struct hc_database *database, uint64_t ms_max)
{
	uint64_t deadline_ns = hc_monotonic_ns() + ms_max * 1000000;
	bool is_well = false;
	int r;

	sqlite3_progress_handler(database->db, CHECK_STEPS, is_over, &deadline_ns);
	r = sqlite3_exec(database->db, "PRAGMA quick_check(1)", take_verdict, &is_well, NULL);
	sqlite3_progress_handler(database->db, 0, NULL, NULL);
	return r || is_well ? r : SQLITE_CORRUPT;
}
