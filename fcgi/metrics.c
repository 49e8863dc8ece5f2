/* SPDX-License-Identifier: MIT */
/*
 * GET /metrics
 *
 * The hub's own text, as it is. When the hub is away there is one sample to tell that, and a status
 * that makes a monitor take the target for down.
 */
#include "fcgi/exchange.h"
#include "fcgi/resources.h"

static void answer(struct hc_response *response, int status, struct hc_str text)
{
	response->status = status;
	response->content_type = HC_CONTENT_METRICS;
	hc_buffer_reset(&response->body);
	hc_buffer_append_str(&response->body, text);
}

void hc_rest_metrics_get(struct hc_exchange *exchange)
{
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer params = HC_BUFFER_NULL;
	msgpack_packer pk = hc_codec_packer(&params);
	struct hc_fault fault = HC_FAULT_NULL;
	msgpack_object result;
	struct hc_str text;

	msgpack_pack_map(&pk, 0);
	if (hc_hub_client_call(exchange->hub, "metrics", &params, &result, &fault) &&
	    hc_map_get_str(&text, &result, "text")) {
		answer(exchange->response, 200, text);
		return;
	}
	answer(exchange->response, 503,
	       HC_STR("# HELP hostcast_up Whether the hub answers.\n"
		      "# TYPE hostcast_up gauge\n"
		      "hostcast_up 0\n"));
	hc_response_header(exchange->response, "Retry-After", "1");
}
