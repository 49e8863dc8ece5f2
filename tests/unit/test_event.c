/* SPDX-License-Identifier: MIT */
/* Events out of msgpack and back, against the golden vectors. */
#include <criterion/criterion.h>

#include "proto/clock.h"
#include "proto/event.h"
#include "proto/fault.h"
#include "proto/json.h"
#include "tests/unit/golden.h"

#define DATA "tests/data/events.json"

struct fixture {
	msgpack_zone zone;
	struct hc_buffer bytes;
	msgpack_object map;
};

static void setup(struct fixture *f, const char *hex)
{
	*f = (struct fixture){ 0 };
	cr_assert(msgpack_zone_init(&f->zone, 4096));
	golden_append_hex(&f->bytes, hex);
	f->map = golden_unpack(&f->zone, &f->bytes);
}

static void teardown(struct fixture *f)
{
	msgpack_zone_destroy(&f->zone);
	hc_buffer_deinit(&f->bytes);
}

static void check_text(struct hc_str got, const json_t *fields, const char *key, const char *name)
{
	const json_t *wanted = json_object_get(fields, key);

	if (!wanted)
		cr_expect_eq(got.len, 0, "%s: %s is set", name, key);
	else
		cr_expect(hc_str_equal(got, golden_str(wanted)), "%s: %s is \"%.*s\"", name, key,
			  (int)got.len, got.s);
}

static uint64_t wanted_sequence(const json_t *fields)
{
	const json_t *sequence = json_object_get(fields, "sequence");

	if (json_is_string(sequence))
		return strtoull(json_string_value(sequence), NULL, 10);
	return (uint64_t)json_integer_value(sequence);
}

/* Compares as bytes: the vectors' payloads are packed in the shortest form, in their order. */
static void check_payload(const msgpack_object *got, const json_t *fields, const char *name)
{
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer packed = HC_BUFFER_NULL;
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer wanted = HC_BUFFER_NULL;
	msgpack_packer pk = hc_codec_packer(&packed);
	msgpack_packer wanted_pk = hc_codec_packer(&wanted);
	const json_t *payload = json_object_get(fields, "payload");

	cr_expect(hc_codec_check_json(got, NULL), "%s: the payload has no JSON form", name);
	if (!payload)
		return;
	msgpack_pack_object(&pk, *got);
	hc_json_pack(&wanted_pk, payload);
	cr_expect(golden_equal(&packed, &wanted), "%s: another payload", name);
}

Test(event, golden_bytes_read_to_their_fields)
{
	json_t *document = golden_load(DATA);
	int64_t now = json_integer_value(json_object_get(document, "now"));
	size_t i;
	json_t *vector;

	cr_assert_gt(json_array_size(json_object_get(document, "events")), 50);
	json_array_foreach(json_object_get(document, "events"), i, vector)
	{
		const char *name = golden_text(vector, "name");
		const json_t *fields = json_object_get(vector, "event");
		struct hc_fault fault = HC_FAULT_NULL;
		char timestamp[HC_TIMESTAMP_LEN];
		struct hc_event event;
		struct fixture f;

		setup(&f, golden_text(vector, "msgpack_hex"));
		cr_assert(hc_event_read(&event, &f.map, now, &fault), "%s: %s", name,
			  fault.message);
		check_text(event.type, fields, "type", name);
		check_text(event.channel, fields, "channel", name);
		check_text(event.correlation_id, fields, "correlation_id", name);
		check_text(event.to, fields, "to", name);
		hc_timestamp_format(timestamp, event.timestamp_unix_ms);
		check_text((struct hc_str){ timestamp, sizeof(timestamp) }, fields, "timestamp",
			   name);
		cr_expect_eq(event.sequence, wanted_sequence(fields), "%s", name);
		check_payload(&event.payload, fields, name);
		teardown(&f);
	}
	json_decref(document);
}

Test(event, what_is_for_the_hub_to_measure_is_not_packed_again)
{
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer packed = HC_BUFFER_NULL;
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer again = HC_BUFFER_NULL;
	msgpack_packer pk = hc_codec_packer(&packed), again_pk = hc_codec_packer(&again);
	struct hc_event event, without;
	msgpack_object map;
	msgpack_zone zone;

	msgpack_pack_map(&pk, 3);
	hc_pack_str_at(&pk, "type", HC_STR("a.b"));
	hc_pack_u64_at(&pk, "boot_ns", 77);
	hc_pack_key(&pk, "payload");
	msgpack_pack_map(&pk, 0);
	cr_assert(msgpack_zone_init(&zone, 1024));
	cr_assert_eq(hc_codec_unpack(&map, &zone, packed.data, packed.len), 0);
	cr_assert(hc_event_read(&event, &map, 0, NULL));
	cr_expect_eq(event.boot_ns, 77);
	hc_event_pack(&again_pk, &event);
	cr_assert_eq(hc_codec_unpack(&map, &zone, again.data, again.len), 0);
	cr_assert(hc_event_read(&without, &map, 0, NULL));
	cr_expect_eq(without.boot_ns, 0);
	msgpack_zone_destroy(&zone);
}

