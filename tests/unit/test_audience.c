/* SPDX-License-Identifier: MIT */
/*
 * Audiences: who shares one, and that the slices from any cursor on are the frames of the wanted
 * events, end to end, whatever lies where. What the sessions make of it: test_session.c.
 */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "tests/unit/hub.h"

static const struct hc_encoding standard = { HC_ENVELOPE_STANDARD, HC_TIME_RFC3339,
					     HC_FRAMING_WEBSOCKET };
static const struct hc_encoding data = { HC_ENVELOPE_DATA, HC_TIME_UNIX, HC_FRAMING_WEBSOCKET };

static struct hc_filter everything(void)
{
	struct hc_filter filter = HC_FILTER_NONE;

	(void)hc_filter_add_pattern(&filter, test_types(), HC_STR("*"));
	return filter;
}

static struct hc_audience *join(struct hc_audiences *audiences, struct hc_session *session,
				struct hc_encoding encoding, const struct hc_filter *filter,
				const char *user)
{
	struct hc_wants wants = { .encoding = encoding, .filter = *filter, .user = user };

	return hc_audience_join(audiences, session, &wants);
}

Test(audience, is_shared_by_those_that_get_the_same_bytes)
{
	struct hc_filter all = everything(), none = HC_FILTER_NONE;
	struct hc_session sessions[6] = { 0 };
	struct hc_audience *audiences[6];
	struct test_hub test;

	test_hub_open(&test, 100000, 100000);
	audiences[0] = join(test.hub.audiences, &sessions[0], standard, &all, "");
	audiences[1] = join(test.hub.audiences, &sessions[1], standard, &all, "");
	audiences[2] = join(test.hub.audiences, &sessions[2], data, &all, "");
	audiences[3] = join(test.hub.audiences, &sessions[3], standard, &none, "");
	audiences[4] = join(test.hub.audiences, &sessions[4], standard, &all, "bob");
	audiences[5] = join(test.hub.audiences, &sessions[5], standard, &all, "bob");
	cr_expect_eq(audiences[0], audiences[1]);
	cr_expect_eq(audiences[4], audiences[5]);
	cr_expect_eq(hc_audiences_size(test.hub.audiences), 4);
	cr_expect_str_eq(hc_audience_wants(audiences[4])->user, "bob");
	cr_expect(hc_filter_equal(&hc_audience_wants(audiences[3])->filter, &none));
	cr_expect(hc_encoding_equal(hc_audience_wants(audiences[2])->encoding, data));
	for (size_t i = 0; i < HC_ARRAY_LEN(sessions); i++)
		hc_audience_leave(audiences[i], &sessions[i]);
	cr_expect_eq(hc_audiences_size(test.hub.audiences), 0);
	test_hub_close(&test);
}

Test(audience, members_leave_in_any_order)
{
	struct hc_filter all = everything();
	struct hc_session sessions[50] = { 0 };
	struct hc_audience *audience = NULL;
	uint64_t random = 7;
	struct test_hub test;
	bool in[50] = { false };
	size_t n = 0;

	test_hub_open(&test, 100000, 100000);
	for (int i = 0; i < 2000; i++) {
		size_t who = test_random(&random) % HC_ARRAY_LEN(sessions);

		if (in[who])
			hc_audience_leave(audience, &sessions[who]);
		else
			audience = join(test.hub.audiences, &sessions[who], standard, &all, "");
		cr_assert(audience);
		in[who] = !in[who];
		n += in[who] ? 1 : (size_t)-1;
		cr_assert_eq(hc_audiences_size(test.hub.audiences), n > 0);
	}
	for (size_t i = 0; i < HC_ARRAY_LEN(sessions); i++)
		if (in[i])
			hc_audience_leave(audience, &sessions[i]);
	test_hub_close(&test);
}

/* ---- slices ------------------------------------------------------------------------------- */

/* An audience of one, and what it wants. */
struct watcher {
	struct hc_session session;
	struct hc_audience *audience;
	struct hc_filter filter;
	struct hc_encoding encoding;
	const char *user;
};

