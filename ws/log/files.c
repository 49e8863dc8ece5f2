/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/clock.h"
#include "proto/fault.h"
#include "proto/log.h"
#include "ws/log/files.h"

#define MODE 0600 /* nobody else opens them; SQLite makes those beside it likewise */

/*
 * The database, the log of its writes beside it, and the index of that. In this order they are set
 * aside: what has no database is never taken for one.
 */
static const char *const suffixes[] = { "", "-wal", "-shm" };

static bool name_of(char ret[static PATH_MAX], const char *path, const char *suffix)
{
	return snprintf(ret, PATH_MAX, "%s%s", path, suffix) < PATH_MAX;
}

/* ---- set aside ---------------------------------------------------------------------------- */

static bool is_any_there(const char *path)
{
	char name[PATH_MAX];

	for (size_t i = 0; i < HC_ARRAY_LEN(suffixes); i++)
		if (name_of(name, path, suffixes[i]) && !access(name, F_OK))
			return true;
	return false;
}

static bool find_name(char ret[static PATH_MAX], const char *path)
{
	int64_t stamp = hc_now_unix_ms(); /* a clock may be set back */

	do {
		if (snprintf(ret, PATH_MAX, "%s.damaged-%lld", path, (long long)stamp++) >=
		    PATH_MAX)
			return false;
	} while (is_any_there(ret));
	return true;
}

int hc_files_set_aside(const char *path, const char *why, char ret_aside[static PATH_MAX])
{
	int n = 0;

	if (!find_name(ret_aside, path))
		return -ENAMETOOLONG;
	for (size_t i = 0; i < HC_ARRAY_LEN(suffixes); i++) {
		char from[PATH_MAX], to[PATH_MAX];

		if (!name_of(from, path, suffixes[i]) || !name_of(to, ret_aside, suffixes[i]))
			return -ENAMETOOLONG;
		if (!rename(from, to))
			n++;
		else if (errno != ENOENT)
			return -errno;
	}
	if (n)
		hc_err("%s %s: what is left of it is set aside as %s, beginning a new log with a "
		       "new epoch",
		       path, why, ret_aside);
	else
		hc_err("%s is gone: beginning a new log with a new epoch", path);
	return 0;
}

void hc_files_remove(const char *path)
{
	char name[PATH_MAX];

	for (size_t i = 0; i < HC_ARRAY_LEN(suffixes); i++)
		if (name_of(name, path, suffixes[i]))
			(void)unlink(name); /* else the next attempt fails, and says so */
}

/* ---- where they are ---------------------------------------------------------------------- */

uint64_t hc_files_mount(const char *path)
{
	char directory[PATH_MAX];
	struct statx about;
	char *slash;

	if (!name_of(directory, path, ""))
		return 0;
	while ((slash = strrchr(directory, '/'))) {
		slash[slash == directory] = '\0';
		if (!statx(AT_FDCWD, directory, AT_STATX_DONT_SYNC, STATX_MNT_ID, &about))
			return about.stx_mask & STATX_MNT_ID ? about.stx_mnt_id : 0;
		if (slash == directory)
			return 0;
	}
	return 0;
}

/* ---- use ---------------------------------------------------------------------------------- */

int hc_files_create(const char *path)
{
	HC_CLEANUP(hc_closep)
	int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, MODE);

	return fd < 0 ? -errno : 0;
}

static int fail(const char *path, int error, struct hc_fault *fault)
{
	const char *hint = "";

	if (error == ENOENT || error == ENOTDIR)
		hint = ": the directory must exist and be writable";
	else if (error == EACCES || error == EPERM || error == EROFS)
		hint = ": the hub must be allowed to write it, and its directory";
	hc_fault_set(fault, HC_FAULT_INTERNAL, "cannot open the log %s: %s%s", path,
		     strerror(error), hint);
	return -error;
}

/* Without O_CREAT only what is there is looked at. A FIFO or a device is not waited for. */
static int try_one(const char *path, int flags, struct hc_fault *fault)
{
	HC_CLEANUP(hc_closep) int fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC | flags, MODE);
	struct stat about;

	if (fd < 0 && errno == ENOENT && !flags)
		return 0;
	if (fd < 0 || fstat(fd, &about) < 0)
		return fail(path, errno, fault);
	if (S_ISREG(about.st_mode))
		return 0;
	hc_fault_set(fault, HC_FAULT_INTERNAL, "cannot open the log %s: it is not a regular file",
		     path);
	return -EINVAL;
}

static bool is_orphaned(const char *path)
{
	struct stat database, writes;
	char name[PATH_MAX];

	return name_of(name, path, "-wal") && !stat(path, &database) && !database.st_size &&
	       !stat(name, &writes) && writes.st_size;
}

int hc_files_find(char **ret_path, const char *path, struct hc_fault *fault)
{
	int r = try_one(path, O_CREAT, fault);
	char *real = r ? NULL : realpath(path, NULL);

	if (!r && !real)
		r = fail(path, errno, fault);
	if (!r)
		*ret_path = real;
	return r;
}

int hc_files_ready(const char *path, struct hc_fault *fault)
{
	char name[PATH_MAX], aside[PATH_MAX];
	int r = 0;

	for (size_t i = 1; i < HC_ARRAY_LEN(suffixes) && !r; i++)
		r = name_of(name, path, suffixes[i]) ? try_one(name, 0, fault) : -ENAMETOOLONG;
	if (r || !is_orphaned(path))
		return r;
	r = hc_files_set_aside(path, "was deleted", aside);
	if (!r)
		r = hc_files_create(path);
	return r ? fail(path, -r, fault) : 0;
}

uint64_t hc_files_bytes(const char *path)
{
	uint64_t bytes = 0;

	for (size_t i = 0; i < HC_ARRAY_LEN(suffixes); i++) {
		struct stat about;
		char name[PATH_MAX];

		if (name_of(name, path, suffixes[i]) && !stat(name, &about))
			bytes += (uint64_t)about.st_size;
	}
	return bytes;
}
