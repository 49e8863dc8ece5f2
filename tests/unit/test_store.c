/* SPDX-License-Identifier: MIT */
/*
 * Stores: what is committed is there, once and in order, also when the store is opened again; what
 * is not leaves nothing behind. Everything that a backend promises is asked of each of them.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "proto/clock.h"
#include "proto/fault.h"
#include "tests/unit/store.h"

static const enum hc_durability backends[] = { HC_DURABILITY_DISK, HC_DURABILITY_PROCESS,
					       HC_DURABILITY_NONE };
static const enum hc_durability durable[] = { HC_DURABILITY_DISK, HC_DURABILITY_PROCESS };

/* ---- every backend ------------------------------------------------------------------------ */

static void check_new_one(struct hc_store *store)
{
	struct hc_position position;
	char text[HC_POSITION_MAX];

	cr_expect_eq(store->newest, 0);
	cr_expect_eq(store->oldest, 1);
	(void)hc_position_format(text, store->epoch, 1);
	cr_expect(hc_position_parse(&position, hc_str(text)), "%s", text);
	store_expect_rows(store, 0, SIZE_MAX, "");
}

static void check_reading(struct hc_store *store)
{
	cr_expect_eq(store_log(store, "job.progress", "{}"), 1);
	cr_expect_eq(store_log(store, "alert.created", "{}"), 2);
	(void)hc_batch_free(store_append(
		store, test_batch(test_record(test_type("job.failed"), "alice", "{}"), NULL)));
	store_expect_rows(store, 0, SIZE_MAX,
			  "1 job.progress ;2 alert.created ;3 job.failed alice;");
	store_expect_rows(store, 0, 2, "1 job.progress ;2 alert.created ;");
	store_expect_rows(store, 1, 1, "2 alert.created ;");
	store_expect_rows(store, 2, SIZE_MAX, "3 job.failed alice;");
	store_expect_rows(store, 3, SIZE_MAX, "");
	store_expect_rows(store, 4, SIZE_MAX, "");
	store_expect_rows(store, INT64_MAX, SIZE_MAX, "");
	store_expect_rows(store, (uint64_t)INT64_MAX + 1, SIZE_MAX, "");
	store_expect_rows(store, UINT64_MAX, SIZE_MAX, "");
}

static bool compare_body(void *context, const struct hc_row *row)
{
	const struct hc_record *record = context;

	cr_expect(hc_str_equal(row->body, record->body));
	return true;
}

static void check_body(struct hc_store *store)
{
	HC_CLEANUP(hc_record_unrefp) struct hc_record *record = NULL;
	uint64_t newest = store->newest;

	record = test_record(test_type("job.progress"), NULL,
			     "{\"job_id\":\"\\u0001\\u20ac\",\"n\":[1.5,null,-3]}");
	(void)hc_batch_free(store_append(store, test_batch(hc_record_ref(record), NULL)));
	cr_expect_eq(hc_store_read(store, newest, compare_body, record), 0);
}

static void check_volatile(struct hc_store *store)
{
	struct hc_batch *batch = hc_batch_new(3);
	uint64_t newest = store->newest;

	cr_assert(batch);
	batch->records[0] = test_record(test_type("job.progress"), NULL, "{}");
	batch->records[1] = test_record(test_type("gpu.stats_updated"), NULL, "{}");
	batch->records[2] = test_record(test_type("job.progress"), NULL, "{}");
	(void)store_append(store, batch);
	cr_expect_eq(batch->result, HC_BATCH_OK_);
	cr_expect_eq(batch->records[0]->sequence, newest + 1);
	cr_expect_eq(batch->records[1]->sequence, 0);
	cr_expect_eq(batch->records[2]->sequence, newest + 2);
	cr_expect_eq(store->newest, newest + 2);
	(void)hc_batch_free(batch);
}

static void check_groups(struct hc_store *store)
{
	struct hc_batch *batches[50];
	uint64_t newest = store->newest;

	for (size_t i = 0; i < HC_ARRAY_LEN(batches); i++) {
		size_t n = 1 + i % 4;

		batches[i] = hc_batch_new(n);
		cr_assert(batches[i]);
		for (size_t j = 0; j < n; j++)
			batches[i]->records[j] = test_record(test_type("job.progress"), NULL, "{}");
	}
	hc_store_append(store, batches, HC_ARRAY_LEN(batches));
	for (size_t i = 0; i < HC_ARRAY_LEN(batches); i++) {
		cr_expect_eq(batches[i]->result, HC_BATCH_OK_);
		for (size_t j = 0; j < batches[i]->n; j++)
			cr_expect_eq(batches[i]->records[j]->sequence, ++newest);
		(void)hc_batch_free(batches[i]);
	}
	store_expect_dense(store, 1, newest);
}

