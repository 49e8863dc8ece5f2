/* SPDX-License-Identifier: MIT */
/*
 * Questions to the log: who shares an answer with whom, what that saves, and that each is told and
 * given exactly its own. One client alone: test_session.c. At random: test_resume.c.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <semaphore.h>
#include <stdio.h>
#include <time.h>

#include "tests/unit/hub.h"
#include "ws/sessions/question.h"
#include "ws/sessions/resume.h"

#define RING_BYTES 6000 /* some twenty events of publish() */
#define AMPLE	   (64 * 1024 * 1024)
#define N_EVENTS   1000
#define N_CLIENTS  50

#define READS_MAX	 1000
#define WAIT_SECONDS_MAX 20

/* ---- the log, and what is read of it ------------------------------------------------------ */

static const struct hc_store_ops *real_ops;
static _Atomic size_t n_rows_read;
static sem_t may_read;

struct counted {
	hc_row_fn *fn;
	void *context;
};

static bool count_row(void *context, const struct hc_row *row)
{
	const struct counted *counted = context;

	n_rows_read++;
	return counted->fn(counted->context, row);
}

static int read_and_count(struct hc_store *store, uint64_t after, hc_row_fn *fn, void *context)
{
	struct counted counted = { fn, context };

	return real_ops->read(store, after, count_row, &counted);
}

static int fail_to_read(struct hc_store *store, uint64_t after, hc_row_fn *fn, void *context)
{
	(void)store, (void)after, (void)fn, (void)context;
	return -EIO;
}

/* Reads when the test says so. One that fails before must end nevertheless. */
static int wait_and_read(struct hc_store *store, uint64_t after, hc_row_fn *fn, void *context)
{
	struct timespec until;

	(void)clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += WAIT_SECONDS_MAX;
	while (sem_timedwait(&may_read, &until) < 0 && errno == EINTR)
		;
	return real_ops->read(store, after, fn, context);
}

/* Reads go through @read until the hub is closed. */
static void read_with(struct test_hub *test, struct hc_store_ops *ops,
		      int (*read)(struct hc_store *, uint64_t, hc_row_fn *, void *))
{
	real_ops = test->hub.store->ops;
	*ops = *real_ops;
	ops->read = read;
	test->hub.store->ops = ops;
}

static void publish(struct test_hub *test, size_t n)
{
	for (size_t i = 0; i < n; i++)
		test_hub_publish(test, test_record_sized(test_type("job.progress"), NULL, 200));
}

static void open_full(struct test_hub *test)
{
	test_hub_open(test, RING_BYTES, AMPLE);
	publish(test, N_EVENTS);
}

static void forget_answers(struct test_hub *test)
{
	hc_questions_look(test->hub.questions);
	hc_questions_look(test->hub.questions);
	cr_expect_eq(hc_questions_bytes(test->hub.questions), 0);
}

/* ---- clients ------------------------------------------------------------------------------ */

static void come_back(struct test_client *client, struct test_hub *test, uint64_t sequence)
{
	struct hc_position since = { .sequence = sequence };

	strcpy(since.epoch, test->hub.store->epoch);
	client_open(client, test, "/ws/events", &since);
}

/* It was behind @from when the newest was @to, was told so, and has all up to @end. */
static void expect_all(struct test_client *client, uint64_t from, uint64_t to, uint64_t end)
{
	client_expect_complete(client, from, to, to - from);
	client_expect_sequences(client, from + 1, end - from);
	client_expect_nothing(client);
	cr_expect_not(client->session.behind);
}

static void close_all(struct test_client *clients, size_t n)
{
	for (size_t i = 0; i < n; i++)
		client_close(&clients[i]);
}

static size_t rows_for_one(struct test_hub *test, uint64_t sequence)
{
	struct test_client client;
	size_t n_before = n_rows_read;

	come_back(&client, test, sequence);
	test_hub_settle(test);
	client_close(&client);
	return n_rows_read - n_before;
}

/* ---- what is shared ----------------------------------------------------------------------- */

