/* SPDX-License-Identifier: MIT */
/* Where the log is: what else may stand there, and what is done about it. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "proto/fault.h"
#include "tests/unit/store.h"

#define NOBODY 65534

static void run(const struct store_place *place, const char *script)
{
	char command[500];

	(void)snprintf(command, sizeof(command), "cd %s && %s", place->dir, script);
	cr_assert_eq(system(command), 0, "%s", script);
}

static bool holds(const struct store_place *place, const char *condition)
{
	char command[500];

	(void)snprintf(command, sizeof(command), "cd %s && %s", place->dir, condition);
	return system(command) == 0;
}

static void log_one(const struct store_place *place, uint64_t sequence)
{
	struct hc_store *store = store_open_at(place);

	cr_expect_eq(store_log(store, "job.progress", "{}"), sequence);
	(void)hc_store_free(store);
}

static void expect_refused(const struct store_place *place, const char *why)
{
	struct hc_fault fault = HC_FAULT_NULL;
	struct hc_store *store = NULL;

	cr_expect_lt(hc_store_open(&store, place->conf, &fault), 0, "%s", why);
	cr_expect_null(store);
	cr_expect(strstr(fault.message, why), "%s", fault.message);
	cr_expect(strstr(fault.message, place->dir), "%s", fault.message);
}

Test(files, nobody_else_can_read_them)
{
	struct store_place place = store_place(HC_DURABILITY_DISK);
	struct hc_store *store = store_open_at(&place);

	(void)umask(0);
	(void)store_log(store, "job.progress", "{}");
	cr_expect(holds(&place, "test -z \"$(find events.db* -perm /077)\""));
	(void)hc_store_free(store);
	store_place_remove(&place);
}

Test(files, what_cannot_be_a_log_is_told_and_left_alone)
{
	static const struct {
		const char *script, *why;
	} cases[] = {
		{ "mkdir events.db", "Is a directory" },
		{ "mkfifo events.db", "not a regular file" },
		{ "ln -s events.db events.db", "symbolic links" },
		{ "ln -s nowhere/events.db events.db", "directory must exist" },
	};

	for (size_t i = 0; i < HC_ARRAY_LEN(cases); i++) {
		struct store_place place = store_place(HC_DURABILITY_DISK);

		run(&place, cases[i].script);
		run(&place, "stat -c %n%F%i * >../$(basename $PWD).before");
		expect_refused(&place, cases[i].why);
		cr_expect(holds(&place, "stat -c %n%F%i * | cmp - ../$(basename $PWD).before"));
		run(&place, "rm -r events.db ../$(basename $PWD).before");
		store_place_remove(&place);
	}
}

Test(files, the_database_of_another_program_is_left_as_it_is)
{
	struct store_place place = store_place(HC_DURABILITY_DISK);

	store_execute(&place, "CREATE TABLE recipes (name TEXT)");
	run(&place, "cp events.db copy");
	expect_refused(&place, "another program");
	cr_expect(holds(&place, "cmp events.db copy"));
	store_place_remove(&place);
}

Test(files, what_the_hub_may_not_write_is_told)
{
	static const char *const scripts[] = {
		"chmod 444 events.db",
		"chmod 444 events.db.lock",
		"touch events.db-wal; chmod 444 events.db-wal",
		"touch events.db-shm; chmod 444 events.db-shm",
		"rm events.db*; chmod 555 .",
	};

	for (size_t i = 0; i < HC_ARRAY_LEN(scripts); i++) {
		struct store_place place = store_place(HC_DURABILITY_DISK);

		log_one(&place, 1);
		run(&place, scripts[i]);
		if (!geteuid()) {
			run(&place, "chown -R 65534 .");
			cr_assert_eq(seteuid(NOBODY), 0);
		}
		expect_refused(&place, "Permission denied");
		(void)seteuid(getuid());
		run(&place, "chmod 755 .");
		store_place_remove(&place);
	}
}

Test(files, a_symbolic_link_leads_to_the_log)
{
	struct store_place place = store_place(HC_DURABILITY_DISK), other = place;
	struct hc_fault fault = HC_FAULT_NULL;
	struct hc_store *store, *second = NULL;

	run(&place, "mkdir disk && ln -s disk/log.db events.db && ln -s disk/log.db other.db");
	store = store_open_at(&place);
	(void)store_log(store, "job.progress", "{}");
	cr_expect_gt(hc_store_bytes(store), 8192);
	other.conf = test_conf();
	other.conf->log.durability = HC_DURABILITY_DISK;
	free(other.conf->log.path);
	cr_assert_gt(asprintf(&other.conf->log.path, "%s/other.db", place.dir), 0);
	cr_expect_eq(hc_store_open(&second, other.conf, &fault), -EBUSY, "%s", fault.message);
	other.conf = hc_conf_free(other.conf);
	(void)hc_store_free(store);
	run(&place, "echo rubbish >disk/log.db");
	log_one(&place, 1);
	cr_expect(holds(&place, "test -L events.db && test -f disk/log.db.damaged-*"));
	run(&place, "rm -r disk");
	store_place_remove(&place);
}

/* SQLite would delete it. */
Test(files, what_has_lost_its_database_is_set_aside)
{
	struct store_place place = store_place(HC_DURABILITY_DISK);
	struct hc_store *store = store_open_at(&place);

	(void)store_log(store, "job.progress", "{}");
	run(&place, "cp events.db-wal copy");
	(void)hc_store_free(store);
	run(&place, "rm events.db && mv copy events.db-wal && cp events.db-wal copy");
	log_one(&place, 1);
	cr_expect(holds(&place, "cmp copy events.db.damaged-*-wal"));
	store_place_remove(&place);
}
