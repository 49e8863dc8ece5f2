/* SPDX-License-Identifier: MIT */
/* The loader's events, as they would stand in JSON, and against the registry's schemas. */
#include <criterion/criterion.h>

#include "bpf/report.h"
#include "proto/event.h"
#include "proto/fault.h"
#include "proto/json.h"
#include "proto/types.h"

static const struct hc_mount_row stick = { .id = 2147483714,
					   .major = 8,
					   .minor = 17,
					   .path = "/media/stick",
					   .root = "/",
					   .source = "/dev/sdb1",
					   .fstype = "vfat",
					   .options = "rw,nosuid" };

static struct hc_types *types;

static void load_types(void)
{
	const char *dirs[] = { "proto/types" };
	struct hc_fault fault = HC_FAULT_NULL;

	cr_assert_eq(hc_types_load(&types, dirs, 1, &fault), 0, "%s", fault.message);
}

static void free_types(void)
{
	types = hc_types_free(types);
}

TestSuite(report, .init = load_types, .fini = free_types);

/* Checks the event as the hub would, and its payload as JSON. */
static void expect_event(const struct hc_buffer *packed, const char *type, const char *payload)
{
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer json = HC_BUFFER_NULL;
	struct hc_fault fault = HC_FAULT_NULL;
	struct hc_event event;
	msgpack_object map;
	msgpack_zone zone;

	cr_assert_not(packed->failed);
	cr_assert(msgpack_zone_init(&zone, MSGPACK_ZONE_CHUNK_SIZE));
	cr_assert_eq(hc_codec_unpack(&map, &zone, packed->data, packed->len), 0);
	cr_assert(hc_codec_check_json(&map, &fault), "%s", fault.message);
	cr_assert(hc_event_read(&event, &map, -1, &fault), "%s", fault.message);
	cr_expect(hc_str_is(event.type, type));
	cr_expect_neq(event.timestamp_unix_ms, -1);
	cr_assert_not_null(hc_types_find(types, event.type));
	cr_expect(hc_type_validate(hc_types_find(types, event.type), &event.payload, &fault),
		  "%s at %s", fault.message, fault.pointer);
	hc_json_write(&json, &event.payload);
	hc_buffer_append(&json, "", 1);
	if (payload)
		cr_expect_str_eq(json.data, payload);
	msgpack_zone_destroy(&zone);
}

Test(report, a_mounted_stick)
{
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer event = HC_BUFFER_NULL;
	HC_CLEANUP(hc_device_unrefp)
	struct hc_device *device =
		hc_device_new("/dev/sdb1", "MY STICK", "1234-ABCD", "Ultra Fit", true);
	const struct hc_actor actor = { .pid = 812, .uid = 1000, .comm = "mount" };

	hc_report_mount(&event, &(struct hc_mount_report){ .is_mounted = true,
							   .row = &stick,
							   .has_id = true,
							   .device = device,
							   .actor = &actor,
							   .timestamp_unix_ms = 1700000000000 });
	expect_event(&event, "device.mounted",
		     "{\"device_node\":\"/dev/sdb1\",\"mount_path\":\"/media/stick\","
		     "\"label\":\"MY STICK\",\"uuid\":\"1234-ABCD\",\"fstype\":\"vfat\","
		     "\"options\":\"rw,nosuid\",\"model\":\"Ultra Fit\",\"removable\":true,"
		     "\"mount_id\":2147483714,"
		     "\"actor\":{\"pid\":812,\"uid\":1000,\"comm\":\"mount\"}}");
}

Test(report, when_the_kernel_saw_it_is_told_beside_the_payload)
{
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer event = HC_BUFFER_NULL;
	struct hc_event read;
	msgpack_object map;
	msgpack_zone zone;

	hc_report_mount(&event, &(struct hc_mount_report){ .is_mounted = true,
							   .row = &stick,
							   .boot_ns = 123456789012345 });
	cr_assert(msgpack_zone_init(&zone, MSGPACK_ZONE_CHUNK_SIZE));
	cr_assert_eq(hc_codec_unpack(&map, &zone, event.data, event.len), 0);
	cr_assert(hc_event_read(&read, &map, -1, NULL));
	cr_expect_eq(read.boot_ns, 123456789012345);
	cr_expect_null(hc_map_get(&read.payload, "boot_ns"));
	msgpack_zone_destroy(&zone);
}

Test(report, what_is_not_known_is_null_or_left_out)
{
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer event = HC_BUFFER_NULL;
	const struct hc_mount_row row = {
		.path = "/x", .source = "none", .fstype = "", .options = ""
	};

	hc_report_mount(&event, &(struct hc_mount_report){ .row = &row, .brief = true });
	expect_event(&event, "device.unmounted",
		     "{\"device_node\":\"none\",\"mount_path\":\"/x\",\"label\":null,\"uuid\":null,"
		     "\"fstype\":null,\"options\":null,\"model\":null,\"removable\":false,"
		     "\"brief\":true}");
}

