/* SPDX-License-Identifier: MIT */
/*
 * Sessions: up to date, behind in the ring, behind in the log, and back; who stalls, who hears
 * nothing, who goes. Positions at random: test_resume.c. What clients say: test_message.c.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <semaphore.h>
#include <stdio.h>
#include <time.h>

#include "proto/fault.h"
#include "tests/unit/hub.h"
#include "ws/sessions/replay.h"
#include "ws/sessions/resume.h"

#define RING_BYTES 6000	  /* some twenty events of publish() */
#define LOG_BYTES  100000 /* some three hundred */
#define AMPLE	   (64 * 1024 * 1024)

#define PLUG_SECONDS_MAX 20

static void publish(struct test_hub *test, size_t n)
{
	for (size_t i = 0; i < n; i++)
		test_hub_publish(test, test_record_sized(test_type("job.progress"), NULL, 200));
}

/* Its socket is full after the next write. */
static void block(struct test_client *client)
{
	client->wire.room = 0;
}

static void unblock(struct test_hub *test, struct test_client *client)
{
	client->wire.blocked = false;
	client->wire.room = SIZE_MAX;
	test_hub_settle(test);
}

static struct hc_position position(const struct test_hub *test, uint64_t sequence)
{
	struct hc_position position = { .sequence = sequence };

	strcpy(position.epoch, test->hub.store->epoch);
	return position;
}

static void connect_at(struct test_client *client, struct test_hub *test, uint64_t sequence)
{
	struct hc_position since = position(test, sequence);

	client_open(client, test, "/ws/events", &since);
	test_hub_settle(test);
}

/* What connection.resumed says when something was missed. */
struct missed {
	const char *reason;
	struct hc_position from;
	uint64_t to;
	uint64_t replayed;
	struct hc_position missed_from;
	uint64_t missed_to;
	uint64_t state;
};

static void expect_missed(struct test_client *client, const struct missed *missed)
{
	const char *epoch = client->session.hub->store->epoch;
	char json[512];

	(void)snprintf(json, sizeof(json),
		       "{\"type\":\"connection.resumed\",\"timestamp\":\"*\",\"payload\":{"
		       "\"from\":\"%s-%llu\",\"to\":\"%s-%llu\",\"replayed\":%llu,"
		       "\"complete\":false,\"reason\":\"%s\",\"missed_from\":\"%s-%llu\","
		       "\"missed_to\":\"%s-%llu\",\"state\":%llu}}",
		       missed->from.epoch, (unsigned long long)missed->from.sequence, epoch,
		       (unsigned long long)missed->to, (unsigned long long)missed->replayed,
		       missed->reason, missed->missed_from.epoch,
		       (unsigned long long)missed->missed_from.sequence, epoch,
		       (unsigned long long)missed->missed_to, (unsigned long long)missed->state);
	client_expect(client, json);
}

/* ---- up to date --------------------------------------------------------------------------- */

Test(session, one_that_is_up_to_date_gets_a_turn_in_one_write)
{
	struct test_client clients[3];
	struct test_hub test;

	test_hub_open(&test, AMPLE, AMPLE);
	publish(&test, 5); /* before they came */
	for (size_t i = 0; i < HC_ARRAY_LEN(clients); i++)
		client_open(&clients[i], &test, "/ws/events", NULL);
	test_hub_show(&test);
	for (int i = 0; i < 10; i++)
		test_hub_log(&test, test_record(test_type("job.progress"), NULL, "{}"));
	test_hub_show(&test);
	for (size_t i = 0; i < HC_ARRAY_LEN(clients); i++) {
		cr_expect_eq(clients[i].wire.n_writes, 1);
		cr_expect_not(clients[i].wire.wants_write);
		client_expect_sequences(&clients[i], 6, 10);
		client_expect_nothing(&clients[i]);
		client_close(&clients[i]);
	}
	test_hub_close(&test);
}

Test(session, gets_what_its_endpoint_has_in_its_envelope)
{
	struct test_client events, tasks;
	struct test_hub test;

	test_hub_open(&test, AMPLE, AMPLE);
	client_open(&events, &test, "/ws/events", NULL);
	client_open(&tasks, &test, "/ws/tasks", NULL);
	cr_expect_eq(events.session.endpoint->n_clients, 1);
	test_hub_log(&test, test_record(test_type("task.update"), NULL, "{\"task\":{\"id\":1}}"));
	test_hub_log(&test, test_record(test_type("gpu.stats_updated"), NULL, "{\"n\":1}"));
	test_hub_log(&test, test_record(test_type("job.progress"), "alice", "{}"));
	test_hub_show(&test);
	client_expect(&events, "{\"type\":\"task.update\",\"payload\":{\"task\":{\"id\":1}},"
			       "\"timestamp\":\"2026-01-01T00:00:00.000Z\",\"sequence\":1,"
			       "\"channel\":\"tasks\"}");
	client_expect(&events, "{\"type\":\"gpu.stats_updated\",\"payload\":{\"n\":1},"
			       "\"timestamp\":\"2026-01-01T00:00:00.000Z\",\"channel\":\"gpu\"}");
	client_expect_nothing(&events);
	client_expect(&tasks, "{\"type\":\"task.update\",\"task\":{\"id\":1}}");
	client_expect_nothing(&tasks);
	client_close(&events);
	client_close(&tasks);
	cr_expect_eq(hc_endpoints_at(test.hub.endpoints, 0)->n_clients, 0);
	cr_expect_eq(test.hub.sessions->n, 0);
	test_hub_close(&test);
}

