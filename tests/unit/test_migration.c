/* SPDX-License-Identifier: MIT */
/* Migration: a log that an older version has written goes on with all that is in it. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "tests/unit/store.h"

#define HOUR_MS UINT64_C(3600000)

Test(migration, a_log_of_version_1_goes_on)
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
