/* SPDX-License-Identifier: MIT */
/* Both arrays are sorted, so a diff is one walk along two of them. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "bpf/table.h"

struct hc_table *hc_table_new(bool unique_ids)
{
	struct hc_table *table = calloc(1, sizeof(*table));

	if (!table)
		return NULL;
	table->n_refs = 1;
	table->unique_ids = unique_ids;
	return table;
}

struct hc_table *hc_table_ref(struct hc_table *table)
{
	if (table)
		table->n_refs++;
	return table;
}

struct hc_table *hc_table_unref(struct hc_table *table)
{
	size_t i;

	if (!table || --table->n_refs)
		return NULL;
	for (i = 0; i < table->n; i++)
		hc_mount_unref(table->mounts[i]);
	free(table->mounts);
	free(table->by_path);
	free(table);
	return NULL;
}

int hc_table_add(struct hc_table *table, struct hc_mount *mount)
{
	if (table->n == table->cap) {
		size_t cap = table->cap ? 2 * table->cap : 64;
		struct hc_mount **mounts =
			reallocarray(table->mounts, cap, sizeof(struct hc_mount *));

		if (!mounts)
			return -ENOMEM;
		table->mounts = mounts;
		table->cap = cap;
	}
	table->mounts[table->n++] = hc_mount_ref(mount);
	return 0;
}

static int compare_numbers(uint64_t a, uint64_t b)
{
	return (a > b) - (a < b);
}

static int compare_ids(const void *a, const void *b)
{
	const struct hc_mount *const *first = a, *const *second = b;

	return compare_numbers((*first)->row.id, (*second)->row.id);
}

static int compare_depths(const void *a, const void *b)
{
	const struct hc_mount *const *first = a, *const *second = b;
	int r = compare_numbers((*first)->depth, (*second)->depth);

	return r ? r : compare_ids(a, b);
}

static int compare_paths(const void *a, const void *b)
{
	const struct hc_mount *const *first = a, *const *second = b;
	int r = strcmp((*first)->row.path, (*second)->row.path);

	if (!r)
		r = (*second)->is_hidden - (*first)->is_hidden;
	return r ? r : compare_depths(a, b);
}

struct hc_mount *hc_table_find(const struct hc_table *table, uint64_t id)
{
	struct hc_mount key = { .row.id = id };
	const struct hc_mount *key_at = &key;
	struct hc_mount **found = NULL;

	if (table->n)
		found = bsearch(&key_at, table->mounts, table->n, sizeof(struct hc_mount *),
				compare_ids);
	return found ? *found : NULL;
}

/* Bounded by the number of mounts: a table from a file may have a parent that is its own child. */
static unsigned int count_parents(const struct hc_table *table, const struct hc_mount *mount)
{
	unsigned int depth = 0;

	while (depth < table->n && mount->row.parent_id != mount->row.id) {
		mount = hc_table_find(table, mount->row.parent_id);
		if (!mount)
			break;
		depth++;
	}
	return depth;
}

/* Compares a path with the first @len bytes of another one. */
static int compare_prefix(const char *path, const char *other, size_t len)
{
	int r = strncmp(path, other, len);

	return r ? r : path[len] != '\0';
}

/*
 * The index in by_path of the first mount whose path is not before the first @len bytes of @path.
 */
