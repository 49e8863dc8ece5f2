/* SPDX-License-Identifier: MIT */
/*
 * A hash by type and key of what is under way; what is not in it is in the state. An entry is of
 * the last batch that had that key, and leaves with it.
 */
#include <stdlib.h>
#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#include "ws/state/change.h"
#include "ws/state/latest.h"

struct entry {
	struct hc_record *record;     /* a snapshot, or an event that cleared it */
	const struct hc_batch *batch; /* it is of that one; only compared */
	UT_hash_handle hh;
	char key[]; /* index of the type, two bytes; then the state key */
};

struct hc_latest {
	struct entry *entries;
};

struct hc_latest *hc_latest_new(void)
{
	return calloc(1, sizeof(struct hc_latest));
}

static void drop(struct hc_latest *latest, struct entry *entry)
{
	HASH_DEL(latest->entries, entry);
	(void)hc_record_unref(entry->record);
	free(entry);
}

struct hc_latest *hc_latest_free(struct hc_latest *latest)
{
	if (!latest)
		return NULL;
	while (latest->entries)
		drop(latest, latest->entries);
	free(latest);
	return NULL;
}

/* The type whose snapshots an event is one of, or clears; NULL for all other events. */
static const struct hc_type *type_of(const struct hc_record *record)
{
	const struct hc_type *type = record->type->clears ? record->type->clears : record->type;

	return type->changed_field && !record->to.len ? type : NULL;
}

static size_t key_len(const struct hc_record *record)
{
	return sizeof(record->type->index) + record->state_key.len;
}

static struct entry *entry_new(const struct hc_type *type, const struct hc_record *record)
{
	struct entry *entry = calloc(1, sizeof(*entry) + key_len(record));

	if (!entry)
		return NULL;
	memcpy(entry->key, &type->index, sizeof(type->index));
	if (record->state_key.len)
		memcpy(entry->key + sizeof(type->index), record->state_key.s,
		       record->state_key.len);
	return entry;
}

/* The entry of the record's type and key, made if need be; NULL without memory. */
static struct entry *find(struct hc_latest *latest, const struct hc_type *type,
			  const struct hc_record *record)
{
	struct entry *entry = entry_new(type, record), *found;

	if (!entry)
		return NULL;
	HASH_FIND(hh, latest->entries, entry->key, key_len(record), found);
	if (!found) {
		HASH_ADD_KEYPTR(hh, latest->entries, entry->key, key_len(record), entry);
		if (entry->hh.tbl)
			return entry;
	}
	free(entry);
	return found;
}

/* ---- what has changed --------------------------------------------------------------------- */

/* Sets the field "changed", which is absent or nil. Returns whether there was memory. */
static bool set_changed(msgpack_object *payload, const msgpack_object *paths, msgpack_zone *zone)
{
	uint32_t size = payload->via.map.size, n = 0;
	msgpack_object_kv *kvs = msgpack_zone_malloc(zone, (size + 1) * sizeof(*kvs));

	if (!kvs)
		return false;
	for (uint32_t i = 0; i < size; i++)
		if (!hc_str_is(hc_object_str(&payload->via.map.ptr[i].key), "changed"))
			kvs[n++] = payload->via.map.ptr[i];
	kvs[n++] = (msgpack_object_kv){
		.key = { .type = MSGPACK_OBJECT_STR, .via.str = { .size = 7, .ptr = "changed" } },
		.val = *paths,
	};
	payload->via.map = (msgpack_object_map){ .size = n, .ptr = kvs };
	return true;
}

static struct hc_record *compare(const struct hc_record *before, const struct hc_record *record,
				 msgpack_zone *zone)
{
	const char *field = record->type->changed_field;
	const msgpack_object *was, *is;
	struct hc_event old, new;
	struct hc_record *with;
	msgpack_object paths;

	if (!hc_record_event(&old, before, zone) || !hc_record_event(&new, record, zone) ||
	    hc_map_get(&new.payload, "changed"))
		return NULL;
	was = hc_map_get(&old.payload, field);
	is = hc_map_get(&new.payload, field);
	if (!was || !is || !hc_change_find(&paths, was, is, zone) ||
	    !set_changed(&new.payload, &paths, zone))
		return NULL;
	with = hc_record_new(&new, record->type);
	if (with && with->body.len > HC_EVENT_LEN_MAX)
		return hc_record_unref(with);
	if (with) {
		with->taken_ns = record->taken_ns;
		with->boot_ns = record->boot_ns;
		with->is_volatile = record->is_volatile;
	}
	return with;
}

/* The record with what it changes of @before, or NULL: nothing is to be said, or there is no
 * memory. */
static struct hc_record *make_changed(const struct hc_record *before,
				      const struct hc_record *record)
{
	struct hc_record *with;
	msgpack_zone zone;

	if (before->type != record->type || !msgpack_zone_init(&zone, MSGPACK_ZONE_CHUNK_SIZE))
		return NULL;
	with = compare(before, record, &zone);
	msgpack_zone_destroy(&zone);
	return with;
}

static void tell_change(struct hc_batch *batch, size_t index, const struct entry *entry,
			const struct hc_state *state)
{
	struct hc_record *record = batch->records[index], *with;
	struct hc_record *before = entry->record;
	bool is_sure = !before || entry->batch == batch;

	if (!before)
		before = hc_state_get(state, record->type, record->state_key);
	if (!before || !record->type->changed_field)
		return;
	with = make_changed(before, record);
	if (with && !hc_batch_replace(batch, index, with, is_sure ? NULL : before))
		(void)hc_record_unref(with);
}

/* ---- batches ------------------------------------------------------------------------------ */

void hc_latest_take(struct hc_latest *latest, const struct hc_state *state, struct hc_batch *batch)
{
	for (size_t i = 0; i < batch->n; i++) {
		const struct hc_type *type = type_of(batch->records[i]);
		struct entry *entry = type ? find(latest, type, batch->records[i]) : NULL;

		if (!entry)
			continue;
		tell_change(batch, i, entry, state);
		(void)hc_record_unref(entry->record);
		entry->record = hc_record_ref(batch->records[i]);
		entry->batch = batch;
	}
}

void hc_latest_forget(struct hc_latest *latest, const struct hc_batch *batch)
{
	for (size_t i = 0; i < batch->n; i++) {
		const struct hc_type *type = type_of(batch->records[i]);
		struct entry *entry = type ? find(latest, type, batch->records[i]) : NULL;

		if (entry && (entry->batch == batch || !entry->batch))
			drop(latest, entry);
	}
}
