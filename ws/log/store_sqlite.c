/* SPDX-License-Identifier: MIT */
/*
 * The store in an SQLite database in WAL mode: one connection that writes and checkpoints
 * (database.h), two that read (readers.h). Nobody else opens the files: a lock beside them sees to
 * it, and tells how much was acknowledged (witness.h). All of that together is the ledger; when it
 * fails, recovery.h says what is to be done.
 *
 * All new batches of one append are one transaction: with synchronous=FULL, one fdatasync for all
 * of them. Freed pages are used again, so the file grows to about keep_bytes and stays there; when
 * very many are free, because less is to be kept than before, it is made shorter step by step.
 */
#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>

#include "proto/clock.h"
#include "ws/log/checkpoints.h"
#include "ws/log/files.h"
#include "ws/log/ledger.h"
#include "ws/log/recovery.h"
#include "ws/log/retention.h"
#include "ws/log/sql.h"
#include "ws/log/store.h"

#define TEND_MS	      1000		    /* at the latest */
#define KEYS_EVERY_NS UINT64_C(10000000000) /* between two removals of old keys */

struct sqlite_store {
	struct hc_store base;
	struct hc_ledger ledger;
	struct hc_recovery recovery;
	struct hc_retention retention;
	struct hc_checkpoints checkpoints;
	uint64_t keys_ns; /* when old keys were removed */
};

static struct sqlite_store *of(struct hc_store *store)
{
	return hc_container_of(store, struct sqlite_store, base);
}

/* ---- append ------------------------------------------------------------------------------- */

static void fail_one(struct sqlite_store *store, struct hc_batch *batch, bool is_full)
{
	struct hc_store_health health;

	hc_store_look(&store->base, &health);
	if (batch->kind == HC_BATCH_EVENTS) {
		for (size_t j = 0; j < batch->n; j++)
			batch->records[j]->sequence = 0;
		hc_batch_lose(batch);
	}
	batch->result = is_full ? HC_BATCH_E_FULL : HC_BATCH_E_UNAVAILABLE;
	(void)snprintf(batch->error, sizeof(batch->error), "%.*s", (int)sizeof(batch->error) - 1,
		       health.is_degraded ? health.reason : "out of memory");
}

static void fail_all(struct sqlite_store *store, struct hc_batch **batches, size_t n)
{
	for (size_t i = 0; i < n; i++)
		fail_one(store, batches[i], store->recovery.is_full);
}

static bool append_state(struct sqlite_store *store, struct hc_batch *batch)
{
	int r = hc_database_append(&store->ledger.database, &batch, 1);

	if (r) {
		hc_recovery_judge(&store->recovery, r);
		fail_one(store, batch, store->recovery.is_full);
		return false;
	}
	hc_store_want_state(&store->base, false);
	hc_recovery_be_well(&store->recovery);
	return true;
}

/* The state makes it right again; everything else must wait for it. */
static void append_anew(struct sqlite_store *store, struct hc_batch **batches, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (batches[i]->kind != HC_BATCH_STATE ||
		    store->recovery.condition != HC_CONDITION_ANEW) {
			fail_one(store, batches[i], false);
		} else if (append_state(store, batches[i])) {
			if (i + 1 < n)
				hc_store_append(&store->base, batches + i + 1, n - i - 1);
			return;
		}
	}
}

static void append_all(struct sqlite_store *store, struct hc_batch **batches, size_t n)
{
	struct hc_database *database = &store->ledger.database;
	int r = hc_database_append(database, batches, n);

	if (r) {
		hc_recovery_judge(&store->recovery, r);
		fail_all(store, batches, n);
		return;
	}
	store->checkpoints.written_ns = hc_monotonic_ns();
	store->base.newest = database->newest;
	hc_witness_tell(&store->ledger.witness, database->epoch, database->newest);
	if (store->recovery.is_full || store->recovery.is_locked)
		hc_recovery_be_well(&store->recovery);
}

static void sqlite_append(struct hc_store *base, struct hc_batch **batches, size_t n)
{
	struct sqlite_store *store = of(base);

	hc_recovery_mend(&store->recovery);
	hc_recovery_heed_moves(&store->recovery);
	if (store->recovery.condition == HC_CONDITION_UP)
		append_all(store, batches, n);
	else if (store->recovery.condition == HC_CONDITION_ANEW)
		append_anew(store, batches, n);
	else
		fail_all(store, batches, n);
}

/* ---- tend --------------------------------------------------------------------------------- */

static int trim(struct sqlite_store *store, bool busy, bool *ret_more)
{
	struct hc_database *database = &store->ledger.database;
	int r = hc_retention_trim(&store->retention, database, busy, ret_more);

	store->base.oldest = database->base + 1;
	return r;
}

static int forget_keys(struct sqlite_store *store, bool *ret_more)
{
	struct hc_database *database = &store->ledger.database;
	uint64_t now_ns = hc_monotonic_ns();
	bool more = false;
	int r;

	if (now_ns - store->keys_ns <= KEYS_EVERY_NS)
		return SQLITE_OK;
	r = hc_keys_forget(&database->keys, &database->age, &more);
	if (!more)
		store->keys_ns = now_ns;
	*ret_more |= more;
	return r;
}