Test(session, a_snapshot_comes_before_what_is_new)
{
	struct test_client client, device;
	struct test_hub test;

	test_hub_open(&test, AMPLE, AMPLE);
	test_hub_publish(&test,
			 test_record(test_type("component.status"), NULL, "{\"component\":\"x\"}"));
	test_hub_publish(&test, test_record(test_type("component.status"), "alice",
					    "{\"component\":\"y\"}"));
	test_hub_publish(&test,
			 test_record(test_type("device.mounted"), NULL, "{\"mount_path\":\"/a\"}"));
	test_hub_publish(&test, test_record(test_type("detector.status"), NULL, "{\"n\":1}"));
	client_open(&client, &test, "/ws/status", NULL);
	client_open(&device, &test, "/ws/device", NULL);
	test_hub_publish(&test, test_record(test_type("detector.status"), NULL, "{\"n\":2}"));
	test_hub_settle(&test);
	client_expect(&client, "{\"type\":\"component.status\",\"data\":{\"component\":\"x\"},"
			       "\"timestamp\":\"*\"}");
	client_expect(&client,
		      "{\"type\":\"detector.status\",\"data\":{\"n\":1},\"timestamp\":\"*\"}");
	client_expect(&client,
		      "{\"type\":\"detector.status\",\"data\":{\"n\":2},\"timestamp\":\"*\"}");
	client_expect_nothing(&client);
	client_expect_nothing(&device);
	client_close(&client);
	client_close(&device);
	test_hub_close(&test);
}

/* Whoever patches what it has at those paths only would have next to nothing. */
Test(session, a_snapshot_does_not_say_what_once_changed)
{
	struct test_client client;
	struct test_hub test;

	test_hub_open(&test, AMPLE, AMPLE);
	test_hub_publish(&test, test_record(test_type("device.status"), NULL,
					    "{\"device\":{\"a\":1},\"changed\":[\"a\"],\"b\":2}"));
	client_open(&client, &test, "/ws/device", NULL);
	test_hub_publish(&test, test_record(test_type("device.status"), NULL,
					    "{\"device\":{\"a\":2},\"changed\":[\"a\"]}"));
	test_hub_settle(&test);
	client_expect(&client, "{\"type\":\"device.status\",\"device\":{\"a\":1},\"b\":2}");
	client_expect(&client,
		      "{\"type\":\"device.status\",\"device\":{\"a\":2},\"changed\":[\"a\"]}");
	client_expect_nothing(&client);
	client_close(&client);
	test_hub_close(&test);
}

/* ---- behind ------------------------------------------------------------------------------- */

Test(session, one_that_was_blocked_goes_on_from_the_ring)
{
	struct test_client slow, quick;
	struct test_hub test;

	test_hub_open(&test, AMPLE, AMPLE);
	client_open(&slow, &test, "/ws/events", NULL);
	client_open(&quick, &test, "/ws/events", NULL);
	block(&slow);
	publish(&test, 50);
	cr_expect(slow.session.behind);
	cr_expect_eq(slow.wire.n_writes, 1);
	client_expect_sequences(&quick, 1, 50);
	unblock(&test, &slow);
	cr_expect_not(slow.session.behind);
	cr_expect_eq(slow.wire.n_writes, 2);
	publish(&test, 1);
	client_expect_sequences(&slow, 1, 51);
	client_expect_nothing(&slow);
	client_close(&slow);
	client_close(&quick);
	test_hub_close(&test);
}

Test(session, one_that_the_ring_left_behind_goes_on_from_the_log)
{
	struct test_client client;
	struct test_hub test;

	test_hub_open(&test, RING_BYTES, LOG_BYTES);
	client_open(&client, &test, "/ws/events", NULL);
	block(&client);
	publish(&test, 200);
	cr_expect_gt(hc_ring_first(test.hub.ring), 100);
	unblock(&test, &client);
	cr_expect_not(client.session.behind);
	publish(&test, 1);
	client_expect_sequences(&client, 1, 201);
	client_expect_nothing(&client);
	client_close(&client);
	test_hub_close(&test);
}

Test(session, a_turn_larger_than_the_ring_comes_from_the_log)
{
	struct test_client client;
	struct test_hub test;

	test_hub_open(&test, RING_BYTES, LOG_BYTES);
	client_open(&client, &test, "/ws/events", NULL);
	for (int i = 0; i < 100; i++)
		test_hub_log(&test, test_record_sized(test_type("job.progress"), NULL, 200));
	test_hub_show(&test);
	test_hub_settle(&test);
	client_expect_sequences(&client, 1, 100);
	client_expect_nothing(&client);
	cr_expect_not(client.session.behind);
	client_close(&client);
	test_hub_close(&test);
}

Test(session, one_that_the_log_left_behind_is_told_first_what_it_missed)
{
	struct test_client client;
	struct test_hub test;
	uint64_t oldest;

	test_hub_open(&test, RING_BYTES, LOG_BYTES);
	client_open(&client, &test, "/ws/events", NULL);
	block(&client);
	publish(&test, 1000);
	oldest = test.hub.store->oldest;
	cr_assert_gt(oldest, 500);
	unblock(&test, &client);
	client_expect_sequences(&client, 1, 1);
	expect_missed(&client, &(struct missed){ .reason = "lagged",
						 .from = position(&test, 1),
						 .to = 1000,
						 .missed_from = position(&test, 2),
						 .missed_to = oldest - 1 });
	client_expect_sequences(&client, oldest, 1000 - oldest + 1);
	client_expect_nothing(&client);
	client_close(&client);
	test_hub_close(&test);
}

Test(session, memory_for_one_that_does_not_read_is_bounded)
{
	struct test_client client;
	struct test_hub test;
	size_t cap_max = 0;

	test_hub_open(&test, 100000, AMPLE);
	client_open(&client, &test, "/ws/events", NULL);
	block(&client);
	for (int i = 0; i < 3000; i++) {
		test_hub_publish(&test, test_record_sized(test_type("job.progress"), NULL, 1000));
		cr_assert_leq(client.session.waiting.cap, 0);
	}
	while (client.session.behind) { /* it takes one write after the other */
		client.wire.blocked = false;
		test_hub_settle(&test);
		if (client.session.waiting.cap > cap_max)
			cap_max = client.session.waiting.cap;
	}
	cr_expect_leq(client.wire.longest_write, HC_SLICE_MAX);
	cr_expect_leq(cap_max, 2 * HC_SLICE_MAX);
	client_expect_sequences(&client, 1, 3000);
	client_expect_nothing(&client);
	client_close(&client);
	test_hub_close(&test);
}

