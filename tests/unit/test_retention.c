/* SPDX-License-Identifier: MIT */
/*
 * Retention: what is beyond it goes, oldest first; what is retained stays, and the file grows to
 * its size and no further.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <sys/stat.h>

#include "tests/unit/store.h"

Test(retention, keeps_as_many_events_as_it_may)
{
	static const enum hc_durability backends[] = { HC_DURABILITY_PROCESS, HC_DURABILITY_NONE };

	for (size_t i = 0; i < HC_ARRAY_LEN(backends); i++) {
		struct store_place place = store_place(backends[i]);
		struct hc_store *store;

		place.conf->log.keep_events = 10;
		store = store_open_at(&place);
		store_log_many(store, 10, 10);
		store_settle(store);
		store_expect_dense(store, 1, 10);
		for (uint64_t newest = 25; newest < 1000; newest += 25) {
			store_log_many(store, newest - store->newest, 10);
			store_settle(store);
			store_expect_dense(store, newest - 9, newest);
		}
		(void)hc_store_free(store);
		store_place_remove(&place);
	}
}

Test(retention, while_batches_wait_only_an_excess_is_trimmed)
{
	struct store_place place = store_place(HC_DURABILITY_PROCESS);
	struct hc_store *store;

	place.conf->log.keep_events = 10;
	store = store_open_at(&place);
	store_log_many(store, 1000, 10);
	(void)hc_store_tend(store, true);
	store_expect_dense(store, 1, 1000);
	store_log_many(store, 3000, 10);
	for (int i = 0; i < 100; i++)
		(void)hc_store_tend(store, true);
	cr_expect_gt(store->oldest, 1000);
	(void)hc_store_free(store);
	store_place_remove(&place);
}

Test(retention, retained_events_and_the_bounds_survive_it)
{
	struct store_place place = store_place(HC_DURABILITY_PROCESS);
	struct hc_store *store;

	place.conf->log.keep_events = 5;
	store = store_open_at(&place);
	(void)store_log(store, "device.mounted", "{\"mount_path\":\"/a\"}");
	(void)store_log(store, "detector.status", "{}");
	store_log_many(store, 100, 10);
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

static uint64_t file_bytes(const struct store_place *place, const char *suffix)
{
	struct stat about;
	char path[200];

	(void)snprintf(path, sizeof(path), "%s%s", place->conf->log.path, suffix);
	return stat(path, &about) ? 0 : (uint64_t)about.st_size;
}

Test(retention, the_file_grows_to_its_size_and_stays_there)
{
	struct store_place place = store_place(HC_DURABILITY_PROCESS);
	uint64_t random = 7, largest = 0, largest_wal = 0;
	struct hc_store *store;

	place.conf->log.keep_bytes = 2 << 20;
	store = store_open_at(&place);
	for (int i = 0; i < 300; i++) { /* 12 times as much as there is room for */
		store_log_many(store, 50, test_random(&random) % 3000);
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

Test(retention, the_file_shrinks_when_less_is_to_be_kept)
{
	struct store_place place = store_place(HC_DURABILITY_PROCESS);
	struct hc_store *store = store_open_at(&place);

	store_log_many(store, 2000, 20000);
	(void)hc_store_free(store);
	cr_expect_gt(file_bytes(&place, ""), 38 << 20);
	place.conf->log.keep_bytes = 4 << 20;
	store = store_open_at(&place);
	for (int i = 0; i < 3; i++) {
		store_settle(store);
		store_log_many(store, 1, 10);
	}
	cr_expect_gt(store->newest - store->oldest, 100);
	store_expect_dense(store, store->oldest, 2003);
	(void)hc_store_free(store);
	cr_expect_lt(file_bytes(&place, ""), 13 << 20, "%llu",
		     (unsigned long long)file_bytes(&place, ""));
	store_place_remove(&place);
}
