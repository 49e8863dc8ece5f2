/* SPDX-License-Identifier: MIT */
/*
 * The mount table: a snapshot of all mounts of a namespace, and what changed between two of them.
 *
 * Pure logic: table_statmount.c and table_libmount.c fill it from the kernel, tests from text.
 */
#pragma once

#include "bpf/mount.h"

struct hc_table {
	unsigned int n_refs;
	bool unique_ids; /* ids are never reused while the host is up (Linux 6.8) */
	size_t n;
	size_t cap;
	struct hc_mount **mounts;  /* by id, once sealed */
	struct hc_mount **by_path; /* by path, the one to be seen there last, once sealed */
};

/** hc_table_new() - empty; NULL: no memory */
struct hc_table *hc_table_new(bool unique_ids);
struct hc_table *hc_table_ref(struct hc_table *table);
struct hc_table *hc_table_unref(struct hc_table *table);
HC_DEFINE_CLEANUP(struct hc_table *, hc_table_unref);

/** hc_table_add() - add a mount before the table is sealed; a reference is taken; 0 or -ENOMEM */
int hc_table_add(struct hc_table *table, struct hc_mount *mount);

/** hc_table_seal() - sort, find out how deep each mount lies and what is hidden; 0 or -ENOMEM */
int hc_table_seal(struct hc_table *table);

/** hc_table_find() - the mount with that id, or NULL */
struct hc_mount *hc_table_find(const struct hc_table *table, uint64_t id);

/** hc_told_fn - whether a mount is worth telling; NULL stands for: every one is */
typedef bool (*hc_told_fn)(const struct hc_mount_row *row, const void *context);

/** hc_table_top() - the told mount to be seen at @path, or NULL; of hidden ones, the uppermost */
struct hc_mount *hc_table_top(const struct hc_table *table, const char *path, hc_told_fn told,
			      const void *context);

/** hc_table_bind_of() - what a bind mount shows
 * @ret: the path where the same directory is also seen, or the root within the file system
 *
 * A bind mount shows a part of a file system, or a file system that an older mount shows already.
 * The kernel keeps no other mark of it. Of btrfs the root is the subvolume of an ordinary mount.
 *
 * Return: 1 and *ret (owned by the caller) if @mount is one, 0 if not, -ENOMEM.
 */
int hc_table_bind_of(char **ret, const struct hc_table *table, const struct hc_mount *mount);

enum hc_difference_kind {
	HC_DIFFERENCE_GONE,	/* the mount is no longer there (at this path) */
	HC_DIFFERENCE_NEW,	/* the mount is new (at this path) */
	HC_DIFFERENCE_REVEALED, /* what lay above it has gone: it is the one to be seen at its path
				 */
};

struct hc_difference {
	enum hc_difference_kind kind;
	struct hc_mount *mount; /* as it was (gone) or as it is; borrowed from its table */
	struct hc_mount *moved; /* the same mount at its other path, or NULL if it did not move */
	bool told;
};

struct hc_differences {
	struct hc_difference *items;
	size_t n;
};

void hc_differences_deinit(struct hc_differences *differences);

/**
 * hc_table_diff() - what turns one table into another, in an order that can be told
 * @ret:     borrows from both tables; hc_differences_deinit() even after a failure
 * @old:     sealed; what is known of the devices of mounts that stayed is carried over to @new
 * @new:     sealed
 * @told:    for whom differences are marked and mounts are revealed
 *
 * First all that has gone, children first; then all that is new, parents first; then, for every
 * path where the last word would otherwise be wrong, the mount that is now to be seen there. A move
 * is one gone and one new.
 *
 * Two rows are the same mount if their unique ids are equal. Without unique ids, if id, device,
 * root, source and type are equal: an id is reused at once, so that unmounting a stick and mounting
 * another one that looks the same, between two snapshots, is not seen here (the BPF records show
 * it).
 *
 * O(n log n). Return: 0 or -ENOMEM.
 */
int hc_table_diff(struct hc_differences *ret, const struct hc_table *old,
		  const struct hc_table *new, hc_told_fn told, const void *context);
