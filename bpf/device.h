/* SPDX-License-Identifier: MIT */
/*
 * Which device a mount is of: node, label, uuid, model, removable.
 *
 * From sysfs and udev's database, else from the superblock on the device (libblkid), which belongs
 * on a worker: a dying stick answers late or never. The mounted file system itself is never opened
 * and never asked: an open descriptor, and even a statfs() in passing, make a user's umount fail
 * with EBUSY.
 */
#pragma once

#include "bpf/mount.h"

/**
 * hc_device_find() - what sysfs and udev know
 * @ret:       new, a reference for the caller; untouched on failure
 * @sysfs:     where it is mounted, "/sys"
 * @row:       of the mount
 * @ret_probe: set to whether hc_device_probe() could say more
 *
 * A mount without a block device has its source as node, and nothing else. Reads a few files that
 * live in memory; 50 us. Return: 0 or -ENOMEM.
 */
int hc_device_find(struct hc_device **ret, const char *sysfs, const struct hc_mount_row *row,
		   bool *ret_probe);

/** struct hc_probed - what stands in a superblock; NULL: nothing */
struct hc_probed {
	char *label;
	char *uuid;
};

void hc_probed_deinit(struct hc_probed *probed);

/**
 * hc_device_probe() - read label and uuid from the superblock; blocks as long as the device likes
 * @node: of the block device
 *
 * Return: 0, also if no file system was recognised, or -errno of opening or reading.
 */
int hc_device_probe(struct hc_probed *ret, const char *node);

/**
 * hc_device_decode() - undo udev's encoding of a label, in place
 *
 * "\x20" stands for a space: ID_FS_LABEL_ENC. What is not such a sequence stays as it is.
 */
void hc_device_decode(char *text);