Test(event, golden_events_pack_to_their_bytes)
{
	json_t *document = golden_load(DATA);
	int64_t now = json_integer_value(json_object_get(document, "now"));
	size_t i;
	json_t *vector;

	json_array_foreach(json_object_get(document, "events"), i, vector)
	{
		HC_CLEANUP(hc_buffer_deinit) struct hc_buffer packed = HC_BUFFER_NULL;
		HC_CLEANUP(hc_buffer_deinit) struct hc_buffer wanted = HC_BUFFER_NULL;
		msgpack_packer pk = hc_codec_packer(&packed);
		bool changes = json_object_get(vector, "packed_hex") != NULL;
		struct hc_event event;
		struct fixture f;

		setup(&f, golden_text(vector, "msgpack_hex"));
		golden_append_hex(&wanted,
				  golden_text(vector, changes ? "packed_hex" : "msgpack_hex"));
		cr_assert(hc_event_read(&event, &f.map, now, NULL));
		hc_event_pack(&pk, &event);
		cr_expect(golden_equal(&packed, &wanted), "%s", golden_text(vector, "name"));
		teardown(&f);
	}
	json_decref(document);
}

Test(event, what_is_no_event_is_refused_with_the_field_to_blame)
{
	json_t *document = golden_load(DATA);
	size_t i;
	json_t *vector;

	cr_assert_gt(json_array_size(json_object_get(document, "refused")), 20);
	json_array_foreach(json_object_get(document, "refused"), i, vector)
	{
		const char *name = golden_text(vector, "name");
		struct hc_fault fault = HC_FAULT_NULL;
		struct hc_event event = { .sequence = 77 };
		struct fixture f;

		setup(&f, golden_text(vector, "msgpack_hex"));
		cr_expect_not(hc_event_read(&event, &f.map, 0, &fault), "%s: taken", name);
		cr_expect_eq(fault.code, HC_FAULT_INVALID_PARAMS, "%s: code %d", name, fault.code);
		cr_expect_str_eq(fault.pointer, golden_text(vector, "pointer"), "%s: at \"%s\"",
				 name, fault.pointer);
		cr_expect_neq(fault.message[0], '\0', "%s: no message", name);
		cr_expect_eq(event.sequence, 77, "%s: the event was touched", name);
		cr_expect_not(hc_event_read(&event, &f.map, 0, NULL), "%s: no fault wanted", name);
		teardown(&f);
	}
	json_decref(document);
}

Test(event, a_misspelt_field_is_named_in_the_message)
{
	struct hc_fault fault = HC_FAULT_NULL;
	struct hc_event event;
	struct fixture f;

	/* {"type": "a.b", "payload": {}, "tpye": 1} */
	setup(&f, "83 a474797065 a3612e62 a77061796c6f6164 80 a474707965 01");
	cr_assert_not(hc_event_read(&event, &f.map, 0, &fault));
	cr_expect(strstr(fault.message, "\"tpye\""), "%s", fault.message);
	teardown(&f);
}

Test(event, a_hostile_field_name_leaves_the_fault_safe_to_show)
{
	struct hc_fault fault = HC_FAULT_NULL;
	struct hc_event event;
	struct fixture f;

	/* a key of ESC, a lone 0xff and "x" */
	setup(&f, "81 a3 1b ff 78 01");
	cr_assert_not(hc_event_read(&event, &f.map, 0, &fault));
	cr_expect_not(strchr(fault.message, '\x1b'));
	cr_expect_not(strchr(fault.message, '\xff'));
	teardown(&f);
}

/* What the deepest and the longest event may be must fit the frame that carries it to the hub. */
Test(event, the_deepest_golden_event_fits_a_publish)
{
	json_t *document = golden_load(DATA);
	bool found = false;
	size_t i;
	json_t *vector;

	json_array_foreach(json_object_get(document, "events"), i, vector)
	{
		HC_CLEANUP(hc_buffer_deinit) struct hc_buffer frame = HC_BUFFER_NULL;
		struct hc_codec_skim skim = { 0 };

		found |= !strcmp(golden_text(vector, "name"),
				 "a payload is as deep as a publish can carry");
		/* [0, 1, "publish", [{"events": [event]}]] */
		golden_append_hex(&frame, "94 00 01 a77075626c697368 91 81 a66576656e7473 91");
		golden_append_hex(&frame, golden_text(vector, "msgpack_hex"));
		cr_expect_eq(hc_codec_skim(&skim, frame.data, frame.len, frame.len), 0, "%s",
			     golden_text(vector, "name"));
	}
	cr_expect(found);
	json_decref(document);
}
