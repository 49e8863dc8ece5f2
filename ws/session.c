/* SPDX-License-Identifier: MIT */
/*
 * The life of a client: join, deliver, fall behind, catch up, leave.
 *
 *   up to date ──socket full──> behind in the ring ──ring moved on──> behind in the log
 *        ^                           │        ^                            │
 *        └────────caught up──────────┘        └──────the ring has it───────┘
 */
#include <errno.h>
#include <stdlib.h>

#include "proto/clock.h"
#include "proto/fault.h"
#include "proto/log.h"
#include "ws/entry.h"
#include "ws/framing.h"
#include "ws/greeting.h"
#include "ws/session.h"
#include "ws/subscription.h"

#define PUMP_MAX \
	16 /* writes in one callback, so that one quick reader leaves room for the others */
#define MESSAGE_BURST	 2    /* seconds' worth of messages that may come at once */
#define WAITING_KEPT_MAX 4096 /* bytes of an emptied buffer worth keeping */

static uint64_t now_ms(const struct hc_session *session)
{
	return uv_now(session->hub->loop);
}

/* ---- out ---------------------------------------------------------------------------------- */

static bool write_now(struct hc_session *session, struct hc_str bytes)
{
	session->sent_ms = now_ms(session);
	session->hub->stats.sent.bytes += bytes.len;
	if (hc_wire_write(session->wire, bytes))
		return true;
	hc_wire_kill(session->wire);
	return false;
}

static void set_paused(struct hc_session *session, bool paused)
{
	if (session->paused == paused)
		return;
	session->paused = paused;
	hc_wire_pause_reading(session->wire, paused);
}

static void keep_waiting(struct hc_session *session)
{
	set_paused(session, true);
	hc_wire_want_write(session->wire);
}

/* Something has been added to what waits. */
static void pass_on(struct hc_session *session)
{
	if (session->waiting.failed)
		hc_session_end(session, HC_CLOSE_INTERNAL, "out of memory");
	else if (session->waiting.len)
		keep_waiting(session);
}

static void send_remark(struct hc_session *session, const struct hc_remark *remark)
{
	hc_framing_append_remark(&session->waiting, session->encoding.framing, remark);
	pass_on(session);
}

void hc_session_send_text(struct hc_session *session, struct hc_str text)
{
	send_remark(session, &(struct hc_remark){ .text = text });
}

void hc_session_ping(struct hc_session *session)
{
	hc_framing_append_ping(&session->waiting, session->encoding.framing);
	pass_on(session);
}

/* @id: the position that the client has with it, or NULL */
static void tell(struct hc_session *session, const char *type, const char *id,
		 const struct hc_buffer *payload)
{
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer text = HC_BUFFER_NULL;
	struct hc_event event = {
		.type = hc_str(type),
		.timestamp_unix_ms = hc_now_unix_ms(),
	};
	msgpack_zone zone;

	if (payload->failed || !msgpack_zone_init(&zone, 512)) {
		hc_session_end(session, HC_CLOSE_INTERNAL, "out of memory");
		return;
	}
	if (!hc_codec_unpack(&event.payload, &zone, payload->data, payload->len))
		hc_envelope_write(&text, session->encoding.envelope, session->encoding.time, &event,
				  &session->hub->framing.origin);
	msgpack_zone_destroy(&zone);
	if (text.failed || !text.len)
		hc_session_end(session, HC_CLOSE_INTERNAL, "out of memory");
	else
		send_remark(session, &(struct hc_remark){ type, id, { text.data, text.len } });
}

void hc_session_tell(struct hc_session *session, const char *type, const struct hc_buffer *payload)
{
	tell(session, type, NULL, payload);
}

void hc_session_tell_fault(struct hc_session *session, const struct hc_fault *fault)
{
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer payload = HC_BUFFER_NULL;
	msgpack_packer pk = hc_codec_packer(&payload);

	msgpack_pack_map(&pk, 2u + !!fault->pointer[0]);
	hc_pack_str_at(&pk, "code", hc_str(hc_fault_name(fault->code)));
	hc_pack_str_at(&pk, "message", hc_str(fault->message));
	if (fault->pointer[0])
		hc_pack_str_at(&pk, "pointer", hc_str(fault->pointer));
	hc_session_tell(session, "error", &payload);
}

void hc_session_end(struct hc_session *session, uint16_t code, const char *reason)
{
	if (session->close_code)
		return;
	session->close_code = code;
	session->close_reason = strdup(reason); /* without memory it closes without a reason */
	hc_wire_want_write(session->wire);
}

