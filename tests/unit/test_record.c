/* SPDX-License-Identifier: MIT */
/* Records: what is kept of an event, and that it comes back whole. */
#include <criterion/criterion.h>

#include "tests/unit/hub.h"
#include "ws/log/batch.h"

static const struct {
	const char *type;
	const char *payload;
	const char *key;
} state_keys[] = {
	{ "device.mounted", "{\"mount_path\":\"/mnt/a b\",\"label\":\"x\"}", "/mnt/a b" },
	{ "device.unmounted", "{\"mount_path\":\"/mnt/a b\"}", "/mnt/a b" },
	{ "device.mounted", "{\"label\":\"x\"}", "" },
	{ "device.mounted", "{\"mount_path\":null}", "" },
	{ "component.status", "{\"component\":7}", "7" },
	{ "detector.status", "{\"mount_path\":\"/mnt\"}", "" }, /* one for the type */
	{ "job.progress", "{\"mount_path\":\"/mnt\"}", "" },	/* not retained */
};

Test(record, the_state_key_is_the_payload_field_that_the_registry_names)
{
	for (size_t i = 0; i < HC_ARRAY_LEN(state_keys); i++) {
		HC_CLEANUP(hc_record_unrefp) struct hc_record *record = NULL;

		record = test_record(test_type(state_keys[i].type), NULL, state_keys[i].payload);
		cr_expect(hc_str_is(record->state_key, state_keys[i].key), "%s %s: \"%.*s\"",
			  state_keys[i].type, state_keys[i].payload, (int)record->state_key.len,
			  record->state_key.s);
	}
}

static void expect_same(const struct hc_record *a, const struct hc_record *b)
{
	cr_expect_eq(a->type, b->type);
	cr_expect_eq(a->timestamp_unix_ms, b->timestamp_unix_ms);
	cr_expect(hc_str_equal(a->to, b->to));
	cr_expect(hc_str_equal(a->state_key, b->state_key));
	cr_expect(hc_str_equal(a->body, b->body));
}

Test(record, a_stored_body_becomes_the_same_record)
{
	HC_CLEANUP(hc_record_unrefp) struct hc_record *record = NULL;
	HC_CLEANUP(hc_record_unrefp) struct hc_record *loaded = NULL;

	record = test_record(test_type("device.mounted"), "alice",
			     "{\"mount_path\":\"/mnt\",\"n\":[1,null,{\"a\":-2.5}]}");
	loaded = hc_record_load(test_types(), record->body, 42);
	cr_assert(loaded);
	expect_same(record, loaded);
	cr_expect_eq(record->sequence, 0);
	cr_expect_eq(loaded->sequence, 42);
	cr_expect(hc_str_is(loaded->to, "alice"));
}

Test(record, a_damaged_body_becomes_none)
{
	HC_CLEANUP(hc_record_unrefp) struct hc_record *record = NULL;
	struct hc_str body;

	record = test_record(test_type("job.progress"), NULL, "{\"job_id\":\"1\",\"n\":65536}");
	body = record->body;
	for (size_t len = 0; len < body.len; len++)
		cr_expect_null(hc_record_load(test_types(), (struct hc_str){ body.s, len }, 1),
			       "cut to %zu bytes", len);
	cr_expect_null(hc_record_load(test_types(), HC_STR("\x93\x01\x02\x03"), 1));
}

Test(record, a_body_of_an_unknown_type_becomes_none)
{
	struct hc_type unknown = *test_type("job.progress");
	HC_CLEANUP(hc_record_unrefp) struct hc_record *record = NULL;

	unknown.name = "no.such_type";
	record = test_record(&unknown, NULL, "{}");
	cr_expect_null(hc_record_load(test_types(), record->body, 1));
}

Test(record, its_event_has_the_sequence_and_the_channel)
{
	HC_CLEANUP(hc_record_unrefp) struct hc_record *record = NULL;
	struct hc_event event;
	struct hc_str label;
	msgpack_zone zone;

	record = test_record(test_type("device.mounted"), "bob", "{\"label\":\"disk\"}");
	record->sequence = 7;
	cr_assert(msgpack_zone_init(&zone, 1024));
	cr_assert(hc_record_event(&event, record, &zone));
	cr_expect(hc_str_is(event.type, "device.mounted"));
	cr_expect(hc_str_is(event.channel, "devices"));
	cr_expect(hc_str_is(event.to, "bob"));
	cr_expect_eq(event.sequence, 7);
	cr_expect_eq(event.timestamp_unix_ms, record->timestamp_unix_ms);
	cr_expect(hc_map_get_str(&label, &event.payload, "label") && hc_str_is(label, "disk"));
	msgpack_zone_destroy(&zone);
}

Test(record, lives_as_long_as_somebody_holds_it)
{
	struct hc_record *record = test_record(test_type("job.progress"), NULL, "{}");

	cr_expect_eq(hc_record_ref(record), record);
	cr_expect_null(hc_record_unref(record));
	cr_expect(hc_str_is(record->to, "")); /* still there: a sanitizer would tell */
	cr_expect_null(hc_record_unref(record));
	cr_expect_null(hc_record_unref(NULL));
}

Test(batch, is_logged_if_one_of_its_events_is)
{
	const struct hc_type *is_volatile = test_type("gpu.stats_updated");
	HC_CLEANUP(hc_batch_freep) struct hc_batch *batch = hc_batch_new(2);

	cr_assert(batch);
	batch->records[0] = test_record(is_volatile, NULL, "{}");
	batch->records[1] = test_record(is_volatile, NULL, "{}");
	cr_expect_not(hc_batch_is_logged(batch));
	(void)hc_record_unref(batch->records[1]);
	batch->records[1] = test_record(test_type("job.progress"), NULL, "{}");
	cr_expect(hc_batch_is_logged(batch));
}

Test(batch, may_be_freed_half_built)
{
	struct hc_batch *batch = hc_batch_new(3);

	cr_assert(batch);
	cr_expect_gt(batch->now_unix_ms, INT64_C(1767225600000)); /* 2026 */
	batch->records[1] = test_record(test_type("job.progress"), NULL, "{}");
	cr_expect_null(hc_batch_free(batch));
	cr_expect_null(hc_batch_free(NULL));
}
