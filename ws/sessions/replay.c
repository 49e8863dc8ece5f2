/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>

#include "ws/sessions/cursor.h"
#include "ws/sessions/question.h"
#include "ws/sessions/replay.h"

#define TURN_BYTES_MAX (128 * 1024) /* written in one turn: 0.1 to 0.4 ms of work */

struct hc_replay {
	uv_prepare_t turn;
	uv_idle_t busy; /* keeps the loop turning while somebody waits */
	unsigned int n_handles;
	struct hc_session *head, **tail;
	size_t bytes; /* written in this turn */
};

static void on_busy(uv_idle_t *idle)
{
	(void)idle;
}

static void enqueue(struct hc_replay *replay, struct hc_session *session)
{
	session->replay_next = NULL;
	session->replay_link = replay->tail;
	*replay->tail = session;
	replay->tail = &session->replay_next;
	(void)uv_idle_start(&replay->busy, on_busy);
}

static void dequeue(struct hc_replay *replay, struct hc_session *session)
{
	*session->replay_link = session->replay_next;
	if (session->replay_next)
		session->replay_next->replay_link = session->replay_link;
	else
		replay->tail = session->replay_link;
	session->replay_link = NULL;
	if (!replay->head)
		(void)uv_idle_stop(&replay->busy);
}

/* Something may have come in between that goes first, and is for the session to do. */
static bool is_for_us(const struct hc_session *session)
{
	return session->behind && !session->waiting.len && !session->close_code &&
	       !hc_wire_is_blocked(session->wire);
}

static void serve(struct hc_replay *replay, struct hc_session *session)
{
	size_t n = 0;

	if (is_for_us(session))
		n = hc_cursor_replay(session);
	else
		hc_question_drop(session);
	replay->bytes += n;
	if (session->question) /* it goes on when there is an answer */
		return;
	if (n && is_for_us(session)) /* nothing goes out on a broken wire */
		enqueue(replay, session);
	else if (session->behind || session->close_code)
		hc_wire_want_write(session->wire);
}

void hc_replay_go_on(struct hc_session *session)
{
	struct hc_replay *replay = session->hub->replay;

	if (session->replay_link || session->question)
		return; /* its turn comes, if need be when there is an answer */
	if (replay->head || replay->bytes > TURN_BYTES_MAX)
		enqueue(replay, session);
	else
		serve(replay, session);
}

void hc_replay_enqueue(struct hc_session *session)
{
	if (!session->replay_link)
		enqueue(session->hub->replay, session);
}

void hc_replay_leave(struct hc_session *session)
{
	if (session->replay_link)
		dequeue(session->hub->replay, session);
}

bool hc_replay_turn(struct hc_replay *replay)
{
	bool is_needed = replay->head;

	replay->bytes = 0;
	while (replay->head && replay->bytes <= TURN_BYTES_MAX) {
		struct hc_session *session = replay->head;

		dequeue(replay, session);
		serve(replay, session);
	}
	return is_needed;
}

static void on_turn(uv_prepare_t *prepare)
{
	(void)hc_replay_turn(prepare->data);
}

int hc_replay_new(struct hc_replay **ret, struct hc_hub *hub)
{
	struct hc_replay *replay = calloc(1, sizeof(*replay));

	if (!replay)
		return -ENOMEM;
	replay->tail = &replay->head;
	replay->n_handles = 2;
	/* None of these can fail. */
	(void)uv_prepare_init(hub->loop, &replay->turn);
	(void)uv_idle_init(hub->loop, &replay->busy);
	replay->turn.data = replay;
	replay->busy.data = replay;
	(void)uv_prepare_start(&replay->turn, on_turn);
	uv_unref((uv_handle_t *)&replay->turn);
	*ret = replay;
	return 0;
}

static void on_closed(uv_handle_t *handle)
{
	struct hc_replay *replay = handle->data;

	if (!--replay->n_handles)
		free(replay);
}

struct hc_replay *hc_replay_free(struct hc_replay *replay)
{
	if (!replay)
		return NULL;
	uv_close((uv_handle_t *)&replay->turn, on_closed);
	uv_close((uv_handle_t *)&replay->busy, on_closed);
	return NULL;
}
