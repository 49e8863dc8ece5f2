/* SPDX-License-Identifier: MIT */
/*
 * Idempotency keys: what comes with one that is known is answered and not stored, for as long as is
 * promised and no longer.
 */
#include <criterion/criterion.h>
#include <stdio.h>

#include "tests/unit/store.h"
#include "ws/log/database.h"

static const enum hc_durability backends[] = { HC_DURABILITY_DISK, HC_DURABILITY_PROCESS,
					       HC_DURABILITY_NONE };

static void check_keys(struct hc_store *store)
{
	struct hc_batch *group[4];

	store_expect_answer(store_append(store, store_keyed("a", 'x', 4)), HC_BATCH_OK_, 1);
	store_expect_answer(store_append(store, store_keyed("b", 'x', 2)), HC_BATCH_OK_, 4);
	store_expect_answer(store_append(store, store_keyed("a", 'x', 4)), HC_BATCH_REPEATED, 1);
	store_expect_answer(store_append(store, store_keyed("a", 'y', 4)), HC_BATCH_E_CONFLICT, 0);
	store_expect_answer(store_append(store, store_keyed("A", 'y', 1)), HC_BATCH_OK_, 5);
	cr_expect_eq(store->newest, 5);
	group[0] = store_keyed("c", 'x', 1);
	group[1] = store_keyed("c", 'x', 1); /* sent again while the first is on its way */
	group[2] = store_keyed("c", 'y', 1);
	group[3] = store_keyed("", 'x', 1);
	hc_store_append(store, group, HC_ARRAY_LEN(group));
	store_expect_answer(group[0], HC_BATCH_OK_, 6);
	store_expect_answer(group[1], HC_BATCH_REPEATED, 6);
	store_expect_answer(group[2], HC_BATCH_E_CONFLICT, 0);
	store_expect_answer(group[3], HC_BATCH_OK_, 7);
	store_expect_dense(store, 1, 7);
}

Test(keys, one_that_is_known_is_answered_and_stores_nothing)
{
	for (size_t i = 0; i < HC_ARRAY_LEN(backends); i++) {
		struct store_place place = store_place(backends[i]);
		struct hc_store *store = store_open_at(&place);

		check_keys(store);
		(void)hc_store_free(store);
		store_place_remove(&place);
	}
}

Test(keys, are_known_when_the_log_is_opened_again)
{
	struct store_place place = store_place(HC_DURABILITY_PROCESS);
	struct hc_store *store = store_open_at(&place);

	check_keys(store);
	(void)hc_store_free(store);
	store = store_open_at(&place);
	store_expect_answer(store_append(store, store_keyed("a", 'x', 4)), HC_BATCH_REPEATED, 1);
	store_expect_answer(store_append(store, store_keyed("c", 'y', 1)), HC_BATCH_E_CONFLICT, 0);
	store_expect_dense(store, 1, 7);
	(void)hc_store_free(store);
	store_place_remove(&place);
}

/* Opens the database as it is after the hub has run for that long, and lets it forget keys. */
static void run_for(const struct store_place *place, uint64_t minutes)
{
	struct hc_log_start start = { .epoch = "0123456789abcdef" };
	struct hc_database_options options = { .sync = false };
	struct hc_database database;
	char path[200];
	bool more;

	(void)snprintf(path, sizeof(path), "%s/events.db", place->dir);
	cr_assert_eq(hc_database_open(&database, path, &options, &start), 0);
	database.age.began_boot_ms -= minutes * 60000;
	cr_assert_eq(hc_keys_forget(&database.keys, &database.age, &more), 0);
	hc_database_close(&database);
}

static void expect_key(const struct store_place *place, const char *key, bool is_known)
{
	struct hc_store *store = store_open_at(place);
	struct hc_batch *batch = store_append(store, store_keyed(key, 'y', 1));

	cr_expect_eq(batch->result, is_known ? HC_BATCH_E_CONFLICT : HC_BATCH_OK_, "%s", key);
	(void)hc_batch_free(batch);
	(void)hc_store_free(store);
}

/* A store with two keys that are, as its clock has it, so old. */
static struct store_place keys_of_age(unsigned int old_minutes, unsigned int young_minutes)
{
	struct store_place place = store_place(HC_DURABILITY_PROCESS);
	struct hc_store *store = store_open_at(&place);
	char sql[200];

	store_expect_answer(store_append(store, store_keyed("old", 'x', 1)), HC_BATCH_OK_, 1);
	store_expect_answer(store_append(store, store_keyed("young", 'x', 1)), HC_BATCH_OK_, 2);
	(void)hc_store_free(store);
	(void)snprintf(sql, sizeof(sql),
		       "UPDATE keys SET clock_ms = clock_ms - %u * 60000 WHERE key = 'old';"
		       "UPDATE keys SET clock_ms = clock_ms - %u * 60000 WHERE key = 'young'",
		       old_minutes, young_minutes);
	store_execute(&place, sql);
	return place;
}

Test(keys, are_forgotten_after_an_hour)
{
	struct store_place place = keys_of_age(46, 44);

	run_for(&place, 15);
	expect_key(&place, "young", true);
	expect_key(&place, "old", false);
	store_place_remove(&place);
}

Test(keys, are_kept_for_ten_minutes_whatever_the_clock_says_of_the_time_before)
{
	struct store_place place = keys_of_age(20000, 1);

	run_for(&place, 0);
	run_for(&place, 9);
	expect_key(&place, "old", true);
	run_for(&place, 11);
	expect_key(&place, "old", false);
	expect_key(&place, "young", true);
	store_place_remove(&place);
}

Test(keys, are_forgotten_after_ten_minutes_where_they_are_many)
{
	struct store_place place = keys_of_age(11, 9);

	store_execute(&place, "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n"
			      " WHERE i < 200000) INSERT INTO keys SELECT 'key' || i, x'00', 1, 0"
			      " FROM n");
	run_for(&place, 0);
	expect_key(&place, "young", true);
	expect_key(&place, "old", false);
	store_place_remove(&place);
}
