/* SPDX-License-Identifier: MIT */
/*
 * An event out of a msgpack map and back.
 *
 * Accepted keys: type, payload, timestamp, correlation_id, to; sequence and channel, which the hub
 * writes and readers of its log find; boot_ns, which the loader adds for the hub. Anything else is
 * a fault that names the key.
 */
#include "proto/clock.h"
#include "proto/event.h"
#include "proto/fault.h"

static bool fail_at(struct hc_fault *fault, const char *key, const char *why)
{
	hc_fault_set(fault, HC_FAULT_INVALID_PARAMS, "\"%s\" %s", key, why);
	hc_fault_at(fault, hc_str(key));
	return false;
}

static bool read_text(struct hc_str *ret, const msgpack_object *value, size_t len_max,
		      const char *key, struct hc_fault *fault)
{
	if (value->type == MSGPACK_OBJECT_NIL)
		return true;
	if (value->type != MSGPACK_OBJECT_STR)
		return fail_at(fault, key, "must be text");
	if (!value->via.str.size)
		return fail_at(fault, key, "must not be empty");
	if (value->via.str.size > len_max)
		return fail_at(fault, key, "is too long");
	*ret = hc_object_str(value);
	return true;
}

static bool read_timestamp(int64_t *ret, const msgpack_object *value, struct hc_fault *fault)
{
	if (value->type == MSGPACK_OBJECT_NIL)
		return true;
	if (value->type != MSGPACK_OBJECT_STR || !hc_timestamp_parse(ret, hc_object_str(value)))
		return fail_at(fault, "timestamp",
			       "must be an RFC 3339 date-time with its offset, "
			       "as \"2026-01-31T12:00:00.000Z\"");
	return true;
}

static bool read_number(uint64_t *ret, const msgpack_object *value, const char *key,
			struct hc_fault *fault)
{
	if (value->type == MSGPACK_OBJECT_NIL)
		return true;
	if (value->type != MSGPACK_OBJECT_POSITIVE_INTEGER)
		return fail_at(fault, key, "must be a positive integer");
	*ret = value->via.u64;
	return true;
}

static bool read_field(struct hc_event *event, struct hc_str key, const msgpack_object *value,
		       struct hc_fault *fault)
{
	if (hc_str_is(key, "type"))
		return read_text(&event->type, value, HC_EVENT_TYPE_MAX, "type", fault);
	if (hc_str_is(key, "timestamp"))
		return read_timestamp(&event->timestamp_unix_ms, value, fault);
	if (hc_str_is(key, "correlation_id"))
		return read_text(&event->correlation_id, value, HC_EVENT_CORRELATION_MAX,
				 "correlation_id", fault);
	if (hc_str_is(key, "to"))
		return read_text(&event->to, value, HC_EVENT_TO_MAX, "to", fault);
	if (hc_str_is(key, "channel"))
		return read_text(&event->channel, value, HC_EVENT_TYPE_MAX, "channel", fault);
	if (hc_str_is(key, "payload")) {
		if (value->type != MSGPACK_OBJECT_MAP)
			return fail_at(fault, "payload", "must be an object");
		event->payload = *value;
		return true;
	}
	if (hc_str_is(key, "sequence"))
		return read_number(&event->sequence, value, "sequence", fault);
	if (hc_str_is(key, "boot_ns"))
		return read_number(&event->boot_ns, value, "boot_ns", fault);
	hc_fault_set(fault, HC_FAULT_INVALID_PARAMS,
		     "an event has no field \"%.*s\": it has type, payload, timestamp, "
		     "correlation_id and to",
		     (int)(key.len < 64 ? key.len : 64), key.s);
	hc_fault_at(fault, key);
	return false;
}

bool hc_event_read(struct hc_event *ret, const msgpack_object *map, int64_t now_unix_ms,
		   struct hc_fault *fault)
{
	struct hc_event event = { .timestamp_unix_ms = now_unix_ms };

	if (map->type != MSGPACK_OBJECT_MAP) {
		hc_fault_set(fault, HC_FAULT_INVALID_PARAMS, "an event must be an object");
		return false;
	}
	for (uint32_t i = 0; i < map->via.map.size; i++) {
		const msgpack_object_kv *kv = &map->via.map.ptr[i];

		if (kv->key.type != MSGPACK_OBJECT_STR) {
			hc_fault_set(fault, HC_FAULT_INVALID_PARAMS,
				     "a field name of an event must be text");
			return false;
		}
		if (!read_field(&event, hc_object_str(&kv->key), &kv->val, fault))
			return false;
	}
	if (!event.type.len)
		return fail_at(fault, "type", "is required");
	if (event.payload.type != MSGPACK_OBJECT_MAP)
		return fail_at(fault, "payload", "is required");
	*ret = event;
	return true;
}

void hc_event_pack(msgpack_packer *pk, const struct hc_event *event)
{
	char timestamp[HC_TIMESTAMP_LEN];

	msgpack_pack_map(pk, 3u + !!event->sequence + !!event->channel.len +
				     !!event->correlation_id.len + !!event->to.len);
	hc_pack_str_at(pk, "type", event->type);
	hc_pack_key(pk, "payload");
	msgpack_pack_object(pk, event->payload);
	hc_timestamp_format(timestamp, event->timestamp_unix_ms);
	hc_pack_str_at(pk, "timestamp", (struct hc_str){ timestamp, sizeof(timestamp) });
	if (event->sequence)
		hc_pack_u64_at(pk, "sequence", event->sequence);
	if (event->channel.len)
		hc_pack_str_at(pk, "channel", event->channel);
	if (event->correlation_id.len)
		hc_pack_str_at(pk, "correlation_id", event->correlation_id);
	if (event->to.len)
		hc_pack_str_at(pk, "to", event->to);
}
