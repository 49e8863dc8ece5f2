/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>

#include "proto/cli/cli.h"
#include "proto/cli/output.h"
#include "proto/fault.h"
#include "proto/json.h"
#include "proto/position.h"
#include "proto/rpc.h"

struct publish {
	const char *type;
	const char *payload; /* JSON text, or "-" */
	const char *to;
	const char *correlation_id;
	const char *key;
	bool json;
};

/* Returns -1 to go on, else the exit status. */
static int parse_args(struct publish *publish, const struct hc_cli *cli, int argc, char **argv)
{
	static const struct option options[] = {
		{ "to", required_argument, NULL, 't' },
		{ "correlation-id", required_argument, NULL, 'i' },
		{ "key", required_argument, NULL, 'k' },
		{ "json", no_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "hj", options, NULL)) != -1) {
		switch (c) {
		case 't':
			publish->to = optarg;
			break;
		case 'i':
			publish->correlation_id = optarg;
			break;
		case 'k':
			publish->key = optarg;
			break;
		case 'j':
			publish->json = true;
			break;
		case 'h':
			return hc_cli_help(cli);
		default:
			return hc_cli_usage(cli, NULL);
		}
	}
	if (argc - optind != 2)
		return hc_cli_usage(cli, "give a type and a payload");
	publish->type = argv[optind];
	publish->payload = argv[optind + 1];
	return -1;
}

/*
 * More than one message can carry is read all the same, so that the hub client says what is wrong.
 */
static int read_stdin(struct hc_buffer *text)
{
	ssize_t n;

	do {
		char *at = hc_buffer_reserve(text, BUFSIZ);

		if (!at)
			return -ENOMEM;
		n = read(STDIN_FILENO, at, BUFSIZ);
		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0)
			text->len += (size_t)n;
	} while (n && text->len <= HC_RPC_FRAME_MAX);
	return 0;
}

/* A new reference, or NULL after having said what is wrong. */
static json_t *read_payload(const struct hc_cli *cli, const char *argument)
{
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer text = HC_BUFFER_NULL;
	struct hc_fault fault = HC_FAULT_NULL;
	json_t *payload;
	int r = 0;

	if (!strcmp(argument, "-"))
		r = read_stdin(&text);
	else
		hc_buffer_append_str(&text, hc_str(argument));
	if (r < 0) {
		hc_cli_fail(cli, "cannot read standard input: %s", strerror(-r));
		return NULL;
	}
	payload = hc_json_parse((struct hc_str){ text.data, text.len }, &fault);
	if (!payload)
		hc_cli_fail(cli, "the payload is %s", fault.message);
	return payload;
}

static void pack_event(msgpack_packer *pk, const struct publish *publish, const json_t *payload)
{
	msgpack_pack_map(pk, 2u + !!publish->to + !!publish->correlation_id);
	hc_pack_str_at(pk, "type", hc_str(publish->type));
	hc_pack_key(pk, "payload");
	hc_json_pack(pk, payload);
	if (publish->to)
		hc_pack_str_at(pk, "to", hc_str(publish->to));
	if (publish->correlation_id)
		hc_pack_str_at(pk, "correlation_id", hc_str(publish->correlation_id));
}

/* A volatile event has no place in the log, so its position says nothing: it gets no line. */
static void show(const msgpack_object *result)
{
	const msgpack_object *sequences = hc_map_get(result, "sequences");
	struct hc_str epoch;

	if (!sequences || sequences->type != MSGPACK_OBJECT_ARRAY ||
	    !hc_map_get_str(&epoch, result, "epoch"))
		return;
	for (uint32_t i = 0; i < sequences->via.array.size; i++) {
		const msgpack_object *sequence = &sequences->via.array.ptr[i];

		if (sequence->type != MSGPACK_OBJECT_POSITIVE_INTEGER || !sequence->via.u64)
			continue;
		hc_output_text(epoch);
		printf("-%" PRIu64 "\n", sequence->via.u64);
	}
}

int hc_cli_publish(struct hc_cli *cli, int argc, char **argv)
{
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer params = HC_BUFFER_NULL;
	msgpack_packer pk = hc_codec_packer(&params);
	struct publish publish = { 0 };
	msgpack_object result;
	json_t *payload;
	int r;

	r = parse_args(&publish, cli, argc, argv);
	if (r >= 0)
		return r;
	payload = read_payload(cli, publish.payload);
	if (!payload)
		return HC_CLI_FAILED;
	hc_cli_pack_params(cli, &pk, 1u + !!publish.key);
	if (publish.key)
		hc_pack_str_at(&pk, "key", hc_str(publish.key));
	hc_pack_key(&pk, "events");
	msgpack_pack_array(&pk, 1);
	pack_event(&pk, &publish, payload);
	json_decref(payload);
	r = hc_cli_ask(cli, "publish", &params, &result);
	if (r)
		return r;
	if (publish.json)
		hc_output_json(&result);
	else
		show(&result);
	return HC_CLI_OK;
}
