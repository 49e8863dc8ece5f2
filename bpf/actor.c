/* SPDX-License-Identifier: MIT */
/*
 * At one path, records are replayed as on a stack: a mount puts one on, an umount takes one off. An
 * umount that finds one of them belongs to it (a brief mount); one that finds none took off what
 * had been there before. So the umounts without partner are those of the changes "gone", the mounts
 * left on the stack those of the changes "new". Only settled records are replayed thus; what came
 * after the snapshot had been begun may or may not be in it, and serves the changes that are still
 * without a record.
 *
 * O(claims x records) in the worst case; in a storm a scan follows after some tens of records.
 */
#include <stdlib.h>
#include <sys/mount.h>

#include "bpf/actor.h"
#include "bpf/mount.h"

#define MAGIC_MASK 0xffff0000ul /* MS_MGC_MSK: what old programs put there */
#define MAGIC	   0xc0ed0000ul /* MS_MGC_VAL */
#ifndef MOVE_MOUNT_F_EMPTY_PATH
#define MOVE_MOUNT_F_EMPTY_PATH 0x00000004
#endif

enum role {
	ROLE_NONE, /* changes no row of the table */
	ROLE_ATTACH,
	ROLE_DETACH,
	ROLE_MOVE,
	ROLE_PIVOT, /* moves everything */
};

struct entry {
	struct hc_record record;
	enum role role;
	bool settled; /* a snapshot was begun after it had come */
	bool used;    /* belongs to a claim */
	size_t pair;  /* scratch of match_path(): the other half, or NO_PAIR */
	uint64_t expires_ns;
};

#define NO_PAIR SIZE_MAX

struct hc_actors {
	struct entry *entries; /* HC_ACTOR_RECORDS_MAX, oldest first */
	size_t n;
	size_t *scratch; /* as many indices, twice */
};

struct hc_actors *hc_actors_new(void)
{
	HC_CLEANUP(hc_actors_freep) struct hc_actors *actors = calloc(1, sizeof(*actors));

	if (!actors)
		return NULL;
	actors->entries = calloc(HC_ACTOR_RECORDS_MAX, sizeof(struct entry));
	actors->scratch = calloc(2 * HC_ACTOR_RECORDS_MAX, sizeof(size_t));
	if (!actors->entries || !actors->scratch)
		return NULL;
	return hc_take(actors);
}

struct hc_actors *hc_actors_free(struct hc_actors *actors)
{
	if (actors) {
		free(actors->entries);
		free(actors->scratch);
		free(actors);
	}
	return NULL;
}

struct hc_actor hc_actor_of(const struct hc_record *record)
{
	struct hc_actor actor = { .pid = record->pid,
				  .uid = record->uid,
				  .boot_ns = record->boot_ns };

	memcpy(actor.comm, record->comm, sizeof(record->comm));
	return actor;
}

/* The order of the tests is that of do_mount() in fs/namespace.c. */
static enum role role_of_mount(unsigned long flags)
{
	if ((flags & MAGIC_MASK) == MAGIC)
		flags &= ~MAGIC_MASK;
	if (flags & MS_REMOUNT)
		return ROLE_NONE;
	if (flags & MS_BIND)
		return ROLE_ATTACH;
	if (flags & (MS_SHARED | MS_PRIVATE | MS_SLAVE | MS_UNBINDABLE))
		return ROLE_NONE;
	return flags & MS_MOVE ? ROLE_MOVE : ROLE_ATTACH;
}

static enum role role_of(const struct hc_record *record)
{
	switch (record->kind) {
	case HC_RECORD_MOUNT:
		return role_of_mount(record->flags);
	case HC_RECORD_UMOUNT:
		return ROLE_DETACH;
	case HC_RECORD_MOVE_MOUNT:
		/* From a descriptor: what fsmount() or open_tree() has made, with hardly an
		 * exception. */
		return record->flags & MOVE_MOUNT_F_EMPTY_PATH && record->source_len <= 0
			       ? ROLE_ATTACH
			       : ROLE_MOVE;
	case HC_RECORD_PIVOT_ROOT:
		return ROLE_PIVOT;
	}
	return ROLE_NONE;
}

