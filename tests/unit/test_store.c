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
#include "tests/unit/hub.h"

/* A place for a store, and what opens it. */
struct place {
	char *dir;
	struct hc_conf *conf;
};

static const enum hc_durability backends[] = { HC_DURABILITY_DISK, HC_DURABILITY_PROCESS,
					       HC_DURABILITY_NONE };
static const enum hc_durability durable[] = { HC_DURABILITY_DISK, HC_DURABILITY_PROCESS };

static struct place place_new(enum hc_durability durability)
{
	struct place place = { test_dir(), test_conf() };

	free(place.conf->log.path);
	cr_assert_gt(asprintf(&place.conf->log.path, "%s/events.db", place.dir), 0);
	place.conf->log.durability = durability;
	return place;
}

static void place_remove(struct place *place)
{
	place->conf = hc_conf_free(place->conf);
	test_dir_remove(place->dir);
}

static struct hc_store *open_at(const struct place *place)
{
	struct hc_fault fault = HC_FAULT_NULL;
	struct hc_store *store = NULL;

	cr_assert_eq(hc_store_open(&store, place->conf, &fault), 0, "%s", fault.message);
	return store;
}

static struct hc_batch *append(struct hc_store *store, struct hc_batch *batch)
{
	hc_store_append(store, &batch, 1);
	return batch;
}

/* Commits one event and returns its sequence. */
static uint64_t log_one(struct hc_store *store, const char *type, const char *payload)
{
	struct hc_batch *batch =
		append(store, test_batch(test_record(test_type(type), NULL, payload), NULL));
	uint64_t sequence = batch->records[0]->sequence;

	cr_assert_eq(batch->result, HC_BATCH_OK_, "%s", batch->error);
	(void)hc_batch_free(batch);
	return sequence;
}

/* What a reading gives: sequences, and the rows as text. */
struct reading {
	uint64_t sequences[5000];
	size_t n;
	size_t n_max;
	struct hc_buffer text;
};

static bool take_row(void *context, const struct hc_row *row)
{
	struct reading *reading = context;

	cr_assert_lt(reading->n, HC_ARRAY_LEN(reading->sequences));
	reading->sequences[reading->n++] = row->sequence;
	hc_buffer_printf(&reading->text, "%llu %.*s %.*s;", (unsigned long long)row->sequence,
			 (int)row->type.len, row->type.s, (int)row->to.len, row->to.s);
	return reading->n != reading->n_max;
}

static void expect_rows(struct hc_store *store, uint64_t after, size_t n_max, const char *wanted)
{
	struct reading reading = { .n_max = n_max };

	cr_expect_eq(hc_store_read(store, after, take_row, &reading), 0);
	cr_expect(hc_str_is((struct hc_str){ reading.text.data, reading.text.len }, wanted),
		  "%s, behind %llu: wanted \"%s\", got \"%.*s\"", store->ops->name,
		  (unsigned long long)after, wanted, (int)reading.text.len, reading.text.data);
	hc_buffer_deinit(&reading.text);
}

static void expect_dense(struct hc_store *store, uint64_t first, uint64_t last)
{
	struct reading reading = { .n_max = SIZE_MAX };

	cr_assert_eq(hc_store_read(store, 0, take_row, &reading), 0);
	cr_assert_eq(reading.n, last - first + 1, "%s: %zu rows", store->ops->name, reading.n);
	for (size_t i = 0; i < reading.n; i++)
		cr_assert_eq(reading.sequences[i], first + i);
	cr_expect_eq(store->oldest, first);
	cr_expect_eq(store->newest, last);
	hc_buffer_deinit(&reading.text);
}

/* ---- every backend ------------------------------------------------------------------------ */

static void check_new_one(struct hc_store *store)
{
	struct hc_position position;
	char text[HC_POSITION_MAX];

	cr_expect_eq(store->newest, 0);
	cr_expect_eq(store->oldest, 1);
	(void)hc_position_format(text, store->epoch, 1);
	cr_expect(hc_position_parse(&position, hc_str(text)), "%s", text);
	expect_rows(store, 0, SIZE_MAX, "");
}

