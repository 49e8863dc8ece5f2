/* SPDX-License-Identifier: MIT */
/*
 * Retention: what is beyond it goes, oldest first, whatever the clock says; what is retained stays,
 * and sequences go on.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <sys/stat.h>

#include "tests/unit/store.h"

#define HOUR_MS UINT64_C(3600000)

static void log_many(struct hc_store *store, size_t n, size_t pad_len)
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

Test(trim, keeps_as_many_events_as_it_may)
{
	static const enum hc_durability backends[] = { HC_DURABILITY_PROCESS, HC_DURABILITY_NONE };

	for (size_t i = 0; i < HC_ARRAY_LEN(backends); i++) {
		struct store_place place = store_place(backends[i]);
		struct hc_store *store;

		place.conf->log.keep_events = 10;
		store = store_open_at(&place);
		log_many(store, 10, 10);
		store_settle(store);
		store_expect_dense(store, 1, 10);
		for (uint64_t newest = 25; newest < 1000; newest += 25) {
			log_many(store, newest - store->newest, 10);
			store_settle(store);
			store_expect_dense(store, newest - 9, newest);
		}
		(void)hc_store_free(store);
		store_place_remove(&place);
	}
}

Test(trim, while_batches_wait_only_an_excess_is_trimmed)
{
	struct store_place place = store_place(HC_DURABILITY_PROCESS);
	struct hc_store *store;

	place.conf->log.keep_events = 10;
	store = store_open_at(&place);
	log_many(store, 1000, 10);
	(void)hc_store_tend(store, true);
	store_expect_dense(store, 1, 1000);
	log_many(store, 3000, 10);
	for (int i = 0; i < 100; i++)
		(void)hc_store_tend(store, true);
	cr_expect_gt(store->oldest, 1000);
	(void)hc_store_free(store);
	store_place_remove(&place);
}

Test(trim, retained_events_and_the_bounds_survive_it)
{
	struct store_place place = store_place(HC_DURABILITY_PROCESS);
	struct hc_store *store;

	place.conf->log.keep_events = 5;
	store = store_open_at(&place);
	(void)store_log(store, "device.mounted", "{\"mount_path\":\"/a\"}");
	(void)store_log(store, "detector.status", "{}");
	log_many(store, 100, 10);
	store_settle(store);
	store_expect_dense(store, 98, 102);
	store_expect_retained(store, "1 device.mounted ;2 detector.status ;");
	(void)hc_store_free(store);
	store = store_open_at(&place);
	store_expect_dense(store, 98, 102);
	store_expect_retained(store, "1 device.mounted ;2 detector.status ;");
	(void)hc_store_free(store);
	store_place_remove(&place);
}

Test(trim, what_is_old_goes_also_all_of_it_and_sequences_go_on)
{
	struct store_place place = store_place(HC_DURABILITY_PROCESS);
	struct hc_store *store;

	place.conf->log.keep_age_ms = HOUR_MS;
	store = store_open_at(&place);
	log_many(store, 20, 10);
	(void)hc_store_free(store);
	store_execute(&place, "INSERT INTO marks VALUES (15, -3700000); "
			      "INSERT INTO marks VALUES (18, -3500000)");
	store = store_open_at(&place);
	store_settle(store);
	store_expect_dense(store, 16, 20);
	(void)hc_store_free(store);
	store_execute(&place, "INSERT INTO marks VALUES (20, -3700000)");
	store = store_open_at(&place);
	store_settle(store);
	store_expect_dense(store, 21, 20);
	(void)hc_store_free(store);
	store = store_open_at(&place);
	store_expect_dense(store, 21, 20);
	cr_expect_eq(store_log(store, "job.progress", "{}"), 21);
	store_expect_dense(store, 21, 21);
	(void)hc_store_free(store);
	store_place_remove(&place);
}

/* The hub was away, and the wall clock says for how long. */
static void be_away(const struct store_place *place, int64_t ms)
{
	char sql[200];

	(void)snprintf(sql, sizeof(sql), "UPDATE about SET wall_unix_ms = wall_unix_ms - %lld",
		       (long long)ms);
	store_execute(place, sql);
}

Test(trim, a_clock_that_jumps_takes_a_day_at_most)
{
	static const struct {
		int64_t away_ms;
		uint64_t keep_ms;
		bool stays;
	} jumps[] = {
		{ INT64_C(10) * 365 * 24 * 3600000, 25 * HOUR_MS, true },
		{ INT64_C(10) * 365 * 24 * 3600000, 23 * HOUR_MS, false },
		{ -INT64_C(10) * 365 * 24 * 3600000, HOUR_MS, true },
		{ 2 * 3600000, 3 * HOUR_MS, true },
		{ 2 * 3600000, HOUR_MS, false },
	};

	for (size_t i = 0; i < HC_ARRAY_LEN(jumps); i++) {
		struct store_place place = store_place(HC_DURABILITY_PROCESS);
		struct hc_store *store;

		place.conf->log.keep_age_ms = jumps[i].keep_ms;
		store = store_open_at(&place);
		log_many(store, 20, 10);
		(void)hc_store_free(store);
		store_execute(&place, "INSERT INTO marks VALUES (20, 0)");
		be_away(&place, jumps[i].away_ms);
		store = store_open_at(&place);
		store_settle(store);
		store_expect_dense(store, jumps[i].stays ? 1 : 21, 20);
		(void)hc_store_free(store);
		store_place_remove(&place);
	}
}

