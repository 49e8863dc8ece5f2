/* SPDX-License-Identifier: (GPL-2.0 OR MIT) */
/*
 * Who mounts and unmounts: programs at the exits of mount, umount2, move_mount and pivot_root.
 *
 * Only exits, for three reasons. The arguments are still in the saved registers. Their pages are
 * resident, because the call itself has read them; at the entry they often are not (measured:
 * -EFAULT in every freshly forked child). And nothing has to be kept between entry and exit, so
 * nothing can leak, collide or run full.
 *
 * Failed calls and those of other mount namespaces end here: anybody may call umount2() on nothing
 * two million times a second, and must not be able to fill the ring with it.
 *
 * Needs Linux 5.15 (bpf_task_pt_regs).
 */
#include "bpf/vmlinux.h"

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>

#include "bpf/record.h"

char LICENSE[] SEC("license") = "Dual MIT/GPL";

/* The mount namespace to tell of; 0: any. */
const volatile __u32 target_mnt_ns = 0;

/*
 * Read by the loader through the memory map of .bss: no system call, so no capability either, which
 * a per-CPU map would need before Linux 5.19. Atomic adds, because a program on a tracepoint may be
 * preempted, and CPUs beyond HC_RECORD_CPUS share a slot.
 */
struct hc_record_counters counters[HC_RECORD_CPUS] __attribute__((aligned(64)));

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1024 * 1024);
} records SEC(".maps");

/* The common head of a syscall exit: /sys/kernel/tracing/events/syscalls/sys_exit_mount/format */
struct syscall_exit {
	__u64 common;
	long nr;
	long ret;
};

static __always_inline struct hc_record_counters *counters_here(void)
{
	return &counters[bpf_get_smp_processor_id() & (HC_RECORD_CPUS - 1)];
}

/* A record with every byte set, or NULL if this call is not to be told. */
static __always_inline struct hc_record *record_begin(const struct syscall_exit *exit,
						      struct task_struct *task, __u32 kind)
{
	struct hc_record_counters *here = counters_here();
	struct hc_record *record;
	__u64 pid_tgid;
	__u32 mnt_ns;

	if (exit->ret < 0) {
		__sync_fetch_and_add(&here->failed, 1);
		return NULL;
	}
	mnt_ns = BPF_CORE_READ(task, nsproxy, mnt_ns, ns.inum);
	if (target_mnt_ns && mnt_ns != target_mnt_ns) {
		__sync_fetch_and_add(&here->foreign, 1);
		return NULL;
	}
	record = bpf_ringbuf_reserve(&records, sizeof(*record), 0);
	if (!record) {
		__sync_fetch_and_add(&here->dropped, 1);
		return NULL;
	}
	__builtin_memset(record, 0, sizeof(*record));
	pid_tgid = bpf_get_current_pid_tgid();
	record->boot_ns = bpf_ktime_get_boot_ns();
	record->kind = kind;
	record->pid = pid_tgid >> 32;
	record->tid = (__u32)pid_tgid;
	record->ppid = BPF_CORE_READ(task, real_parent, tgid);
	record->uid = (__u32)bpf_get_current_uid_gid();
	record->mnt_ns = mnt_ns;
	bpf_get_current_comm(record->comm, sizeof(record->comm));
	return record;
}

/* Copies a user string; the size it returns counts the NUL. */
static __always_inline __s32 read_text(char *to, __u32 size, unsigned long from)
{
	long len = bpf_probe_read_user_str(to, size, (const void *)from);

	return len > 0 ? (__s32)len - 1 : HC_RECORD_UNREADABLE;
}

SEC("tp/syscalls/sys_exit_mount")
int mount_exit(const struct syscall_exit *exit)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct pt_regs *regs = (struct pt_regs *)bpf_task_pt_regs(task);
	struct hc_record *record = record_begin(exit, task, HC_RECORD_MOUNT);

	if (!record)
		return 0;
	record->flags = PT_REGS_PARM4_CORE_SYSCALL(regs);
	record->source_len =
		read_text(record->source, sizeof(record->source), PT_REGS_PARM1_CORE_SYSCALL(regs));
	record->target_len =
		read_text(record->target, sizeof(record->target), PT_REGS_PARM2_CORE_SYSCALL(regs));
	(void)read_text(record->fstype, sizeof(record->fstype), PT_REGS_PARM3_CORE_SYSCALL(regs));
	bpf_ringbuf_submit(record, 0);
	return 0;
}

/* The tracepoint of umount2(2) is named after the kernel's function, umount. */
SEC("tp/syscalls/sys_exit_umount")
int umount_exit(const struct syscall_exit *exit)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct pt_regs *regs = (struct pt_regs *)bpf_task_pt_regs(task);
	struct hc_record *record = record_begin(exit, task, HC_RECORD_UMOUNT);

	if (!record)
		return 0;
	record->flags = (__u32)PT_REGS_PARM2_CORE_SYSCALL(regs);
	record->target_len =
		read_text(record->target, sizeof(record->target), PT_REGS_PARM1_CORE_SYSCALL(regs));
	bpf_ringbuf_submit(record, 0);
	return 0;
}

/* Linux 5.2; with fsopen, fsconfig and fsmount before it, the new way to mount. */
SEC("tp/syscalls/sys_exit_move_mount")
int move_mount_exit(const struct syscall_exit *exit)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct pt_regs *regs = (struct pt_regs *)bpf_task_pt_regs(task);
	struct hc_record *record = record_begin(exit, task, HC_RECORD_MOVE_MOUNT);

	if (!record)
		return 0;
	record->flags = (__u32)PT_REGS_PARM5_CORE_SYSCALL(regs);
	record->source_len =
		read_text(record->source, sizeof(record->source), PT_REGS_PARM2_CORE_SYSCALL(regs));
	record->target_len =
		read_text(record->target, sizeof(record->target), PT_REGS_PARM4_CORE_SYSCALL(regs));
	bpf_ringbuf_submit(record, 0);
	return 0;
}

SEC("tp/syscalls/sys_exit_pivot_root")
int pivot_root_exit(const struct syscall_exit *exit)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct pt_regs *regs = (struct pt_regs *)bpf_task_pt_regs(task);
	struct hc_record *record = record_begin(exit, task, HC_RECORD_PIVOT_ROOT);

	if (!record)
		return 0;
	record->source_len =
		read_text(record->source, sizeof(record->source), PT_REGS_PARM1_CORE_SYSCALL(regs));
	record->target_len =
		read_text(record->target, sizeof(record->target), PT_REGS_PARM2_CORE_SYSCALL(regs));
	bpf_ringbuf_submit(record, 0);
	return 0;
}
