/* SPDX-License-Identifier: MIT */
/*
 * A store that forgets everything with the process: durability = none, and tests.
 *
 * Rows lie in a queue bounded by the bytes of the ring; the oldest give way. Idempotency keys,
 * which are often needed for longer than their events, have as much room again. Retained events
 * live in the hub's own memory anyway: there are none to read.
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#include "proto/clock.h"
#include "ws/log/store.h"

#define TEND_MS	    1000
#define KEY_KEPT_NS (UINT64_C(3600) * 1000000000) /* as in a database */

struct memory_row {
	uint64_t stored_ns; /* CLOCK_BOOTTIME */
	struct hc_row row;  /* text within bytes */
	char bytes[];
};

struct memory_key {
	unsigned char digest[HC_BATCH_DIGEST_LEN];
	uint64_t first_sequence;
	uint64_t stored_ns; /* CLOCK_BOOTTIME */
	UT_hash_handle hh;
	size_t len; /* without the NUL */
	char key[];
};

struct memory_store {
	struct hc_store base;
	pthread_mutex_t lock;
	struct memory_row **rows; /* the oldest is at first, those that follow may go round */
	size_t first, n, size;	  /* size is a power of two, or 0 */
	struct memory_key *keys;  /* a hash that iterates oldest first */
	uint64_t keys_bytes;
	uint64_t keys_bytes_max;
	_Atomic uint64_t bytes;
	uint64_t bytes_max;
	uint64_t rows_max;
	uint64_t age_ms_max; /* 0: no limit */
};

static struct memory_store *of(struct hc_store *store)
{
	return hc_container_of(store, struct memory_store, base);
}

static char *put(char *to, struct hc_str *ret, struct hc_str text)
{
	if (text.len)
		memcpy(to, text.s, text.len);
	*ret = (struct hc_str){ to, text.len };
	return to + text.len;
}

static struct memory_row *row_new(const struct hc_record *record)
{
	struct hc_str type = hc_str(record->type->name);
	struct memory_row *row;
	char *to;

	row = malloc(sizeof(*row) + type.len + record->to.len + record->body.len);
	if (!row)
		return NULL;
	row->row.sequence = 0;
	to = put(row->bytes, &row->row.type, type);
	to = put(to, &row->row.to, record->to);
	(void)put(to, &row->row.body, record->body);
	return row;
}

static uint64_t row_bytes(const struct memory_row *row)
{
	return sizeof(*row) + sizeof(row) + row->row.type.len + row->row.to.len + row->row.body.len;
}

static struct memory_row *row_at(const struct memory_store *store, size_t i)
{
	return store->rows[(store->first + i) & (store->size - 1)];
}

/* Makes room for @n more. */
static bool reserve(struct memory_store *store, size_t n)
{
	size_t size = store->size ? store->size : HC_EVENT_BATCH_MAX;
	struct memory_row **rows;

	while (size < store->n + n)
		size *= 2;
	if (size == store->size)
		return true;
	rows = calloc(size, sizeof(struct memory_row *));
	if (!rows)
		return false;
	for (size_t i = 0; i < store->n; i++)
		rows[i] = row_at(store, i);
	free(store->rows);
	store->rows = rows;
	store->first = 0;
	store->size = size;
	return true;
}

static void drop_oldest(struct memory_store *store)
{
	struct memory_row *row = row_at(store, 0);

	store->first = (store->first + 1) & (store->size - 1);
	store->n--;
	store->bytes -= row_bytes(row);
	store->base.oldest = row->row.sequence + 1;
	free(row);
}

/* ---- idempotency keys --------------------------------------------------------------------- */

static size_t bytes_of(const struct memory_key *key)
{
	return sizeof(*key) + key->len + 1;
}

static void drop_oldest_key(struct memory_store *store)
{
	struct memory_key *key = store->keys;

	store->keys_bytes -= bytes_of(key);
	HASH_DEL(store->keys, key);
	free(key);
}

static const struct memory_key *find_key(const struct memory_store *store, const char *key)
{
	struct memory_key *known;

	HASH_FIND(hh, store->keys, key, strlen(key), known);
	return known;
}

static void remember_key(struct memory_store *store, const struct hc_batch *batch)
{
	size_t len = strlen(batch->key);
	struct memory_key *key = calloc(1, sizeof(*key) + len + 1);

	if (!key)
		return; /* the worst that follows: a repetition would be stored again */
	memcpy(key->key, batch->key, len);
	key->len = len;
	memcpy(key->digest, batch->digest, sizeof(key->digest));
	key->first_sequence = store->base.newest + 1;
	key->stored_ns = hc_boottime_ns();
	HASH_ADD_KEYPTR(hh, store->keys, key->key, key->len, key);
	if (!key->hh.tbl) {
		free(key);
		return;
	}
	store->keys_bytes += bytes_of(key);
	while (store->keys_bytes > store->keys_bytes_max && store->keys != key)
		drop_oldest_key(store);
}

/* ---- append ------------------------------------------------------------------------------- */

static void append_row(struct memory_store *store, struct hc_record *record, struct memory_row *row)
{
	record->sequence = store->base.newest + 1;
	row->row.sequence = record->sequence;
	store->base.newest = record->sequence;
	store->rows[(store->first + store->n++) & (store->size - 1)] = row;
	store->bytes += row_bytes(row);
	row->stored_ns = hc_boottime_ns();
	while ((store->bytes > store->bytes_max || store->n > store->rows_max) && store->n > 1)
		drop_oldest(store);
}

