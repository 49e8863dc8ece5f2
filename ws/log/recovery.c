/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "proto/clock.h"
#include "ws/log/files.h"
#include "ws/log/probe.h"
#include "ws/log/recovery.h"
#include "ws/log/sql.h"

#define SUSPECT_NS     UINT64_C(60000000000) /* damage again within that time needs no search */
#define UNREADABLE_NS  UINT64_C(60000000000) /* a disk may fail to read before that is damage */
#define FREE_BYTES_MIN (1024 * 1024) /* of a disk that was full, before it counts as healed */

/* ---- tell --------------------------------------------------------------------------------- */

static void report(struct hc_recovery *recovery, const char *what)
{
	char reason[HC_STORE_REASON_MAX];

	(void)snprintf(reason, sizeof(reason), "%s: %s", recovery->ledger->path, what);
	hc_store_report(recovery->store, reason);
}

static void report_code(struct hc_recovery *recovery, int code)
{
	report(recovery, hc_ledger_error(recovery->ledger, code));
}

static void report_away(struct hc_recovery *recovery, int code)
{
	if (access(recovery->ledger->path, F_OK) < 0)
		report(recovery, "its file system is not mounted any more: waiting for it");
	else if (hc_sql_is_damage(code))
		report(recovery, "another log is mounted in its place: waiting for its own");
	else
		report_code(recovery, code);
}

/* ---- judge -------------------------------------------------------------------------------- */

/* A disk that fails to read may do so again after a while: that is no damage yet. */
static int find_cause(struct hc_recovery *recovery, int code)
{
	uint64_t now_ns = hc_monotonic_ns();

	code = hc_sql_cause(recovery->ledger->database.db, code);
	if (code != SQLITE_IOERR_READ)
		return code;
	if (!recovery->unreadable_ns)
		recovery->unreadable_ns = now_ns;
	return now_ns - recovery->unreadable_ns < UNREADABLE_NS ? code : SQLITE_CORRUPT;
}

void hc_recovery_judge(struct hc_recovery *recovery, int code)
{
	code = find_cause(recovery, code);
	if (hc_sql_is_memory(code))
		return; /* this once; it says nothing about the database */
	report_code(recovery, code);
	recovery->is_full = hc_sql_is_full(recovery->ledger->database.db, code);
	recovery->is_locked = hc_sql_is_lock(code);
	if (!recovery->is_full && !recovery->is_locked)
		recovery->condition = HC_CONDITION_DOWN;
	if (hc_sql_is_damage(code) && recovery->suspect_ns &&
	    hc_monotonic_ns() - recovery->suspect_ns < SUSPECT_NS)
		recovery->condition = HC_CONDITION_DAMAGED;
	else if (hc_sql_is_damage(code) || code == SQLITE_IOERR_READ)
		recovery->is_suspect = true; /* it is searched for when it is open again */
}

void hc_recovery_judge_reading(struct hc_recovery *recovery, int code)
{
	recovery->read_error = code;
}

void hc_recovery_heed_readers(struct hc_recovery *recovery)
{
	int code = atomic_exchange(&recovery->read_error, 0);

	if (code && recovery->condition == HC_CONDITION_UP && !hc_sql_is_lock(code) &&
	    !hc_sql_is_memory(code))
		hc_recovery_judge(recovery, code);
}

void hc_recovery_be_well(struct hc_recovery *recovery)
{
	recovery->condition = HC_CONDITION_UP;
	recovery->is_full = false;
	recovery->is_locked = false;
	recovery->unreadable_ns = 0;
	recovery->read_error = 0; /* it was of before */
	hc_store_report(recovery->store, NULL);
}

/* ---- mend --------------------------------------------------------------------------------- */

static int open_anew(struct hc_recovery *recovery)
{
	struct hc_store *store = recovery->store;
	struct hc_position left = { .sequence = store->newest };
	struct hc_store_health health;
	bool was_cut;
	int r;

	strcpy(left.epoch, store->epochs->text);
	r = hc_ledger_reopen(recovery->ledger, &left, recovery->is_suspect, &was_cut);
	if (r)
		return find_cause(recovery, r);
	if (was_cut)
		hc_store_want_state(store, true);
	if (recovery->is_suspect)
		recovery->suspect_ns = hc_monotonic_ns();
	recovery->is_suspect = false;
	store->oldest = recovery->ledger->database.base + 1;
	hc_store_look(store, &health);
	recovery->condition = health.wants_state ? HC_CONDITION_ANEW : HC_CONDITION_UP;
	return SQLITE_OK;
}

