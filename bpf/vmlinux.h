/* SPDX-License-Identifier: (GPL-2.0 OR MIT) */
/*
 * The few kernel types that the BPF programs touch, relocated at load time against the running
 * kernel's BTF (CO-RE). Only the members named here matter; their offsets do not. A whole vmlinux.h
 * is 2.8 MB and belongs to one kernel; this one belongs to all.
 */
#pragma once

#define __VMLINUX_H__ /* bpf/bpf_tracing.h: name registers as the kernel does */

typedef unsigned char __u8;
typedef unsigned short __u16;
typedef int __s32;
typedef unsigned int __u32;
typedef long long __s64;
typedef unsigned long long __u64;
typedef __u16 __be16;
typedef __u32 __be32;
typedef __u32 __wsum;

/* linux/bpf.h, as bpf_helpers.h and the map definitions use them */
enum bpf_map_type {
	BPF_MAP_TYPE_RINGBUF = 27,
};

#if defined(__clang__)
#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
#endif

struct ns_common {
	unsigned int inum;
};

struct mnt_namespace {
	struct ns_common ns;
};

struct nsproxy {
	struct mnt_namespace *mnt_ns;
};

struct task_struct {
	int tgid;
	struct task_struct *real_parent;
	struct nsproxy *nsproxy;
};

/* x86 and arm64; the members of the other architecture are never named in the object */
struct pt_regs {
	unsigned long di, si, dx, r10, r8;
};

struct user_pt_regs {
	__u64 regs[31];
};

#if defined(__clang__)
#pragma clang attribute pop
#endif