Test(question, many_who_come_back_together_cost_the_log_as_much_as_one)
{
	struct test_client clients[N_CLIENTS];
	struct hc_store_ops ops;
	struct test_hub test;
	size_t n_rows;

	open_full(&test);
	read_with(&test, &ops, read_and_count);
	n_rows = rows_for_one(&test, 10);
	cr_assert_gt(n_rows, N_EVENTS);
	n_rows_read = 0;
	for (size_t i = 0; i < N_CLIENTS; i++)
		come_back(&clients[i], &test, 10);
	test_hub_settle(&test);
	cr_expect_eq(n_rows_read, n_rows);
	for (size_t i = 0; i < N_CLIENTS; i++)
		expect_all(&clients[i], 10, N_EVENTS, N_EVENTS);
	close_all(clients, N_CLIENTS);
	test.hub.store->ops = real_ops;
	test_hub_close(&test);
}

Test(question, who_comes_a_little_later_finds_the_answers)
{
	struct test_client early, late;
	struct hc_store_ops ops;
	struct test_hub test;

	open_full(&test);
	read_with(&test, &ops, read_and_count);
	come_back(&early, &test, 10);
	test_hub_settle(&test);
	n_rows_read = 0;
	come_back(&late, &test, 10);
	test_hub_settle(&test);
	cr_expect_eq(n_rows_read, 0);
	expect_all(&early, 10, N_EVENTS, N_EVENTS);
	expect_all(&late, 10, N_EVENTS, N_EVENTS);
	client_close(&late);
	cr_expect_gt(hc_questions_bytes(test.hub.questions), 0);
	forget_answers(&test);
	client_close(&early);
	test.hub.store->ops = real_ops;
	test_hub_close(&test);
}

Test(question, those_at_positions_of_their_own_share_what_lies_behind_all_of_them)
{
	struct test_client clients[N_CLIENTS], keeper;
	struct hc_store_ops ops;
	struct test_hub test;
	size_t n_rows;

	open_full(&test);
	client_open(&keeper, &test, "/ws/events", NULL); /* of the audience */
	read_with(&test, &ops, read_and_count);
	n_rows = rows_for_one(&test, 0);
	forget_answers(&test);
	n_rows_read = 0;
	for (size_t i = 0; i < N_CLIENTS; i++) {
		come_back(&clients[i], &test, i * 37 % N_CLIENTS * 5);
		test_hub_settle(&test);
	}
	cr_expect_leq(n_rows_read, 4 * n_rows, "%zu rows, %zu for one", n_rows_read, n_rows);
	for (size_t i = 0; i < N_CLIENTS; i++)
		expect_all(&clients[i], i * 37 % N_CLIENTS * 5, N_EVENTS, N_EVENTS);
	close_all(clients, N_CLIENTS);
	client_close(&keeper);
	test.hub.store->ops = real_ops;
	test_hub_close(&test);
}

Test(question, a_page_comes_for_all_who_wait_for_something_in_it)
{
	struct test_client clients[N_CLIENTS];
	struct hc_store_ops ops;
	struct test_hub test;

	open_full(&test);
	for (size_t i = 0; i < N_CLIENTS; i++) {
		come_back(&clients[i], &test, i);
		clients[i].wire.room = 0; /* takes what it is told, and no page yet */
	}
	test_hub_settle(&test);
	read_with(&test, &ops, read_and_count);
	n_rows_read = 0;
	for (size_t i = 0; i < N_CLIENTS; i++) {
		clients[i].wire.blocked = false;
		clients[i].wire.room = SIZE_MAX;
		clients[i].wire.wants_write = false;
		hc_session_on_writable(&clients[i].session);
	}
	test_hub_settle(&test);
	cr_expect_leq(n_rows_read, 5 * N_EVENTS);
	for (size_t i = 0; i < N_CLIENTS; i++)
		expect_all(&clients[i], i, N_EVENTS, N_EVENTS);
	close_all(clients, N_CLIENTS);
	test.hub.store->ops = real_ops;
	test_hub_close(&test);
}

