/* SPDX-License-Identifier: MIT */
/*
 * Fan-out.
 *
 * A slice is taken from the track in place where the wanted events lie side by side, which is
 * always so for an audience that wants everything; where unwanted ones lie between, the wanted
 * frames are gathered in one buffer. The last slice is kept, because most members stand at the same
 * cursor: the work is done once an audience and turn, O(new events), and once more for each cursor
 * that differs.
 */
#include <errno.h>
#include <stdlib.h>

#include "ws/sessions/audience.h"
#include "ws/sessions/cursor.h"
#include "ws/sessions/question.h"

#define RUN_MIN \
	(16 * 1024) /* bytes; a run this long is worth a write of its own, copying nothing */

struct hc_audience {
	struct hc_audiences *all;
	struct hc_audience *next;
	struct hc_wants wants; /* its user is `user` below */
	struct hc_track *track;
	struct hc_question *questions;
	struct hc_session **members;
	size_t n_members;
	size_t cap_members;
	char user[];
};

struct hc_audiences {
	struct hc_ring *ring;
	struct hc_audience *head;
	uint64_t flushed; /* the slot up to which members that are up to date have everything */
	uint64_t flushed_sequence;
	struct hc_sent sent;
	struct hc_buffer gathered;
	struct { /* the slice that was asked for last */
		const struct hc_audience *audience;
		uint64_t from;
		uint64_t end;
		struct hc_slice slice;
	} last;
};

int hc_audiences_new(struct hc_audiences **ret, struct hc_ring *ring)
{
	struct hc_audiences *audiences = calloc(1, sizeof(*audiences));

	if (!audiences)
		return -ENOMEM;
	audiences->ring = ring;
	audiences->flushed = hc_ring_next(ring);
	audiences->flushed_sequence = hc_ring_sequence(ring);
	*ret = audiences;
	return 0;
}

static void audience_free(struct hc_audience *audience)
{
	hc_question_end(audience->questions);
	hc_ring_release(audience->all->ring, audience->track);
	free(audience->members);
	free(audience);
}

struct hc_audiences *hc_audiences_free(struct hc_audiences *audiences)
{
	if (!audiences)
		return NULL;
	while (audiences->head) {
		struct hc_audience *audience = audiences->head;

		audiences->head = audience->next;
		audience_free(audience);
	}
	hc_buffer_deinit(&audiences->gathered);
	free(audiences);
	return NULL;
}

/* ---- members ------------------------------------------------------------------------------ */

bool hc_wants_equal(const struct hc_wants *a, const struct hc_wants *b)
{
	return hc_encoding_equal(a->encoding, b->encoding) &&
	       a->addressed_only == b->addressed_only && hc_filter_equal(&a->filter, &b->filter) &&
	       !strcmp(a->user, b->user);
}

static struct hc_audience *find(struct hc_audiences *audiences, const struct hc_wants *wants)
{
	struct hc_audience *audience = audiences->head;

	while (audience && !hc_wants_equal(&audience->wants, wants))
		audience = audience->next;
	return audience;
}

static struct hc_audience *make(struct hc_audiences *audiences, const struct hc_wants *wants)
{
	struct hc_audience *audience = calloc(1, sizeof(*audience) + strlen(wants->user) + 1);

	if (!audience)
		return NULL;
	audience->track = hc_ring_track(audiences->ring, wants->encoding);
	if (!audience->track) {
		free(audience);
		return NULL;
	}
	audience->all = audiences;
	audience->wants = *wants;
	audience->wants.user = strcpy(audience->user, wants->user);
	audience->next = audiences->head;
	audiences->head = audience;
	return audience;
}

static void unmake(struct hc_audience *audience)
{
	struct hc_audience **at = &audience->all->head;

	while (*at != audience)
		at = &(*at)->next;
	*at = audience->next;
	if (audience->all->last.audience == audience)
		audience->all->last.audience = NULL;
	audience_free(audience);
}

static bool add_member(struct hc_audience *audience, struct hc_session *session)
{
	if (audience->n_members == audience->cap_members) {
		size_t cap = audience->cap_members ? audience->cap_members * 2 : 1;
		struct hc_session **members;

		members = reallocarray(audience->members, cap, sizeof(*members));
		if (!members)
			return false;
		audience->members = members;
		audience->cap_members = cap;
	}
	session->index = audience->n_members;
	audience->members[audience->n_members++] = session;
	return true;
}

struct hc_audience *hc_audience_join(struct hc_audiences *audiences, struct hc_session *session,
				     const struct hc_wants *wants)
{
	struct hc_audience *audience = find(audiences, wants);

	if (!audience)
		audience = make(audiences, wants);
	if (!audience)
		return NULL;
	if (!add_member(audience, session)) {
		if (!audience->n_members)
			unmake(audience);
		return NULL;
	}
	return audience;
}

void hc_audience_leave(struct hc_audience *audience, struct hc_session *session)
{
	struct hc_session *last = audience->members[--audience->n_members];

	audience->members[session->index] = last;
	last->index = session->index;
	if (!audience->n_members)
		unmake(audience);
}

/* ---- slices ------------------------------------------------------------------------------- */

static bool is_wanted(const struct hc_audience *audience, uint64_t slot)
{
	const struct hc_record *record = hc_ring_at(audience->all->ring, slot);

	if (!hc_filter_has(&audience->wants.filter, record->type))
		return false;
	return record->to.len ? hc_str_is(record->to, audience->wants.user)
			      : !audience->wants.addressed_only;
}

