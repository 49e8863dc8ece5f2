/* SPDX-License-Identifier: MIT */
#include <strings.h>

#include "fcgi/exchange.h"
#include "fcgi/problem.h"
#include "fcgi/request.h"
#include "fcgi/token.h"
#include "proto/json.h"

void hc_exchange_fail(struct hc_exchange *exchange, const struct hc_fault *fault)
{
	hc_problem_from_fault(exchange->response, fault);
}

void hc_exchange_pack_params(const struct hc_exchange *exchange, msgpack_packer *pk, size_t n)
{
	struct hc_str token = hc_token_find(exchange->request);

	msgpack_pack_map(pk, token.len ? n + 1 : n);
	if (token.len)
		hc_pack_str_at(pk, "token", token);
}

bool hc_exchange_try(struct hc_exchange *exchange, const char *method,
		     const struct hc_buffer *params, msgpack_object *ret_result,
		     struct hc_fault *fault)
{
	if (hc_hub_client_call(exchange->hub, method, params, ret_result, fault))
		return true;
	fault->pointer[0] = '\0';
	return false;
}

bool hc_exchange_ask(struct hc_exchange *exchange, const char *method,
		     const struct hc_buffer *params, msgpack_object *ret_result)
{
	struct hc_fault fault = HC_FAULT_NULL;

	if (hc_exchange_try(exchange, method, params, ret_result, &fault))
		return true;
	hc_exchange_fail(exchange, &fault);
	return false;
}

void hc_exchange_pass(struct hc_exchange *exchange, const char *method,
		      const struct hc_buffer *params)
{
	msgpack_object result;

	if (hc_exchange_ask(exchange, method, params, &result))
		hc_json_write(hc_response_json(exchange->response, 200), &result);
}

/* "application/json", whatever parameters follow. */
static bool is_json(struct hc_str type)
{
	const char *end = type.len ? memchr(type.s, ';', type.len) : NULL;

	if (end)
		type.len = (size_t)(end - type.s);
	while (type.len && (type.s[type.len - 1] == ' ' || type.s[type.len - 1] == '\t'))
		type.len--;
	return type.len == strlen(HC_CONTENT_JSON) &&
	       !strncasecmp(type.s, HC_CONTENT_JSON, type.len);
}

static bool check_body(struct hc_exchange *exchange)
{
	const struct hc_request *request = exchange->request;
	struct hc_response *response = exchange->response;

	if (request->body_state == HC_BODY_TOO_LARGE)
		hc_problem_set(response, HC_FAULT_TOO_LARGE, "",
			       "the body is larger than the configuration allows (body_max)");
	else if (request->body_state == HC_BODY_CUT)
		hc_problem_set(response, HC_FAULT_MALFORMED, "",
			       "the body ends before its Content-Length");
	else if (request->body_state == HC_BODY_NO_MEMORY)
		hc_problem_set(response, HC_FAULT_INTERNAL, "", "out of memory");
	else if (!request->body.len)
		hc_problem_set(response, HC_FAULT_MALFORMED, "", "the body is empty");
	else if (!is_json(request->content_type))
		hc_problem_set(response, HC_PROBLEM_UNSUPPORTED_MEDIA_TYPE, "",
			       "the Content-Type must be application/json");
	else
		return true;
	return false;
}

json_t *hc_exchange_body(struct hc_exchange *exchange)
{
	const struct hc_buffer *body = &exchange->request->body;
	struct hc_fault fault = HC_FAULT_NULL;
	json_t *value;

	if (!check_body(exchange))
		return NULL;
	value = hc_json_parse((struct hc_str){ body->data, body->len }, &fault);
	if (!value)
		hc_exchange_fail(exchange, &fault);
	return value;
}
