/* SPDX-License-Identifier: MIT */
#include "ws/sessions/cursor.h"
#include "ws/sessions/question.h"
#include "ws/sessions/resume.h"

#define SLICES_MAX 16 /* looked at in a row for a client that wants few of the events */

/* ---- behind ------------------------------------------------------------------------------- */

void hc_cursor_be_up_to_date(struct hc_session *session)
{
	session->behind = false;
	session->in_log = false;
}

void hc_cursor_be_behind(struct hc_session *session, uint64_t cursor, uint64_t sequence)
{
	session->behind = true;
	session->in_log = false;
	session->cursor = cursor;
	session->sequence = sequence;
	hc_wire_want_write(session->wire);
}

uint64_t hc_cursor_sequence(const struct hc_session *session)
{
	return session->behind ? session->sequence : hc_ring_sequence(session->hub->ring);
}

/* ---- catching up -------------------------------------------------------------------------- */

/*
 * Writes the next slice of the ring. Returns whether there may be more to look at, and adds to
 * @written.
 */
static bool replay_ring(struct hc_session *session, size_t *written)
{
	const struct hc_ring *ring = session->hub->ring;
	struct hc_slice slice;

	if (!hc_audience_slice(session->audience, session->cursor, &slice)) {
		session->in_log = true;
		return true;
	}
	if (slice.next == session->cursor && slice.next != hc_ring_next(ring)) {
		hc_session_end(session, HC_CLOSE_INTERNAL, "out of memory");
		return false;
	}
	if (slice.bytes.len && !hc_session_write(session, slice.bytes))
		return false;
	*written += slice.bytes.len;
	session->hub->stats.sent.deliveries += slice.n;
	session->cursor = slice.next;
	session->sequence = hc_ring_sequence_before(ring, slice.next);
	if (slice.next == hc_ring_next(ring))
		hc_cursor_be_up_to_date(session);
	return true;
}

static bool write_page(struct hc_session *session, const struct hc_question *page, size_t *written)
{
	struct hc_slice slice;

	if (hc_resume_skip(session, page->left))
		return false;
	slice = hc_question_slice(page, session->sequence);
	if (slice.bytes.len && !hc_session_write(session, slice.bytes))
		return false;
	*written += slice.bytes.len;
	session->hub->stats.sent.deliveries += slice.n;
	session->sequence = slice.next;
	return true;
}

/* Whether the ring has what it lacks, and ready to be sent: else a page that many share is less
 * work. */
static bool can_leave_log(struct hc_session *session)
{
	uint64_t slot;

	if (session->is_resuming || !hc_ring_find(session->hub->ring, session->sequence, &slot) ||
	    !hc_audience_is_ready(session->audience, slot))
		return false;
	session->in_log = false;
	session->cursor = slot;
	return true;
}

/* What replay_ring() does, for the log. */
static bool replay_log(struct hc_session *session, size_t *written)
{
	const struct hc_question *answer;
	bool more = false;

	if (can_leave_log(session))
		return true;
	answer = hc_question_ask(session, session->is_resuming ? HC_ASKED_COUNT : HC_ASKED_PAGE);
	if (!answer)
		return false;
	if (session->is_resuming)
		hc_resume_answer(session, answer);
	else
		more = write_page(session, answer, written);
	hc_question_drop(session);
	return more;
}

size_t hc_cursor_replay(struct hc_session *session)
{
	size_t written = 0;

	for (int i = 0; i < SLICES_MAX && session->behind && !written; i++)
		if (!(session->in_log ? replay_log : replay_ring)(session, &written))
			break;
	return written;
}

bool hc_cursor_deliver(struct hc_session *session, const struct hc_turn *turn,
		       const struct hc_slice *slice)
{
	if (session->behind || session->close_code)
		return false;
	if (slice->next == turn->from || session->waiting.len ||
	    hc_wire_is_blocked(session->wire)) {
		hc_cursor_be_behind(session, turn->from, turn->from_sequence);
		return false;
	}
	session->sent_ms = turn->now_ms;
	if (slice->bytes.len && !hc_wire_write(session->wire, slice->bytes)) {
		hc_wire_kill(session->wire);
		return false;
	}
	if (slice->next != turn->end)
		hc_cursor_be_behind(session, slice->next,
				    hc_ring_sequence_before(session->hub->ring, slice->next));
	return slice->bytes.len;
}
