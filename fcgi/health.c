/* SPDX-License-Identifier: MIT */
/*
 * GET /healthz, GET /api/healthz
 *
 * 200 while the hub answers: restarting this program would mend nothing. "degraded" with reasons
 * tells what is wrong nevertheless, so that a monitor can look further than the status.
 */
#include "fcgi/exchange.h"
#include "fcgi/problem.h"
#include "fcgi/resources.h"
#include "proto/json.h"

struct reasons {
	struct hc_buffer text; /* the elements of a JSON array */
};

static const msgpack_object nothing = { .type = MSGPACK_OBJECT_NIL };

static const msgpack_object *member(const msgpack_object *map, const char *key)
{
	const msgpack_object *value = hc_map_get(map, key);

	return value ? value : &nothing;
}

static void add_reason(struct reasons *reasons, struct hc_str reason)
{
	if (reasons->text.len)
		hc_buffer_append(&reasons->text, ",", 1);
	hc_json_write_str(&reasons->text, reason);
}

static void add_of(struct reasons *reasons, const char *component, struct hc_str text)
{
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer line = HC_BUFFER_NULL;

	hc_buffer_printf(&line, "%s: %.*s", component, (int)text.len, text.s);
	add_reason(reasons, (struct hc_str){ line.data, line.len });
}

/* A component's own reasons: the array "reasons" of its map, or the text "error". */
static void add_component(struct reasons *reasons, const char *name,
			  const msgpack_object *component)
{
	const msgpack_object *list = member(component, "reasons");
	struct hc_str text;

	for (uint32_t i = 0; list->type == MSGPACK_OBJECT_ARRAY && i < list->via.array.size; i++)
		if (list->via.array.ptr[i].type == MSGPACK_OBJECT_STR)
			add_of(reasons, name, hc_object_str(&list->via.array.ptr[i]));
	if (hc_map_get_str(&text, component, "error") && text.len)
		add_of(reasons, name, text);
}

static void read_status(struct reasons *reasons, const msgpack_object *status)
{
	const msgpack_object *detector = member(status, "detector");
	bool flag;

	if (!hc_map_get_bool(&flag, detector, "running") || !flag)
		add_reason(reasons, HC_STR("detector: not running"));
	else if (hc_map_get_bool(&flag, detector, "monitoring_enabled") && !flag)
		add_reason(reasons, HC_STR("detector: monitoring is switched off"));
	add_component(reasons, "log", member(status, "log"));
	add_component(reasons, "hub", status);
}

void hc_rest_health_get(struct hc_exchange *exchange)
{
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer params = HC_BUFFER_NULL;
	struct reasons reasons = { HC_BUFFER_NULL };
	msgpack_packer pk = hc_codec_packer(&params);
	struct hc_fault fault = HC_FAULT_NULL;
	struct hc_buffer *body;
	msgpack_object status;
	bool is_alive;

	msgpack_pack_map(&pk, 0);
	is_alive = hc_hub_client_call(exchange->hub, "status", &params, &status, &fault);
	if (is_alive)
		read_status(&reasons, &status);
	else
		add_reason(&reasons, hc_str(fault.message));
	body = hc_response_json(exchange->response, is_alive ? 200 : 503);
	hc_buffer_printf(body, "{\"status\":\"%s\",\"reasons\":[",
			 reasons.text.len ? "degraded" : "ok");
	hc_buffer_append(body, reasons.text.data, reasons.text.len);
	hc_buffer_append_str(body, HC_STR("]}"));
	if (!is_alive)
		hc_response_header(exchange->response, "Retry-After", "1");
	hc_buffer_deinit(&reasons.text);
}