/* ---- what it says ------------------------------------------------------------------------- */

bool hc_session_on_message(struct hc_session *session)
{
	uint32_t rate = session->hub->conf->clients.message_rate;
	bool taken = hc_bucket_take(&session->said,
				    (struct hc_bucket_rate){ rate, MESSAGE_BURST * rate },
				    now_ms(session));

	session->n_fragments = 0;
	if (!taken)
		hc_session_end(session, HC_CLOSE_TOO_MANY, "too many messages");
	return taken;
}

bool hc_session_on_fragment(struct hc_session *session)
{
	if (++session->n_fragments < session->hub->conf->clients.fragments_max)
		return true;
	hc_session_end(session, HC_CLOSE_POLICY, "too many fragments");
	return false;
}

/* ---- behind ------------------------------------------------------------------------------- */

static void be_up_to_date(struct hc_session *session)
{
	session->behind = false;
	session->in_log = false;
}

static void be_behind(struct hc_session *session, uint64_t cursor, uint64_t sequence)
{
	session->behind = true;
	session->in_log = false;
	session->cursor = cursor;
	session->sequence = sequence;
	hc_wire_want_write(session->wire);
}

static struct hc_catchup_job *new_job(struct hc_session *session, hc_catchup_done_fn *done)
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

static void drop_job(struct hc_session *session)
{
	if (session->job)
		session->job->owner = NULL;
	session->job = NULL;
}

/* ---- resume ------------------------------------------------------------------------------- */

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
	char id[HC_POSITION_MAX];

	msgpack_pack_map(&pk, resumed->reason ? 7 : 4);
	pack_position_at(&pk, "from", resumed->from.epoch, resumed->from.sequence);
	pack_position_at(&pk, "to", epoch, resumed->to);
	hc_pack_u64_at(&pk, "replayed", resumed->n_replayed);
	hc_pack_bool_at(&pk, "complete", !resumed->reason);
	if (resumed->reason) {
		hc_pack_str_at(&pk, "reason", hc_str(resumed->reason));
		pack_position_at(&pk, "missed_from", resumed->missed_from.epoch,
				 resumed->missed_from.sequence);
		pack_position_at(&pk, "missed_to", epoch, resumed->missed_to);
	}
	hc_stats_resume(&session->hub->stats, resumed->reason);
	(void)hc_position_format(id, epoch, resumed->reached);
	tell(session, "connection.resumed", id, &payload);
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
	resumed.missed_from.sequence++;
	be_up_to_date(session);
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
	be_behind(session, slot, since->sequence);
}

/*
 * The first event that was left behind the position of a job. It is what the job saw, and not what
 * is kept by now: the log may be trimmed before a job runs, and again before its answer is taken.
 */
static uint64_t first_left(const struct hc_catchup_job *job)
{
	const struct hc_session *session = job->owner;
	uint64_t oldest = session->hub->store->oldest;

	if (job->first)
		return job->first;
	return oldest > job->after + 1 ? oldest : job->after + 1;
}

static void on_counted(struct hc_catchup_job *job)
{
	struct hc_session *session = job->owner;
	uint64_t first = first_left(job);
	struct resumed resumed = {
		.from = position_here(session, session->sequence),
		.to = job->until,
		.n_replayed = job->n,
	};

	session->job = NULL;
	if (job->error) {
		hc_session_end(session, HC_CLOSE_INTERNAL, "the log cannot be read");
		return;
	}
	if (first != session->sequence + 1) {
		resumed.reason = "trimmed";
		resumed.missed_from = position_here(session, session->sequence + 1);
		resumed.missed_to = first - 1;
		session->sequence = first - 1;
	}
	resumed.reached = session->sequence;
	tell_resumed(session, &resumed);
}

static void resume_in_log(struct hc_session *session, const struct hc_position *since)
{
	struct hc_catchup_job *job;

	session->behind = true;
	session->in_log = true;
	session->sequence = since->sequence;
	job = new_job(session, on_counted);
	if (!job)
		return;
	job->until = hc_ring_sequence(session->hub->ring);
	hc_catchup_submit(session->hub->catchup, job);
}

