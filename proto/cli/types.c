/* SPDX-License-Identifier: MIT */
#include <getopt.h>

#include "proto/cli/cli.h"
#include "proto/cli/output.h"

static const struct hc_column columns[] = {
	{ "TYPE", "name" },
	{ "CHANNEL", "channel" },
	{ "DESCRIPTION", "description" },
};

static void show(const msgpack_object *result, bool one)
{
	const msgpack_object *types = hc_map_get(result, "types");

	if (one && types && types->type == MSGPACK_OBJECT_ARRAY && types->via.array.size == 1)
		hc_output_tree(&types->via.array.ptr[0]);
	else
		hc_output_table(types, columns, HC_ARRAY_LEN(columns));
}

int hc_cli_types(struct hc_cli *cli, int argc, char **argv)
{
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer params = HC_BUFFER_NULL;
	msgpack_packer pk = hc_codec_packer(&params);
	msgpack_object result;
	bool json, one;
	int r;

	r = hc_cli_options(cli, argc, argv, &json, 1);
	if (r >= 0)
		return r;
	one = optind < argc;
	hc_cli_pack_params(cli, &pk, one);
	if (one)
		hc_pack_str_at(&pk, "type", hc_str(argv[optind]));
	r = hc_cli_ask(cli, "types", &params, &result);
	if (r)
		return r;
	if (json)
		hc_output_json(&result);
	else
		show(&result, one);
	return HC_CLI_OK;
}