bool hc_actors_add(struct hc_actors *actors, const struct hc_record *record, uint64_t now_ns)
{
	enum role role = role_of(record);
	struct entry *entry;

	if (role == ROLE_NONE)
		return false;
	if (actors->n == HC_ACTOR_RECORDS_MAX) {
		actors->n -= HC_ACTOR_RECORDS_MAX / 4;
		memmove(actors->entries, actors->entries + HC_ACTOR_RECORDS_MAX / 4,
			actors->n * sizeof(struct entry));
	}
	entry = &actors->entries[actors->n++];
	*entry = (struct entry){ .record = *record,
				 .role = role,
				 .expires_ns = now_ns + HC_ACTOR_KEEP_NS };
	return true;
}

void hc_actors_settle(struct hc_actors *actors)
{
	size_t i;

	for (i = 0; i < actors->n; i++)
		actors->entries[i].settled = true;
}

size_t hc_actors_waiting(const struct hc_actors *actors)
{
	size_t n = 0, i;

	for (i = 0; i < actors->n; i++)
		n += !actors->entries[i].settled && !actors->entries[i].used;
	return n;
}

static bool is_absolute(const struct hc_record *record)
{
	return record->target_len > 0 && record->target[0] == '/';
}

/* Whether a text that may have been cut at HC_RECORD_TEXT_MAX is @path. */
static bool text_is(const char *text, int len, const char *path)
{
	if (len == HC_RECORD_TEXT_MAX - 1)
		return !strncmp(text, path, (size_t)len);
	return len > 0 && !strcmp(text, path);
}

/* The same, with a slash at the end allowed: "mount /dev/sdb1 /mnt/". */
static bool target_is(const struct hc_record *record, const char *path)
{
	size_t len = (size_t)record->target_len;

	if (record->target_len <= 0)
		return false;
	if (text_is(record->target, record->target_len, path))
		return true;
	while (len > 1 && record->target[len - 1] == '/')
		len--;
	return len < (size_t)record->target_len && strlen(path) == len &&
	       !memcmp(record->target, path, len);
}

static void take(struct entry *entry, struct hc_claim *claim)
{
	entry->used = true;
	claim->matched = true;
	claim->actor = hc_actor_of(&entry->record);
}

/* ---- exact path --------------------------------------------------------------------------- */

struct replay {
	size_t *news; /* mounts left on the stack, in order */
	size_t n_news;
	size_t *gones; /* umounts without partner, in order */
	size_t n_gones;
};

static bool is_free_at(const struct entry *entry, const char *path)
{
	return !entry->used && (entry->role == ROLE_ATTACH || entry->role == ROLE_DETACH) &&
	       target_is(&entry->record, path);
}

static struct replay replay_path(struct hc_actors *actors, const char *path)
{
	struct replay replay = { .news = actors->scratch,
				 .gones = actors->scratch + HC_ACTOR_RECORDS_MAX };
	size_t i;

	for (i = 0; i < actors->n; i++) {
		struct entry *entry = &actors->entries[i];

		if (!is_free_at(entry, path))
			continue;
		entry->pair = NO_PAIR;
		if (!entry->settled)
			continue;
		if (entry->role == ROLE_ATTACH) {
			replay.news[replay.n_news++] = i;
		} else if (replay.n_news) {
			entry->pair = replay.news[--replay.n_news];
			actors->entries[entry->pair].pair = i;
		} else {
			replay.gones[replay.n_gones++] = i;
		}
	}
	for (i = 0; i < actors->n; i++) {
		struct entry *entry = &actors->entries[i];

		if (entry->settled || !is_free_at(entry, path))
			continue;
		if (entry->role == ROLE_ATTACH)
			replay.news[replay.n_news++] = i;
		else
			replay.gones[replay.n_gones++] = i;
	}
	return replay;
}

