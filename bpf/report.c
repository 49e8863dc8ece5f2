/* SPDX-License-Identifier: MIT */
/*
 * Labels and paths are whatever bytes somebody chose. They are sent as clean text, and where that
 * changed them, label and mount_path once more as they are, in base64.
 */
#include "bpf/report.h"
#include "proto/clock.h"
#include "proto/codec.h"
#include "proto/utf8.h"

/* ---- the map of a payload, counted as it grows ---------------------------------------------- */

struct fields {
	struct hc_buffer packed; /* keys and values, without the head of the map */
	msgpack_packer pk;
	unsigned int n;
};

static void fields_deinit(struct fields *fields)
{
	hc_buffer_deinit(&fields->packed);
}

static void fields_init(struct fields *fields)
{
	*fields = (struct fields){ .packed = HC_BUFFER_NULL };
	fields->pk = hc_codec_packer(&fields->packed);
}

static msgpack_packer *add_key(struct fields *fields, const char *key)
{
	fields->n++;
	hc_pack_key(&fields->pk, key);
	return &fields->pk;
}

static void add_bool(struct fields *fields, const char *key, bool value)
{
	fields->n++;
	hc_pack_bool_at(&fields->pk, key, value);
}

static void add_number(struct fields *fields, const char *key, uint64_t value)
{
	fields->n++;
	hc_pack_u64_at(&fields->pk, key, value);
}

static void pack_clean(msgpack_packer *pk, struct hc_str text)
{
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer clean = HC_BUFFER_NULL;

	(void)hc_utf8_clean(&clean, text); /* the raw bytes are sent for two fields only */
	hc_pack_str(pk, (struct hc_str){ clean.data, clean.len });
}

static void add_text(struct fields *fields, const char *key, const char *text)
{
	if (text)
		pack_clean(add_key(fields, key), hc_str(text));
	else
		msgpack_pack_nil(add_key(fields, key));
}

static void append_base64(struct hc_buffer *buffer, struct hc_str bytes)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const unsigned char *at = (const unsigned char *)bytes.s;
	size_t i;

	for (i = 0; i < bytes.len; i += 3) {
		size_t left = bytes.len - i;
		uint32_t three = (uint32_t)at[i] << 16 | (left > 1 ? (uint32_t)at[i + 1] << 8 : 0) |
				 (left > 2 ? (uint32_t)at[i + 2] : 0);
		char four[4] = { digits[three >> 18], digits[three >> 12 & 63],
				 left > 1 ? digits[three >> 6 & 63] : '=',
				 left > 2 ? digits[three & 63] : '=' };

		hc_buffer_append(buffer, four, sizeof(four));
	}
}

static void add_text_and_bytes(struct fields *fields, const char *key, const char *bytes_key,
			       const char *text)
{
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer other = HC_BUFFER_NULL;

	add_text(fields, key, text);
	if (!text || !hc_utf8_clean(&other, hc_str(text)))
		return;
	hc_buffer_reset(&other);
	append_base64(&other, hc_str(text));
	hc_pack_str(add_key(fields, bytes_key), (struct hc_str){ other.data, other.len });
}

static void append_map(struct hc_buffer *to, const struct fields *fields)
{
	msgpack_packer pk = hc_codec_packer(to);

	msgpack_pack_map(&pk, fields->n);
	if (fields->packed.failed)
		to->failed = true;
	hc_buffer_append(to, fields->packed.data, fields->packed.len);
}

static void append_event(struct hc_buffer *event, const char *type, const struct fields *payload,
			 int64_t timestamp_unix_ms, uint64_t boot_ns)
{
	msgpack_packer pk = hc_codec_packer(event);
	char timestamp[HC_TIMESTAMP_LEN];

	hc_timestamp_format(timestamp, timestamp_unix_ms);
	msgpack_pack_map(&pk, boot_ns ? 4 : 3);
	hc_pack_str_at(&pk, "type", hc_str(type));
	hc_pack_str_at(&pk, "timestamp", (struct hc_str){ timestamp, sizeof(timestamp) });
	if (boot_ns)
		hc_pack_u64_at(&pk, "boot_ns", boot_ns);
	hc_pack_key(&pk, "payload");
	append_map(event, payload);
}

/* ---- device.mounted, device.unmounted ------------------------------------------------------- */

