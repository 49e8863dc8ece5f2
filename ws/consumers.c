/* SPDX-License-Identifier: MIT */
/* A hash by name of what the store has, so that nobody waits for the store to be asked. */
#include <errno.h>
#include <stdlib.h>
#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#include "proto/log.h"
#include "ws/consumers.h"
#include "ws/hub.h"

struct entry {
	struct hc_consumer_row row;
	struct hc_position stored; /* the last that was committed; no epoch: not known */
	UT_hash_handle hh;
};

struct hc_consumers {
	struct hc_hub *hub;
	struct entry *entries;
};

int hc_consumers_new(struct hc_consumers **ret, struct hc_hub *hub)
{
	struct hc_consumers *consumers = calloc(1, sizeof(*consumers));

	if (!consumers)
		return -ENOMEM;
	consumers->hub = hub;
	*ret = consumers;
	return 0;
}

struct hc_consumers *hc_consumers_free(struct hc_consumers *consumers)
{
	struct entry *entry, *next;

	if (!consumers)
		return NULL;
	HASH_ITER(hh, consumers->entries, entry, next)
	{
		HASH_DEL(consumers->entries, entry);
		free(entry);
	}
	free(consumers);
	return NULL;
}

struct load {
	struct hc_consumers *to;
	int error;
};

static bool take_row(void *context, const struct hc_consumer_row *row)
{
	struct load *load = context;

	if (hc_consumers_set(load->to, row))
		hc_consumers_note_stored(load->to, row);
	else
		load->error = -ENOMEM;
	return !load->error;
}

/* Not some of them: one that is not known is made anew, and its place in the log lost. */
int hc_consumers_load(struct hc_consumers *consumers)
{
	struct load load = { .to = consumers };
	int r = hc_store_read_consumers(consumers->hub->store, take_row, &load);

	return r ? r : load.error;
}

bool hc_consumers_is_name(struct hc_str name)
{
	static const char allowed[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";

	for (size_t i = 0; i < name.len; i++)
		if (!name.s[i] || !strchr(allowed, name.s[i]))
			return false;
	return name.len && name.len <= HC_CONSUMER_NAME_MAX && name.s[0] != '.';
}

size_t hc_consumers_count(const struct hc_consumers *consumers)
{
	return HASH_COUNT(consumers->entries);
}

static struct entry *find(const struct hc_consumers *consumers, struct hc_str name)
{
	struct entry *found = NULL;

	HASH_FIND(hh, consumers->entries, name.s, name.len, found);
	return found;
}

const struct hc_consumer_row *hc_consumers_find(const struct hc_consumers *consumers,
						struct hc_str name)
{
	struct entry *entry = find(consumers, name);

	return entry ? &entry->row : NULL;
}

static int by_name(const struct entry *a, const struct entry *b)
{
	return strcmp(a->row.name, b->row.name);
}

static void drop(struct hc_consumers *consumers, struct entry *entry)
{
	if (!entry)
		return;
	HASH_DEL(consumers->entries, entry);
	free(entry);
}

bool hc_consumers_set(struct hc_consumers *consumers, const struct hc_consumer_row *row)
{
	struct entry *entry = find(consumers, hc_str(row->name));

	if (row->is_gone) {
		drop(consumers, entry);
		return true;
	}
	if (!entry) {
		entry = calloc(1, sizeof(*entry));
		if (!entry)
			return false;
		entry->row = *row;
		HASH_ADD_STR(consumers->entries, row.name, entry);
		if (!entry->hh.tbl) {
			free(entry);
			return false;
		}
		HASH_SORT(consumers->entries, by_name);
	}
	entry->row = *row;
	return true;
}

void hc_consumers_each(const struct hc_consumers *consumers, hc_consumers_fn *fn, void *context)
{
	for (const struct entry *entry = consumers->entries; entry; entry = entry->hh.next)
		fn(context, &entry->row);
}

void hc_consumers_note_stored(struct hc_consumers *consumers, const struct hc_consumer_row *row)
{
	struct entry *entry = find(consumers, hc_str(row->name));

	if (entry)
		entry->stored = row->position;
}

bool hc_consumers_is_stored(const struct hc_consumers *consumers, const struct hc_consumer_row *row)
{
	const struct entry *entry = find(consumers, hc_str(row->name));

	return entry && entry->stored.sequence == row->position.sequence &&
	       !strcmp(entry->stored.epoch, row->position.epoch);
}

/* ---- to the store ------------------------------------------------------------------------- */

bool hc_consumers_commit(struct hc_consumers *consumers, const struct hc_consumer_row *row,
			 hc_batch_done_fn *done, void *owner, uint32_t request_id)
{
	struct hc_batch *batch = hc_batch_of_consumer(row);

	if (!batch || !hc_consumers_set(consumers, row)) {
		(void)hc_batch_free(batch);
		return false;
	}
	batch->done = done;
	batch->owner = owner;
	batch->request_id = request_id;
	hc_writer_submit(consumers->hub->writer, batch);
	return true;
}

static void on_restored(struct hc_batch *batch)
{
	if (batch->result == HC_BATCH_OK_)
		hc_consumers_note_stored(batch->owner, batch->consumer);
	else
		hc_err("the consumer %s is not in the new log: %s: it will be once it acknowledges "
		       "something",
		       batch->consumer->name, batch->error);
	(void)hc_batch_free(batch);
}

static void restore(void *context, const struct hc_consumer_row *row)
{
	struct hc_consumers *consumers = context;
	struct hc_batch *batch = hc_batch_of_consumer(row);

	if (!batch) {
		hc_err("out of memory: the consumer %s is not in the new log", row->name);
		return;
	}
	batch->done = on_restored;
	batch->owner = consumers;
	hc_writer_submit(consumers->hub->writer, batch);
}

void hc_consumers_restore(struct hc_consumers *consumers)
{
	for (struct entry *entry = consumers->entries; entry; entry = entry->hh.next)
		entry->stored = (struct hc_position){ .sequence = 0 };
	hc_consumers_each(consumers, restore, consumers);
}