static bool wants(const struct hc_claim *claim, enum hc_claim_kind kind, const char *path)
{
	return !claim->matched && claim->kind == kind && !strcmp(claim->path, path);
}

static size_t count_claims(const struct hc_claim *claim, enum hc_claim_kind kind, const char *path)
{
	size_t n = 0;

	for (; claim; claim = claim->next)
		n += wants(claim, kind, path);
	return n;
}

/* A half of a pair that the replay took for a brief mount, if a claim still wants one. */
static struct entry *take_half(struct hc_actors *actors, enum role role, const char *path)
{
	size_t i;

	for (i = 0; i < actors->n; i++) {
		struct entry *entry = &actors->entries[i];

		if (entry->role == role && entry->settled && is_free_at(entry, path))
			return entry;
	}
	return NULL;
}

static size_t match_path(struct hc_actors *actors, struct hc_claim *claims, const char *path)
{
	struct replay replay = replay_path(actors, path);
	size_t n_attach = count_claims(claims, HC_CLAIM_ATTACH, path), n_matched = 0;
	size_t i_new = replay.n_news > n_attach ? replay.n_news - n_attach : 0, i_gone = 0;
	struct hc_claim *claim;

	for (claim = claims; claim; claim = claim->next) {
		struct entry *entry = NULL;

		if (wants(claim, HC_CLAIM_ATTACH, path))
			entry = i_new < replay.n_news ? &actors->entries[replay.news[i_new++]]
						      : take_half(actors, ROLE_ATTACH, path);
		else if (wants(claim, HC_CLAIM_DETACH, path))
			entry = i_gone < replay.n_gones ? &actors->entries[replay.gones[i_gone++]]
							: take_half(actors, ROLE_DETACH, path);
		if (!entry)
			continue;
		take(entry, claim);
		n_matched++;
	}
	return n_matched;
}

/* ---- moves, trees, copies, other spellings -------------------------------------------------- */

static bool explains_move(const struct entry *entry, const struct hc_claim *claim)
{
	if (entry->role == ROLE_PIVOT)
		return true;
	if (entry->role != ROLE_MOVE)
		return false;
	return !is_absolute(&entry->record) || hc_path_covers(entry->record.target, claim->path);
}

/* One call made or unmade a whole tree. A record may explain any number of such claims. */
static bool explains_tree(const struct entry *entry, const struct hc_claim *claim)
{
	if (!is_absolute(&entry->record) || !hc_path_covers(entry->record.target, claim->path))
		return false;
	if (claim->kind == HC_CLAIM_DETACH)
		return entry->role == ROLE_DETACH;
	return entry->role == ROLE_ATTACH &&
	       (entry->record.kind == HC_RECORD_MOVE_MOUNT || entry->record.flags & MS_REC);
}

static const char *last_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static bool is_left(const struct entry *entry, enum role role)
{
	return !entry->used && entry->settled && entry->role == role;
}

static enum role role_for(const struct hc_claim *claim)
{
	return claim->kind == HC_CLAIM_ATTACH ? ROLE_ATTACH : ROLE_DETACH;
}

/*
 * Relative, through a symbolic link or a descriptor: then the last name, or the source, still fits.
 * Only once a snapshot has followed, in which the record's own path would have come up.
 */
static bool explains_loosely(const struct entry *entry, const struct hc_claim *claim)
{
	const struct hc_record *record = &entry->record;

	if (!is_left(entry, role_for(claim)))
		return false;
	if (record->target_len > 0 && !strcmp(last_name(record->target), last_name(claim->path)))
		return true;
	if (is_absolute(record) && strncmp(record->target, "/proc/", 6))
		return false;
	return record->source_len <= 0 || claim->kind == HC_CLAIM_DETACH ||
	       !strcmp(record->source, claim->source);
}

/* One call and one change are left over: a path through symbolic links that ends in another name.
 */
