/* SPDX-License-Identifier: MIT */
#include <sqlite3.h>

#include "proto/clock.h"
#include "ws/log/age.h"

#define AWAY_MS_MAX   (24 * 60 * 60 * 1000)
#define NOTE_EVERY_MS (60 * 60 * 1000) /* the clock, also if there is nothing to mark */
#define MARKS_OF_AGE  100	       /* keep_age is kept to one part in that */
#define MARK_MS_MIN   100
#define MARK_MS_MAX   (60 * 60 * 1000)

static uint64_t mark_every_ms(uint64_t keep_ms)
{
	uint64_t ms = keep_ms / MARKS_OF_AGE;

	if (!ms || ms > MARK_MS_MAX)
		return MARK_MS_MAX;
	return ms < MARK_MS_MIN ? MARK_MS_MIN : ms;
}

void hc_age_start(struct hc_age *age, uint64_t keep_ms, int64_t left_at_ms, int64_t wall_unix_ms)
{
	int64_t away_ms = hc_now_unix_ms() - wall_unix_ms;

	if (away_ms < 0)
		away_ms = 0;
	age->began_ms = left_at_ms + (away_ms < AWAY_MS_MAX ? away_ms : AWAY_MS_MAX);
	age->began_boot_ms = hc_boottime_ns() / 1000000;
	age->noted_ms = age->began_ms;
	age->mark_every_ms = mark_every_ms(keep_ms);
}

int64_t hc_age_now_ms(const struct hc_age *age)
{
	return age->began_ms + (int64_t)(hc_boottime_ns() / 1000000 - age->began_boot_ms);
}

static int note(struct hc_age *age, int64_t now_ms)
{
	int r;

	sqlite3_bind_int64(age->statements->all[HC_STATEMENT_SET_CLOCK], 2, hc_now_unix_ms());
	r = hc_statements_run_with(age->statements, HC_STATEMENT_SET_CLOCK, (uint64_t)now_ms);
	if (!r)
		age->noted_ms = now_ms;
	return r;
}

int hc_age_note(struct hc_age *age)
{
	return note(age, hc_age_now_ms(age));
}

bool hc_age_wants(const struct hc_age *age, struct hc_mark mark)
{
	return mark.sequence > age->last.sequence &&
	       mark.clock_ms - age->last.clock_ms >= (int64_t)age->mark_every_ms;
}

int hc_age_insert(struct hc_age *age, struct hc_mark mark)
{
	int r = note(age, mark.clock_ms);

	sqlite3_bind_int64(age->statements->all[HC_STATEMENT_INSERT_MARK], 2, mark.clock_ms);
	return r ? r
		 : hc_statements_run_with(age->statements, HC_STATEMENT_INSERT_MARK, mark.sequence);
}

int hc_age_keep_up(struct hc_age *age, uint64_t newest)
{
	struct hc_mark mark = { newest, hc_age_now_ms(age) };
	int r;

	if (!hc_age_wants(age, mark))
		return mark.clock_ms - age->noted_ms < NOTE_EVERY_MS ? SQLITE_OK
								     : note(age, mark.clock_ms);
	r = hc_statements_run(age->statements, HC_STATEMENT_BEGIN);
	if (!r)
		r = hc_statements_end(age->statements, hc_age_insert(age, mark));
	if (!r)
		age->last = mark;
	return r;
}

int hc_age_find(const struct hc_age *age, uint64_t ms, uint64_t *ret_sequence)
{
	sqlite3_stmt *stmt = age->statements->all[HC_STATEMENT_FIND_MARK];

	sqlite3_bind_int64(stmt, 1, hc_age_now_ms(age) - (sqlite3_int64)ms);
	return hc_statements_ask(age->statements, HC_STATEMENT_FIND_MARK, ret_sequence);
}
