/* SPDX-License-Identifier: MIT */
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "bpf/probe.h"
#include "bpf/source.h"
#include "proto/log.h"

#include "bpf/mount.skel.h"

struct hc_source {
	struct mount_bpf *skeleton;
	struct ring_buffer *ring;
	hc_source_fn fn;
	void *context;
};

/* What libbpf has to say is of use when looking for a fault, and said again by us otherwise. */
static int HC_PRINTF(2, 0)
	print_libbpf(enum libbpf_print_level level, const char *format, va_list args)
{
	char line[512];
	int len = vsnprintf(line, sizeof(line), format, args);

	if (level == LIBBPF_DEBUG || len <= 0)
		return len;
	line[strcspn(line, "\n")] = '\0';
	hc_debug("%s", line);
	return len;
}

static int take_record(void *context, void *data, size_t size)
{
	struct hc_source *source = context;

	if (size >= sizeof(struct hc_record))
		source->fn(source->context, data);
	return 0;
}

/*
 * One at a time, so that one missing tracepoint does not take the others with it. Their number is
 * that of the kernel's tracepoints, not of a version: ENOENT means that there is no such call.
 */
static int attach(struct mount_bpf *skeleton, struct hc_reasons *reasons)
{
	struct {
		const char *call;
		struct bpf_program *program;
		struct bpf_link **link;
		bool is_needed;
	} parts[] = {
		{ "mount", skeleton->progs.mount_exit, &skeleton->links.mount_exit, true },
		{ "umount2", skeleton->progs.umount_exit, &skeleton->links.umount_exit, true },
		{ "move_mount", skeleton->progs.move_mount_exit, &skeleton->links.move_mount_exit,
		  false },
		{ "pivot_root", skeleton->progs.pivot_root_exit, &skeleton->links.pivot_root_exit,
		  false },
	};
	size_t i;

	for (i = 0; i < HC_ARRAY_LEN(parts); i++) {
		int r;

		*parts[i].link = bpf_program__attach(parts[i].program);
		if (*parts[i].link)
			continue;
		r = errno ? -errno : -EIO;
		if (parts[i].is_needed) {
			hc_reasons_add(reasons, "the BPF program for %s could not be attached: %s",
				       parts[i].call, strerror(-r));
			return r;
		}
		hc_reasons_add(reasons,
			       "who calls %s is not known: its BPF program could not be "
			       "attached: %s",
			       parts[i].call, strerror(-r));
	}
	return 0;
}

int hc_source_open(struct hc_source **ret, uint32_t mnt_ns, hc_source_fn fn, void *context,
		   struct hc_reasons *reasons)
{
	HC_CLEANUP(hc_source_freep) struct hc_source *source = calloc(1, sizeof(*source));
	int r;

	if (!source)
		return -ENOMEM;
	source->fn = fn;
	source->context = context;
	(void)libbpf_set_print(print_libbpf);
	source->skeleton = mount_bpf__open();
	if (!source->skeleton) {
		r = errno ? -errno : -EIO;
		hc_probe_explain_load(reasons, r);
		return r;
	}
	source->skeleton->rodata->target_mnt_ns = mnt_ns;
	r = mount_bpf__load(source->skeleton);
	if (r) {
		hc_probe_explain_load(reasons, r);
		return r;
	}
	r = attach(source->skeleton, reasons);
	if (r)
		return r;
	source->ring = ring_buffer__new(bpf_map__fd(source->skeleton->maps.records), take_record,
					source, NULL);
	if (!source->ring) {
		r = errno ? -errno : -EIO;
		hc_reasons_add(reasons, "the ring buffer could not be opened: %s", strerror(-r));
		return r;
	}
	*ret = hc_take(source);
	return 0;
}

struct hc_source *hc_source_free(struct hc_source *source)
{
	if (source) {
		ring_buffer__free(source->ring);
		mount_bpf__destroy(source->skeleton);
		free(source);
	}
	return NULL;
}

int hc_source_fd(const struct hc_source *source)
{
	return ring_buffer__epoll_fd(source->ring);
}

void hc_source_drain(struct hc_source *source)
{
	/* It fails only if the callback does, and take_record() does not. */
	(void)ring_buffer__consume(source->ring);
}

struct hc_record_counters hc_source_counters(const struct hc_source *source)
{
	const struct hc_record_counters *slots = source->skeleton->bss->counters;
	struct hc_record_counters sum = { 0 };
	size_t i;

	for (i = 0; i < HC_RECORD_CPUS; i++) {
		sum.dropped += __atomic_load_n(&slots[i].dropped, __ATOMIC_RELAXED);
		sum.failed += __atomic_load_n(&slots[i].failed, __ATOMIC_RELAXED);
		sum.foreign += __atomic_load_n(&slots[i].foreign, __ATOMIC_RELAXED);
	}
	return sum;
}