Test(store, sequences_are_dense_and_rows_come_back_in_order)
{
	for (size_t i = 0; i < HC_ARRAY_LEN(backends); i++) {
		struct store_place place = store_place(backends[i]);
		struct hc_store *store = store_open_at(&place);

		check_new_one(store);
		check_reading(store);
		check_body(store);
		check_volatile(store);
		check_groups(store);
		cr_expect_null(hc_store_free(store));
		store_place_remove(&place);
	}
	cr_expect_null(hc_store_free(NULL));
}

Test(store, each_new_one_has_an_epoch_of_its_own)
{
	for (size_t i = 0; i < HC_ARRAY_LEN(backends); i++) {
		struct store_place a = store_place(backends[i]), b = store_place(backends[i]);
		struct hc_store *one = store_open_at(&a), *other = store_open_at(&b);

		cr_expect_str_neq(one->epoch, other->epoch);
		(void)hc_store_free(one);
		(void)hc_store_free(other);
		store_place_remove(&a);
		store_place_remove(&b);
	}
}

/* ---- memory ------------------------------------------------------------------------------- */

Test(store, the_one_in_memory_forgets_the_oldest_but_not_their_keys)
{
	struct store_place place = store_place(HC_DURABILITY_NONE);
	struct hc_store *store;

	place.conf->hub.ring_bytes = 4000;
	store = store_open_at(&place);
	store_expect_answer(store_append(store, store_keyed("a", 'x', 1)), HC_BATCH_OK_, 1);
	for (uint64_t i = 2; i <= 50; i++) {
		(void)hc_batch_free(store_append(
			store,
			test_batch(test_record_sized(test_type("job.progress"), NULL, 300), NULL)));
		store_expect_dense(store, store->oldest, i);
	}
	cr_expect_gt(store->oldest, 30);
	store_expect_answer(store_append(store, store_keyed("a", 'x', 1)), HC_BATCH_REPEATED, 1);
	store_expect_answer(store_append(store, store_keyed("a", 'y', 1)), HC_BATCH_E_CONFLICT, 0);
	(void)hc_batch_free(store_append(
		store, test_batch(test_record_sized(test_type("job.progress"), NULL, 9000), NULL)));
	store_expect_dense(store, 51, 51); /* the newest stays, whatever its size */
	(void)hc_store_free(store);
	store_place_remove(&place);
}

Test(store, the_one_in_memory_forgets_the_oldest_keys_where_they_take_too_much_room)
{
	struct store_place place = store_place(HC_DURABILITY_NONE);
	struct hc_store *store;
	char key[HC_BATCH_KEY_MAX + 1] = "";

	place.conf->hub.ring_bytes = 100000;
	store = store_open_at(&place);
	store_expect_answer(store_append(store, store_keyed("first", 'x', 1)), HC_BATCH_OK_, 1);
	memset(key, 'k', HC_BATCH_KEY_MAX);
	for (uint64_t i = 2; i <= 500; i++) {
		(void)snprintf(key, 8, "%07llu", (unsigned long long)i);
		key[7] = 'k';
		store_expect_answer(store_append(store, store_keyed(key, 'x', 1)), HC_BATCH_OK_, i);
	}
	store_expect_answer(store_append(store, store_keyed(key, 'x', 1)), HC_BATCH_REPEATED, 500);
	store_expect_answer(store_append(store, store_keyed("first", 'y', 1)), HC_BATCH_OK_, 501);
	(void)hc_store_free(store);
	store_place_remove(&place);
}

/* ---- SQLite: opened again ----------------------------------------------------------------- */

Test(store, everything_is_there_when_it_is_opened_again)
{
	for (size_t i = 0; i < HC_ARRAY_LEN(durable); i++) {
		struct store_place place = store_place(durable[i]);
		struct hc_store *store = store_open_at(&place);
		char epoch[HC_EPOCH_LEN + 1];

		strcpy(epoch, store->epoch);
		check_reading(store);
		(void)hc_store_free(store);
		store = store_open_at(&place);
		cr_expect_str_eq(store->epoch, epoch);
		store_expect_rows(store, 0, SIZE_MAX,
				  "1 job.progress ;2 alert.created ;3 job.failed alice;");
		cr_expect_eq(store_log(store, "job.progress", "{}"), 4);
		store_expect_dense(store, 1, 4);
		(void)hc_store_free(store);
		store_place_remove(&place);
	}
}