Test(session, a_quick_reader_that_is_far_behind_lets_others_go_between)
{
	struct test_client client;
	struct test_hub test;
	size_t n_writes;

	test_hub_open(&test, AMPLE, AMPLE);
	client_open(&client, &test, "/ws/events", NULL);
	block(&client);
	for (int i = 0; i < 100; i++)
		test_hub_publish(&test, test_record_sized(test_type("job.progress"), NULL, 60000));
	n_writes = client.wire.n_writes;
	client.wire.blocked = false;
	client.wire.room = SIZE_MAX;
	client.wire.wants_write = false;
	hc_session_on_writable(&client.session);
	cr_expect_leq(client.wire.n_writes - n_writes, 20);
	cr_expect(client.session.replay_link, "it waits for its turn");
	test_hub_settle(&test);
	client_expect_sequences(&client, 1, 100);
	client_close(&client);
	test_hub_close(&test);
}

/* Clients that lack four events of a write each, because their sockets took nothing. */
static void open_behind(struct test_client *clients, size_t n, struct test_hub *test)
{
	for (size_t i = 0; i < n; i++) {
		client_open(&clients[i], test, "/ws/events", NULL);
		block(&clients[i]);
	}
	for (int i = 0; i < 4; i++)
		test_hub_publish(test, test_record_sized(test_type("job.progress"), NULL, 60000));
}

/* The socket of one of them takes all there is. */
static void take_more(struct test_client *client)
{
	client->wire.blocked = false;
	client->wire.room = SIZE_MAX;
	client->wire.wants_write = false;
	hc_session_on_writable(&client->session);
}

Test(session, many_that_are_far_behind_share_what_a_turn_may_replay)
{
	struct test_client clients[40];
	size_t n_written = 0, n_waiting = 0;
	struct test_hub test;

	test_hub_open(&test, AMPLE, AMPLE);
	open_behind(clients, HC_ARRAY_LEN(clients), &test);
	for (size_t i = 0; i < HC_ARRAY_LEN(clients); i++) {
		size_t n_before = clients[i].wire.n_writes;

		take_more(&clients[i]);
		cr_expect_leq(clients[i].wire.n_writes, n_before + 1, "then another one's turn");
		n_written += clients[i].wire.n_writes != n_before;
		n_waiting += clients[i].session.replay_link != NULL;
	}
	cr_expect_gt(n_written, 0);
	cr_expect_leq(n_written, 3, "128 KiB are three writes' worth, not %zu", n_written);
	cr_expect_geq(n_waiting, HC_ARRAY_LEN(clients) - n_written, "nobody is forgotten");
	test_hub_settle(&test);
	for (size_t i = 0; i < HC_ARRAY_LEN(clients); i++) {
		client_expect_sequences(&clients[i], 1, 4);
		client_close(&clients[i]);
	}
	test_hub_close(&test);
}

Test(session, one_whose_wire_breaks_while_it_waits_for_its_turn_holds_nobody_up)
{
	struct test_client clients[12];
	struct test_hub test;

	test_hub_open(&test, AMPLE, AMPLE);
	open_behind(clients, HC_ARRAY_LEN(clients), &test);
	for (size_t i = 0; i < HC_ARRAY_LEN(clients); i++)
		take_more(&clients[i]);
	cr_expect(clients[10].session.replay_link);
	clients[10].wire.broken = true;
	for (int i = 0; i < 4 * (int)HC_ARRAY_LEN(clients); i++)
		(void)hc_replay_turn(test.hub.replay);
	cr_expect(clients[10].wire.killed);
	client_expect_sequences(&clients[11], 1, 4);
	for (size_t i = 0; i < HC_ARRAY_LEN(clients); i++)
		client_close(&clients[i]);
	test_hub_close(&test);
}

/* ---- resume ------------------------------------------------------------------------------- */

Test(session, resumes_from_the_ring_anywhere_in_it)
{
	static const uint64_t sinces[] = { 0, 1, 9, 10 };
	struct test_hub test;

	test_hub_open(&test, AMPLE, AMPLE);
	publish(&test, 10);
	for (size_t i = 0; i < HC_ARRAY_LEN(sinces); i++) {
		struct test_client client;

		connect_at(&client, &test, sinces[i]);
		client_expect_complete(&client, sinces[i], 10, 10 - sinces[i]);
		client_expect_sequences(&client, sinces[i] + 1, 10 - sinces[i]);
		client_expect_nothing(&client);
		cr_expect_not(client.session.behind);
		client_close(&client);
	}
	test_hub_close(&test);
}

Test(session, resumes_from_the_log_before_the_ring)
{
	struct test_hub test;

	test_hub_open(&test, RING_BYTES, LOG_BYTES);
	publish(&test, 200);
	for (uint64_t since = 0; since <= 200; since += 20) {
		struct test_client client;

		connect_at(&client, &test, since);
		client_expect_complete(&client, since, 200, 200 - since);
		client_expect_sequences(&client, since + 1, 200 - since);
		client_expect_nothing(&client);
		client_close(&client);
	}
	test_hub_close(&test);
}

Test(session, counts_and_replays_only_what_it_wants)
{
	struct hc_filter alerts = HC_FILTER_NONE;
	struct test_client client;
	struct test_hub test;

	test_hub_open(&test, RING_BYTES, LOG_BYTES);
	(void)hc_filter_add_pattern(&alerts, test_types(), HC_STR("alert.*"));
	for (int i = 0; i < 20; i++) {
		publish(&test, 9);
		test_hub_publish(&test, test_record(test_type("alert.created"), NULL, "{}"));
		test_hub_publish(&test, test_record(test_type("alert.created"), "bob", "{}"));
	}
	client_open(&client, &test, "/ws/events", NULL);
	cr_assert(hc_session_set_filter(&client.session, &alerts));
	hc_resume(&client.session, &(struct hc_position){ 0 });
	client_expect_nothing(&client);
	test_hub_settle(&test);
	json_decref(client_next(&client)); /* of another epoch */
	client_expect_nothing(&client);
	for (uint64_t since = 0; since < 220; since += 110) {
		struct hc_position at = position(&test, since);

		hc_resume(&client.session, &at);
		test_hub_settle(&test);
		client_expect_complete(&client, since, 220, 20 - since / 11);
		for (uint64_t sequence = since + 10; sequence <= 220; sequence += 11)
			client_expect_sequences(&client, sequence, 1);
		client_expect_nothing(&client);
	}
	client_close(&client);
	test_hub_close(&test);
}

