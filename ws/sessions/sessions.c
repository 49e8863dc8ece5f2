/* SPDX-License-Identifier: MIT */
/*
 * All sessions: a look at each of them a few times a heartbeat, for who has heard nothing for long
 * and who does not read. O(clients) a look, no system call but for those with something unsent.
 */
#include <errno.h>
#include <malloc.h>
#include <stdlib.h>

#include "proto/clock.h"
#include "proto/log.h"
#include "ws/sessions/entry.h"
#include "ws/sessions/question.h"
#include "ws/sessions/session.h"

#define LOOK_MS_MIN   50
#define LOOK_MS_MAX   500
#define GONE_MIN      128  /* clients that have left memory worth looking for */
#define KILL_AFTER_MS 1000 /* for the close frame to leave once the socket is known to be stuck */

static bool has_unsent(const struct hc_session *session)
{
	return session->waiting.len ||
	       (session->behind && !session->question && !session->replay_link) ||
	       hc_wire_is_blocked(session->wire);
}

/* Whether its socket has taken anything since the last look; also if nothing waits to be taken. */
static bool makes_progress(struct hc_session *session)
{
	int unsent;

	if (!has_unsent(session))
		return true;
	unsent = hc_wire_unsent(session->wire);
	if (unsent == session->unsent)
		return false;
	session->unsent = unsent;
	return true;
}

/* @late_ms: of this time the hub has stood still itself. */
static void check_stall(struct hc_session *session, uint64_t now_ms, uint64_t late_ms)
{
	uint32_t timeout_ms = session->hub->conf->clients.stall_timeout_ms;

	session->progress_ms += late_ms;
	if (makes_progress(session) || session->progress_ms > now_ms) {
		session->progress_ms = now_ms;
		return;
	}
	if (now_ms - session->progress_ms > timeout_ms + KILL_AFTER_MS) {
		hc_wire_kill(session->wire);
	} else if (now_ms - session->progress_ms > timeout_ms && !session->close_code) {
		if (hc_log_limited(&session->hub->sessions->log_limit))
			hc_notice("client %llu (%s): has read nothing for %u ms, disconnecting",
				  (unsigned long long)session->id, session->peer, timeout_ms);
		hc_session_end(session, HC_CLOSE_TOO_SLOW, "too slow");
	}
}

/* How long the hub itself has stood still, as in a machine that was paused. Nobody could read then
 * what it had not sent, and what they sent meanwhile is not known yet. */
static uint64_t stood_still_ms(struct hc_sessions *sessions, uint64_t now_ms)
{
	uint64_t due_ms = sessions->looked_ms + 2 * uv_timer_get_repeat(&sessions->timer);
	bool was_late = sessions->looked_ms && now_ms > due_ms;

	sessions->looked_ms = now_ms;
	return was_late ? now_ms - due_ms : 0;
}

static uint64_t look_ms(const struct hc_conf *conf)
{
	uint32_t shorter = conf->clients.heartbeat_ms < conf->clients.stall_timeout_ms
				   ? conf->clients.heartbeat_ms
				   : conf->clients.stall_timeout_ms;
	uint32_t quarter = shorter / 4;

	if (quarter < LOOK_MS_MIN)
		return LOOK_MS_MIN;
	return quarter > LOOK_MS_MAX ? LOOK_MS_MAX : quarter;
}

/* What many clients had, malloc(3) would keep for others: the system gets it back once they have
 * gone and nobody follows them. */
static void give_memory_back(struct hc_sessions *sessions)
{
	if (sessions->n > sessions->n_most)
		sessions->n_most = sessions->n;
	if (sessions->n == sessions->n_looked && sessions->n_most - sessions->n >= GONE_MIN) {
		(void)malloc_trim(0);
		sessions->n_most = sessions->n;
	}
	sessions->n_looked = sessions->n;
}

static void on_look(uv_timer_t *timer)
{
	struct hc_hub *hub = timer->data;
	uint64_t now_ms = uv_now(hub->loop);
	int64_t now_unix_ms = hc_now_unix_ms();
	uint64_t late_ms = stood_still_ms(hub->sessions, now_ms);

	for (struct hc_session *session = hub->sessions->head; session; session = session->next) {
		check_stall(session, now_ms, late_ms);
		hc_entry_check(session, now_ms, now_unix_ms);
		if (now_ms - session->sent_ms < hub->conf->clients.heartbeat_ms ||
		    session->close_code || has_unsent(session))
			continue;
		session->sent_ms = now_ms;
		hc_session_ping(session);
	}
	hc_questions_look(hub->questions);
	give_memory_back(hub->sessions);
	uv_timer_set_repeat(timer, look_ms(hub->conf)); /* it may have been reloaded */
}

int hc_sessions_new(struct hc_sessions **ret, struct hc_hub *hub)
{
	struct hc_sessions *sessions = calloc(1, sizeof(*sessions));

	if (!sessions)
		return -ENOMEM;
	(void)uv_timer_init(hub->loop, &sessions->timer); /* cannot fail */
	sessions->timer.data = hub;
	(void)uv_timer_start(&sessions->timer, on_look, look_ms(hub->conf), look_ms(hub->conf));
	*ret = sessions;
	return 0;
}

static void on_closed(uv_handle_t *handle)
{
	free(hc_container_of((uv_timer_t *)handle, struct hc_sessions, timer));
}

struct hc_sessions *hc_sessions_free(struct hc_sessions *sessions)
{
	if (sessions)
		uv_close((uv_handle_t *)&sessions->timer, on_closed);
	return NULL;
}

void hc_sessions_move(struct hc_sessions *sessions, struct hc_endpoints *to)
{
	for (struct hc_session *session = sessions->head; session; session = session->next)
		hc_entry_move(session, hc_endpoints_same(to, session->endpoint));
}

void hc_sessions_check_grants(struct hc_sessions *sessions)
{
	for (struct hc_session *session = sessions->head; session; session = session->next)
		hc_entry_check_grant(session);
}
