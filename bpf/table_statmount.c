/* SPDX-License-Identifier: MIT */
/*
 * The structures are written out here: Debian 12 has the headers of Linux 6.1. They are part of the
 * kernel's stable interface. Source: include/uapi/linux/mount.h, Linux 6.15.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/syscall.h>

#include "bpf/table_statmount.h"

#ifndef SYS_statmount
#define SYS_statmount 457 /* the same number on all architectures but alpha */
#define SYS_listmount 458
#endif

#define LIST_ROOT      UINT64_MAX /* LSMT_ROOT: all mounts of the namespace */
#define LIST_STEP      512	  /* ids a call */
#define ANSWER_BYTES   4096	  /* first try; texts behind the structure */
#define ANSWER_MAX     (1024 * 1024)
#define WANT_SB_BASIC  0x001u
#define WANT_MNT_BASIC 0x002u
#define WANT_ROOT      0x008u
#define WANT_POINT     0x010u
#define WANT_FS_TYPE   0x020u
#define WANT_OPTIONS   0x080u /* 6.11 */
#define WANT_SUBTYPE   0x100u /* 6.13 */
#define WANT_SOURCE    0x200u /* 6.13 */
#define WANT_ALL \
	(WANT_SB_BASIC | WANT_MNT_BASIC | WANT_ROOT | WANT_POINT | WANT_FS_TYPE | WANT_OPTIONS | \
	 WANT_SUBTYPE | WANT_SOURCE)

/* mount_setattr(2) MOUNT_ATTR_*, as statmount shows them */
#define ATTR_RDONLY	 0x00000001u
#define ATTR_NOSUID	 0x00000002u
#define ATTR_NODEV	 0x00000004u
#define ATTR_NOEXEC	 0x00000008u
#define ATTR_ATIME	 0x00000070u
#define ATTR_NOATIME	 0x00000010u
#define ATTR_STRICTATIME 0x00000020u
#define ATTR_NODIRATIME	 0x00000080u
#define ATTR_NOSYMFOLLOW 0x00200000u

struct mnt_id_req {
	uint32_t size;
	uint32_t spare;
	uint64_t mnt_id;
	uint64_t param; /* statmount: what is wanted; listmount: the last id already known */
	uint64_t mnt_ns_id;
};

/* Offsets of texts count from `texts`. */
struct statmount {
	uint32_t size;
	uint32_t mnt_opts;
	uint64_t mask;
	uint32_t sb_dev_major;
	uint32_t sb_dev_minor;
	uint64_t sb_magic;
	uint32_t sb_flags;
	uint32_t fs_type;
	uint64_t mnt_id;
	uint64_t mnt_parent_id;
	uint32_t mnt_id_old;
	uint32_t mnt_parent_id_old;
	uint64_t mnt_attr;
	uint64_t mnt_propagation;
	uint64_t mnt_peer_group;
	uint64_t mnt_master;
	uint64_t propagate_from;
	uint32_t mnt_root;
	uint32_t mnt_point;
	uint64_t mnt_ns_id;
	uint32_t fs_subtype;
	uint32_t sb_source;
	uint64_t unused_[48];
	char texts[];
};

_Static_assert(sizeof(struct statmount) == 512, "as the kernel has it");

struct answer {
	struct statmount *data;
	size_t size;
};

static void answer_deinit(struct answer *answer)
{
	free(answer->data);
}

static long list_mounts(uint64_t mnt_ns_id, uint64_t last, uint64_t *ids, size_t n_ids)
{
	struct mnt_id_req req = {
		.size = sizeof(req), .mnt_id = LIST_ROOT, .param = last, .mnt_ns_id = mnt_ns_id
	};
	long n = syscall(SYS_listmount, &req, ids, n_ids, 0);

	return n < 0 ? -errno : n;
}

static int stat_mount(struct answer *answer, uint64_t mnt_ns_id, uint64_t id)
{
	struct mnt_id_req req = {
		.size = sizeof(req), .mnt_id = id, .param = WANT_ALL, .mnt_ns_id = mnt_ns_id
	};

	for (;;) {
		void *larger;

		if (answer->data && !syscall(SYS_statmount, &req, answer->data, answer->size, 0))
			return 0;
		if (answer->data && (errno != EOVERFLOW || answer->size >= ANSWER_MAX))
			return -errno;
		answer->size = answer->data ? 2 * answer->size : ANSWER_BYTES;
		larger = realloc(answer->data, answer->size);
		if (!larger)
			return -ENOMEM;
		answer->data = larger;
	}
}

