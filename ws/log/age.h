/* SPDX-License-Identifier: MIT */
/*
 * The age of what is in the log, counted on a clock of the log's own.
 *
 * A wall clock that is set, by ten years or so, must not make the log forget everything. So its age
 * is counted on CLOCK_BOOTTIME while the hub runs; of the time in between, the wall clock tells,
 * and a day at most is believed. Now and then a mark notes what that clock was when the events up
 * to a sequence were there.
 */
#pragma once

#include "ws/log/statements.h"

/** struct hc_mark - the events up to @sequence are at least as old as that moment */
struct hc_mark {
	uint64_t sequence;
	int64_t clock_ms;
};

struct hc_age {
	struct hc_statements *statements;
	int64_t began_ms; /* on the log's clock, when it was opened */
	uint64_t began_boot_ms;
	int64_t noted_ms; /* when the clock was noted last */
	uint64_t mark_every_ms;
	struct hc_mark last;
};

/**
 * hc_age_start() - the log is opened
 * @keep_ms:      how old events may become, which tells how close marks must be; 0: any age
 * @left_at_ms:   its clock as it was noted last
 * @wall_unix_ms: the wall clock then
 */
void hc_age_start(struct hc_age *age, uint64_t keep_ms, int64_t left_at_ms, int64_t wall_unix_ms);

/** hc_age_now_ms() - the log's clock */
int64_t hc_age_now_ms(const struct hc_age *age);

/** hc_age_note() - write down the clock: until the log is open again, the wall clock counts */
int hc_age_note(struct hc_age *age);

/** hc_age_wants() - whether it is time for a mark, and there is something to mark */
bool hc_age_wants(const struct hc_age *age, struct hc_mark mark);

/** hc_age_insert() - write it down, and the clock; within a transaction */
int hc_age_insert(struct hc_age *age, struct hc_mark mark);

/** hc_age_keep_up() - mark the newest events and note the clock, if it is time to */
int hc_age_keep_up(struct hc_age *age, uint64_t newest);

/** hc_age_find() - the sequence up to which everything is older than @ms; 0 if nothing is */
int hc_age_find(const struct hc_age *age, uint64_t ms, uint64_t *ret_sequence);