void hc_session_resume(struct hc_session *session, const struct hc_position *since)
{
	const struct hc_hub *hub = session->hub;
	uint64_t slot;

	drop_job(session);
	if (strcmp(since->epoch, hub->store->epoch) != 0)
		resume_elsewhere(session, since, "epoch");
	else if (since->sequence > hc_ring_sequence(hub->ring))
		resume_elsewhere(session, since, "future");
	else if (hc_ring_find(hub->ring, since->sequence, &slot))
		resume_in_ring(session, since, slot);
	else
		resume_in_log(session, since);
}

/* ---- catching up -------------------------------------------------------------------------- */

/* The log was trimmed under a client that was reading it: it is told before it goes on. */
static void skip_to(struct hc_session *session, uint64_t first)
{
	struct resumed resumed = {
		.from = position_here(session, session->sequence),
		.to = hc_ring_sequence(session->hub->ring),
		.reason = "lagged",
		.missed_from = position_here(session, session->sequence + 1),
		.missed_to = first - 1,
		.reached = first - 1,
	};

	if (first == session->sequence + 1)
		return;
	session->sequence = first - 1;
	tell_resumed(session, &resumed);
}

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
	skip_to(session, first_left(job));
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
		be_behind(session, slot, session->sequence);
		return;
	}
	job = new_job(session, on_page);
	if (!job)
		return;
	job->encode = hc_catchup_encode_frame;
	job->encoding = session->encoding;
	job->bytes_max = HC_SLICE_MAX;
	hc_catchup_submit(session->hub->catchup, job);
}

static void continue_in_ring(struct hc_session *session)
{
	const struct hc_ring *ring = session->hub->ring;

	for (int i = 0; i < PUMP_MAX && session->behind; i++) {
		struct hc_slice slice;

		if (!hc_audience_slice(session->audience, session->cursor, &slice)) {
			session->in_log = true;
			continue_in_log(session);
			return;
		}
		if (slice.bytes.len && !write_now(session, slice.bytes))
			return;
		session->hub->stats.sent.deliveries += slice.n;
		session->cursor = slice.next;
		session->sequence = hc_ring_sequence_before(ring, slice.next);
		if (slice.next == hc_ring_next(ring))
			be_up_to_date(session);
		else if (hc_wire_is_blocked(session->wire))
			break;
	}
	if (session->behind)
		hc_wire_want_write(session->wire);
}

static void flush_waiting(struct hc_session *session)
{
	if (!write_now(session, (struct hc_str){ session->waiting.data, session->waiting.len }))
		return;
	if (session->waiting.cap > WAITING_KEPT_MAX)
		hc_buffer_deinit(&session->waiting);
	else
		hc_buffer_reset(&session->waiting);
	set_paused(session, false);
	if (session->behind || session->close_code)
		hc_wire_want_write(session->wire);
}

/*
 * The close frame is ours: libwebsockets on libuv drops a connection without one when a WRITEABLE
 * callback asks for the close.
 */
static void send_close(struct hc_session *session)
{
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer frame = HC_BUFFER_NULL;

	hc_framing_append_close(&frame, session->encoding.framing, session->close_code,
				hc_str(session->close_reason));
	session->close_sent = true;
	if (frame.failed)
		hc_wire_kill(session->wire);
	else if (write_now(session, (struct hc_str){ frame.data, frame.len }))
		hc_wire_await_close(session->wire);
}

void hc_session_on_writable(struct hc_session *session)
{
	session->progress_ms = now_ms(session);
	if (session->close_sent)
		return;
	if (hc_wire_is_blocked(session->wire))
		hc_wire_want_write(session->wire);
	else if (session->waiting.len)
		flush_waiting(session);
	else if (session->close_code)
		send_close(session);
	else if (session->in_log)
		continue_in_log(session);
	else if (session->behind)
		continue_in_ring(session);
}

bool hc_session_deliver(struct hc_session *session, const struct hc_turn *turn,
			const struct hc_slice *slice)
{
	if (session->behind || session->close_code)
		return false;
	if (slice->next == turn->from || session->waiting.len ||
	    hc_wire_is_blocked(session->wire)) {
		be_behind(session, turn->from, turn->from_sequence);
		return false;
	}
	session->sent_ms = turn->now_ms;
	if (slice->bytes.len && !hc_wire_write(session->wire, slice->bytes)) {
		hc_wire_kill(session->wire);
		return false;
	}
	if (slice->next != turn->end)
		be_behind(session, slice->next,
			  hc_ring_sequence_before(session->hub->ring, slice->next));
	return slice->bytes.len;
}

/* ---- life --------------------------------------------------------------------------------- */

