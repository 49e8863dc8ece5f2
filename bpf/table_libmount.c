/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <libmount/libmount.h>
#include <sys/sysmacros.h>

#include "bpf/table_libmount.h"

HC_DEFINE_CLEANUP(struct libmnt_table *, mnt_unref_table);
HC_DEFINE_CLEANUP(struct libmnt_iter *, mnt_free_iter);
HC_DEFINE_CLEANUP(FILE *, fclose);

static const char *or_empty(const char *text)
{
	return text ? text : "";
}

static int add_mount(struct hc_table *table, struct libmnt_fs *fs)
{
	HC_CLEANUP(hc_mount_unrefp) struct hc_mount *mount = NULL;
	dev_t device = mnt_fs_get_devno(fs);

	mount = hc_mount_new(&(struct hc_mount_row){
		.id = (uint64_t)mnt_fs_get_id(fs),
		.parent_id = (uint64_t)mnt_fs_get_parent_id(fs),
		.major = major(device),
		.minor = minor(device),
		.path = or_empty(mnt_fs_get_target(fs)),
		.root = or_empty(mnt_fs_get_root(fs)),
		.source = or_empty(mnt_fs_get_srcpath(fs) ? mnt_fs_get_srcpath(fs)
							  : mnt_fs_get_source(fs)),
		.fstype = or_empty(mnt_fs_get_fstype(fs)),
		.options = or_empty(mnt_fs_get_options(fs)),
	});
	return mount ? hc_table_add(table, mount) : -ENOMEM;
}

static int skip_line(struct libmnt_table *lines, const char *name, int number)
{
	(void)lines;
	(void)name;
	(void)number;
	return 1; /* positive: leave this line out and go on */
}

int hc_libmount_parse(struct hc_table **ret, FILE *stream, const char *name)
{
	HC_CLEANUP(mnt_unref_tablep) struct libmnt_table *lines = mnt_new_table();
	HC_CLEANUP(mnt_free_iterp) struct libmnt_iter *iter = mnt_new_iter(MNT_ITER_FORWARD);
	HC_CLEANUP(hc_table_unrefp) struct hc_table *table = hc_table_new(false);
	struct libmnt_fs *fs;
	int r;

	if (!lines || !iter || !table)
		return -ENOMEM;
	(void)mnt_table_set_parser_errcb(lines, skip_line); /* fails for a NULL table only */
	r = mnt_table_parse_stream(lines, stream, name);
	if (r)
		return r < 0 ? r : -EIO;
	while (!mnt_table_next_fs(lines, iter, &fs)) {
		if (!*or_empty(mnt_fs_get_target(fs)))
			continue;
		r = add_mount(table, fs);
		if (r)
			return r;
	}
	r = hc_table_seal(table);
	if (!r)
		*ret = hc_take(table);
	return r;
}

int hc_libmount_read(struct hc_table **ret, unsigned int pid)
{
	HC_CLEANUP(fclosep) FILE *stream = NULL;
	char path[64];

	if (pid)
		(void)snprintf(path, sizeof(path), "/proc/%u/mountinfo", pid);
	else
		(void)snprintf(path, sizeof(path), "/proc/self/mountinfo");
	stream = fopen(path, "re");
	if (!stream)
		return -errno;
	return hc_libmount_parse(ret, stream, path);
}
