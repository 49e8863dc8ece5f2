/* SPDX-License-Identifier: MIT */
/*
 * What the kernel says in /proc about the machine and about this process: see proc(5). The parsers
 * take the text of a file, whoever has read it.
 */
#pragma once

#include "proto/base.h"

/** struct hc_proc_cpu - the first line of /proc/stat, in ticks of all processors together */
struct hc_proc_cpu {
	uint64_t busy;
	uint64_t total;
};

/** struct hc_proc_memory - of /proc/meminfo */
struct hc_proc_memory {
	uint64_t total_bytes;
	uint64_t available_bytes;
};

/** struct hc_proc_self - of /proc/self/stat */
struct hc_proc_self {
	double cpu_seconds;
	double start_boot_seconds; /* CLOCK_BOOTTIME when it was started */
	uint64_t virtual_bytes;
	uint64_t resident_bytes;
};

/* Each returns whether the text is what it should be; *ret is set only then. */
bool hc_proc_parse_cpu(struct hc_proc_cpu *ret, const char *text);
bool hc_proc_parse_memory(struct hc_proc_memory *ret, const char *text);
bool hc_proc_parse_load(double ret[static 3], const char *text);
bool hc_proc_parse_self(struct hc_proc_self *ret, const char *text);

/** hc_proc_percent() - the part of the time between two looks that processors were busy */
double hc_proc_percent(const struct hc_proc_cpu *before, const struct hc_proc_cpu *now);

/* The same of this machine and process, now. */
bool hc_proc_cpu(struct hc_proc_cpu *ret);
bool hc_proc_memory(struct hc_proc_memory *ret);
bool hc_proc_load(double ret[static 3]);
bool hc_proc_self(struct hc_proc_self *ret);

/**
 * hc_proc_open_fds() - descriptors this process has open; 0 if it cannot be told
 *
 * Since Linux 6.2 it is the size of /proc/self/fd; before, they are counted: O(descriptors).
 */
uint64_t hc_proc_open_fds(void);