static bool wants(const struct watcher *watcher, const struct hc_record *record)
{
	return hc_filter_has(&watcher->filter, record->type) &&
	       (!record->to.len || hc_str_is(record->to, watcher->user));
}

static void append_wanted(struct test_hub *test, const struct watcher *watcher, uint64_t from,
			  uint64_t to, struct hc_buffer *buffer)
{
	for (uint64_t slot = from; slot < to; slot++) {
		struct hc_record *record = hc_ring_at(test->hub.ring, slot);

		if (wants(watcher, record))
			hc_ring_encode(test->hub.ring, record, watcher->encoding, buffer);
	}
	cr_assert_not(buffer->failed);
}

/* Walks from a cursor to the end. Every slice must be what lies between it and the next one. */
static void walk(struct test_hub *test, struct watcher *watcher, uint64_t from)
{
	uint64_t end = hc_ring_next(test->hub.ring), cursor = from;
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer wanted = HC_BUFFER_NULL;
	size_t n_wanted = 0;

	for (uint64_t slot = from; slot < end; slot++)
		n_wanted += wants(watcher, hc_ring_at(test->hub.ring, slot));
	cr_assert_eq(hc_audience_count(watcher->audience, from), n_wanted);
	while (cursor < end) {
		struct hc_slice slice = { 0 };

		cr_assert(hc_audience_slice(watcher->audience, cursor, &slice));
		cr_assert_gt(slice.next, cursor, "it does not move");
		cr_assert_leq(slice.next, end);
		hc_buffer_reset(&wanted);
		append_wanted(test, watcher, cursor, slice.next, &wanted);
		cr_assert(hc_str_equal(slice.bytes, (struct hc_str){ wanted.data, wanted.len }),
			  "slots %llu to %llu of %llu: %zu bytes, wanted %zu",
			  (unsigned long long)cursor, (unsigned long long)slice.next,
			  (unsigned long long)end, slice.bytes.len, wanted.len);
		if (slice.bytes.len > HC_SLICE_MAX)
			cr_assert_eq(hc_audience_count(watcher->audience, cursor) -
					     hc_audience_count(watcher->audience, slice.next),
				     1, "too long, and more than one event");
		cursor = slice.next;
	}
}

static void watch(struct watcher *watcher, struct test_hub *test, uint64_t *random)
{
	static const char *const users[] = { "", "alice", "bob" };
	uint64_t density = test_random(random) % 4; /* wants all, most, half, few */

	*watcher = (struct watcher){
		.encoding = { (enum hc_envelope)(test_random(random) % HC_ENVELOPE_MAX_),
			      (enum hc_time_format)(test_random(random) % HC_TIME_MAX_),
			      (enum hc_framing)(test_random(random) % HC_FRAMING_MAX_) },
		.user = users[test_random(random) % HC_ARRAY_LEN(users)],
	};
	for (size_t i = 0; i < HC_FILTER_WORDS; i++) {
		uint64_t a = test_random(random), b = test_random(random), c = test_random(random);
		const uint64_t bits[] = { UINT64_MAX, a | b | c, a, a & b & c };

		watcher->filter.bits[i] = bits[density];
	}
	watcher->audience = join(test->hub.audiences, &watcher->session, watcher->encoding,
				 &watcher->filter, watcher->user);
	cr_assert(watcher->audience);
}

static struct hc_record *random_event(uint64_t *random)
{
	const struct hc_types *types = test_types();
	uint64_t kind = test_random(random) % 10;
	size_t pad_len = test_random(random) % (kind == 0 ? 60000 : kind < 4 ? 6000 : 200);

	return test_record_sized(hc_types_at(types, test_random(random) % hc_types_count(types)),
				 kind < 7    ? NULL
				 : kind == 9 ? "alice"
					     : "bob",
				 pad_len);
}