Test(store, what_was_committed_survives_without_a_farewell)
{
	struct store_place place = store_place(HC_DURABILITY_PROCESS),
			   copy = store_place(HC_DURABILITY_DISK);
	struct hc_store *store = store_open_at(&place);
	char command[200];

	check_reading(store);
	/* The files as a kill would leave them, the write-ahead log not yet in the database. */
	(void)snprintf(command, sizeof(command), "cp %s/events.db %s/events.db-wal %s", place.dir,
		       place.dir, copy.dir);
	cr_assert_eq(system(command), 0);
	(void)hc_store_free(store);
	store = store_open_at(&copy);
	store_expect_rows(store, 0, SIZE_MAX,
			  "1 job.progress ;2 alert.created ;3 job.failed alice;");
	(void)hc_store_free(store);
	store_place_remove(&place);
	store_place_remove(&copy);
}

Test(store, retained_events_are_set_replaced_and_cleared_for_good)
{
	struct store_place place = store_place(HC_DURABILITY_PROCESS);
	struct hc_store *store = store_open_at(&place);

	(void)store_log(store, "device.mounted", "{\"mount_path\":\"/a\"}");
	(void)store_log(store, "device.mounted", "{\"mount_path\":\"/b\"}");
	(void)store_log(store, "detector.status", "{}");
	(void)store_log(store, "device.mounted", "{\"mount_path\":\"/a\",\"label\":\"new\"}");
	(void)store_log(store, "job.progress", "{}");
	(void)store_log(store, "device.unmounted", "{\"mount_path\":\"/c\"}");
	(void)hc_store_free(store);
	store = store_open_at(&place);
	store_expect_retained(store, "2 device.mounted ;3 detector.status ;4 device.mounted ;");
	(void)store_log(store, "device.unmounted", "{\"mount_path\":\"/b\"}");
	(void)hc_store_free(store);
	store = store_open_at(&place);
	store_expect_retained(store, "3 detector.status ;4 device.mounted ;");
	(void)hc_store_free(store);
	store_place_remove(&place);
}

/* ---- SQLite: what goes wrong -------------------------------------------------------------- */

Test(store, two_hubs_cannot_have_the_same)
{
	struct store_place place = store_place(HC_DURABILITY_DISK);
	struct hc_store *store = store_open_at(&place), *second = NULL;
	struct hc_fault fault = HC_FAULT_NULL;

	cr_expect_eq(hc_store_open(&second, place.conf, &fault), -EBUSY);
	cr_expect_null(second);
	cr_expect(strstr(fault.message, "in use by another hub"), "%s", fault.message);
	cr_expect_eq(store_log(store, "job.progress", "{}"), 1);
	(void)hc_store_free(store);
	store = store_open_at(&place);
	store_expect_dense(store, 1, 1);
	(void)hc_store_free(store);
	store_place_remove(&place);
}

Test(store, a_directory_that_is_missing_is_told)
{
	struct store_place place = store_place(HC_DURABILITY_DISK);
	struct hc_fault fault = HC_FAULT_NULL;
	struct hc_store *store = NULL;

	free(place.conf->log.path);
	place.conf->log.path = strdup("/nonexistent/events.db");
	cr_expect_eq(hc_store_open(&store, place.conf, &fault), -ENOENT);
	cr_expect_null(store);
	cr_expect(strstr(fault.message, "directory must exist"), "%s", fault.message);
	store_place_remove(&place);
}

Test(store, one_that_a_newer_version_wrote_is_left_alone)
{
	struct store_place place = store_place(HC_DURABILITY_DISK);
	struct hc_fault fault = HC_FAULT_NULL;
	struct hc_store *store = store_open_at(&place);

	(void)store_log(store, "job.progress", "{}");
	(void)hc_store_free(store);
	store_execute(&place, "PRAGMA user_version = 99");
	store = NULL;
	cr_expect_lt(hc_store_open(&store, place.conf, &fault), 0);
	cr_expect_null(store);
	cr_expect(strstr(fault.message, "newer hostcast"), "%s", fault.message);
	store_execute(&place, "PRAGMA user_version = 3");
	store = store_open_at(&place);
	store_expect_dense(store, 1, 1);
	(void)hc_store_free(store);
	store_place_remove(&place);
}

static void overwrite(const char *path, off_t at, size_t len)
{
	HC_CLEANUP(hc_closep) int fd = open(path, O_WRONLY | O_CLOEXEC);
	char rubbish[4096];

	cr_assert_geq(fd, 0);
	memset(rubbish, 0xa5, sizeof(rubbish));
	cr_assert_eq(pwrite(fd, rubbish, len, at), (ssize_t)len);
}

