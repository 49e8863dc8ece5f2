/* SPDX-License-Identifier: MIT */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include "conf/arguments.h"
#include "proto/base.h"

#define CONFIG_USUAL HC_SYSCONFDIR "/hostcast/hostcast.conf"

static void print_help(FILE *to, const char *program, const char *about)
{
	fprintf(to,
		"usage: %s [-t] [-c FILE]\n%s\n\n"
		"  -c, --config FILE   read the configuration from FILE\n"
		"  -t, --check         check the configuration, with the files it names, and end\n"
		"  -h, --help          show this\n"
		"  -V, --version       show the version\n",
		program, about);
}

static const char *usual_config(void)
{
	const char *config = getenv("HOSTCAST_CONF"); /* how a web server says it */

	if (config && *config)
		return config;
	return access(CONFIG_USUAL, F_OK) == 0 ? CONFIG_USUAL : NULL;
}

int hc_arguments_read(struct hc_arguments *ret, const char *program, const char *about, int argc,
		      char **argv)
{
	static const struct option options[] = {
		{ "config", required_argument, NULL, 'c' },
		{ "check", no_argument, NULL, 't' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{ NULL, 0, NULL, 0 },
	};
	struct hc_arguments arguments = { 0 };
	int option;

	while ((option = getopt_long(argc, argv, "c:thV", options, NULL)) != -1) {
		switch (option) {
		case 'c':
			arguments.config = optarg;
			break;
		case 't':
			arguments.check = true;
			break;
		case 'h':
			print_help(stdout, program, about);
			return EXIT_SUCCESS;
		case 'V':
			printf("%s " HC_VERSION "\n", program);
			return EXIT_SUCCESS;
		default:
			return HC_EXIT_USAGE;
		}
	}
	if (optind < argc) {
		fprintf(stderr, "%s: there is no argument but options\n", program);
		return HC_EXIT_USAGE;
	}
	if (!arguments.config)
		arguments.config = usual_config();
	*ret = arguments;
	return -1;
}

int hc_arguments_checked(const struct hc_arguments *arguments)
{
	if (arguments->config)
		printf("%s: ok\n", arguments->config);
	else
		printf("there is no configuration file: the defaults hold\n");
	return EXIT_SUCCESS;
}
