/* SPDX-License-Identifier: MIT */
/*
 * The life of a client: what is said to it, what it may say, what it wants. Where it stands in the
 * log is ws/sessions/cursor.c.
 */
#include <stdlib.h>

#include "proto/clock.h"
#include "proto/fault.h"
#include "proto/log.h"
#include "ws/fanout/framing.h"
#include "ws/sessions/cursor.h"
#include "ws/sessions/entry.h"
#include "ws/sessions/greeting.h"
#include "ws/sessions/question.h"
#include "ws/sessions/replay.h"
#include "ws/sessions/resume.h"
#include "ws/sessions/session.h"
#include "ws/sessions/subscription.h"

#define MESSAGE_BURST	 2	      /* seconds' worth of messages that may come at once */
#define WAITING_KEPT_MAX 4096	      /* bytes of an emptied buffer worth keeping */
#define REMARKS_LEN_MAX	 (256 * 1024) /* bytes of answers that wait for the socket */

static uint64_t now_ms(const struct hc_session *session)
{
	return uv_now(session->hub->loop);
}

/* ---- out ---------------------------------------------------------------------------------- */

bool hc_session_write(struct hc_session *session, struct hc_str bytes)
{
	session->sent_ms = now_ms(session);
	session->hub->stats.sent.bytes += bytes.len;
	if (hc_wire_write(session->wire, bytes))
		return true;
	hc_wire_kill(session->wire);
	return false;
}

static bool is_stream(const struct hc_session *session)
{
	return session->encoding.framing == HC_FRAMING_SSE;
}

/* Something has been added to what waits. */
static void pass_on(struct hc_session *session)
{
	if (session->waiting.failed)
		hc_session_end(session, HC_CLOSE_INTERNAL, "out of memory");
	else if (session->waiting.len)
		hc_wire_want_write(session->wire);
}

static void send_remark(struct hc_session *session, const struct hc_remark *remark)
{
	size_t len = session->waiting.len;

	hc_framing_append_remark(&session->waiting, session->encoding.framing, remark);
	session->remarks_len += session->waiting.len - len;
	pass_on(session);
}

void hc_session_send_text(struct hc_session *session, struct hc_str text)
{
	send_remark(session, &(struct hc_remark){ .text = text });
}

/* For who reads CloudEvents and nothing else. @position: NULL if it is not to be told */
static void tell_ping(struct hc_session *session, const char *position)
{
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer payload = HC_BUFFER_NULL;
	msgpack_packer pk = hc_codec_packer(&payload);

	msgpack_pack_map(&pk, !!position);
	if (position)
		hc_pack_str_at(&pk, "position", hc_str(position));
	hc_session_tell(session, "ping", &payload);
}

void hc_session_ping(struct hc_session *session)
{
	char text[HC_POSITION_MAX];
	const char *position = NULL;

	if (session->audience && (session->is_greeted || is_stream(session))) {
		(void)hc_position_format(text, session->hub->store->epoch,
					 hc_cursor_sequence(session));
		position = text;
	}
	if (session->encoding.envelope == HC_ENVELOPE_CLOUDEVENTS && !is_stream(session)) {
		tell_ping(session, position);
		return;
	}
	hc_framing_append_ping(&session->waiting, session->encoding.framing, position);
	pass_on(session);
}

void hc_session_tell_at(struct hc_session *session, const char *type, const char *id,
			const struct hc_buffer *payload)
{
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer text = HC_BUFFER_NULL;
	struct hc_event event = {
		.type = hc_str(type),
		.timestamp_unix_ms = hc_now_unix_ms(),
		.serial = hc_hub_next_serial(session->hub),
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

/* What changed when it was published says nothing to a client for which it is the whole state. */
static void drop_changed(msgpack_object_map *payload)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < payload->size; i++)
		if (!hc_str_is(hc_object_str(&payload->ptr[i].key), "changed"))
			payload->ptr[n++] = payload->ptr[i];
	payload->size = n;
}

void hc_session_remind(struct hc_session *session, const struct hc_record *record, const char *id)
{
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer text = HC_BUFFER_NULL;
	struct hc_event event;
	msgpack_zone zone;

	if (!msgpack_zone_init(&zone, MSGPACK_ZONE_CHUNK_SIZE)) {
		hc_session_end(session, HC_CLOSE_INTERNAL, "out of memory");
		return;
	}
	if (hc_record_event(&event, record, &zone)) {
		if (record->type->changed_field)
			drop_changed(&event.payload.via.map);
		hc_envelope_write(&text, session->encoding.envelope, session->encoding.time, &event,
				  &session->hub->framing.origin);
	}
	msgpack_zone_destroy(&zone);
	if (text.failed || !text.len)
		hc_session_end(session, HC_CLOSE_INTERNAL, "out of memory");
	else
		send_remark(session, &(struct hc_remark){ NULL, id, { text.data, text.len } });
}