static const char *text_of(const struct statmount *data, uint64_t bit, uint32_t offset)
{
	return data->mask & bit ? data->texts + offset : "";
}

/* As mount(8) would print them: what belongs to the mount, then what belongs to the file system. */
static char *options_of(const struct statmount *data)
{
	const char *opts = text_of(data, WANT_OPTIONS, data->mnt_opts);
	uint64_t attr = data->mnt_attr, atime = attr & ATTR_ATIME;
	char *text;
	int len;

	len = asprintf(&text, "%s%s%s%s%s%s%s%s%s%s%s",
		       attr & ATTR_RDONLY || data->sb_flags & MS_RDONLY ? "ro" : "rw",
		       attr & ATTR_NOSUID ? ",nosuid" : "", attr & ATTR_NODEV ? ",nodev" : "",
		       attr & ATTR_NOEXEC ? ",noexec" : "", atime == ATTR_NOATIME ? ",noatime" : "",
		       attr & ATTR_NODIRATIME ? ",nodiratime" : "", atime ? "" : ",relatime",
		       attr & ATTR_NOSYMFOLLOW ? ",nosymfollow" : "",
		       data->sb_flags & MS_SYNCHRONOUS ? ",sync" : "", *opts ? "," : "", opts);
	return len < 0 ? NULL : text;
}

static int add_mount(struct hc_table *table, const struct statmount *data)
{
	const char *subtype = text_of(data, WANT_SUBTYPE, data->fs_subtype);
	HC_CLEANUP(hc_mount_unrefp) struct hc_mount *mount = NULL;
	char *options = options_of(data);
	char fstype[128];

	if (!options)
		return -ENOMEM;
	(void)snprintf(fstype, sizeof(fstype), "%s%s%s", text_of(data, WANT_FS_TYPE, data->fs_type),
		       *subtype ? "." : "", subtype);
	mount = hc_mount_new(&(struct hc_mount_row){
		.id = data->mnt_id,
		.parent_id = data->mnt_parent_id,
		.major = data->sb_dev_major,
		.minor = data->sb_dev_minor,
		.path = text_of(data, WANT_POINT, data->mnt_point),
		.root = text_of(data, WANT_ROOT, data->mnt_root),
		.source = text_of(data, WANT_SOURCE, data->sb_source),
		.fstype = fstype,
		.options = options,
	});
	free(options);
	return mount ? hc_table_add(table, mount) : -ENOMEM;
}

int hc_statmount_check(uint64_t mnt_ns_id)
{
	HC_CLEANUP(answer_deinit) struct answer answer = { 0 };
	uint64_t id;
	long n = list_mounts(mnt_ns_id, 0, &id, 1);
	int r;

	if (n <= 0)
		return n ? (int)n : -ENOENT;
	r = stat_mount(&answer, mnt_ns_id, id);
	if (r)
		return r;
	return answer.data->mask & WANT_SOURCE ? 0 : -EOPNOTSUPP;
}

int hc_statmount_read(struct hc_table **ret, uint64_t mnt_ns_id)
{
	HC_CLEANUP(hc_table_unrefp) struct hc_table *table = hc_table_new(true);
	HC_CLEANUP(answer_deinit) struct answer answer = { 0 };
	uint64_t ids[LIST_STEP], last = 0;
	long n, i;
	int r;

	if (!table)
		return -ENOMEM;
	do {
		n = list_mounts(mnt_ns_id, last, ids, LIST_STEP);
		if (n < 0)
			return (int)n;
		for (i = 0; i < n; i++) {
			r = stat_mount(&answer, mnt_ns_id, ids[i]);
			if (r == -ENOENT)
				continue; /* gone since the list was made */
			if (r)
				return r;
			/* Not to be seen from our root directory, then mountinfo has no line
			 * either. */
			if (!*text_of(answer.data, WANT_POINT, answer.data->mnt_point))
				continue;
			r = add_mount(table, answer.data);
			if (r)
				return r;
		}
		last = n ? ids[n - 1] : 0;
	} while (n == LIST_STEP);
	r = hc_table_seal(table);
	if (!r)
		*ret = hc_take(table);
	return r;
}
