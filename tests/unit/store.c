/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>

#include "proto/fault.h"
#include "tests/unit/store.h"

struct store_place store_place(enum hc_durability durability)
{
	struct store_place place = { test_dir(), test_conf() };

	free(place.conf->log.path);
	cr_assert_gt(asprintf(&place.conf->log.path, "%s/events.db", place.dir), 0);
	place.conf->log.durability = durability;
	return place;
}

void store_place_remove(struct store_place *place)
{
	place->conf = hc_conf_free(place->conf);
	test_dir_remove(place->dir);
}

struct hc_store *store_open_at(const struct store_place *place)
{
	struct hc_fault fault = HC_FAULT_NULL;
	struct hc_store *store = NULL;

	cr_assert_eq(hc_store_open(&store, place->conf, &fault), 0, "%s", fault.message);
	return store;
}

void store_execute(const struct store_place *place, const char *sql)
{
	sqlite3 *db = NULL;

	cr_assert_eq(sqlite3_open(place->conf->log.path, &db), SQLITE_OK);
	cr_assert_eq(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK, "%s", sqlite3_errmsg(db));
	cr_assert_eq(sqlite3_close(db), SQLITE_OK);
}

void store_settle(struct hc_store *store)
{
	int n = 0;

	while (!hc_store_tend(store, false))
		cr_assert_lt(n++, 100000, "it does not come to rest");
}

struct hc_batch *store_append(struct hc_store *store, struct hc_batch *batch)
{
	hc_store_append(store, &batch, 1);
	return batch;
}

uint64_t store_log(struct hc_store *store, const char *type, const char *payload)
{
	struct hc_batch *batch =
		store_append(store, test_batch(test_record(test_type(type), NULL, payload), NULL));
	uint64_t sequence = batch->records[0]->sequence;

	cr_assert_eq(batch->result, HC_BATCH_OK_, "%s", batch->error);
	(void)hc_batch_free(batch);
	return sequence;
}

/* ---- what it holds ------------------------------------------------------------------------ */

struct reading {
	uint64_t first, last;
	size_t n, n_max;
	struct hc_buffer text;
};

static bool take_row(void *context, const struct hc_row *row)
{
	struct reading *reading = context;

	if (!reading->n++)
		reading->first = row->sequence;
	else
		cr_assert_gt(row->sequence, reading->last);
	reading->last = row->sequence;
	hc_buffer_printf(&reading->text, "%llu %.*s %.*s;", (unsigned long long)row->sequence,
			 (int)row->type.len, row->type.s, (int)row->to.len, row->to.s);
	return reading->n != reading->n_max;
}

static void expect_text(const struct reading *reading, const char *wanted)
{
	cr_expect(hc_str_is((struct hc_str){ reading->text.data, reading->text.len }, wanted),
		  "wanted \"%s\", got \"%.*s\"", wanted, (int)reading->text.len,
		  reading->text.data);
}

void store_expect_rows(struct hc_store *store, uint64_t after, size_t n_max, const char *wanted)
{
	struct reading reading = { .n_max = n_max };

	cr_expect_eq(hc_store_read(store, after, take_row, &reading), 0);
	expect_text(&reading, wanted);
	hc_buffer_deinit(&reading.text);
}

void store_expect_dense(struct hc_store *store, uint64_t first, uint64_t last)
{
	struct reading reading = { .n_max = SIZE_MAX };

	cr_assert_eq(hc_store_read(store, 0, take_row, &reading), 0);
	cr_assert_eq(reading.n, last + 1 - first, "%s: %zu rows", store->ops->name, reading.n);
	if (reading.n) {
		cr_assert_eq(reading.first, first);
		cr_assert_eq(reading.last, last);
	}
	cr_expect_eq(store->oldest, first, "%llu", (unsigned long long)store->oldest);
	cr_expect_eq(store->newest, last, "%llu", (unsigned long long)store->newest);
	hc_buffer_deinit(&reading.text);
}

void store_expect_retained(struct hc_store *store, const char *wanted)
{
	struct reading reading = { .n_max = SIZE_MAX };

	cr_expect_eq(hc_store_read_retained(store, take_row, &reading), 0);
	expect_text(&reading, wanted);
	hc_buffer_deinit(&reading.text);
}

bool store_has_set_aside(const struct store_place *place)
{
	char command[200];

	(void)snprintf(command, sizeof(command), "ls %s/events.db.damaged-* >/dev/null 2>&1",
		       place->dir);
	return system(command) == 0;
}

void store_log_many(struct hc_store *store, size_t n, size_t pad_len)
{
	for (size_t i = 0; i < n; i++) {
		struct hc_batch *batch = store_append(
			store,
			test_batch(test_record_sized(test_type("job.progress"), NULL, pad_len),
				   NULL));

		cr_assert_eq(batch->result, HC_BATCH_OK_, "%s", batch->error);
		(void)hc_batch_free(batch);
	}
}

struct hc_batch *store_keyed(const char *key, char digest, size_t n)
{
	struct hc_batch *batch = hc_batch_new(n);

	cr_assert(batch);
	strcpy(batch->key, key);
	memset(batch->digest, digest, sizeof(batch->digest));
	for (size_t i = 0; i < n; i++)
		batch->records[i] = test_record(
			test_type(i == 1 ? "gpu.stats_updated" : "job.progress"), NULL, "{}");
	return batch;
}

void store_expect_answer(struct hc_batch *batch, enum hc_batch_result result, uint64_t first)
{
	cr_expect_eq(batch->result, result, "%s: %d, not %d: %s", batch->key, batch->result, result,
		     batch->error);
	for (size_t i = 0; i < batch->n; i++)
		cr_expect_eq(batch->records[i]->sequence, !first || i == 1 ? 0 : first++);
	(void)hc_batch_free(batch);
}
