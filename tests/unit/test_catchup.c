/* SPDX-License-Identifier: MIT */
/* Catching up: what a job looks at, what it takes of it, and where it stops. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>

#include "tests/unit/hub.h"

/* The answer to one job, copied. */
struct answer {
	bool done;
	uint64_t n;
	uint64_t last;
	int error;
	struct hc_buffer page;
};

static void on_done(struct hc_catchup_job *job)
{
	struct answer *answer = job->owner;

	cr_assert_not(answer->done, "answered twice");
	answer->done = true;
	answer->n = job->n;
	answer->last = job->last;
	answer->error = job->error;
	if (job->page.len)
		hc_buffer_append(&answer->page, job->page.data, job->page.len);
}

static void encode_sequence(struct hc_catchup_job *job, const struct hc_event *event)
{
	hc_buffer_printf(&job->page, "%llu ", (unsigned long long)event->sequence);
}

static struct hc_catchup_job *job_for(struct answer *answer, uint64_t after, const char *pattern)
{
	struct hc_catchup_job *job = hc_catchup_job_new(on_done, answer, after);

	*answer = (struct answer){ .done = false };
	cr_assert(job);
	(void)hc_filter_add_pattern(&job->filter, test_types(), hc_str(pattern));
	return job;
}

static void run_job(struct test_hub *test, struct hc_catchup_job *job, uint64_t n, uint64_t last)
{
	struct answer *answer = job->owner;

	hc_catchup_submit(test->hub.catchup, job);
	test_hub_settle(test);
	cr_expect(answer->done);
	cr_expect_eq(answer->error, 0);
	cr_expect_eq(answer->n, n, "%llu", (unsigned long long)answer->n);
	cr_expect_eq(answer->last, last, "%llu", (unsigned long long)answer->last);
}

static void expect_answer(struct test_hub *test, struct hc_catchup_job *job, uint64_t n,
			  uint64_t last, const char *page)
{
	struct answer *answer = job->owner;

	run_job(test, job, n, last);
	cr_expect(hc_str_is((struct hc_str){ answer->page.data, answer->page.len }, page),
		  "\"%.*s\"", (int)answer->page.len, answer->page.data);
	hc_buffer_deinit(&answer->page);
}

/* Ten events: 1 3 5 7 9 of jobs, 2 6 10 of alerts, 4 for alice and 8 for bob. */
static void fill(struct test_hub *test)
{
	for (int i = 1; i <= 10; i++)
		test_hub_log(test, test_record(test_type(i % 2	 ? "job.progress"
							 : i % 4 ? "alert.created"
								 : "task.update"),
					       i == 4	? "alice"
					       : i == 8 ? "bob"
							: NULL,
					       "{}"));
}

Test(catchup, counts_or_takes_what_is_wanted)
{
	struct hc_catchup_job *job;
	struct answer answer;
	struct test_hub test;

	test_hub_open(&test, 100000, 100000);
	fill(&test);
	expect_answer(&test, job_for(&answer, 0, "*"), 8, 10, "");
	expect_answer(&test, job_for(&answer, 5, "*"), 4, 10, "");
	expect_answer(&test, job_for(&answer, 10, "*"), 0, 10, "");
	expect_answer(&test, job_for(&answer, 0, "no.such"), 0, 10, "");

	job = job_for(&answer, 0, "job.*");
	job->encode = encode_sequence;
	expect_answer(&test, job, 5, 10, "1 3 5 7 9 ");
	job = job_for(&answer, 3, "*");
	job->encode = encode_sequence;
	job->user = strdup("alice");
	expect_answer(&test, job, 6, 10, "4 5 6 7 9 10 ");
	job = job_for(&answer, 3, "*");
	job->encode = encode_sequence;
	job->all_users = true;
	expect_answer(&test, job, 7, 10, "4 5 6 7 8 9 10 ");
	test_hub_close(&test);
}

Test(catchup, stops_where_it_is_told_to_and_no_event_is_between_two_pages)
{
	struct hc_catchup_job *job;
	struct answer answer;
	struct test_hub test;

	test_hub_open(&test, 100000, 100000);
	fill(&test);
	job = job_for(&answer, 1, "*");
	job->until = 6;
	expect_answer(&test, job, 4, 6, "");

	/* The first event that does not fit is looked at again; those before it are not. */
	job = job_for(&answer, 0, "alert.*");
	job->encode = encode_sequence;
	job->n_max = 2;
	expect_answer(&test, job, 2, 9, "2 6 ");
	job = job_for(&answer, 9, "alert.*");
	job->encode = encode_sequence;
	job->n_max = 2;
	expect_answer(&test, job, 1, 10, "10 ");

	job = job_for(&answer, 0, "job.*");
	job->encode = encode_sequence;
	job->bytes_max = 5;
	expect_answer(&test, job, 2, 4, "1 3 ");
	job = job_for(&answer, 0, "job.*");
	job->encode = encode_sequence;
	job->bytes_max = 1; /* one event always goes */
	expect_answer(&test, job, 1, 2, "1 ");
	test_hub_close(&test);
}

