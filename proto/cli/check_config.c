/* SPDX-License-Identifier: MIT */
#include <getopt.h>
#include <stdio.h>

#include "conf/conf.h"
#include "proto/cli/cli.h"

int hc_cli_check_config(struct hc_cli *cli, int argc, char **argv)
{
	int r = hc_cli_options(cli, argc, argv, NULL, 1);

	if (r >= 0)
		return r;
	if (optind < argc)
		cli->conf_path = argv[optind];
	if (!hc_cli_conf(cli))
		return HC_CLI_FAILED;
	if (cli->conf_path)
		printf("%s: ok\n", cli->conf_path);
	else
		printf("there is no configuration file: the defaults hold\n");
	return HC_CLI_OK;
}
