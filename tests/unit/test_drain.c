/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>

#include "tests/unit/hub.h"
#include "ws/sessions/drain.h"

#define AMPLE	  (1024 * 1024)
#define CLIENTS	  40
#define DRAIN_MS  80
#define RETRY_MIN HC_DRAIN_RESTART_MS

/* ---- the plan ----------------------------------------------------------------------------- */

static const struct {
	size_t n;
	uint32_t ms;
} plans[] = { { 1, 10000 },	{ 2, 10000 },	  { 200, 1000 }, { 9000, 10000 },
	      { 20000, 10000 }, { 50000, 30000 }, { 7, 3600000 } };

Test(drain, closes_evenly_from_its_start_to_its_end)
{
	for (size_t i = 0; i < HC_ARRAY_LEN(plans); i++) {
		double step = (double)plans[i].ms / (double)plans[i].n;

		for (size_t index = 0; index < plans[i].n; index++) {
			struct hc_drain_slot slot = hc_drain_slot(index, plans[i].n, plans[i].ms);

			cr_assert_float_eq(slot.close_after_ms, step * (double)index, 1.0);
			cr_assert_lt(slot.close_after_ms, plans[i].ms);
		}
	}
}

Test(drain, nobody_comes_back_before_the_hub_can_be_and_they_come_evenly)
{
	for (size_t i = 0; i < HC_ARRAY_LEN(plans); i++) {
		double step = (double)plans[i].ms / (double)plans[i].n;

		for (size_t index = 0; index < plans[i].n; index++) {
			struct hc_drain_slot slot = hc_drain_slot(index, plans[i].n, plans[i].ms);
			double back = slot.close_after_ms + slot.retry_after_ms;

			cr_assert_float_eq(back - plans[i].ms - RETRY_MIN,
					   plans[i].ms - step * (double)index, 2.0);
		}
	}
}

Test(drain, no_two_are_told_the_same_time)
{
	for (size_t i = 0; i < HC_ARRAY_LEN(plans); i++)
		for (size_t index = 1; index < plans[i].n; index++)
			cr_assert_lt(
				hc_drain_slot(index, plans[i].n, plans[i].ms).retry_after_ms,
				hc_drain_slot(index - 1, plans[i].n, plans[i].ms).retry_after_ms);
}

Test(drain, in_no_time_all_go_at_once)
{
	for (size_t index = 0; index < 100; index++) {
		struct hc_drain_slot slot = hc_drain_slot(index, 100, 0);

		cr_expect_eq(slot.close_after_ms, 0);
		cr_expect_eq(slot.retry_after_ms, RETRY_MIN);
	}
}

/* ---- with clients ------------------------------------------------------------------------- */

static size_t count_told(const struct test_client *clients, size_t n)
{
	size_t n_told = 0;

	for (size_t i = 0; i < n; i++)
		n_told += clients[i].session.close_code == HC_CLOSE_GOING_AWAY;
	return n_told;
}

static void close_drain(struct hc_drain *drain, struct test_hub *test)
{
	hc_drain_stop(drain);
	(void)uv_run(&test->loop, UV_RUN_NOWAIT);
}

Test(drain, sends_all_away_over_its_time)
{
	struct test_client clients[CLIENTS];
	struct hc_drain drain;
	struct test_hub test;

	test_hub_open(&test, AMPLE, AMPLE);
	for (size_t i = 0; i < CLIENTS; i++)
		client_open(&clients[i], &test, "/ws/events", NULL);
	hc_drain_start(&drain, &test.hub, DRAIN_MS);
	while (drain.n_told < CLIENTS) {
		size_t n;

		(void)uv_run(&test.loop, UV_RUN_ONCE);
		n = count_told(clients, CLIENTS);
		cr_assert_leq(n, 1 + CLIENTS * (uv_now(&test.loop) - drain.started_ms) / DRAIN_MS,
			      "%zu too early", n);
		cr_assert_not(hc_drain_is_over(&drain));
	}
	cr_expect_geq(uv_now(&test.loop) - drain.started_ms, DRAIN_MS * (CLIENTS - 1) / CLIENTS);
	test_hub_settle(&test);
	for (size_t i = 0; i < CLIENTS; i++) {
		struct hc_drain_slot slot = hc_drain_slot(CLIENTS - 1 - i, CLIENTS, DRAIN_MS);
		char reason[48];

		snprintf(reason, sizeof(reason), "{\"retry_after_ms\":%u}", slot.retry_after_ms);
		client_expect_close(&clients[i], HC_CLOSE_GOING_AWAY, reason);
		client_close(&clients[i]);
	}
	cr_expect(hc_drain_is_over(&drain));
	close_drain(&drain, &test);
	test_hub_close(&test);
}

