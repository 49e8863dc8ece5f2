/* SPDX-License-Identifier: MIT */
#include <blkid/blkid.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libudev.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/sysmacros.h>

#include "bpf/device.h"

#define ATTRIBUTE_MAX 512 /* bytes with the NUL; sysfs values of interest are shorter */

HC_DEFINE_CLEANUP(struct udev *, udev_unref);
HC_DEFINE_CLEANUP(struct udev_device *, udev_device_unref);
HC_DEFINE_CLEANUP(DIR *, closedir);

static void freep(char **text)
{
	free(*text);
}

/* ---- sysfs -------------------------------------------------------------------------------- */

/* The first line of @dir/@name without spaces at its end; false if there is none or it is empty. */
static bool read_attribute(char ret[static ATTRIBUTE_MAX], const char *dir, const char *name)
{
	HC_CLEANUP(hc_closep) int fd = -1;
	char path[PATH_MAX];
	ssize_t len;

	if (snprintf(path, sizeof(path), "%s/%s", dir, name) >= (int)sizeof(path))
		return false;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	len = read(fd, ret, ATTRIBUTE_MAX - 1);
	if (len <= 0)
		return false;
	ret[len] = '\0';
	ret[strcspn(ret, "\n")] = '\0';
	len = (ssize_t)strlen(ret);
	while (len && ret[len - 1] == ' ')
		ret[--len] = '\0';
	return len > 0;
}

/* "DEVNAME=sdb1" in the uevent file. */
static char *read_name(const char *dir)
{
	HC_CLEANUP(hc_closep) int fd = -1;
	char path[PATH_MAX], text[4096], *name;
	ssize_t len;

	if (snprintf(path, sizeof(path), "%s/uevent", dir) >= (int)sizeof(path))
		return NULL;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	len = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	if (len <= 0)
		return NULL;
	text[len] = '\0';
	name = strncmp(text, "DEVNAME=", 8) ? strstr(text, "\nDEVNAME=") : text;
	if (!name)
		return NULL;
	name = strchr(name, '=') + 1;
	name[strcspn(name, "\n")] = '\0';
	return *name ? strdup(name) : NULL;
}

static char *join(const char *a, const char *b)
{
	char *text;

	return asprintf(&text, "%s%s", a, b) < 0 ? NULL : text;
}

/* /dev/mapper/<name> for what the device mapper made, as everybody calls it; else /dev/<name>. */
static char *find_node(const char *dir)
{
	HC_CLEANUP(freep) char *name = NULL;
	char mapped[ATTRIBUTE_MAX];

	if (read_attribute(mapped, dir, "dm/name"))
		return join("/dev/mapper/", mapped);
	name = read_name(dir);
	return name ? join("/dev/", name) : NULL;
}

/* btrfs, zfs and the like: their device number is of no device, but the source may name one. */
static bool find_by_source(char *ret, size_t size, const char *sysfs, const char *source)
{
	HC_CLEANUP(closedirp) DIR *blocks = NULL;
	char path[PATH_MAX], value[ATTRIBUTE_MAX];
	struct dirent *block;

	if (strncmp(source, "/dev/", 5))
		return false;
	if (strncmp(source, "/dev/mapper/", 12)) {
		if (strchr(source + 5, '/') || !source[5] || source[5] == '.')
			return false;
		(void)snprintf(ret, size, "%s/class/block/%s", sysfs, source + 5);
		return !access(ret, F_OK);
	}
	(void)snprintf(path, sizeof(path), "%s/class/block", sysfs);
	blocks = opendir(path);
	while (blocks && (block = readdir(blocks))) {
		if (strncmp(block->d_name, "dm-", 3))
			continue;
		if (snprintf(ret, size, "%s/%s", path, block->d_name) >= (int)size)
			continue;
		if (read_attribute(value, ret, "dm/name") && !strcmp(value, source + 12))
			return true;
	}
	return false;
}

static bool find_directory(char *ret, size_t size, const char *sysfs,
			   const struct hc_mount_row *row)
{
	if (!row->major)
		return find_by_source(ret, size, sysfs, row->source);
	(void)snprintf(ret, size, "%s/dev/block/%u:%u", sysfs, row->major, row->minor);
	return !access(ret, F_OK);
}

/* ---- udev --------------------------------------------------------------------------------- */

void hc_device_decode(char *text)
{
	char *to = text, *from = text;
	unsigned int byte;

	while (*from) {
		if (from[0] == '\\' && from[1] == 'x' && sscanf(from + 2, "%2x", &byte) == 1 &&
		    byte && strspn(from + 2, "0123456789abcdefABCDEF") >= 2) {
			*to++ = (char)byte;
			from += 4;
		} else {
			*to++ = *from++;
		}
	}
	*to = '\0';
}

static int decoded(char **ret, struct udev_device *device, const char *property)
{
	const char *value = udev_device_get_property_value(device, property);

	if (!value || !*value)
		return 0;
	*ret = strdup(value);
	if (!*ret)
		return -ENOMEM;
	hc_device_decode(*ret);
	return 0;
}

