/* SPDX-License-Identifier: MIT */
/*
 * The mount table by listmount(2) and statmount(2): unique ids, no text to parse. Linux 6.8;
 * sb_source, and so this file, needs 6.13.
 */
#pragma once

#include "bpf/table.h"

/**
 * hc_statmount_check() - whether this kernel can fill a table
 * @mnt_ns_id: of the namespace, or 0: our own
 *
 * Return: 0; -ENOSYS without the calls, -EOPNOTSUPP if they do not tell the source of a mount,
 * -ENOENT or -EPERM for a namespace that we may not look into.
 */
int hc_statmount_check(uint64_t mnt_ns_id);

/**
 * hc_statmount_read() - take a snapshot
 * @ret:       new sealed table, owned by the caller; untouched on failure
 * @mnt_ns_id: of the namespace, or 0: our own
 *
 * Not atomic: a mount that goes between the list and the look is left out, one that comes is in the
 * next snapshot. 3 us a mount (measured). Return: 0 or -errno.
 */
int hc_statmount_read(struct hc_table **ret, uint64_t mnt_ns_id);
