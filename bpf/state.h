/* SPDX-License-Identifier: MIT */
/*
 * What was told last, in a file: a loader that returns with monitoring switched off goes on from
 * it.
 *
 * It is worth nothing after a reboot or in another mount namespace, where the ids begin anew, and
 * is not synchronised to the disk: it belongs on /run.
 */
#pragma once

#include "bpf/table.h"

#define HC_BOOT_ID_LEN 36 /* bytes of /proc/sys/kernel/random/boot_id */

/** struct hc_state_of - whose state it is: it is loaded only if all of this is the same */
struct hc_state_of {
	char boot_id[HC_BOOT_ID_LEN + 1];
	uint64_t mount_namespace; /* something that differs between namespaces: inode or first mount
				     id */
	bool unique_ids;
};

enum {
	HC_STATE_OK_,
	HC_STATE_E_NONE,    /* there is no file */
	HC_STATE_E_OTHER,   /* of another boot, namespace or kind of ids: of no use */
	HC_STATE_E_INVALID, /* damaged: of no use */
};

/** hc_state_boot_id() - read the kernel's boot id; 0 or -errno */
int hc_state_boot_id(char ret[static HC_BOOT_ID_LEN + 1]);

/**
 * hc_state_save() - write the file anew; the old one stays until the new one is whole
 * @enabled: whether monitoring is switched on
 *
 * Return: 0 or -errno.
 */
int hc_state_save(const char *path, const struct hc_state_of *of, const struct hc_table *table,
		  bool enabled);

/**
 * hc_state_load() - read it
 * @ret:         new sealed table with devices, owned by the caller; untouched on failure
 * @ret_enabled: likewise
 *
 * Return: 0, HC_STATE_E_*, -errno.
 */
int hc_state_load(struct hc_table **ret, bool *ret_enabled, const char *path,
		  const struct hc_state_of *of);
