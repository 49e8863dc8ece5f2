/* SPDX-License-Identifier: MIT */
/*
 * GET /api/event-types          the registry: every type with channel, description and schema
 * GET /api/event-types/{type}   one of them
 * GET /api/channels             the channels, and the types of each
 */
#include "fcgi/exchange.h"
#include "fcgi/problem.h"
#include "fcgi/resources.h"
#include "proto/json.h"

static const msgpack_object *find_array(const msgpack_object *result)
{
	const msgpack_object *types = hc_map_get(result, "types");

	return types && types->type == MSGPACK_OBJECT_ARRAY ? types : NULL;
}

void hc_rest_types_list(struct hc_exchange *exchange)
{
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer params = HC_BUFFER_NULL;
	msgpack_packer pk = hc_codec_packer(&params);

	hc_exchange_pack_params(exchange, &pk, 0);
	hc_exchange_pass(exchange, "types", &params);
}

static void answer_not_found(struct hc_exchange *exchange)
{
	struct hc_fault fault = HC_FAULT_NULL;
	struct hc_str type = exchange->match.params[0];

	hc_fault_set(&fault, HC_FAULT_NOT_FOUND, "there is no event type \"%.*s\"",
		     (int)(type.len < 64 ? type.len : 64), type.s);
	hc_exchange_fail(exchange, &fault);
}

void hc_rest_types_get(struct hc_exchange *exchange)
{
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer params = HC_BUFFER_NULL;
	msgpack_packer pk = hc_codec_packer(&params);
	struct hc_fault fault = HC_FAULT_NULL;
	const msgpack_object *types;
	msgpack_object result;

	hc_exchange_pack_params(exchange, &pk, 1);
	hc_pack_str_at(&pk, "type", exchange->match.params[0]);
	if (!hc_exchange_try(exchange, "types", &params, &result, &fault)) {
		if (fault.code == HC_FAULT_UNKNOWN_TYPE || fault.code == HC_FAULT_NOT_FOUND)
			answer_not_found(exchange);
		else
			hc_exchange_fail(exchange, &fault);
		return;
	}
	types = find_array(&result);
	if (types && types->via.array.size == 1)
		hc_json_write(hc_response_json(exchange->response, 200), &types->via.array.ptr[0]);
	else
		answer_not_found(exchange);
}

/* ---- channels ----------------------------------------------------------------------------- */

static struct hc_str text_of(const msgpack_object *type, const char *key)
{
	struct hc_str text = { NULL, 0 };

	hc_map_get_str(&text, type, key);
	return text;
}

static bool is_first_of_channel(const msgpack_object *types, uint32_t index)
{
	struct hc_str channel = text_of(&types->via.array.ptr[index], "channel");

	for (uint32_t i = 0; i < index; i++)
		if (hc_str_equal(text_of(&types->via.array.ptr[i], "channel"), channel))
			return false;
	return true;
}

static void write_channel(struct hc_buffer *body, const msgpack_object *types,
			  struct hc_str channel)
{
	const char *separator = "";

	hc_buffer_append_str(body, HC_STR("{\"name\":"));
	hc_json_write_str(body, channel);
	hc_buffer_append_str(body, HC_STR(",\"types\":["));
	for (uint32_t i = 0; i < types->via.array.size; i++) {
		const msgpack_object *type = &types->via.array.ptr[i];

		if (!hc_str_equal(text_of(type, "channel"), channel))
			continue;
		hc_buffer_append_str(body, hc_str(separator));
		hc_json_write_str(body, text_of(type, "name"));
		separator = ",";
	}
	hc_buffer_append_str(body, HC_STR("]}"));
}

void hc_rest_channels_list(struct hc_exchange *exchange)
{
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer params = HC_BUFFER_NULL;
	msgpack_packer pk = hc_codec_packer(&params);
	const msgpack_object *types;
	const char *separator = "";
	struct hc_buffer *body;
	msgpack_object result;

	hc_exchange_pack_params(exchange, &pk, 0);
	if (!hc_exchange_ask(exchange, "types", &params, &result))
		return;
	types = find_array(&result);
	body = hc_response_json(exchange->response, 200);
	hc_buffer_append_str(body, HC_STR("{\"channels\":["));
	for (uint32_t i = 0; types && i < types->via.array.size; i++) {
		if (!is_first_of_channel(types, i))
			continue;
		hc_buffer_append_str(body, hc_str(separator));
		write_channel(body, types, text_of(&types->via.array.ptr[i], "channel"));
		separator = ",";
	}
	hc_buffer_append_str(body, HC_STR("]}"));
}