Test(session, a_trimmed_log_is_told_before_the_first_event)
{
	struct test_hub test;
	uint64_t oldest;

	test_hub_open(&test, RING_BYTES, LOG_BYTES);
	publish(&test, 1000);
	oldest = test.hub.store->oldest;
	for (uint64_t since = 0; since < oldest - 1; since += 97) {
		struct test_client client;

		connect_at(&client, &test, since);
		expect_missed(&client, &(struct missed){ .reason = "trimmed",
							 .from = position(&test, since),
							 .to = 1000,
							 .replayed = 1000 - oldest + 1,
							 .missed_from = position(&test, since + 1),
							 .missed_to = oldest - 1 });
		client_expect_sequences(&client, oldest, 1000 - oldest + 1);
		client_expect_nothing(&client);
		client_close(&client);
	}
	test_hub_close(&test);
}

static void mount_at(struct test_hub *test, const char *path)
{
	char json[100];

	(void)snprintf(json, sizeof(json), "{\"mount_path\":\"%s\"}", path);
	test_hub_publish(test, test_record(test_type("device.mounted"), NULL, json));
}

Test(session, who_has_missed_something_gets_the_state_before_the_events)
{
	struct hc_position elsewhere = { "0123456789abcdef", 7 };
	struct test_client client, other;
	struct test_hub test;
	uint64_t oldest;

	test_hub_open(&test, RING_BYTES, LOG_BYTES);
	mount_at(&test, "/a");
	mount_at(&test, "/b");
	mount_at(&test, "/a"); /* 3 takes the place of 1 */
	publish(&test, 996);
	mount_at(&test, "/b"); /* 1000, which is still there to be replayed */
	oldest = test.hub.store->oldest;
	cr_assert_gt(oldest, 4);
	connect_at(&client, &test, 1);
	expect_missed(&client, &(struct missed){ .reason = "trimmed",
						 .from = position(&test, 1),
						 .to = 1000,
						 .replayed = 1000 - oldest + 1,
						 .missed_from = position(&test, 2),
						 .missed_to = oldest - 1,
						 .state = 1 });
	client_expect_sequences(&client, 3, 1);
	client_expect_sequences(&client, oldest, 1000 - oldest + 1);
	client_expect_nothing(&client);
	client_close(&client);

	client_open(&other, &test, "/ws/events", &elsewhere);
	publish(&test, 1);
	test_hub_settle(&test);
	expect_missed(&other, &(struct missed){ .reason = "epoch",
						.from = elsewhere,
						.to = 1000,
						.missed_from = { "0123456789abcdef", 8 },
						.missed_to = 1000,
						.state = 2 });
	client_expect_sequences(&other, 3, 1);
	client_expect_sequences(&other, 1000, 2);
	client_close(&other);
	test_hub_close(&test);
}

Test(session, just_behind_the_trimmed_part_nothing_is_missed)
{
	struct test_client client;
	struct test_hub test;
	uint64_t oldest;

	test_hub_open(&test, RING_BYTES, LOG_BYTES);
	publish(&test, 1000);
	oldest = test.hub.store->oldest;
	connect_at(&client, &test, oldest - 1);
	client_expect_complete(&client, oldest - 1, 1000, 1000 - oldest + 1);
	client_expect_sequences(&client, oldest, 1000 - oldest + 1);
	client_close(&client);
	test_hub_close(&test);
}

Test(session, a_position_of_another_log_misses_everything_up_to_now)
{
	struct hc_position elsewhere = { "0123456789abcdef", 7 };
	struct test_client client;
	struct test_hub test;

	test_hub_open(&test, AMPLE, AMPLE);
	publish(&test, 10);
	client_open(&client, &test, "/ws/events", &elsewhere);
	publish(&test, 1);
	test_hub_settle(&test);
	expect_missed(&client, &(struct missed){ .reason = "epoch",
						 .from = elsewhere,
						 .to = 10,
						 .missed_from = { "0123456789abcdef", 8 },
						 .missed_to = 10 });
	client_expect_sequences(&client, 11, 1);
	client_expect_nothing(&client);
	client_close(&client);
	test_hub_close(&test);
}

Test(session, a_position_beyond_the_end_is_told)
{
	static const uint64_t sinces[] = { 11, 1000, UINT64_MAX };
	struct test_hub test;

	test_hub_open(&test, AMPLE, AMPLE);
	publish(&test, 10);
	for (size_t i = 0; i < HC_ARRAY_LEN(sinces); i++) {
		struct test_client client;

		connect_at(&client, &test, sinces[i]);
		expect_missed(&client, &(struct missed){ .reason = "future",
							 .from = position(&test, sinces[i]),
							 .to = 10,
							 .missed_from = position(&test, 11),
							 .missed_to = sinces[i] });
		client_expect_nothing(&client);
		client_close(&client);
	}
	test_hub_close(&test);
}

/* ---- while the log is asked --------------------------------------------------------------- */

/* Keeps all of libuv's threads busy, so that questions to the log wait. */
struct plug {
	uv_work_t works[64];
	size_t n;
	sem_t pulled;
};

/* A test that fails before it pulls must end nevertheless: libuv waits for its threads. */
static void wait_for_pull(uv_work_t *work)
{
	struct plug *plug = work->data;
	struct timespec until;

	(void)clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += PLUG_SECONDS_MAX;
	while (sem_timedwait(&plug->pulled, &until) < 0 && errno == EINTR)
		;
}