Test(drain, without_clients_it_is_over_at_once)
{
	struct hc_drain drain;
	struct test_hub test;

	test_hub_open(&test, AMPLE, AMPLE);
	hc_drain_start(&drain, &test.hub, 3600000);
	cr_expect(hc_drain_is_over(&drain));
	close_drain(&drain, &test);
	test_hub_close(&test);
}

Test(drain, those_that_do_not_answer_are_given_up)
{
	struct test_client client;
	struct hc_drain drain;
	struct test_hub test;

	test_hub_open(&test, AMPLE, AMPLE);
	client_open(&client, &test, "/ws/events", NULL);
	hc_drain_start(&drain, &test.hub, 0);
	while (!hc_drain_is_over(&drain))
		(void)uv_run(&test.loop, UV_RUN_ONCE);
	cr_expect_geq(uv_now(&test.loop) - drain.started_ms, HC_DRAIN_ANSWER_MS);
	client_close(&client);
	close_drain(&drain, &test);
	test_hub_close(&test);
}

Test(drain, in_a_hurry_all_are_told_whose_socket_takes_it)
{
	struct test_client clients[CLIENTS];
	struct hc_drain drain;
	struct test_hub test;

	test_hub_open(&test, AMPLE, AMPLE);
	for (size_t i = 0; i < CLIENTS; i++)
		client_open(&clients[i], &test, "/ws/events", NULL);
	clients[3].wire.blocked = true;
	clients[4].wire.broken = true;
	hc_session_send_text(&clients[5].session, hc_str("{}")); /* waits to be sent before it */
	hc_drain_start(&drain, &test.hub, 3600000);
	hc_drain_hurry(&drain);
	for (size_t i = 0; i < CLIENTS; i++) {
		cr_expect_eq(clients[i].session.close_code, HC_CLOSE_GOING_AWAY);
		cr_expect_eq(clients[i].wire.closed, i != 3 && i != 4, "client %zu", i);
		for (size_t j = 0; j < i; j++)
			cr_expect_neq(clients[i].session.retry_after_ms,
				      clients[j].session.retry_after_ms);
	}
	cr_expect_eq(clients[5].wire.n_writes, 2);
	cr_expect_eq(clients[5].session.waiting.len, 0);
	for (size_t i = 0; i < CLIENTS; i++)
		client_close(&clients[i]);
	close_drain(&drain, &test);
	test_hub_close(&test);
}

Test(drain, whoever_is_behind_goes_last)
{
	struct test_client clients[3];
	struct hc_drain drain;
	struct test_hub test;

	test_hub_open(&test, AMPLE, AMPLE);
	for (size_t i = 0; i < HC_ARRAY_LEN(clients); i++)
		client_open(&clients[i], &test, "/ws/events", NULL);
	clients[2].wire.blocked = true; /* the newest, which would be the first */
	test_hub_publish(&test, test_record(test_type("job.progress"), NULL, "{\"job_id\":\"1\"}"));
	hc_drain_start(&drain, &test.hub, DRAIN_MS);
	while (drain.n_told < 2)
		(void)uv_run(&test.loop, UV_RUN_ONCE);
	cr_expect_eq(clients[2].session.close_code, 0);
	while (drain.n_told < 3)
		(void)uv_run(&test.loop, UV_RUN_ONCE);
	cr_expect_eq(clients[2].session.close_code, HC_CLOSE_GOING_AWAY);
	for (size_t i = 0; i < HC_ARRAY_LEN(clients); i++)
		client_close(&clients[i]);
	close_drain(&drain, &test);
	test_hub_close(&test);
}
