/* SPDX-License-Identifier: MIT */
/* Envelopes: the exact text of each, against the golden vectors. */
#include <criterion/criterion.h>

#include "proto/envelope.h"
#include "tests/unit/golden.h"

#define DATA "tests/data/events.json"

static const struct shape {
	const char *name; /* in the vectors */
	enum hc_envelope envelope;
	enum hc_time_format time;
} shapes[] = {
	{ "standard", HC_ENVELOPE_STANDARD, HC_TIME_RFC3339 },
	{ "data", HC_ENVELOPE_DATA, HC_TIME_RFC3339 },
	{ "data_unix", HC_ENVELOPE_DATA, HC_TIME_UNIX },
	{ "spread", HC_ENVELOPE_SPREAD, HC_TIME_RFC3339 },
	{ "cloudevents", HC_ENVELOPE_CLOUDEVENTS, HC_TIME_RFC3339 },
};

struct fixture {
	json_t *document;
	struct hc_envelope_origin origin;
	int64_t now;
	msgpack_zone zone;
	struct hc_buffer bytes;
};

static void setup(struct fixture *f)
{
	json_t *origin;

	*f = (struct fixture){ .document = golden_load(DATA) };
	origin = json_object_get(f->document, "origin");
	f->origin.epoch = golden_text(origin, "epoch");
	f->origin.source = golden_text(origin, "source");
	f->now = json_integer_value(json_object_get(f->document, "now"));
	cr_assert(msgpack_zone_init(&f->zone, 4096));
}

static void teardown(struct fixture *f)
{
	json_decref(f->document);
	msgpack_zone_destroy(&f->zone);
	hc_buffer_deinit(&f->bytes);
}

static struct hc_event event_of(struct fixture *f, const json_t *vector)
{
	struct hc_event event;
	msgpack_object map;

	hc_buffer_reset(&f->bytes);
	golden_append_hex(&f->bytes, golden_text(vector, "msgpack_hex"));
	map = golden_unpack(&f->zone, &f->bytes);
	cr_assert(hc_event_read(&event, &map, f->now, NULL));
	return event;
}

static void check_shape(const struct shape *shape, const struct fixture *f, const json_t *vector,
			const struct hc_event *event)
{
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer text = HC_BUFFER_NULL;
	const json_t *wanted = json_object_get(json_object_get(vector, "envelopes"), shape->name);

	cr_assert(json_is_string(wanted));
	hc_envelope_write(&text, shape->envelope, shape->time, event, &f->origin);
	cr_expect(hc_str_equal((struct hc_str){ text.data, text.len }, golden_str(wanted)),
		  "%s, %s:\n got    %.*s\n wanted %s", golden_text(vector, "name"), shape->name,
		  (int)text.len, text.data, json_string_value(wanted));
}

Test(envelope, every_golden_event_has_its_exact_texts)
{
	struct fixture f;
	size_t i;
	json_t *vector;

	setup(&f);
	cr_assert_gt(json_array_size(json_object_get(f.document, "events")), 50);
	json_array_foreach(json_object_get(f.document, "events"), i, vector)
	{
		struct hc_event event = event_of(&f, vector);

		for (size_t s = 0; s < HC_ARRAY_LEN(shapes); s++)
			check_shape(&shapes[s], &f, vector, &event);
	}
	teardown(&f);
}

/* Another reader than ours finds the fields; 64-bit numbers are more than jansson can take. */
Test(envelope, every_text_is_json)
{
	struct fixture f;
	size_t i;
	json_t *vector;

	setup(&f);
	json_array_foreach(json_object_get(f.document, "events"), i, vector)
	{
		struct hc_event event = event_of(&f, vector);

		for (size_t s = 0; s < HC_ARRAY_LEN(shapes); s++) {
			HC_CLEANUP(hc_buffer_deinit) struct hc_buffer text = HC_BUFFER_NULL;
			json_t *read;

			hc_envelope_write(&text, shapes[s].envelope, shapes[s].time, &event,
					  &f.origin);
			read = json_loadb(text.data, text.len,
					  JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES |
						  JSON_DECODE_INT_AS_REAL,
					  NULL);
			cr_assert(read, "%s, %s", golden_text(vector, "name"), shapes[s].name);
			cr_expect(hc_str_equal(golden_str(json_object_get(read, "type")),
					       event.type));
			json_decref(read);
		}
	}
	teardown(&f);
}

Test(envelope, a_text_is_appended_to_what_is_there)
{
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer text = HC_BUFFER_NULL;
	struct hc_event event = { .type = HC_STR("a.b"),
				  .payload = { .type = MSGPACK_OBJECT_MAP } };

	hc_buffer_append_str(&text, HC_STR("data: "));
	hc_envelope_write(&text, HC_ENVELOPE_SPREAD, HC_TIME_RFC3339, &event, NULL);
	cr_expect(hc_str_is((struct hc_str){ text.data, text.len }, "data: {\"type\":\"a.b\"}"));
}

Test(envelope, nobody_but_cloudevents_needs_an_origin)
{
	struct hc_event event = { .type = HC_STR("a.b"),
				  .payload = { .type = MSGPACK_OBJECT_MAP } };

	for (size_t s = 0; s < HC_ARRAY_LEN(shapes); s++) {
		HC_CLEANUP(hc_buffer_deinit) struct hc_buffer text = HC_BUFFER_NULL;

		if (shapes[s].envelope == HC_ENVELOPE_CLOUDEVENTS)
			continue;
		hc_envelope_write(&text, shapes[s].envelope, shapes[s].time, &event, NULL);
		cr_expect_gt(text.len, 0);
	}
}

Test(envelope, names_and_envelopes_are_one_to_one)
{
	for (int i = 0; i < HC_ENVELOPE_MAX_; i++)
		cr_expect_eq(hc_envelope_from_name(hc_str(hc_envelope_name(i))), i);
	cr_expect_eq(hc_envelope_from_name(HC_STR("standard")), HC_ENVELOPE_STANDARD);
	cr_expect_eq(hc_envelope_from_name(HC_STR("data")), HC_ENVELOPE_DATA);
	cr_expect_eq(hc_envelope_from_name(HC_STR("spread")), HC_ENVELOPE_SPREAD);
	cr_expect_eq(hc_envelope_from_name(HC_STR("cloudevents")), HC_ENVELOPE_CLOUDEVENTS);
}

Test(envelope, other_names_are_none)
{
	static const char *const names[] = { "", "Standard", "standard ", "stand", "cloudevent" };

	for (size_t i = 0; i < HC_ARRAY_LEN(names); i++)
		cr_expect_eq(hc_envelope_from_name(hc_str(names[i])), -1, "\"%s\"", names[i]);
}
