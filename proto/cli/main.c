/* SPDX-License-Identifier: MIT */
/*
 * hostcast: ask the hub, publish to it, follow it. See hostcast(1).
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include "conf/conf.h"
#include "proto/cli/cli.h"
#include "proto/cli/commands.h"
#include "proto/cli/secret.h"
#include "proto/log.h"

#define CONF_DEFAULT HC_SYSCONFDIR "/hostcast/hostcast.conf"

static void print_usage(FILE *out)
{
	const struct hc_cli_command *command;

	fprintf(out, "usage: hostcast [-c FILE] [-s SOCKET] [-t FILE] COMMAND [...]\n\n");
	for (size_t i = 0; (command = hc_command_at(i)); i++)
		fprintf(out, "  %-14s%s\n", command->name, command->summary);
	fprintf(out, "\n"
		     "  -c, --config FILE        the configuration (" CONF_DEFAULT ")\n"
		     "  -s, --socket PATH        the hub's socket\n"
		     "  -t, --token-file FILE    a file with a token, for what needs one\n"
		     "  -h, --help               this; hostcast COMMAND --help tells more\n"
		     "  -V, --version\n");
}

static char *from_environment(const char *name)
{
	char *value = getenv(name);

	return value && *value ? value : NULL;
}

static const char *default_conf(void)
{
	const char *path = from_environment("HOSTCAST_CONF");

	if (path)
		return path;
	return access(CONF_DEFAULT, F_OK) == 0 ? CONF_DEFAULT : NULL;
}

static int read_token(struct hc_cli *cli, struct hc_buffer *token, const char *path)
{
	int r = hc_secret_read(token, path);

	if (r < 0) {
		fprintf(stderr, "hostcast: cannot read the token in %s: %s\n", path, strerror(-r));
		return HC_CLI_FAILED;
	}
	if (!token->len) {
		fprintf(stderr, "hostcast: the token file %s is empty\n", path);
		return HC_CLI_FAILED;
	}
	cli->token = token->data;
	return -1;
}

/* Returns -1 to go on, else the exit status. */
static int parse_args(struct hc_cli *cli, struct hc_buffer *token, int argc, char **argv)
{
	static const struct option options[] = {
		{ "config", required_argument, NULL, 'c' },
		{ "socket", required_argument, NULL, 's' },
		{ "token-file", required_argument, NULL, 't' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{ NULL, 0, NULL, 0 },
	};
	int c, r = -1;

	/* "+": options behind the command are the command's. */
	while (r < 0 && (c = getopt_long(argc, argv, "+c:s:t:hV", options, NULL)) != -1) {
		switch (c) {
		case 'c':
			cli->conf_path = optarg;
			break;
		case 's':
			cli->socket = optarg;
			break;
		case 't':
			r = read_token(cli, token, optarg);
			break;
		case 'h':
			print_usage(stdout);
			return HC_CLI_OK;
		case 'V':
			printf("hostcast " HC_VERSION "\n");
			return HC_CLI_OK;
		default:
			print_usage(stderr);
			return HC_CLI_USAGE;
		}
	}
	return r;
}

static int run(struct hc_cli *cli, int argc, char **argv)
{
	const struct hc_cli_command *command;

	if (!argc) {
		print_usage(stderr);
		return HC_CLI_USAGE;
	}
	command = hc_command_find(argv[0]);
	if (!command) {
		fprintf(stderr, "hostcast: there is no command \"%s\"; see hostcast --help\n",
			argv[0]);
		return HC_CLI_USAGE;
	}
	cli->name = command->name;
	optind = 0; /* the command's own options are read from the start (getopt(3), NOTES) */
	return command->run(cli, argc, argv);
}

int main(int argc, char **argv)
{
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer token = HC_BUFFER_NULL;
	struct hc_cli cli = {
		.conf_path = default_conf(),
		.socket = from_environment("HOSTCAST_SOCKET"),
		.token = from_environment("HOSTCAST_TOKEN"),
	};
	int r;

	hc_log_init("hostcast", HC_LOG_WARNING);
	r = parse_args(&cli, &token, argc, argv);
	if (r < 0)
		r = run(&cli, argc - optind, argv + optind);
	hc_cli_disconnect(&cli);
	hc_conf_free(cli.conf);
	if (fflush(stdout) || ferror(stdout)) {
		fprintf(stderr, "hostcast: writing failed: %m\n");
		return HC_CLI_FAILED;
	}
	return r;
}
