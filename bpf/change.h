/* SPDX-License-Identifier: MIT */
/*
 * Changes on their way to being told, in order: each waits until it is known who made it and what
 * device it is about, and neither for long.
 */
#pragma once

#include "bpf/actor.h"
#include "bpf/report.h"
#include "bpf/table.h"

/** struct hc_change - one change of the table, later one event */
struct hc_change {
	struct hc_claim claim; /* first of all: who did it; links the queue */
	struct hc_mount *mount;
	struct hc_mount *moved; /* itself at its other path, or NULL */
	char *bind_of;		/* or NULL */
	bool is_mounted;	/* else it has gone */
	bool told;		/* it becomes an event; else it is here for its claim alone */
	bool revealed;
	bool reconciled;
	bool brief;
	bool waits;	   /* for its claim */
	bool done;	   /* told, or never to be; it may still take in a late record */
	uint64_t since_ns; /* monotonic */
	int64_t since_unix_ms;
};

struct hc_changes;

/** hc_change_fn - a change is ready to be told; borrowed for the call */
typedef void (*hc_change_fn)(void *context, const struct hc_change *change);

struct hc_changes *hc_changes_new(void);
struct hc_changes *hc_changes_free(struct hc_changes *changes);

/** struct hc_change_options - how a difference is to be told */
struct hc_change_options {
	bool reconciled;
	bool awaits_actor; /* records are to be had */
	bool silenced;	   /* tell nothing: monitoring is switched off */
	uint64_t scan;
	uint64_t now_ns;
};

/**
 * hc_changes_add() - queue a difference
 * @table: the new one, to find out what a bind mount shows
 *
 * Takes references; return 0 or -ENOMEM.
 */
int hc_changes_add(struct hc_changes *changes, const struct hc_difference *difference,
		   const struct hc_table *table, const struct hc_change_options *options);

/**
 * hc_changes_add_brief() - queue one half of what the records alone have shown
 * @mounted: the record of the mount
 * @record:  the half: @mounted itself, or that of the umount
 *
 * It takes its place by time among the changes of which the time is known. Return: 0 or -ENOMEM.
 */
int hc_changes_add_brief(struct hc_changes *changes, const struct hc_record *mounted,
			 const struct hc_record *record, const struct hc_change_options *options);

/** hc_changes_claim_last() - say who made the change that was queued last */
void hc_changes_claim_last(struct hc_changes *changes, const struct hc_record *record);

/**
 * hc_changes_reveal() - after brief mounts, say again what is still mounted at their paths
 * @table, @told, @context: what is to be seen at a path, see hc_table_top()
 *
 * Return: 0 or -ENOMEM.
 */
int hc_changes_reveal(struct hc_changes *changes, const struct hc_table *table, hc_told_fn told,
		      const void *context, const struct hc_change_options *options);

/** hc_changes_claims() - the first claim, for hc_actors_match() */
struct hc_claim *hc_changes_claims(struct hc_changes *changes);

/**
 * hc_changes_tell() - hand out what is ready, up to the first that is not, and forget what is old
 *
 * Return: monotonic ns at which the first one will have waited long enough for its actor, or 0.
 */
uint64_t hc_changes_tell(struct hc_changes *changes, uint64_t now_ns, hc_change_fn fn,
			 void *context);

/** hc_changes_pending() - whether any is still to be told */
bool hc_changes_pending(const struct hc_changes *changes);

/** hc_change_report() - what an event says of it; borrows from @change */
struct hc_mount_report hc_change_report(const struct hc_change *change);
