/* SPDX-License-Identifier: MIT */
#include <sys/statvfs.h>

#include "ws/health/space.h"

bool hc_space_read(struct hc_space *ret, const char *path)
{
	struct statvfs about;

	if (statvfs(path, &about) < 0)
		return false;
	*ret = (struct hc_space){
		.total_bytes = (uint64_t)about.f_blocks * about.f_frsize,
		.used_bytes = (uint64_t)(about.f_blocks - about.f_bfree) * about.f_frsize,
		.available_bytes = (uint64_t)about.f_bavail * about.f_frsize,
	};
	return true;
}

double hc_space_percent(const struct hc_space *space)
{
	double for_all = (double)space->used_bytes + (double)space->available_bytes;

	return for_all > 0 ? 100.0 * (double)space->used_bytes / for_all : 0;
}
