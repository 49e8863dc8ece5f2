/* SPDX-License-Identifier: MIT */
/*
 * GET /api/services/detector/status   the loader: the payload of detector.status
 * POST .../start, POST .../stop       switch its monitoring; answered with the status thereafter
 */
#include "fcgi/exchange.h"
#include "fcgi/resources.h"

void hc_rest_detector_status(struct hc_exchange *exchange)
{
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer params = HC_BUFFER_NULL;
	msgpack_packer pk = hc_codec_packer(&params);

	hc_exchange_pack_params(exchange, &pk, 0);
	hc_exchange_pass(exchange, "detector", &params);
}

static void set_monitoring(struct hc_exchange *exchange, bool enabled)
{
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer params = HC_BUFFER_NULL;
	msgpack_packer pk = hc_codec_packer(&params);

	hc_exchange_pack_params(exchange, &pk, 1);
	hc_pack_bool_at(&pk, "monitoring_enabled", enabled);
	hc_exchange_pass(exchange, "detector", &params);
}

void hc_rest_detector_start(struct hc_exchange *exchange)
{
	set_monitoring(exchange, true);
}

void hc_rest_detector_stop(struct hc_exchange *exchange)
{
	set_monitoring(exchange, false);
}
