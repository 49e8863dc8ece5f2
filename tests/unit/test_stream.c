/* SPDX-License-Identifier: MIT */
/* Sessions of streams: what a client of Server-Sent Events reads, to the byte. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "tests/unit/hub.h"
#include "ws/sessions/subscription.h"

#define RING_BYTES 6000	  /* some twenty events of publish() */
#define LOG_BYTES  100000 /* some three hundred */

static void publish(struct test_hub *test, size_t n)
{
	for (size_t i = 0; i < n; i++)
		test_hub_publish(test, test_record_sized(test_type("job.progress"), NULL, 200));
}

static void open_stream(struct test_client *client, struct test_hub *test,
			struct hc_subscription *subscription, const struct hc_position *since)
{
	struct hc_route route;

	*client = (struct test_client){ .wire = WIRE_NULL };
	cr_assert(hc_endpoints_find(&route, test->hub.endpoints, HC_STR("/events")));
	cr_assert(route.is_sse);
	client->session = (struct hc_session){
		.hub = &test->hub,
		.wire = &client->wire,
		.endpoint = route.endpoint,
		.encoding = route.endpoint->encoding,
		.subscription = subscription,
	};
	client->session.encoding.framing = HC_FRAMING_SSE;
	hc_session_open(&client->session);
	cr_assert(hc_session_begin(&client->session, since));
	test_hub_settle(test);
}

static struct hc_position position(const struct test_hub *test, uint64_t sequence)
{
	struct hc_position position = { .sequence = sequence };

	strcpy(position.epoch, test->hub.store->epoch);
	return position;
}

/* The next block of lines; NULL if there is none. */
static char *next_block(struct test_client *client)
{
	const struct hc_buffer *sent = &client->wire.sent;
	const char *begin = sent->data + client->n_read;
	const char *end;

	if (client->n_read == sent->len)
		return NULL;
	end = memmem(begin, sent->len - client->n_read, "\n\n", 2);
	cr_assert(end, "a block without an end");
	client->n_read = (size_t)(end + 2 - sent->data);
	return strndup(begin, (size_t)(end - begin));
}

static void expect_block(struct test_client *client, const char *text)
{
	char *block = next_block(client);

	cr_assert(block, "nothing more, wanted %s", text);
	cr_expect_str_eq(block, text);
	free(block);
}

static void expect_hello(struct test_client *client, uint64_t sequence)
{
	char text[100];

	(void)snprintf(text, sizeof(text), ": connected\nretry: 3000\nid: %s-%llu",
		       client->session.hub->store->epoch, (unsigned long long)sequence);
	expect_block(client, text);
}

/* The next block is that event: its id first, and then its text. */
static void expect_event(struct test_client *client, uint64_t sequence)
{
	char *block = next_block(client), begin[80];
	json_t *message;

	cr_assert(block, "no event %llu", (unsigned long long)sequence);
	(void)snprintf(begin, sizeof(begin),
		       "id: %s-%llu\ndata: ", client->session.hub->store->epoch,
		       (unsigned long long)sequence);
	cr_assert_eq(strncmp(block, begin, strlen(begin)), 0, "%s", block);
	message = json_loads(block + strlen(begin), 0, NULL);
	cr_assert(message, "%s", block);
	cr_expect_eq((uint64_t)json_integer_value(json_object_get(message, "sequence")), sequence);
	json_decref(message);
	free(block);
}

static void expect_resumed(struct test_client *client, const char *id, bool complete)
{
	char *block = next_block(client), begin[120];
	json_t *message, *payload;

	cr_assert(block, "no connection.resumed");
	(void)snprintf(begin, sizeof(begin), "id: %s\nevent: connection.resumed\ndata: ", id);
	cr_assert_eq(strncmp(block, begin, strlen(begin)), 0, "%s", block);
	message = json_loads(block + strlen(begin), 0, NULL);
	payload = json_object_get(message, "payload");
	cr_expect_str_eq(json_string_value(json_object_get(message, "type")), "connection.resumed");
	cr_expect_eq(json_is_true(json_object_get(payload, "complete")), complete);
	json_decref(message);
	free(block);
}

static void close_stream(struct test_client *client)
{
	cr_expect_null(next_block(client));
	client_close(client);
}

Test(stream, begins_with_a_comment_and_its_position)
{
	struct test_client client;
	struct test_hub test;

	test_hub_open(&test, RING_BYTES, LOG_BYTES);
	publish(&test, 3);
	open_stream(&client, &test, NULL, NULL);
	expect_hello(&client, 3);
	publish(&test, 2);
	expect_event(&client, 4);
	expect_event(&client, 5);
	close_stream(&client);
	test_hub_close(&test);
}

