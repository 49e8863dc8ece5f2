/* SPDX-License-Identifier: MIT */
/*
 * Retention: how much of the log is kept, by age, by number, and by size. What is beyond it goes,
 * oldest first, in steps so small that commits do not wait for them.
 */
#pragma once

#include "ws/log/database.h"

struct hc_retention {
	uint64_t age_ms, n_events, bytes; /* 0: no limit */
	uint64_t n_rows;		  /* of one step; 0: not known yet */
};

/**
 * hc_retention_trim() - one step, if there is anything to forget; an SQLite code
 * @busy:     more is likely to be committed at once: only what is far beyond
 * @ret_more: there may be more; it stays if nothing was to be done
 */
int hc_retention_trim(struct hc_retention *retention, struct hc_database *database, bool busy,
		      bool *ret_more);
