/* SPDX-License-Identifier: MIT */
/* What clients say, in both dialects, and what they are answered. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "tests/unit/hub.h"
#include "ws/sessions/message.h"
#include "ws/sessions/subscription.h"

struct talk {
	struct test_hub test;
	struct test_client client;
};

static void begin(struct talk *talk, const char *path)
{
	test_hub_open(&talk->test, 1024 * 1024, 1024 * 1024);
	client_open(&talk->client, &talk->test, path, NULL);
}

static void end(struct talk *talk)
{
	client_expect_nothing(&talk->client);
	cr_expect_eq(talk->client.session.close_code, 0);
	client_close(&talk->client);
	test_hub_close(&talk->test);
}

static void expect_answer(struct talk *talk, const char *said, const char *answer)
{
	client_say(&talk->client, said);
	test_hub_settle(&talk->test);
	if (answer)
		client_expect(&talk->client, answer);
	client_expect_nothing(&talk->client);
}

/* Publishes one event of that type and sees whether it comes. */
static bool gets(struct talk *talk, const char *type)
{
	json_t *message;

	test_hub_publish(&talk->test, test_record(test_type(type), NULL, "{}"));
	test_hub_settle(&talk->test);
	message = client_next(&talk->client);
	if (message)
		cr_expect_str_eq(json_string_value(json_object_get(message, "type")), type);
	json_decref(message);
	return message;
}

Test(message, the_first_subscribe_turns_everything_into_only_these)
{
	struct talk talk;

	begin(&talk, "/ws/events");
	cr_expect(gets(&talk, "device.mounted"));
	expect_answer(&talk, "{\"action\":\"subscribe\",\"events\":[\"job.*\",\"alert.created\"]}",
		      "{\"action\":\"subscribed\",\"events\":[\"job.*\",\"alert.created\"]}");
	cr_expect_not(gets(&talk, "device.mounted"));
	cr_expect(gets(&talk, "job.progress"));
	cr_expect(gets(&talk, "alert.created"));
	expect_answer(&talk, "{\"action\":\"subscribe\",\"events\":[\"device.*\"]}",
		      "{\"action\":\"subscribed\",\"events\":[\"device.*\"]}");
	cr_expect(gets(&talk, "device.mounted"));
	cr_expect(gets(&talk, "job.progress"));
	expect_answer(&talk, "{\"action\":\"unsubscribe\",\"events\":[\"job.*\",\"x.y\"]}",
		      "{\"action\":\"unsubscribed\",\"events\":[\"job.*\",\"x.y\"]}");
	cr_expect_not(gets(&talk, "job.progress"));
	cr_expect(gets(&talk, "device.mounted"));
	expect_answer(&talk, "{\"action\":\"unsubscribe\"}",
		      "{\"action\":\"unsubscribed\",\"events\":[\"alert.created\",\"device.*\"]}");
	cr_expect_not(gets(&talk, "device.mounted"));
	end(&talk);
}

Test(message, a_subscribe_to_an_empty_list_means_none)
{
	struct talk talk;

	begin(&talk, "/ws/events");
	expect_answer(&talk, "{\"action\":\"subscribe\",\"events\":[]}",
		      "{\"action\":\"subscribed\",\"events\":[]}");
	cr_expect_not(gets(&talk, "job.progress"));
	end(&talk);
}

Test(message, an_empty_list_means_none_whatever_there_was_but_channels)
{
	struct talk talk;

	begin(&talk, "/ws/events");
	expect_answer(&talk, "{\"action\":\"subscribe\",\"events\":[\"job.*\",\"task.*\"]}",
		      "{\"action\":\"subscribed\",\"events\":[\"job.*\",\"task.*\"]}");
	expect_answer(&talk, "{\"type\":\"subscribe\",\"channel\":\"devices\"}",
		      "{\"type\":\"subscribed\",\"channel\":\"devices\"}");
	expect_answer(&talk, "{\"action\":\"subscribe\",\"events\":[]}",
		      "{\"action\":\"subscribed\",\"events\":[]}");
	cr_expect_not(gets(&talk, "job.progress"));
	cr_expect_not(gets(&talk, "task.update"));
	cr_expect(gets(&talk, "device.mounted"));
	expect_answer(&talk, "{\"action\":\"subscribe\",\"events\":[\"task.*\"]}",
		      "{\"action\":\"subscribed\",\"events\":[\"task.*\"]}");
	cr_expect_not(gets(&talk, "job.progress"));
	cr_expect(gets(&talk, "task.update"));
	end(&talk);
}

