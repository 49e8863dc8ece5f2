/* SPDX-License-Identifier: MIT */
/*
 * A page is good for whoever stands anywhere in it, and a count for whoever begins before it: only
 * what lies between is counted. So those who come back to positions of their own soon share, too.
 *
 * Answers that somebody waits for cannot be forgotten. While they alone take all the room, no more
 * jobs are started; those who wait get their turns and make room.
 */
#include <errno.h>
#include <stdlib.h>

#include "proto/log.h"
#include "ws/sessions/question.h"
#include "ws/sessions/replay.h"
#include "ws/sessions/session.h"

#define BYTES_MAX (8 * 1024 * 1024) /* of answers: a hundred pages */

struct hc_questions {
	struct hc_hub *hub;
	struct hc_question *head, **tail;
	size_t bytes; /* of answers */
};

int hc_questions_new(struct hc_questions **ret, struct hc_hub *hub)
{
	struct hc_questions *questions = calloc(1, sizeof(*questions));

	if (!questions)
		return -ENOMEM;
	questions->hub = hub;
	questions->tail = &questions->head;
	*ret = questions;
	return 0;
}

struct hc_questions *hc_questions_free(struct hc_questions *questions)
{
	free(questions);
	return NULL;
}

/* ---- lists -------------------------------------------------------------------------------- */

static void link_last(struct hc_question *question)
{
	struct hc_questions *all = question->all;

	question->all_next = NULL;
	question->all_link = all->tail;
	*all->tail = question;
	all->tail = &question->all_next;
}

static void unlink_from_all(struct hc_question *question)
{
	*question->all_link = question->all_next;
	if (question->all_next)
		question->all_next->all_link = question->all_link;
	else
		question->all->tail = question->all_link;
}

static void link_to_audience(struct hc_question *question)
{
	struct hc_question **head = question->head;

	question->next = *head;
	question->link = head;
	if (*head)
		(*head)->link = &question->next;
	*head = question;
}

static void unlink_from_audience(struct hc_question *question)
{
	*question->link = question->next;
	if (question->next)
		question->next->link = question->link;
}

static void join(struct hc_question *question, struct hc_session *session)
{
	session->question = question;
	session->question_next = question->waiting;
	session->question_link = &question->waiting;
	if (question->waiting)
		question->waiting->question_link = &session->question_next;
	question->waiting = session;
	question->is_idle = false;
	unlink_from_all(question);
	link_last(question);
}

static void leave(struct hc_session *session)
{
	*session->question_link = session->question_next;
	if (session->question_next)
		session->question_next->question_link = session->question_link;
	session->question = NULL;
}

/* ---- room --------------------------------------------------------------------------------- */

static size_t bytes_of(const struct hc_question *question)
{
	return sizeof(*question) + question->frames.cap + question->marks.cap;
}

static void wake_all(const struct hc_question *question)
{
	for (struct hc_session *session = question->waiting; session;
	     session = session->question_next)
		hc_replay_enqueue(session);
}

static void forget(struct hc_question *question)
{
	wake_all(question); /* they have to ask again */
	while (question->waiting)
		leave(question->waiting);
	if (question->job)
		question->job->owner = NULL;
	else
		question->all->bytes -= bytes_of(question);
	unlink_from_audience(question);
	unlink_from_all(question);
	hc_buffer_deinit(&question->frames);
	hc_buffer_deinit(&question->marks);
	free(question);
}

static bool can_go(const struct hc_question *question)
{
	return !question->job && !question->waiting;
}

static void make_room(struct hc_questions *all)
{
	for (struct hc_question *question = all->head, *next; question && all->bytes > BYTES_MAX;
	     question = next) {
		next = question->all_next;
		if (can_go(question))
			forget(question);
	}
	hc_catchup_hold(all->hub->catchup, all->bytes > BYTES_MAX);
}

size_t hc_questions_bytes(const struct hc_questions *questions)
{
	return questions->bytes;
}

void hc_questions_look(struct hc_questions *questions)
{
	for (struct hc_question *question = questions->head, *next; question; question = next) {
		next = question->all_next;
		if (can_go(question) && question->is_idle)
			forget(question);
		else
			question->is_idle = true;
	}
}

void hc_questions_forget(struct hc_questions *questions)
{
	while (questions->head)
		forget(questions->head);
	make_room(questions);
}

void hc_question_end(struct hc_question *questions)
{
	for (struct hc_question *next; questions; questions = next) {
		next = questions->next;
		forget(questions);
	}
}

/* ---- answers ------------------------------------------------------------------------------ */

static void end_all(const struct hc_question *question, int error)
{
	size_t n = 0;

	for (struct hc_session *session = question->waiting; session;
	     session = session->question_next, n++)
		hc_session_end(session, HC_CLOSE_INTERNAL, "the log cannot be read");
	hc_err("cannot read the log behind %llu: %s, disconnecting %zu clients that ask for it",
	       (unsigned long long)question->after, strerror(-error), n);
}

/* A page comes for those, too, who have asked for what is in the middle of it. */
static void answer_others(const struct hc_question *page)
{
	for (struct hc_question *other = *page->head, *next; other; other = next) {
		next = other->next;
		if (other->job && other->asked == page->asked && other->after >= page->after &&
		    other->after < page->last)
			forget(other);
	}
}

