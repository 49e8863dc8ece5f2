/* SPDX-License-Identifier: MIT */
/* The files of /proc are made when they are read: no disk is waited for. */
#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "ws/health/proc.h"

#define FILE_MAX 4096 /* bytes worth reading: what is looked for comes first in each file */
#define KIB	 1024

/* ---- parsing ------------------------------------------------------------------------------ */

bool hc_proc_parse_cpu(struct hc_proc_cpu *ret, const char *text)
{
	/* user nice system idle iowait irq softirq steal; guest time is within user's */
	uint64_t ticks[8], total = 0;

	if (strncmp(text, "cpu ", 4) != 0 ||
	    sscanf(text,
		   "cpu %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64
		   " %" SCNu64 " %" SCNu64,
		   &ticks[0], &ticks[1], &ticks[2], &ticks[3], &ticks[4], &ticks[5], &ticks[6],
		   &ticks[7]) != HC_ARRAY_LEN(ticks))
		return false;
	for (size_t i = 0; i < HC_ARRAY_LEN(ticks); i++)
		total += ticks[i];
	*ret = (struct hc_proc_cpu){ .busy = total - ticks[3] - ticks[4], .total = total };
	return true;
}

static bool find_kib(uint64_t *ret_bytes, const char *text, const char *name)
{
	const char *at = strstr(text, name);
	uint64_t kib;

	if (!at || (at != text && at[-1] != '\n') ||
	    sscanf(at + strlen(name), " %" SCNu64 " kB", &kib) != 1)
		return false;
	*ret_bytes = kib * KIB;
	return true;
}

bool hc_proc_parse_memory(struct hc_proc_memory *ret, const char *text)
{
	struct hc_proc_memory memory;

	if (!find_kib(&memory.total_bytes, text, "MemTotal:") ||
	    !find_kib(&memory.available_bytes, text, "MemAvailable:") || !memory.total_bytes ||
	    memory.available_bytes > memory.total_bytes)
		return false;
	*ret = memory;
	return true;
}

bool hc_proc_parse_load(double ret[static 3], const char *text)
{
	double load[3];

	if (sscanf(text, "%lf %lf %lf", &load[0], &load[1], &load[2]) != 3)
		return false;
	memcpy(ret, load, sizeof(load));
	return true;
}

bool hc_proc_parse_self(struct hc_proc_self *ret, const char *text)
{
	const char *rest = strrchr(text, ')'); /* the name in brackets may hold anything */
	uint64_t user, system, start, virtual_bytes, pages;
	double hz = (double)sysconf(_SC_CLK_TCK);

	/* Fields 14, 15, 22, 23 and 24. */
	if (!rest || sscanf(rest,
			    ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %" SCNu64 " %" SCNu64
			    " %*d %*d %*d %*d %*d %*d %" SCNu64 " %" SCNu64 " %" SCNu64,
			    &user, &system, &start, &virtual_bytes, &pages) != 5)
		return false;
	*ret = (struct hc_proc_self){
		.cpu_seconds = (double)(user + system) / hz,
		.start_boot_seconds = (double)start / hz,
		.virtual_bytes = virtual_bytes,
		.resident_bytes = pages * (uint64_t)sysconf(_SC_PAGESIZE),
	};
	return true;
}

double hc_proc_percent(const struct hc_proc_cpu *before, const struct hc_proc_cpu *now)
{
	uint64_t total = now->total - before->total, busy = now->busy - before->busy;

	/* Ticks of idle time can go back a little (proc(5)). */
	if (now->total <= before->total || now->busy < before->busy || busy > total)
		return 0;
	return 100.0 * (double)busy / (double)total;
}

/* ---- reading ------------------------------------------------------------------------------ */

static bool read_file(char text[static FILE_MAX], const char *path)
{
	HC_CLEANUP(hc_closep) int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t len = fd < 0 ? -1 : read(fd, text, FILE_MAX - 1);

	if (len <= 0)
		return false;
	text[len] = '\0';
	return true;
}

bool hc_proc_cpu(struct hc_proc_cpu *ret)
{
	char text[FILE_MAX];

	return read_file(text, "/proc/stat") && hc_proc_parse_cpu(ret, text);
}

bool hc_proc_memory(struct hc_proc_memory *ret)
{
	char text[FILE_MAX];

	return read_file(text, "/proc/meminfo") && hc_proc_parse_memory(ret, text);
}

bool hc_proc_load(double ret[static 3])
{
	char text[FILE_MAX];

	return read_file(text, "/proc/loadavg") && hc_proc_parse_load(ret, text);
}

bool hc_proc_self(struct hc_proc_self *ret)
{
	char text[FILE_MAX];

	return read_file(text, "/proc/self/stat") && hc_proc_parse_self(ret, text);
}

uint64_t hc_proc_open_fds(void)
{
	struct stat about;
	uint64_t n = 0;
	DIR *dir;

	if (!stat("/proc/self/fd", &about) && about.st_size > 0)
		return (uint64_t)about.st_size;
	dir = opendir("/proc/self/fd");
	if (!dir)
		return 0;
	for (const struct dirent *entry; (entry = readdir(dir));)
		n += entry->d_name[0] != '.';
	(void)closedir(dir);
	return n ? n - 1 : 0; /* one is the directory's own */
}
