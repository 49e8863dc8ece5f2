/* SPDX-License-Identifier: MIT */
/*
 * Whose mounts are watched: one mount namespace, found by the process that lives in it.
 */
#pragma once

#include "bpf/reasons.h"

struct hc_namespace {
	unsigned int pid;   /* whose mountinfo to read; 0: our own */
	bool is_own;	    /* we live in it too */
	uint32_t inode;	    /* what the BPF programs compare; 0: not known */
	uint64_t unique_id; /* never used again while the host is up (Linux 6.11); 0: not known */
	uint64_t identity;  /* the best there is to tell it from others */
};

/**
 * hc_namespace_find() - find it
 * @name:    "host" (process 1), "self" or a process id
 * @reasons: gets what could not be found out
 *
 * Return: 0, or -errno if /proc/<pid>/mountinfo cannot be read: then there is nothing to watch.
 */
int hc_namespace_find(struct hc_namespace *ret, const char *name, struct hc_reasons *reasons);