static size_t lower_bound(const struct hc_table *table, const char *path, size_t len)
{
	size_t low = 0, high = table->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (compare_prefix(table->by_path[middle]->row.path, path, len) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static bool has_sibling_at(const struct hc_table *table, const struct hc_mount *mount, size_t len)
{
	const char *path = mount->row.path;
	size_t i;

	for (i = lower_bound(table, path, len);
	     i < table->n && !compare_prefix(table->by_path[i]->row.path, path, len); i++) {
		if (table->by_path[i] != mount &&
		    table->by_path[i]->row.parent_id == mount->row.parent_id)
			return true;
	}
	return false;
}

/*
 * A mount is hidden if its parent is, or if another child of its parent lies on the way to it: on a
 * directory above it, or on the parent's own root.
 */
static bool find_hidden(const struct hc_table *table, const struct hc_mount *mount)
{
	const struct hc_mount *parent = hc_table_find(table, mount->row.parent_id);
	const char *path = mount->row.path;
	size_t len;

	if (!parent || parent == mount)
		return false;
	if (parent->is_hidden)
		return true;
	if (!hc_path_covers(parent->row.path, path))
		return false;
	len = strlen(parent->row.path);
	if (path[len] && has_sibling_at(table, mount, len))
		return true;
	for (len++; path[len]; len++) {
		if (path[len] == '/' && has_sibling_at(table, mount, len))
			return true;
	}
	return false;
}

static int find_all_hidden(const struct hc_table *table)
{
	struct hc_mount **by_depth = calloc(table->n, sizeof(struct hc_mount *));
	size_t i;

	if (!by_depth)
		return -ENOMEM;
	memcpy(by_depth, table->mounts, table->n * sizeof(struct hc_mount *));
	qsort(by_depth, table->n, sizeof(struct hc_mount *), compare_depths);
	for (i = 0; i < table->n; i++)
		by_depth[i]->is_hidden = find_hidden(table, by_depth[i]);
	free(by_depth);
	return 0;
}

int hc_table_seal(struct hc_table *table)
{
	size_t i;
	int r;

	if (!table->n)
		return 0;
	table->by_path = calloc(table->n, sizeof(struct hc_mount *));
	if (!table->by_path)
		return -ENOMEM;
	qsort(table->mounts, table->n, sizeof(struct hc_mount *), compare_ids);
	for (i = 0; i < table->n; i++) {
		table->mounts[i]->depth = count_parents(table, table->mounts[i]);
		table->mounts[i]->is_hidden = false;
	}
	memcpy(table->by_path, table->mounts, table->n * sizeof(struct hc_mount *));
	qsort(table->by_path, table->n, sizeof(struct hc_mount *), compare_paths);
	r = find_all_hidden(table);
	if (!r)
		qsort(table->by_path, table->n, sizeof(struct hc_mount *), compare_paths);
	return r;
}

struct hc_mount *hc_table_top(const struct hc_table *table, const char *path, hc_told_fn told,
			      const void *context)
{
	struct hc_mount *top = NULL;
	size_t i;

	for (i = lower_bound(table, path, strlen(path));
	     i < table->n && !strcmp(table->by_path[i]->row.path, path); i++) {
		if (!told || told(&table->by_path[i]->row, context))
			top = table->by_path[i];
	}
	return top;
}

static char *join_paths(const char *top, const char *below)
{
	char *joined;

	if (!*below)
		return strdup(top);
	if (!strcmp(top, "/"))
		return strdup(below);
	return asprintf(&joined, "%s%s", top, below) < 0 ? NULL : joined;
}

/* What of @root lies below @top, "" or "/...". */
static const char *path_below(const char *top, const char *root)
{
	size_t len = strcmp(top, "/") ? strlen(top) : 0;

	return root[len] && strcmp(root + len, "/") ? root + len : "";
}

int hc_table_bind_of(char **ret, const struct hc_table *table, const struct hc_mount *mount)
{
	const struct hc_mount_row *row = &mount->row;
	bool is_btrfs = !strcmp(row->fstype, "btrfs");
	bool is_part = strcmp(row->root, "/") && !is_btrfs;
	const struct hc_mount *whole = NULL;
	char *text;
	size_t i;

	for (i = 0; i < table->n; i++) {
		const struct hc_mount *other = table->mounts[i];

		if (other->row.major != row->major || other->row.minor != row->minor ||
		    other->row.id >= row->id || strcmp(other->row.fstype, row->fstype) ||
		    !hc_path_covers(other->row.root, row->root))
			continue;
		whole = other;
		break;
	}
	if (!whole && !is_part)
		return 0;
	text = whole ? join_paths(whole->row.path, path_below(whole->row.root, row->root))
		     : strdup(row->root);
	if (!text)
		return -ENOMEM;
	*ret = text;
	return 1;
}

/* ---- differences -------------------------------------------------------------------------- */

void hc_differences_deinit(struct hc_differences *differences)
{
	free(differences->items);
	*differences = (struct hc_differences){ 0 };
}

static bool is_same(const struct hc_table *old, const struct hc_table *new,
		    const struct hc_mount_row *a, const struct hc_mount_row *b)
{
	if (old->unique_ids != new->unique_ids)
		return false;
	if (a->id != b->id)
		return false;
	return new->unique_ids ||
	       (a->major == b->major && a->minor == b->minor && !strcmp(a->root, b->root) &&
		!strcmp(a->source, b->source) && !strcmp(a->fstype, b->fstype));
}

/* Children first, and what was mounted last first; then parents first, in the order of mounting. */
static int compare_differences(const void *a, const void *b)
{
	const struct hc_difference *first = a, *second = b;
	int r;

	if (first->kind != second->kind)
		return first->kind < second->kind ? -1 : 1;
	r = compare_depths(&first->mount, &second->mount);
	return first->kind == HC_DIFFERENCE_GONE ? -r : r;
}

static void append(struct hc_differences *to, enum hc_difference_kind kind, struct hc_mount *mount,
		   struct hc_mount *moved)
{
	to->items[to->n++] = (struct hc_difference){ .kind = kind, .mount = mount, .moved = moved };
}

static void collect(struct hc_differences *to, const struct hc_table *old,
		    const struct hc_table *new)
{
	size_t i = 0, j = 0;

	while (i < old->n || j < new->n) {
		struct hc_mount *was = i < old->n ? old->mounts[i] : NULL;
		struct hc_mount *is = j < new->n ? new->mounts[j] : NULL;

		if (was && is && is_same(old, new, &was->row, &is->row)) {
			if (!is->device && was->device)
				hc_mount_set_device(is, was->device);
			is->seen_boot_ns = was->seen_boot_ns;
			if (strcmp(was->row.path, is->row.path)) {
				append(to, HC_DIFFERENCE_GONE, was, is);
				append(to, HC_DIFFERENCE_NEW, is, was);
			}
			i++;
			j++;
		} else if (was && (!is || was->row.id <= is->row.id)) {
			append(to, HC_DIFFERENCE_GONE, was, NULL);
			i++;
		} else {
			append(to, HC_DIFFERENCE_NEW, is, NULL);
			j++;
		}
	}
}

static int compare_by_path(const void *a, const void *b)
{
	const struct hc_difference *const *first = a, *const *second = b;
	int r = strcmp((*first)->mount->row.path, (*second)->mount->row.path);

	return r ? r : compare_numbers((uintptr_t)*first, (uintptr_t)*second);
}

struct reveal {
	struct hc_differences *to;
	const struct hc_table *old, *new;
	hc_told_fn told;
	const void *context;
	struct hc_difference **spoken; /* told differences by path, then in their order */
	size_t n_spoken;
};

/* Says what is now to be seen at @path, unless that is what whoever listens believes already. */
static void reveal_path(struct reveal *reveal, const char *path, const struct hc_mount *believed)
{
	struct hc_mount *top = hc_table_top(reveal->new, path, reveal->told, reveal->context);

	if (!top || (believed && believed->row.id == top->row.id))
		return;
	append(reveal->to, HC_DIFFERENCE_REVEALED, top, NULL);
	reveal->to->items[reveal->to->n - 1].told = true;
}

/* Where something was told, the last word counts. */
static void reveal_spoken(struct reveal *reveal)
{
	size_t i;

	for (i = 0; i < reveal->n_spoken; i++) {
		const struct hc_difference *last = reveal->spoken[i];
		const char *path = last->mount->row.path;

		if (i + 1 < reveal->n_spoken &&
		    !strcmp(path, reveal->spoken[i + 1]->mount->row.path))
			continue;
		reveal_path(reveal, path, last->kind == HC_DIFFERENCE_NEW ? last->mount : NULL);
	}
}

static bool is_spoken(const struct reveal *reveal, struct hc_mount *mount)
{
	size_t low = 0, high = reveal->n_spoken;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (strcmp(reveal->spoken[middle]->mount->row.path, mount->row.path) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low < reveal->n_spoken &&
	       !strcmp(reveal->spoken[low]->mount->row.path, mount->row.path);
}

/* The index behind the group of mounts with the path of the one at @i. */
static size_t group_end(const struct hc_table *table, size_t i)
{
	const char *path = table->by_path[i]->row.path;

	while (i < table->n && !strcmp(table->by_path[i]->row.path, path))
		i++;
	return i;
}

/*
 * Where nothing was told, another mount may be the one to be seen all the same: what lay over the
 * way to it has gone. A snapshot is not atomic either: it can show a mount without what it lies on.
 */
static void reveal_silent(struct reveal *reveal)
{
	const struct hc_table *old = reveal->old, *new = reveal->new;
	size_t i = 0, j = 0;

	while (i < old->n && j < new->n) {
		int r = strcmp(old->by_path[i]->row.path, new->by_path[j]->row.path);
		struct hc_mount *was, *is;

		if (r) {
			if (r < 0)
				i = group_end(old, i);
			else
				j = group_end(new, j);
			continue;
		}
		i = group_end(old, i);
		j = group_end(new, j);
		was = old->by_path[i - 1];
		is = new->by_path[j - 1];
		if (was->row.id != is->row.id && !is_spoken(reveal, is))
			reveal_path(reveal, is->row.path,
				    hc_table_top(old, is->row.path, reveal->told, reveal->context));
	}
}

static int reveal_all(struct hc_differences *to, const struct hc_table *old,
		      const struct hc_table *new, hc_told_fn told, const void *context)
{
	struct reveal reveal = { to, old, new, told, context, NULL, 0 };
	size_t n = to->n, i;

	reveal.spoken = calloc(n ? n : 1, sizeof(struct hc_difference *));
	if (!reveal.spoken)
		return -ENOMEM;
	for (i = 0; i < n; i++) {
		if (to->items[i].told)
			reveal.spoken[reveal.n_spoken++] = &to->items[i];
	}
	qsort(reveal.spoken, reveal.n_spoken, sizeof(struct hc_difference *), compare_by_path);
	reveal_spoken(&reveal);
	reveal_silent(&reveal);
	free(reveal.spoken);
	return 0;
}

int hc_table_diff(struct hc_differences *ret, const struct hc_table *old,
		  const struct hc_table *new, hc_told_fn told, const void *context)
{
	size_t n_max = 2 * (old->n + new->n), i;

	*ret = (struct hc_differences){ .items = calloc(n_max + 1, sizeof(*ret->items)) };
	if (!ret->items)
		return -ENOMEM;
	collect(ret, old, new);
	qsort(ret->items, ret->n, sizeof(*ret->items), compare_differences);
	for (i = 0; i < ret->n; i++)
		ret->items[i].told = !told || told(&ret->items[i].mount->row, context);
	return reveal_all(ret, old, new, told, context);
}
