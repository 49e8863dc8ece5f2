/* SPDX-License-Identifier: MIT */
/*
 * The position is that of the last event printed. It is what a new connection resumes behind, so a
 * hub that is restarted costs neither a gap nor a double; what the hub no longer has, it says, and
 * that goes to stderr.
 */
#include <getopt.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "proto/cli/cli.h"
#include "proto/cli/filter.h"
#include "proto/cli/output.h"
#include "proto/fault.h"
#include "proto/position.h"
#include "proto/rpc.h"

#define RETRY_FIRST_MS 100
#define RETRY_MAX_MS   5000

struct follow {
	struct hc_cli *cli;
	struct hc_cli_filter filter; /* .position: where to begin, then where we are */
	char epoch[HC_EPOCH_LEN + 1];
	char position[HC_POSITION_MAX];
	uint32_t subscribe_id;
	bool subscribed;
};

/* Returns -1 to go on, else the exit status. */
static int parse_args(struct follow *follow, int argc, char **argv)
{
	static const struct option options[] = {
		{ "since", required_argument, NULL, 's' },
		{ "type", required_argument, NULL, 't' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	const char *why;
	int c;

	while ((c = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		switch (c) {
		case 's':
			follow->filter.position = optarg;
			break;
		case 't':
			why = hc_cli_filter_add(&follow->filter, optarg);
			if (why)
				return hc_cli_usage(follow->cli, "\"%s\" %s", optarg, why);
			break;
		case 'h':
			return hc_cli_help(follow->cli);
		default:
			return hc_cli_usage(follow->cli, NULL);
		}
	}
	if (optind < argc)
		return hc_cli_usage(follow->cli, "there is no argument but options");
	return -1;
}

/* ---- the stream --------------------------------------------------------------------------- */

static void take_position(struct follow *follow, const msgpack_object *event)
{
	uint64_t sequence;

	if (!hc_map_get_u64(&sequence, event, "sequence") || !sequence)
		return; /* a volatile event has no place in the log */
	hc_position_format(follow->position, follow->epoch, sequence);
	follow->filter.position = follow->position;
}

/*
 * The hub's answer to subscribe. The position that was asked for stays ours until the first event
 * behind it has come, unless the hub says that it cannot go on from there.
 */
static void take_answer(struct follow *follow, const msgpack_object *result)
{
	struct hc_position position;
	struct hc_str text;
	bool complete = true;

	follow->subscribed = true;
	hc_map_get_bool(&complete, result, "complete");
	hc_output_gap("follow", result);
	if (!hc_map_get_str(&text, result, "position") || !hc_position_parse(&position, text))
		return;
	memcpy(follow->epoch, position.epoch, sizeof(follow->epoch));
	if (follow->filter.position && complete)
		return;
	hc_position_format(follow->position, position.epoch, position.sequence);
	follow->filter.position = follow->position;
}

/* The log may be another one behind it. */
static void take_gap(struct follow *follow, const msgpack_object *gap)
{
	struct hc_position position;
	struct hc_str text;

	hc_output_gap("follow", gap);
	if (!hc_map_get_str(&text, gap, "missed_to") || !hc_position_parse(&position, text))
		return;
	memcpy(follow->epoch, position.epoch, sizeof(follow->epoch));
	hc_position_format(follow->position, position.epoch, position.sequence);
	follow->filter.position = follow->position;
}

/* Returns -1 to go on, else the exit status. */
static int take_message(struct follow *follow, const struct hc_rpc_message *message)
{
	struct hc_fault fault = HC_FAULT_NULL;

	if (message->kind == HC_RPC_NOTIFICATION && hc_str_is(message->method, "event")) {
		hc_output_json(&message->params);
		take_position(follow, &message->params);
	}
	if (message->kind == HC_RPC_NOTIFICATION && hc_str_is(message->method, "gap"))
		take_gap(follow, &message->params);
	if (message->kind != HC_RPC_RESPONSE || message->id != follow->subscribe_id)
		return -1;
	if (message->error.type != MSGPACK_OBJECT_MAP) {
		take_answer(follow, &message->result);
		return -1;
	}
	hc_rpc_read_fault(&fault, &message->error);
	return hc_cli_fail(follow->cli, "%s: %s", hc_fault_name(fault.code), fault.message);
}

static int take_messages(struct follow *follow)
{
	struct hc_rpc_message message;
	int r, status = -1;

	while (status < 0) {
		r = hc_rpc_client_next(follow->cli->client, &message, NULL);
		if (r == HC_RPC_E_MORE)
			break;
		if (r == HC_RPC_E_MESSAGE)
			continue;
		if (r)
			return hc_cli_fail(follow->cli, "the hub sends what cannot be read");
		status = take_message(follow, &message);
	}
	if (fflush(stdout))
		return HC_CLI_FAILED; /* main() says that writing failed */
	return status;
}

/* Prints until the connection ends (-1), or something is wrong for good (the exit status). */
static int stream(struct follow *follow)
{
	struct hc_rpc_client *client = follow->cli->client;
	struct pollfd fds[] = {
		{ .fd = hc_rpc_client_fd(client) },
		{ .fd = STDOUT_FILENO }, /* tells, unasked, that nobody reads any more */
	};
	int status;

	for (;;) {
		fds[0].events = hc_rpc_client_events(client);
		if (poll(fds, HC_ARRAY_LEN(fds), -1) < 0)
			continue;
		if (fds[1].revents)
			return HC_CLI_OK;
		if (hc_rpc_client_flush(client) || hc_rpc_client_receive(client))
			return -1;
		status = take_messages(follow);
		if (status >= 0)
			return status;
	}
}

static int subscribe(struct follow *follow)
{
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer params = HC_BUFFER_NULL;
	msgpack_packer pk = hc_codec_packer(&params);

	hc_cli_pack_params(follow->cli, &pk, hc_cli_filter_size(&follow->filter));
	hc_cli_filter_pack(&follow->filter, &pk, "since");
	return hc_rpc_client_request(follow->cli->client, "subscribe", &params,
				     &follow->subscribe_id);
}

static void pause_ms(unsigned int ms)
{
	struct timespec pause = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L };

	nanosleep(&pause, NULL);
}

int hc_cli_follow(struct hc_cli *cli, int argc, char **argv)
{
	struct follow follow = { .cli = cli };
	unsigned int retry_ms = RETRY_FIRST_MS;
	struct hc_fault fault = HC_FAULT_NULL;
	int r;

	r = parse_args(&follow, argc, argv);
	if (r >= 0)
		return r;
	if (hc_cli_connect(cli))
		return HC_CLI_FAILED;
	for (;;) {
		follow.subscribed = false;
		r = subscribe(&follow);
		r = r ? -1 : stream(&follow);
		if (r >= 0)
			return r;
		hc_cli_disconnect(cli);
		if (follow.subscribed)
			retry_ms = RETRY_FIRST_MS;
		fprintf(stderr, "hostcast follow: the hub has gone; trying again\n");
		do {
			pause_ms(retry_ms);
			retry_ms = retry_ms * 2 < RETRY_MAX_MS ? retry_ms * 2 : RETRY_MAX_MS;
		} while (hc_cli_try_connect(cli, &fault) < 0);
	}
}