/* ---- each is told and given its own ------------------------------------------------------- */

Test(question, who_joins_is_told_of_what_has_come_since)
{
	struct test_client early, late;
	struct test_hub test;

	open_full(&test);
	come_back(&early, &test, 10);
	publish(&test, 3);
	come_back(&late, &test, 10);
	test_hub_settle(&test);
	expect_all(&early, 10, N_EVENTS + 3, N_EVENTS + 3);
	expect_all(&late, 10, N_EVENTS + 3, N_EVENTS + 3);
	client_close(&early);
	client_close(&late);
	test_hub_close(&test);
}

Test(question, a_count_is_true_when_the_ring_has_moved_on_meanwhile)
{
	struct test_client early, late;
	struct test_hub test;

	open_full(&test);
	come_back(&early, &test, 10);
	publish(&test, 100);
	test_hub_settle(&test);
	expect_all(&early, 10, N_EVENTS, N_EVENTS + 100);
	publish(&test, 100);
	come_back(&late, &test, 10);
	test_hub_settle(&test);
	expect_all(&late, 10, N_EVENTS + 200, N_EVENTS + 200);
	client_close(&early);
	client_close(&late);
	test_hub_close(&test);
}

Test(question, who_begins_before_a_counted_position_is_told_the_sum)
{
	struct test_client first, before, between;
	struct test_hub test;

	open_full(&test);
	come_back(&first, &test, 700);
	test_hub_settle(&test);
	come_back(&before, &test, 10);
	test_hub_settle(&test);
	publish(&test, 2);
	come_back(&between, &test, 400);
	test_hub_settle(&test);
	client_expect_complete(&first, 700, N_EVENTS, N_EVENTS - 700);
	client_expect_complete(&before, 10, N_EVENTS, N_EVENTS - 10);
	client_expect_complete(&between, 400, N_EVENTS + 2, N_EVENTS + 2 - 400);
	client_close(&first);
	client_close(&before);
	client_close(&between);
	test_hub_close(&test);
}

/* The log has forgotten what lies behind @after: the client is told so before what is left. */
static void expect_trimmed(struct test_client *client, uint64_t after)
{
	const struct hc_store *store = client->session.hub->store;
	json_t *message = client_next(client), *payload = json_object_get(message, "payload");
	uint64_t n_left = store->newest - store->oldest + 1;

	cr_assert_gt(store->oldest, after + 1);
	cr_assert(message);
	cr_expect_str_eq(json_string_value(json_object_get(payload, "reason")), "trimmed");
	cr_expect_eq(json_integer_value(json_object_get(payload, "replayed")), (json_int_t)n_left);
	json_decref(message);
	client_expect_sequences(client, store->oldest, n_left);
	client_expect_nothing(client);
}

Test(question, what_was_counted_and_is_trimmed_now_is_counted_anew)
{
	struct test_client early, late;
	struct test_hub test;
	uint64_t oldest;

	test_hub_open(&test, RING_BYTES, 100000);
	publish(&test, N_EVENTS);
	oldest = test.hub.store->oldest;
	come_back(&early, &test, oldest);
	test_hub_settle(&test);
	expect_all(&early, oldest, N_EVENTS, N_EVENTS);
	publish(&test, 10);
	come_back(&late, &test, oldest);
	test_hub_settle(&test);
	expect_trimmed(&late, oldest);
	client_close(&early);
	client_close(&late);
	test_hub_close(&test);
}

Test(question, what_is_trimmed_while_the_rest_is_counted_is_not_in_the_sum)
{
	struct test_client early, late;
	struct hc_store_ops ops;
	struct test_hub test;
	uint64_t oldest;

	test_hub_open(&test, RING_BYTES, 100000);
	publish(&test, N_EVENTS);
	oldest = test.hub.store->oldest;
	come_back(&early, &test, oldest + 3);
	test_hub_settle(&test);
	expect_all(&early, oldest + 3, N_EVENTS, N_EVENTS);
	cr_assert_eq(sem_init(&may_read, 0, 0), 0);
	read_with(&test, &ops, wait_and_read);
	come_back(&late, &test, oldest);
	publish(&test, 10);
	for (int i = 0; i < READS_MAX; i++)
		(void)sem_post(&may_read);
	test_hub_settle(&test);
	expect_trimmed(&late, oldest);
	client_close(&early);
	client_close(&late);
	test.hub.store->ops = real_ops;
	test_hub_close(&test);
}