static void add_actor(struct fields *fields, const struct hc_actor *actor)
{
	msgpack_packer *pk = add_key(fields, "actor");

	msgpack_pack_map(pk, 3);
	hc_pack_u64_at(pk, "pid", actor->pid);
	hc_pack_u64_at(pk, "uid", actor->uid);
	hc_pack_key(pk, "comm");
	pack_clean(pk, hc_str(actor->comm));
}

void hc_report_mount(struct hc_buffer *event, const struct hc_mount_report *report)
{
	HC_CLEANUP(fields_deinit) struct fields fields;
	const struct hc_mount_row *row = report->row;
	const struct hc_device *device = report->device;

	fields_init(&fields);
	add_text(&fields, "device_node", device && device->node ? device->node : row->source);
	add_text_and_bytes(&fields, "mount_path", "mount_path_b64", row->path);
	add_text_and_bytes(&fields, "label", "label_b64", device ? device->label : NULL);
	add_text(&fields, "uuid", device ? device->uuid : NULL);
	add_text(&fields, "fstype", *row->fstype ? row->fstype : NULL);
	add_text(&fields, "options", *row->options ? row->options : NULL);
	add_text(&fields, "model", device ? device->model : NULL);
	add_bool(&fields, "removable", device && device->removable);
	if (report->has_id)
		add_number(&fields, "mount_id", row->id);
	if (report->bind_of)
		add_text(&fields, "bind_of", report->bind_of);
	if (report->moved_from)
		add_text(&fields, "moved_from", report->moved_from);
	if (report->revealed)
		add_bool(&fields, "revealed", true);
	if (report->brief)
		add_bool(&fields, "brief", true);
	if (report->reconciled)
		add_bool(&fields, "reconciled", true);
	if (report->actor)
		add_actor(&fields, report->actor);
	append_event(event, report->is_mounted ? "device.mounted" : "device.unmounted", &fields,
		     report->timestamp_unix_ms, report->boot_ns);
}

/* ---- detector.status, detector.gap ---------------------------------------------------------- */

static void add_counters(struct fields *fields, const struct hc_counters *counters)
{
	msgpack_packer *pk = add_key(fields, "counters");

	msgpack_pack_map(pk, 7);
	hc_pack_u64_at(pk, "events", counters->events);
	hc_pack_u64_at(pk, "records", counters->records);
	hc_pack_u64_at(pk, "dropped", counters->dropped);
	hc_pack_u64_at(pk, "filtered_failed", counters->filtered_failed);
	hc_pack_u64_at(pk, "filtered_namespace", counters->filtered_namespace);
	hc_pack_u64_at(pk, "reconciled", counters->reconciled);
	hc_pack_u64_at(pk, "spool_lost", counters->spool_lost);
}

static void add_status(struct fields *fields, const struct hc_status *status)
{
	msgpack_packer *pk;
	size_t i;

	add_bool(fields, "running", true);
	add_bool(fields, "monitoring_enabled", status->monitoring_enabled);
	add_text(fields, "mode", status->mode);
	add_text(fields, "table", status->table);
	pk = add_key(fields, "reasons");
	msgpack_pack_array(pk, status->reasons->n);
	for (i = 0; i < status->reasons->n; i++)
		pack_clean(pk, hc_str(status->reasons->items[i]));
	add_text(fields, "kernel", status->kernel);
	add_number(fields, "pid", status->pid);
	add_text(fields, "namespace", status->mount_namespace);
	add_counters(fields, &status->counters);
}

void hc_report_status_payload(struct hc_buffer *payload, const struct hc_status *status)
{
	HC_CLEANUP(fields_deinit) struct fields fields;

	fields_init(&fields);
	add_status(&fields, status);
	append_map(payload, &fields);
}

void hc_report_status(struct hc_buffer *event, const struct hc_status *status)
{
	HC_CLEANUP(fields_deinit) struct fields fields;

	fields_init(&fields);
	add_status(&fields, status);
	append_event(event, "detector.status", &fields, hc_now_unix_ms(), 0);
}

void hc_report_gap(struct hc_buffer *event, const char *stage, uint64_t count)
{
	HC_CLEANUP(fields_deinit) struct fields fields;

	fields_init(&fields);
	add_text(&fields, "stage", stage);
	add_number(&fields, "count", count);
	append_event(event, "detector.gap", &fields, hc_now_unix_ms(), 0);
}
