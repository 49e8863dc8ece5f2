/* SPDX-License-Identifier: MIT */
/*
 * A store that is not well: it says so, loses nothing that was acknowledged, and heals by itself.
 */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#include "proto/clock.h"
#include "tests/unit/store.h"

#define PATIENCE_NS UINT64_C(10000000000)

static struct hc_store_health look(struct hc_store *store)
{
	struct hc_store_health health;

	hc_store_look(store, &health);
	return health;
}

static enum hc_batch_result try_to_log(struct hc_store *store)
{
	struct hc_batch *batch = store_append(
		store, test_batch(test_record(test_type("job.progress"), NULL, "{}"), NULL));
	enum hc_batch_result result = batch->result;

	cr_expect_eq(result != HC_BATCH_OK_, !!batch->error[0]);
	cr_expect_eq(result != HC_BATCH_OK_, !batch->records[0]->sequence);
	(void)hc_batch_free(batch);
	return result;
}

/* What the hub gives back to a store that begins anew: one mount, whose sequence stays. */
static void give_state(struct hc_store *store, uint64_t sequence)
{
	struct hc_batch *batch = test_batch(
		test_record(test_type("device.mounted"), NULL, "{\"mount_path\":\"/a\"}"), NULL);

	batch->kind = HC_BATCH_STATE;
	batch->records[0]->sequence = sequence;
	batch = store_append(store, batch);
	cr_expect_eq(batch->result, HC_BATCH_OK_, "%s", batch->error);
	cr_expect_eq(batch->records[0]->sequence, sequence);
	(void)hc_batch_free(batch);
}

/* Tends it until it has got so far. */
static void tend_until(struct hc_store *store, bool degraded, bool wants_state)
{
	uint64_t began_ns = hc_monotonic_ns();

	while (look(store).is_degraded != degraded || look(store).wants_state != wants_state) {
		(void)hc_store_tend(store, false);
		cr_assert_lt(hc_monotonic_ns() - began_ns, PATIENCE_NS, "%s", look(store).reason);
	}
}

static struct hc_store *with_some(const struct store_place *place)
{
	struct hc_store *store = store_open_at(place);

	(void)store_log(store, "device.mounted", "{\"mount_path\":\"/a\"}");
	for (int i = 2; i <= 200; i++)
		(void)store_log(store, "job.progress",
				"{\"pad\":\"some text, for it to have pages\"}");
	return store;
}

/* From a store that wants the state to one that goes on, and is there when it is opened again. */
static void expect_new_log(struct store_place *place, struct hc_store *store)
{
	char before[HC_EPOCH_LEN + 1], after[HC_EPOCH_LEN + 1];

	strcpy(before, store->epoch);
	cr_expect(hc_store_renew(store));
	cr_expect_not(hc_store_renew(store));
	cr_expect_str_neq(store->epoch, before);
	strcpy(after, store->epoch);
	cr_expect_eq(try_to_log(store), HC_BATCH_E_UNAVAILABLE, "before it has the state");
	give_state(store, 1);
	cr_expect_not(look(store).is_degraded);
	cr_expect_not(look(store).wants_state);
	store_expect_dense(store, 201, 200);
	cr_expect_eq(store_log(store, "job.progress", "{}"), 201);
	(void)hc_store_free(store);
	store = store_open_at(place);
	cr_expect_str_eq(store->epoch, after);
	store_expect_dense(store, 201, 201);
	store_expect_retained(store, "1 device.mounted ;");
	(void)hc_store_free(store);
}

static void remove_file(const struct store_place *place, const char *suffix)
{
	char path[200];

	(void)snprintf(path, sizeof(path), "%s%s", place->conf->log.path, suffix);
	cr_assert_eq(unlink(path), 0);
}

