/* SPDX-License-Identifier: MIT */
#include "ws/sessions/cursor.h"
#include "ws/sessions/question.h"
#include "ws/sessions/replay.h"
#include "ws/sessions/resume.h"

/* ---- state -------------------------------------------------------------------------------- */

/* What a client that has missed something starts anew from. */
struct state_walk {
	struct hc_session *session;
	uint64_t reached;
	uint64_t n;	 /* so far */
	uint64_t n_sent; /* how many there are to send; 0: only count */
	char id[HC_POSITION_MAX];
};

static void take_retained(void *context, struct hc_record *record)
{
	struct state_walk *walk = context;
	const struct hc_wants *wants = hc_audience_wants(walk->session->audience);

	/* What is retained is for everybody. */
	if (wants->addressed_only || !hc_filter_has(&wants->filter, record->type) ||
	    record->sequence > walk->reached)
		return;
	walk->n++;
	if (walk->n_sent)
		hc_session_remind(walk->session, record, walk->n == walk->n_sent ? walk->id : NULL);
}

uint64_t hc_resume_count_state(struct hc_session *session, uint64_t reached)
{
	struct state_walk walk = { .session = session, .reached = reached };

	hc_state_each(session->hub->state, NULL, take_retained, &walk);
	return walk.n;
}

void hc_resume_send_state(struct hc_session *session, uint64_t reached)
{
	struct state_walk walk = { .session = session, .reached = reached };
	size_t remarks_len = session->remarks_len;

	walk.n_sent = hc_resume_count_state(session, reached);
	(void)hc_position_format(walk.id, session->hub->store->epoch, reached);
	hc_state_each(session->hub->state, NULL, take_retained, &walk);
	if (!session->state_waits)
		session->remarks_len = remarks_len;
	session->state_waits = true;
}

/* ---- what it means ------------------------------------------------------------------------ */

/* What connection.resumed says. Positions with sequence 0 and no epoch are left out. */
struct resumed {
	struct hc_position from;
	uint64_t to;
	uint64_t n_replayed;
	const char *reason; /* NULL: complete */
	struct hc_position missed_from;
	uint64_t missed_to;
	uint64_t reached; /* where the client is now, before the events that follow */
};

static void pack_position_at(msgpack_packer *pk, const char *key, const char *epoch,
			     uint64_t sequence)
{
	char text[HC_POSITION_MAX];
	size_t len = hc_position_format(text, epoch, sequence);

	hc_pack_str_at(pk, key, (struct hc_str){ text, len });
}

static void tell_resumed(struct hc_session *session, const struct resumed *resumed)
{
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer payload = HC_BUFFER_NULL;
	msgpack_packer pk = hc_codec_packer(&payload);
	const char *epoch = session->hub->store->epoch;
	uint64_t n_state = resumed->reason ? hc_resume_count_state(session, resumed->reached) : 0;
	char id[HC_POSITION_MAX];

	msgpack_pack_map(&pk, resumed->reason ? 8 : 4);
	pack_position_at(&pk, "from", resumed->from.epoch, resumed->from.sequence);
	pack_position_at(&pk, "to", epoch, resumed->to);
	hc_pack_u64_at(&pk, "replayed", resumed->n_replayed);
	hc_pack_bool_at(&pk, "complete", !resumed->reason);
	if (resumed->reason) {
		hc_pack_str_at(&pk, "reason", hc_str(resumed->reason));
		pack_position_at(&pk, "missed_from", resumed->missed_from.epoch,
				 resumed->missed_from.sequence);
		pack_position_at(&pk, "missed_to", epoch, resumed->missed_to);
		hc_pack_u64_at(&pk, "state", n_state);
	}
	hc_stats_resume(&session->hub->stats, resumed->reason);
	(void)hc_position_format(id, epoch, resumed->reached);
	hc_session_tell_at(session, "connection.resumed", n_state ? NULL : id, &payload);
	if (n_state)
		hc_resume_send_state(session, resumed->reached);
}

