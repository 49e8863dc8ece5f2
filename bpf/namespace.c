/* SPDX-License-Identifier: MIT */
/*
 * Looking at /proc/1/ns/mnt needs the right to trace process 1, which even root may lack in a
 * container. /proc/1/mountinfo can be read by everyone, and mount ids are unique over all
 * namespaces: if the first mount is the same as ours, the namespace is.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include "bpf/namespace.h"

#ifndef NS_GET_MNTNS_ID
#define NS_GET_MNTNS_ID _IOR(0xb7, 0x5, uint64_t) /* Linux 6.11 */
#endif

HC_DEFINE_CLEANUP(FILE *, fclose);

static void proc_path(char *ret, size_t size, unsigned int pid, const char *name)
{
	if (pid)
		(void)snprintf(ret, size, "/proc/%u/%s", pid, name);
	else
		(void)snprintf(ret, size, "/proc/self/%s", name);
}

/* The id on the first line of mountinfo: the root of the namespace. */
static int first_mount(uint64_t *ret, unsigned int pid)
{
	HC_CLEANUP(fclosep) FILE *stream = NULL;
	unsigned long id;
	char path[64];

	proc_path(path, sizeof(path), pid, "mountinfo");
	stream = fopen(path, "re");
	if (!stream)
		return -errno;
	if (fscanf(stream, "%lu", &id) != 1)
		return -ENODATA;
	*ret = id;
	return 0;
}

static int open_namespace(struct hc_namespace *ns, unsigned int pid)
{
	HC_CLEANUP(hc_closep) int fd = -1;
	struct stat st;
	char path[64];
	uint64_t id;

	proc_path(path, sizeof(path), pid, "ns/mnt");
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	ns->inode = (uint32_t)st.st_ino;
	if (!ioctl(fd, NS_GET_MNTNS_ID, &id))
		ns->unique_id = id;
	return 0;
}

int hc_namespace_find(struct hc_namespace *ret, const char *name, struct hc_reasons *reasons)
{
	struct hc_namespace own = { .is_own = true }, ns = { 0 };
	uint64_t own_first, first;
	int r;

	if (!strcmp(name, "host"))
		ns.pid = 1;
	else if (strcmp(name, "self"))
		ns.pid = (unsigned int)strtoul(name, NULL, 10);
	r = first_mount(&first, ns.pid);
	if (r)
		return r;
	r = first_mount(&own_first, 0);
	if (r)
		return r;
	r = open_namespace(&own, 0);
	if (r)
		return r;
	if (first == own_first) {
		own.pid = ns.pid;
		ns = own;
	} else {
		r = open_namespace(&ns, ns.pid);
		if (r)
			hc_reasons_add(reasons,
				       "the mount namespace of process %u may not be looked "
				       "into (%s): calls made in others are not told apart",
				       ns.pid, strerror(-r));
	}
	ns.identity = ns.unique_id ? ns.unique_id : ns.inode ? ns.inode : first;
	*ret = ns;
	return 0;
}
