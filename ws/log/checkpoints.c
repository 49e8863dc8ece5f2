/* SPDX-License-Identifier: MIT */
#include <sqlite3.h>

#include "proto/clock.h"
#include "proto/log.h"
#include "ws/log/checkpoints.h"
#include "ws/log/sql.h"

#define QUIET_NS	UINT64_C(900000000) /* without a commit, after which all is moved */
#define PAGES		1000 /* after which it is time for one: SQLite's own figure */
#define PAGES_MAX	4000 /* after which readers wait for one */
#define STUCK_NS	UINT64_C(1000000000) /* before the next attempt to empty it */
#define STUCK_PAGES_MIN 16000		     /* to tell: 64 MiB */

static bool is_quiet(const struct hc_checkpoints *checkpoints)
{
	return hc_monotonic_ns() - checkpoints->written_ns > QUIET_NS;
}

/* Whoever reads the database without us keeps the file beside it from being begun anew. */
static void warn_stuck(struct hc_checkpoints *checkpoints, const struct hc_ledger *ledger)
{
	unsigned int n_pages = ledger->database.wal_pages;

	checkpoints->stuck_ns = hc_monotonic_ns();
	if (n_pages < STUCK_PAGES_MIN || n_pages / 2 < checkpoints->stuck_pages)
		return;
	checkpoints->stuck_pages = n_pages;
	hc_warn("%s-wal has grown to %llu MiB, because another program is reading the log: it "
		"shrinks when that is done",
		ledger->path,
		(unsigned long long)(n_pages * ledger->database.page_bytes / (1024 * 1024)));
}

static int move_all(struct hc_checkpoints *checkpoints, struct hc_ledger *ledger)
{
	int r;

	if (checkpoints->stuck_ns && hc_monotonic_ns() - checkpoints->stuck_ns < STUCK_NS)
		return hc_database_checkpoint(&ledger->database, false);
	r = hc_ledger_checkpoint_all(ledger);
	if (hc_sql_is_lock(r))
		warn_stuck(checkpoints, ledger);
	else
		checkpoints->stuck_ns = checkpoints->stuck_pages = 0;
	return r;
}

int hc_checkpoints_keep_up(struct hc_checkpoints *checkpoints, struct hc_ledger *ledger, bool busy)
{
	unsigned int n_pages = ledger->database.wal_pages;
	int r;

	if (!n_pages || (n_pages < PAGES && (busy || !is_quiet(checkpoints))))
		return SQLITE_OK;
	if (n_pages < PAGES_MAX)
		r = hc_database_checkpoint(&ledger->database, false);
	else
		r = move_all(checkpoints, ledger);
	return hc_sql_is_lock(r) ? SQLITE_OK : r; /* the next one moves what is left */
}
