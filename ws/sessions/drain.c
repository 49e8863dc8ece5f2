/* SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "ws/sessions/drain.h"
#include "ws/sessions/session.h"
#include "ws/wire/wire.h"

struct hc_drain_slot hc_drain_slot(size_t index, size_t n, uint32_t ms)
{
	uint64_t twice = 2 * (uint64_t)ms * index / n;

	return (struct hc_drain_slot){
		.close_after_ms = (uint32_t)(twice / 2),
		.retry_after_ms = (uint32_t)(HC_DRAIN_RESTART_MS + 2 * (uint64_t)ms - twice),
	};
}

/* Those that are up to date go first: the others have a little longer to take what is committed. */
static struct hc_session *next_to_go(const struct hc_sessions *sessions)
{
	struct hc_session *late = NULL;

	for (struct hc_session *session = sessions->head; session; session = session->next) {
		if (session->close_code)
			continue;
		if (!session->behind)
			return session;
		late = session;
	}
	return late;
}

static void send_away(struct hc_session *session, uint32_t retry_after_ms)
{
	char reason[48];

	(void)snprintf(reason, sizeof(reason), "{\"retry_after_ms\":%u}", retry_after_ms);
	session->retry_after_ms = retry_after_ms; /* where a stream says it */
	hc_session_end(session, HC_CLOSE_GOING_AWAY, reason);
}

static void on_due(uv_timer_t *timer)
{
	struct hc_drain *drain = timer->data;
	uint64_t elapsed_ms = uv_now(timer->loop) - drain->started_ms;

	while (drain->n_told < drain->n) {
		struct hc_drain_slot slot = hc_drain_slot(drain->n_told, drain->n, drain->ms);
		struct hc_session *session = next_to_go(drain->hub->sessions);

		if (!session)
			return;
		if (slot.close_after_ms > elapsed_ms) {
			(void)uv_timer_start(timer, on_due, slot.close_after_ms - elapsed_ms, 0);
			return;
		}
		send_away(session, slot.retry_after_ms);
		drain->n_told++;
	}
	/* Nothing else need happen on the loop until the last ones are given up. */
	if (elapsed_ms < drain->ms + HC_DRAIN_ANSWER_MS)
		(void)uv_timer_start(timer, on_due, drain->ms + HC_DRAIN_ANSWER_MS - elapsed_ms, 0);
}

void hc_drain_start(struct hc_drain *drain, struct hc_hub *hub, uint32_t ms)
{
	*drain = (struct hc_drain){ .hub = hub, .ms = ms, .n = hub->sessions->n };
	uv_update_time(hub->loop);
	drain->started_ms = uv_now(hub->loop);
	(void)uv_timer_init(hub->loop, &drain->timer); /* cannot fail */
	drain->timer.data = drain;
	(void)uv_timer_start(&drain->timer, on_due, 0, 0);
}

/* At most what it waits for to be sent, and then the end. */
static void write_end(struct hc_session *session)
{
	for (int i = 0; i < 2 && !session->close_sent; i++)
		if (!hc_wire_is_blocked(session->wire))
			hc_session_on_writable(session);
}

void hc_drain_hurry(struct hc_drain *drain)
{
	struct hc_sessions *sessions = drain->hub->sessions;

	for (struct hc_session *session = sessions->head; session; session = session->next) {
		if (!session->close_code && drain->n_told < drain->n)
			send_away(
				session,
				hc_drain_slot(drain->n_told++, drain->n, drain->ms).retry_after_ms);
		write_end(session);
	}
}

bool hc_drain_is_over(const struct hc_drain *drain)
{
	return !drain->hub->sessions->n ||
	       uv_now(drain->hub->loop) - drain->started_ms >= drain->ms + HC_DRAIN_ANSWER_MS;
}

void hc_drain_stop(struct hc_drain *drain)
{
	uv_close((uv_handle_t *)&drain->timer, NULL);
}
