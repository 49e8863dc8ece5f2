/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "proto/rpc.h"
#include "tests/bench/fanout/events.h"

/* Any of these may have the same payload. The first is what is published where types do not matter.
 */
static const char *const type_names[EVENT_TYPES] = {
	"job.progress", "job.started",	"job.completed", "job.failed",	  "job.cancelled",
	"job_started",	"job_progress", "job_completed", "job_cancelled", "job_failed",
};

static const char filling[] = " of 1000 frames done";

#define TEXT_MAX 256
#define FILLING_ \
	14 /* bytes of it: with these, a job.progress whose sequence has 6 digits has 200 */

const char *events_type_name(unsigned int type)
{
	return type_names[type];
}

static const char *type_of(const struct events *events, size_t index)
{
	return type_names[index % events->n_types];
}

static void write_message(char ret[static TEXT_MAX], size_t index)
{
	(void)snprintf(ret, TEXT_MAX, "%c%0*zu%.*s", EVENT_MARK, EVENT_INDEX_LEN, index, FILLING_,
		       filling);
}

/* The text that the hub makes of the same event. */
static size_t write_text(const struct events *events, char ret[static 2 * TEXT_MAX], size_t index)
{
	char message[TEXT_MAX];
	int len;

	write_message(message, index);
	len = snprintf(
		ret, 2 * TEXT_MAX,
		"{\"type\":\"%s\",\"payload\":{\"message\":\"%s\",\"job_id\":\"transcode-7\","
		"\"status\":\"running\",\"percent\":42},"
		"\"timestamp\":\"2026-01-01T12:00:00.000Z\",\"sequence\":%06zu,"
		"\"channel\":\"jobs\"}",
		type_of(events, index), message, index + 100000);
	return (size_t)len;
}

/* ---- one unit ----------------------------------------------------------------------------- */

static void pack_event(msgpack_packer *pk, const struct events *events, size_t index)
{
	char message[TEXT_MAX];

	write_message(message, index);
	msgpack_pack_map(pk, 2);
	hc_pack_str_at(pk, "type", hc_str(type_of(events, index)));
	hc_pack_key(pk, "payload");
	msgpack_pack_map(pk, 4);
	hc_pack_str_at(pk, "message", hc_str(message));
	hc_pack_str_at(pk, "job_id", HC_STR("transcode-7"));
	hc_pack_str_at(pk, "status", HC_STR("running"));
	hc_pack_u64_at(pk, "percent", 42);
}

static void encode_request(struct events *events, size_t unit)
{
	msgpack_packer pk = hc_codec_packer(&events->bytes);
	size_t from = unit * events->unit_events, to = events_unit_end(events, unit);

	hc_rpc_pack_request(&pk, (uint32_t)unit + 1, "publish");
	msgpack_pack_map(&pk, 1);
	hc_pack_key(&pk, "events");
	msgpack_pack_array(&pk, to - from);
	for (size_t i = from; i < to; i++)
		pack_event(&pk, events, i);
}

static void encode_text(struct events *events, size_t index, const char *target)
{
	struct hc_buffer *bytes = &events->bytes;
	char text[2 * TEXT_MAX];
	size_t len = write_text(events, text, index);

	if (events->dialect == DIALECT_NATS)
		hc_buffer_printf(bytes, "PUB %s %zu\r\n", target, len);
	else if (events->dialect == DIALECT_HTTP)
		hc_buffer_printf(bytes,
				 "POST %s HTTP/1.1\r\nHost: bench\r\nContent-Type: text/plain\r\n"
				 "Content-Length: %zu\r\n\r\n",
				 target, len);
	hc_buffer_append(bytes, text, len);
	if (events->dialect == DIALECT_NATS)
		hc_buffer_append(bytes, "\r\n", 2);
	else if (events->dialect == DIALECT_LINES)
		hc_buffer_append(bytes, "\n", 1);
}

/* ---- all ---------------------------------------------------------------------------------- */

static void write_indexes(struct events *events)
{
	for (size_t i = 0; i < events->n; i++) {
		char digits[32];

		(void)snprintf(digits, sizeof(digits), "%0*zu", EVENT_INDEX_LEN, i);
		memcpy(&events->texts[i], digits, EVENT_INDEX_LEN);
	}
}

int events_init(struct events *events, enum dialect dialect, size_t n, unsigned int n_types,
		size_t unit_events, const char *target)
{
	*events = (struct events){
		.dialect = dialect,
		.n = n,
		.n_types = n_types,
		.unit_events = dialect == DIALECT_HOSTCAST ? unit_events : 1,
	};
	events->n_units = (n + events->unit_events - 1) / events->unit_events;
	events->texts = calloc(n + 1, sizeof(*events->texts));
	events->published_ns = calloc(n + 1, sizeof(*events->published_ns));
	events->unit_ends = calloc(events->n_units + 1, sizeof(*events->unit_ends));
	if (!events->texts || !events->published_ns || !events->unit_ends)
		return -ENOMEM;
	write_indexes(events);
	for (size_t unit = 0; unit < events->n_units; unit++) {
		if (dialect == DIALECT_HOSTCAST)
			encode_request(events, unit);
		else
			encode_text(events, unit, target);
		events->unit_ends[unit] = events->bytes.len;
	}
	return events->bytes.failed ? -ENOMEM : 0;
}

void events_deinit(struct events *events)
{
	hc_buffer_deinit(&events->bytes);
	free(events->texts);
	free(events->published_ns);
	free(events->unit_ends);
}
