/* SPDX-License-Identifier: MIT */
/* Tracks: what is still there, and that every run of it is one piece, also round the end. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "ws/fanout/track.h"

#define N_SLOTS	  16
#define CAP_BYTES 4096

static struct hc_track *track_from(uint64_t next)
{
	struct hc_encoding encoding = { HC_ENVELOPE_DATA, HC_TIME_UNIX, HC_FRAMING_WEBSOCKET };
	struct hc_track *track = NULL;

	cr_assert_eq(hc_track_new(&track, encoding, N_SLOTS, CAP_BYTES, next), 0);
	return track;
}

/* A frame that tells its slot: every byte depends on it. */
static size_t fill(char *frame, uint64_t slot, size_t len)
{
	for (size_t i = 0; i < len; i++)
		frame[i] = (char)(slot * 31 + i * 7);
	return len;
}

static void append(struct hc_track *track, size_t len)
{
	char frame[CAP_BYTES];

	hc_track_append(track, (struct hc_str){ frame, fill(frame, hc_track_next(track), len) });
}

static void expect_frames(const struct hc_track *track, uint64_t from, uint64_t to,
			  size_t (*len_of)(uint64_t slot))
{
	struct hc_str frames = hc_track_frames(track, from, to);
	char frame[CAP_BYTES];
	size_t at = 0;

	for (uint64_t slot = from; slot < to; slot++) {
		size_t len = fill(frame, slot, len_of(slot));

		cr_assert_leq(at + len, frames.len);
		cr_expect_arr_eq(frames.s + at, frame, len, "slot %llu of %llu to %llu",
				 (unsigned long long)slot, (unsigned long long)from,
				 (unsigned long long)to);
		at += len;
	}
	cr_expect_eq(at, frames.len);
}

Test(track, begins_empty_at_the_slot_it_is_given)
{
	struct hc_track *track = track_from(1000);

	cr_expect_eq(hc_track_first(track), 1000);
	cr_expect_eq(hc_track_next(track), 1000);
	cr_expect_eq(hc_track_frames(track, 1000, 1000).len, 0);
	cr_expect(hc_encoding_equal(
		hc_track_encoding(track),
		(struct hc_encoding){ HC_ENVELOPE_DATA, HC_TIME_UNIX, HC_FRAMING_WEBSOCKET }));
	(void)hc_track_free(track);
}

Test(track, the_oldest_frames_give_way_to_bytes)
{
	struct hc_track *track = track_from(0);

	append(track, 1500);
	append(track, 1500);
	append(track, 1096); /* full to the last byte */
	cr_expect_eq(hc_track_first(track), 0);
	append(track, 1);
	cr_expect_eq(hc_track_first(track), 1);
	append(track, CAP_BYTES);
	cr_expect_eq(hc_track_first(track), 4);
	cr_expect_eq(hc_track_next(track), 5);
	cr_expect_eq(hc_track_frames(track, 4, 5).len, CAP_BYTES);
	(void)hc_track_free(track);
}

static size_t one_byte(uint64_t slot)
{
	(void)slot;
	return 1;
}

Test(track, the_oldest_frames_give_way_to_slots)
{
	struct hc_track *track = track_from(7);

	for (int i = 0; i < 3 * N_SLOTS; i++)
		append(track, 1);
	cr_expect_eq(hc_track_next(track), 7 + 3 * N_SLOTS);
	cr_expect_eq(hc_track_first(track), 7 + 2 * N_SLOTS);
	expect_frames(track, 7 + 2 * N_SLOTS, 7 + 3 * N_SLOTS, one_byte);
	(void)hc_track_free(track);
}

static size_t some_bytes(uint64_t slot)
{
	return slot * 2654435761 % 701; /* sometimes none */
}

Test(track, every_run_is_in_one_piece_round_the_end_too)
{
	struct hc_track *track = track_from(3);

	for (int i = 0; i < 500; i++) {
		append(track, some_bytes(hc_track_next(track)));
		for (uint64_t from = hc_track_first(track); from <= hc_track_next(track); from++)
			expect_frames(track, from, hc_track_next(track), some_bytes);
		expect_frames(track, hc_track_first(track), hc_track_next(track) - 1, some_bytes);
	}
	(void)hc_track_free(track);
}

Test(track, clearing_forgets_the_frames_and_leaves_a_gap)
{
	struct hc_track *track = track_from(0);

	append(track, 100);
	append(track, 3000);
	hc_track_clear(track, 50);
	cr_expect_eq(hc_track_first(track), 50);
	append(track, some_bytes(50));
	append(track, some_bytes(51));
	append(track, some_bytes(52));
	cr_expect_eq(hc_track_next(track), 53);
	expect_frames(track, 50, 53, some_bytes);
	(void)hc_track_free(track);
}