Test(catchup, one_that_has_no_time_left_says_how_far_it_came)
{
	uint64_t last = 0, n_jobs = 0, n = 0;
	struct hc_catchup_job *job;
	struct answer answer;
	struct test_hub test;

	test_hub_open(&test, 1000000, 1000000);
	for (int i = 0; i < 2000; i++)
		test_hub_log(&test, test_record(test_type(i == 1700 ? "task.update" : "job.failed"),
						NULL, "{}"));
	while (last < 2000 && ++n_jobs < 100) {
		job = job_for(&answer, last, "task.*");
		job->ns_max = 0;
		hc_catchup_submit(test.hub.catchup, job);
		test_hub_settle(&test);
		cr_assert(answer.done);
		cr_assert_gt(answer.last, last);
		last = answer.last;
		n += answer.n;
	}
	cr_expect_gt(n_jobs, 2);
	cr_expect_eq(n, 1);
	test_hub_close(&test);
}

Test(catchup, a_frame_is_that_of_the_ring)
{
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer wanted = HC_BUFFER_NULL;
	struct answer answer;
	struct test_hub test;

	test_hub_open(&test, 100000, 100000);
	fill(&test);
	for (unsigned int i = 0; i < HC_ENVELOPE_MAX_ * HC_FRAMING_MAX_; i++) {
		struct hc_catchup_job *job = job_for(&answer, 0, "*");

		job->encoding =
			(struct hc_encoding){ (enum hc_envelope)(i / HC_FRAMING_MAX_), HC_TIME_UNIX,
					      (enum hc_framing)(i % HC_FRAMING_MAX_) };
		job->encode = hc_catchup_encode_frame;
		job->all_users = true;
		hc_buffer_reset(&wanted);
		for (uint64_t slot = 0; slot < 10; slot++)
			hc_ring_encode(test.hub.ring, hc_ring_at(test.hub.ring, slot),
				       job->encoding, &wanted);
		run_job(&test, job, 10, 10);
		cr_expect_eq(answer.page.len, wanted.len);
		cr_expect(hc_str_equal((struct hc_str){ answer.page.data, answer.page.len },
				       (struct hc_str){ wanted.data, wanted.len }));
		hc_buffer_deinit(&answer.page);
	}
	test_hub_close(&test);
}

Test(catchup, an_answer_that_nobody_wants_any_more_is_not_given)
{
	struct answer answers[20] = { 0 };
	struct hc_catchup_job *jobs[20];
	struct test_hub test;

	test_hub_open(&test, 100000, 100000);
	fill(&test);
	for (size_t i = 0; i < HC_ARRAY_LEN(jobs); i++) {
		jobs[i] = job_for(&answers[i], 0, "*");
		jobs[i]->user = strdup("alice");
		hc_catchup_submit(test.hub.catchup, jobs[i]);
	}
	for (size_t i = 0; i < HC_ARRAY_LEN(jobs); i += 2)
		jobs[i]->owner = NULL;
	test_hub_settle(&test);
	for (size_t i = 0; i < HC_ARRAY_LEN(jobs); i++)
		cr_expect_eq(answers[i].done, i % 2, "%zu", i);
	test_hub_close(&test);
}

Test(catchup, more_jobs_than_run_at_once_are_all_done)
{
	struct answer answers[20];
	struct test_hub test;

	test_hub_open(&test, 100000, 100000);
	fill(&test);
	for (size_t i = 0; i < HC_ARRAY_LEN(answers); i++)
		hc_catchup_submit(test.hub.catchup, job_for(&answers[i], i, "*"));
	cr_expect_not(hc_catchup_is_idle(test.hub.catchup));
	test_hub_settle(&test);
	for (size_t i = 0; i < HC_ARRAY_LEN(answers); i++)
		cr_expect(answers[i].done && answers[i].last == (i < 10 ? 10 : i), "%zu", i);
	test_hub_close(&test);
}

static int fail_to_read(struct hc_store *store, uint64_t after, hc_row_fn *fn, void *context)
{
	(void)store;
	(void)after;
	(void)fn;
	(void)context;
	return -EIO;
}

Test(catchup, a_log_that_cannot_be_read_is_told)
{
	struct hc_store_ops ops = { .name = "broken", .read = fail_to_read };
	struct answer answer;
	struct test_hub test;
	const struct hc_store_ops *good;

	test_hub_open(&test, 100000, 100000);
	good = test.hub.store->ops;
	test.hub.store->ops = &ops;
	hc_catchup_submit(test.hub.catchup, job_for(&answer, 0, "*"));
	test_hub_settle(&test);
	cr_expect(answer.done);
	cr_expect_eq(answer.error, -EIO);
	test.hub.store->ops = good;
	test_hub_close(&test);
}
