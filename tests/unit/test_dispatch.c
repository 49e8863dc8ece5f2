/* SPDX-License-Identifier: MIT */
/*
 * What the REST program answers without a hub: everything that is wrong before the hub is asked.
 */
#include <criterion/criterion.h>

#include "fcgi/dispatch.h"
#include "fcgi/request.h"
#include "proto/json.h"
#include "proto/log.h"

#define NO_HUB "/nonexistent/hub.sock"

struct fixture {
	struct hc_hub_client *hub;
	struct hc_request request;
	struct hc_response response;
};

static void set_up(struct fixture *fixture, const char *method, const char *target)
{
	const char *query = strchr(target, '?');

	hc_log_init("test", HC_LOG_ERR); /* that there is no hub is what is tested here */
	*fixture = (struct fixture){ 0 };
	cr_assert_eq(hc_hub_client_new(&fixture->hub, NO_HUB, 1000), 0);
	fixture->request.method = hc_str(method);
	fixture->request.target = hc_str(target);
	fixture->request.query = hc_str(query ? query + 1 : "");
}

static void set_body(struct fixture *fixture, const char *type, const char *body)
{
	fixture->request.content_type = hc_str(type);
	hc_buffer_append_str(&fixture->request.body, hc_str(body));
}

static int dispatch(struct fixture *fixture)
{
	struct hc_exchange exchange = {
		.request = &fixture->request,
		.hub = fixture->hub,
		.response = &fixture->response,
	};

	hc_rest_dispatch(&exchange);
	return fixture->response.status;
}

static void tear_down(struct fixture *fixture)
{
	hc_hub_client_free(fixture->hub);
	hc_request_deinit(&fixture->request);
	hc_response_deinit(&fixture->response);
}

static bool contains(const struct hc_buffer *buffer, const char *text)
{
	return buffer->len && memmem(buffer->data, buffer->len, text, strlen(text));
}

Test(dispatch, an_address_or_a_method_that_is_not_there_is_told)
{
	static const struct {
		const char *method;
		const char *target;
		int status;
		const char *header; /* NULL: none in particular */
	} cases[] = {
		{ "GET", "/api", 404, NULL },
		{ "GET", "/api/nothing", 404, NULL },
		{ "GET", "/events", 404, NULL },
		{ "GET", "/api//events", 404, NULL },
		{ "GET", "/api/../api/events", 404, NULL },
		{ "GET", "/api/%zz", 400, NULL },
		{ "GET", "/api/devices/mount", 405, "Allow: OPTIONS, POST\r\n" },
		{ "DELETE", "/api/events", 405, "Allow: GET, HEAD, OPTIONS, POST\r\n" },
		{ "get", "/api/events", 405, "Allow: GET, HEAD, OPTIONS, POST\r\n" },
		{ "GET", "/api/v1/tickets", 405, "Allow: OPTIONS, POST\r\n" },
		{ "POST", "/healthz", 405, "Allow: GET, HEAD, OPTIONS\r\n" },
		{ "GET", "/api/consumers/x", 405, "Allow: DELETE, OPTIONS\r\n" },
		{ "OPTIONS", "/api/events", 204, "Allow: GET, HEAD, OPTIONS, POST\r\n" },
		{ "OPTIONS", "/api/nothing", 404, NULL },
	};

	for (size_t i = 0; i < HC_ARRAY_LEN(cases); i++) {
		struct fixture fixture;

		set_up(&fixture, cases[i].method, cases[i].target);
		cr_assert_eq(dispatch(&fixture), cases[i].status, "%s %s: %d", cases[i].method,
			     cases[i].target, fixture.response.status);
		if (cases[i].header)
			cr_assert(contains(&fixture.response.headers, cases[i].header));
		tear_down(&fixture);
	}
}

Test(dispatch, a_query_of_events_is_checked)
{
	static const struct {
		const char *target;
		const char *named;
	} cases[] = {
		{ "/api/events?lmit=1", "lmit" },
		{ "/api/events?limit=0", "limit" },
		{ "/api/events?limit=1001", "limit" },
		{ "/api/events?limit=-1", "limit" },
		{ "/api/events?limit=1e2", "limit" },
		{ "/api/events?limit=99999999999999999999", "limit" },
		{ "/api/events?limit=1&limit=1", "limit" },
		{ "/api/events?after=1&after=2", "after" },
		{ "/api/events?after=%", "percent" },
	};

	for (size_t i = 0; i < HC_ARRAY_LEN(cases); i++) {
		struct fixture fixture;

		set_up(&fixture, "GET", cases[i].target);
		cr_assert_eq(dispatch(&fixture), 400, "%s", cases[i].target);
		cr_assert(contains(&fixture.response.body, cases[i].named), "%s", cases[i].target);
		tear_down(&fixture);
	}
}

