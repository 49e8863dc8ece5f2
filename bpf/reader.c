/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

#include "bpf/reader.h"
#include "bpf/table_libmount.h"
#include "bpf/table_statmount.h"

static int check_statmount(const struct hc_reader *reader)
{
	if (!reader->is_own && !reader->ns_id)
		return -EPERM;
	return hc_statmount_check(reader->ns_id);
}

int hc_reader_init(struct hc_reader *reader, const struct hc_namespace *ns,
		   enum hc_table_source wanted, struct hc_reasons *reasons)
{
	int r;

	*reader = (struct hc_reader){ .pid = ns->pid,
				      .ns_id = ns->is_own ? 0 : ns->unique_id,
				      .is_own = ns->is_own };
	if (wanted == HC_TABLE_LIBMOUNT) {
		hc_reasons_add(reasons, "the table is read by libmount: the configuration says so");
		return 0;
	}
	r = check_statmount(reader);
	reader->uses_statmount = !r;
	if (!r || wanted == HC_TABLE_STATMOUNT)
		return r;
	hc_reasons_add(reasons,
		       "the table is read by libmount: statmount is not to be had (%s%s); "
		       "mount ids may be used again",
		       strerror(-r),
		       r == -ENOSYS || r == -EOPNOTSUPP ? ", it needs Linux 6.13" : "");
	return 0;
}

const char *hc_reader_name(const struct hc_reader *reader)
{
	return reader->uses_statmount ? "statmount" : "libmount";
}

bool hc_reader_needs_admin(const struct hc_reader *reader)
{
	return reader->uses_statmount && !reader->is_own;
}

int hc_reader_open(const struct hc_reader *reader)
{
	char path[64] = "/proc/self/mountinfo";
	int fd;

	if (reader->pid)
		(void)snprintf(path, sizeof(path), "/proc/%u/mountinfo", reader->pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int hc_reader_read(const struct hc_reader *reader, struct hc_table **ret)
{
	return reader->uses_statmount ? hc_statmount_read(ret, reader->ns_id)
				      : hc_libmount_read(ret, reader->pid);
}
