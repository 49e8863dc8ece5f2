/* SPDX-License-Identifier: MIT */
#include <getopt.h>

#include "proto/cli/cli.h"
#include "proto/cli/output.h"

static int list(struct hc_cli *cli, bool json)
{
	static const struct hc_column columns[] = {
		{ "NAME", "name" },
		{ "OWNER", "owner" },
		{ "POSITION", "position" },
		{ "LAG", "lag" },
		{ "ACKNOWLEDGED", "acknowledged" },
	};
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer params = HC_BUFFER_NULL;
	msgpack_packer pk = hc_codec_packer(&params);
	msgpack_object result;
	int r;

	hc_cli_pack_params(cli, &pk, 0);
	r = hc_cli_ask(cli, "consumers", &params, &result);
	if (r)
		return r;
	if (json)
		hc_output_json(&result);
	else
		hc_output_table(hc_map_get(&result, "consumers"), columns, HC_ARRAY_LEN(columns));
	return HC_CLI_OK;
}

/* @position: NULL for what needs none */
static int change(struct hc_cli *cli, const char *method, const char *name, const char *position)
{
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer params = HC_BUFFER_NULL;
	msgpack_packer pk = hc_codec_packer(&params);
	msgpack_object result;

	hc_cli_pack_params(cli, &pk, 1u + !!position);
	hc_pack_str_at(&pk, "consumer", hc_str(name));
	if (position)
		hc_pack_str_at(&pk, "position", hc_str(position));
	return hc_cli_ask(cli, method, &params, &result);
}

int hc_cli_consumer(struct hc_cli *cli, int argc, char **argv)
{
	const char *verb;
	bool json;
	int r, n;

	r = hc_cli_options(cli, argc, argv, &json, 3);
	if (r >= 0)
		return r;
	n = argc - optind;
	verb = n ? argv[optind] : "list";
	if (!strcmp(verb, "list") && n <= 1)
		return list(cli, json);
	if (!strcmp(verb, "ack") && n == 3)
		return change(cli, "consumer_ack", argv[optind + 1], argv[optind + 2]);
	if (!strcmp(verb, "delete") && n == 2)
		return change(cli, "consumer_delete", argv[optind + 1], NULL);
	return hc_cli_usage(cli, "give list, ack NAME POSITION or delete NAME");
}