static void plug_in(struct plug *plug, struct test_hub *test)
{
	cr_assert_eq(sem_init(&plug->pulled, 0, 0), 0);
	for (plug->n = 0; plug->n < HC_ARRAY_LEN(plug->works); plug->n++) {
		plug->works[plug->n].data = plug;
		cr_assert_eq(uv_queue_work(&test->loop, &plug->works[plug->n], wait_for_pull, NULL),
			     0);
	}
}

static void pull(struct plug *plug, struct test_hub *test)
{
	for (size_t i = 0; i < plug->n; i++)
		(void)sem_post(&plug->pulled);
	test_hub_settle(test);
	while (uv_loop_alive(&test->loop) && test->loop.active_reqs.count)
		(void)uv_run(&test->loop, UV_RUN_ONCE);
	(void)sem_destroy(&plug->pulled);
}

Test(session, what_is_trimmed_before_a_count_is_made_is_told)
{
	struct test_client client;
	struct test_hub test;
	struct plug plug;
	uint64_t oldest, head;

	test_hub_open(&test, RING_BYTES, LOG_BYTES);
	while (test.hub.store->oldest < 50)
		publish(&test, 1);
	head = test.hub.store->newest;
	plug_in(&plug, &test);
	client_open(&client, &test, "/ws/events", (struct hc_position[]){ position(&test, 100) });
	cr_assert(client.session.question);
	publish(&test, 100);
	oldest = test.hub.store->oldest;
	cr_assert(oldest > 102 && oldest < head);
	pull(&plug, &test);
	expect_missed(&client, &(struct missed){ .reason = "trimmed",
						 .from = position(&test, 100),
						 .to = head,
						 .replayed = head - oldest + 1,
						 .missed_from = position(&test, 101),
						 .missed_to = oldest - 1 });
	client_expect_sequences(&client, oldest, head + 100 - oldest + 1);
	client_expect_nothing(&client);
	client_close(&client);
	test_hub_close(&test);
}

Test(session, what_is_trimmed_before_a_page_is_read_is_told)
{
	struct test_client client;
	struct test_hub test;
	struct plug plug;
	uint64_t oldest;

	test_hub_open(&test, RING_BYTES, LOG_BYTES);
	client_open(&client, &test, "/ws/events", NULL);
	block(&client);
	publish(&test, 200);
	plug_in(&plug, &test);
	client.wire.blocked = false;
	client.wire.room = SIZE_MAX;
	client.wire.wants_write = false;
	hc_session_on_writable(&client.session); /* finds that the ring has moved on */
	cr_assert(client.session.question);
	publish(&test, 400);
	oldest = test.hub.store->oldest;
	cr_assert_gt(oldest, 200);
	pull(&plug, &test);
	client_expect_sequences(&client, 1, 1);
	expect_missed(&client, &(struct missed){ .reason = "lagged",
						 .from = position(&test, 1),
						 .to = 600,
						 .missed_from = position(&test, 2),
						 .missed_to = oldest - 1 });
	client_expect_sequences(&client, oldest, 600 - oldest + 1);
	client_expect_nothing(&client);
	client_close(&client);
	test_hub_close(&test);
}

/* Its reader would come back from the future, for a moment. */
Test(session, what_is_committed_but_not_shown_yet_is_not_read_ahead)
{
	struct hc_record *record = test_record(test_type("job.progress"), NULL, "{}");
	struct hc_batch *batch = test_batch(hc_record_ref(record), NULL);
	struct test_client client;
	struct test_hub test;

	test_hub_open(&test, RING_BYTES, LOG_BYTES);
	publish(&test, 100);
	hc_store_append(test.hub.store, &batch, 1);
	cr_assert_eq(record->sequence, 101);
	connect_at(&client, &test, 10);
	client_expect_complete(&client, 10, 100, 90);
	client_expect_sequences(&client, 11, 90);
	client_expect_nothing(&client);
	hc_ring_append(test.hub.ring, record);
	test_hub_show(&test);
	test_hub_settle(&test);
	client_expect_sequences(&client, 101, 1);
	client_expect_nothing(&client);
	client_close(&client);
	test_hub_close(&test);
	(void)hc_record_unref(record);
	(void)hc_batch_free(batch);
}

Test(session, a_filter_that_changes_while_the_log_is_read_counts_from_then_on)
{
	struct hc_filter alerts = HC_FILTER_NONE;
	struct test_client client;
	struct test_hub test;
	struct plug plug;

	test_hub_open(&test, RING_BYTES, LOG_BYTES);
	(void)hc_filter_add_pattern(&alerts, test_types(), HC_STR("alert.*"));
	client_open(&client, &test, "/ws/events", NULL);
	block(&client);
	publish(&test, 100);
	test_hub_publish(&test, test_record(test_type("alert.created"), NULL, "{}"));
	publish(&test, 100);
	client_expect_sequences(&client, 1, 1);
	plug_in(&plug, &test);
	client.wire.blocked = false;
	client.wire.room = SIZE_MAX;
	hc_session_on_writable(&client.session);
	cr_assert(client.session.question);
	cr_assert(hc_session_set_filter(&client.session, &alerts));
	pull(&plug, &test);
	publish(&test, 1);
	test_hub_publish(&test, test_record(test_type("alert.created"), NULL, "{}"));
	client_expect_sequences(&client, 101, 1);
	client_expect_sequences(&client, 203, 1);
	client_expect_nothing(&client);
	client_close(&client);
	test_hub_close(&test);
}

Test(session, one_that_goes_while_the_log_is_read_leaves_nothing)
{
	struct test_client clients[10];
	struct test_hub test;
	struct plug plug;

	test_hub_open(&test, RING_BYTES, LOG_BYTES);
	publish(&test, 200);
	plug_in(&plug, &test);
	for (size_t i = 0; i < HC_ARRAY_LEN(clients); i++) {
		struct hc_position at = position(&test, i);

		client_open(&clients[i], &test, "/ws/events", &at);
		cr_expect(clients[i].session.question);
	}
	for (size_t i = 0; i < HC_ARRAY_LEN(clients); i++)
		client_close(&clients[i]);
	pull(&plug, &test);
	cr_expect_eq(hc_audiences_size(test.hub.audiences), 0);
	test_hub_close(&test);
}

