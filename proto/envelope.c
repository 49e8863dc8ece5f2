/* SPDX-License-Identifier: MIT */
/* Envelopes: one writer a shape, chosen by a table. */
#include "proto/clock.h"
#include "proto/envelope.h"
#include "proto/json.h"
#include "proto/position.h"

typedef void hc_envelope_write_fn(struct hc_buffer *buffer, enum hc_time_format time,
				  const struct hc_event *event,
				  const struct hc_envelope_origin *origin);

static void write_text_field(struct hc_buffer *buffer, const char *name, struct hc_str text)
{
	if (!text.len)
		return;
	hc_buffer_append_str(buffer, hc_str(name));
	hc_json_write_str(buffer, text);
}

static void write_timestamp(struct hc_buffer *buffer, enum hc_time_format time, int64_t unix_ms)
{
	char text[HC_TIMESTAMP_LEN];

	if (time == HC_TIME_UNIX) {
		hc_buffer_printf(buffer, "%s%lld.%03lld", unix_ms < 0 ? "-" : "",
				 (long long)(unix_ms < 0 ? -unix_ms : unix_ms) / 1000,
				 (long long)(unix_ms < 0 ? -unix_ms : unix_ms) % 1000);
		return;
	}
	hc_timestamp_format(text, unix_ms);
	hc_buffer_append(buffer, "\"", 1);
	hc_buffer_append(buffer, text, sizeof(text));
	hc_buffer_append(buffer, "\"", 1);
}

static void write_standard(struct hc_buffer *buffer, enum hc_time_format time,
			   const struct hc_event *event, const struct hc_envelope_origin *origin)
{
	(void)origin; /* for CloudEvents only */
	write_text_field(buffer, "{\"type\":", event->type);
	hc_buffer_append_str(buffer, HC_STR(",\"payload\":"));
	hc_json_write(buffer, &event->payload);
	hc_buffer_append_str(buffer, HC_STR(",\"timestamp\":"));
	write_timestamp(buffer, time, event->timestamp_unix_ms);
	if (event->sequence) {
		hc_buffer_append_str(buffer, HC_STR(",\"sequence\":"));
		hc_json_write_u64(buffer, event->sequence);
	}
	write_text_field(buffer, ",\"channel\":", event->channel);
	write_text_field(buffer, ",\"correlation_id\":", event->correlation_id);
	hc_buffer_append(buffer, "}", 1);
}

static void write_data(struct hc_buffer *buffer, enum hc_time_format time,
		       const struct hc_event *event, const struct hc_envelope_origin *origin)
{
	(void)origin;
	write_text_field(buffer, "{\"type\":", event->type);
	hc_buffer_append_str(buffer, HC_STR(",\"data\":"));
	hc_json_write(buffer, &event->payload);
	hc_buffer_append_str(buffer, HC_STR(",\"timestamp\":"));
	write_timestamp(buffer, time, event->timestamp_unix_ms);
	hc_buffer_append(buffer, "}", 1);
}

static void write_spread(struct hc_buffer *buffer, enum hc_time_format time,
			 const struct hc_event *event, const struct hc_envelope_origin *origin)
{
	const msgpack_object_map *map = &event->payload.via.map;

	(void)time;
	(void)origin;
	write_text_field(buffer, "{\"type\":", event->type);
	for (uint32_t i = 0; i < map->size; i++) {
		struct hc_str key = hc_object_str(&map->ptr[i].key);

		if (hc_str_is(key, "type"))
			continue;
		hc_buffer_append(buffer, ",", 1);
		hc_json_write_str(buffer, key);
		hc_buffer_append(buffer, ":", 1);
		hc_json_write(buffer, &map->ptr[i].val);
	}
	hc_buffer_append(buffer, "}", 1);
}

/*
 * CloudEvents 1.0.2, JSON format. Extension attributes are lower-case letters and digits only
 * (section "Attribute naming convention"), hence "correlationid". A volatile event has no sequence
 * and so no position: its id says so, and has its serial number.
 */
static void write_id(struct hc_buffer *buffer, const struct hc_event *event, const char *epoch)
{
	char position[HC_POSITION_MAX];

	if (!event->sequence) {
		hc_buffer_printf(buffer, ",\"id\":\"%s-volatile-%llu\"", epoch,
				 (unsigned long long)event->serial);
		return;
	}
	(void)hc_position_format(position, epoch, event->sequence);
	write_text_field(buffer, ",\"id\":", hc_str(position));
}

static void write_cloudevents(struct hc_buffer *buffer, enum hc_time_format time,
			      const struct hc_event *event, const struct hc_envelope_origin *origin)
{
	(void)time;
	hc_buffer_append_str(buffer, HC_STR("{\"specversion\":\"1.0\""));
	write_id(buffer, event, origin->epoch);
	write_text_field(buffer, ",\"source\":", hc_str(origin->source));
	write_text_field(buffer, ",\"type\":", event->type);
	hc_buffer_append_str(buffer, HC_STR(",\"time\":"));
	write_timestamp(buffer, HC_TIME_RFC3339, event->timestamp_unix_ms);
	hc_buffer_append_str(buffer, HC_STR(",\"datacontenttype\":\"application/json\""));
	write_text_field(buffer, ",\"channel\":", event->channel);
	write_text_field(buffer, ",\"correlationid\":", event->correlation_id);
	hc_buffer_append_str(buffer, HC_STR(",\"data\":"));
	hc_json_write(buffer, &event->payload);
	hc_buffer_append(buffer, "}", 1);
}

static const struct {
	const char *name;
	hc_envelope_write_fn *write;
} envelopes[HC_ENVELOPE_MAX_] = {
	[HC_ENVELOPE_STANDARD] = { "standard", write_standard },
	[HC_ENVELOPE_DATA] = { "data", write_data },
	[HC_ENVELOPE_SPREAD] = { "spread", write_spread },
	[HC_ENVELOPE_CLOUDEVENTS] = { "cloudevents", write_cloudevents },
};

const char *hc_envelope_name(enum hc_envelope envelope)
{
	return envelopes[envelope].name;
}

int hc_envelope_from_name(struct hc_str name)
{
	for (int i = 0; i < HC_ENVELOPE_MAX_; i++)
		if (hc_str_is(name, envelopes[i].name))
			return i;
	return -1;
}

void hc_envelope_write(struct hc_buffer *buffer, enum hc_envelope envelope,
		       enum hc_time_format time, const struct hc_event *event,
		       const struct hc_envelope_origin *origin)
{
	envelopes[envelope].write(buffer, time, event, origin);
}
