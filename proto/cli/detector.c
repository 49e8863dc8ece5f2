/* SPDX-License-Identifier: MIT */
#include <getopt.h>

#include "proto/cli/cli.h"
#include "proto/cli/output.h"

int hc_cli_detector(struct hc_cli *cli, int argc, char **argv)
{
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer params = HC_BUFFER_NULL;
	msgpack_packer pk = hc_codec_packer(&params);
	msgpack_object result;
	const char *verb;
	bool json, start, stop;
	int r;

	r = hc_cli_options(cli, argc, argv, &json, 1);
	if (r >= 0)
		return r;
	verb = optind < argc ? argv[optind] : "status";
	start = !strcmp(verb, "start");
	stop = !strcmp(verb, "stop");
	if (!start && !stop && strcmp(verb, "status"))
		return hc_cli_usage(cli, "\"%s\" is none of status, start, stop", verb);
	hc_cli_pack_params(cli, &pk, start || stop);
	if (start || stop)
		hc_pack_bool_at(&pk, "monitoring_enabled", start);
	r = hc_cli_ask(cli, "detector", &params, &result);
	if (r)
		return r;
	if (json)
		hc_output_json(&result);
	else
		hc_output_tree(&result);
	return HC_CLI_OK;
}
