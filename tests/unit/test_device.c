/* SPDX-License-Identifier: MIT */
/* Devices out of a made-up sysfs. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "bpf/device.h"

static char dir[] = "/tmp/hostcast-sysfs-XXXXXX";

static void put(const char *path, const char *text)
{
	char command[512];
	FILE *file;

	(void)snprintf(command, sizeof(command), "mkdir -p $(dirname %s/%s)", dir, path);
	cr_assert_eq(system(command), 0);
	(void)snprintf(command, sizeof(command), "%s/%s", dir, path);
	file = fopen(command, "w");
	cr_assert_not_null(file);
	fputs(text, file);
	fclose(file);
}

static void put_link(const char *path, const char *to)
{
	char from[512];

	(void)snprintf(from, sizeof(from), "%s/%s", dir, path);
	cr_assert_eq(symlink(to, from), 0);
}

/* Device numbers that no machine has, so that its own udev has nothing to say about them. */
static void make_sysfs(void)
{
	cr_assert_not_null(mkdtemp(dir));
	put("block/sdz/uevent", "MAJOR=4001\nMINOR=16\nDEVNAME=sdz\nDEVTYPE=disk\n");
	put("block/sdz/removable", "1\n");
	put("block/sdz/dev", "4001:16\n");
	put("block/sdz/device/model", "Ultra Fit        \n");
	put("block/sdz/sdz1/uevent", "MAJOR=4001\nMINOR=17\nDEVNAME=sdz1\n");
	put("block/sdz/sdz1/partition", "1\n");
	put("block/sdz/sdz1/dev", "4001:17\n");
	put("block/dm-0/uevent", "MAJOR=4002\nMINOR=0\nDEVNAME=dm-0\n");
	put("block/dm-0/removable", "0\n");
	put("block/dm-0/dev", "4002:0\n");
	put("block/dm-0/dm/name", "vg-root\n");
	put("dev/block/.keep", "");
	put("class/block/.keep", "");
	put_link("dev/block/4001:17", "../../block/sdz/sdz1");
	put_link("dev/block/4002:0", "../../block/dm-0");
	put_link("class/block/sdz1", "../../block/sdz/sdz1");
	put_link("class/block/dm-0", "../../block/dm-0");
}

static void remove_sysfs(void)
{
	char command[128];

	(void)snprintf(command, sizeof(command), "rm -r %s", dir);
	cr_assert_eq(system(command), 0);
}

static const struct {
	unsigned int major, minor;
	const char *source, *fstype;
	const char *node, *model;
	bool removable, may_probe;
} cases[] = {
	{ 4001, 17, "/dev/disk/by-label/X", "vfat", "/dev/sdz1", "Ultra Fit", true, true },
	{ 4002, 0, "/dev/mapper/vg-root", "ext4", "/dev/mapper/vg-root", NULL, false, true },
	{ 0, 44, "tmpfs", "tmpfs", "tmpfs", NULL, false, false },
	{ 0, 45, "server:/export", "nfs4", "server:/export", NULL, false, false },
	{ 0, 46, "/dev/sdz1", "btrfs", "/dev/sdz1", "Ultra Fit", true, true },
	{ 0, 47, "/dev/mapper/vg-root", "btrfs", "/dev/mapper/vg-root", NULL, false, true },
	{ 0, 48, "/dev/mapper/none", "btrfs", "/dev/mapper/none", NULL, false, false },
	{ 0, 49, "/dev/../etc/passwd", "x", "/dev/../etc/passwd", NULL, false, false },
	{ 0, 50, "/dev/", "x", "/dev/", NULL, false, false },
	{ 4003, 1, "/dev/gone1", "ext4", "/dev/gone1", NULL, false, false },
};

Test(device, is_found_in_sysfs, .init = make_sysfs, .fini = remove_sysfs)
{
	for (size_t i = 0; i < HC_ARRAY_LEN(cases); i++) {
		const struct hc_mount_row row = { .major = cases[i].major,
						  .minor = cases[i].minor,
						  .source = cases[i].source,
						  .fstype = cases[i].fstype };
		struct hc_device *device = NULL;
		bool may_probe = false;

		cr_assert_eq(hc_device_find(&device, dir, &row, &may_probe), 0);
		cr_expect_str_eq(device->node, cases[i].node);
		cr_expect_eq(!device->model, !cases[i].model, "%s", cases[i].node);
		if (device->model && cases[i].model)
			cr_expect_str_eq(device->model, cases[i].model);
		cr_expect_eq(device->removable, cases[i].removable, "%s", cases[i].node);
		cr_expect_eq(may_probe, cases[i].may_probe, "%s", cases[i].node);
		cr_expect_null(device->label);
		hc_device_unref(device);
	}
}

static const struct {
	const char *encoded, *decoded;
} labels[] = {
	{ "plain", "plain" },	      { "my\\x20stick", "my stick" },
	{ "a\\x2fb", "a/b" },	      { "\\xc3\\xa9t\\xc3\\xa9", "\xc3\xa9t\xc3\xa9" },
	{ "100\\x", "100\\x" },	      { "\\x5cx20", "\\x20" },
	{ "bad\\xzz", "bad\\xzz" },   { "cut\\x2", "cut\\x2" },
	{ "nul\\x00x", "nul\\x00x" }, { "", "" },
};

Test(device, udevs_encoding_is_undone)
{
	for (size_t i = 0; i < HC_ARRAY_LEN(labels); i++) {
		char text[64];

		(void)snprintf(text, sizeof(text), "%s", labels[i].encoded);
		hc_device_decode(text);
		cr_expect_str_eq(text, labels[i].decoded);
	}
}

/* The signature of a swap area: the smallest superblock there is, and in the first page. */
static void write_swap(const char *path, const char *label)
{
	static char page[40960];
	FILE *file = fopen(path, "w");

	cr_assert_not_null(file);
	page[1024] = 1; /* version */
	page[1028] = 9; /* last page */
	memcpy(page + 1036, "\x01\x23\x45\x67\x89\xab\xcd\xef\x01\x23\x45\x67\x89\xab\xcd\xef", 16);
	memcpy(page + 1052, label, strlen(label));
	memcpy(page + 4096 - 10, "SWAPSPACE2", 10);
	cr_assert_eq(fwrite(page, sizeof(page), 1, file), 1);
	fclose(file);
}

Test(device, label_and_uuid_come_from_the_superblock)
{
	char path[] = "/tmp/hostcast-superblock-XXXXXX";
	int fd = mkstemp(path);
	struct hc_probed probed = { 0 };

	cr_assert_geq(fd, 0);
	cr_expect_eq(hc_device_probe(&probed, path), 0, "an empty file is no error");
	cr_expect_null(probed.label);
	write_swap(path, "MY STICK");
	cr_assert_eq(hc_device_probe(&probed, path), 0);
	cr_assert_not_null(probed.label);
	cr_expect_str_eq(probed.label, "MY STICK");
	cr_expect_str_eq(probed.uuid, "01234567-89ab-cdef-0123-456789abcdef");
	hc_probed_deinit(&probed);
	close(fd);
	unlink(path);
	cr_expect_eq(hc_device_probe(&probed, path), -2 /* ENOENT */);
}
