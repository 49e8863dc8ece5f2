/* SPDX-License-Identifier: MIT */
/* revoke and revocations: the hub keeps them, this asks it. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include "conf/value.h"
#include "proto/cli/cli.h"
#include "proto/cli/output.h"
#include "proto/clock.h"

/* ---- revoke -------------------------------------------------------------------------------- */

struct revoke {
	const char *jti;
	const char *sub;
	uint64_t until_unix_s; /* 0: for ever */
};

/* RFC 3339, seconds since 1970, or a duration with its unit, from now. */
static bool read_until(uint64_t *ret_unix_s, const char *text)
{
	int64_t unix_ms;
	uint64_t value;

	if (!text[strspn(text, "0123456789")])
		return hc_value_number(ret_unix_s, text);
	if (hc_timestamp_parse(&unix_ms, hc_str(text)) && unix_ms > 0) {
		*ret_unix_s = (uint64_t)unix_ms / 1000;
		return true;
	}
	if (!hc_value_duration(&value, text))
		return false;
	*ret_unix_s = (uint64_t)hc_now_unix_ms() / 1000 + value / 1000;
	return true;
}

static int parse_args(struct revoke *revoke, const struct hc_cli *cli, int argc, char **argv)
{
	static const struct option options[] = {
		{ "jti", required_argument, NULL, 'j' },
		{ "sub", required_argument, NULL, 's' },
		{ "until", required_argument, NULL, 'u' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		if (c == 'h')
			return hc_cli_help(cli);
		if (c == 'j')
			revoke->jti = optarg;
		else if (c == 's')
			revoke->sub = optarg;
		else if (c != 'u')
			return hc_cli_usage(cli, NULL);
		else if (!read_until(&revoke->until_unix_s, optarg))
			return hc_cli_usage(cli, "--until must be a time such as "
						 "2027-01-31T00:00:00Z or 30d");
	}
	if (optind < argc)
		return hc_cli_usage(cli, "there is no argument but options");
	if (!revoke->jti == !revoke->sub)
		return hc_cli_usage(cli, "give --jti or --sub: what is revoked?");
	return -1;
}

int hc_cli_revoke(struct hc_cli *cli, int argc, char **argv)
{
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer params = HC_BUFFER_NULL;
	msgpack_packer pk = hc_codec_packer(&params);
	struct revoke revoke = { 0 };
	msgpack_object result;
	int r = parse_args(&revoke, cli, argc, argv);

	if (r >= 0)
		return r;
	hc_cli_pack_params(cli, &pk, revoke.until_unix_s ? 2 : 1);
	hc_pack_str_at(&pk, revoke.jti ? "jti" : "sub",
		       hc_str(revoke.jti ? revoke.jti : revoke.sub));
	if (revoke.until_unix_s)
		hc_pack_u64_at(&pk, "until", revoke.until_unix_s);
	return hc_cli_ask(cli, "revoke", &params, &result);
}

/* ---- revocations --------------------------------------------------------------------------- */

static const struct hc_column columns[] = {
	{ "CLAIM", "claim" },
	{ "VALUE", "value" },
	{ "SINCE", "since" },
	{ "UNTIL", "until" },
};

/* Rows of all pages: as the hub sends them, or as people read them. */
struct rows {
	struct hc_buffer packed;
	uint64_t n;
	bool json;
};

static void pack_time_at(msgpack_packer *pk, const char *key, const msgpack_object *row)
{
	char text[HC_TIMESTAMP_LEN];
	uint64_t unix_s = 0;

	if (!hc_map_get_u64(&unix_s, row, key)) {
		hc_pack_str_at(pk, key, HC_STR("for ever"));
		return;
	}
	hc_timestamp_format(text, unix_s > INT64_MAX / 1000 ? INT64_MAX : (int64_t)unix_s * 1000);
	hc_pack_str_at(pk, key, (struct hc_str){ text, sizeof(text) });
}

static void pack_readable(msgpack_packer *pk, const msgpack_object *row)
{
	struct hc_str name = { 0 };
	bool is_jti = hc_map_get_str(&name, row, "jti");

	if (!is_jti)
		(void)hc_map_get_str(&name, row, "sub");
	msgpack_pack_map(pk, 4);
	hc_pack_str_at(pk, "claim", is_jti ? HC_STR("jti") : HC_STR("sub"));
	hc_pack_str_at(pk, "value", name);
	pack_time_at(pk, "since", row);
	pack_time_at(pk, "until", row);
}

/* Asks for what follows what is there; *ret_more if there is more. */
static int ask_page(struct rows *rows, bool *ret_more, struct hc_cli *cli)
{
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer params = HC_BUFFER_NULL;
	msgpack_packer pk = hc_codec_packer(&params), to = hc_codec_packer(&rows->packed);
	const msgpack_object *page;
	msgpack_object result;
	int r;

	hc_cli_pack_params(cli, &pk, 1);
	hc_pack_u64_at(&pk, "skip", rows->n);
	r = hc_cli_ask(cli, "revocations", &params, &result);
	if (r)
		return r;
	page = hc_map_get(&result, "revocations");
	if (!page || page->type != MSGPACK_OBJECT_ARRAY)
		return hc_cli_fail(cli, "the hub is of another version: it lists no revocations");
	for (uint32_t i = 0; i < page->via.array.size; i++) {
		if (rows->json)
			msgpack_pack_object(&to, page->via.array.ptr[i]);
		else
			pack_readable(&to, &page->via.array.ptr[i]);
	}
	rows->n += page->via.array.size;
	*ret_more = page->via.array.size > 0;
	return HC_CLI_OK;
}

static int show(const struct hc_cli *cli, const struct rows *rows)
{
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer list = HC_BUFFER_NULL;
	msgpack_packer pk = hc_codec_packer(&list);
	msgpack_object object;
	msgpack_zone zone;
	int r;

	msgpack_pack_array(&pk, rows->n);
	hc_buffer_append(&list, rows->packed.data, rows->packed.len);
	if (rows->packed.failed || list.failed || !msgpack_zone_init(&zone, 4096))
		return hc_cli_fail(cli, "out of memory");
	r = hc_codec_unpack(&object, &zone, list.data, list.len);
	if (r)
		r = hc_cli_fail(cli, "out of memory");
	else if (rows->json)
		hc_output_json(&object);
	else
		hc_output_table(&object, columns, HC_ARRAY_LEN(columns));
	msgpack_zone_destroy(&zone);
	return r;
}

int hc_cli_revocations(struct hc_cli *cli, int argc, char **argv)
{
	struct rows rows = { HC_BUFFER_NULL, 0, false };
	bool more = true;
	int r = hc_cli_options(cli, argc, argv, &rows.json, 0);

	if (r >= 0)
		return r;
	for (r = HC_CLI_OK; !r && more;)
		r = ask_page(&rows, &more, cli);
	if (!r)
		r = show(cli, &rows);
	hc_buffer_deinit(&rows.packed);
	return r;
}
