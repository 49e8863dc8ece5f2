/* SPDX-License-Identifier: MIT */
/*
 * Who did it: joins what changed in the mount table with the records of the calls that changed it.
 *
 * A record says who, with paths as the caller wrote them; a claim is a change that wants to know
 * who. They meet in either order. What the records show and no snapshot does (mounted and unmounted
 * in between) is handed out as a pair.
 *
 * Pure logic: no clock, no loop, no kernel.
 */
#pragma once

#include "bpf/record.h"
#include "proto/base.h"

#define HC_ACTOR_RECORDS_MAX  4096	    /* waiting; the oldest give way. A scan empties them. */
#define HC_ACTOR_KEEP_NS      3000000000ull /* how long a record waits for what it belongs to */
/*
 * How long a change waits for its record. The kernel wakes us in the middle of an umount, and lets
 * an RCU grace period pass before the call returns: with 8 busy processes a CPU that took more than
 * 20 ms (measured).
 */
#define HC_ACTOR_WAIT_NS      20000000ull
#define HC_ACTOR_WAIT_GONE_NS 100000000ull

/** struct hc_actor - who made a call */
struct hc_actor {
	uint32_t pid;
	uint32_t uid;
	char comm[HC_RECORD_COMM_MAX + 1];
	uint64_t boot_ns; /* when the call returned */
};

enum hc_claim_kind {
	HC_CLAIM_ATTACH,
	HC_CLAIM_DETACH,
	HC_CLAIM_MOVE, /* path is the new one */
};

/**
 * struct hc_claim - a change that wants to know who; embedded in its owner, linked while it waits
 */
struct hc_claim {
	enum hc_claim_kind kind;
	const char *path;   /* borrowed, as long as the claim is linked */
	const char *source; /* of the mount; borrowed likewise */
	uint64_t device;    /* major and minor: the same file system, the same caller */
	uint64_t scan;	    /* which scan found it; they are numbered from 1 */
	uint64_t late_ns;   /* monotonic: from then on any record that might fit will do */
	bool matched;
	struct hc_actor actor; /* once matched */
	struct hc_claim *next; /* in the order of changes */
};

struct hc_actors;

/** hc_actors_new() - NULL: no memory */
struct hc_actors *hc_actors_new(void);
struct hc_actors *hc_actors_free(struct hc_actors *actors);
HC_DEFINE_CLEANUP(struct hc_actors *, hc_actors_free);

/**
 * hc_actors_add() - take in a record
 * @now_ns: monotonic; it expires HC_ACTOR_KEEP_NS later
 *
 * Remounts and changes of propagation are not kept: they attach and detach nothing.
 * Return: whether it may have changed the table.
 */
bool hc_actors_add(struct hc_actors *actors, const struct hc_record *record, uint64_t now_ns);

/** hc_actors_settle() - a scan begins: what all records so far have done will be in its snapshot */
void hc_actors_settle(struct hc_actors *actors, uint64_t scan);

/**
 * hc_actors_match() - give claims their records
 * @claims: the first of the list, oldest first; matched ones are left alone
 *
 * Exact path first, replaying what happened at that path; then whole trees (lazy umount, recursive
 * bind) and copies by propagation; then paths that the caller wrote in another way (relative,
 * symbolic link). Return: how many were matched now.
 */
size_t hc_actors_match(struct hc_actors *actors, struct hc_claim *claims, uint64_t now_ns);

/** hc_actors_waiting() - records that belong to nothing yet and that no scan has followed */
size_t hc_actors_waiting(const struct hc_actors *actors);

/** hc_brief_fn - a mount that came and went between two snapshots; both borrowed for the call */
typedef void (*hc_brief_fn)(void *context, const struct hc_record *mounted,
			    const struct hc_record *unmounted);

/**
 * hc_actors_brief() - hand out the pairs that no claim took, and forget what is too old
 * @claims: a path with one that is still waiting is left for later
 *
 * Only of settled records with the same absolute path, oldest first.
 */
void hc_actors_brief(struct hc_actors *actors, const struct hc_claim *claims, uint64_t now_ns,
		     hc_brief_fn fn, void *context);

/**
 * hc_actors_replaced() - hand out umounts followed by a mount at the same path that no claim took
 *
 * To be called after hc_actors_brief(), for tables without unique ids, where such a replacement can
 * leave no trace: @mounted and @unmounted are those of the function, the umount having come first.
 */
void hc_actors_replaced(struct hc_actors *actors, const struct hc_claim *claims, uint64_t now_ns,
			hc_brief_fn fn, void *context);

/** hc_actor_of() - the actor of a record */
struct hc_actor hc_actor_of(const struct hc_record *record);
