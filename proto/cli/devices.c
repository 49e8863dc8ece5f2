/* SPDX-License-Identifier: MIT */
#include "proto/cli/cli.h"
#include "proto/cli/output.h"

static const struct hc_column columns[] = {
	{ "DEVICE", "device_node" }, { "MOUNTED ON", "mount_path" },
	{ "TYPE", "fstype" },	     { "LABEL", "label" },
	{ "UUID", "uuid" },
};

static const msgpack_object *find_events(const msgpack_object *result)
{
	const msgpack_object *events = hc_map_get(result, "events");

	return events && events->type == MSGPACK_OBJECT_ARRAY ? events : NULL;
}

/* Replaces each event by its payload, in place: the answer is ours until the next question. */
static void unwrap(const msgpack_object *events)
{
	for (uint32_t i = 0; i < events->via.array.size; i++) {
		const msgpack_object *payload = hc_map_get(&events->via.array.ptr[i], "payload");

		if (payload)
			events->via.array.ptr[i] = *payload;
	}
}

int hc_cli_devices(struct hc_cli *cli, int argc, char **argv)
{
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer params = HC_BUFFER_NULL;
	msgpack_packer pk = hc_codec_packer(&params);
	const msgpack_object *events;
	msgpack_object result;
	bool json;
	int r;

	r = hc_cli_options(cli, argc, argv, &json, 0);
	if (r >= 0)
		return r;
	hc_cli_pack_params(cli, &pk, 1);
	hc_pack_str_at(&pk, "type", HC_STR("device.mounted"));
	r = hc_cli_ask(cli, "state", &params, &result);
	if (r)
		return r;
	events = find_events(&result);
	if (events)
		unwrap(events);
	if (json && events)
		hc_output_json(events);
	else
		hc_output_table(events, columns, HC_ARRAY_LEN(columns));
	return HC_CLI_OK;
}