Test(message, unsubscribing_from_everything_leaves_nothing)
{
	struct talk talk;

	begin(&talk, "/ws/events");
	expect_answer(&talk, "{\"action\":\"unsubscribe\",\"events\":[\"job.*\"]}",
		      "{\"action\":\"unsubscribed\",\"events\":[\"job.*\"]}");
	cr_expect(gets(&talk, "job.progress"));
	expect_answer(&talk, "{\"action\":\"unsubscribe\"}",
		      "{\"action\":\"unsubscribed\",\"events\":[\"*\"]}");
	cr_expect_not(gets(&talk, "job.progress"));
	end(&talk);
}

Test(message, unsubscribing_from_the_star_leaves_nothing_either)
{
	struct talk talk;

	begin(&talk, "/ws/events");
	expect_answer(&talk, "{\"action\":\"unsubscribe\",\"events\":[\"job.*\",\"*\"]}",
		      "{\"action\":\"unsubscribed\",\"events\":[\"job.*\",\"*\"]}");
	cr_expect_not(gets(&talk, "job.progress"));
	cr_expect_not(gets(&talk, "alert.created"));
	end(&talk);
}

Test(message, channels_are_subscribed_to_by_name)
{
	struct talk talk;

	begin(&talk, "/ws/events");
	expect_answer(&talk, "{\"type\":\"unsubscribe\",\"channel\":\"jobs\"}",
		      "{\"type\":\"unsubscribed\",\"channel\":\"jobs\"}");
	cr_expect(gets(&talk, "job.progress"));
	expect_answer(&talk, "{\"type\":\"subscribe\",\"channel\":\"media_updates\"}",
		      "{\"type\":\"subscribed\",\"channel\":\"media_updates\"}");
	cr_expect(gets(&talk, "media_update"));
	cr_expect_not(gets(&talk, "job.progress"));
	expect_answer(&talk, "{\"type\":\"subscribe\",\"channel\":\"jobs\"}",
		      "{\"type\":\"subscribed\",\"channel\":\"jobs\"}");
	cr_expect(gets(&talk, "job.progress"));
	expect_answer(&talk, "{\"type\":\"unsubscribe\",\"channel\":\"media_updates\"}",
		      "{\"type\":\"unsubscribed\",\"channel\":\"media_updates\"}");
	cr_expect_not(gets(&talk, "media_update"));
	cr_expect(gets(&talk, "job.progress"));
	end(&talk);
}

Test(message, pings_are_answered_and_pongs_taken)
{
	struct talk talk;

	begin(&talk, "/ws/status");
	expect_answer(&talk, "{\"type\":\"ping\"}", "{\"type\":\"pong\"}");
	expect_answer(&talk, " {\"id\":7, \"type\":\"ping\"} ", "{\"type\":\"pong\"}");
	expect_answer(&talk, "{\"type\":\"pong\"}", NULL);
	end(&talk);
}

Test(message, resume_goes_back_to_a_position)
{
	struct talk talk;
	char said[100];

	begin(&talk, "/ws/events");
	cr_expect(gets(&talk, "job.progress"));
	cr_expect(gets(&talk, "job.progress"));
	(void)snprintf(said, sizeof(said), "{\"action\":\"resume\",\"since\":\"%s-1\"}",
		       talk.test.hub.store->epoch);
	client_say(&talk.client, said);
	test_hub_settle(&talk.test);
	json_decref(client_next(&talk.client));
	client_expect_sequences(&talk.client, 2, 1);
	end(&talk);
}

static const struct {
	const char *said;
	const char *code;
	const char *pointer;
} wrong[] = {
	{ "", "malformed", NULL },
	{ "x", "malformed", NULL },
	{ "{\"type\":\"ping\"", "malformed", NULL },
	{ "{\"type\":\"ping\"}{}", "malformed", NULL },
	{ "{\"type\":\"ping\",\"type\":\"ping\"}", "malformed", NULL },
	{ "[]", "malformed", NULL },
	{ "\"ping\"", "malformed", NULL },
	{ "{}", "unknown_method", NULL },
	{ "{\"action\":\"ping\"}", "unknown_method", NULL },
	{ "{\"type\":7}", "unknown_method", NULL },
	{ "{\"type\":\"Ping\"}", "unknown_method", NULL },
	{ "{\"action\":\"subscribe\"}", "invalid_params", "/events" },
	{ "{\"action\":\"subscribe\",\"events\":\"*\"}", "invalid_params", "/events" },
	{ "{\"action\":\"subscribe\",\"events\":[7]}", "invalid_params", "/events" },
	{ "{\"action\":\"subscribe\",\"events\":[\"job.*\",\"*.x\"]}", "invalid_params",
	  "/events/1" },
	{ "{\"action\":\"unsubscribe\",\"events\":[\"\"]}", "invalid_params", "/events/0" },
	{ "{\"action\":\"unsubscribe\",\"events\":null}", "invalid_params", "/events" },
	{ "{\"type\":\"subscribe\"}", "invalid_params", "/channel" },
	{ "{\"type\":\"subscribe\",\"channel\":\"nosuch\"}", "invalid_params", "/channel" },
	{ "{\"type\":\"unsubscribe\",\"channel\":[\"jobs\"]}", "invalid_params", "/channel" },
	{ "{\"action\":\"resume\"}", "invalid_params", "/since" },
	{ "{\"action\":\"resume\",\"since\":5}", "invalid_params", "/since" },
	{ "{\"action\":\"resume\",\"since\":\"5\"}", "invalid_params", "/since" },
};