void hc_session_tell(struct hc_session *session, const char *type, const struct hc_buffer *payload)
{
	hc_session_tell_at(session, type, NULL, payload);
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
	else if (session->remarks_len > REMARKS_LEN_MAX)
		hc_session_end(session, HC_CLOSE_TOO_SLOW, "answers are not read");
	return !session->close_code;
}

bool hc_session_on_fragment(struct hc_session *session)
{
	if (++session->n_fragments < session->hub->conf->clients.fragments_max)
		return true;
	hc_session_end(session, HC_CLOSE_POLICY, "too many fragments");
	return false;
}

static void flush_waiting(struct hc_session *session)
{
	if (!hc_session_write(session,
			      (struct hc_str){ session->waiting.data, session->waiting.len }))
		return;
	if (session->waiting.cap > WAITING_KEPT_MAX)
		hc_buffer_deinit(&session->waiting);
	else
		hc_buffer_reset(&session->waiting);
	session->remarks_len = 0;
	session->state_waits = false;
	if (session->behind || session->close_code)
		hc_wire_want_write(session->wire);
}

/*
 * The close frame is ours: libwebsockets on libuv drops a connection without one when a WRITEABLE
 * callback asks for the close. Nobody answers to the end of a stream: the wire is closed once that
 * has left.
 */
static void send_close(struct hc_session *session)
{
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer frame = HC_BUFFER_NULL;
	struct hc_farewell farewell = {
		.code = session->close_code,
		.reason = hc_str(session->close_reason),
		.retry_after_ms = session->retry_after_ms,
	};

	hc_framing_append_close(&frame, session->encoding.framing, &farewell);
	session->close_sent = true;
	if (frame.failed)
		hc_wire_kill(session->wire);
	else if (hc_session_write(session, (struct hc_str){ frame.data, frame.len }))
		hc_wire_await_close(session->wire);
	if (is_stream(session))
		hc_wire_want_write(session->wire);
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
	else if (session->behind)
		hc_replay_go_on(session);
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
		if (session->question) { /* it has another one now */
			hc_question_drop(session);
			hc_replay_enqueue(session);
		}
		session->index = index_before;
		hc_audience_leave(before, session);
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
	else if (session->endpoint->start == HC_START_NONE && !is_stream(session))
		filter = HC_FILTER_NONE; /* a stream could never ask for more */
	return hc_session_set_filter(session, &filter);
}

/* @n_state: of the retained events that follow */
static void send_hello(struct hc_session *session, const struct hc_position *since,
		       uint64_t n_state)
{
	char head[HC_POSITION_MAX];

	hc_hub_head(session->hub, head);
	hc_framing_append_hello(&session->waiting, session->encoding.framing,
				since || n_state ? NULL : head);
	pass_on(session);
	if (session->is_greeted)
		hc_greeting_tell(session, n_state);
}

void hc_session_open(struct hc_session *session)
{
	link_in(session, session->hub->sessions);
	(void)hc_endpoints_ref(session->endpoint->all);
	session->endpoint->n_clients++;
	session->endpoint->n_opened++;
	session->connected_unix_ms = (uint64_t)hc_now_unix_ms();
	session->sent_ms = now_ms(session);
	session->progress_ms = session->sent_ms;
	hc_info("client %llu (%s): connected to %s", (unsigned long long)session->id, session->peer,
		session->endpoint->path);
}

void hc_session_move(struct hc_session *session, struct hc_endpoint *to)
{
	struct hc_endpoint *from = session->endpoint;

	if (session->encoding.envelope == from->encoding.envelope)
		session->encoding.envelope = to->encoding.envelope;
	session->encoding.time = to->encoding.time;
	to->n_clients++;
	from->n_clients--;
	(void)hc_endpoints_ref(to->all);
	(void)hc_endpoints_unref(from->all);
	session->endpoint = to;
}

bool hc_session_begin(struct hc_session *session, const struct hc_position *since)
{
	uint64_t head = hc_ring_sequence(session->hub->ring), n_state = 0;

	if (!hc_session_refilter(session))
		return false;
	if (!since && session->endpoint->start == HC_START_SNAPSHOT)
		n_state = hc_resume_count_state(session, head);
	send_hello(session, since, n_state);
	if (since)
		hc_resume(session, since);
	else if (n_state)
		hc_resume_send_state(session, head);
	return true;
}

void hc_session_close(struct hc_session *session)
{
	hc_question_drop(session);
	hc_replay_leave(session);
	if (session->audience)
		hc_audience_leave(session->audience, session);
	session->audience = NULL;
	if (session->link) {
		link_out(session);
		session->endpoint->n_clients--;
		(void)hc_endpoints_unref(session->endpoint->all);
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
