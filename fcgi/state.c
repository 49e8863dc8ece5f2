/* SPDX-License-Identifier: MIT */
/*
 * GET /api/state/{type}   the retained events of a type, for whoever starts anew
 */
#include "fcgi/resources.h"
#include "fcgi/exchange.h"
#include "proto/json.h"

void hc_rest_state_get(struct hc_exchange *exchange)
{
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer params = HC_BUFFER_NULL;
	msgpack_packer pk = hc_codec_packer(&params);
	struct hc_fault fault = HC_FAULT_NULL;
	msgpack_object result;

	hc_exchange_pack_params(exchange, &pk, 1);
	hc_pack_str_at(&pk, "type", exchange->match.params[0]);
	if (hc_exchange_try(exchange, "state", &params, &result, &fault)) {
		hc_json_write(hc_response_json(exchange->response, 200), &result);
		return;
	}
	if (fault.code == HC_FAULT_UNKNOWN_TYPE) /* here it is the address that does not exist */
		fault.code = HC_FAULT_NOT_FOUND;
	hc_exchange_fail(exchange, &fault);
}