/* The log was trimmed beyond what was counted before. */
static bool is_overtaken(const struct hc_question *count, const struct hc_catchup_job *job)
{
	return count->asked == HC_ASKED_COUNT && job->until < count->until &&
	       count->left > job->until + 1;
}

static void on_answered(struct hc_catchup_job *job)
{
	struct hc_question *question = job->owner;
	struct hc_questions *all = question->all;

	question->job = NULL;
	question->left = hc_catchup_first_left(job);
	question->last = job->last;
	question->n += job->n;
	question->frames = job->page;
	question->marks = job->marks;
	job->page = job->marks = HC_BUFFER_NULL;
	all->bytes += bytes_of(question);
	if (job->error)
		end_all(question, job->error);
	wake_all(question);
	if (job->error || is_overtaken(question, job))
		forget(question);
	else if (question->asked == HC_ASKED_PAGE)
		answer_others(question);
	make_room(all);
}

/* ---- questions ---------------------------------------------------------------------------- */

/* A count is good as long as the ring has what came since, and the log what it has counted. */
static bool is_good_count(const struct hc_question *question, const struct hc_hub *hub)
{
	uint64_t slot;

	return question->job || (question->left >= hub->store->oldest &&
				 hc_ring_find(hub->ring, question->until, &slot));
}

static bool answers(const struct hc_question *question, const struct hc_session *session,
		    enum hc_asked asked)
{
	uint64_t sequence = session->sequence;

	if (question->asked != asked)
		return false;
	if (asked == HC_ASKED_COUNT)
		return question->after == sequence && is_good_count(question, session->hub);
	if (question->job)
		return question->after == sequence;
	return question->after <= sequence && sequence < question->last;
}

/* What is behind the nearest position that has been counted from need not be counted again. Where
 * the log was trimmed behind one, that is the end of what is gone. */
static void count_up_to_known(struct hc_question *question, struct hc_catchup_job *job)
{
	const struct hc_question *nearest = NULL;

	for (const struct hc_question *other = *question->head; other; other = other->next)
		if (other->asked == HC_ASKED_COUNT && !other->job &&
		    other->left > question->after && is_good_count(other, question->all->hub) &&
		    (!nearest || other->left < nearest->left))
			nearest = other;
	if (!nearest)
		return;
	job->until = nearest->left - 1;
	question->until = nearest->until;
	question->n = nearest->n;
}

static struct hc_catchup_job *make_job(struct hc_question *question, const struct hc_wants *wants)
{
	struct hc_catchup_job *job = hc_catchup_job_new(on_answered, question, question->after);

	if (!job)
		return NULL;
	job->user = strdup(wants->user);
	if (!job->user)
		return hc_catchup_job_free(job);
	job->filter = wants->filter;
	job->addressed_only = wants->addressed_only;
	/* What is committed but not shown yet comes from the ring. */
	job->until = question->until;
	if (question->asked == HC_ASKED_COUNT) {
		count_up_to_known(question, job);
		return job;
	}
	job->encode = hc_catchup_encode_frame;
	job->encoding = wants->encoding;
	job->bytes_max = HC_SLICE_MAX;
	return job;
}

static struct hc_question *make(struct hc_session *session, enum hc_asked asked)
{
	struct hc_hub *hub = session->hub;
	struct hc_question *question = calloc(1, sizeof(*question));

	if (!question)
		return NULL;
	question->all = hub->questions;
	question->asked = asked;
	question->after = session->sequence;
	question->until = hc_ring_sequence(hub->ring);
	question->head = hc_audience_questions(session->audience);
	question->job = make_job(question, hc_audience_wants(session->audience));
	if (!question->job) {
		free(question);
		return NULL;
	}
	link_to_audience(question);
	link_last(question);
	hc_catchup_submit(hub->catchup, question->job);
	return question;
}

/* The one that takes it furthest. */
static struct hc_question *find(const struct hc_session *session, enum hc_asked asked)
{
	struct hc_question *best = NULL;

	for (struct hc_question *question = *hc_audience_questions(session->audience); question;
	     question = question->next)
		if (answers(question, session, asked) && (!best || question->last > best->last))
			best = question;
	return best;
}

const struct hc_question *hc_question_ask(struct hc_session *session, enum hc_asked asked)
{
	struct hc_question *question = session->question;

	if (!question) {
		question = find(session, asked);
		if (!question)
			question = make(session, asked);
		if (!question) {
			hc_session_end(session, HC_CLOSE_INTERNAL, "out of memory");
			return NULL;
		}
		join(question, session);
	}
	return question->job ? NULL : question;
}

void hc_question_drop(struct hc_session *session)
{
	struct hc_question *question = session->question;

	if (!question)
		return;
	leave(session);
	if (question->waiting)
		return;
	if (question->job)
		forget(question);
	else
		make_room(question->all);
}

struct hc_slice hc_question_slice(const struct hc_question *page, uint64_t sequence)
{
	const struct hc_catchup_mark *marks = (const void *)page->marks.data;
	size_t from = 0, to = page->n;

	while (from < to) {
		size_t middle = from + (to - from) / 2;

		if (marks[middle].sequence > sequence)
			to = middle;
		else
			from = middle + 1;
	}
	if (from == page->n)
		return (struct hc_slice){ .next = page->last };
	return (struct hc_slice){
		.bytes = { page->frames.data + marks[from].at, page->frames.len - marks[from].at },
		.next = page->last,
		.n = page->n - from,
	};
}