Test(dispatch, a_body_must_be_there_and_json)
{
	static const struct {
		const char *type;
		const char *body;
		int status;
	} cases[] = {
		{ "application/json", "", 400 },
		{ "", "{}", 415 },
		{ "text/plain", "{}", 415 },
		{ "application/jsonx", "{}", 415 },
		{ "application/x-www-form-urlencoded", "a=b", 415 },
		{ "application/json", "{", 400 },
		{ "application/json", "{}{}", 400 },
		{ "application/json", "{\"a\":1,\"a\":2}", 400 },
		{ "application/json", "{\"a\":\"\\u0000\"}", 400 },
		{ "application/json", "{}", 503 }, /* in order; there is no hub */
		{ "Application/JSON ; charset=utf-8", "{}", 503 },
		{ "application/json", "[]", 503 },
	};
	static const char *const targets[] = { "/api/events", "/api/devices/mount",
					       "/api/devices/unmount" };

	for (size_t i = 0; i < HC_ARRAY_LEN(cases) * HC_ARRAY_LEN(targets); i++) {
		size_t k = i / HC_ARRAY_LEN(targets);
		struct fixture fixture;

		set_up(&fixture, "POST", targets[i % HC_ARRAY_LEN(targets)]);
		set_body(&fixture, cases[k].type, cases[k].body);
		cr_assert_eq(dispatch(&fixture), cases[k].status, "%s, %s: %d", cases[k].type,
			     cases[k].body, fixture.response.status);
		tear_down(&fixture);
	}
}

Test(dispatch, a_body_that_was_not_read_is_told)
{
	static const struct {
		enum hc_body_state state;
		int status;
	} cases[] = {
		{ HC_BODY_TOO_LARGE, 413 },
		{ HC_BODY_CUT, 400 },
		{ HC_BODY_NO_MEMORY, 500 },
	};

	for (size_t i = 0; i < HC_ARRAY_LEN(cases); i++) {
		struct fixture fixture;

		set_up(&fixture, "POST", "/api/events");
		set_body(&fixture, "application/json", "{}");
		fixture.request.body_state = cases[i].state;
		cr_assert_eq(dispatch(&fixture), cases[i].status);
		tear_down(&fixture);
	}
}

Test(dispatch, what_no_hub_would_take_is_not_sent)
{
	struct fixture fixture;

	set_up(&fixture, "POST", "/api/events");
	set_body(&fixture, "application/json", "[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]");
	cr_assert_eq(dispatch(&fixture), 413);
	tear_down(&fixture);
}

Test(dispatch, an_idempotency_key_must_be_printable_and_short)
{
	char long_key[130];
	const struct {
		const char *key;
		int status;
	} cases[] = {
		{ "", 400 },	   { "a\tb", 400 }, { "\xc3\xa9", 400 },
		{ long_key, 400 }, { "a b", 503 },
	};

	memset(long_key, 'k', sizeof(long_key) - 1);
	long_key[sizeof(long_key) - 1] = '\0';
	for (size_t i = 0; i < HC_ARRAY_LEN(cases); i++) {
		struct fixture fixture;

		set_up(&fixture, "POST", "/api/events");
		set_body(&fixture, "application/json", "{}");
		fixture.request.idempotency_key = hc_str(cases[i].key);
		cr_assert_eq(dispatch(&fixture), cases[i].status, "%s", cases[i].key);
		tear_down(&fixture);
	}
}

Test(dispatch, without_a_hub_everything_is_unavailable_and_to_be_tried_again)
{
	static const char *const targets[] = {
		"/api/events",	"/api/devices",	    "/api/services/detector/status",
		"/api/status",	"/api/connections", "/api/state/device.mounted",
		"/healthz",	"/api/event-types", "/api/event-types/device.mounted",
		"/api/healthz", "/api/channels",    "/api/events?type=device.*,x&after=7&channel=c",
	};

	for (size_t i = 0; i < HC_ARRAY_LEN(targets); i++) {
		struct fixture fixture;

		set_up(&fixture, "GET", targets[i]);
		cr_assert_eq(dispatch(&fixture), 503, "%s", targets[i]);
		cr_assert(contains(&fixture.response.headers, "Retry-After: 1\r\n"), "%s",
			  targets[i]);
		tear_down(&fixture);
	}
}

Test(dispatch, without_a_hub_there_is_no_ticket_though_no_body_is_needed)
{
	struct fixture fixture;

	set_up(&fixture, "POST", "/api/v1/tickets");
	fixture.request.origin = hc_str("https://app.example");
	cr_assert_eq(dispatch(&fixture), 503);
	cr_assert(contains(&fixture.response.headers, "Retry-After: 1\r\n"));
	tear_down(&fixture);
}

Test(dispatch, without_a_hub_the_metrics_say_just_that)
{
	struct fixture fixture;

	set_up(&fixture, "GET", "/metrics");
	cr_assert_eq(dispatch(&fixture), 503);
	cr_expect(contains(&fixture.response.headers, "Retry-After: 1\r\n"));
	cr_expect_str_eq(fixture.response.content_type, "text/plain; version=0.0.4; charset=utf-8");
	cr_expect(contains(&fixture.response.body, "\nhostcast_up 0\n"));
	tear_down(&fixture);
}

Test(dispatch, a_prefix_is_what_script_name_says)
{
	static const struct {
		const char *script_name;
		const char *target;
		int status;
	} cases[] = {
		{ "/hostcast", "/hostcast/api/status", 503 },
		{ "/hostcast", "/hostcastapi/status", 404 },
		{ "/other", "/hostcast/api/status", 404 },
		{ "/api", "/api/status", 503 },
		{ "", "/hostcast/api/status", 404 },
	};

	for (size_t i = 0; i < HC_ARRAY_LEN(cases); i++) {
		struct fixture fixture;

		set_up(&fixture, "GET", cases[i].target);
		fixture.request.script_name = hc_str(cases[i].script_name);
		cr_assert_eq(dispatch(&fixture), cases[i].status, "%s", cases[i].target);
		tear_down(&fixture);
	}
}
