/* SPDX-License-Identifier: MIT */
/* What the kernel knows of the server's processes: CPU time, memory, descriptors. */
#pragma once

#include <stdint.h>
#include <sys/types.h>

#define ACCOUNT_PIDS_MAX 16

/** struct account - the processes that make up a server */
struct account {
	pid_t pids[ACCOUNT_PIDS_MAX];
	int n;
};

/**
 * account_cpu_ns() - CPU time of all threads that live now
 *
 * Source: /proc/PID/task/TID/schedstat, first field (Documentation/scheduler/sched-stats.rst).
 */
uint64_t account_cpu_ns(const struct account *account);

struct account_memory {
	uint64_t rss_kib;
	uint64_t pss_kib;
};

/** account_memory() - of all processes, from smaps_rollup: exact, and slow for large processes */
struct account_memory account_memory(const struct account *account);

/** account_rss_kib() - of all processes, from statm: cheap, good enough to watch */
uint64_t account_rss_kib(const struct account *account);

/** account_fds() - descriptors that all processes have open */
unsigned int account_fds(const struct account *account);

/** account_tcp_kib() - what all TCP sockets of the machine keep in their buffers */
uint64_t account_tcp_kib(void);
