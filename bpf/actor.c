/* SPDX-License-Identifier: MIT */
/*
 * At one path, records are replayed as on a stack: a mount puts one on, an umount takes one off. An
 * umount that finds one of them belongs to it (a brief mount); one that finds none took off what
 * had been there before. So, up to the moment of a snapshot, the umounts without partner are those
 * of the changes "gone", the mounts left on the stack those of the changes "new", and all pairs
 * were too brief for it.
 *
 * That moment is not known exactly: a record that came before the snapshot was begun ("settled") is
 * in it, a later one may be. So the replay goes on, record by record, until it fits what the
 * snapshot shows. If it never does (a call of which there is no record, or two that overtook each
 * other on the way here), any record that might fit is taken once the change is late.
 *
 * O(claims x records) in the worst case; in a storm a scan follows after some tens of records.
 */
#include <stdlib.h>
#include <sys/mount.h>

#include "bpf/actor.h"
#include "bpf/mount.h"

#define USED_KEEP_NS 100000000ull /* of a used one: it may explain the rest of a tree */
#define LEFT_KEEP_NS 300000000ull /* of one that nothing waits for: the umount of a brief mount */
#define MAGIC_MASK   0xffff0000ul /* MS_MGC_MSK: what old programs put there */
#define MAGIC	     0xc0ed0000ul /* MS_MGC_VAL */
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
	uint64_t settled;  /* the first scan that was begun after it had come, or that it fits; 0:
			      none */
	bool used;	   /* belongs to a claim */
	uint64_t since_ns; /* monotonic */
};

struct hc_actors {
	struct entry *entries; /* HC_ACTOR_RECORDS_MAX, oldest first */
	size_t n;
	size_t *scratch; /* as many indices, twice */
	uint64_t scan;	 /* the last one begun */
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
	*entry = (struct entry){ .record = *record, .role = role, .since_ns = now_ns };
	return true;
}