static void check_reading(struct hc_store *store)
{
	cr_expect_eq(log_one(store, "job.progress", "{}"), 1);
	cr_expect_eq(log_one(store, "alert.created", "{}"), 2);
	(void)hc_batch_free(append(
		store, test_batch(test_record(test_type("job.failed"), "alice", "{}"), NULL)));
	expect_rows(store, 0, SIZE_MAX, "1 job.progress ;2 alert.created ;3 job.failed alice;");
	expect_rows(store, 0, 2, "1 job.progress ;2 alert.created ;");
	expect_rows(store, 1, 1, "2 alert.created ;");
	expect_rows(store, 2, SIZE_MAX, "3 job.failed alice;");
	expect_rows(store, 3, SIZE_MAX, "");
	expect_rows(store, 4, SIZE_MAX, "");
	expect_rows(store, INT64_MAX, SIZE_MAX, "");
	expect_rows(store, (uint64_t)INT64_MAX + 1, SIZE_MAX, "");
	expect_rows(store, UINT64_MAX, SIZE_MAX, "");
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
	(void)hc_batch_free(append(store, test_batch(hc_record_ref(record), NULL)));
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
	(void)append(store, batch);
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
	expect_dense(store, 1, newest);
}

Test(store, sequences_are_dense_and_rows_come_back_in_order)
{
	for (size_t i = 0; i < HC_ARRAY_LEN(backends); i++) {
		struct place place = place_new(backends[i]);
		struct hc_store *store = open_at(&place);

		check_new_one(store);
		check_reading(store);
		check_body(store);
		check_volatile(store);
		check_groups(store);
		cr_expect_null(hc_store_free(store));
		place_remove(&place);
	}
	cr_expect_null(hc_store_free(NULL));
}

Test(store, each_new_one_has_an_epoch_of_its_own)
{
	for (size_t i = 0; i < HC_ARRAY_LEN(backends); i++) {
		struct place a = place_new(backends[i]), b = place_new(backends[i]);
		struct hc_store *one = open_at(&a), *other = open_at(&b);

		cr_expect_str_neq(one->epoch, other->epoch);
		(void)hc_store_free(one);
		(void)hc_store_free(other);
		place_remove(&a);
		place_remove(&b);
	}
}

/* ---- idempotency keys --------------------------------------------------------------------- */

static struct hc_batch *keyed(const char *key, char digest, size_t n)
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

static void expect_answer(struct hc_batch *batch, enum hc_batch_result result, uint64_t first)
{
	cr_expect_eq(batch->result, result, "%s: %d, not %d: %s", batch->key, batch->result, result,
		     batch->error);
	for (size_t i = 0; i < batch->n; i++)
		cr_expect_eq(batch->records[i]->sequence, !first || i == 1 ? 0 : first++);
	(void)hc_batch_free(batch);
}

static void check_keys(struct hc_store *store)
{
	struct hc_batch *group[4];

	expect_answer(append(store, keyed("a", 'x', 4)), HC_BATCH_OK_, 1);
	expect_answer(append(store, keyed("b", 'x', 2)), HC_BATCH_OK_, 4);
	expect_answer(append(store, keyed("a", 'x', 4)), HC_BATCH_REPEATED, 1);
	expect_answer(append(store, keyed("a", 'y', 4)), HC_BATCH_E_CONFLICT, 0);
	expect_answer(append(store, keyed("A", 'y', 1)), HC_BATCH_OK_, 5);
	cr_expect_eq(store->newest, 5);
	group[0] = keyed("c", 'x', 1);
	group[1] = keyed("c", 'x', 1); /* sent again while the first is on its way */
	group[2] = keyed("c", 'y', 1);
	group[3] = keyed("", 'x', 1);
	hc_store_append(store, group, HC_ARRAY_LEN(group));
	expect_answer(group[0], HC_BATCH_OK_, 6);
	expect_answer(group[1], HC_BATCH_REPEATED, 6);
	expect_answer(group[2], HC_BATCH_E_CONFLICT, 0);
	expect_answer(group[3], HC_BATCH_OK_, 7);
	expect_dense(store, 1, 7);
}

Test(store, a_key_that_is_known_is_answered_and_stores_nothing)
{
	for (size_t i = 0; i < HC_ARRAY_LEN(backends); i++) {
		struct place place = place_new(backends[i]);
		struct hc_store *store = open_at(&place);

		check_keys(store);
		(void)hc_store_free(store);
		place_remove(&place);
	}
}

