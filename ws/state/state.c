/* SPDX-License-Identifier: MIT */
/*
 * Retained events in a hash by type and key (uthash, which iterates in the order of insertion:
 * replacing an event moves it to the end, so iteration is oldest first).
 */
#include <stdlib.h>
#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#include "ws/state/state.h"

struct entry {
	struct hc_record *record;
	UT_hash_handle hh;
	char key[]; /* index of the type, two bytes; then the state key */
};

struct hc_state {
	struct entry *entries;
};

struct hc_state *hc_state_new(void)
{
	return calloc(1, sizeof(struct hc_state));
}

static void drop(struct hc_state *state, struct entry *entry)
{
	HASH_DEL(state->entries, entry);
	(void)hc_record_unref(entry->record);
	free(entry);
}

struct hc_state *hc_state_free(struct hc_state *state)
{
	if (!state)
		return NULL;
	while (state->entries)
		drop(state, state->entries);
	free(state);
	return NULL;
}

static struct entry *entry_new(const struct hc_type *type, struct hc_str key)
{
	struct entry *entry = calloc(1, sizeof(*entry) + sizeof(type->index) + key.len);

	if (!entry)
		return NULL;
	memcpy(entry->key, &type->index, sizeof(type->index));
	if (key.len)
		memcpy(entry->key + sizeof(type->index), key.s, key.len);
	return entry;
}

/* Removes the retained event of that type and key; @probe has both. */
static void clear(struct hc_state *state, const struct entry *probe, size_t key_len)
{
	struct entry *found;

	HASH_FIND(hh, state->entries, probe->key, key_len, found);
	if (found)
		drop(state, found);
}

bool hc_state_apply(struct hc_state *state, struct hc_record *record)
{
	const struct hc_type *type =
		record->type->retained_key ? record->type : record->type->clears;
	size_t key_len = sizeof(type->index) + record->state_key.len;
	struct entry *entry;

	if (!type || record->to.len)
		return true;
	entry = entry_new(type, record->state_key);
	if (!entry)
		return false;
	clear(state, entry, key_len);
	if (!record->type->retained_key) {
		free(entry);
		return true;
	}
	HASH_ADD_KEYPTR(hh, state->entries, entry->key, key_len, entry);
	if (!entry->hh.tbl) {
		free(entry);
		return false;
	}
	entry->record = hc_record_ref(record);
	return true;
}

struct hc_record *hc_state_find(const struct hc_state *state, const struct hc_type *type)
{
	struct entry *found;

	HASH_FIND(hh, state->entries, &type->index, sizeof(type->index), found);
	return found ? found->record : NULL;
}

struct hc_record *hc_state_get(const struct hc_state *state, const struct hc_type *type,
			       struct hc_str key)
{
	size_t key_len = sizeof(type->index) + key.len;
	struct entry *probe = entry_new(type, key), *found = NULL;

	if (probe)
		HASH_FIND(hh, state->entries, probe->key, key_len, found);
	free(probe);
	return found ? found->record : NULL;
}

void hc_state_each(const struct hc_state *state, const struct hc_type *type, hc_state_fn *fn,
		   void *context)
{
	for (const struct entry *entry = state->entries; entry; entry = entry->hh.next)
		if (!type || entry->record->type == type)
			fn(context, entry->record);
}

size_t hc_state_count(const struct hc_state *state, const struct hc_type *type)
{
	size_t n = 0;

	for (const struct entry *entry = state->entries; entry; entry = entry->hh.next)
		n += !type || entry->record->type == type;
	return n;
}
