/* SPDX-License-Identifier: MIT */
/*
 * Is it well? What is asked of the log's database when something is, or may be, wrong with it.
 * Except for the first, the functions return SQLite codes.
 */
#pragma once

#include "ws/log/database.h"

enum hc_probe_move {
	HC_PROBE_STAYS,
	HC_PROBE_MOVED,	  /* deleted or replaced */
	HC_PROBE_WIDOWED, /* what was written beside it was deleted */
};

/** hc_probe_move() - whether its files were taken away from under us */
enum hc_probe_move hc_probe_move(struct hc_database *database);

/** hc_probe_lock() - whether a transaction can begin; does not wait for who has it locked */
int hc_probe_lock(struct hc_database *database);

/** hc_probe_space() - whether there is room for so many bytes; nothing of them stays */
int hc_probe_space(struct hc_database *database, size_t len);

/** hc_probe_damage() - look for it, for @ms_max at most; SQLITE_INTERRUPT if that was short */
int hc_probe_damage(struct hc_database *database, uint64_t ms_max);
