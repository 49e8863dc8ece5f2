/* SPDX-License-Identifier: MIT */
/*
 * What stands beside the log: whether what was acknowledged is still there when it is opened again.
 */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/unit/store.h"
#include "ws/log/witness.h"

#define EPOCH "00112233aabbccdd"
#define OTHER "ffeeddccbbaa9988"

struct kept {
	char *dir;
	char path[200];
};

static struct kept keep(void)
{
	struct kept kept = { .dir = test_dir() };

	(void)snprintf(kept.path, sizeof(kept.path), "%s/events.db", kept.dir);
	return kept;
}

static void edit(const struct kept *kept, const char *script)
{
	char command[500];

	(void)snprintf(command, sizeof(command), "sed -i '%s' %s.lock", script, kept->path);
	cr_assert_eq(system(command), 0);
}

/* A hub that has acknowledged up to 20; killed if it is not closed. */
static void run_a_hub(const struct kept *kept, bool sync, bool close_it)
{
	struct hc_witness witness;

	cr_assert_eq(hc_witness_open(&witness, kept->path, sync), 0);
	hc_witness_begin(&witness, EPOCH, 7);
	hc_witness_tell(&witness, EPOCH, 20);
	if (close_it)
		hc_witness_close(&witness);
	else
		(void)close(witness.fd);
}

static int hear(const struct kept *kept, const char *epoch, uint64_t newest)
{
	struct hc_witness witness;
	int r;

	cr_assert_eq(hc_witness_open(&witness, kept->path, true), 0);
	r = hc_witness_hear(&witness, epoch, newest);
	(void)close(witness.fd);
	return r;
}

Test(witness, what_was_acknowledged_and_is_not_there_is_missed)
{
	static const struct {
		const char *epoch;
		uint64_t newest;
		int wanted;
	} cases[] = {
		{ EPOCH, 20, HC_WITNESS_OK_ },	  { EPOCH, 25, HC_WITNESS_OK_ },
		{ EPOCH, 19, HC_WITNESS_E_LOST }, { EPOCH, 0, HC_WITNESS_E_LOST },
		{ OTHER, 0, HC_WITNESS_OK_ },
	};

	for (int i = 0; i < 4; i++) {
		struct kept kept = keep();

		cr_expect_eq(hear(&kept, EPOCH, 0), HC_WITNESS_OK_, "nothing was said");
		run_a_hub(&kept, i & 1, i & 2);
		for (size_t j = 0; j < HC_ARRAY_LEN(cases); j++)
			cr_expect_eq(hear(&kept, cases[j].epoch, cases[j].newest), cases[j].wanted,
				     "case %zu", j);
		test_dir_remove(kept.dir);
	}
}

Test(witness, a_system_that_went_down_is_doubted_if_nothing_was_synced)
{
	for (int i = 0; i < 4; i++) {
		bool sync = i & 1, closed = i & 2;
		struct kept kept = keep();

		run_a_hub(&kept, sync, closed);
		cr_expect_eq(hear(&kept, EPOCH, 20), HC_WITNESS_OK_);
		edit(&kept, "s/[0-9]*$/1500000000000/");
		cr_expect_eq(hear(&kept, EPOCH, 20),
			     sync || closed ? HC_WITNESS_OK_ : HC_WITNESS_E_DOUBT);
		test_dir_remove(kept.dir);
	}
}

Test(witness, what_is_no_such_line_says_nothing)
{
	static const char *const scripts[] = {
		"s/.*//", "s/-/ /", "s/^./x/", "s/^0//", "s/open.*//", "s/-0*/-x/", "d",
	};

	for (size_t i = 0; i < HC_ARRAY_LEN(scripts); i++) {
		struct kept kept = keep();

		run_a_hub(&kept, true, false);
		edit(&kept, scripts[i]);
		cr_expect_eq(hear(&kept, EPOCH, 0), HC_WITNESS_OK_, "%s", scripts[i]);
		run_a_hub(&kept, true, false);
		cr_expect_eq(hear(&kept, EPOCH, 0), HC_WITNESS_E_LOST, "%s", scripts[i]);
		test_dir_remove(kept.dir);
	}
}

