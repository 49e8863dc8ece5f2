/* SPDX-License-Identifier: MIT */
/*
 * POST /api/v1/tickets   a token becomes a ticket, for one WebSocket connection of the page that
 * asks
 *
 * The ticket is bound to the page's origin, which the browser names in both requests.
 */
#include "fcgi/exchange.h"
#include "fcgi/problem.h"
#include "fcgi/request.h"
#include "fcgi/resources.h"
#include "proto/json.h"

static void answer(struct hc_exchange *exchange, struct hc_str ticket, uint64_t expires_in)
{
	struct hc_buffer *body = hc_response_json(exchange->response, 201);

	hc_buffer_append_str(body, HC_STR("{\"ticket\":"));
	hc_json_write_str(body, ticket);
	hc_buffer_append_str(body, HC_STR(",\"expires_in\":"));
	hc_json_write_u64(body, expires_in);
	hc_buffer_printf(body, ",\"protocol\":\"ticket.%.*s\"}", (int)ticket.len, ticket.s);
}

void hc_rest_tickets_post(struct hc_exchange *exchange)
{
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer params = HC_BUFFER_NULL;
	struct hc_str origin = exchange->request->origin, ticket;
	msgpack_packer pk = hc_codec_packer(&params);
	msgpack_object result;
	uint64_t expires_in;

	hc_exchange_pack_params(exchange, &pk, origin.len ? 1 : 0);
	if (origin.len)
		hc_pack_str_at(&pk, "origin", origin);
	if (!hc_exchange_ask(exchange, "ticket", &params, &result))
		return;
	if (hc_map_get_str(&ticket, &result, "ticket") &&
	    hc_map_get_u64(&expires_in, &result, "expires_in"))
		answer(exchange, ticket, expires_in);
	else
		hc_problem_set(exchange->response, HC_FAULT_INTERNAL, "",
			       "the hub is of another version: it gave no ticket");
}
