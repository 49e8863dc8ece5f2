/* SPDX-License-Identifier: MIT */
/*
 * POST /api/events   one event, or an array of them: all are taken or none
 * GET /api/events    a page of the log: after, limit, type (repeated or with commas), channel;
 *                    consumer instead of after: what that one has not acknowledged (consumers.c)
 */
#include "fcgi/problem.h"
#include "fcgi/publish.h"
#include "fcgi/request.h"
#include "fcgi/resources.h"

#define LIMIT_DEFAULT 100
#define LIMIT_MAX     1000

void hc_rest_events_post(struct hc_exchange *exchange)
{
	HC_CLEANUP(hc_json_freep) json_t *body = hc_exchange_body(exchange);
	HC_CLEANUP(hc_json_freep) json_t *events = NULL;

	if (!body)
		return;
	if (json_is_array(body)) {
		hc_rest_publish(exchange, body, "/events");
		return;
	}
	events = json_pack("[O]", body);
	if (events)
		hc_rest_publish(exchange, events, "/events/0");
	else
		hc_problem_set(exchange->response, HC_FAULT_INTERNAL, "", "out of memory");
}

/* ---- the log ------------------------------------------------------------------------------ */

/* Reads decimal digits only: no sign, no blanks. */
static bool read_u64(uint64_t *ret, struct hc_str text)
{
	uint64_t value = 0;

	for (size_t i = 0; i < text.len; i++) {
		if (text.s[i] < '0' || text.s[i] > '9' ||
		    __builtin_mul_overflow(value, 10, &value) ||
		    __builtin_add_overflow(value, (uint64_t)(text.s[i] - '0'), &value))
			return false;
	}
	if (!text.len)
		return false;
	*ret = value;
	return true;
}

static bool read_limit(uint64_t *ret, const struct hc_query *query, struct hc_fault *fault)
{
	struct hc_str text = hc_query_get(query, "limit");
	uint64_t limit = LIMIT_DEFAULT;

	if (text.len && (!read_u64(&limit, text) || limit < 1 || limit > LIMIT_MAX)) {
		hc_fault_set(fault, HC_FAULT_INVALID_PARAMS, "\"limit\" must be 1 to %d",
			     LIMIT_MAX);
		return false;
	}
	*ret = limit;
	return true;
}

/* Packs the words of one comma-separated value, or only counts them if @pk is NULL. */
static uint32_t pack_words(msgpack_packer *pk, struct hc_str text)
{
	uint32_t n = 0;

	while (text.len) {
		const char *comma = memchr(text.s, ',', text.len);
		struct hc_str word = { text.s, comma ? (size_t)(comma - text.s) : text.len };
		size_t taken = comma ? word.len + 1 : word.len;

		text = (struct hc_str){ text.s + taken, text.len - taken };
		if (!word.len)
			continue;
		if (pk)
			hc_pack_str(pk, word);
		n++;
	}
	return n;
}

static uint32_t pack_types(msgpack_packer *pk, const struct hc_query *query)
{
	uint32_t n = 0;

	for (size_t i = 0; i < query->n; i++)
		if (hc_str_is(query->fields[i].name, "type"))
			n += pack_words(pk, query->fields[i].value);
	return n;
}

/* A sequence goes as a number, anything else as text: the hub judges whether it is a position. */
static void pack_after(msgpack_packer *pk, struct hc_str after)
{
	uint64_t sequence;

	if (read_u64(&sequence, after))
		hc_pack_u64_at(pk, "after", sequence);
	else
		hc_pack_str_at(pk, "after", after);
}

static void ask_for_page(struct hc_exchange *exchange, const struct hc_query *query, uint64_t limit)
{
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer params = HC_BUFFER_NULL;
	msgpack_packer pk = hc_codec_packer(&params);
	struct hc_str after = hc_query_get(query, "after");
	struct hc_str channel = hc_query_get(query, "channel");
	struct hc_str consumer = hc_query_get(query, "consumer");
	struct hc_str from = hc_query_get(query, "from");
	uint32_t n_types = pack_types(NULL, query);

	hc_exchange_pack_params(exchange, &pk,
				1u + !!after.len + !!channel.len + !!consumer.s + !!from.s +
					!!n_types);
	hc_pack_u64_at(&pk, "limit", limit);
	if (after.len)
		pack_after(&pk, after);
	if (channel.len)
		hc_pack_str_at(&pk, "channel", channel);
	if (consumer.s) /* one without a name is not the same as none: the hub refuses it */
		hc_pack_str_at(&pk, "consumer", consumer);
	if (from.s)
		hc_pack_str_at(&pk, "from", from);
	if (n_types) {
		hc_pack_key(&pk, "types");
		msgpack_pack_array(&pk, n_types);
		pack_types(&pk, query);
	}
	hc_exchange_pass(exchange, "events", &params);
}

void hc_rest_events_get(struct hc_exchange *exchange)
{
	static const struct hc_query_rule rules[] = {
		{ "after", false },   { "limit", false },    { "type", true },
		{ "channel", false }, { "consumer", false }, { "from", false },
	};
	HC_CLEANUP(hc_query_deinit) struct hc_query query = HC_QUERY_NULL;
	struct hc_fault fault = HC_FAULT_NULL;
	uint64_t limit;

	if (hc_query_parse(&query, exchange->request->query, &fault) &&
	    hc_query_check(&query, rules, HC_ARRAY_LEN(rules), &fault) &&
	    read_limit(&limit, &query, &fault))
		ask_for_page(exchange, &query, limit);
	else
		hc_exchange_fail(exchange, &fault);
}
