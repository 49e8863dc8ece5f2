/* SPDX-License-Identifier: MIT */
#include <cap-ng.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "bpf/probe.h"

#define BTF_PATH      "/sys/kernel/btf/vmlinux"
#define LOCKDOWN_PATH "/sys/kernel/security/lockdown"
#define TRACE_EVENT   "events/syscalls/sys_exit_mount/id"

/* The places where libbpf looks. */
static const char *const tracefs_dirs[] = { "/sys/kernel/tracing", "/sys/kernel/debug/tracing" };

static int try_read(const char *dir, const char *name)
{
	HC_CLEANUP(hc_closep) int fd = -1;
	char path[128];

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? -errno : 0;
}

static bool probe_tracefs(struct hc_reasons *reasons)
{
	int r = -ENOENT;
	size_t i;

	for (i = 0; i < HC_ARRAY_LEN(tracefs_dirs); i++) {
		r = try_read(tracefs_dirs[i], TRACE_EVENT);
		if (!r)
			return true;
		if (r != -ENOENT)
			break;
	}
	if (r != -ENOENT)
		hc_reasons_add(reasons, "tracefs at %s may not be read (%s): run as root",
			       tracefs_dirs[i], strerror(-r));
	else if (!access("/sys/kernel/tracing/events", F_OK))
		hc_reasons_add(reasons, "the kernel has no system call tracepoints "
					"(CONFIG_FTRACE_SYSCALLS)");
	else
		hc_reasons_add(reasons, "tracefs is not mounted: "
					"mount -t tracefs tracefs /sys/kernel/tracing");
	return false;
}

bool hc_probe_bpf(struct hc_reasons *reasons)
{
	if (access(BTF_PATH, R_OK) < 0) {
		hc_reasons_add(reasons,
			       "the kernel does not describe its types: %s: %s "
			       "(CONFIG_DEBUG_INFO_BTF)",
			       BTF_PATH, strerror(errno));
		return false;
	}
	return probe_tracefs(reasons);
}

/* "none integrity [confidentiality]": the active one is in brackets. */
static bool is_locked_down(void)
{
	HC_CLEANUP(hc_closep) int fd = open(LOCKDOWN_PATH, O_RDONLY | O_CLOEXEC);
	char text[128];
	ssize_t len = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

	if (len <= 0)
		return false;
	text[len] = '\0';
	return strstr(text, "[confidentiality]") != NULL;
}

static void explain_permission(struct hc_reasons *reasons)
{
	bool admin, bpf, perfmon;

	if (is_locked_down()) {
		hc_reasons_add(reasons, "bpf(2) was refused: the kernel is locked down "
					"(lockdown=confidentiality)");
		return;
	}
	(void)capng_get_caps_process(); /* on failure no capability is found, which is then said */
	admin = capng_have_capability(CAPNG_EFFECTIVE, CAP_SYS_ADMIN);
	bpf = admin || capng_have_capability(CAPNG_EFFECTIVE, CAP_BPF);
	perfmon = admin || capng_have_capability(CAPNG_EFFECTIVE, CAP_PERFMON);
	if (bpf && perfmon)
		hc_reasons_add(reasons, "bpf(2) was refused although the capabilities are there: "
					"a security module or a container forbids it");
	else
		hc_reasons_add(reasons, "bpf(2) was refused: %s%s%s missing; run as root",
			       bpf ? "" : "CAP_BPF", !bpf && !perfmon ? " and " : "",
			       perfmon ? "" : "CAP_PERFMON");
}

void hc_probe_explain_load(struct hc_reasons *reasons, int error)
{
	switch (error) {
	case -EPERM:
	case -EACCES:
		explain_permission(reasons);
		break;
	case -EINVAL:
		hc_reasons_add(reasons,
			       "the kernel does not take the BPF programs (%s): "
			       "they need Linux 5.15",
			       strerror(-error));
		break;
	default:
		hc_reasons_add(reasons, "the BPF programs could not be loaded: %s",
			       strerror(-error));
	}
}
