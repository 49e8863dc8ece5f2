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
		"usage: %s [-c FILE]\n%s\n\n"
		"  -c, --config FILE   read the configuration from FILE\n"
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

int hc_arguments_read(const char **ret_config, const char *program, const char *about, int argc,
		      char **argv)
{
	static const struct option options[] = {
		{ "config", required_argument, NULL, 'c' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{ NULL, 0, NULL, 0 },
	};
	const char *config = NULL;
	int option;

	while ((option = getopt_long(argc, argv, "c:hV", options, NULL)) != -1) {
		switch (option) {
		case 'c':
			config = optarg;
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
	*ret_config = config ? config : usual_config();
	return -1;
}