/* Watchers come and go while events come, so tracks start late, are reused, and wrap round. */
static void walk_at_random(uint64_t seed)
{
	struct watcher watchers[6];
	uint64_t random = seed;
	struct test_hub test;

	/* A ring whose tracks have a megabyte: they are shorter than the ring, or longer. */
	test_hub_open(&test, seed % 2 ? 2 * 1024 * 1024 : 300 * 1024, 1024);
	for (size_t i = 0; i < HC_ARRAY_LEN(watchers); i++)
		watch(&watchers[i], &test, &random);
	for (int round = 0; round < 60; round++) {
		struct watcher *watcher = &watchers[test_random(&random) % HC_ARRAY_LEN(watchers)];
		uint64_t first, next;

		hc_audience_leave(watcher->audience, &watcher->session);
		watch(watcher, &test, &random);
		for (uint64_t n = test_random(&random) % 30; n; n--)
			test_hub_log(&test, random_event(&random));
		first = hc_ring_first(test.hub.ring);
		next = hc_ring_next(test.hub.ring);
		for (size_t i = 0; i < HC_ARRAY_LEN(watchers); i++)
			walk(&test, &watchers[i],
			     first + test_random(&random) % (next - first + 1));
		if (round % 20 == 19)
			walk(&test, watcher, first);
	}
	for (size_t i = 0; i < HC_ARRAY_LEN(watchers); i++)
		hc_audience_leave(watchers[i].audience, &watchers[i].session);
	test_hub_close(&test);
}

Test(audience, slices_from_any_cursor_are_the_wanted_frames_end_to_end_in_a_long_ring)
{
	walk_at_random(1);
	walk_at_random(33);
}

Test(audience, slices_from_any_cursor_are_the_wanted_frames_end_to_end_in_a_short_ring)
{
	walk_at_random(2);
	walk_at_random(34);
	walk_at_random(36);
}

Test(audience, frames_are_ready_of_what_came_since_somebody_wants_them)
{
	struct hc_session session = { 0 };
	struct hc_filter all = everything();
	struct hc_audience *audience;
	struct hc_slice slice;
	struct test_hub test;

	test_hub_open(&test, 100000, 100000);
	for (int i = 0; i < 10; i++)
		test_hub_log(&test, test_record_sized(test_type("job.progress"), NULL, 200));
	audience = join(test.hub.audiences, &session, standard, &all, "");
	for (int i = 0; i < 10; i++)
		test_hub_log(&test, test_record_sized(test_type("job.progress"), NULL, 200));
	cr_expect_not(hc_audience_is_ready(audience, 0));
	cr_expect_not(hc_audience_is_ready(audience, 9));
	cr_expect(hc_audience_is_ready(audience, 10));
	cr_expect(hc_audience_is_ready(audience, hc_ring_next(test.hub.ring)));
	cr_expect(hc_audience_slice(audience, 0, &slice), "it can be had nevertheless");
	cr_expect_eq(slice.n, 20);
	hc_audience_leave(audience, &session);
	test_hub_close(&test);
}

Test(audience, a_cursor_that_the_ring_has_left_behind_has_no_slice)
{
	struct hc_session session = { 0 };
	struct hc_filter all = everything();
	struct hc_audience *audience;
	struct hc_slice slice;
	struct test_hub test;

	test_hub_open(&test, 2000, 100000);
	audience = join(test.hub.audiences, &session, standard, &all, "");
	for (int i = 0; i < 30; i++)
		test_hub_log(&test, test_record_sized(test_type("job.progress"), NULL, 200));
	cr_expect_gt(hc_ring_first(test.hub.ring), 0);
	cr_expect_not(hc_audience_slice(audience, hc_ring_first(test.hub.ring) - 1, &slice));
	cr_expect(hc_audience_slice(audience, hc_ring_first(test.hub.ring), &slice));
	cr_expect(hc_audience_slice(audience, hc_ring_next(test.hub.ring), &slice));
	cr_expect_eq(slice.bytes.len, 0);
	cr_expect_eq(slice.next, hc_ring_next(test.hub.ring));
	hc_audience_leave(audience, &session);
	test_hub_close(&test);
}
