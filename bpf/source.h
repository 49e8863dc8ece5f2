/* SPDX-License-Identifier: MIT */
/*
 * The BPF programs at work: load, attach, read their records, count what they could not tell.
 */
#pragma once

#include "bpf/reasons.h"
#include "bpf/record.h"

struct hc_source;

/** hc_source_fn - a record; borrowed for the call */
typedef void (*hc_source_fn)(void *context, const struct hc_record *record);

/**
 * hc_source_open() - load and attach
 * @ret:     new source, owned by the caller; untouched on failure
 * @mnt_ns:  inode of the mount namespace to tell of; 0: any
 * @reasons: gets why it failed, or which part of it did
 *
 * mount and umount must attach. move_mount is Linux 5.2's: without it the source works as well as
 * the kernel does. Return: 0 or -errno.
 */
int hc_source_open(struct hc_source **ret, uint32_t mnt_ns, hc_source_fn fn, void *context,
		   struct hc_reasons *reasons);

/** hc_source_free() - detach and unload; takes about 220 ms (an RCU grace period a program) */
struct hc_source *hc_source_free(struct hc_source *source);
HC_DEFINE_CLEANUP(struct hc_source *, hc_source_free);

/** hc_source_fd() - readable when there are records; to be polled level-triggered, see
 * hc_source_drain() */
int hc_source_fd(const struct hc_source *source);

/**
 * hc_source_drain() - hand all records there are to the function
 *
 * To be called once a second too: libbpf up to 1.6 can miss a wake-up, because it reads the
 * producer's position before its own is visible (bpf list, msg61852).
 */
void hc_source_drain(struct hc_source *source);

/** hc_source_counters() - what never became a record, over all CPUs; no system call */
struct hc_record_counters hc_source_counters(const struct hc_source *source);
