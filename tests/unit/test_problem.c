/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>
#include <jansson.h>

#include "fcgi/problem.h"
#include "proto/json.h"

static json_t *body_of(const struct hc_response *response)
{
	struct hc_fault fault = HC_FAULT_NULL;
	json_t *body =
		hc_json_parse((struct hc_str){ response->body.data, response->body.len }, &fault);

	cr_assert(body, "%.*s: %s", (int)response->body.len, response->body.data, fault.message);
	return body;
}

static void assert_member(const json_t *body, const char *key, const char *expected)
{
	cr_assert_str_eq(json_string_value(json_object_get(body, key)), expected);
}

static bool has_header(const struct hc_response *response, const char *line)
{
	return response->headers.len &&
	       memmem(response->headers.data, response->headers.len, line, strlen(line));
}

Test(problem, every_code_has_a_status_and_is_json)
{
	for (int code = HC_FAULT_NONE + 1; code < HC_PROBLEM_MAX_; code++) {
		struct hc_response response = HC_RESPONSE_NULL;
		json_t *body;

		hc_problem_set(&response, code, "", "why");
		body = body_of(&response);
		cr_assert_geq(response.status, 400, "code %d", code);
		cr_assert_eq(response.status, hc_problem_status(code));
		cr_assert_eq(json_integer_value(json_object_get(body, "status")), response.status);
		cr_assert_str_eq(response.content_type, "application/problem+json");
		cr_assert_str_neq(hc_status_reason(response.status), "Unknown");
		cr_assert_gt(strlen(json_string_value(json_object_get(body, "title"))), 0);
		cr_assert_null(json_object_get(body, "pointer"));
		json_decref(body);
		hc_response_deinit(&response);
	}
}

Test(problem, codes_have_the_statuses_that_clients_rely_on)
{
	static const struct {
		int code;
		int status;
	} cases[] = {
		{ HC_FAULT_MALFORMED, 400 },
		{ HC_FAULT_TOO_LARGE, 413 },
		{ HC_FAULT_INVALID_PARAMS, 400 },
		{ HC_FAULT_UNKNOWN_TYPE, 422 },
		{ HC_FAULT_SCHEMA, 422 },
		{ HC_FAULT_UNAUTHORIZED, 401 },
		{ HC_FAULT_FORBIDDEN, 403 },
		{ HC_FAULT_NOT_FOUND, 404 },
		{ HC_FAULT_CONFLICT, 409 },
		{ HC_FAULT_RATE_LIMITED, 429 },
		{ HC_FAULT_UNAVAILABLE, 503 },
		{ HC_FAULT_STORAGE_FULL, 507 },
		{ HC_FAULT_INTERNAL, 500 },
		{ HC_PROBLEM_METHOD_NOT_ALLOWED, 405 },
		{ HC_PROBLEM_UNSUPPORTED_MEDIA_TYPE, 415 },
		{ -1, 500 },
		{ HC_PROBLEM_MAX_, 500 },
		{ HC_FAULT_NONE, 500 },
	};

	for (size_t i = 0; i < HC_ARRAY_LEN(cases); i++)
		cr_assert_eq(hc_problem_status(cases[i].code), cases[i].status, "code %d",
			     cases[i].code);
}

Test(problem, a_fault_becomes_type_detail_and_pointer)
{
	struct hc_response response = HC_RESPONSE_NULL;
	struct hc_fault fault = HC_FAULT_NULL;
	json_t *body;

	hc_fault_set(&fault, HC_FAULT_SCHEMA, "must be \"text\"\n");
	hc_fault_at(&fault, HC_STR("a/b"));
	hc_fault_at_index(&fault, 3);
	hc_problem_from_fault(&response, &fault);
	body = body_of(&response);
	assert_member(body, "type", "urn:hostcast:problem:schema");
	assert_member(body, "detail", fault.message);
	assert_member(body, "pointer", "/3/a~1b");
	json_decref(body);
	hc_response_deinit(&response);
}

Test(problem, what_to_do_next_stands_in_the_headers)
{
	static const struct {
		int code;
		const char *header;
	} cases[] = {
		{ HC_FAULT_UNAUTHORIZED, "WWW-Authenticate: Bearer\r\n" },
		{ HC_FAULT_UNAVAILABLE, "Retry-After: 1\r\n" },
		{ HC_FAULT_RATE_LIMITED, "Retry-After: 1\r\n" },
	};

	for (size_t i = 0; i < HC_ARRAY_LEN(cases); i++) {
		struct hc_response response = HC_RESPONSE_NULL;

		hc_problem_set(&response, cases[i].code, "", "");
		cr_assert(has_header(&response, cases[i].header));
		hc_response_deinit(&response);
	}
}

Test(response, head_tells_status_type_length_and_that_nothing_is_stored)
{
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer head = HC_BUFFER_NULL;
	HC_CLEANUP(hc_response_deinit) struct hc_response response = HC_RESPONSE_NULL;

	hc_buffer_append(hc_response_json(&response, 201), "{}", 2);
	hc_response_header(&response, "Allow", "GET");
	hc_response_head(&head, &response);
	cr_assert(hc_str_is((struct hc_str){ head.data, head.len },
			    "Status: 201 Created\r\n"
			    "Content-Type: application/json\r\nContent-Length: 2\r\n"
			    "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n"
			    "Allow: GET\r\n\r\n"));
}

Test(response, without_a_body_there_is_no_type)
{
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer head = HC_BUFFER_NULL;
	HC_CLEANUP(hc_response_deinit) struct hc_response response = { .status = 204 };

	hc_response_head(&head, &response);
	hc_buffer_append(&head, "", 1);
	cr_assert_null(strstr(head.data, "\nContent-Type"));
	cr_assert_null(strstr(head.data, "\nContent-Length"));
}
