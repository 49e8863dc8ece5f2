/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>

#include "bpf/change.h"
#include "proto/clock.h"

struct hc_changes {
	struct hc_claim *first;
	struct hc_claim **last; /* where the next one is linked */
};

static struct hc_change *change_of(struct hc_claim *claim)
{
	return hc_container_of(claim, struct hc_change, claim);
}

static struct hc_change *change_free(struct hc_change *change)
{
	if (change) {
		hc_mount_unref(change->mount);
		hc_mount_unref(change->moved);
		free(change->bind_of);
		free(change);
	}
	return NULL;
}

HC_DEFINE_CLEANUP(struct hc_change *, change_free);

struct hc_changes *hc_changes_new(void)
{
	struct hc_changes *changes = calloc(1, sizeof(*changes));

	if (changes)
		changes->last = &changes->first;
	return changes;
}

struct hc_changes *hc_changes_free(struct hc_changes *changes)
{
	struct hc_claim *claim, *next;

	if (!changes)
		return NULL;
	for (claim = changes->first; claim; claim = next) {
		next = claim->next;
		change_free(change_of(claim));
	}
	free(changes);
	return NULL;
}

static void append(struct hc_changes *changes, struct hc_change *change)
{
	*changes->last = &change->claim;
	changes->last = &change->claim.next;
}

/* Before the first that is known to have been later. */
static void insert_by_time(struct hc_changes *changes, struct hc_change *change)
{
	uint64_t boot_ns = change->claim.actor.boot_ns;
	struct hc_claim **at;

	for (at = &changes->first; *at; at = &(*at)->next) {
		if (!change_of(*at)->done && (*at)->matched && (*at)->actor.boot_ns > boot_ns)
			break;
	}
	change->claim.next = *at;
	*at = &change->claim;
	if (!change->claim.next)
		changes->last = &change->claim.next;
}

static enum hc_claim_kind claim_kind(const struct hc_difference *difference)
{
	if (difference->moved)
		return HC_CLAIM_MOVE;
	return difference->kind == HC_DIFFERENCE_GONE ? HC_CLAIM_DETACH : HC_CLAIM_ATTACH;
}

static void init_claim(struct hc_change *change, const struct hc_difference *difference,
		       const struct hc_change_options *options)
{
	const struct hc_mount_row *row = &difference->mount->row;
	bool is_gone = difference->kind == HC_DIFFERENCE_GONE;

	change->claim = (struct hc_claim){
		.kind = claim_kind(difference),
		.path = difference->moved && is_gone ? difference->moved->row.path : row->path,
		.source = row->source,
		.device = (uint64_t)row->major << 32 | row->minor,
		.scan = options->scan,
		.late_ns = options->now_ns + (is_gone && !difference->moved ? HC_ACTOR_WAIT_GONE_NS
									    : HC_ACTOR_WAIT_NS),
		.matched = difference->kind == HC_DIFFERENCE_REVEALED, /* nobody did that */
	};
}

int hc_changes_add(struct hc_changes *changes, const struct hc_difference *difference,
		   const struct hc_table *table, const struct hc_change_options *options)
{
	HC_CLEANUP(change_freep) struct hc_change *change = calloc(1, sizeof(*change));

	if (!change)
		return -ENOMEM;
	change->mount = hc_mount_ref(difference->mount);
	change->moved = hc_mount_ref(difference->moved);
	change->is_mounted = difference->kind != HC_DIFFERENCE_GONE;
	change->told = difference->told && !options->silenced;
	change->revealed = difference->kind == HC_DIFFERENCE_REVEALED;
	change->reconciled = options->reconciled;
	change->waits = options->awaits_actor && !change->revealed && !options->reconciled;
	change->done = !change->told;
	change->since_ns = options->now_ns;
	change->since_unix_ms = hc_now_unix_ms();
	init_claim(change, difference, options);
	if (change->is_mounted && change->told &&
	    hc_table_bind_of(&change->bind_of, table, change->mount) < 0)
		return -ENOMEM;
	append(changes, hc_take(change));
	return 0;
}

static struct hc_mount *mount_from_record(const struct hc_record *record)
{
	return hc_mount_new(&(struct hc_mount_row){
		.path = record->target,
		.root = "/",
		.source = record->source_len > 0 ? record->source : "none",
		.fstype = record->fstype,
		.options = "",
	});
}