static void lack_memory(struct hc_batch *batch)
{
	hc_batch_lose(batch);
	batch->result = HC_BATCH_E_FULL;
	strcpy(batch->error, "out of memory");
}

static void append_batch(struct memory_store *store, struct hc_batch *batch)
{
	const struct memory_key *known = batch->key[0] ? find_key(store, batch->key) : NULL;
	struct memory_row *rows[HC_EVENT_BATCH_MAX];

	if (batch->kind != HC_BATCH_EVENTS) { /* nothing that the hub does not have itself */
		batch->result = HC_BATCH_OK_;
		return;
	}
	if (known) {
		hc_batch_repeat(
			batch,
			(struct hc_str){ (const char *)known->digest, sizeof(known->digest) },
			known->first_sequence);
		return;
	}
	hc_batch_take(batch);
	if (!reserve(store, batch->n)) {
		lack_memory(batch);
		return;
	}
	for (size_t i = 0; i < batch->n; i++) {
		rows[i] = row_new(batch->records[i]);
		if (rows[i])
			continue;
		while (i--)
			free(rows[i]);
		lack_memory(batch);
		return;
	}
	if (batch->key[0])
		remember_key(store, batch);
	for (size_t i = 0; i < batch->n; i++) {
		if (hc_record_is_logged(batch->records[i]))
			append_row(store, batch->records[i], rows[i]);
		else
			free(rows[i]);
	}
	batch->result = HC_BATCH_OK_;
}

static void memory_append(struct hc_store *base, struct hc_batch **batches, size_t n)
{
	struct memory_store *store = of(base);

	pthread_mutex_lock(&store->lock);
	for (size_t i = 0; i < n; i++)
		append_batch(store, batches[i]);
	pthread_mutex_unlock(&store->lock);
}

static uint64_t memory_tend(struct hc_store *base, bool busy)
{
	struct memory_store *store = of(base);
	uint64_t now_ns = hc_boottime_ns(), max_ns = store->age_ms_max * 1000000;

	(void)busy;
	pthread_mutex_lock(&store->lock);
	while (max_ns && store->n && now_ns - row_at(store, 0)->stored_ns > max_ns)
		drop_oldest(store);
	while (store->keys && now_ns - store->keys->stored_ns > KEY_KEPT_NS)
		drop_oldest_key(store);
	pthread_mutex_unlock(&store->lock);
	return TEND_MS;
}

static int memory_read(struct hc_store *base, uint64_t after, hc_row_fn *fn, void *context)
{
	struct memory_store *store = of(base);
	uint64_t i = 0; /* sequences are dense */

	pthread_mutex_lock(&store->lock);
	if (store->n && after >= row_at(store, 0)->row.sequence)
		i = after - row_at(store, 0)->row.sequence + 1;
	while (i < store->n && fn(context, &row_at(store, i)->row))
		i++;
	pthread_mutex_unlock(&store->lock);
	return 0;
}

static int memory_read_retained(struct hc_store *base, hc_row_fn *fn, void *context)
{
	(void)base;
	(void)fn;
	(void)context;
	return 0;
}

static uint64_t memory_bytes(struct hc_store *base)
{
	return of(base)->bytes;
}

static int memory_read_consumers(struct hc_store *base, hc_consumer_row_fn *fn, void *context)
{
	(void)base;
	(void)fn;
	(void)context;
	return 0;
}

static struct hc_store *memory_free(struct hc_store *base)
{
	struct memory_store *store = of(base);

	while (store->n)
		drop_oldest(store);
	free(store->rows);
	while (store->keys)
		drop_oldest_key(store);
	pthread_mutex_destroy(&store->lock);
	hc_store_deinit(base);
	free(store);
	return NULL;
}

static const struct hc_store_ops memory_ops = {
	.name = "memory",
	.free = memory_free,
	.append = memory_append,
	.read = memory_read,
	.tend = memory_tend,
	.read_retained = memory_read_retained,
	.read_consumers = memory_read_consumers,
	.bytes = memory_bytes,
};

int hc_store_memory_open(struct hc_store **ret, const struct hc_conf *conf)
{
	struct memory_store *store = calloc(1, sizeof(*store));
	char epoch[HC_EPOCH_LEN + 1];
	int r;

	if (!store)
		return -ENOMEM;
	store->bytes_max = conf->hub.ring_bytes;
	store->keys_bytes_max = conf->hub.ring_bytes;
	if (conf->log.keep_bytes && conf->log.keep_bytes < store->bytes_max)
		store->bytes_max = conf->log.keep_bytes;
	store->rows_max = conf->log.keep_events ? conf->log.keep_events : SIZE_MAX;
	store->age_ms_max = conf->log.keep_age_ms;
	hc_epoch_random(epoch);
	r = hc_store_init(&store->base, &memory_ops);
	if (!r)
		r = hc_store_begin_epoch(&store->base, epoch);
	if (r) {
		free(store);
		return r;
	}
	pthread_mutex_init(&store->lock, NULL);
	*ret = &store->base;
	return 0;
}