static void give_up(struct hc_recovery *recovery)
{
	int r = hc_ledger_set_aside(recovery->ledger);

	if (r)
		report(recovery, strerror(-r));
	else
		recovery->condition = HC_CONDITION_GONE;
}

static void begin_anew(struct hc_recovery *recovery)
{
	struct hc_store *store = recovery->store;
	struct hc_log_start start = { .base = store->newest };
	int r = hc_files_create(recovery->ledger->path);

	if (r == -EEXIST)
		recovery->condition = HC_CONDITION_DOWN; /* somebody put it there: is it ours? */
	if (r) {
		report(recovery, strerror(-r));
		return;
	}
	hc_epoch_random(start.epoch);
	r = hc_ledger_begin(recovery->ledger, &start);
	if (!r && hc_store_begin_epoch(store, start.epoch) < 0)
		r = SQLITE_NOMEM;
	if (r) {
		report_code(recovery, r);
		hc_ledger_discard(recovery->ledger);
		return;
	}
	hc_witness_tell(&recovery->ledger->witness, start.epoch, start.base);
	recovery->suspect_ns = 0;
	recovery->is_suspect = false;
	store->oldest = store->newest + 1;
	recovery->condition = HC_CONDITION_ANEW;
	hc_store_want_state(store, true);
}

void hc_recovery_mend(struct hc_recovery *recovery)
{
	uint64_t now_ns = hc_monotonic_ns();
	int r = SQLITE_OK;

	if (recovery->condition == HC_CONDITION_UP || recovery->condition == HC_CONDITION_ANEW ||
	    (recovery->mended_ns &&
	     now_ns - recovery->mended_ns < HC_RECOVERY_EVERY_MS * UINT64_C(1000000)))
		return;
	recovery->mended_ns = now_ns;
	if (recovery->condition == HC_CONDITION_DOWN)
		r = open_anew(recovery);
	if (r && hc_ledger_is_away(recovery->ledger))
		report_away(recovery, r);
	else if (hc_sql_is_damage(r))
		recovery->condition = HC_CONDITION_DAMAGED;
	else if (r)
		report_code(recovery, r);
	if (recovery->condition == HC_CONDITION_DAMAGED)
		give_up(recovery);
	if (recovery->condition == HC_CONDITION_GONE)
		begin_anew(recovery);
	if (recovery->condition == HC_CONDITION_UP)
		hc_recovery_be_well(recovery);
}

void hc_recovery_heed_moves(struct hc_recovery *recovery)
{
	enum hc_probe_move move = HC_PROBE_STAYS;

	if (recovery->condition == HC_CONDITION_UP)
		move = hc_probe_move(&recovery->ledger->database);
	if (move == HC_PROBE_STAYS)
		return;
	if (hc_ledger_is_away(recovery->ledger))
		report_away(recovery, SQLITE_CORRUPT);
	else
		hc_store_report(recovery->store,
				"the database was deleted or replaced by somebody else");
	recovery->condition = move == HC_PROBE_MOVED ? HC_CONDITION_DOWN : HC_CONDITION_DAMAGED;
	hc_recovery_mend(recovery);
}

/* ---- wait --------------------------------------------------------------------------------- */

/* A quota is not seen in what the file system says, nor is a disk that lies. */
static bool has_space(struct hc_ledger *ledger)
{
	struct statvfs about;

	return !statvfs(ledger->path, &about) &&
	       (uint64_t)about.f_bavail * about.f_frsize >= FREE_BYTES_MIN &&
	       !hc_probe_space(&ledger->database, FREE_BYTES_MIN);
}

void hc_recovery_look_again(struct hc_recovery *recovery)
{
	struct hc_database *database = &recovery->ledger->database;

	/* A quota, or what only root may use, shows when something is written. */
	if (recovery->is_full && has_space(recovery->ledger) && !hc_age_note(&database->age))
		hc_recovery_be_well(recovery);
	else if (recovery->is_locked && !hc_probe_lock(database))
		hc_recovery_be_well(recovery);
}