/* Of each pause a day is believed, and not of all of them together. */
Test(trim, the_age_of_a_log_that_is_seldom_written_is_counted)
{
	struct store_place place = store_place(HC_DURABILITY_PROCESS);
	struct hc_store *store;

	place.conf->log.keep_age_ms = 60 * HOUR_MS;
	store = store_open_at(&place);
	log_many(store, 20, 10);
	(void)hc_store_free(store);
	store_execute(&place, "INSERT INTO marks VALUES (20, 0)");
	for (int days = 1; days <= 3; days++) {
		be_away(&place, 24 * HOUR_MS);
		store = store_open_at(&place);
		store_settle(store);
		store_expect_dense(store, days < 3 ? 1 : 21, 20);
		(void)hc_store_free(store);
	}
	store_place_remove(&place);
}

static uint64_t file_bytes(const struct store_place *place, const char *suffix)
{
	struct stat about;
	char path[200];

	(void)snprintf(path, sizeof(path), "%s%s", place->conf->log.path, suffix);
	return stat(path, &about) ? 0 : (uint64_t)about.st_size;
}

Test(trim, the_file_grows_to_its_size_and_stays_there)
{
	struct store_place place = store_place(HC_DURABILITY_PROCESS);
	uint64_t random = 7, largest = 0, largest_wal = 0;
	struct hc_store *store;

	place.conf->log.keep_bytes = 2 << 20;
	store = store_open_at(&place);
	for (int i = 0; i < 300; i++) { /* 12 times as much as there is room for */
		log_many(store, 50, test_random(&random) % 3000);
		store_settle(store);
		if (file_bytes(&place, "") > largest)
			largest = file_bytes(&place, "");
		if (file_bytes(&place, "-wal") > largest_wal)
			largest_wal = file_bytes(&place, "-wal");
	}
	cr_expect_lt(largest, 3 << 20, "%llu", (unsigned long long)largest);
	cr_expect_gt(largest, 2 << 20);
	cr_expect_lt(largest_wal, 17 << 20, "%llu", (unsigned long long)largest_wal);
	cr_expect_gt(store->newest - store->oldest, 300); /* and it is used */
	store_expect_dense(store, store->oldest, 15000);
	(void)hc_store_free(store);
	store_place_remove(&place);
}

Test(trim, the_file_shrinks_when_less_is_to_be_kept)
{
	struct store_place place = store_place(HC_DURABILITY_PROCESS);
	struct hc_store *store = store_open_at(&place);

	log_many(store, 2000, 20000);
	(void)hc_store_free(store);
	cr_expect_gt(file_bytes(&place, ""), 38 << 20);
	place.conf->log.keep_bytes = 4 << 20;
	store = store_open_at(&place);
	for (int i = 0; i < 3; i++) {
		store_settle(store);
		log_many(store, 1, 10);
	}
	cr_expect_gt(store->newest - store->oldest, 100);
	store_expect_dense(store, store->oldest, 2003);
	(void)hc_store_free(store);
	cr_expect_lt(file_bytes(&place, ""), 13 << 20, "%llu",
		     (unsigned long long)file_bytes(&place, ""));
	store_place_remove(&place);
}

/* ---- migration ---------------------------------------------------------------------------- */

Test(trim, a_log_of_version_1_goes_on)
{
	struct store_place place = store_place(HC_DURABILITY_DISK);
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer sql = HC_BUFFER_NULL;
	FILE *file = fopen("tests/data/log-v1.sql", "re");
	struct hc_store *store;
	struct hc_batch *batch;
	char *at;

	cr_assert(file);
	at = hc_buffer_reserve(&sql, 65536);
	cr_assert(at);
	at[fread(at, 1, 65535, file)] = '\0';
	(void)fclose(file);
	store_execute(&place, at);
	place.conf->log.keep_age_ms = HOUR_MS; /* its events are as old as the migration */
	store = store_open_at(&place);
	cr_expect_str_eq(store->epoch, "68fdf53cf5d218e0");
	store_settle(store);
	store_expect_dense(store, 1, 5);
	store_expect_rows(store, 3, SIZE_MAX, "4 job.progress ;5 job.failed alice;");
	store_expect_retained(store, "2 device.mounted ;");
	batch = test_batch(test_record(test_type("job.progress"), NULL, "{}"), "job");
	memset(batch->digest, 'x', sizeof(batch->digest));
	batch = store_append(store, batch);
	cr_expect_eq(batch->result, HC_BATCH_REPEATED);
	cr_expect_eq(batch->records[0]->sequence, 4);
	(void)hc_batch_free(batch);
	cr_expect_eq(store_log(store, "job.progress", "{}"), 6);
	(void)hc_store_free(store);
	store = store_open_at(&place);
	store_expect_dense(store, 1, 6);
	(void)hc_store_free(store);
	store_place_remove(&place);
}