Test(question, who_begins_before_one_that_was_told_what_is_trimmed_shares_its_count)
{
	struct test_client first, second;
	struct hc_store_ops ops;
	struct test_hub test;
	uint64_t oldest, n_rows;

	test_hub_open(&test, RING_BYTES, 100000);
	publish(&test, N_EVENTS);
	oldest = test.hub.store->oldest;
	come_back(&first, &test, oldest - 50);
	test_hub_settle(&test);
	expect_trimmed(&first, oldest - 50);
	read_with(&test, &ops, read_and_count);
	n_rows = n_rows_read;
	come_back(&second, &test, oldest - 80);
	test_hub_settle(&test);
	expect_trimmed(&second, oldest - 80);
	cr_expect_leq(n_rows_read - n_rows, 2, "%zu rows", (size_t)(n_rows_read - n_rows));
	client_close(&first);
	client_close(&second);
	test.hub.store->ops = real_ops;
	test_hub_close(&test);
}

/* ---- those who go their own way ----------------------------------------------------------- */

Test(question, one_who_leaves_or_wants_something_else_leaves_the_others_their_answer)
{
	struct hc_filter alerts = HC_FILTER_NONE;
	struct test_client clients[4];
	struct test_hub test;

	open_full(&test);
	(void)hc_filter_add_pattern(&alerts, test_types(), HC_STR("alert.*"));
	for (size_t i = 0; i < HC_ARRAY_LEN(clients); i++)
		come_back(&clients[i], &test, 10);
	cr_assert(clients[1].session.question);
	client_close(&clients[1]);
	cr_assert(hc_session_set_filter(&clients[2].session, &alerts));
	test_hub_settle(&test);
	test_hub_publish(&test, test_record(test_type("alert.created"), NULL, "{}"));
	expect_all(&clients[0], 10, N_EVENTS, N_EVENTS + 1);
	client_expect_complete(&clients[2], 10, N_EVENTS, 0);
	client_expect_sequences(&clients[2], N_EVENTS + 1, 1);
	expect_all(&clients[3], 10, N_EVENTS, N_EVENTS + 1);
	client_close(&clients[0]);
	close_all(clients + 2, 2);
	test_hub_close(&test);
}

Test(question, a_question_that_nobody_waits_for_any_more_is_not_asked)
{
	struct test_client client, keeper;
	struct test_hub test;

	open_full(&test);
	client_open(&keeper, &test, "/ws/events", NULL); /* of the audience */
	come_back(&client, &test, 10);
	client_close(&client);
	test_hub_settle(&test);
	cr_expect_eq(hc_questions_bytes(test.hub.questions), 0);
	client_close(&keeper);
	test_hub_close(&test);
}

Test(question, who_cannot_be_served_holds_no_answer)
{
	struct test_client client;
	struct test_hub test;

	open_full(&test);
	come_back(&client, &test, 10);
	client.wire.room = 0;
	client.wire.blocked = true;
	test_hub_settle(&test);
	cr_expect_null(client.session.question);
	forget_answers(&test);
	client.wire.blocked = false;
	client.wire.room = SIZE_MAX;
	test_hub_settle(&test);
	expect_all(&client, 10, N_EVENTS, N_EVENTS);
	client_close(&client);
	test_hub_close(&test);
}

Test(question, what_was_forgotten_under_those_who_wait_is_asked_anew)
{
	struct test_client clients[2];
	struct test_hub test;

	open_full(&test);
	for (size_t i = 0; i < HC_ARRAY_LEN(clients); i++)
		come_back(&clients[i], &test, 10);
	hc_questions_forget(test.hub.questions);
	cr_expect_null(clients[0].session.question);
	test_hub_settle(&test);
	for (size_t i = 0; i < HC_ARRAY_LEN(clients); i++)
		expect_all(&clients[i], 10, N_EVENTS, N_EVENTS);
	close_all(clients, HC_ARRAY_LEN(clients));
	test_hub_close(&test);
}