static void damage_header(const char *path)
{
	overwrite(path, 0, 100);
}

static void damage_schema(const char *path)
{
	overwrite(path, 100, 3000);
}

static void damage_length(const char *path)
{
	cr_assert_eq(truncate(path, 5000), 0);
}

static void damage_epoch(const char *path)
{
	sqlite3 *db = NULL;

	cr_assert_eq(sqlite3_open(path, &db), SQLITE_OK);
	cr_assert_eq(sqlite3_exec(db, "DELETE FROM about", NULL, NULL, NULL), SQLITE_OK);
	cr_assert_eq(sqlite3_close(db), SQLITE_OK);
}

static bool has_been_set_aside(const char *dir)
{
	char command[200];

	(void)snprintf(command, sizeof(command), "ls %s/events.db.damaged-* >/dev/null 2>&1", dir);
	return system(command) == 0;
}

Test(store, a_damaged_one_is_set_aside_and_a_new_epoch_begun)
{
	static void (*const damages[])(const char *path) = { damage_header, damage_schema,
							     damage_length, damage_epoch };

	for (size_t i = 0; i < HC_ARRAY_LEN(damages); i++) {
		struct store_place place = store_place(HC_DURABILITY_PROCESS);
		struct hc_store *store = store_open_at(&place);
		char epoch[HC_EPOCH_LEN + 1];

		strcpy(epoch, store->epoch);
		for (int j = 0; j < 20; j++)
			(void)store_log(store, "job.progress",
					"{\"pad\":\"some text to fill it\"}");
		(void)hc_store_free(store);
		cr_expect_not(has_been_set_aside(place.dir));
		damages[i](place.conf->log.path);
		store = store_open_at(&place);
		cr_expect_str_neq(store->epoch, epoch, "damage %zu", i);
		cr_expect(has_been_set_aside(place.dir), "damage %zu", i);
		check_new_one(store);
		cr_expect_eq(store_log(store, "job.progress", "{}"), 1);
		(void)hc_store_free(store);
		store_place_remove(&place);
	}
}

/* Overwrites the first page of a table. */
static void damage_table(const char *path, const char *table)
{
	char sql[100], page[512];
	sqlite3_stmt *stmt = NULL;
	sqlite3 *db = NULL;
	off_t at;
	int fd;

	(void)snprintf(sql, sizeof(sql),
		       "SELECT (rootpage - 1) * page_size FROM sqlite_master, pragma_page_size"
		       " WHERE name = '%s'",
		       table);
	cr_assert_eq(sqlite3_open(path, &db), SQLITE_OK);
	cr_assert_eq(sqlite3_prepare_v2(db, sql, -1, &stmt, NULL), SQLITE_OK);
	cr_assert_eq(sqlite3_step(stmt), SQLITE_ROW);
	at = sqlite3_column_int64(stmt, 0);
	sqlite3_finalize(stmt);
	cr_assert_eq(sqlite3_close(db), SQLITE_OK);
	memset(page, 0xff, sizeof(page));
	fd = open(path, O_WRONLY | O_CLOEXEC);
	cr_assert_eq(pwrite(fd, page, sizeof(page), at), (ssize_t)sizeof(page));
	(void)close(fd);
}

static bool print_consumer(void *context, const struct hc_consumer_row *row)
{
	hc_buffer_printf(context, "%s of %s: %s-%llu;", row->name, row->owner, row->position.epoch,
			 (unsigned long long)row->position.sequence);
	return true;
}

static void store_consumer(struct hc_store *store, const char *name, uint64_t sequence)
{
	struct hc_consumer_row row = { .owner = "ann",
				       .position = { "0123456789abcdef", sequence } };
	struct hc_batch *batch;

	(void)snprintf(row.name, sizeof(row.name), "%s", name);
	batch = store_append(store, hc_batch_of_consumer(&row));
	cr_expect_eq(batch->result, HC_BATCH_OK_);
	(void)hc_batch_free(batch);
}

