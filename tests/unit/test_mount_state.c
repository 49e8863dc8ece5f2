/* SPDX-License-Identifier: MIT */
/* What was told last: there and back, and every way a file can be of no use. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "bpf/state.h"

static const struct hc_state_of here = { .boot_id = "12345678-1234-1234-1234-123456789abc",
					 .mount_namespace = 77,
					 .unique_ids = true };

static char dir[] = "/tmp/hostcast-state-XXXXXX";
static char path[64];

static void make_dir(void)
{
	cr_assert_not_null(mkdtemp(dir));
	(void)snprintf(path, sizeof(path), "%s/mounts", dir);
}

static void remove_dir(void)
{
	char command[64];

	(void)snprintf(command, sizeof(command), "rm -r %s", dir);
	cr_assert_eq(system(command), 0);
}

static struct hc_table *make_table(void)
{
	struct hc_table *table = hc_table_new(true);
	struct hc_device *device = hc_device_new("/dev/sdb1", "MY\nSTICK \xff", NULL, "M", true);

	for (unsigned int i = 1; i <= 3; i++) {
		struct hc_mount *mount =
			hc_mount_new(&(struct hc_mount_row){ .id = UINT64_MAX - i,
							     .parent_id = i,
							     .major = 8,
							     .minor = i,
							     .path = i == 2 ? "/m\xfe x" : "/",
							     .root = "/r",
							     .source = "s",
							     .fstype = "vfat",
							     .options = "rw" });

		if (i == 2)
			hc_mount_set_device(mount, device);
		cr_assert_eq(hc_table_add(table, mount), 0);
		hc_mount_unref(mount);
	}
	hc_device_unref(device);
	cr_assert_eq(hc_table_seal(table), 0);
	return table;
}

static void save(bool enabled)
{
	struct hc_table *table = make_table();

	cr_assert_eq(hc_state_save(path, &here, table, enabled), 0);
	hc_table_unref(table);
}

TestSuite(mount_state, .init = make_dir, .fini = remove_dir);

Test(mount_state, what_was_saved_is_loaded)
{
	struct hc_table *table = NULL;
	const struct hc_mount *mount;
	bool enabled = true;

	save(false);
	cr_assert_eq(hc_state_load(&table, &enabled, path, &here), 0);
	cr_expect_not(enabled);
	cr_assert_eq(table->n, 3);
	mount = hc_table_find(table, UINT64_MAX - 2);
	cr_assert_not_null(mount);
	cr_expect_eq(mount->row.parent_id, 2);
	cr_expect_eq(mount->row.major, 8);
	cr_expect_eq(mount->row.minor, 2);
	cr_expect_str_eq(mount->row.path, "/m\xfe x");
	cr_expect_str_eq(mount->row.options, "rw");
	cr_expect_str_eq(mount->device->label, "MY\nSTICK \xff");
	cr_expect_null(mount->device->uuid);
	cr_expect(mount->device->removable);
	cr_expect_null(hc_table_find(table, UINT64_MAX - 1)->device);
	hc_table_unref(table);
}

static void expect_refused(int wanted, const struct hc_state_of *of)
{
	struct hc_table *table = NULL;
	bool enabled = true;

	cr_expect_eq(hc_state_load(&table, &enabled, path, of), wanted);
	cr_expect_null(table);
	cr_expect(enabled);
}

Test(mount_state, another_boot_namespace_or_kind_of_id_is_refused)
{
	struct hc_state_of other = here;

	expect_refused(HC_STATE_E_NONE, &here);
	save(true);
	other.boot_id[0] = '0';
	expect_refused(HC_STATE_E_OTHER, &other);
	other = here;
	other.mount_namespace++;
	expect_refused(HC_STATE_E_OTHER, &other);
	other = here;
	other.unique_ids = false;
	expect_refused(HC_STATE_E_OTHER, &other);
}

/* Whatever is cut off or changed, it is refused or harmless; a sanitized run would tell. */
Test(mount_state, a_damaged_file_is_refused)
{
	char bytes[4096];
	FILE *file;
	size_t len;

	save(true);
	file = fopen(path, "r");
	len = fread(bytes, 1, sizeof(bytes), file);
	fclose(file);
	cr_assert_lt(len, sizeof(bytes));
	for (size_t n = 0; n < len; n++) {
		file = fopen(path, "w");
		cr_assert_eq(fwrite(bytes, 1, n, file), n);
		fclose(file);
		expect_refused(HC_STATE_E_INVALID, &here);
	}
	for (size_t i = 0; i < len; i++) {
		struct hc_table *table = NULL;
		bool enabled;

		bytes[i] ^= 0x5a;
		file = fopen(path, "w");
		cr_assert_eq(fwrite(bytes, 1, len, file), len);
		fclose(file);
		bytes[i] ^= 0x5a;
		if (!hc_state_load(&table, &enabled, path, &here))
			hc_table_unref(table);
	}
	file = fopen(path, "w");
	bytes[len] = 0;
	cr_assert_eq(fwrite(bytes, 1, len + 1, file), len + 1);
	fclose(file);
	expect_refused(HC_STATE_E_INVALID, &here);
}

Test(mount_state, a_place_that_cannot_be_written_is_an_error)
{
	struct hc_table *table = make_table();

	cr_expect_eq(hc_state_save("/no/such/dir/mounts", &here, table, true), -2 /* ENOENT */);
	hc_table_unref(table);
}
