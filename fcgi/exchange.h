/* SPDX-License-Identifier: MIT */
/*
 * An exchange: one HTTP request, the hub to ask about it, and the response that becomes of it.
 *
 * What the resources have in common: a body read as JSON, the hub asked with the client's token,
 * its result or its fault written as the answer.
 */
#pragma once

#include <jansson.h>

#include "fcgi/hub_client.h"
#include "fcgi/response.h"
#include "fcgi/router.h"
#include "proto/fault.h"

struct hc_request;

struct hc_exchange {
	const struct hc_request *request;
	struct hc_hub_client *hub;
	struct hc_route_match match;
	struct hc_response *response;
};

/** hc_exchange_fail() - answer with the problem of @fault */
void hc_exchange_fail(struct hc_exchange *exchange, const struct hc_fault *fault);

/**
 * hc_exchange_pack_params() - begin the params of a question: the map's head, and the token if any
 * @n: entries that the caller packs behind it
 */
void hc_exchange_pack_params(const struct hc_exchange *exchange, msgpack_packer *pk, size_t n);

/**
 * hc_exchange_try() - ask the hub, and leave to the caller what a failure means
 * @fault: without pointer: it would point into params, which the client never saw
 *
 * Otherwise as hc_hub_client_call().
 */
bool hc_exchange_try(struct hc_exchange *exchange, const char *method,
		     const struct hc_buffer *params, msgpack_object *ret_result,
		     struct hc_fault *fault);

/**
 * hc_exchange_ask() - ask the hub; answer with a problem if it fails
 * @params:     one packed map
 * @ret_result: as hc_hub_client_call()
 *
 * Return: whether there is a result; else the response is complete.
 */
bool hc_exchange_ask(struct hc_exchange *exchange, const char *method,
		     const struct hc_buffer *params, msgpack_object *ret_result);

/** hc_exchange_pass() - ask the hub, and answer 200 with its whole result */
void hc_exchange_pass(struct hc_exchange *exchange, const char *method,
		      const struct hc_buffer *params);

/**
 * hc_exchange_body() - the request's body as JSON; answer with a problem if it is none
 *
 * Return: a new reference, or NULL: then the response is complete.
 */
json_t *hc_exchange_body(struct hc_exchange *exchange);

static inline void hc_json_freep(json_t **value)
{
	json_decref(*value);
}
