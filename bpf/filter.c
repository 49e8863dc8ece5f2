/* SPDX-License-Identifier: MIT */
#include <fnmatch.h>

#include "bpf/filter.h"
#include "conf/conf.h"

static bool is_listed(const struct hc_list *patterns, const char *text)
{
	size_t i;

	for (i = 0; i < patterns->n; i++) {
		if (!fnmatch(patterns->items[i], text, 0))
			return true;
	}
	return false;
}

bool hc_filter_tells(const struct hc_mount_row *row, const void *context)
{
	const struct hc_conf *conf = context;

	if (*row->fstype && (is_listed(&conf->mounts.exclude_filesystems, row->fstype) ||
			     !is_listed(&conf->mounts.filesystems, row->fstype)))
		return false;
	return !is_listed(&conf->mounts.exclude_paths, row->path);
}