Test(recovery, files_that_are_deleted_are_noticed_before_anything_is_lost_in_them)
{
	static const char *const suffixes[] = { "", "-wal" };

	for (size_t i = 0; i < HC_ARRAY_LEN(suffixes); i++) {
		struct store_place place = store_place(HC_DURABILITY_PROCESS);
		struct hc_store *store = with_some(&place);

		remove_file(&place, suffixes[i]);
		cr_expect_eq(try_to_log(store), HC_BATCH_E_UNAVAILABLE);
		tend_until(store, true, true);
		expect_new_log(&place, store);
		store_place_remove(&place);
	}
}

static void move_directory(const struct store_place *place, bool away)
{
	char elsewhere[200];

	(void)snprintf(elsewhere, sizeof(elsewhere), "%s-away", place->dir);
	cr_assert_eq(away ? rename(place->dir, elsewhere) : rename(elsewhere, place->dir), 0);
}

/* A file system that was unmounted for a while, or a link that was turned. */
Test(recovery, a_directory_that_comes_back_brings_the_log_with_it)
{
	struct store_place place = store_place(HC_DURABILITY_DISK);
	struct hc_store *store = with_some(&place);
	char epoch[HC_EPOCH_LEN + 1];

	strcpy(epoch, store->epoch);
	move_directory(&place, true);
	cr_expect_eq(try_to_log(store), HC_BATCH_E_UNAVAILABLE);
	for (uint64_t began_ns = hc_monotonic_ns(); hc_monotonic_ns() - began_ns < 600000000;)
		(void)hc_store_tend(store, false);
	cr_expect(look(store).is_degraded);
	cr_expect_not(look(store).wants_state);
	move_directory(&place, false);
	tend_until(store, false, false);
	cr_expect_eq(store_log(store, "job.progress", "{}"), 201);
	store_expect_dense(store, 1, 201);
	cr_expect_not(hc_store_renew(store));
	(void)hc_store_free(store);
	store = store_open_at(&place);
	cr_expect_str_eq(store->epoch, epoch);
	cr_expect_not(store_has_set_aside(&place));
	(void)hc_store_free(store);
	store_place_remove(&place);
}

static void put_in_place(const struct store_place *from, const struct store_place *to)
{
	cr_assert_eq(rename(from->conf->log.path, to->conf->log.path), 0);
}

/* By a copy of itself it goes on; by anything else it does not. */
Test(recovery, a_log_that_is_replaced_is_gone_on_with_if_all_is_in_it)
{
	struct store_place place = store_place(HC_DURABILITY_DISK),
			   other = store_place(HC_DURABILITY_DISK);
	struct hc_store *store = with_some(&place);
	char command[500];

	store_settle(store);
	store_execute(&place, "PRAGMA wal_checkpoint(TRUNCATE)");
	(void)snprintf(command, sizeof(command), "cp %s %s", place.conf->log.path,
		       other.conf->log.path);
	cr_assert_eq(system(command), 0);
	put_in_place(&other, &place);
	cr_expect_eq(try_to_log(store), HC_BATCH_OK_);
	cr_expect_not(look(store).wants_state);
	store_expect_dense(store, 1, 201);
	(void)hc_store_free(with_some(&other));
	put_in_place(&other, &place);
	cr_expect_eq(try_to_log(store), HC_BATCH_E_UNAVAILABLE);
	tend_until(store, true, true);
	cr_expect(store_has_set_aside(&place));
	(void)hc_store_free(store);
	store_place_remove(&place);
	store_place_remove(&other);
}

