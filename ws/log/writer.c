/* SPDX-License-Identifier: MIT */
/*
 * Two queues under one mutex: submitted, and done. The thread takes all of the first at once, which
 * is the group of the next commit; an uv_async_t wakes the loop for the second.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

#include "proto/clock.h"
#include "ws/log/writer.h"

#define GROUP_MAX \
	4096 /* batches in one commit, so that one failure cannot take everything with it */

#define PAUSE_EVERY_NS UINT64_C(1000000000)

struct queue {
	struct hc_batch *head;
	struct hc_batch **tail;
};

struct hc_writer {
	struct hc_store *store;
	hc_writer_after_fn *after;
	void *context;
	uv_async_t wake;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t submitted_some;
	struct queue submitted;
	struct queue done;
	struct hc_commits commits; /* under the lock */
	bool stopping;
	uint64_t n_submitted; /* of the loop thread, as the next */
	uint64_t n_done;
	uint64_t tend_in_ms;  /* of the writer thread, as the next two */
	uint64_t paused_ns;   /* when the store was last tended in a pause */
	unsigned int n_turns; /* of the store's health, that the loop was told of */
};

static void queue_init(struct queue *queue)
{
	queue->head = NULL;
	queue->tail = &queue->head;
}

static void queue_push(struct queue *queue, struct hc_batch *batch)
{
	batch->next = NULL;
	*queue->tail = batch;
	queue->tail = &batch->next;
}

static struct hc_batch *queue_pop(struct queue *queue)
{
	struct hc_batch *batch = queue->head;

	if (!batch)
		return NULL;
	queue->head = batch->next;
	if (!queue->head)
		queue->tail = &queue->head;
	return batch;
}

static struct timespec deadline_in(uint64_t ms)
{
	uint64_t ns = hc_monotonic_ns() + ms * 1000000;

	return (struct timespec){ (time_t)(ns / 1000000000), (long)(ns % 1000000000) };
}

/*
 * Waits for batches, but not longer than until the store wants to be tended, and takes them.
 * Returns false when the thread is to end.
 */
static bool take_group(struct hc_writer *writer, struct hc_batch **group, size_t *ret_n)
{
	struct timespec deadline = deadline_in(writer->tend_in_ms);
	bool goes_on;
	size_t n = 0;
	int r = 0;

	pthread_mutex_lock(&writer->lock);
	while (!writer->submitted.head && !writer->stopping && r != ETIMEDOUT)
		r = pthread_cond_timedwait(&writer->submitted_some, &writer->lock, &deadline);
	while (n < GROUP_MAX && writer->submitted.head)
		group[n++] = queue_pop(&writer->submitted);
	goes_on = n || !writer->stopping;
	pthread_mutex_unlock(&writer->lock);
	*ret_n = n;
	return goes_on;
}

static bool is_busy(struct hc_writer *writer)
{
	bool busy;

	pthread_mutex_lock(&writer->lock);
	busy = writer->submitted.head;
	pthread_mutex_unlock(&writer->lock);
	return busy;
}

/* What batches need not wait for. The loop is told when the store's health has changed. */
static void tend(struct hc_writer *writer, bool has_committed)
{
	struct hc_store_health health;
	bool busy = is_busy(writer) || has_committed;

	/* Who never pauses is made to, for one step a second. */
	if (hc_monotonic_ns() - writer->paused_ns > PAUSE_EVERY_NS)
		busy = false;
	writer->tend_in_ms = hc_store_tend(writer->store, busy);
	if (!busy)
		writer->paused_ns = hc_monotonic_ns();
	hc_store_look(writer->store, &health);
	if (health.n_turns == writer->n_turns && !health.wants_state)
		return;
	writer->n_turns = health.n_turns;
	(void)uv_async_send(&writer->wake);
}

static void give_back(struct hc_writer *writer, struct hc_batch **group, size_t n)
{
	pthread_mutex_lock(&writer->lock);
	for (size_t i = 0; i < n; i++)
		queue_push(&writer->done, group[i]);
	pthread_mutex_unlock(&writer->lock);
	(void)uv_async_send(&writer->wake);
}

static uint64_t count_events(struct hc_batch *const *group, size_t n)
{
	uint64_t n_events = 0;

	for (size_t i = 0; i < n; i++)
		for (size_t j = 0; j < group[i]->n; j++)
			n_events += group[i]->kind == HC_BATCH_EVENTS &&
				    group[i]->result == HC_BATCH_OK_ &&
				    hc_record_is_logged(group[i]->records[j]);
	return n_events;
}

/* They need no commit, so none of theirs has failed. */
static void approve_volatile(struct hc_batch **group, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (hc_batch_is_logged(group[i]))
			continue;
		hc_batch_take(group[i]);
		group[i]->result = HC_BATCH_OK_;
	}
}