void hc_actors_settle(struct hc_actors *actors, uint64_t scan)
{
	size_t i;

	actors->scan = scan;
	for (i = 0; i < actors->n; i++) {
		if (!actors->entries[i].settled)
			actors->entries[i].settled = scan;
	}
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

static enum role role_for(const struct hc_claim *claim)
{
	return claim->kind == HC_CLAIM_ATTACH ? ROLE_ATTACH : ROLE_DETACH;
}

/* ---- exact path --------------------------------------------------------------------------- */

/* What happened at one path, up to some record: indices of entries. */
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

static void replay_one(struct replay *replay, enum role role, size_t index)
{
	if (role == ROLE_ATTACH)
		replay->news[replay->n_news++] = index;
	else if (replay->n_news)
		replay->n_news--;
	else
		replay->gones[replay->n_gones++] = index;
}

static bool is_at(const struct hc_claim *claim, const char *path)
{
	return !claim->matched && claim->kind != HC_CLAIM_MOVE && !strcmp(claim->path, path);
}

/* Of an ordinary mount the record says what the table says; of a bind mount, what was bound. */
static bool source_fits(const struct hc_record *record, const struct hc_claim *claim)
{
	if (record->kind != HC_RECORD_MOUNT || record->flags & MS_BIND || record->source_len <= 0)
		return true;
	return text_is(record->source, record->source_len, claim->source);
}

/* Whether the replay explains all claims of one scan at its path, and nothing else. */
static bool fits(const struct hc_actors *actors, const struct replay *replay,
		 const struct hc_claim *claims, const struct hc_claim *first)
{
	size_t n_news = 0, n_gones = 0;
	const struct hc_claim *claim;

	for (claim = claims; claim; claim = claim->next) {
		if (claim->scan != first->scan || !is_at(claim, first->path))
			continue;
		if (claim->kind == HC_CLAIM_DETACH)
			n_gones++;
		else if (n_news < replay->n_news &&
			 source_fits(&actors->entries[replay->news[n_news]].record, claim))
			n_news++;
		else
			return false;
	}
	return n_news == replay->n_news && n_gones == replay->n_gones;
}

static size_t assign(struct hc_actors *actors, const struct replay *replay, struct hc_claim *claims,
		     const struct hc_claim *first)
{
	const char *path = first->path;
	const uint64_t scan = first->scan;
	size_t i_new = 0, i_gone = 0;
	struct hc_claim *claim;

	for (claim = claims; claim; claim = claim->next) {
		if (claim->scan != scan || !is_at(claim, path))
			continue;
		take(&actors->entries[claim->kind == HC_CLAIM_ATTACH ? replay->news[i_new++]
								     : replay->gones[i_gone++]],
		     claim);
	}
	return i_new + i_gone;
}

/* All claims of the scan of @first at its path. */
static size_t match_path(struct hc_actors *actors, struct hc_claim *claims,
			 const struct hc_claim *first)
{
	struct replay replay = { .news = actors->scratch,
				 .gones = actors->scratch + HC_ACTOR_RECORDS_MAX };
	const char *path = first->path;
	const uint64_t scan = first->scan;
	size_t n_settled = 0, i, j, n_matched;

	for (i = 0; i < actors->n; i++) {
		if (actors->entries[i].settled && actors->entries[i].settled <= first->scan)
			n_settled = i + 1;
	}
	for (i = 0; i < actors->n; i++) {
		struct entry *entry = &actors->entries[i];

		if (is_free_at(entry, path))
			replay_one(&replay, entry->role, i);
		else if (i + 1 != n_settled)
			continue;
		if (i + 1 < n_settled || !fits(actors, &replay, claims, first))
			continue;
		n_matched = assign(actors, &replay, claims, first);
		/* Whatever else happened there until then is behind us, too. */
		for (j = 0; j <= i; j++) {
			if (!actors->entries[j].settled && is_free_at(&actors->entries[j], path))
				actors->entries[j].settled = scan;
		}
		return n_matched;
	}
	return 0;
}

/* What earlier scans found at a path comes first. */
static bool has_earlier(const struct hc_claim *claims, const struct hc_claim *claim,
			uint64_t now_ns)
{
	for (; claims != claim; claims = claims->next) {
		if (claims->scan < claim->scan && claims->late_ns > now_ns &&
		    is_at(claims, claim->path))
			return true;
	}
	return false;
}

static bool match_late(struct hc_actors *actors, struct hc_claim *claim)
{
	size_t i;

	for (i = 0; i < actors->n; i++) {
		struct entry *entry = &actors->entries[i];

		if (entry->role != role_for(claim) || !is_free_at(entry, claim->path))
			continue;
		take(entry, claim);
		return true;
	}
	return false;
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
	if (!is_absolute(&entry->record) || target_is(&entry->record, claim->path) ||
	    !hc_path_covers(entry->record.target, claim->path))
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

/*
 * Relative, through a symbolic link or a descriptor: then the last name, or the source, still fits.
 * Only once a snapshot has followed, in which the record's own path would have come up.
 */
static bool explains_loosely(const struct entry *entry, const struct hc_claim *claim)
{
	const struct hc_record *record = &entry->record;

	if (!is_left(entry, role_for(claim)) || target_is(record, claim->path))
		return false;
	if (record->target_len > 0 && !strcmp(last_name(record->target), last_name(claim->path)))
		return true;
	if (is_absolute(record) && strncmp(record->target, "/proc/", 6))
		return false;
	return record->source_len <= 0 || claim->kind == HC_CLAIM_DETACH ||
	       !strcmp(record->source, claim->source);
}

/*
 * One call and one change are left over: a path through symbolic links that ends in another name.
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
		if (left || target_is(&actors->entries[i].record, claim->path))
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

static bool has_record(const struct hc_actors *actors, const struct hc_claim *claim)
{
	size_t i;

	for (i = 0; i < actors->n; i++) {
		if (actors->entries[i].role == role_for(claim) &&
		    is_free_at(&actors->entries[i], claim->path))
			return true;
	}
	return false;
}

/* Propagation copies a mount to other places, and takes the copies away again, in the same call. */
static bool match_copy(const struct hc_actors *actors, struct hc_claim *claims,
		       struct hc_claim *claim)
{
	const struct hc_claim *other;

	if (has_record(actors, claim))
		return false;
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

size_t hc_actors_match(struct hc_actors *actors, struct hc_claim *claims, uint64_t now_ns)
{
	struct hc_claim *claim;
	size_t n_matched = 0;

	if (!actors->n)
		return 0;
	for (claim = claims; claim; claim = claim->next) {
		if (!claim->matched && claim->kind == HC_CLAIM_MOVE)
			n_matched += match_by(actors, claim, explains_move);
		else if (!claim->matched && !has_earlier(claims, claim, now_ns))
			n_matched += match_path(actors, claims, claim);
	}
	for (claim = claims; claim; claim = claim->next) {
		if (!claim->matched && claim->kind != HC_CLAIM_MOVE)
			n_matched += match_by(actors, claim, explains_tree) ||
				     match_copy(actors, claims, claim) ||
				     (claim->late_ns <= now_ns && match_late(actors, claim));
	}
	for (claim = claims; claim; claim = claim->next) {
		if (!claim->matched && claim->kind != HC_CLAIM_MOVE)
			n_matched += match_by(actors, claim, explains_loosely) ||
				     match_last(actors, claims, claim);
	}
	return n_matched;
}

/* ---- what no snapshot showed ---------------------------------------------------------------- */

static bool is_awaited(const struct hc_claim *claims, const char *path, uint64_t now_ns)
{
	for (; claims; claims = claims->next) {
		if (claims->late_ns > now_ns && is_at(claims, path))
			return true;
	}
	return false;
}

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

/*
 * A mount without its umount waits through two scans at least: this process may have been held up
 * between taking in the one and the other.
 */
static uint64_t keep_ns(const struct hc_actors *actors, const struct entry *entry, bool is_wanted)
{
	if (entry->used)
		return USED_KEEP_NS;
	if (is_wanted || !entry->settled || entry->settled + 1 >= actors->scan)
		return HC_ACTOR_KEEP_NS;
	return LEFT_KEEP_NS;
}

static void forget_old(struct hc_actors *actors, const struct hc_claim *claims, uint64_t now_ns)
{
	size_t n_kept = 0, i;

	while (claims && claims->matched)
		claims = claims->next;
	for (i = 0; i < actors->n; i++) {
		struct entry *entry = &actors->entries[i];

		if (now_ns < entry->since_ns + keep_ns(actors, entry, claims != NULL))
			actors->entries[n_kept++] = *entry;
	}
	actors->n = n_kept;
}

void hc_actors_brief(struct hc_actors *actors, const struct hc_claim *claims, uint64_t now_ns,
		     hc_brief_fn fn, void *context)
{
	size_t i;

	for (i = 0; i < actors->n; i++) {
		struct entry *entry = &actors->entries[i], *other;

		if (!is_left(entry, ROLE_ATTACH) || !is_absolute(&entry->record) ||
		    is_awaited(claims, entry->record.target, now_ns))
			continue;
		other = find_umount(actors, i + 1, entry);
		if (!other)
			continue;
		entry->used = true;
		other->used = true;
		fn(context, &entry->record, &other->record);
	}
	forget_old(actors, claims, now_ns);
}

static struct entry *find_mount(struct hc_actors *actors, size_t from,
				const struct entry *unmounted)
{
	size_t i;

	for (i = from; i < actors->n; i++) {
		struct entry *entry = &actors->entries[i];

		if (is_left(entry, ROLE_ATTACH) &&
		    !strcmp(entry->record.target, unmounted->record.target))
			return entry;
	}
	return NULL;
}

void hc_actors_replaced(struct hc_actors *actors, const struct hc_claim *claims, uint64_t now_ns,
			hc_brief_fn fn, void *context)
{
	size_t i;

	for (i = 0; i < actors->n; i++) {
		struct entry *entry = &actors->entries[i], *other;

		if (!is_left(entry, ROLE_DETACH) || !is_absolute(&entry->record) ||
		    is_awaited(claims, entry->record.target, now_ns))
			continue;
		other = find_mount(actors, i + 1, entry);
		if (!other)
			continue;
		entry->used = true;
		other->used = true;
		fn(context, &other->record, &entry->record);
	}
}
