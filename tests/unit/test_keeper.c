/* SPDX-License-Identifier: MIT */
/* The keeper: whoever is told that a revocation is saved can rely on the file. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "proto/fault.h"
#include "tests/unit/hub.h"
#include "ws/auth/keeper.h"
#include "ws/auth/revocations.h"

struct office {
	char *dir, *path;
	uv_loop_t loop;
	struct hc_revocations *revocations;
	struct hc_keeper *keeper;
};

struct customer {
	struct hc_keeper_job job;
	struct office *office;
	size_t n_wanted; /* entries that the file must have when it is done */
	int wanted;	 /* result */
	bool is_done;
	struct customer *follower; /* asks when this one is done; or NULL */
};

static size_t count_in_file(const char *path)
{
	HC_CLEANUP(hc_revocations_freep) struct hc_revocations *saved = NULL;

	cr_assert_eq(hc_revocations_open(&saved, path, NULL), 0);
	return hc_revocations_count(saved);
}

static void revoke_and_ask(struct customer *customer);

static void on_done(struct hc_keeper_job *job, int result)
{
	struct customer *customer = hc_container_of(job, struct customer, job);

	cr_expect_eq(result, customer->wanted);
	cr_expect_not(customer->is_done, "told twice");
	if (!result)
		cr_expect_geq(count_in_file(customer->office->path), customer->n_wanted);
	customer->is_done = true;
	if (customer->follower)
		revoke_and_ask(customer->follower);
}

static void revoke_and_ask(struct customer *customer)
{
	struct hc_revocations *revocations = customer->office->revocations;
	struct hc_revocation revocation = { .of = HC_REVOCATION_JTI, .since_unix_s = 1 };
	char name[32];

	(void)snprintf(name, sizeof(name), "t%zu", hc_revocations_count(revocations));
	revocation.name = hc_str(name);
	cr_assert_eq(hc_revocations_add(revocations, &revocation), 0);
	customer->n_wanted = hc_revocations_count(revocations);
	customer->job.done = on_done;
	hc_keeper_save(customer->office->keeper, &customer->job);
	cr_expect_not(customer->is_done, "told at once");
}

static void office_open(struct office *office, const char *path)
{
	*office = (struct office){ .dir = test_dir() };
	if (path)
		office->path = strdup(path);
	else
		cr_assert_gt(asprintf(&office->path, "%s/revocations", office->dir), 0);
	cr_assert_eq(uv_loop_init(&office->loop), 0);
	cr_assert_eq(hc_revocations_open(&office->revocations, office->path, NULL), 0);
	cr_assert_eq(hc_keeper_new(&office->keeper, &office->loop, office->revocations), 0);
}

static void office_close(struct office *office)
{
	(void)hc_keeper_free(office->keeper);
	(void)hc_revocations_free(office->revocations);
	cr_expect_eq(uv_loop_close(&office->loop), 0, "something is left on the loop");
	free(office->path);
	test_dir_remove(office->dir);
}

Test(keeper, everybody_who_asks_is_told_once_it_is_in_the_file)
{
	struct customer customers[100] = { { .office = NULL } }, last = { .office = NULL };
	struct office office;

	office_open(&office, NULL);
	last.office = &office;
	for (size_t i = 0; i < HC_ARRAY_LEN(customers); i++) {
		customers[i].office = &office;
		if (i == 0) /* asks from within the answer, while others wait */
			customers[i].follower = &last;
		revoke_and_ask(&customers[i]);
	}
	(void)uv_run(&office.loop, UV_RUN_DEFAULT);
	for (size_t i = 0; i < HC_ARRAY_LEN(customers); i++)
		cr_expect(customers[i].is_done, "%zu", i);
	cr_expect(last.is_done);
	cr_expect_eq(count_in_file(office.path), HC_ARRAY_LEN(customers) + 1);
	office_close(&office);
}

Test(keeper, a_failure_is_told_and_the_next_one_is_tried)
{
	struct customer customers[3] = { { .office = NULL } };
	struct office office;

	office_open(&office, "/nonexistent/revocations");
	for (size_t i = 0; i < HC_ARRAY_LEN(customers); i++) {
		customers[i] = (struct customer){ .office = &office, .wanted = -ENOENT };
		revoke_and_ask(&customers[i]);
		if (i == 1)
			(void)uv_run(&office.loop, UV_RUN_DEFAULT);
	}
	(void)uv_run(&office.loop, UV_RUN_DEFAULT);
	for (size_t i = 0; i < HC_ARRAY_LEN(customers); i++)
		cr_expect(customers[i].is_done, "%zu", i);
	office_close(&office);
}