Test(store, keys_are_known_when_it_is_opened_again)
{
	struct place place = place_new(HC_DURABILITY_PROCESS);
	struct hc_store *store = open_at(&place);

	check_keys(store);
	(void)hc_store_free(store);
	store = open_at(&place);
	expect_answer(append(store, keyed("a", 'x', 4)), HC_BATCH_REPEATED, 1);
	expect_answer(append(store, keyed("c", 'y', 1)), HC_BATCH_E_CONFLICT, 0);
	expect_dense(store, 1, 7);
	(void)hc_store_free(store);
	place_remove(&place);
}

Test(store, keys_are_forgotten_after_an_hour)
{
	struct place place = place_new(HC_DURABILITY_PROCESS);
	struct hc_store *store = open_at(&place);
	struct hc_batch *old = keyed("old", 'x', 1), *young = keyed("young", 'x', 1);

	old->now_unix_ms -= 61 * 60 * 1000;
	young->now_unix_ms -= 59 * 60 * 1000;
	expect_answer(append(store, old), HC_BATCH_OK_, 1);
	expect_answer(append(store, young), HC_BATCH_OK_, 2);
	(void)hc_store_free(store);
	store = open_at(&place);
	(void)log_one(store, "job.progress", "{}");
	expect_answer(append(store, keyed("young", 'x', 1)), HC_BATCH_REPEATED, 2);
	expect_answer(append(store, keyed("old", 'y', 1)), HC_BATCH_OK_, 4);
	(void)hc_store_free(store);
	place_remove(&place);
}

/* ---- memory ------------------------------------------------------------------------------- */

Test(store, the_one_in_memory_forgets_the_oldest_with_their_keys)
{
	struct place place = place_new(HC_DURABILITY_NONE);
	struct hc_store *store;

	place.conf->hub.ring_bytes = 4000;
	store = open_at(&place);
	expect_answer(append(store, keyed("a", 'x', 1)), HC_BATCH_OK_, 1);
	for (uint64_t i = 2; i <= 50; i++) {
		(void)hc_batch_free(append(
			store,
			test_batch(test_record_sized(test_type("job.progress"), NULL, 300), NULL)));
		expect_dense(store, store->oldest, i);
	}
	cr_expect_gt(store->oldest, 30);
	expect_answer(append(store, keyed("a", 'y', 1)), HC_BATCH_OK_, 51);
	(void)hc_batch_free(append(
		store, test_batch(test_record_sized(test_type("job.progress"), NULL, 9000), NULL)));
	expect_dense(store, 52, 52); /* the newest stays, whatever its size */
	(void)hc_store_free(store);
	place_remove(&place);
}

/* ---- SQLite: opened again ----------------------------------------------------------------- */

Test(store, everything_is_there_when_it_is_opened_again)
{
	for (size_t i = 0; i < HC_ARRAY_LEN(durable); i++) {
		struct place place = place_new(durable[i]);
		struct hc_store *store = open_at(&place);
		char epoch[HC_EPOCH_LEN + 1];

		strcpy(epoch, store->epoch);
		check_reading(store);
		(void)hc_store_free(store);
		store = open_at(&place);
		cr_expect_str_eq(store->epoch, epoch);
		expect_rows(store, 0, SIZE_MAX,
			    "1 job.progress ;2 alert.created ;3 job.failed alice;");
		cr_expect_eq(log_one(store, "job.progress", "{}"), 4);
		expect_dense(store, 1, 4);
		(void)hc_store_free(store);
		place_remove(&place);
	}
}

Test(store, what_was_committed_survives_without_a_farewell)
{
	struct place place = place_new(HC_DURABILITY_PROCESS), copy = place_new(HC_DURABILITY_DISK);
	struct hc_store *store = open_at(&place);
	char command[200];

	check_reading(store);
	/* The files as a kill would leave them, the write-ahead log not yet in the database. */
	(void)snprintf(command, sizeof(command), "cp %s/events.db %s/events.db-wal %s", place.dir,
		       place.dir, copy.dir);
	cr_assert_eq(system(command), 0);
	(void)hc_store_free(store);
	store = open_at(&copy);
	expect_rows(store, 0, SIZE_MAX, "1 job.progress ;2 alert.created ;3 job.failed alice;");
	(void)hc_store_free(store);
	place_remove(&place);
	place_remove(&copy);
}

