/* SPDX-License-Identifier: MIT */
/* Retained events: set, replaced, cleared, oldest first. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "tests/unit/hub.h"

static struct hc_record *apply(struct hc_state *state, const char *type, const char *payload)
{
	struct hc_record *record = test_record(test_type(type), NULL, payload);

	cr_assert(hc_state_apply(state, record));
	return hc_record_unref(record);
}

static void append_key(void *context, struct hc_record *record)
{
	struct hc_buffer *keys = context;

	hc_buffer_printf(keys, "%s:", record->type->name);
	hc_buffer_append_str(keys, record->state_key);
	hc_buffer_append(keys, " ", 1);
}

static void expect_keys(const struct hc_state *state, const struct hc_type *type,
			const char *wanted)
{
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer keys = HC_BUFFER_NULL;

	hc_state_each(state, type, append_key, &keys);
	cr_expect(hc_str_is((struct hc_str){ keys.data, keys.len }, wanted), "%.*s", (int)keys.len,
		  keys.data);
}

Test(state, keeps_the_last_event_of_each_key_oldest_first)
{
	HC_CLEANUP(hc_state_freep) struct hc_state *state = hc_state_new();

	cr_assert(state);
	apply(state, "device.mounted", "{\"mount_path\":\"/a\"}");
	apply(state, "detector.status", "{}");
	apply(state, "device.mounted", "{\"mount_path\":\"/b\"}");
	expect_keys(state, NULL, "device.mounted:/a detector.status: device.mounted:/b ");
	apply(state, "device.mounted", "{\"mount_path\":\"/a\",\"label\":\"new\"}");
	expect_keys(state, NULL, "detector.status: device.mounted:/b device.mounted:/a ");
	expect_keys(state, test_type("device.mounted"), "device.mounted:/b device.mounted:/a ");
	cr_expect_eq(hc_state_count(state, NULL), 3);
	cr_expect_eq(hc_state_count(state, test_type("device.mounted")), 2);
	cr_expect_eq(hc_state_count(state, test_type("job.progress")), 0);
}

Test(state, a_clearing_event_clears_its_key_alone)
{
	HC_CLEANUP(hc_state_freep) struct hc_state *state = hc_state_new();

	cr_assert(state);
	apply(state, "device.mounted", "{\"mount_path\":\"/a\"}");
	apply(state, "device.mounted", "{\"mount_path\":\"/b\"}");
	apply(state, "device.unmounted", "{\"mount_path\":\"/a\"}");
	apply(state, "device.unmounted", "{\"mount_path\":\"/c\"}");
	apply(state, "device.unmounted", "{}");
	expect_keys(state, NULL, "device.mounted:/b ");
	apply(state, "device.mounted", "{\"mount_path\":\"/a\"}");
	expect_keys(state, NULL, "device.mounted:/b device.mounted:/a ");
}

Test(state, keys_of_different_types_are_apart)
{
	HC_CLEANUP(hc_state_freep) struct hc_state *state = hc_state_new();

	cr_assert(state);
	apply(state, "backend.status", "{\"component\":\"x\"}");
	apply(state, "component.status", "{\"component\":\"x\"}");
	cr_expect_eq(hc_state_count(state, NULL), 2);
}

Test(state, events_that_are_not_retained_leave_it_alone)
{
	HC_CLEANUP(hc_state_freep) struct hc_state *state = hc_state_new();

	cr_assert(state);
	apply(state, "job.progress", "{}");
	apply(state, "gpu.stats_updated", "{}");
	cr_expect_eq(hc_state_count(state, NULL), 0);
}

Test(state, the_one_of_a_type_without_key_is_found)
{
	HC_CLEANUP(hc_state_freep) struct hc_state *state = hc_state_new();
	struct hc_record *record = test_record(test_type("detector.status"), NULL, "{\"n\":2}");

	cr_assert(state);
	cr_expect_null(hc_state_find(state, test_type("detector.status")));
	apply(state, "detector.status", "{\"n\":1}");
	cr_assert(hc_state_apply(state, record));
	cr_expect_eq(hc_state_find(state, test_type("detector.status")), record);
	cr_expect_eq(record->n_refs, 2);
	(void)hc_record_unref(record);
}

Test(state, many_keys_and_back_to_none)
{
	HC_CLEANUP(hc_state_freep) struct hc_state *state = hc_state_new();
	char payload[64];

	cr_assert(state);
	for (int round = 0; round < 2; round++) {
		for (int i = 0; i < 500; i++) {
			(void)snprintf(payload, sizeof(payload), "{\"mount_path\":\"/m/%d\"}", i);
			apply(state, "device.mounted", payload);
		}
		cr_expect_eq(hc_state_count(state, NULL), 500);
	}
	for (int i = 0; i < 500; i++) {
		(void)snprintf(payload, sizeof(payload), "{\"mount_path\":\"/m/%d\"}", i);
		apply(state, "device.unmounted", payload);
	}
	cr_expect_eq(hc_state_count(state, NULL), 0);
}
