/* SPDX-License-Identifier: MIT */
/*
 * The hostcast command: what its subcommands have in common.
 *
 * A subcommand says what is wrong on stderr where it finds out, and returns the exit status.
 */
#pragma once

#include "proto/codec.h"

struct hc_conf;
struct hc_fault;
struct hc_rpc_client;

enum {
	HC_CLI_OK = 0,
	HC_CLI_FAILED = 1, /* it was understood, and did not work */
	HC_CLI_USAGE = 2,  /* it was not understood */
};

struct hc_cli {
	const char *name;      /* of the subcommand, for messages */
	const char *conf_path; /* NULL: none was named, and the usual one does not exist */
	char *socket;	       /* from -s or the environment; NULL: as the configuration has it */
	char *token;	       /* NULL: none; the hub may trust our user id */
	struct hc_conf *conf;  /* read when first needed */
	struct hc_rpc_client *client; /* connected when first needed */
};

/** struct hc_cli_command - one subcommand */
struct hc_cli_command {
	const char *name;
	const char *arguments; /* "TYPE JSON|- [--to USER]" */
	const char *summary;   /* one line, for the list of commands */
	const char *help;      /* its options, a line each; may be "" */
	int (*run)(struct hc_cli *cli, int argc, char **argv);
};

/** hc_cli_help() - show how the current subcommand is used; returns HC_CLI_OK */
int hc_cli_help(const struct hc_cli *cli);

/**
 * hc_cli_usage() - say that the command line is wrong
 * @format: what is wrong with it, or NULL if getopt_long() has said so already
 *
 * Return: HC_CLI_USAGE.
 */
int hc_cli_usage(const struct hc_cli *cli, const char *format, ...) HC_PRINTF(2, 3);

/** hc_cli_fail() - say what did not work; returns HC_CLI_FAILED */
int hc_cli_fail(const struct hc_cli *cli, const char *format, ...) HC_PRINTF(2, 3);

/**
 * hc_cli_options() - the options of a subcommand that has none but --json and --help
 * @ret_json: NULL if it has no --json either
 * @n_max:    operands it takes at most; they are at argv[optind]
 *
 * Return: -1 to go on, else the exit status.
 */
int hc_cli_options(const struct hc_cli *cli, int argc, char **argv, bool *ret_json, int n_max);

/* ---- the configuration and the hub ---------------------------------------------------------- */

/**
 * hc_cli_conf() - the configuration, read now if it was not; NULL after having said what is wrong
 */
const struct hc_conf *hc_cli_conf(struct hc_cli *cli);

/**
 * hc_cli_try_connect() - connect to the hub and greet it, silently
 * @fault: why there is no connection
 *
 * Return: 0 or -errno.
 */
int hc_cli_try_connect(struct hc_cli *cli, struct hc_fault *fault);

/** hc_cli_connect() - the same; HC_CLI_OK, or HC_CLI_FAILED after having said what is wrong */
int hc_cli_connect(struct hc_cli *cli);
void hc_cli_disconnect(struct hc_cli *cli);

/** hc_cli_pack_params() - begin the params of a question: the map's head, and the token if any */
void hc_cli_pack_params(const struct hc_cli *cli, msgpack_packer *pk, size_t n);

/**
 * hc_cli_ask() - ask the hub, connecting first if need be
 * @ret_result: borrowed until the next question
 *
 * Return: HC_CLI_OK, or HC_CLI_FAILED after having said what is wrong.
 */
int hc_cli_ask(struct hc_cli *cli, const char *method, const struct hc_buffer *params,
	       msgpack_object *ret_result);

/* ---- the subcommands ------------------------------------------------------------------------ */

int hc_cli_status(struct hc_cli *cli, int argc, char **argv);
int hc_cli_publish(struct hc_cli *cli, int argc, char **argv);
int hc_cli_events(struct hc_cli *cli, int argc, char **argv);
int hc_cli_consumer(struct hc_cli *cli, int argc, char **argv);
int hc_cli_follow(struct hc_cli *cli, int argc, char **argv);
int hc_cli_devices(struct hc_cli *cli, int argc, char **argv);
int hc_cli_state(struct hc_cli *cli, int argc, char **argv);
int hc_cli_detector(struct hc_cli *cli, int argc, char **argv);
int hc_cli_types(struct hc_cli *cli, int argc, char **argv);
int hc_cli_metrics(struct hc_cli *cli, int argc, char **argv);
int hc_cli_connections(struct hc_cli *cli, int argc, char **argv);
int hc_cli_token(struct hc_cli *cli, int argc, char **argv);
int hc_cli_revoke(struct hc_cli *cli, int argc, char **argv);
int hc_cli_revocations(struct hc_cli *cli, int argc, char **argv);
int hc_cli_check_config(struct hc_cli *cli, int argc, char **argv);
