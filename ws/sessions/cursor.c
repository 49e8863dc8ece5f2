/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "proto/log.h"
#include "ws/sessions/cursor.h"
#include "ws/sessions/replay.h"
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

struct hc_catchup_job *hc_cursor_new_job(struct hc_session *session, hc_catchup_done_fn *done)
{
	struct hc_catchup_job *job = hc_catchup_job_new(done, session, session->sequence);
	const struct hc_wants *wants = hc_audience_wants(session->audience);

	if (job)
		job->user = strdup(wants->user);
	if (!job || !job->user) {
		free(job);
		hc_session_end(session, HC_CLOSE_INTERNAL, "out of memory");
		return NULL;
	}
	job->filter = wants->filter;
	job->addressed_only = wants->addressed_only;
	session->job = job;
	return job;
}

void hc_cursor_drop_job(struct hc_session *session)
{
	if (session->job)
		session->job->owner = NULL;
	session->job = NULL;
}

void hc_cursor_drop_page(struct hc_session *session)
{
	if (!session->job || !session->job->encode)
		return;
	hc_cursor_drop_job(session);
	hc_wire_want_write(session->wire);
}

/* ---- catching up -------------------------------------------------------------------------- */

static void on_page(struct hc_catchup_job *job)
{
	struct hc_session *session = job->owner;

	session->job = NULL;
	if (job->error) {
		hc_err("client %llu: cannot read the log behind %llu: %s, disconnecting",
		       (unsigned long long)session->id, (unsigned long long)job->after,
		       strerror(-job->error));
		hc_session_end(session, HC_CLOSE_INTERNAL, "the log cannot be read");
		return;
	}
	hc_resume_skip(session, hc_catchup_first_left(job));
	if (job->last > session->sequence)
		session->sequence = job->last;
	session->hub->stats.sent.deliveries += job->n;
	hc_buffer_append(&session->waiting, job->page.data, job->page.len);
	if (session->waiting.failed)
		hc_session_end(session, HC_CLOSE_INTERNAL, "out of memory");
	hc_wire_want_write(session->wire);
}

static void continue_in_log(struct hc_session *session)
{
	struct hc_catchup_job *job;
	uint64_t slot;

	if (session->job)
		return;
	if (hc_ring_find(session->hub->ring, session->sequence, &slot)) {
		hc_cursor_be_behind(session, slot, session->sequence);
		return;
	}
	job = hc_cursor_new_job(session, on_page);
	if (!job)
		return;
	/* What is committed but not shown yet comes from the ring. */
	job->until = hc_ring_sequence(session->hub->ring);
	job->encode = hc_catchup_encode_frame;
	job->encoding = session->encoding;
	job->bytes_max = HC_SLICE_MAX;
	hc_catchup_submit(session->hub->catchup, job);
}

size_t hc_cursor_replay(struct hc_session *session)
{
	const struct hc_ring *ring = session->hub->ring;
	size_t written = 0;

	for (int i = 0; i < SLICES_MAX && session->behind && !written; i++) {
		struct hc_slice slice;

		if (!hc_audience_slice(session->audience, session->cursor, &slice)) {
			session->in_log = true;
			break;
		}
		if (slice.next == session->cursor && slice.next != hc_ring_next(ring)) {
			hc_session_end(session, HC_CLOSE_INTERNAL, "out of memory");
			break;
		}
		if (slice.bytes.len && !hc_session_write(session, slice.bytes))
			break;
		written += slice.bytes.len;
		session->hub->stats.sent.deliveries += slice.n;
		session->cursor = slice.next;
		session->sequence = hc_ring_sequence_before(ring, slice.next);
		if (slice.next == hc_ring_next(ring))
			hc_cursor_be_up_to_date(session);
	}
	return written;
}

void hc_cursor_continue(struct hc_session *session)
{
	if (session->in_log)
		continue_in_log(session);
	else
		hc_replay_go_on(session);
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
