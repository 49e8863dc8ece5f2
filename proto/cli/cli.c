/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>

#include "conf/conf.h"
#include "proto/cli/cli.h"
#include "proto/cli/commands.h"
#include "proto/fault.h"
#include "proto/rpc.h"

#define TIMEOUT_MS 10000 /* for one answer; the hub's own slowest is a commit to a slow disk */

/* ---- messages ----------------------------------------------------------------------------- */

int hc_cli_help(const struct hc_cli *cli)
{
	const struct hc_cli_command *command = hc_command_find(cli->name);

	printf("usage: hostcast %s%s%s\n\n%s.\n", command->name, *command->arguments ? " " : "",
	       command->arguments, command->summary);
	if (*command->help)
		printf("\n%s", command->help);
	return HC_CLI_OK;
}

int hc_cli_usage(const struct hc_cli *cli, const char *format, ...)
{
	const struct hc_cli_command *command = hc_command_find(cli->name);
	va_list args;

	if (format) {
		fprintf(stderr, "hostcast %s: ", cli->name);
		va_start(args, format);
		vfprintf(stderr, format, args);
		va_end(args);
		fputc('\n', stderr);
	}
	fprintf(stderr, "usage: hostcast %s%s%s\n", command->name, *command->arguments ? " " : "",
		command->arguments);
	return HC_CLI_USAGE;
}

int hc_cli_fail(const struct hc_cli *cli, const char *format, ...)
{
	va_list args;

	fprintf(stderr, "hostcast %s: ", cli->name);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	return HC_CLI_FAILED;
}

int hc_cli_options(const struct hc_cli *cli, int argc, char **argv, bool *ret_json, int n_max)
{
	static const struct option options[] = {
		{ "help", no_argument, NULL, 'h' },
		{ "json", no_argument, NULL, 'j' },
		{ NULL, 0, NULL, 0 },
	};
	bool json = false;
	int c;

	while ((c = getopt_long(argc, argv, ret_json ? "hj" : "h", options, NULL)) != -1) {
		if (c == 'h')
			return hc_cli_help(cli);
		if (c != 'j')
			return hc_cli_usage(cli, NULL);
		if (!ret_json)
			return hc_cli_usage(cli, "there is no option --json here");
		json = true;
	}
	if (argc - optind > n_max)
		return hc_cli_usage(cli, "too many arguments");
	if (ret_json)
		*ret_json = json;
	return -1;
}

/* ---- the configuration and the hub --------------------------------------------------------- */

const struct hc_conf *hc_cli_conf(struct hc_cli *cli)
{
	struct hc_fault fault = HC_FAULT_NULL;

	if (!cli->conf && hc_conf_load(&cli->conf, cli->conf_path, &fault) < 0)
		hc_cli_fail(cli, "%s", fault.message);
	return cli->conf;
}

static const char *socket_path(struct hc_cli *cli)
{
	const struct hc_conf *conf;

	if (cli->socket)
		return cli->socket;
	conf = hc_cli_conf(cli);
	return conf ? conf->hostcast.socket : NULL;
}

static const char *explain_connect(int r)
{
	switch (r) {
	case -ENOENT:
	case -ECONNREFUSED:
		return "is the hub running? (hostcast-ws)";
	case -EACCES:
		return "you may not; try as root, or as a member of the socket's group";
	default:
		return strerror(-r);
	}
}

int hc_cli_try_connect(struct hc_cli *cli, struct hc_fault *fault)
{
	const char *path = socket_path(cli);
	msgpack_object hello;
	int r;

	if (!path)
		return -EINVAL;
	r = hc_rpc_client_connect(&cli->client, path);
	if (r < 0) {
		hc_fault_set(fault, HC_FAULT_UNAVAILABLE, "cannot connect to %s: %s", path,
			     explain_connect(r));
		return r;
	}
	r = hc_rpc_client_hello(cli->client, "cli", TIMEOUT_MS, &hello, fault);
	if (!r)
		return 0;
	hc_cli_disconnect(cli);
	return r < 0 ? r : -EPROTO;
}

int hc_cli_connect(struct hc_cli *cli)
{
	struct hc_fault fault = HC_FAULT_NULL;

	if (!cli->socket && !hc_cli_conf(cli))
		return HC_CLI_FAILED;
	if (hc_cli_try_connect(cli, &fault) < 0)
		return hc_cli_fail(cli, "%s", fault.message);
	return HC_CLI_OK;
}

void hc_cli_disconnect(struct hc_cli *cli)
{
	cli->client = hc_rpc_client_free(cli->client);
}

void hc_cli_pack_params(const struct hc_cli *cli, msgpack_packer *pk, size_t n)
{
	msgpack_pack_map(pk, cli->token ? n + 1 : n);
	if (cli->token)
		hc_pack_str_at(pk, "token", hc_str(cli->token));
}

int hc_cli_ask(struct hc_cli *cli, const char *method, const struct hc_buffer *params,
	       msgpack_object *ret_result)
{
	struct hc_fault fault = HC_FAULT_NULL;

	if (!cli->client && hc_cli_connect(cli))
		return HC_CLI_FAILED;
	if (!hc_rpc_client_call(cli->client, method, params, TIMEOUT_MS, ret_result, &fault))
		return HC_CLI_OK;
	if (fault.pointer[0])
		return hc_cli_fail(cli, "%s: %s (at %s)", hc_fault_name(fault.code), fault.message,
				   fault.pointer);
	return hc_cli_fail(cli, "%s: %s", hc_fault_name(fault.code), fault.message);
}