/* ---- filters ------------------------------------------------------------------------------ */

Test(session, a_filter_that_changes_while_it_is_behind_loses_nothing)
{
	struct hc_filter jobs = HC_FILTER_NONE, both = HC_FILTER_NONE;
	struct test_client client;
	struct test_hub test;

	test_hub_open(&test, AMPLE, AMPLE);
	(void)hc_filter_add_pattern(&jobs, test_types(), HC_STR("job.*"));
	both = jobs;
	(void)hc_filter_add_pattern(&both, test_types(), HC_STR("alert.*"));
	client_open(&client, &test, "/ws/events", NULL);
	cr_assert(hc_session_set_filter(&client.session, &jobs));
	test_hub_publish(&test, test_record(test_type("alert.created"), NULL, "{}"));
	client_expect_nothing(&client);
	block(&client);
	publish(&test, 5);
	test_hub_publish(&test, test_record(test_type("alert.created"), NULL, "{}"));
	cr_assert(hc_session_set_filter(&client.session, &both));
	publish(&test, 5);
	unblock(&test, &client);
	publish(&test, 1);
	client_expect_sequences(&client, 2, 12);
	client_expect_nothing(&client);
	client_close(&client);
	test_hub_close(&test);
}

Test(session, a_filter_never_reaches_beyond_the_endpoint)
{
	struct hc_filter all = HC_FILTER_NONE;
	struct test_client client;
	struct test_hub test;

	test_hub_open(&test, AMPLE, AMPLE);
	(void)hc_filter_add_pattern(&all, test_types(), HC_STR("*"));
	client_open(&client, &test, "/ws/tasks", NULL);
	cr_assert(hc_session_set_filter(&client.session, &HC_FILTER_NONE));
	cr_assert(hc_session_set_filter(&client.session, &all));
	publish(&test, 3);
	test_hub_publish(&test, test_record(test_type("task.update"), NULL, "{}"));
	client_expect(&client, "{\"type\":\"task.update\"}");
	client_expect_nothing(&client);
	client_close(&client);
	test_hub_close(&test);
}

Test(session, members_of_an_audience_change_it_one_by_one)
{
	struct hc_filter jobs = HC_FILTER_NONE;
	struct test_client clients[5];
	struct test_hub test;

	test_hub_open(&test, AMPLE, AMPLE);
	(void)hc_filter_add_pattern(&jobs, test_types(), HC_STR("job.*"));
	for (size_t i = 0; i < HC_ARRAY_LEN(clients); i++)
		client_open(&clients[i], &test, "/ws/events", NULL);
	for (size_t i = 0; i < HC_ARRAY_LEN(clients); i++) {
		cr_assert(hc_session_set_filter(&clients[i].session, &jobs));
		cr_expect_eq(hc_audiences_size(test.hub.audiences), i + 1 < 5 ? 2 : 1);
		publish(&test, 1);
	}
	for (size_t i = 0; i < HC_ARRAY_LEN(clients); i++) {
		client_expect_sequences(&clients[i], 1, 5);
		client_expect_nothing(&clients[i]);
		client_close(&clients[i]);
	}
	test_hub_close(&test);
}

/* ---- answers ------------------------------------------------------------------------------ */

Test(session, answers_wait_for_the_socket)
{
	struct test_client client;
	struct test_hub test;

	test_hub_open(&test, AMPLE, AMPLE);
	client_open(&client, &test, "/ws/events", NULL);
	block(&client);
	publish(&test, 1);
	client_say(&client, "{\"type\":\"ping\"}");
	publish(&test, 1);
	test_hub_settle(&test);
	cr_expect_eq(client.wire.n_writes, 1);
	unblock(&test, &client);
	client_expect_sequences(&client, 1, 1);
	client_expect(&client, "{\"type\":\"pong\"}");
	client_expect_sequences(&client, 2, 1);
	client_expect_nothing(&client);
	client_close(&client);
	test_hub_close(&test);
}

Test(session, one_that_asks_on_and_on_and_reads_no_answer_is_closed)
{
	static const char ping[] = "{\"type\":\"ping\"}";
	struct test_client client;
	struct test_hub test;
	int n = 0;

	test_hub_open(&test, AMPLE, AMPLE);
	test.conf->clients.message_rate = 0;
	client_open(&client, &test, "/ws/events", NULL);
	block(&client);
	publish(&test, 1);
	for (; n < 1000000 && hc_session_on_message(&client.session); n++)
		client_say(&client, ping);
	cr_expect_eq(client.session.close_code, HC_CLOSE_TOO_SLOW);
	cr_expect_gt(n, 1000);
	cr_expect_lt(client.session.waiting.len, 300 * 1024);
	client_close(&client);
	test_hub_close(&test);
}

/* However many mounts there are: they are no answers that it does not read. */
Test(session, one_to_whom_a_large_state_is_coming_may_ask_but_not_for_it_again_and_again)
{
	struct hc_position elsewhere = { "0123456789abcdef", 7 };
	struct test_client client;
	struct test_hub test;
	size_t state_len;
	char path[10];
	int n = 0;

	test_hub_open(&test, AMPLE, AMPLE);
	test.conf->clients.message_rate = 0;
	for (int i = 0; i < 4000; i++) {
		(void)snprintf(path, sizeof(path), "/%d", i);
		mount_at(&test, path);
	}
	client_open(&client, &test, "/ws/events", &elsewhere);
	state_len = client.session.waiting.len;
	cr_assert_gt(state_len, 300 * 1024);
	for (; n < 1000 && hc_session_on_message(&client.session); n++)
		client_say(&client, n < 100 ? "{\"type\":\"ping\"}"
					    : "{\"action\":\"resume\",\"since\":"
					      "\"0123456789abcdef-7\"}");
	cr_expect_eq(n, 101);
	cr_expect_eq(client.session.close_code, HC_CLOSE_TOO_SLOW);
	cr_expect_lt(client.session.waiting.len, 3 * state_len);
	client_close(&client);
	test_hub_close(&test);
}

