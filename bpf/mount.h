/* SPDX-License-Identifier: MIT */
/*
 * One mount, as a row of the mount table, and what is known of its device.
 *
 * Both are shared: by tables of different times, by events on their way. A mount is given its
 * device after it was made, and a device may be given its label and uuid later still; nothing else
 * changes.
 */
#pragma once

#include "proto/base.h"

/** struct hc_device - what a mount's device is; texts are raw bytes, NULL: not known */
struct hc_device {
	unsigned int n_refs;
	char *node;  /* "/dev/sdb1"; of a mount without one, its source */
	char *label; /* of the file system */
	char *uuid;  /* of the file system */
	char *model; /* of the drive */
	bool removable;
	bool pending; /* the superblock is being read: label and uuid may still come */
};

/** hc_device_new() - with those texts, copied, NULL allowed; NULL: no memory */
struct hc_device *hc_device_new(const char *node, const char *label, const char *uuid,
				const char *model, bool removable);
struct hc_device *hc_device_ref(struct hc_device *device);
struct hc_device *hc_device_unref(struct hc_device *device);
HC_DEFINE_CLEANUP(struct hc_device *, hc_device_unref);

/** struct hc_mount_row - the facts of a mount, borrowed; what hc_mount_new() copies */
struct hc_mount_row {
	uint64_t id;
	uint64_t parent_id;
	uint32_t major; /* of the file system's device; 0: it has none */
	uint32_t minor;
	const char *path; /* where it is mounted, as the watched namespace sees it */
	const char *root; /* which directory of its file system that shows */
	const char *source;
	const char *fstype;
	const char *options;
};

struct hc_mount {
	unsigned int n_refs;
	unsigned int depth;	  /* mounts above it, up to the root; set by its table */
	bool is_hidden;		  /* another mount lies over it or over its way; likewise */
	struct hc_mount_row row;  /* texts never NULL, owned */
	uint64_t seen_boot_ns;	  /* CLOCK_BOOTTIME of the scan that found it; 0: the first one */
	struct hc_device *device; /* NULL: nobody has asked yet */
};

/** hc_mount_new() - a copy of @row in one allocation; NULL: no memory */
struct hc_mount *hc_mount_new(const struct hc_mount_row *row);
struct hc_mount *hc_mount_ref(struct hc_mount *mount);
struct hc_mount *hc_mount_unref(struct hc_mount *mount);
HC_DEFINE_CLEANUP(struct hc_mount *, hc_mount_unref);

/**
 * hc_mount_set_device() - replace what is known; @device: a new reference is taken, NULL forgets
 */
void hc_mount_set_device(struct hc_mount *mount, struct hc_device *device);

/** hc_path_covers() - whether @path is @top or below it; both absolute */
bool hc_path_covers(const char *top, const char *path);
