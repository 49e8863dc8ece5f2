/* SPDX-License-Identifier: MIT */
/* Which mounts are told, with the defaults and with a list of one's own. */
#include <criterion/criterion.h>

#include "bpf/filter.h"
#include "conf/conf.h"
#include "proto/fault.h"

static const struct {
	const char *fstype, *path;
	bool by_default, by_list;
} cases[] = {
	{ "ext4", "/", true, true },
	{ "vfat", "/media/stick", true, false },
	{ "tmpfs", "/tmp", true, false },
	{ "fuse.sshfs", "/mnt/far", true, true },
	{ "proc", "/proc", false, false },
	{ "cgroup2", "/sys/fs/cgroup", false, false },
	{ "tmpfs", "/run/user/1000", false, false },
	{ "ext4", "/secret/deep/down", true, false },
	{ "ext4", "/secret", true, true },
	{ "", "/brief", true, true },
	{ "", "/secret/brief", true, false },
};

Test(mount_filter, type_and_path_decide)
{
	struct hc_fault fault = HC_FAULT_NULL;
	struct hc_conf *defaults = NULL;
	char *types[] = { (char *)"ext4", (char *)"fuse.*" }, *paths[] = { (char *)"/secret/*" };
	struct hc_conf listed = { .mounts = { .filesystems = { types, 2 },
					      .exclude_paths = { paths, 1 } } };

	cr_assert_eq(hc_conf_load(&defaults, NULL, &fault), 0, "%s", fault.message);
	for (size_t i = 0; i < HC_ARRAY_LEN(cases); i++) {
		const struct hc_mount_row row = { .fstype = cases[i].fstype,
						  .path = cases[i].path };

		cr_expect_eq(hc_filter_tells(&row, defaults), cases[i].by_default, "%s %s",
			     row.fstype, row.path);
		cr_expect_eq(hc_filter_tells(&row, &listed), cases[i].by_list, "%s %s", row.fstype,
			     row.path);
	}
	hc_conf_free(defaults);
}
