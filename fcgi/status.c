/* SPDX-License-Identifier: MIT */
/*
 * GET /api/status        the hub
 * GET /api/connections   who is connected to it; the hub wants an administrator's token
 */
#include "fcgi/exchange.h"
#include "fcgi/resources.h"

static void pass(struct hc_exchange *exchange, const char *method)
{
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer params = HC_BUFFER_NULL;
	msgpack_packer pk = hc_codec_packer(&params);

	hc_exchange_pack_params(exchange, &pk, 0);
	hc_exchange_pass(exchange, method, &params);
}

void hc_rest_status_get(struct hc_exchange *exchange)
{
	pass(exchange, "status");
}

void hc_rest_connections_get(struct hc_exchange *exchange)
{
	pass(exchange, "connections");
}
