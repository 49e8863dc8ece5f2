/* SPDX-License-Identifier: MIT */
/* mountinfo as it was recorded, with what people put into names. */
#include <criterion/criterion.h>

#include "bpf/table_libmount.h"

static struct hc_table *parse(const char *text)
{
	FILE *stream = fmemopen((void *)text, strlen(text), "r");
	struct hc_table *table = NULL;

	cr_assert_not_null(stream);
	cr_assert_eq(hc_libmount_parse(&table, stream, "recorded"), 0);
	fclose(stream);
	return table;
}

static const char recorded[] =
	"22 1 8:2 / / rw,relatime shared:1 - ext4 /dev/sda2 rw,errors=remount-ro\n"
	"40 22 8:17 / /media/my\\040stick rw,nosuid,nodev shared:9 - vfat /dev/sdb1 rw,uid=1000\n"
	"41 22 8:17 /dir /srv/d ro,relatime - vfat /dev/sdb1 rw,uid=1000\n"
	"42 22 0:44 / /tmp/a\\012b\\134c\\011d rw - tmpfs so\\040urce rw,size=4k\n"
	"43 22 0:45 / /tmp/\xff\xfe rw - fuse.sshfs me@host:/x rw\n"
	"44 22 0:46 / /n rw - nfs4 [::1]:/export\\043 rw\n";

Test(table_libmount, a_recorded_table_is_read)
{
	struct hc_table *table = parse(recorded);
	const struct hc_mount_row *row;

	cr_assert_eq(table->n, 6);
	cr_expect_not(table->unique_ids);
	row = &hc_table_find(table, 40)->row;
	cr_expect_str_eq(row->path, "/media/my stick");
	cr_expect_str_eq(row->source, "/dev/sdb1");
	cr_expect_str_eq(row->fstype, "vfat");
	cr_expect_str_eq(row->root, "/");
	cr_expect_eq(row->major, 8);
	cr_expect_eq(row->minor, 17);
	cr_expect_eq(row->parent_id, 22);
	cr_expect_not_null(strstr(row->options, "nosuid"));
	cr_expect_not_null(strstr(row->options, "uid=1000"));
	cr_expect_str_eq(hc_table_find(table, 41)->row.root, "/dir");
	cr_expect_eq(strncmp(hc_table_find(table, 41)->row.options, "ro", 2), 0);
	cr_expect_str_eq(hc_table_find(table, 42)->row.path, "/tmp/a\nb\\c\td");
	cr_expect_str_eq(hc_table_find(table, 42)->row.source, "so urce");
	cr_expect_str_eq(hc_table_find(table, 43)->row.path, "/tmp/\xff\xfe");
	cr_expect_str_eq(hc_table_find(table, 43)->row.fstype, "fuse.sshfs");
	cr_expect_str_eq(hc_table_find(table, 44)->row.source, "[::1]:/export#");
	cr_expect_eq(hc_table_find(table, 40)->depth, 1);
	hc_table_unref(table);
}

Test(table_libmount, a_broken_line_costs_itself_only)
{
	struct hc_table *table = parse("22 1 8:2 / / rw - ext4 /dev/sda2 rw\n"
				       "this is none\n"
				       "23 22 8:3 / /a rw - ext4 /dev/sda3 rw\n"
				       "24 22 x:y / /b\n");

	cr_expect_eq(table->n, 2);
	cr_expect_not_null(hc_table_find(table, 23));
	hc_table_unref(table);
}

Test(table_libmount, our_own_table_can_be_read)
{
	struct hc_table *table = NULL;

	cr_assert_eq(hc_libmount_read(&table, 0), 0);
	cr_expect_gt(table->n, 0);
	hc_table_unref(table);
	cr_expect_eq(hc_libmount_read(&table, 0x7fffffff), -2 /* ENOENT: no such process */);
}