static void append(struct hc_writer *writer, struct hc_batch **group, size_t n)
{
	uint64_t began_ns = hc_monotonic_ns(), took_ns, n_events;

	hc_store_append(writer->store, group, n);
	took_ns = hc_monotonic_ns() - began_ns;
	approve_volatile(group, n);
	n_events = count_events(group, n);
	pthread_mutex_lock(&writer->lock);
	hc_histogram_add(&writer->commits.durations_ns, &hc_buckets_ns, took_ns);
	hc_histogram_add(&writer->commits.events, &hc_buckets_events, n_events);
	pthread_mutex_unlock(&writer->lock);
}

/* Volatile batches keep their place in the order but need no commit. */
static void commit(struct hc_writer *writer, struct hc_batch **group, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (hc_batch_is_logged(group[i])) {
			append(writer, group, n);
			return;
		}
	}
	approve_volatile(group, n);
}

static void *write_groups(void *argument)
{
	struct hc_writer *writer = argument;
	struct hc_batch *group[GROUP_MAX];
	size_t n;

	while (take_group(writer, group, &n)) {
		if (n) {
			commit(writer, group, n);
			give_back(writer, group, n);
		}
		tend(writer, n > 0);
	}
	return NULL;
}

static void hand_back_done(struct hc_writer *writer)
{
	struct hc_batch *batch;

	pthread_mutex_lock(&writer->lock);
	batch = writer->done.head;
	queue_init(&writer->done);
	pthread_mutex_unlock(&writer->lock);
	while (batch) {
		struct hc_batch *next = batch->next;

		writer->n_done++;
		batch->done(batch);
		batch = next;
	}
}

static void on_wake(uv_async_t *wake)
{
	struct hc_writer *writer = wake->data;

	hand_back_done(writer);
	writer->after(writer->context);
}

/* The thread must not take the signals that the loop waits for. */
static int start_thread(struct hc_writer *writer)
{
	sigset_t all, before;
	int r;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	r = pthread_create(&writer->thread, NULL, write_groups, writer);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return -r;
}

static void on_closed(uv_handle_t *handle)
{
	struct hc_writer *writer = handle->data;

	pthread_mutex_destroy(&writer->lock);
	pthread_cond_destroy(&writer->submitted_some);
	free(writer);
}

int hc_writer_new(struct hc_writer **ret, uv_loop_t *loop, struct hc_store *store,
		  hc_writer_after_fn *after, void *context)
{
	struct hc_writer *writer = calloc(1, sizeof(*writer));
	pthread_condattr_t monotonic;
	int r;

	if (!writer)
		return -ENOMEM;
	writer->store = store;
	writer->after = after;
	writer->context = context;
	queue_init(&writer->submitted);
	queue_init(&writer->done);
	pthread_mutex_init(&writer->lock, NULL);
	(void)pthread_condattr_init(&monotonic); /* neither can fail */
	(void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&writer->submitted_some, &monotonic);
	r = uv_async_init(loop, &writer->wake, on_wake);
	if (r < 0) {
		free(writer);
		return r;
	}
	writer->wake.data = writer;
	r = start_thread(writer);
	if (r < 0) {
		writer->stopping = true;
		uv_close((uv_handle_t *)&writer->wake, on_closed);
		return r;
	}
	*ret = writer;
	return 0;
}

struct hc_writer *hc_writer_free(struct hc_writer *writer)
{
	if (!writer)
		return NULL;
	pthread_mutex_lock(&writer->lock);
	writer->stopping = true;
	pthread_cond_signal(&writer->submitted_some);
	pthread_mutex_unlock(&writer->lock);
	(void)pthread_join(writer->thread, NULL); /* it always ends: the queue is finite now */
	hand_back_done(writer);
	uv_close((uv_handle_t *)&writer->wake, on_closed);
	return NULL;
}

void hc_writer_submit(struct hc_writer *writer, struct hc_batch *batch)
{
	writer->n_submitted++;
	pthread_mutex_lock(&writer->lock);
	queue_push(&writer->submitted, batch);
	pthread_cond_signal(&writer->submitted_some);
	pthread_mutex_unlock(&writer->lock);
}

size_t hc_writer_waiting(const struct hc_writer *writer)
{
	return (size_t)(writer->n_submitted - writer->n_done);
}

uint64_t hc_writer_done(const struct hc_writer *writer)
{
	return writer->n_done;
}

void hc_writer_commits(struct hc_writer *writer, struct hc_commits *ret)
{
	pthread_mutex_lock(&writer->lock);
	*ret = writer->commits;
	pthread_mutex_unlock(&writer->lock);
}