int hc_changes_add_brief(struct hc_changes *changes, const struct hc_record *mounted,
			 const struct hc_record *record, const struct hc_change_options *options)
{
	HC_CLEANUP(change_freep) struct hc_change *change = calloc(1, sizeof(*change));

	if (change)
		change->mount = mount_from_record(mounted);
	if (!change || !change->mount)
		return -ENOMEM;
	change->is_mounted = record == mounted;
	change->told = true;
	change->brief = true;
	change->since_ns = options->now_ns;
	change->since_unix_ms = hc_now_unix_ms();
	change->claim = (struct hc_claim){
		.kind = HC_CLAIM_ATTACH,
		.path = change->mount->row.path,
		.source = change->mount->row.source,
		.scan = options->scan,
		.late_ns = options->now_ns,
		.matched = true,
		.actor = hc_actor_of(record),
	};
	insert_by_time(changes, hc_take(change));
	return 0;
}

void hc_changes_claim_last(struct hc_changes *changes, const struct hc_record *record)
{
	struct hc_claim *claim = hc_container_of(changes->last, struct hc_claim, next);

	claim->matched = true;
	claim->actor = hc_actor_of(record);
}

static bool is_last_word(const struct hc_change *change)
{
	const struct hc_claim *later;

	for (later = change->claim.next; later; later = later->next) {
		const struct hc_change *other = hc_container_of(later, struct hc_change, claim);

		if (!other->done && !strcmp(other->mount->row.path, change->mount->row.path))
			return false;
	}
	return true;
}

int hc_changes_reveal(struct hc_changes *changes, const struct hc_table *table, hc_told_fn told,
		      const void *context, const struct hc_change_options *options)
{
	struct hc_claim *claim;
	int r = 0;

	for (claim = changes->first; claim && !r; claim = claim->next) {
		struct hc_change *change = change_of(claim);
		struct hc_difference difference = { .kind = HC_DIFFERENCE_REVEALED, .told = true };

		if (change->done || !change->brief || change->is_mounted || !is_last_word(change))
			continue;
		difference.mount = hc_table_top(table, change->mount->row.path, told, context);
		if (difference.mount)
			r = hc_changes_add(changes, &difference, table, options);
	}
	return r;
}

struct hc_claim *hc_changes_claims(struct hc_changes *changes)
{
	return changes->first;
}

static bool is_ready(const struct hc_change *change, uint64_t now_ns)
{
	if (change->mount->device && change->mount->device->pending)
		return false;
	return !change->waits || change->claim.matched || now_ns >= change->claim.late_ns;
}

/* A change that was told without its actor stays for a while, so that a late record finds it. */
static void forget_old(struct hc_changes *changes, uint64_t now_ns)
{
	struct hc_claim **at = &changes->first;

	while (*at) {
		struct hc_change *change = change_of(*at);

		if (change->done &&
		    (change->claim.matched || now_ns >= change->since_ns + HC_ACTOR_KEEP_NS)) {
			*at = change->claim.next;
			change_free(change);
		} else {
			at = &change->claim.next;
		}
	}
	changes->last = at;
}

uint64_t hc_changes_tell(struct hc_changes *changes, uint64_t now_ns, hc_change_fn fn,
			 void *context)
{
	uint64_t due_ns = 0;
	struct hc_claim *claim;

	for (claim = changes->first; claim; claim = claim->next) {
		struct hc_change *change = change_of(claim);

		if (change->done)
			continue;
		if (!is_ready(change, now_ns)) {
			due_ns = change->claim.late_ns;
			break;
		}
		fn(context, change);
		change->done = true;
	}
	forget_old(changes, now_ns);
	return due_ns > now_ns ? due_ns : 0;
}

bool hc_changes_pending(const struct hc_changes *changes)
{
	struct hc_claim *claim;

	for (claim = changes->first; claim; claim = claim->next) {
		if (!change_of(claim)->done)
			return true;
	}
	return false;
}

/* When the call returned, on the wall clock. */
static int64_t called_unix_ms(uint64_t boot_ns)
{
	return hc_now_unix_ms() - ((int64_t)hc_boottime_ns() - (int64_t)boot_ns) / 1000000;
}

struct hc_mount_report hc_change_report(const struct hc_change *change)
{
	bool has_actor = change->claim.matched && !change->revealed;
	struct hc_mount_report report = {
		.is_mounted = change->is_mounted,
		.row = &change->mount->row,
		.has_id = !change->brief,
		.device = change->mount->device,
		.bind_of = change->bind_of,
		.actor = has_actor ? &change->claim.actor : NULL,
		.reconciled = change->reconciled,
		.revealed = change->revealed,
		.brief = change->brief,
		.timestamp_unix_ms = change->since_unix_ms,
	};

	if (change->is_mounted && change->moved)
		report.moved_from = change->moved->row.path;
	if (has_actor && change->claim.actor.boot_ns) {
		report.boot_ns = change->claim.actor.boot_ns;
		report.timestamp_unix_ms = called_unix_ms(report.boot_ns);
	}
	return report;
}