Test(store, consumers_of_a_damaged_one_are_taken_over_if_they_can_be_read)
{
	static const struct {
		const char *table, *consumers;
	} rows[] = {
		{ "about", "a of ann: 0123456789abcdef-7;b of ann: 0123456789abcdef-8;" },
		{ "events", "a of ann: 0123456789abcdef-7;b of ann: 0123456789abcdef-8;" },
		{ "retained", "a of ann: 0123456789abcdef-7;b of ann: 0123456789abcdef-8;" },
		{ "marks", "a of ann: 0123456789abcdef-7;b of ann: 0123456789abcdef-8;" },
		{ "consumers", "" },
	};

	for (size_t i = 0; i < HC_ARRAY_LEN(rows); i++) {
		HC_CLEANUP(hc_buffer_deinit) struct hc_buffer text = HC_BUFFER_NULL;
		struct store_place place = store_place(HC_DURABILITY_PROCESS);
		struct hc_store *store = store_open_at(&place);

		store_consumer(store, "a", 7);
		store_consumer(store, "b", 8);
		(void)store_log(store, "job.progress", "{}");
		(void)hc_store_free(store);
		damage_table(place.conf->log.path, rows[i].table);
		store = store_open_at(&place);
		cr_expect(has_been_set_aside(place.dir), "%s", rows[i].table);
		check_new_one(store);
		cr_expect_eq(hc_store_read_consumers(store, print_consumer, &text), 0);
		cr_expect(hc_str_is((struct hc_str){ text.data, text.len }, rows[i].consumers),
			  "%s: %.*s", rows[i].table, (int)text.len, text.data);
		(void)hc_store_free(store);
		store_place_remove(&place);
	}
}

/* A group of three, the second too large for what is left. */
static void append_too_much(struct hc_store *store, enum hc_batch_result *ret_result)
{
	struct hc_batch *group[3];

	group[0] = store_keyed("first", 'x', 1);
	group[1] = test_batch(test_record_sized(test_type("device.mounted"), NULL, 1000000), "big");
	group[2] = store_keyed("last", 'x', 1);
	hc_store_append(store, group, HC_ARRAY_LEN(group));
	*ret_result = group[1]->result;
	cr_expect_gt(*ret_result, HC_BATCH_E_CONFLICT);
	cr_expect(strstr(group[1]->error, "events.db: "), "%s", group[1]->error);
	for (size_t i = 0; i < HC_ARRAY_LEN(group); i++)
		store_expect_answer(group[i], *ret_result, 0);
}

/* What a failed group must have left: nothing at all. */
static void expect_untouched(struct hc_store *store, uint64_t newest)
{
	store_expect_dense(store, 1, newest);
	store_expect_retained(store, "");
	store_expect_answer(store_append(store, store_keyed("first", 'y', 1)), HC_BATCH_OK_,
			    newest + 1);
	store_expect_answer(store_append(store, store_keyed("last", 'y', 1)), HC_BATCH_OK_,
			    newest + 2);
	store_expect_dense(store, 1, newest + 2);
}

Test(store, a_commit_that_fails_leaves_nothing_behind)
{
	for (size_t i = 0; i < HC_ARRAY_LEN(durable); i++) {
		struct store_place place = store_place(durable[i]);
		struct hc_store *store = store_open_at(&place);
		struct rlimit limit, small;
		enum hc_batch_result result;

		(void)store_log(store, "job.progress", "{}");
		(void)signal(SIGXFSZ, SIG_IGN);
		cr_assert_eq(getrlimit(RLIMIT_FSIZE, &limit), 0);
		small = (struct rlimit){ 300000, limit.rlim_max };
		cr_assert_eq(setrlimit(RLIMIT_FSIZE, &small), 0);
		append_too_much(store, &result);
		cr_expect_eq(result, HC_BATCH_E_UNAVAILABLE);
		cr_expect_eq(store_log(store, "job.progress", "{}"), 2); /* a small one fits */
		cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
		expect_untouched(store, 2);
		(void)hc_store_free(store);
		store = store_open_at(&place);
		store_expect_dense(store, 1, 4);
		(void)hc_store_free(store);
		store_place_remove(&place);
	}
}

Test(store, a_full_disk_is_told_and_passes)
{
	struct store_place place = store_place(HC_DURABILITY_DISK);
	enum hc_batch_result result;
	struct hc_store *store;

	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("none", place.dir, "tmpfs", 0, "size=400k") < 0) {
		store_place_remove(&place);
		cr_skip_test("needs the privilege to mount");
	}
	store = store_open_at(&place);
	(void)store_log(store, "job.progress", "{}");
	append_too_much(store, &result);
	cr_expect_eq(result, HC_BATCH_E_FULL);
	cr_assert_eq(mount(NULL, place.dir, NULL, MS_REMOUNT, "size=4m"), 0);
	expect_untouched(store, 1);
	(void)hc_store_free(store);
	cr_assert_eq(umount(place.dir), 0);
	store_place_remove(&place);
}