static struct hc_position position_here(const struct hc_session *session, uint64_t sequence)
{
	struct hc_position position = { .sequence = sequence };

	memcpy(position.epoch, session->hub->store->epoch, sizeof(position.epoch));
	return position;
}

/*
 * A position that this log never gave out: of another epoch, or beyond its end. Nothing that
 * follows it can be told from it, so everything up to now counts as missed and the client goes on
 * live.
 */
static void resume_elsewhere(struct hc_session *session, const struct hc_position *since,
			     const char *reason)
{
	uint64_t head = hc_ring_sequence(session->hub->ring);
	struct resumed resumed = {
		.from = *since,
		.to = head,
		.reason = reason,
		.missed_from = *since,
		.missed_to = head,
		.reached = head,
	};

	if (!strcmp(reason, "future")) {
		resumed.missed_from = position_here(session, head);
		resumed.missed_to = since->sequence;
	}
	if (resumed.missed_from.sequence < UINT64_MAX)
		resumed.missed_from.sequence++;
	hc_cursor_be_up_to_date(session);
	tell_resumed(session, &resumed);
}

static void resume_in_ring(struct hc_session *session, const struct hc_position *since,
			   uint64_t slot)
{
	struct resumed resumed = {
		.from = *since,
		.to = hc_ring_sequence(session->hub->ring),
		.n_replayed = hc_audience_count(session->audience, slot),
		.reached = since->sequence,
	};

	tell_resumed(session, &resumed);
	hc_cursor_be_behind(session, slot, since->sequence);
}

void hc_resume_answer(struct hc_session *session, const struct hc_question *count)
{
	const struct hc_ring *ring = session->hub->ring;
	struct resumed resumed = {
		.from = position_here(session, session->sequence),
		.to = count->until,
		.n_replayed = count->n,
	};
	uint64_t slot;

	session->is_resuming = false;
	if (hc_ring_find(ring, count->until, &slot)) { /* what came since the question */
		resumed.to = hc_ring_sequence(ring);
		resumed.n_replayed += hc_audience_count(session->audience, slot);
	}
	if (count->left != session->sequence + 1) {
		resumed.reason = "trimmed";
		resumed.missed_from = position_here(session, session->sequence + 1);
		resumed.missed_to = count->left - 1;
		session->sequence = count->left - 1;
	}
	resumed.reached = session->sequence;
	tell_resumed(session, &resumed);
}

static void resume_in_log(struct hc_session *session, const struct hc_position *since)
{
	session->behind = true;
	session->in_log = true;
	session->is_resuming = true;
	session->sequence = since->sequence;
	if (hc_question_ask(session, HC_ASKED_COUNT))
		hc_replay_enqueue(session);
}

void hc_resume(struct hc_session *session, const struct hc_position *since)
{
	const struct hc_hub *hub = session->hub;
	uint64_t slot;

	hc_question_drop(session);
	session->is_resuming = false;
	if (strcmp(since->epoch, hub->store->epoch) != 0)
		resume_elsewhere(session, since, "epoch");
	else if (since->sequence > hc_ring_sequence(hub->ring))
		resume_elsewhere(session, since, "future");
	else if (hc_ring_find(hub->ring, since->sequence, &slot))
		resume_in_ring(session, since, slot);
	else
		resume_in_log(session, since);
}

bool hc_resume_skip(struct hc_session *session, uint64_t first)
{
	struct resumed resumed = {
		.from = position_here(session, session->sequence),
		.to = hc_ring_sequence(session->hub->ring),
		.reason = "lagged",
		.missed_from = position_here(session, session->sequence + 1),
		.missed_to = first - 1,
		.reached = first - 1,
	};

	if (first <= session->sequence + 1)
		return false;
	session->sequence = first - 1;
	tell_resumed(session, &resumed);
	return true;
}
