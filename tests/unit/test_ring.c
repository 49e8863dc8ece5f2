/* SPDX-License-Identifier: MIT */
/* The ring: what it keeps, where a position lies in it, and the tracks beside it. */
#include <criterion/criterion.h>

#include "tests/unit/hub.h"

static const struct hc_framing_options framing = {
	.origin = { .epoch = "0123456789abcdef", .source = "/hostcast/x" },
};

static const struct hc_encoding standard = { HC_ENVELOPE_STANDARD, HC_TIME_RFC3339,
					     HC_FRAMING_WEBSOCKET };

static struct hc_ring *ring_of(uint64_t bytes_max, uint64_t sequence)
{
	struct hc_ring *ring = NULL;

	cr_assert_eq(hc_ring_new(&ring, bytes_max, &framing, sequence), 0);
	return ring;
}

/* Appends an event; a volatile one for sequence 0. */
static void append(struct hc_ring *ring, uint64_t sequence, size_t pad_len)
{
	const struct hc_type *type = test_type(sequence ? "job.progress" : "gpu.stats_updated");
	HC_CLEANUP(hc_record_unrefp) struct hc_record *record = NULL;

	record = test_record_sized(type, NULL, pad_len);
	record->sequence = sequence;
	hc_ring_append(ring, record);
}

Test(ring, an_empty_one_knows_where_the_log_ends)
{
	HC_CLEANUP(hc_ring_freep) struct hc_ring *ring = ring_of(1000, 41);
	uint64_t slot = 99;

	cr_expect_eq(hc_ring_first(ring), hc_ring_next(ring));
	cr_expect_eq(hc_ring_sequence(ring), 41);
	cr_expect_eq(hc_ring_sequence_before(ring, hc_ring_next(ring)), 41);
	cr_expect_eq(hc_ring_bytes(ring), 0);
	cr_expect_not(hc_ring_find(ring, 40, &slot));
	cr_expect_not(hc_ring_find(ring, 42, &slot));
	cr_expect_eq(slot, 99);
	cr_expect(hc_ring_find(ring, 41, &slot));
	cr_expect_eq(slot, hc_ring_next(ring));
}

Test(ring, the_oldest_give_way_to_bytes_but_never_the_newest)
{
	HC_CLEANUP(hc_ring_freep) struct hc_ring *ring = ring_of(10000, 0);

	for (uint64_t sequence = 1; sequence <= 100; sequence++) {
		append(ring, sequence, 900);
		cr_expect_leq(hc_ring_bytes(ring), 10000);
	}
	cr_expect_eq(hc_ring_next(ring), 100);
	cr_expect_geq(hc_ring_next(ring) - hc_ring_first(ring), 9);
	append(ring, 101, 50000);
	cr_expect_eq(hc_ring_first(ring), 100);
	cr_expect_eq(hc_ring_at(ring, 100)->sequence, 101);
	append(ring, 102, 1);
	cr_expect_eq(hc_ring_first(ring), 101);
}

Test(ring, the_oldest_give_way_to_slots)
{
	HC_CLEANUP(hc_ring_freep) struct hc_ring *ring = ring_of(UINT64_C(1) << 40, 0);
	HC_CLEANUP(hc_record_unrefp) struct hc_record *record = NULL;

	record = test_record(test_type("gpu.stats_updated"), NULL, "{}");
	for (int i = 0; i < HC_RING_SLOTS + 10; i++)
		hc_ring_append(ring, record);
	cr_expect_eq(hc_ring_first(ring), 10);
	cr_expect_eq(hc_ring_next(ring), HC_RING_SLOTS + 10);
	cr_expect_eq(record->n_refs, HC_RING_SLOTS + 1);
}

/* The model: slots with a sequence, or 0; what is to be found is worked out by looking at all. */
struct model {
	uint64_t sequences[4000];
	uint64_t n;
	uint64_t before; /* sequence before the first of them */
};

static uint64_t model_before(const struct model *model, uint64_t slot)
{
	uint64_t newest = model->before;

	for (uint64_t i = 0; i < slot; i++)
		if (model->sequences[i])
			newest = model->sequences[i];
	return newest;
}

static void expect_found(const struct hc_ring *ring, const struct model *model, uint64_t sequence)
{
	bool kept = sequence >= model_before(model, hc_ring_first(ring)) &&
		    sequence <= model_before(model, model->n);
	uint64_t slot = 0;

	cr_assert_eq(hc_ring_find(ring, sequence, &slot), kept, "sequence %llu",
		     (unsigned long long)sequence);
	if (!kept)
		return;
	/* Everything logged from there on is new, everything before is not. */
	for (uint64_t i = hc_ring_first(ring); i < model->n; i++)
		if (model->sequences[i])
			cr_assert_eq(i >= slot, model->sequences[i] > sequence);
}

