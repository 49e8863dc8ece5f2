/* SPDX-License-Identifier: MIT */
#include <getopt.h>

#include "proto/cli/cli.h"
#include "proto/cli/output.h"

int hc_cli_state(struct hc_cli *cli, int argc, char **argv)
{
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer params = HC_BUFFER_NULL;
	msgpack_packer pk = hc_codec_packer(&params);
	const msgpack_object *events;
	msgpack_object result;
	int r;

	r = hc_cli_options(cli, argc, argv, NULL, 1);
	if (r >= 0)
		return r;
	hc_cli_pack_params(cli, &pk, optind < argc ? 1 : 0);
	if (optind < argc)
		hc_pack_str_at(&pk, "type", hc_str(argv[optind]));
	r = hc_cli_ask(cli, "state", &params, &result);
	if (r)
		return r;
	events = hc_map_get(&result, "events");
	for (uint32_t i = 0;
	     events && events->type == MSGPACK_OBJECT_ARRAY && i < events->via.array.size; i++)
		hc_output_json(&events->via.array.ptr[i]);
	return HC_CLI_OK;
}
