/* SPDX-License-Identifier: MIT */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#include "proto/base.h"
#include "tests/bench/fanout/account.h"

#define PATH_LEN 128

/* The first field of a file of /proc; 0 if it has gone. */
static uint64_t first_number(const char *path)
{
	unsigned long long value = 0;
	FILE *file = fopen(path, "re");

	if (!file)
		return 0;
	if (fscanf(file, "%llu", &value) != 1)
		value = 0;
	(void)fclose(file);
	return value;
}

/* Calls fn for every entry of a directory whose name is a number; returns how many there are. */
static unsigned int each_number(const char *path, void (*fn)(void *, const char *), void *context)
{
	DIR *dir = opendir(path);
	unsigned int n = 0;
	struct dirent *entry;

	if (!dir)
		return 0;
	while ((entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		n++;
		if (fn)
			fn(context, entry->d_name);
	}
	(void)closedir(dir);
	return n;
}

struct threads {
	pid_t pid;
	uint64_t ns;
};

static void add_thread(void *context, const char *tid)
{
	struct threads *threads = context;
	char path[PATH_LEN];

	(void)snprintf(path, sizeof(path), "/proc/%d/task/%.16s/schedstat", (int)threads->pid, tid);
	threads->ns += first_number(path);
}

uint64_t account_cpu_ns(const struct account *account)
{
	struct threads threads = { 0 };
	char path[PATH_LEN];

	for (int i = 0; i < account->n; i++) {
		threads.pid = account->pids[i];
		(void)snprintf(path, sizeof(path), "/proc/%d/task", (int)threads.pid);
		(void)each_number(path, add_thread, &threads);
	}
	return threads.ns;
}

struct account_memory account_memory(const struct account *account)
{
	struct account_memory memory = { 0 };
	char path[PATH_LEN], line[256];

	for (int i = 0; i < account->n; i++) {
		unsigned long long kib;
		FILE *file;

		(void)snprintf(path, sizeof(path), "/proc/%d/smaps_rollup", (int)account->pids[i]);
		file = fopen(path, "re");
		if (!file)
			continue;
		while (fgets(line, sizeof(line), file)) {
			if (sscanf(line, "Rss: %llu", &kib) == 1)
				memory.rss_kib += kib;
			else if (sscanf(line, "Pss: %llu", &kib) == 1)
				memory.pss_kib += kib;
		}
		(void)fclose(file);
	}
	return memory;
}

uint64_t account_rss_kib(const struct account *account)
{
	uint64_t page_kib = (uint64_t)sysconf(_SC_PAGESIZE) / 1024, sum = 0;
	char path[PATH_LEN];

	for (int i = 0; i < account->n; i++) {
		unsigned long long size, resident;
		FILE *file;

		(void)snprintf(path, sizeof(path), "/proc/%d/statm", (int)account->pids[i]);
		file = fopen(path, "re");
		if (!file)
			continue;
		if (fscanf(file, "%llu %llu", &size, &resident) == 2)
			sum += resident * page_kib;
		(void)fclose(file);
	}
	return sum;
}

unsigned int account_fds(const struct account *account)
{
	char path[PATH_LEN];
	unsigned int n = 0;

	for (int i = 0; i < account->n; i++) {
		(void)snprintf(path, sizeof(path), "/proc/%d/fd", (int)account->pids[i]);
		n += each_number(path, NULL, NULL);
	}
	return n;
}

uint64_t account_tcp_kib(void)
{
	FILE *file = fopen("/proc/net/sockstat", "re");
	unsigned long long pages = 0;
	char line[256];

	if (!file)
		return 0;
	while (fgets(line, sizeof(line), file)) {
		const char *mem = strncmp(line, "TCP:", 4) ? NULL : strstr(line, " mem ");

		if (mem)
			pages = strtoull(mem + 5, NULL, 10);
	}
	(void)fclose(file);
	return pages * (uint64_t)sysconf(_SC_PAGESIZE) / 1024;
}