Test(stream, resumes_from_the_ring_and_from_the_log)
{
	static const uint64_t froms[] = { 0, 1, 57, 99, 100 };
	struct test_client client;
	struct test_hub test;

	test_hub_open(&test, RING_BYTES, LOG_BYTES);
	publish(&test, 100);
	for (size_t i = 0; i < HC_ARRAY_LEN(froms); i++) {
		struct hc_position since = position(&test, froms[i]);
		char id[HC_POSITION_MAX];

		(void)hc_position_format(id, since.epoch, since.sequence);
		open_stream(&client, &test, NULL, &since);
		expect_block(&client, ": connected\nretry: 3000");
		expect_resumed(&client, id, true);
		for (uint64_t sequence = froms[i] + 1; sequence <= 100; sequence++)
			expect_event(&client, sequence);
		close_stream(&client);
	}
	test_hub_close(&test);
}

Test(stream, a_gap_is_told_once_because_its_id_counts)
{
	struct hc_position since = { "00000000000000aa", 7 };
	struct test_client client;
	struct test_hub test;
	char id[HC_POSITION_MAX];

	test_hub_open(&test, RING_BYTES, LOG_BYTES);
	publish(&test, 10);
	(void)hc_position_format(id, test.hub.store->epoch, 10);
	open_stream(&client, &test, NULL, &since);
	expect_block(&client, ": connected\nretry: 3000");
	expect_resumed(&client, id, false);
	close_stream(&client);
	since = position(&test, 10);
	open_stream(&client, &test, NULL, &since);
	expect_block(&client, ": connected\nretry: 3000");
	expect_resumed(&client, id, true);
	close_stream(&client);
	test_hub_close(&test);
}

Test(stream, one_that_goes_before_the_state_is_whole_gets_it_again)
{
	struct hc_position since = { "00000000000000aa", 7 };
	struct test_client client;
	struct test_hub test;
	char *blocks[5];

	test_hub_open(&test, RING_BYTES, LOG_BYTES);
	for (int i = 0; i < 3; i++)
		test_hub_publish(&test, test_record(test_type("component.status"), NULL,
						    i == 0   ? "{\"component\":\"x\"}"
						    : i == 1 ? "{\"component\":\"y\"}"
							     : "{\"component\":\"z\"}"));
	open_stream(&client, &test, NULL, &since);
	for (size_t i = 0; i < HC_ARRAY_LEN(blocks); i++) {
		blocks[i] = next_block(&client);
		cr_assert(blocks[i]);
		cr_expect_eq(!!strstr(blocks[i], "id: "), i == 4, "%s", blocks[i]);
		free(blocks[i]);
	}
	cr_expect_not(next_block(&client));
	close_stream(&client);
	test_hub_close(&test);
}

Test(stream, gets_what_its_types_and_channels_name)
{
	struct hc_subscription *subscription = hc_subscription_new();
	struct test_client client;
	struct test_hub test;

	test_hub_open(&test, RING_BYTES, LOG_BYTES);
	cr_assert(hc_subscription_add(subscription, HC_BY_PATTERN, HC_STR("task.*")));
	open_stream(&client, &test, subscription, NULL);
	expect_hello(&client, 0);
	publish(&test, 2);
	test_hub_publish(&test, test_record_sized(test_type("task.update"), NULL, 10));
	expect_event(&client, 3);
	close_stream(&client);
	test_hub_close(&test);
}

Test(stream, a_volatile_event_has_no_id)
{
	struct test_client client;
	struct test_hub test;
	char *block;

	test_hub_open(&test, RING_BYTES, LOG_BYTES);
	open_stream(&client, &test, NULL, NULL);
	expect_hello(&client, 0);
	test_hub_publish(&test, test_record_sized(test_type("gpu.stats_updated"), NULL, 10));
	block = next_block(&client);
	cr_assert(block);
	cr_expect_eq(strncmp(block, "data: {\"type\":\"gpu.stats_updated\"", 33), 0, "%s", block);
	free(block);
	close_stream(&client);
	test_hub_close(&test);
}

Test(stream, its_end_says_when_to_come_back_and_closes_the_wire)
{
	struct test_client client;
	struct test_hub test;

	test_hub_open(&test, RING_BYTES, LOG_BYTES);
	open_stream(&client, &test, NULL, NULL);
	expect_hello(&client, 0);
	client.session.retry_after_ms = 4321;
	hc_session_end(&client.session, HC_CLOSE_GOING_AWAY, "the hub stops");
	hc_session_on_writable(&client.session);
	expect_block(&client, ": closing, 1001 the hub stops\nretry: 4321");
	cr_expect(client.wire.closed);
	cr_expect(client.wire.wants_write, "else nobody would close it");
	cr_expect(client.session.close_sent);
	close_stream(&client);
	test_hub_close(&test);
}

Test(stream, has_tracks_of_its_own_beside_websockets)
{
	struct test_client stream, socket;
	struct test_hub test;

	test_hub_open(&test, RING_BYTES, LOG_BYTES);
	client_open(&socket, &test, "/ws/events", NULL);
	open_stream(&stream, &test, NULL, NULL);
	expect_hello(&stream, 0);
	publish(&test, 5);
	for (uint64_t sequence = 1; sequence <= 5; sequence++)
		expect_event(&stream, sequence);
	client_expect_sequences(&socket, 1, 5);
	client_expect_nothing(&socket);
	client_close(&socket);
	close_stream(&stream);
	test_hub_close(&test);
}
