/* SPDX-License-Identifier: MIT */
/* What a snapshot is compared with, while others are on their way, and when those fail. */
#include <criterion/criterion.h>

#include "proto/json.h"
#include "tests/unit/hub.h"
#include "ws/state/latest.h"

#define STATUS_FORMAT "{\"device\":{\"motor\":{\"busy\":%s,\"angle\":%d},\"name\":\"x\"}}"

struct fixture {
	struct hc_latest *latest;
	struct hc_state *state;
};

static void setup(struct fixture *f)
{
	f->latest = hc_latest_new();
	f->state = hc_state_new();
	cr_assert(f->latest && f->state);
}

static void teardown(struct fixture *f)
{
	f->latest = hc_latest_free(f->latest);
	f->state = hc_state_free(f->state);
}

static struct hc_record *status(bool busy, int angle)
{
	char text[128];

	(void)snprintf(text, sizeof(text), STATUS_FORMAT, busy ? "true" : "false", angle);
	return test_record(test_type("device.status"), NULL, text);
}

/* A batch on its way to the log. */
static struct hc_batch *submit(struct fixture *f, struct hc_record *one, struct hc_record *other)
{
	struct hc_batch *batch = hc_batch_new(other ? 2 : 1);

	cr_assert(batch);
	batch->records[0] = one;
	if (other)
		batch->records[1] = other;
	hc_latest_take(f->latest, f->state, batch);
	return batch;
}

/* What the store and the hub do with it. */
static void conclude(struct fixture *f, struct hc_batch *batch, bool is_committed)
{
	for (size_t i = 0; is_committed && i < batch->n; i++)
		cr_assert(hc_state_apply(f->state, batch->records[i]));
	hc_latest_forget(f->latest, batch);
	(void)hc_batch_free(batch);
}

/* Checks the field "changed" of a record; NULL: it has none. */
static void expect_changed(const struct hc_record *record, const char *wanted)
{
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer text = HC_BUFFER_NULL;
	const msgpack_object *changed;
	struct hc_event event;
	msgpack_zone zone;

	cr_assert(msgpack_zone_init(&zone, 1024));
	cr_assert(hc_record_event(&event, record, &zone));
	cr_expect(hc_codec_check_json(&event.payload, NULL));
	cr_expect(hc_type_validate(record->type, &event.payload, NULL));
	changed = hc_map_get(&event.payload, "changed");
	if (changed)
		hc_json_write(&text, changed);
	hc_buffer_append(&text, "", 1);
	cr_expect_str_eq(text.data, wanted ? wanted : "");
	msgpack_zone_destroy(&zone);
}

Test(latest, the_first_snapshot_says_nothing_of_changes)
{
	struct hc_batch *batch;
	struct fixture f;

	setup(&f);
	batch = submit(&f, status(false, 0), NULL);
	hc_batch_take(batch);
	expect_changed(batch->records[0], NULL);
	conclude(&f, batch, true);
	batch = submit(&f, status(true, 0), NULL);
	hc_batch_take(batch);
	expect_changed(batch->records[0], "[\"motor.busy\"]");
	conclude(&f, batch, true);
	batch = submit(&f, status(true, 0), NULL);
	expect_changed(batch->records[0], "[]");
	conclude(&f, batch, true);
	teardown(&f);
}

Test(latest, what_the_publisher_says_stays)
{
	struct hc_batch *batch;
	struct fixture f;

	setup(&f);
	conclude(&f, submit(&f, status(false, 0), NULL), true);
	batch = submit(&f,
		       test_record(test_type("device.status"), NULL,
				   "{\"device\":{\"name\":\"y\"},\"changed\":[\"all\"]}"),
		       test_record(test_type("device.status"), NULL,
				   "{\"changed\":null,\"device\":{\"name\":\"z\"}}"));
	expect_changed(batch->records[0], "[\"all\"]");
	expect_changed(batch->records[1], "[\"name\"]");
	conclude(&f, batch, true);
	teardown(&f);
}

