/* SPDX-License-Identifier: MIT */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>

#include "conf/value.h"
#include "proto/cli/cli.h"
#include "proto/cli/filter.h"
#include "proto/cli/output.h"
#include "proto/json.h"

#define LIMIT_DEFAULT 100
#define LIMIT_MAX     1000

struct page {
	struct hc_cli_filter filter;
	const char *channel;
	const char *consumer;
	const char *from;
	uint64_t limit;
	bool json;
};

/* Returns -1 to go on, else the exit status. */
static int take_option(struct page *page, const struct hc_cli *cli, int c)
{
	const char *why;

	switch (c) {
	case 'a':
		page->filter.position = optarg;
		return -1;
	case 'l':
		if (hc_value_number(&page->limit, optarg) && page->limit >= 1 &&
		    page->limit <= LIMIT_MAX)
			return -1;
		return hc_cli_usage(cli, "--limit must be 1 to %d", LIMIT_MAX);
	case 't':
		why = hc_cli_filter_add(&page->filter, optarg);
		return why ? hc_cli_usage(cli, "\"%s\" %s", optarg, why) : -1;
	case 'n':
		page->channel = optarg;
		return -1;
	case 'c':
		page->consumer = optarg;
		return -1;
	case 'f':
		page->from = optarg;
		return -1;
	case 'j':
		page->json = true;
		return -1;
	case 'h':
		return hc_cli_help(cli);
	default:
		return hc_cli_usage(cli, NULL);
	}
}

static int parse_args(struct page *page, const struct hc_cli *cli, int argc, char **argv)
{
	static const struct option options[] = {
		{ "after", required_argument, NULL, 'a' },
		{ "limit", required_argument, NULL, 'l' },
		{ "type", required_argument, NULL, 't' },
		{ "channel", required_argument, NULL, 'n' },
		{ "consumer", required_argument, NULL, 'c' },
		{ "from", required_argument, NULL, 'f' },
		{ "json", no_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	int c, r = -1;

	while (r < 0 && (c = getopt_long(argc, argv, "hj", options, NULL)) != -1)
		r = take_option(page, cli, c);
	if (r < 0 && optind < argc)
		return hc_cli_usage(cli, "there is no argument but options");
	return r;
}

static void show_event(const msgpack_object *event)
{
	const msgpack_object *payload = hc_map_get(event, "payload");
	struct hc_str type = HC_STR("?"), timestamp = HC_STR("-");
	uint64_t sequence = 0;

	hc_map_get_u64(&sequence, event, "sequence");
	hc_map_get_str(&timestamp, event, "timestamp");
	hc_map_get_str(&type, event, "type");
	printf("%" PRIu64 "  ", sequence);
	hc_output_text(timestamp);
	fputs("  ", stdout);
	hc_output_text(type);
	fputs("  ", stdout);
	if (payload)
		hc_output_json(payload);
	else
		putchar('\n');
}

static void show(const msgpack_object *result)
{
	const msgpack_object *events = hc_map_get(result, "events");
	struct hc_str next;

	hc_output_gap("events", result);
	for (uint32_t i = 0;
	     events && events->type == MSGPACK_OBJECT_ARRAY && i < events->via.array.size; i++)
		show_event(&events->via.array.ptr[i]);
	if (!hc_map_get_str(&next, result, "next"))
		return;
	fputs("next: ", stdout);
	hc_output_text(next);
	putchar('\n');
}

int hc_cli_events(struct hc_cli *cli, int argc, char **argv)
{
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer params = HC_BUFFER_NULL;
	msgpack_packer pk = hc_codec_packer(&params);
	struct page page = { .limit = LIMIT_DEFAULT };
	msgpack_object result;
	int r;

	r = parse_args(&page, cli, argc, argv);
	if (r >= 0)
		return r;
	hc_cli_pack_params(cli, &pk,
			   1u + hc_cli_filter_size(&page.filter) + !!page.channel +
				   !!page.consumer + !!page.from);
	hc_pack_u64_at(&pk, "limit", page.limit);
	if (page.channel)
		hc_pack_str_at(&pk, "channel", hc_str(page.channel));
	if (page.consumer)
		hc_pack_str_at(&pk, "consumer", hc_str(page.consumer));
	if (page.from)
		hc_pack_str_at(&pk, "from", hc_str(page.from));
	hc_cli_filter_pack(&page.filter, &pk, "after");
	r = hc_cli_ask(cli, "events", &params, &result);
	if (r)
		return r;
	if (page.json)
		hc_output_json(&result);
	else
		show(&result);
	return HC_CLI_OK;
}
