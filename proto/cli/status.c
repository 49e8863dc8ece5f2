/* SPDX-License-Identifier: MIT */
/*
 * Questions without parameters, whose answers are shown as they come: status, connections, metrics.
 */
#include <stdio.h>

#include "proto/cli/cli.h"
#include "proto/cli/output.h"

static int show(struct hc_cli *cli, int argc, char **argv, const char *method)
{
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer params = HC_BUFFER_NULL;
	msgpack_packer pk = hc_codec_packer(&params);
	msgpack_object result;
	bool json;
	int r;

	r = hc_cli_options(cli, argc, argv, &json, 0);
	if (r >= 0)
		return r;
	hc_cli_pack_params(cli, &pk, 0);
	r = hc_cli_ask(cli, method, &params, &result);
	if (r)
		return r;
	if (json)
		hc_output_json(&result);
	else
		hc_output_tree(&result);
	return HC_CLI_OK;
}

int hc_cli_status(struct hc_cli *cli, int argc, char **argv)
{
	return show(cli, argc, argv, "status");
}

int hc_cli_connections(struct hc_cli *cli, int argc, char **argv)
{
	return show(cli, argc, argv, "connections");
}

int hc_cli_metrics(struct hc_cli *cli, int argc, char **argv)
{
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer params = HC_BUFFER_NULL;
	msgpack_packer pk = hc_codec_packer(&params);
	msgpack_object result;
	struct hc_str text;
	int r;

	r = hc_cli_options(cli, argc, argv, NULL, 0);
	if (r >= 0)
		return r;
	hc_cli_pack_params(cli, &pk, 0);
	r = hc_cli_ask(cli, "metrics", &params, &result);
	if (r)
		return r;
	if (!hc_map_get_str(&text, &result, "text"))
		return hc_cli_fail(cli, "the hub's answer has no text");
	(void)fwrite(text.s, 1, text.len, stdout); /* main() looks for errors of stdout */
	return HC_CLI_OK;
}