/* It keeps what is written beside the database from being begun anew. */
Test(recovery, commits_do_not_wait_for_another_program_that_reads)
{
	struct store_place place = store_place(HC_DURABILITY_PROCESS);
	struct hc_store *store = with_some(&place);
	sqlite3 *other = NULL;
	uint64_t began_ns;

	cr_assert_eq(sqlite3_open(place.conf->log.path, &other), SQLITE_OK);
	cr_assert_eq(sqlite3_exec(other, "BEGIN; SELECT * FROM about", NULL, NULL, NULL),
		     SQLITE_OK);
	for (int i = 0; i < 20; i++) { /* beyond any wish for a checkpoint */
		struct hc_batch *batch = store_append(
			store,
			test_batch(test_record_sized(test_type("job.progress"), NULL, 1000000),
				   NULL));

		cr_assert_eq(batch->result, HC_BATCH_OK_);
		(void)hc_batch_free(batch);
	}
	began_ns = hc_monotonic_ns();
	for (int i = 0; i < 40; i++) {
		(void)hc_store_tend(store, false);
		cr_expect_eq(try_to_log(store), HC_BATCH_OK_);
	}
	cr_expect_lt(hc_monotonic_ns() - began_ns, UINT64_C(10000000000));
	cr_expect_not(look(store).is_degraded);
	cr_assert_eq(sqlite3_close(other), SQLITE_OK);
	store_settle(store);
	store_expect_dense(store, 1, 260);
	(void)hc_store_free(store);
	store_place_remove(&place);
}

static bool take_row(void *context, const struct hc_row *row)
{
	(void)context;
	(void)row;
	return true;
}

Test(recovery, damage_that_a_reader_meets_ends_in_a_new_epoch)
{
	struct store_place place = store_place(HC_DURABILITY_PROCESS);
	char rubbish[4096];
	struct hc_store *store;
	int fd;

	(void)hc_store_free(with_some(&place)); /* all of it is in the file now */
	store = store_open_at(&place);
	memset(rubbish, 0xa5, sizeof(rubbish));
	fd = open(place.conf->log.path, O_WRONLY | O_CLOEXEC);
	cr_assert_geq(fd, 0);
	for (off_t at = 4096; at < 15 * 4096; at += 4096)
		cr_assert_eq(pwrite(fd, rubbish, sizeof(rubbish), at), 4096);
	(void)close(fd);
	while (hc_store_read(store, 0, take_row, NULL) == 0) /* as long as it has pages in memory */
		cr_assert_eq(try_to_log(store), HC_BATCH_OK_);
	tend_until(store, true, true);
	cr_expect(store_has_set_aside(&place));
	expect_new_log(&place, store);
	store_place_remove(&place);
}

/* SQLite sees nothing wrong with it. */
Test(recovery, an_event_that_is_not_what_was_committed_is_damage)
{
	static const char *const changes[] = {
		"UPDATE events SET body = x'81a474797065c3' WHERE sequence = 100",
		"UPDATE events SET type = 'job.failed' WHERE sequence = 100",
		"UPDATE events SET addressee = 'bob' WHERE sequence = 100",
		"UPDATE events SET sequence = -1 WHERE sequence = 100",
	};

	for (size_t i = 0; i < HC_ARRAY_LEN(changes); i++) {
		struct store_place place = store_place(HC_DURABILITY_PROCESS);
		uint64_t began_ns = hc_monotonic_ns();
		struct hc_store *store = with_some(&place);

		store_execute(&place, changes[i]);
		while (!look(store).wants_state) {
			cr_expect_lt(hc_store_read(store, 0, take_row, NULL), 0, "%s", changes[i]);
			(void)hc_store_tend(store, false);
			cr_assert_lt(hc_monotonic_ns() - began_ns, PATIENCE_NS);
		}
		cr_expect(store_has_set_aside(&place));
		expect_new_log(&place, store);
		store_place_remove(&place);
	}
}

Test(recovery, state_that_is_not_what_was_committed_is_damage)
{
	static const char *const changes[] = {
		"UPDATE retained SET body = x'81a474797065c3'",
		"INSERT INTO consumers VALUES (printf('%.100c', 'x'), '', '', 0, 0, 0)",
	};

	for (size_t i = 0; i < HC_ARRAY_LEN(changes); i++) {
		struct store_place place = store_place(HC_DURABILITY_PROCESS);

		(void)hc_store_free(with_some(&place));
		store_execute(&place, changes[i]);
		(void)hc_store_free(with_some(&place));
		cr_expect(store_has_set_aside(&place));
		store_place_remove(&place);
	}
}