static void link_in(struct hc_session *session, struct hc_sessions *sessions)
{
	session->id = ++sessions->next_id;
	session->next = sessions->head;
	session->link = &sessions->head;
	if (sessions->head)
		sessions->head->link = &session->next;
	sessions->head = session;
	sessions->n++;
}

static void link_out(struct hc_session *session)
{
	*session->link = session->next;
	if (session->next)
		session->next->link = session->link;
	session->hub->sessions->n--;
}

/* A page that was asked for with another filter is of no use; a count is good enough. */
static void drop_page(struct hc_session *session)
{
	if (!session->job || !session->job->encode)
		return;
	drop_job(session);
	hc_wire_want_write(session->wire);
}

static struct hc_wants wants_of(const struct hc_session *session, const struct hc_filter *filter)
{
	const struct hc_endpoint *endpoint = session->endpoint;
	struct hc_wants wants = {
		.encoding = session->encoding,
		.filter = *filter,
		.user = session->grant ? hc_grant_subject(session->grant) : "",
		.addressed_only = endpoint->addressed == HC_ADDRESSED_ONLY,
	};

	hc_filter_intersect(&wants.filter, &endpoint->events);
	hc_filter_unite(&wants.filter, &endpoint->always);
	if (session->grant) {
		struct hc_filter rights = hc_grant_filter(session->grant, session->hub->types);

		hc_filter_intersect(&wants.filter, &rights);
	}
	return wants;
}

bool hc_session_set_filter(struct hc_session *session, const struct hc_filter *filter)
{
	struct hc_audience *before = session->audience, *after;
	size_t index_before = session->index, index_after;
	struct hc_wants wants = wants_of(session, filter);

	if (before && hc_wants_equal(&wants, hc_audience_wants(before)))
		return true;
	after = hc_audience_join(session->hub->audiences, session, &wants);
	if (!after)
		return false;
	index_after = session->index;
	if (before) {
		session->index = index_before;
		hc_audience_leave(before, session);
		drop_page(session);
	}
	session->index = index_after;
	session->audience = after;
	return true;
}

bool hc_session_refilter(struct hc_session *session)
{
	struct hc_filter filter = session->endpoint->events;

	if (session->subscription)
		filter = hc_subscription_filter(session->subscription, session->hub->types);
	else if (session->endpoint->start == HC_START_NONE)
		filter = HC_FILTER_NONE;
	return hc_session_set_filter(session, &filter);
}

static void send_retained(void *context, struct hc_record *record)
{
	struct hc_session *session = context;
	const struct hc_wants *wants = hc_audience_wants(session->audience);

	/* What is retained is for everybody. */
	if (!wants->addressed_only && hc_filter_has(&wants->filter, record->type))
		hc_ring_encode(session->hub->ring, record, session->encoding, &session->waiting);
}

static void send_snapshot(struct hc_session *session)
{
	hc_state_each(session->hub->state, NULL, send_retained, session);
	pass_on(session);
}

void hc_session_open(struct hc_session *session)
{
	link_in(session, session->hub->sessions);
	session->endpoint->n_clients++;
	session->endpoint->n_opened++;
	session->connected_unix_ms = (uint64_t)hc_now_unix_ms();
	session->sent_ms = now_ms(session);
	session->progress_ms = session->sent_ms;
	hc_info("client %llu (%s): connected to %s", (unsigned long long)session->id, session->peer,
		session->endpoint->path);
}

bool hc_session_begin(struct hc_session *session, const struct hc_position *since)
{
	if (!hc_session_refilter(session))
		return false;
	if (session->is_greeted)
		hc_greeting_tell(session);
	if (since)
		hc_session_resume(session, since);
	else if (session->endpoint->start == HC_START_SNAPSHOT)
		send_snapshot(session);
	return true;
}

void hc_session_close(struct hc_session *session)
{
	drop_job(session);
	if (session->audience)
		hc_audience_leave(session->audience, session);
	session->audience = NULL;
	if (session->link) {
		link_out(session);
		session->endpoint->n_clients--;
		hc_stats_close(&session->hub->stats, session->close_code);
		hc_info("client %llu (%s): gone", (unsigned long long)session->id, session->peer);
	}
	session->link = NULL;
	free(session->close_reason);
	session->close_reason = NULL;
	session->subscription = hc_subscription_free(session->subscription);
	hc_entry_close(session);
	hc_buffer_deinit(&session->waiting);
	hc_buffer_deinit(&session->incoming);
}