static void expect_retained(struct hc_store *store, const char *wanted)
{
	struct reading reading = { .n_max = SIZE_MAX };

	cr_expect_eq(hc_store_read_retained(store, take_row, &reading), 0);
	cr_expect(hc_str_is((struct hc_str){ reading.text.data, reading.text.len }, wanted),
		  "wanted \"%s\", got \"%.*s\"", wanted, (int)reading.text.len, reading.text.data);
	hc_buffer_deinit(&reading.text);
}

Test(store, retained_events_are_set_replaced_and_cleared_for_good)
{
	struct place place = place_new(HC_DURABILITY_PROCESS);
	struct hc_store *store = open_at(&place);

	(void)log_one(store, "device.mounted", "{\"mount_path\":\"/a\"}");
	(void)log_one(store, "device.mounted", "{\"mount_path\":\"/b\"}");
	(void)log_one(store, "detector.status", "{}");
	(void)log_one(store, "device.mounted", "{\"mount_path\":\"/a\",\"label\":\"new\"}");
	(void)log_one(store, "job.progress", "{}");
	(void)log_one(store, "device.unmounted", "{\"mount_path\":\"/c\"}");
	(void)hc_store_free(store);
	store = open_at(&place);
	expect_retained(store, "2 device.mounted ;3 detector.status ;4 device.mounted ;");
	(void)log_one(store, "device.unmounted", "{\"mount_path\":\"/b\"}");
	(void)hc_store_free(store);
	store = open_at(&place);
	expect_retained(store, "3 detector.status ;4 device.mounted ;");
	(void)hc_store_free(store);
	place_remove(&place);
}

/* ---- SQLite: what goes wrong -------------------------------------------------------------- */

Test(store, two_hubs_cannot_have_the_same)
{
	struct place place = place_new(HC_DURABILITY_DISK);
	struct hc_store *store = open_at(&place), *second = NULL;
	struct hc_fault fault = HC_FAULT_NULL;

	cr_expect_eq(hc_store_open(&second, place.conf, &fault), -EBUSY);
	cr_expect_null(second);
	cr_expect(strstr(fault.message, "in use by another hub"), "%s", fault.message);
	cr_expect_eq(log_one(store, "job.progress", "{}"), 1);
	(void)hc_store_free(store);
	store = open_at(&place);
	expect_dense(store, 1, 1);
	(void)hc_store_free(store);
	place_remove(&place);
}

Test(store, a_directory_that_is_missing_is_told)
{
	struct place place = place_new(HC_DURABILITY_DISK);
	struct hc_fault fault = HC_FAULT_NULL;
	struct hc_store *store = NULL;

	free(place.conf->log.path);
	place.conf->log.path = strdup("/nonexistent/events.db");
	cr_expect_eq(hc_store_open(&store, place.conf, &fault), -ENOENT);
	cr_expect_null(store);
	cr_expect(strstr(fault.message, "directory must exist"), "%s", fault.message);
	place_remove(&place);
}

static void execute(const struct place *place, const char *sql)
{
	sqlite3 *db = NULL;

	cr_assert_eq(sqlite3_open(place->conf->log.path, &db), SQLITE_OK);
	cr_assert_eq(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK, "%s", sqlite3_errmsg(db));
	cr_assert_eq(sqlite3_close(db), SQLITE_OK);
}