Test(report, the_circumstances_are_told)
{
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer event = HC_BUFFER_NULL;

	hc_report_mount(&event, &(struct hc_mount_report){ .is_mounted = true,
							   .row = &stick,
							   .bind_of = "/a",
							   .moved_from = "/b",
							   .revealed = true,
							   .reconciled = true });
	expect_event(
		&event, "device.mounted",
		"{\"device_node\":\"/dev/sdb1\",\"mount_path\":\"/media/stick\",\"label\":null,"
		"\"uuid\":null,\"fstype\":\"vfat\",\"options\":\"rw,nosuid\",\"model\":null,"
		"\"removable\":false,\"bind_of\":\"/a\",\"moved_from\":\"/b\","
		"\"revealed\":true,\"reconciled\":true}");
}

static const struct {
	const char *raw, *clean, *base64;
} hostile[] = {
	{ "/a\xff", "/a\xef\xbf\xbd", "L2H/" },
	{ "/\x1b[31m", "/\xef\xbf\xbd[31m", "LxtbMzFt" },
	{ "/\xc0\xaf", "/\xef\xbf\xbd\xef\xbf\xbd", "L8Cv" },
	{ "/gpj.\xe2\x80\xae", "/gpj.\xef\xbf\xbd", "L2dwai7igK4=" },
	{ "/x\n", "/x\xef\xbf\xbd", "L3gK" },
	{ "/\x01", "/\xef\xbf\xbd", "LwE=" },
};

Test(report, hostile_names_are_clean_text_with_their_bytes_beside_it)
{
	for (size_t i = 0; i < HC_ARRAY_LEN(hostile); i++) {
		HC_CLEANUP(hc_buffer_deinit) struct hc_buffer event = HC_BUFFER_NULL;
		HC_CLEANUP(hc_buffer_deinit) struct hc_buffer wanted = HC_BUFFER_NULL;
		HC_CLEANUP(hc_device_unrefp)
		struct hc_device *device =
			hc_device_new(hostile[i].raw, hostile[i].raw, hostile[i].raw, NULL, false);
		struct hc_mount_row row = stick;

		row.path = hostile[i].raw;
		row.options = hostile[i].raw;
		hc_report_mount(&event, &(struct hc_mount_report){ .is_mounted = true,
								   .row = &row,
								   .device = device });
		hc_buffer_printf(&wanted,
				 "{\"device_node\":\"%s\",\"mount_path\":\"%s\","
				 "\"mount_path_b64\":\"%s\",\"label\":\"%s\",\"label_b64\":\"%s\","
				 "\"uuid\":\"%s\",\"fstype\":\"vfat\",\"options\":\"%s\","
				 "\"model\":null,\"removable\":false}",
				 hostile[i].clean, hostile[i].clean, hostile[i].base64,
				 hostile[i].clean, hostile[i].base64, hostile[i].clean,
				 hostile[i].clean);
		hc_buffer_append(&wanted, "", 1);
		expect_event(&event, "device.mounted", wanted.data);
	}
}

Test(report, status_and_gap_follow_their_schemas)
{
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer event = HC_BUFFER_NULL;
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer gap = HC_BUFFER_NULL;
	struct hc_reasons reasons = { .n = 0 };
	const struct hc_status status = { .monitoring_enabled = true,
					  .mode = "mountinfo",
					  .table = "libmount",
					  .reasons = &reasons,
					  .kernel = "6.1.0",
					  .mount_namespace = "host",
					  .pid = 7,
					  .counters = { .events = 1, .spool_lost = 2 } };

	hc_reasons_add(&reasons, "no %s", "tracefs");
	hc_reasons_add(&reasons, "no %s", "tracefs");
	hc_report_status(&event, &status);
	expect_event(&event, "detector.status",
		     "{\"running\":true,\"monitoring_enabled\":true,\"mode\":\"mountinfo\","
		     "\"table\":\"libmount\",\"reasons\":[\"no tracefs\"],\"kernel\":\"6.1.0\","
		     "\"pid\":7,\"namespace\":\"host\",\"counters\":{\"events\":1,\"records\":0,"
		     "\"dropped\":0,\"filtered_failed\":0,\"filtered_namespace\":0,"
		     "\"reconciled\":0,\"spool_lost\":2}}");
	hc_report_gap(&gap, "spool", 12);
	expect_event(&gap, "detector.gap", "{\"stage\":\"spool\",\"count\":12}");
	gap.len = 0;
	hc_report_gap(&gap, "ring", 1);
	expect_event(&gap, "detector.gap", NULL);
}