static int tidy_up(struct sqlite_store *store, bool busy, bool *ret_more)
{
	struct hc_database *database = &store->ledger.database;
	int r = trim(store, busy, ret_more);

	if (!r && !busy)
		r = hc_age_keep_up(&database->age, database->newest);
	if (!r && !busy && !*ret_more)
		r = hc_database_shrink(database, ret_more);
	if (!r)
		r = forget_keys(store, ret_more);
	return r ? r
		 : hc_checkpoints_keep_up(&store->checkpoints, &store->ledger, busy || *ret_more);
}

static uint64_t sqlite_tend(struct hc_store *base, bool busy)
{
	struct sqlite_store *store = of(base);
	struct hc_recovery *recovery = &store->recovery;
	bool more = false;
	int r;

	hc_recovery_heed_readers(recovery);
	hc_recovery_mend(recovery);
	if (recovery->condition == HC_CONDITION_UP && (recovery->is_full || recovery->is_locked))
		hc_recovery_look_again(recovery);
	if (!busy)
		hc_recovery_heed_moves(recovery);
	if (recovery->condition != HC_CONDITION_UP)
		return HC_RECOVERY_EVERY_MS;
	r = tidy_up(store, busy, &more);
	if (r && !hc_sql_is_full(store->ledger.database.db, r)) {
		hc_recovery_judge(recovery, r);
		return HC_RECOVERY_EVERY_MS;
	}
	return more && !r ? 0 : TEND_MS; /* a full disk is for the next commit to tell */
}

/* ---- read --------------------------------------------------------------------------------- */

static int note_read(struct sqlite_store *store, int code)
{
	if (!code)
		return 0;
	hc_recovery_judge_reading(&store->recovery, code);
	return hc_sql_is_memory(code) ? -ENOMEM : -EIO;
}

static int sqlite_read(struct hc_store *base, uint64_t after, hc_row_fn *fn, void *context)
{
	struct sqlite_store *store = of(base);

	return note_read(store, hc_readers_read(store->ledger.readers, after, fn, context));
}

static int sqlite_read_retained(struct hc_store *base, hc_row_fn *fn, void *context)
{
	struct sqlite_store *store = of(base);

	return note_read(store, hc_readers_read_retained(store->ledger.readers, fn, context));
}

static int sqlite_read_consumers(struct hc_store *base, hc_consumer_row_fn *fn, void *context)
{
	struct sqlite_store *store = of(base);

	return note_read(store, hc_readers_read_consumers(store->ledger.readers, fn, context));
}

static uint64_t sqlite_bytes(struct hc_store *base)
{
	return hc_files_bytes(of(base)->ledger.path);
}

/* ---- open --------------------------------------------------------------------------------- */

static struct hc_store *sqlite_free(struct hc_store *base)
{
	struct sqlite_store *store = of(base);
	struct hc_database *database = &store->ledger.database;

	/* Or else some time is not counted. */
	if (store->recovery.condition == HC_CONDITION_UP && store->ledger.witness.has_begun)
		(void)hc_age_note(&database->age);
	hc_ledger_close(&store->ledger);
	hc_store_deinit(base);
	free(store);
	return NULL;
}

static const struct hc_store_ops sqlite_ops = {
	.name = "sqlite",
	.free = sqlite_free,
	.append = sqlite_append,
	.tend = sqlite_tend,
	.read = sqlite_read,
	.read_retained = sqlite_read_retained,
	.read_consumers = sqlite_read_consumers,
	.bytes = sqlite_bytes,
};

static struct sqlite_store *store_new(const struct hc_conf *conf)
{
	struct sqlite_store *store = calloc(1, sizeof(*store));

	if (!store)
		return NULL;
	store->ledger = HC_LEDGER_NULL;
	store->ledger.options = (struct hc_database_options){
		.sync = conf->log.durability == HC_DURABILITY_DISK,
		.keep_age_ms = conf->log.keep_age_ms,
	};
	store->recovery = (struct hc_recovery){ .store = &store->base, .ledger = &store->ledger };
	store->retention = (struct hc_retention){
		.age_ms = conf->log.keep_age_ms,
		.n_events = conf->log.keep_events,
		.bytes = conf->log.keep_bytes,
	};
	return store;
}

int hc_store_sqlite_open(struct hc_store **ret, const struct hc_conf *conf, struct hc_fault *fault)
{
	struct sqlite_store *store = store_new(conf);
	struct hc_store *base;
	int r;

	if (!store)
		return -ENOMEM;
	base = &store->base;
	r = hc_store_init(base, &sqlite_ops);
	if (!r)
		r = hc_ledger_open(&store->ledger, conf->log.path, fault);
	if (!r)
		r = hc_store_begin_epoch(base, store->ledger.database.epoch);
	if (r) {
		(void)sqlite_free(base);
		return r;
	}
	base->newest = store->ledger.database.newest;
	base->oldest = store->ledger.database.base + 1;
	*ret = base;
	return 0;
}
