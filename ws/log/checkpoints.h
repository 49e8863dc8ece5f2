/* SPDX-License-Identifier: MIT */
/*
 * When what was written beside the database is moved into it. That takes a while, so it is done in
 * pauses as long as there is not much of it; SQLite's own would be a part of some commit.
 */
#pragma once

#include "ws/log/ledger.h"

struct hc_checkpoints {
	uint64_t written_ns;	  /* when something was committed last */
	uint64_t stuck_ns;	  /* when another program's reading kept one from its end */
	unsigned int stuck_pages; /* of the file beside it, when that was told last */
};

/** hc_checkpoints_keep_up() - make one, if it is time to; @busy: no pause; an SQLite code */
int hc_checkpoints_keep_up(struct hc_checkpoints *checkpoints, struct hc_ledger *ledger, bool busy);