static bool match_last(struct hc_actors *actors, struct hc_claim *claims, struct hc_claim *claim)
{
	const struct hc_claim *other;
	struct entry *left = NULL;
	size_t i;

	for (other = claims; other; other = other->next) {
		if (other != claim && !other->matched && other->kind == claim->kind)
			return false;
	}
	for (i = 0; i < actors->n; i++) {
		if (!is_left(&actors->entries[i], role_for(claim)))
			continue;
		if (left)
			return false;
		left = &actors->entries[i];
	}
	if (left)
		take(left, claim);
	return left != NULL;
}

typedef bool (*explains_fn)(const struct entry *entry, const struct hc_claim *claim);

static bool match_by(struct hc_actors *actors, struct hc_claim *claim, explains_fn explains)
{
	size_t i;

	for (i = 0; i < actors->n; i++) {
		if (!explains(&actors->entries[i], claim))
			continue;
		take(&actors->entries[i], claim);
		return true;
	}
	return false;
}

/* Propagation copies a mount to other places, and takes the copies away again, in the same call. */
static bool match_copy(struct hc_claim *claims, struct hc_claim *claim)
{
	const struct hc_claim *other;

	for (other = claims; other; other = other->next) {
		if (!other->matched || other->kind != claim->kind || other->scan != claim->scan ||
		    other->device != claim->device)
			continue;
		claim->actor = other->actor;
		claim->matched = true;
		return true;
	}
	return false;
}

size_t hc_actors_match(struct hc_actors *actors, struct hc_claim *claims)
{
	struct hc_claim *claim;
	size_t n_matched = 0;

	if (!actors->n)
		return 0;
	for (claim = claims; claim; claim = claim->next) {
		if (!claim->matched && claim->kind == HC_CLAIM_MOVE)
			n_matched += match_by(actors, claim, explains_move);
		else if (!claim->matched)
			n_matched += match_path(actors, claims, claim->path);
	}
	for (claim = claims; claim; claim = claim->next) {
		if (!claim->matched && claim->kind != HC_CLAIM_MOVE)
			n_matched +=
				match_by(actors, claim, explains_tree) || match_copy(claims, claim);
	}
	for (claim = claims; claim; claim = claim->next) {
		if (!claim->matched && claim->kind != HC_CLAIM_MOVE)
			n_matched += match_by(actors, claim, explains_loosely) ||
				     match_last(actors, claims, claim);
	}
	return n_matched;
}

/* ---- what no snapshot showed ---------------------------------------------------------------- */

static struct entry *find_umount(struct hc_actors *actors, size_t from, const struct entry *mounted)
{
	unsigned int n_above = 0;
	size_t i;

	for (i = from; i < actors->n; i++) {
		struct entry *entry = &actors->entries[i];

		if (entry->used || !entry->settled ||
		    strcmp(entry->record.target, mounted->record.target))
			continue;
		if (entry->role == ROLE_ATTACH)
			n_above++;
		else if (entry->role == ROLE_DETACH && !n_above--)
			return entry;
	}
	return NULL;
}

void hc_actors_brief(struct hc_actors *actors, uint64_t now_ns, hc_brief_fn fn, void *context)
{
	size_t i, n_kept = 0;

	for (i = 0; i < actors->n; i++) {
		struct entry *entry = &actors->entries[i], *other;

		if (entry->used || !entry->settled || entry->role != ROLE_ATTACH ||
		    !is_absolute(&entry->record))
			continue;
		other = find_umount(actors, i + 1, entry);
		if (!other)
			continue;
		entry->used = true;
		other->used = true;
		fn(context, &entry->record, &other->record);
	}
	for (i = 0; i < actors->n; i++) {
		struct entry *entry = &actors->entries[i];

		/* A used one may still explain the rest of a tree that the next snapshot shows. */
		if (entry->expires_ns > now_ns &&
		    !(entry->used && entry->expires_ns - HC_ACTOR_KEEP_NS * 9 / 10 <= now_ns))
			actors->entries[n_kept++] = *entry;
	}
	actors->n = n_kept;
}