Test(ring, a_position_is_found_where_the_unseen_begins)
{
	for (uint64_t seed = 1; seed <= 5; seed++) {
		HC_CLEANUP(hc_ring_freep) struct hc_ring *ring = ring_of(6000, 10);
		struct model model = { .before = 10 };
		uint64_t random = seed, sequence = 10;

		for (int i = 0; i < 300; i++) {
			uint64_t here = test_random(&random) % 3 ? ++sequence : 0;

			append(ring, here, test_random(&random) % 400);
			model.sequences[model.n++] = here;
			cr_assert_eq(hc_ring_sequence(ring), sequence);
			expect_found(ring, &model, test_random(&random) % (sequence + 3));
			expect_found(ring, &model, model_before(&model, hc_ring_first(ring)));
			expect_found(ring, &model, sequence);
		}
		for (uint64_t slot = hc_ring_first(ring); slot <= hc_ring_next(ring); slot++)
			cr_assert_eq(hc_ring_sequence_before(ring, slot),
				     model_before(&model, slot));
	}
}

/* ---- tracks ------------------------------------------------------------------------------- */

static void expect_track(struct hc_ring *ring, const struct hc_track *track)
{
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer wanted = HC_BUFFER_NULL;
	uint64_t from = hc_track_first(track);
	struct hc_str frames;

	cr_assert_eq(hc_track_next(track), hc_ring_next(ring));
	if (from < hc_ring_first(ring))
		from = hc_ring_first(ring);
	for (uint64_t slot = from; slot < hc_ring_next(ring); slot++)
		hc_ring_encode(ring, hc_ring_at(ring, slot), hc_track_encoding(track), &wanted);
	cr_assert_not(wanted.failed);
	frames = hc_track_frames(track, from, hc_ring_next(ring));
	cr_expect_eq(frames.len, wanted.len);
	cr_expect(hc_str_equal(frames, (struct hc_str){ wanted.data, wanted.len }));
}

Test(ring, a_track_has_the_frames_from_its_first_use_on)
{
	static const struct hc_encoding others[] = {
		{ HC_ENVELOPE_DATA, HC_TIME_UNIX, HC_FRAMING_WEBSOCKET },
		{ HC_ENVELOPE_SPREAD, HC_TIME_RFC3339, HC_FRAMING_WEBSOCKET },
		{ HC_ENVELOPE_CLOUDEVENTS, HC_TIME_RFC3339, HC_FRAMING_WEBSOCKET },
	};
	HC_CLEANUP(hc_ring_freep) struct hc_ring *ring = ring_of(100000, 0);
	struct hc_track *tracks[HC_ARRAY_LEN(others)];

	append(ring, 1, 10);
	for (size_t i = 0; i < HC_ARRAY_LEN(others); i++) {
		tracks[i] = hc_ring_track(ring, others[i]);
		cr_assert(tracks[i]);
		cr_expect_eq(hc_track_first(tracks[i]), i + 1);
		append(ring, i + 2, 100);
	}
	append(ring, 0, 10);
	for (size_t i = 0; i < HC_ARRAY_LEN(others); i++) {
		cr_expect_eq(hc_track_first(tracks[i]), i + 1);
		expect_track(ring, tracks[i]);
		hc_ring_release(ring, tracks[i]);
	}
}

Test(ring, users_of_an_encoding_share_a_track)
{
	HC_CLEANUP(hc_ring_freep) struct hc_ring *ring = ring_of(100000, 0);
	struct hc_track *track = hc_ring_track(ring, standard);

	append(ring, 1, 10);
	cr_expect_eq(hc_ring_track(ring, standard), track);
	cr_expect_eq(hc_track_first(track), 0);
	hc_ring_release(ring, track);
	append(ring, 2, 10); /* still in use by one */
	expect_track(ring, track);
	hc_ring_release(ring, track);
}

Test(ring, a_track_that_nobody_used_for_a_while_begins_anew)
{
	HC_CLEANUP(hc_ring_freep) struct hc_ring *ring = ring_of(100000, 0);
	struct hc_track *track = hc_ring_track(ring, standard);

	append(ring, 1, 10);
	hc_ring_release(ring, track);
	append(ring, 2, 10);
	append(ring, 3, 10);
	cr_expect_eq(hc_ring_track(ring, standard), track);
	cr_expect_eq(hc_track_first(track), 3);
	cr_expect_eq(hc_track_next(track), 3);
	append(ring, 4, 10);
	expect_track(ring, track);
	hc_ring_release(ring, track);
}

Test(ring, the_largest_event_fits_the_smallest_track)
{
	HC_CLEANUP(hc_ring_freep) struct hc_ring *ring = ring_of(1024 * 1024, 0);
	struct hc_track *track = hc_ring_track(ring, standard);
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer json = HC_BUFFER_NULL;
	HC_CLEANUP(hc_record_unrefp) struct hc_record *record = NULL;
	size_t n = HC_EVENT_LEN_MAX - 200;

	/* A control character is six bytes of JSON. */
	hc_buffer_append_str(&json, HC_STR("{\"pad\":\""));
	for (size_t i = 0; i < n; i++)
		hc_buffer_append_str(&json, HC_STR("\\u0001"));
	hc_buffer_append(&json, "\"}", 3);
	record = test_record(test_type("job.progress"), NULL, json.data);
	for (int i = 0; i < 5; i++) {
		hc_ring_append(ring, record);
		cr_expect_gt(
			hc_track_frames(track, hc_track_next(track) - 1, hc_track_next(track)).len,
			6 * n);
	}
	expect_track(ring, track);
	hc_ring_release(ring, track);
}
