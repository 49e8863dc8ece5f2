/* SPDX-License-Identifier: MIT */
/*
 * GET    /api/consumers               durable consumers, one's own or, for an administrator, all
 * POST   /api/consumers/{name}/ack    {"position"}: everything up to there has been processed
 * DELETE /api/consumers/{name}
 *
 * They are made, and read, by GET /api/events?consumer=NAME.
 */
#include "fcgi/exchange.h"
#include "fcgi/problem.h"
#include "fcgi/resources.h"

void hc_rest_consumers_list(struct hc_exchange *exchange)
{
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer params = HC_BUFFER_NULL;
	msgpack_packer pk = hc_codec_packer(&params);

	hc_exchange_pack_params(exchange, &pk, 0);
	hc_exchange_pass(exchange, "consumers", &params);
}

void hc_rest_consumers_ack(struct hc_exchange *exchange)
{
	HC_CLEANUP(hc_json_freep) json_t *body = hc_exchange_body(exchange);
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer params = HC_BUFFER_NULL;
	msgpack_packer pk = hc_codec_packer(&params);
	const json_t *position;

	if (!body)
		return;
	position = json_object_get(body, "position");
	if (!json_is_string(position) || json_object_size(body) != 1) {
		hc_problem_set(exchange->response, HC_FAULT_INVALID_PARAMS, "/position",
			       "the body must be {\"position\": \"<epoch>-<sequence>\"}");
		return;
	}
	hc_exchange_pack_params(exchange, &pk, 2);
	hc_pack_str_at(&pk, "consumer", exchange->match.params[0]);
	hc_pack_str_at(
		&pk, "position",
		(struct hc_str){ json_string_value(position), json_string_length(position) });
	hc_exchange_pass(exchange, "consumer_ack", &params);
}

void hc_rest_consumers_delete(struct hc_exchange *exchange)
{
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer params = HC_BUFFER_NULL;
	msgpack_packer pk = hc_codec_packer(&params);
	msgpack_object result;

	hc_exchange_pack_params(exchange, &pk, 1);
	hc_pack_str_at(&pk, "consumer", exchange->match.params[0]);
	if (hc_exchange_ask(exchange, "consumer_delete", &params, &result))
		exchange->response->status = 204;
}