struct findings {
	char *node, *label, *uuid, *model;
	bool removable;
	bool udev_knows; /* it has looked at the superblock */
};

static void findings_deinit(struct findings *found)
{
	free(found->node);
	free(found->label);
	free(found->uuid);
	free(found->model);
}

static int ask_udev(struct findings *found, dev_t number)
{
	HC_CLEANUP(udev_unrefp) struct udev *udev = udev_new();
	HC_CLEANUP(udev_device_unrefp) struct udev_device *device = NULL;
	const char *bus;

	if (!udev)
		return 0;
	device = udev_device_new_from_devnum(udev, 'b', number);
	if (!device || udev_device_get_is_initialized(device) <= 0)
		return 0;
	bus = udev_device_get_property_value(device, "ID_BUS");
	if (bus && (!strcmp(bus, "usb") || !strcmp(bus, "ieee1394")))
		found->removable = true;
	found->udev_knows = udev_device_get_property_value(device, "ID_FS_TYPE") != NULL;
	if (decoded(&found->label, device, "ID_FS_LABEL_ENC") ||
	    decoded(&found->uuid, device, "ID_FS_UUID_ENC") ||
	    decoded(&found->model, device, "ID_MODEL_ENC"))
		return -ENOMEM;
	if (found->model) {
		size_t len = strlen(found->model);

		while (len && found->model[len - 1] == ' ')
			found->model[--len] = '\0';
	}
	return 0;
}

/* ---- together ----------------------------------------------------------------------------- */

/* A partition's drive is the directory above; the links of /sys/dev/block lead there. */
static int ask_sysfs(struct findings *found, const char *dir)
{
	char value[ATTRIBUTE_MAX], drive[PATH_MAX];
	bool is_partition = read_attribute(value, dir, "partition");

	if (snprintf(drive, sizeof(drive), "%s%s", dir, is_partition ? "/.." : "") >=
	    (int)sizeof(drive))
		return 0;
	found->node = find_node(dir);
	if (read_attribute(value, drive, "removable") && strcmp(value, "0"))
		found->removable = true;
	if (read_attribute(value, drive, "device/model")) {
		found->model = strdup(value);
		if (!found->model)
			return -ENOMEM;
	}
	return 0;
}

int hc_device_find(struct hc_device **ret, const char *sysfs, const struct hc_mount_row *row,
		   bool *ret_probe)
{
	HC_CLEANUP(findings_deinit) struct findings found = { 0 };
	HC_CLEANUP(freep) char *model = NULL;
	unsigned int major, minor;
	struct hc_device *device;
	char dir[PATH_MAX], number[ATTRIBUTE_MAX];
	int r;

	if (find_directory(dir, sizeof(dir), sysfs, row)) {
		r = ask_sysfs(&found, dir);
		if (r)
			return r;
		model = hc_take(found.model);
		if (read_attribute(number, dir, "dev") &&
		    sscanf(number, "%u:%u", &major, &minor) == 2) {
			r = ask_udev(&found, makedev(major, minor));
			if (r)
				return r;
		}
	}
	device = hc_device_new(found.node ? found.node : row->source, found.label, found.uuid,
			       found.model ? found.model : model, found.removable);
	if (!device)
		return -ENOMEM;
	*ret = device;
	*ret_probe = found.node && !found.udev_knows;
	return 0;
}

/* ---- the superblock ----------------------------------------------------------------------- */

HC_DEFINE_CLEANUP(blkid_probe, blkid_free_probe);

void hc_probed_deinit(struct hc_probed *probed)
{
	free(probed->label);
	free(probed->uuid);
	*probed = (struct hc_probed){ 0 };
}

static char *probed_value(blkid_probe probe, const char *name)
{
	const char *value;

	if (blkid_probe_lookup_value(probe, name, &value, NULL) || !*value)
		return NULL;
	return strdup(value);
}

int hc_device_probe(struct hc_probed *ret, const char *node)
{
	HC_CLEANUP(blkid_free_probep) blkid_probe probe = blkid_new_probe();
	HC_CLEANUP(hc_closep) int fd = -1;
	int r;

	if (!probe)
		return -ENOMEM;
	/* O_NONBLOCK: do not wait for a medium, do not pull a tray in. */
	fd = open(node, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return -errno;
	if (blkid_probe_set_device(probe, fd, 0, 0) || blkid_probe_enable_superblocks(probe, 1) ||
	    blkid_probe_set_superblocks_flags(probe, BLKID_SUBLKS_LABEL | BLKID_SUBLKS_UUID))
		return -EIO;
	r = blkid_do_safeprobe(probe);
	if (r < 0 && r != -2) /* -2: two file systems answered; it is none of ours to choose */
		return errno ? -errno : -EIO;
	*ret = (struct hc_probed){ 0 };
	if (!r) {
		ret->label = probed_value(probe, "LABEL");
		ret->uuid = probed_value(probe, "UUID");
	}
	return 0;
}