static void expect_fault(struct talk *talk, const char *said, const char *code, const char *pointer)
{
	json_t *message;
	const json_t *payload;
	const char *got;

	client_say(&talk->client, said);
	test_hub_settle(&talk->test);
	message = client_next(&talk->client);
	cr_assert(message, "%s", said);
	payload = json_object_get(message, "payload");
	cr_expect_str_eq(json_string_value(json_object_get(message, "type")), "error");
	cr_expect_str_eq(json_string_value(json_object_get(payload, "code")), code, "%s", said);
	cr_expect(json_string_length(json_object_get(payload, "message")), "%s", said);
	got = json_string_value(json_object_get(payload, "pointer"));
	cr_expect(pointer ? got && !strcmp(got, pointer) : !got, "%s: %s", said, got);
	json_decref(message);
}

Test(message, anything_else_is_told_what_was_wrong_and_changes_nothing)
{
	struct talk talk;

	begin(&talk, "/ws/events");
	for (size_t i = 0; i < HC_ARRAY_LEN(wrong); i++)
		expect_fault(&talk, wrong[i].said, wrong[i].code, wrong[i].pointer);
	hc_message_handle(&talk.client.session, (struct hc_str){ NULL, 0 });
	test_hub_settle(&talk.test);
	json_decref(client_next(&talk.client));
	cr_expect_null(talk.client.session.subscription);
	cr_expect(gets(&talk, "job.progress"));
	end(&talk);
}

/* {"action":ACTION,"events":["n.FIRST", ...]} and the like for its answer. */
static void list_patterns(struct hc_buffer *text, const char *action, size_t first, size_t n)
{
	hc_buffer_reset(text);
	hc_buffer_printf(text, "{\"action\":\"%s\",\"events\":[", action);
	for (size_t i = 0; i < n; i++)
		hc_buffer_printf(text, "%s\"n.%zu\"", i ? "," : "", first + i);
	hc_buffer_printf(text, "]}%c", '\0');
}

static void expect_taken(struct talk *talk, const char *action, size_t first, size_t n)
{
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer said = HC_BUFFER_NULL;
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer answer = HC_BUFFER_NULL;

	list_patterns(&said, action, first, n);
	list_patterns(&answer, action[0] == 's' ? "subscribed" : "unsubscribed", first, n);
	expect_answer(talk, said.data, answer.data);
}

Test(message, patterns_are_limited_and_those_already_there_count_once)
{
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer said = HC_BUFFER_NULL;
	struct talk talk;
	size_t max;

	begin(&talk, "/ws/events");
	max = talk.test.conf->clients.patterns_max;
	expect_taken(&talk, "subscribe", 0, max);
	list_patterns(&said, "subscribe", max, 1);
	expect_fault(&talk, said.data, "invalid_params", "/events");
	expect_taken(&talk, "subscribe", 0, max);
	cr_expect_eq(hc_subscription_count(talk.client.session.subscription), max);
	expect_taken(&talk, "unsubscribe", 1, max - 1);
	cr_expect_eq(hc_subscription_count(talk.client.session.subscription), 1);
	expect_taken(&talk, "subscribe", max, max - 1);
	end(&talk);
}

Test(message, channels_count_as_patterns_do)
{
	struct talk talk;
	size_t max;

	begin(&talk, "/ws/events");
	max = talk.test.conf->clients.patterns_max;
	expect_taken(&talk, "subscribe", 0, max - 1);
	expect_answer(&talk, "{\"type\":\"subscribe\",\"channel\":\"jobs\"}",
		      "{\"type\":\"subscribed\",\"channel\":\"jobs\"}");
	expect_fault(&talk, "{\"type\":\"subscribe\",\"channel\":\"alerts\"}", "invalid_params",
		     "/channel");
	expect_answer(&talk, "{\"type\":\"subscribe\",\"channel\":\"jobs\"}",
		      "{\"type\":\"subscribed\",\"channel\":\"jobs\"}");
	cr_expect_eq(hc_subscription_count(talk.client.session.subscription), max);
	end(&talk);
}