static uint64_t skip_unwanted(const struct hc_audience *audience, uint64_t from, uint64_t end)
{
	while (from < end && !is_wanted(audience, from))
		from++;
	return from;
}

/* The end of the wanted events side by side from @from on that fit one write; at least one. */
static uint64_t run_end(const struct hc_audience *audience, uint64_t from, uint64_t end)
{
	uint64_t to = from + 1;

	while (to < end && is_wanted(audience, to) &&
	       hc_track_frames(audience->track, from, to + 1).len <= HC_SLICE_MAX)
		to++;
	return to;
}

static void gather_one(struct hc_audience *audience, uint64_t slot, struct hc_buffer *gathered)
{
	struct hc_ring *ring = audience->all->ring;

	if (slot >= hc_track_first(audience->track))
		hc_buffer_append_str(gathered, hc_track_frames(audience->track, slot, slot + 1));
	else
		hc_ring_encode(ring, hc_ring_at(ring, slot), audience->wants.encoding, gathered);
}

static struct hc_slice gather(struct hc_audience *audience, uint64_t from, uint64_t end)
{
	struct hc_buffer *gathered = &audience->all->gathered;
	uint64_t slot = from;
	size_t n = 0;

	hc_buffer_reset(gathered);
	do {
		size_t len = gathered->len;

		gather_one(audience, slot, gathered);
		if (gathered->failed || (len && gathered->len > HC_SLICE_MAX)) {
			gathered->len = len; /* this one goes with the next write */
			gathered->failed = false;
			break;
		}
		n++;
		slot = skip_unwanted(audience, slot + 1, end);
	} while (slot < end);
	return (struct hc_slice){ { gathered->data, gathered->len }, slot, n };
}

static struct hc_slice lay_out(struct hc_audience *audience, uint64_t from, uint64_t end)
{
	uint64_t begin = skip_unwanted(audience, from, end);
	uint64_t to, next;

	if (begin == end)
		return (struct hc_slice){ .next = end };
	if (begin < hc_track_first(audience->track))
		return gather(audience, begin, end);
	to = run_end(audience, begin, end);
	next = skip_unwanted(audience, to, end);
	if (next == end || next == to || hc_track_frames(audience->track, begin, to).len >= RUN_MIN)
		return (struct hc_slice){ hc_track_frames(audience->track, begin, to), next,
					  to - begin };
	return gather(audience, begin, end);
}

bool hc_audience_slice(struct hc_audience *audience, uint64_t from, struct hc_slice *ret)
{
	struct hc_audiences *all = audience->all;
	uint64_t end = hc_ring_next(all->ring);

	if (from < hc_ring_first(all->ring))
		return false;
	if (all->last.audience != audience || all->last.from != from || all->last.end != end) {
		all->last.slice = lay_out(audience, from, end);
		/* One that there was no memory for may succeed the next time. */
		all->last.audience =
			all->last.slice.n || all->last.slice.next == end ? audience : NULL;
		all->last.from = from;
		all->last.end = end;
	}
	*ret = all->last.slice;
	return true;
}

bool hc_audience_is_ready(const struct hc_audience *audience, uint64_t from)
{
	return from >= hc_track_first(audience->track);
}

size_t hc_audience_count(const struct hc_audience *audience, uint64_t from)
{
	uint64_t end = hc_ring_next(audience->all->ring);
	size_t n = 0;

	for (uint64_t slot = from; slot < end; slot++)
		n += is_wanted(audience, slot);
	return n;
}

/* ---- fan-out ------------------------------------------------------------------------------ */

static void flush(struct hc_audience *audience, const struct hc_turn *turn)
{
	struct hc_slice slice = { .next = turn->from };
	size_t n_written = 0;

	/* If more came at once than the ring holds, the slice stays empty and all go on from the
	 * log. */
	if (hc_audience_slice(audience, turn->from, &slice) && !slice.bytes.len &&
	    slice.next == turn->end)
		return;
	for (size_t i = 0; i < audience->n_members; i++)
		n_written += hc_cursor_deliver(audience->members[i], turn, &slice);
	audience->all->sent.deliveries += n_written * slice.n;
	audience->all->sent.bytes += n_written * slice.bytes.len;
}

void hc_audiences_flush(struct hc_audiences *audiences, uint64_t now_ms)
{
	struct hc_turn turn = {
		.from = audiences->flushed,
		.from_sequence = audiences->flushed_sequence,
		.end = hc_ring_next(audiences->ring),
		.now_ms = now_ms,
	};

	if (turn.from == turn.end)
		return;
	for (struct hc_audience *audience = audiences->head; audience; audience = audience->next)
		flush(audience, &turn);
	audiences->flushed = turn.end;
	audiences->flushed_sequence = hc_ring_sequence(audiences->ring);
}

const struct hc_wants *hc_audience_wants(const struct hc_audience *audience)
{
	return &audience->wants;
}

struct hc_question **hc_audience_questions(struct hc_audience *audience)
{
	return &audience->questions;
}

size_t hc_audiences_size(const struct hc_audiences *audiences)
{
	size_t n = 0;

	for (const struct hc_audience *audience = audiences->head; audience;
	     audience = audience->next)
		n++;
	return n;
}

struct hc_sent hc_audiences_sent(const struct hc_audiences *audiences)
{
	return audiences->sent;
}
