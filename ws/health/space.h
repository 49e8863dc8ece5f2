/* SPDX-License-Identifier: MIT */
/*
 * The space of a file system, counted as df(1) does: what only root may use is neither used nor
 * available.
 */
#pragma once

#include "proto/base.h"

/** struct hc_space - in bytes; used and available may be less than the total */
struct hc_space {
	uint64_t total_bytes;
	uint64_t used_bytes;
	uint64_t available_bytes; /* to a process that is not root */
};

/** hc_space_read() - of the file system that @path is on; false, and @ret as it was, if it cannot
 */
bool hc_space_read(struct hc_space *ret, const char *path);

/** hc_space_percent() - how much is used of what there is for all, 0 to 100, not rounded */
double hc_space_percent(const struct hc_space *space);
