/* SPDX-License-Identifier: MIT */
/* The writer thread: every batch comes back once, in order, on the loop's thread. */
#include <criterion/criterion.h>
#include <pthread.h>
#include <stdlib.h>

#include "proto/fault.h"
#include "tests/unit/hub.h"

#define N_BATCHES 1000

struct bench {
	uv_loop_t loop;
	struct hc_conf *conf;
	struct hc_store *store;
	struct hc_writer *writer;
	pthread_t thread; /* of the loop */
	uint32_t n_done;
	uint64_t n_shown; /* n_done at the last after function */
	uint64_t newest;
};

static void on_done(struct hc_batch *batch)
{
	struct bench *bench = batch->owner;

	cr_assert(pthread_equal(pthread_self(), bench->thread));
	cr_assert_eq(batch->request_id, bench->n_done, "not in order");
	cr_assert_eq(batch->result, HC_BATCH_OK_);
	if (hc_batch_is_logged(batch))
		cr_assert_eq(batch->records[0]->sequence, ++bench->newest);
	bench->n_done++;
	(void)hc_batch_free(batch);
}

static void on_after(void *context)
{
	struct bench *bench = context;

	cr_assert(pthread_equal(pthread_self(), bench->thread));
	bench->n_shown = bench->n_done;
}

static void bench_open(struct bench *bench, enum hc_durability durability, const char *dir)
{
	struct hc_fault fault = HC_FAULT_NULL;

	*bench = (struct bench){ .conf = test_conf(), .thread = pthread_self() };
	free(bench->conf->log.path);
	cr_assert_gt(asprintf(&bench->conf->log.path, "%s/events.db", dir), 0);
	bench->conf->log.durability = durability;
	cr_assert_eq(uv_loop_init(&bench->loop), 0);
	cr_assert_eq(hc_store_open(&bench->store, bench->conf, &fault), 0, "%s", fault.message);
	cr_assert_eq(hc_writer_new(&bench->writer, &bench->loop, bench->store, on_after, bench), 0);
}

static void bench_close(struct bench *bench)
{
	bench->writer = hc_writer_free(bench->writer);
	while (uv_run(&bench->loop, UV_RUN_NOWAIT))
		;
	cr_expect_eq(uv_loop_close(&bench->loop), 0);
	bench->store = hc_store_free(bench->store);
	bench->conf = hc_conf_free(bench->conf);
}

static void submit(struct bench *bench, uint32_t id, const char *type)
{
	struct hc_batch *batch = test_batch(test_record(test_type(type), NULL, "{}"), NULL);

	batch->done = on_done;
	batch->owner = bench;
	batch->request_id = id;
	hc_writer_submit(bench->writer, batch);
}

static void run_through(enum hc_durability durability)
{
	char *dir = test_dir();
	struct hc_commits commits;
	struct bench bench;

	bench_open(&bench, durability, dir);
	for (uint32_t i = 0; i < N_BATCHES; i++) {
		submit(&bench, i, i % 7 == 3 ? "gpu.stats_updated" : "job.progress");
		if (i % 10 == 0) /* some come back while others go in */
			(void)uv_run(&bench.loop, UV_RUN_NOWAIT);
		cr_assert_eq(hc_writer_waiting(bench.writer), i + 1 - bench.n_done);
	}
	while (bench.n_done < N_BATCHES)
		(void)uv_run(&bench.loop, UV_RUN_ONCE);
	cr_expect_eq(hc_writer_waiting(bench.writer), 0);
	cr_expect_eq(bench.n_shown, N_BATCHES);
	cr_expect_eq(bench.store->newest, bench.newest);
	hc_writer_commits(bench.writer, &commits);
	cr_expect_eq(commits.events.sum, bench.newest, "not every event was counted once");
	cr_expect_gt(commits.durations_ns.sum, 0);
	cr_expect_eq(hc_histogram_count(&commits.events),
		     hc_histogram_count(&commits.durations_ns));
	bench_close(&bench);
	test_dir_remove(dir);
}

Test(writer, batches_come_back_once_in_order_on_the_loop)
{
	run_through(HC_DURABILITY_NONE);
}

Test(writer, batches_come_back_from_the_disk_likewise)
{
	run_through(HC_DURABILITY_PROCESS);
}

Test(writer, batches_without_anything_to_log_keep_their_place)
{
	char *dir = test_dir();
	struct bench bench;

	bench_open(&bench, HC_DURABILITY_PROCESS, dir);
	for (uint32_t i = 0; i < 100; i++)
		submit(&bench, i, "gpu.stats_updated");
	while (bench.n_done < 100)
		(void)uv_run(&bench.loop, UV_RUN_ONCE);
	cr_expect_eq(bench.store->newest, 0);
	bench_close(&bench);
	test_dir_remove(dir);
}

Test(writer, freeing_it_commits_and_hands_back_what_was_submitted)
{
	char *dir = test_dir();
	struct bench bench;

	bench_open(&bench, HC_DURABILITY_DISK, dir);
	for (uint32_t i = 0; i < N_BATCHES; i++)
		submit(&bench, i, "job.progress");
	bench.writer = hc_writer_free(bench.writer);
	cr_expect_eq(bench.n_done, N_BATCHES);
	cr_expect_eq(bench.store->newest, N_BATCHES);
	bench_close(&bench);
	test_dir_remove(dir);
}

Test(writer, one_that_never_wrote_ends_too)
{
	char *dir = test_dir();
	struct bench bench;

	bench_open(&bench, HC_DURABILITY_NONE, dir);
	cr_expect_null(hc_writer_free(NULL));
	bench_close(&bench);
	test_dir_remove(dir);
}