Test(session, one_that_reads_its_answers_may_ask_on_and_on)
{
	struct test_client client;
	struct test_hub test;

	test_hub_open(&test, AMPLE, AMPLE);
	test.conf->clients.message_rate = 0;
	client_open(&client, &test, "/ws/events", NULL);
	for (int i = 0; i < 50000; i++) {
		cr_assert(hc_session_on_message(&client.session));
		client_say(&client, "{\"type\":\"ping\"}");
		hc_session_on_writable(&client.session);
	}
	client_close(&client);
	test_hub_close(&test);
}

Test(session, a_fault_is_told_in_the_envelope_of_the_endpoint)
{
	struct hc_fault fault = HC_FAULT_NULL;
	struct test_client client;
	struct test_hub test;

	test_hub_open(&test, AMPLE, AMPLE);
	client_open(&client, &test, "/ws/status", NULL);
	hc_fault_set(&fault, HC_FAULT_MALFORMED, "no \"good\"");
	hc_session_tell_fault(&client.session, &fault);
	hc_fault_at(&fault, HC_STR("x"));
	hc_session_tell_fault(&client.session, &fault);
	test_hub_settle(&test);
	client_expect(&client, "{\"type\":\"error\",\"timestamp\":\"*\",\"data\":"
			       "{\"code\":\"malformed\",\"message\":\"no \\\"good\\\"\"}}");
	client_expect(&client, "{\"type\":\"error\",\"timestamp\":\"*\",\"data\":"
			       "{\"code\":\"malformed\",\"message\":\"no \\\"good\\\"\","
			       "\"pointer\":\"/x\"}}");
	client_close(&client);
	test_hub_close(&test);
}

/* ---- the end ------------------------------------------------------------------------------ */

Test(session, what_was_to_be_said_is_said_before_it_ends)
{
	struct test_client client;
	struct test_hub test;

	test_hub_open(&test, AMPLE, AMPLE);
	client_open(&client, &test, "/ws/events", NULL);
	client_say(&client, "{\"type\":\"ping\"}");
	hc_session_end(&client.session, HC_CLOSE_TOO_BIG, "first");
	hc_session_end(&client.session, HC_CLOSE_INTERNAL, "second");
	publish(&test, 3); /* too late for it */
	test_hub_settle(&test);
	client_expect(&client, "{\"type\":\"pong\"}");
	client_expect_close(&client, HC_CLOSE_TOO_BIG, "first");
	publish(&test, 3);
	client_say(&client, "{\"type\":\"ping\"}");
	test_hub_settle(&test);
	client_expect_nothing(&client);
	client_close(&client);
	test_hub_close(&test);
}

Test(session, one_whose_connection_breaks_is_dropped)
{
	struct test_client broken, good;
	struct test_hub test;

	test_hub_open(&test, AMPLE, AMPLE);
	client_open(&broken, &test, "/ws/events", NULL);
	client_open(&good, &test, "/ws/events", NULL);
	broken.wire.broken = true;
	publish(&test, 1);
	cr_expect(broken.wire.killed);
	cr_expect_not(good.wire.killed);
	client_expect_sequences(&good, 1, 1);
	client_close(&broken);
	publish(&test, 1);
	client_expect_sequences(&good, 2, 1);
	client_close(&good);
	test_hub_close(&test);
}

/* ---- looks -------------------------------------------------------------------------------- */

static void look(struct test_hub *test)
{
	uv_timer_t *timer = &test->hub.sessions->timer;

	timer->timer_cb(timer);
}

Test(session, one_that_takes_nothing_is_closed_as_too_slow)
{
	struct test_client client;
	struct test_hub test;

	test_hub_open(&test, AMPLE, AMPLE);
	client_open(&client, &test, "/ws/events", NULL);
	block(&client);
	publish(&test, 2);
	client.wire.unsent = 5000;
	look(&test);
	client.session.progress_ms -= test.conf->clients.stall_timeout_ms - 100;
	look(&test);
	cr_expect_eq(client.session.close_code, 0);
	client.session.progress_ms -= 200;
	look(&test);
	cr_expect_eq(client.session.close_code, HC_CLOSE_TOO_SLOW);
	cr_expect_not(client.wire.killed);
	client.session.progress_ms -= 2000; /* its close frame does not leave either */
	look(&test);
	cr_expect(client.wire.killed);
	client_close(&client);
	test_hub_close(&test);
}

Test(session, one_that_takes_a_little_now_and_then_stays)
{
	struct test_client client;
	struct test_hub test;

	test_hub_open(&test, AMPLE, AMPLE);
	client_open(&client, &test, "/ws/events", NULL);
	block(&client);
	publish(&test, 2);
	for (int i = 0; i < 5; i++) {
		client.wire.unsent = 5000 - i;
		client.session.progress_ms -= test.conf->clients.stall_timeout_ms + 100;
		look(&test);
		cr_expect_eq(client.session.close_code, 0);
	}
	client_close(&client);
	test_hub_close(&test);
}

/* A machine that is paused, or has no time for us. */
Test(session, none_stalls_while_the_hub_itself_stands_still)
{
	struct test_client client;
	struct test_hub test;

	test_hub_open(&test, AMPLE, AMPLE);
	client_open(&client, &test, "/ws/events", NULL);
	block(&client);
	publish(&test, 1);
	test_hub_settle(&test);
	look(&test);
	client.session.progress_ms -= test.conf->clients.stall_timeout_ms + 100;
	test.hub.sessions->looked_ms -= test.conf->clients.stall_timeout_ms + 100;
	look(&test);
	cr_expect_eq(client.session.close_code, 0);
	client.session.progress_ms =
		test.hub.sessions->looked_ms - test.conf->clients.stall_timeout_ms - 100;
	look(&test);
	cr_expect_eq(client.session.close_code, HC_CLOSE_TOO_SLOW);
	client_close(&client);
	test_hub_close(&test);
}

