/* SPDX-License-Identifier: MIT */
/* A single allocation holds the event as msgpack, its addressee and its state key. */
#include <stdlib.h>

#include "proto/json.h"
#include "ws/log/record.h"

/* The text that tells retained events of one type apart: the value of one payload field. */
static void append_state_key(struct hc_buffer *buffer, const struct hc_type *type,
			     const msgpack_object *payload)
{
	const struct hc_type *retained = type->retained_key ? type : type->clears;
	const msgpack_object *value;

	if (!retained || !retained->retained_key || !retained->retained_key[0])
		return;
	value = hc_map_get(payload, retained->retained_key);
	if (value && value->type == MSGPACK_OBJECT_STR)
		hc_buffer_append_str(buffer, hc_object_str(value));
	else if (value)
		hc_json_write(buffer, value);
}

static struct hc_record *build(const struct hc_event *event, const struct hc_type *type,
			       struct hc_str body)
{
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer key = HC_BUFFER_NULL;
	struct hc_record *record;
	char *to;

	append_state_key(&key, type, &event->payload);
	record = malloc(sizeof(*record) + body.len + key.len + event->to.len);
	if (!record || key.failed) {
		free(record);
		return NULL;
	}
	*record = (struct hc_record){
		.n_refs = 1,
		.type = type,
		.is_volatile = type->is_volatile,
		.timestamp_unix_ms = event->timestamp_unix_ms,
		.boot_ns = event->boot_ns,
	};
	to = record->bytes;
	memcpy(to, body.s, body.len);
	record->body = (struct hc_str){ to, body.len };
	to += body.len;
	if (key.len)
		memcpy(to, key.data, key.len);
	record->state_key = (struct hc_str){ to, key.len };
	to += key.len;
	if (event->to.len)
		memcpy(to, event->to.s, event->to.len);
	record->to = (struct hc_str){ to, event->to.len };
	return record;
}

struct hc_record *hc_record_new(const struct hc_event *event, const struct hc_type *type)
{
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer body = HC_BUFFER_NULL;
	msgpack_packer pk = hc_codec_packer(&body);
	struct hc_event bare = *event;

	bare.sequence = 0;
	bare.channel = (struct hc_str){ 0 };
	hc_event_pack(&pk, &bare);
	if (body.failed)
		return NULL;
	return build(event, type, (struct hc_str){ body.data, body.len });
}

struct hc_record *hc_record_load(const struct hc_types *types, struct hc_str body,
				 uint64_t sequence)
{
	struct hc_record *record = NULL;
	const struct hc_type *type;
	struct hc_event event;
	msgpack_object object;
	msgpack_zone zone;

	if (!msgpack_zone_init(&zone, MSGPACK_ZONE_CHUNK_SIZE))
		return NULL;
	if (!hc_codec_unpack(&object, &zone, body.s, body.len) &&
	    hc_event_read(&event, &object, 0, NULL)) {
		type = hc_types_find(types, event.type);
		if (type)
			record = build(&event, type, body);
	}
	msgpack_zone_destroy(&zone);
	if (record)
		record->sequence = sequence;
	return record;
}

struct hc_record *hc_record_ref(struct hc_record *record)
{
	record->n_refs++;
	return record;
}

struct hc_record *hc_record_unref(struct hc_record *record)
{
	if (record && !--record->n_refs)
		free(record);
	return NULL;
}

bool hc_record_event(struct hc_event *ret, const struct hc_record *record, msgpack_zone *zone)
{
	msgpack_object object;

	/* The body was packed by us: anything but success is a want of memory. */
	if (hc_codec_unpack(&object, zone, record->body.s, record->body.len) ||
	    !hc_event_read(ret, &object, record->timestamp_unix_ms, NULL))
		return false;
	ret->sequence = record->sequence;
	ret->serial = record->serial;
	ret->channel = hc_str(record->type->channel);
	return true;
}