Test(store, one_that_a_newer_version_wrote_is_left_alone)
{
	struct place place = place_new(HC_DURABILITY_DISK);
	struct hc_fault fault = HC_FAULT_NULL;
	struct hc_store *store = open_at(&place);

	(void)log_one(store, "job.progress", "{}");
	(void)hc_store_free(store);
	execute(&place, "PRAGMA user_version = 99");
	store = NULL;
	cr_expect_lt(hc_store_open(&store, place.conf, &fault), 0);
	cr_expect_null(store);
	cr_expect(strstr(fault.message, "newer hostcast"), "%s", fault.message);
	execute(&place, "PRAGMA user_version = 1");
	store = open_at(&place);
	expect_dense(store, 1, 1);
	(void)hc_store_free(store);
	place_remove(&place);
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
		struct place place = place_new(HC_DURABILITY_PROCESS);
		struct hc_store *store = open_at(&place);
		char epoch[HC_EPOCH_LEN + 1];

		strcpy(epoch, store->epoch);
		for (int j = 0; j < 20; j++)
			(void)log_one(store, "job.progress", "{\"pad\":\"some text to fill it\"}");
		(void)hc_store_free(store);
		cr_expect_not(has_been_set_aside(place.dir));
		damages[i](place.conf->log.path);
		store = open_at(&place);
		cr_expect_str_neq(store->epoch, epoch, "damage %zu", i);
		cr_expect(has_been_set_aside(place.dir), "damage %zu", i);
		check_new_one(store);
		cr_expect_eq(log_one(store, "job.progress", "{}"), 1);
		(void)hc_store_free(store);
		place_remove(&place);
	}
}

/* A group of three, the second too large for what is left. */
static void append_too_much(struct hc_store *store, enum hc_batch_result *ret_result)
{
	struct hc_batch *group[3];

	group[0] = keyed("first", 'x', 1);
	group[1] = test_batch(test_record_sized(test_type("device.mounted"), NULL, 1000000), "big");
	group[2] = keyed("last", 'x', 1);
	hc_store_append(store, group, HC_ARRAY_LEN(group));
	*ret_result = group[1]->result;
	cr_expect_gt(*ret_result, HC_BATCH_E_CONFLICT);
	cr_expect(strstr(group[1]->error, "events.db: "), "%s", group[1]->error);
	for (size_t i = 0; i < HC_ARRAY_LEN(group); i++)
		expect_answer(group[i], *ret_result, 0);
}

/* What a failed group must have left: nothing at all. */
static void expect_untouched(struct hc_store *store, uint64_t newest)
{
	expect_dense(store, 1, newest);
	expect_retained(store, "");
	expect_answer(append(store, keyed("first", 'y', 1)), HC_BATCH_OK_, newest + 1);
	expect_answer(append(store, keyed("last", 'y', 1)), HC_BATCH_OK_, newest + 2);
	expect_dense(store, 1, newest + 2);
}

Test(store, a_commit_that_fails_leaves_nothing_behind)
{
	for (size_t i = 0; i < HC_ARRAY_LEN(durable); i++) {
		struct place place = place_new(durable[i]);
		struct hc_store *store = open_at(&place);
		struct rlimit limit, small;
		enum hc_batch_result result;

		(void)log_one(store, "job.progress", "{}");
		(void)signal(SIGXFSZ, SIG_IGN);
		cr_assert_eq(getrlimit(RLIMIT_FSIZE, &limit), 0);
		small = (struct rlimit){ 300000, limit.rlim_max };
		cr_assert_eq(setrlimit(RLIMIT_FSIZE, &small), 0);
		append_too_much(store, &result);
		cr_expect_eq(result, HC_BATCH_E_UNAVAILABLE);
		cr_expect_eq(log_one(store, "job.progress", "{}"), 2); /* a small one fits */
		cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
		expect_untouched(store, 2);
		(void)hc_store_free(store);
		store = open_at(&place);
		expect_dense(store, 1, 4);
		(void)hc_store_free(store);
		place_remove(&place);
	}
}

Test(store, a_full_disk_is_told_and_passes)
{
	struct place place = place_new(HC_DURABILITY_DISK);
	enum hc_batch_result result;
	struct hc_store *store;

	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("none", place.dir, "tmpfs", 0, "size=400k") < 0) {
		place_remove(&place);
		cr_skip_test("needs the privilege to mount");
	}
	store = open_at(&place);
	(void)log_one(store, "job.progress", "{}");
	append_too_much(store, &result);
	cr_expect_eq(result, HC_BATCH_E_FULL);
	cr_assert_eq(mount(NULL, place.dir, NULL, MS_REMOUNT, "size=4m"), 0);
	expect_untouched(store, 1);
	(void)hc_store_free(store);
	cr_assert_eq(umount(place.dir), 0);
	place_remove(&place);
}