Test(session, one_that_waits_for_its_turn_is_not_taken_for_stalled)
{
	struct test_client clients[12];
	struct test_hub test;

	test_hub_open(&test, AMPLE, AMPLE);
	open_behind(clients, HC_ARRAY_LEN(clients), &test);
	for (size_t i = 0; i < HC_ARRAY_LEN(clients); i++)
		take_more(&clients[i]);
	cr_expect(clients[11].session.replay_link);
	look(&test);
	clients[11].session.progress_ms -= test.conf->clients.stall_timeout_ms + 100;
	look(&test);
	cr_expect_eq(clients[11].session.close_code, 0);
	test_hub_settle(&test);
	client_expect_sequences(&clients[11], 1, 4);
	for (size_t i = 0; i < HC_ARRAY_LEN(clients); i++)
		client_close(&clients[i]);
	test_hub_close(&test);
}

Test(session, one_for_which_there_is_nothing_never_stalls)
{
	struct test_client client;
	struct test_hub test;

	test_hub_open(&test, AMPLE, AMPLE);
	client_open(&client, &test, "/ws/events", NULL);
	client.session.progress_ms -= 3600 * 1000;
	look(&test);
	look(&test);
	cr_expect_eq(client.session.close_code, 0);
	client_close(&client);
	test_hub_close(&test);
}

Test(session, one_that_heard_nothing_for_long_is_pinged)
{
	struct test_client client;
	struct test_hub test;

	test_hub_open(&test, AMPLE, AMPLE);
	client_open(&client, &test, "/ws/events", NULL);
	client.session.sent_ms = uv_now(&test.loop) - test.conf->clients.heartbeat_ms + 100;
	look(&test);
	test_hub_settle(&test);
	client_expect_nothing(&client);
	client.session.sent_ms -= 200;
	look(&test);
	look(&test);
	test_hub_settle(&test);
	client_expect(&client, "{\"type\":\"ping\"}");
	client_expect_nothing(&client);
	client.session.sent_ms -= test.conf->clients.heartbeat_ms + 100;
	publish(&test, 1); /* an event is as good */
	look(&test);
	test_hub_settle(&test);
	client_expect_sequences(&client, 1, 1);
	client_expect_nothing(&client);
	client_close(&client);
	test_hub_close(&test);
}

static void expect_ping_at(struct test_client *client, uint64_t sequence)
{
	char json[100];

	(void)snprintf(json, sizeof(json), "{\"type\":\"ping\",\"position\":\"%s-%llu\"}",
		       client->session.hub->store->epoch, (unsigned long long)sequence);
	client_expect(client, json);
	client_expect_nothing(client);
}

/* Else what was not for it would be a gap once the log is trimmed. */
Test(session, one_that_keeps_positions_is_told_its_own_by_the_ping)
{
	struct test_client client;
	struct test_hub test;

	test_hub_open(&test, AMPLE, AMPLE);
	publish(&test, 3);
	client_open(&client, &test, "/ws/tasks", NULL);
	client.session.is_greeted = true;
	publish(&test, 5);
	client.session.sent_ms -= test.conf->clients.heartbeat_ms + 100;
	look(&test);
	test_hub_settle(&test);
	expect_ping_at(&client, 8);
	client_close(&client);
	test_hub_close(&test);
}

/* Whoever named cloudevents.json reads nothing else. */
Test(session, one_that_gets_cloudevents_is_pinged_with_one)
{
	struct test_client client;
	struct test_hub test;

	test_hub_open(&test, AMPLE, AMPLE);
	client_open(&client, &test, "/ws/events", NULL);
	client.session.encoding.envelope = HC_ENVELOPE_CLOUDEVENTS;
	client.session.sent_ms -= test.conf->clients.heartbeat_ms + 100;
	look(&test);
	test_hub_settle(&test);
	client_expect(&client, "{\"specversion\":\"1.0\",\"id\":\"*\",\"source\":\"*\","
			       "\"type\":\"ping\",\"time\":\"*\","
			       "\"datacontenttype\":\"application/json\",\"data\":{}}");
	client_expect_nothing(&client);
	client_close(&client);
	test_hub_close(&test);
}

Test(session, one_that_says_too_much_is_closed)
{
	struct test_client client;
	struct test_hub test;

	test_hub_open(&test, AMPLE, AMPLE);
	test.conf->clients.message_rate = 5;
	client_open(&client, &test, "/ws/events", NULL);
	for (int i = 0; i < 10; i++)
		cr_assert(hc_session_on_message(&client.session), "message %d", i);
	cr_assert_not(hc_session_on_message(&client.session));
	test_hub_settle(&test);
	client_expect_close(&client, HC_CLOSE_TOO_MANY, "too many messages");
	client_close(&client);
	test_hub_close(&test);
}

Test(session, without_a_rate_it_may_say_anything)
{
	struct test_client client;
	struct test_hub test;

	test_hub_open(&test, AMPLE, AMPLE);
	test.conf->clients.message_rate = 0;
	client_open(&client, &test, "/ws/events", NULL);
	for (int i = 0; i < 10000; i++)
		cr_assert(hc_session_on_message(&client.session), "message %d", i);
	client_close(&client);
	test_hub_close(&test);
}

Test(session, fragments_are_counted_anew_for_each_message)
{
	struct test_client client;
	struct test_hub test;

	test_hub_open(&test, AMPLE, AMPLE);
	test.conf->clients.fragments_max = 4;
	client_open(&client, &test, "/ws/events", NULL);
	for (int message = 0; message < 3; message++) {
		cr_assert(hc_session_on_message(&client.session));
		for (int i = 0; i < 3; i++)
			cr_assert(hc_session_on_fragment(&client.session), "fragment %d", i);
	}
	cr_assert_not(hc_session_on_fragment(&client.session));
	test_hub_settle(&test);
	client_expect_close(&client, HC_CLOSE_POLICY, "too many fragments");
	client_close(&client);
	test_hub_close(&test);
}
