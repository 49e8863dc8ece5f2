/* SPDX-License-Identifier: MIT */
/*
 * Entry without sockets: what becomes of clients when their endpoint is configured anew. Tokens,
 * and the places they come from: tests/e2e/test_entry.py.
 */
#include <criterion/criterion.h>
#include <sys/mman.h>

#include "proto/fault.h"
#include "tests/unit/hub.h"
#include "ws/sessions/entry.h"

#define AMPLE (1024 * 1024)

/* The configuration is read anew, with that text. */
static void reload(struct test_hub *test, const char *text)
{
	HC_CLEANUP(hc_closep) int fd = memfd_create("conf", MFD_CLOEXEC);
	HC_CLEANUP(hc_conf_freep) struct hc_conf *conf = NULL;
	HC_CLEANUP(hc_endpoints_unrefp) struct hc_endpoints *endpoints = NULL;
	struct hc_fault fault = HC_FAULT_NULL;
	struct hc_hub *hub = &test->hub;
	char path[32];

	cr_assert_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	cr_assert_eq(hc_conf_load(&conf, path, &fault), 0, "%s", fault.message);
	cr_assert_eq(hc_endpoints_new(&endpoints, hub->types, &conf->endpoints, ""), 0);
	hc_sessions_move(hub->sessions, endpoints);
	(void)hc_endpoints_unref(hub->endpoints);
	hub->endpoints = hc_take(endpoints);
}

static void publish(struct test_hub *test, const char *type)
{
	test_hub_publish(test, test_record(test_type(type), NULL, "{}"));
}

Test(entry, a_client_goes_on_with_what_its_endpoint_has_become)
{
	struct test_client client, other;
	struct test_hub test;

	test_hub_open(&test, AMPLE, AMPLE);
	client_open(&client, &test, "/ws/detection", NULL);
	client_open(&other, &test, "/ws/detection", NULL);
	client_say(&other, "{\"action\":\"subscribe\",\"events\":[\"job.*\"]}");
	test_hub_settle(&test);
	client_expect(&other, "{\"action\":\"subscribed\",\"events\":[\"job.*\"]}");
	reload(&test, "[endpoint /ws/detection]\nevents = alert.* job.*\nenvelope = spread\n");
	publish(&test, "alert.created");
	publish(&test, "job.completed");
	client_expect(&client, "{\"type\":\"alert.created\"}");
	client_expect(&client, "{\"type\":\"job.completed\"}");
	client_expect(&other, "{\"type\":\"job.completed\"}");
	cr_expect_eq(client.session.endpoint->n_clients, 2);
	client_close(&client);
	client_close(&other);
	test_hub_close(&test);
}

Test(entry, one_that_is_behind_misses_nothing_of_what_it_has_become)
{
	struct test_client client;
	struct test_hub test;

	test_hub_open(&test, AMPLE, AMPLE);
	client_open(&client, &test, "/ws/tasks", NULL);
	client.wire.blocked = true;
	publish(&test, "task.update");
	reload(&test, "[endpoint /ws/tasks]\nevents = task.* job.*\n");
	publish(&test, "job.completed");
	client.wire.blocked = false;
	test_hub_settle(&test);
	client_expect(&client, "{\"type\":\"task.update\"}");
	client_expect(&client, "{\"type\":\"job.completed\"}");
	client_expect_nothing(&client);
	client_close(&client);
	test_hub_close(&test);
}

Test(entry, one_whose_endpoint_is_gone_is_closed_for_good)
{
	struct test_client client;
	struct test_hub test;

	test_hub_open(&test, AMPLE, AMPLE);
	client_open(&client, &test, "/ws/detection", NULL);
	reload(&test, "[endpoint /ws/detection]\nenabled = no\n");
	test_hub_settle(&test);
	client_expect_close(&client, HC_CLOSE_BAD_REQUEST, "there is no such endpoint any more");
	client_close(&client);
	test_hub_close(&test);
}

Test(entry, one_that_would_need_a_token_now_is_closed)
{
	struct test_client client;
	struct test_hub test;

	test_hub_open(&test, AMPLE, AMPLE);
	client_open(&client, &test, "/ws/events", NULL);
	reload(&test, "[endpoint /ws/events]\nauth = token\n");
	publish(&test, "alert.created");
	test_hub_settle(&test);
	client_expect_close(&client, HC_CLOSE_UNAUTHORIZED, "this endpoint asks for a token now");
	client_close(&client);
	test_hub_close(&test);
}

Test(entry, the_shape_that_a_client_asked_for_stays)
{
	struct test_client client;
	struct test_hub test;
	json_t *message;

	test_hub_open(&test, AMPLE, AMPLE);
	client_open(&client, &test, "/ws/tasks", NULL);
	client.session.encoding.envelope = HC_ENVELOPE_CLOUDEVENTS;
	cr_assert(hc_session_refilter(&client.session));
	reload(&test, "[endpoint /ws/tasks]\nenvelope = data\n");
	publish(&test, "task.update");
	message = client_next(&client);
	cr_expect(json_object_get(message, "specversion"));
	json_decref(message);
	client_close(&client);
	test_hub_close(&test);
}