Test(question, a_log_that_cannot_be_read_ends_all_who_ask_for_it)
{
	struct test_client clients[3], live;
	struct hc_store_ops ops;
	struct test_hub test;

	open_full(&test);
	client_open(&live, &test, "/ws/events", NULL);
	read_with(&test, &ops, fail_to_read);
	for (size_t i = 0; i < HC_ARRAY_LEN(clients); i++)
		come_back(&clients[i], &test, 10);
	test_hub_settle(&test);
	for (size_t i = 0; i < HC_ARRAY_LEN(clients); i++)
		client_expect_close(&clients[i], HC_CLOSE_INTERNAL, "the log cannot be read");
	test.hub.store->ops = real_ops;
	publish(&test, 1);
	client_expect_sequences(&live, N_EVENTS + 1, 1);
	close_all(clients, HC_ARRAY_LEN(clients));
	client_close(&live);
	test_hub_close(&test);
}

/* ---- memory ------------------------------------------------------------------------------- */

static void stop_turns(uv_handle_t *handle, void *context)
{
	(void)context;
	if (handle->type == UV_PREPARE)
		(void)uv_prepare_stop((uv_prepare_t *)handle);
}

/* Clients of an audience each, which is asked for a page of its own. */
static void open_audiences(struct test_client *clients, size_t n, struct test_hub *test)
{
	for (size_t i = 0; i < n; i++) {
		struct hc_position since = { .sequence = 0 };
		struct hc_filter filter = HC_FILTER_NONE;

		strcpy(since.epoch, test->hub.store->epoch);
		filter.bits[0] = i;
		(void)hc_filter_add_pattern(&filter, test_types(), HC_STR("job.*"));
		client_open(&clients[i], test, "/ws/events", NULL);
		cr_assert(hc_session_set_filter(&clients[i].session, &filter));
		hc_resume(&clients[i].session, &since);
		clients[i].wire.room = 0; /* it is told, and takes no page */
	}
	cr_assert_eq(hc_audiences_size(test->hub.audiences), n);
	test_hub_settle(test);
	for (size_t i = 0; i < n; i++) {
		clients[i].wire.blocked = false;
		clients[i].wire.room = SIZE_MAX;
		hc_session_on_writable(&clients[i].session);
		cr_assert(clients[i].session.question);
	}
}

/* The pages take 4 MiB each, and nobody is served: two of them, and those that were being read. */
Test(question, while_answers_wait_for_their_turn_only_so_many_are_made)
{
	struct test_client clients[8];
	size_t bytes, n_running, n_waiting;
	struct test_hub test;

	test_hub_open(&test, RING_BYTES, AMPLE);
	test_hub_publish(&test, test_record_sized(test_type("job.progress"), NULL, 3 << 20));
	publish(&test, 100);
	open_audiences(clients, HC_ARRAY_LEN(clients), &test);
	uv_walk(&test.loop, stop_turns, NULL);
	while (!hc_catchup_is_idle(test.hub.catchup))
		(void)uv_run(&test.loop, UV_RUN_ONCE);
	bytes = hc_questions_bytes(test.hub.questions);
	hc_catchup_count(test.hub.catchup, &n_running, &n_waiting);
	cr_expect_gt(bytes, 8 << 20);
	cr_expect_lt(bytes, 20 << 20);
	cr_expect_geq(n_waiting, HC_ARRAY_LEN(clients) - 4);
	test_hub_settle(&test);
	cr_expect_leq(hc_questions_bytes(test.hub.questions), 8 << 20);
	for (size_t i = 0; i < HC_ARRAY_LEN(clients); i++)
		expect_all(&clients[i], 0, 101, 101);
	close_all(clients, HC_ARRAY_LEN(clients));
	test_hub_close(&test);
}