Test(recovery, a_database_that_is_locked_is_told_and_passes)
{
	struct store_place place = store_place(HC_DURABILITY_PROCESS);
	struct hc_store *store = with_some(&place);
	sqlite3 *other = NULL;

	cr_assert_eq(sqlite3_open(place.conf->log.path, &other), SQLITE_OK);
	cr_assert_eq(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
	cr_expect_eq(try_to_log(store), HC_BATCH_E_UNAVAILABLE);
	cr_expect(look(store).is_degraded);
	(void)hc_store_tend(store, false);
	cr_expect(look(store).is_degraded);
	store_expect_dense(store, 1, 200); /* reading goes on */
	cr_assert_eq(sqlite3_exec(other, "ROLLBACK", NULL, NULL, NULL), SQLITE_OK);
	cr_assert_eq(sqlite3_close(other), SQLITE_OK);
	tend_until(store, false, false); /* without anybody publishing */
	cr_expect_eq(store_log(store, "job.progress", "{}"), 201);
	(void)hc_store_free(store);
	store_place_remove(&place);
}

static void fail_a_write(struct hc_store *store)
{
	struct rlimit limit, small;
	struct hc_batch *batch;

	(void)signal(SIGXFSZ, SIG_IGN);
	cr_assert_eq(getrlimit(RLIMIT_FSIZE, &limit), 0);
	small = (struct rlimit){ 300000, limit.rlim_max };
	cr_assert_eq(setrlimit(RLIMIT_FSIZE, &small), 0);
	batch = store_append(
		store,
		test_batch(test_record_sized(test_type("job.progress"), NULL, 1000000), NULL));
	cr_expect_eq(batch->result, HC_BATCH_E_UNAVAILABLE);
	(void)hc_batch_free(batch);
	cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

Test(recovery, after_an_error_it_is_opened_anew_with_all_that_was_acknowledged)
{
	struct store_place place = store_place(HC_DURABILITY_DISK);
	struct hc_store *store = with_some(&place);
	char epoch[HC_EPOCH_LEN + 1];

	strcpy(epoch, store->epoch);
	fail_a_write(store);
	cr_expect(look(store).is_degraded);
	tend_until(store, false, false);
	store_expect_dense(store, 1, 200);
	store_expect_retained(store, "1 device.mounted ;");
	cr_expect_eq(store_log(store, "job.progress", "{}"), 201);
	cr_expect_not(hc_store_renew(store));
	cr_expect_str_eq(store->epoch, epoch);
	(void)hc_store_free(store);
	store_place_remove(&place);
}

/* A commit that was answered as unknown may be there after all. Nobody has seen it. */
Test(recovery, what_nobody_was_told_of_is_taken_out)
{
	struct store_place place = store_place(HC_DURABILITY_DISK);
	struct hc_store *store = with_some(&place);
	struct hc_batch *batch;

	store_execute(&place, "INSERT INTO events VALUES (201, 'job.failed', NULL, x'80', 0);"
			      "INSERT INTO keys VALUES ('unknown', x'00', 201, 0);"
			      "DELETE FROM retained");
	fail_a_write(store);
	tend_until(store, true, true);
	cr_expect_not(hc_store_renew(store), "it is the same log");
	give_state(store, 1);
	cr_expect_not(look(store).is_degraded);
	store_expect_dense(store, 1, 200);
	store_expect_retained(store, "1 device.mounted ;");
	batch = store_append(
		store, test_batch(test_record(test_type("job.progress"), NULL, "{}"), "unknown"));
	cr_expect_eq(batch->result, HC_BATCH_OK_);
	cr_expect_eq(batch->records[0]->sequence, 201);
	(void)hc_batch_free(batch);
	(void)hc_store_free(store);
	store_place_remove(&place);
}

Test(recovery, a_log_that_has_lost_what_was_acknowledged_is_not_gone_on_with)
{
	struct store_place place = store_place(HC_DURABILITY_DISK);
	struct hc_store *store = with_some(&place);

	store_execute(&place, "DELETE FROM events WHERE sequence > 150");
	fail_a_write(store);
	tend_until(store, true, true);
	expect_new_log(&place, store);
	store_place_remove(&place);
}