Test(latest, other_types_and_addressed_events_are_left_alone)
{
	struct hc_record *job, *addressed;
	struct hc_batch *batch;
	struct fixture f;

	setup(&f);
	conclude(&f, submit(&f, status(false, 0), NULL), true);
	job = test_record(test_type("job.progress"), NULL, "{\"device\":{\"a\":1}}");
	addressed = test_record(test_type("device.status"), "bob", "{\"device\":{\"a\":1}}");
	batch = submit(&f, job, addressed);
	cr_expect_eq(batch->records[0], job);
	cr_expect_eq(batch->records[1], addressed);
	conclude(&f, batch, true);
	batch = submit(&f, status(false, 1), NULL);
	expect_changed(batch->records[0], "[\"motor.angle\"]");
	conclude(&f, batch, true);
	teardown(&f);
}

Test(latest, those_on_their_way_count_in_their_order)
{
	struct hc_batch *batches[3];
	struct fixture f;

	setup(&f);
	conclude(&f, submit(&f, status(false, 0), NULL), true);
	batches[0] = submit(&f, status(true, 0), status(true, 1));
	batches[1] = submit(&f, status(true, 2), NULL);
	batches[2] = submit(&f, status(false, 2), status(false, 2));
	for (int i = 0; i < 3; i++)
		hc_batch_take(batches[i]);
	expect_changed(batches[0]->records[0], "[\"motor.busy\"]");
	expect_changed(batches[0]->records[1], "[\"motor.angle\"]");
	expect_changed(batches[1]->records[0], "[\"motor.angle\"]");
	expect_changed(batches[2]->records[0], "[\"motor.busy\"]");
	expect_changed(batches[2]->records[1], "[]");
	for (int i = 0; i < 3; i++)
		conclude(&f, batches[i], true);
	teardown(&f);
}

Test(latest, nothing_is_said_upon_one_that_was_not_committed)
{
	struct hc_batch *failed, *next, *after;
	struct fixture f;

	setup(&f);
	conclude(&f, submit(&f, status(false, 0), NULL), true);
	failed = submit(&f, status(true, 0), NULL);
	next = submit(&f, status(true, 1), NULL);
	after = submit(&f, status(true, 2), NULL);
	expect_changed(next->records[0], "[\"motor.angle\"]");
	hc_batch_take(failed);
	hc_batch_lose(failed);
	hc_batch_take(next);
	hc_batch_take(after);
	/* Nobody has seen that it is busy. */
	expect_changed(next->records[0], NULL);
	expect_changed(after->records[0], "[\"motor.angle\"]");
	conclude(&f, failed, false);
	conclude(&f, next, true);
	conclude(&f, after, true);
	/* The state is that of the last one that was committed. */
	failed = submit(&f, status(false, 7), NULL);
	conclude(&f, failed, false);
	next = submit(&f, status(true, 3), NULL);
	hc_batch_take(next);
	expect_changed(next->records[0], "[\"motor.angle\"]");
	conclude(&f, next, true);
	teardown(&f);
}

Test(latest, nor_upon_one_that_was_a_repetition)
{
	struct hc_batch *first, *repeated, *next;
	struct hc_conf *conf = test_conf();
	struct hc_store *store = NULL;
	struct fixture f;

	setup(&f);
	cr_assert_eq(hc_store_memory_open(&store, conf), 0);
	first = submit(&f, status(false, 0), NULL);
	strcpy(first->key, "k");
	hc_store_append(store, &first, 1);
	conclude(&f, first, true);
	repeated = submit(&f, status(false, 0), NULL);
	strcpy(repeated->key, "k");
	next = submit(&f, status(true, 0), NULL);
	hc_store_append(store, (struct hc_batch *[]){ repeated, next }, 2);
	cr_expect_eq(repeated->result, HC_BATCH_REPEATED);
	cr_expect_eq(next->result, HC_BATCH_OK_);
	expect_changed(next->records[0], NULL);
	conclude(&f, repeated, false);
	conclude(&f, next, true);
	(void)hc_store_free(store);
	(void)hc_conf_free(conf);
	teardown(&f);
}

Test(latest, keeps_nothing_when_all_is_through)
{
	struct hc_batch *batches[2];
	struct hc_record *record;
	struct fixture f;

	setup(&f);
	batches[0] = submit(&f, status(false, 0), NULL);
	batches[1] = submit(&f, status(true, 0), NULL);
	for (int i = 0; i < 2; i++) {
		hc_batch_take(batches[i]);
		conclude(&f, batches[i], true);
	}
	record = hc_state_find(f.state, test_type("device.status"));
	cr_assert(record);
	cr_expect_eq(record->n_refs, 1, "somebody else than the state holds it");
	teardown(&f);
}
