/* SPDX-License-Identifier: MIT */
/*
 * Comparing what the hub retains with what is mounted: after a reconnect, the hub may have missed
 * events, or have lost them with its log.
 *
 * The hub keeps one device.mounted for each mount_path. What has no mount_id was published by
 * somebody else and is left alone.
 */
#pragma once

#include "bpf/table.h"
#include "proto/codec.h"

/** struct hc_resync_fns - what is to be published; all borrowed for the call */
struct hc_resync_fns {
	void (*gone)(void *context, const struct hc_mount_row *row, const struct hc_device *device);
	void (*missing)(void *context, struct hc_mount *mount);
	void *context;
};

/**
 * hc_resync() - find the differences
 * @events: the array of event maps that the hub has answered
 * @table:  what is mounted
 * @told:   which of it is told
 *
 * First all that has gone, then all that is missing. O(n log n). Return: 0 or -ENOMEM.
 */
int hc_resync(const msgpack_object *events, const struct hc_table *table, hc_told_fn told,
	      const void *told_context, const struct hc_resync_fns *fns);
