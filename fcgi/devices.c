/* SPDX-License-Identifier: MIT */
/*
 * GET /api/devices             what is mounted now
 * POST /api/devices/mount      a detector of another make tells a mount: the body is the payload
 * POST /api/devices/unmount
 */
#include "fcgi/problem.h"
#include "fcgi/publish.h"
#include "fcgi/resources.h"
#include "proto/json.h"

static void publish_payload(struct hc_exchange *exchange, const char *type)
{
	HC_CLEANUP(hc_json_freep) json_t *payload = hc_exchange_body(exchange);
	HC_CLEANUP(hc_json_freep) json_t *events = NULL;

	if (!payload)
		return;
	events = json_pack("[{s:s,s:O}]", "type", type, "payload", payload);
	if (events)
		hc_rest_publish(exchange, events, "/events/0/payload");
	else
		hc_problem_set(exchange->response, HC_FAULT_INTERNAL, "", "out of memory");
}

void hc_rest_devices_mount(struct hc_exchange *exchange)
{
	publish_payload(exchange, "device.mounted");
}

void hc_rest_devices_unmount(struct hc_exchange *exchange)
{
	publish_payload(exchange, "device.unmounted");
}

static void write_devices(struct hc_buffer *body, const msgpack_object *result)
{
	const msgpack_object *events = hc_map_get(result, "events");
	const msgpack_object *position = hc_map_get(result, "position");
	const char *separator = "";

	hc_buffer_append_str(body, HC_STR("{\"devices\":["));
	for (uint32_t i = 0;
	     events && events->type == MSGPACK_OBJECT_ARRAY && i < events->via.array.size; i++) {
		const msgpack_object *payload = hc_map_get(&events->via.array.ptr[i], "payload");

		if (!payload)
			continue;
		hc_buffer_append_str(body, hc_str(separator));
		hc_json_write(body, payload);
		separator = ",";
	}
	hc_buffer_append(body, "]", 1);
	if (position) {
		hc_buffer_append_str(body, HC_STR(",\"position\":"));
		hc_json_write(body, position);
	}
	hc_buffer_append(body, "}", 1);
}

void hc_rest_devices_get(struct hc_exchange *exchange)
{
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer params = HC_BUFFER_NULL;
	msgpack_packer pk = hc_codec_packer(&params);
	msgpack_object result;

	hc_exchange_pack_params(exchange, &pk, 1);
	hc_pack_str_at(&pk, "type", HC_STR("device.mounted"));
	if (hc_exchange_ask(exchange, "state", &params, &result))
		write_devices(hc_response_json(exchange->response, 200), &result);
}
