/* SPDX-License-Identifier: MIT */
/*
 * Age: what is older than it may be goes, whatever the wall clock says.
 */
#include <criterion/criterion.h>
#include <stdio.h>

#include "tests/unit/store.h"

#define HOUR_MS UINT64_C(3600000)

Test(age, what_is_old_goes_also_all_of_it_and_sequences_go_on)
{
	struct store_place place = store_place(HC_DURABILITY_PROCESS);
	struct hc_store *store;

	place.conf->log.keep_age_ms = HOUR_MS;
	store = store_open_at(&place);
	store_log_many(store, 20, 10);
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

Test(age, a_clock_that_jumps_takes_a_day_at_most)
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
		store_log_many(store, 20, 10);
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
Test(age, the_age_of_a_log_that_is_seldom_written_is_counted)
{
	struct store_place place = store_place(HC_DURABILITY_PROCESS);
	struct hc_store *store;

	place.conf->log.keep_age_ms = 60 * HOUR_MS;
	store = store_open_at(&place);
	store_log_many(store, 20, 10);
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
