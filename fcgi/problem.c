/* SPDX-License-Identifier: MIT */
/*
 * One row a code. Source of the statuses: RFC 9110 section 15.5; 429 and 507 from RFC 6585 and RFC
 * 4918.
 */
#include "fcgi/problem.h"
#include "proto/json.h"

#define RETRY_AFTER_SECONDS "1" /* a supervisor starts a hub again after 1 s */

struct row {
	int status;
	const char *code;  /* NULL: the name of the fault */
	const char *title; /* the same for every occurrence (RFC 9457 section 3.1.3) */
};

static const struct row rows[HC_PROBLEM_MAX_] = {
	[HC_FAULT_MALFORMED] = { 400, NULL, "The request cannot be read" },
	[HC_FAULT_TOO_LARGE] = { 413, NULL, "Larger than allowed" },
	[HC_FAULT_UNKNOWN_METHOD] = { 501, NULL,
				      "The hub is of another version and cannot do this" },
	[HC_FAULT_INVALID_PARAMS] = { 400, NULL, "A parameter is missing or wrong" },
	[HC_FAULT_UNKNOWN_TYPE] = { 422, NULL, "There is no such event type" },
	[HC_FAULT_SCHEMA] = { 422, NULL, "The payload does not match its schema" },
	[HC_FAULT_UNAUTHORIZED] = { 401, NULL, "A valid token is needed" },
	[HC_FAULT_FORBIDDEN] = { 403, NULL, "This is not allowed" },
	[HC_FAULT_NOT_FOUND] = { 404, NULL, "Not found" },
	[HC_FAULT_CONFLICT] = { 409, NULL, "The idempotency key was used for another body" },
	[HC_FAULT_RATE_LIMITED] = { 429, NULL, "Too many requests" },
	[HC_FAULT_UNAVAILABLE] = { 503, NULL, "Not available at the moment" },
	[HC_FAULT_STORAGE_FULL] = { 507, NULL, "There is no space to store it" },
	[HC_FAULT_INTERNAL] = { 500, NULL, "Something went wrong on our side" },
	[HC_PROBLEM_METHOD_NOT_ALLOWED] = { 405, "method_not_allowed",
					    "The resource does not have this method" },
	[HC_PROBLEM_UNSUPPORTED_MEDIA_TYPE] = { 415, "unsupported_media_type",
						"The body must be JSON" },
	[HC_PROBLEM_CONFIGURATION] = { 500, "configuration", "The configuration is not valid" },
};

static int known(int code)
{
	return code > HC_FAULT_NONE && code < HC_PROBLEM_MAX_ && rows[code].status
		       ? code
		       : (int)HC_FAULT_INTERNAL;
}

int hc_problem_status(int code)
{
	return rows[known(code)].status;
}

static const char *code_name(int code)
{
	return rows[code].code ? rows[code].code : hc_fault_name((enum hc_fault_code)code);
}

static void add_headers(struct hc_response *response)
{
	if (response->status == 401)
		hc_response_header(response, "WWW-Authenticate", "Bearer");
	if (response->status == 429 || response->status == 503)
		hc_response_header(response, "Retry-After", RETRY_AFTER_SECONDS);
}

void hc_problem_set(struct hc_response *response, int code, const char *pointer, const char *detail)
{
	struct hc_buffer *body;

	code = known(code);
	body = hc_response_json(response, rows[code].status);
	response->content_type = HC_CONTENT_PROBLEM;
	hc_buffer_printf(body,
			 "{\"type\":\"urn:hostcast:problem:%s\",\"title\":\"%s\",\"status\":%d",
			 code_name(code), rows[code].title, rows[code].status);
	hc_buffer_append_str(body, HC_STR(",\"detail\":"));
	hc_json_write_str(body, hc_str(detail));
	if (*pointer) {
		hc_buffer_append_str(body, HC_STR(",\"pointer\":"));
		hc_json_write_str(body, hc_str(pointer));
	}
	hc_buffer_append(body, "}", 1);
	add_headers(response);
}

void hc_problem_from_fault(struct hc_response *response, const struct hc_fault *fault)
{
	hc_problem_set(response, (int)fault->code, fault->pointer, fault->message);
}