/* ---- the store ---------------------------------------------------------------------------- */

/* The files as a kill leaves them, in another place. */
static struct store_place killed(enum hc_durability durability, uint64_t n)
{
	struct store_place place = store_place(durability), copy = store_place(durability);
	struct hc_store *store = store_open_at(&place);
	char command[200];

	for (uint64_t i = 1; i <= n; i++)
		cr_assert_eq(store_log(store, "job.progress", "{}"), i);
	(void)snprintf(command, sizeof(command), "cp %s/events.db* %s", place.dir, copy.dir);
	cr_assert_eq(system(command), 0);
	(void)hc_store_free(store);
	store_place_remove(&place);
	return copy;
}

static void epoch_in(const struct store_place *place, char ret[static HC_EPOCH_LEN + 1])
{
	char path[200];
	FILE *file;

	(void)snprintf(path, sizeof(path), "%s.lock", place->conf->log.path);
	file = fopen(path, "re");
	cr_assert(file);
	cr_assert_eq(fread(ret, 1, HC_EPOCH_LEN, file), HC_EPOCH_LEN);
	ret[HC_EPOCH_LEN] = '\0';
	(void)fclose(file);
}

/* Goes on behind what is left, with another epoch or not, and so again. */
static void expect_to_go_on(const struct store_place *place, uint64_t newest, bool same)
{
	char before[HC_EPOCH_LEN + 1], after[HC_EPOCH_LEN + 1];
	struct hc_store *store;

	epoch_in(place, before);
	store = store_open_at(place);
	cr_expect_eq(!strcmp(store->epoch, before), same);
	strcpy(after, store->epoch);
	store_expect_dense(store, 1, newest);
	cr_expect_eq(store_log(store, "job.progress", "{}"), newest + 1);
	(void)hc_store_free(store);
	store = store_open_at(place);
	cr_expect_str_eq(store->epoch, after);
	store_expect_dense(store, 1, newest + 1);
	(void)hc_store_free(store);
}

Test(witness, a_log_that_was_killed_goes_on)
{
	struct store_place place = killed(HC_DURABILITY_PROCESS, 20);

	expect_to_go_on(&place, 20, true);
	store_place_remove(&place);
}

/* SQLite believes that such a log has always ended there. */
Test(witness, a_log_that_has_lost_its_end_goes_on_with_another_epoch)
{
	struct store_place place = killed(HC_DURABILITY_DISK, 20);
	HC_CLEANUP(hc_closep) int fd = -1;
	char path[200];

	(void)snprintf(path, sizeof(path), "%s-wal", place.conf->log.path);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	cr_assert_geq(fd, 0);
	cr_assert_eq(pwrite(fd, "x", 1, lseek(fd, 0, SEEK_END) - 1), 1);
	expect_to_go_on(&place, 19, false);
	store_place_remove(&place);
}

Test(witness, an_old_copy_of_a_log_goes_on_with_another_epoch)
{
	struct store_place place = store_place(HC_DURABILITY_DISK);
	struct hc_store *store = store_open_at(&place);
	char command[500];

	(void)store_log(store, "job.progress", "{}");
	(void)hc_store_free(store);
	(void)snprintf(command, sizeof(command), "cp %s %s/copy", place.conf->log.path, place.dir);
	cr_assert_eq(system(command), 0);
	store = store_open_at(&place);
	(void)store_log(store, "job.progress", "{}");
	(void)hc_store_free(store);
	(void)snprintf(command, sizeof(command), "cp %s/copy %s", place.dir, place.conf->log.path);
	cr_assert_eq(system(command), 0);
	expect_to_go_on(&place, 1, false);
	store_place_remove(&place);
}
