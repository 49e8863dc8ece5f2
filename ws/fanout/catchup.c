/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>

#include "proto/clock.h"
#include "ws/fanout/catchup.h"

#define RUNNING_MAX 2	/* jobs at once; libuv has four threads, and queries want some too */
#define ROWS_MAX    500 /* that one read of the store takes, so that it holds nothing up for long */

struct hc_catchup {
	uv_loop_t *loop;
	struct hc_store *store;
	const struct hc_types *types;
	const struct hc_framing_options *framing;
	struct hc_catchup_job *head, **tail;
	unsigned int n_running;
	bool held;
};

int hc_catchup_new(struct hc_catchup **ret, uv_loop_t *loop, struct hc_store *store,
		   const struct hc_types *types, const struct hc_framing_options *framing)
{
	struct hc_catchup *catchup = calloc(1, sizeof(*catchup));

	if (!catchup)
		return -ENOMEM;
	*catchup = (struct hc_catchup){
		.loop = loop,
		.store = store,
		.types = types,
		.framing = framing,
	};
	catchup->tail = &catchup->head;
	*ret = catchup;
	return 0;
}

struct hc_catchup_job *hc_catchup_job_free(struct hc_catchup_job *job)
{
	if (!job)
		return NULL;
	if (job->zone.chunk_list.head)
		msgpack_zone_destroy(&job->zone);
	hc_buffer_deinit(&job->page);
	hc_buffer_deinit(&job->marks);
	hc_framer_deinit(&job->framer);
	free(job->user);
	free(job);
	return NULL;
}

static struct hc_catchup_job *pop(struct hc_catchup *catchup)
{
	struct hc_catchup_job *job = catchup->head;

	catchup->head = job->next;
	if (!catchup->head)
		catchup->tail = &catchup->head;
	return job;
}

struct hc_catchup *hc_catchup_free(struct hc_catchup *catchup)
{
	if (!catchup)
		return NULL;
	while (catchup->head)
		(void)hc_catchup_job_free(pop(catchup));
	free(catchup);
	return NULL;
}

bool hc_catchup_is_idle(const struct hc_catchup *catchup)
{
	return !catchup->n_running;
}

/* ---- on a worker thread ------------------------------------------------------------------- */

static bool is_wanted(const struct hc_catchup_job *job, const struct hc_row *row,
		      const struct hc_type *type)
{
	if (!type || !hc_filter_has(&job->filter, type))
		return false;
	if (!row->to.len)
		return !job->addressed_only;
	return job->all_users || (job->user && hc_str_is(row->to, job->user));
}

static bool decode(struct hc_catchup_job *job, const struct hc_row *row, const struct hc_type *type,
		   struct hc_event *ret)
{
	msgpack_object object;

	msgpack_zone_clear(&job->zone);
	if (hc_codec_unpack(&object, &job->zone, row->body.s, row->body.len) ||
	    !hc_event_read(ret, &object, 0, NULL))
		return false;
	ret->sequence = row->sequence;
	ret->channel = hc_str(type->channel);
	return true;
}

void hc_catchup_encode_frame(struct hc_catchup_job *job, const struct hc_event *event)
{
	struct hc_catchup_mark mark = { event->sequence, job->page.len };

	hc_buffer_append(&job->marks, &mark, sizeof(mark));
	hc_framer_event(&job->framer, job->encoding, event, &job->page);
}

/* Adds a wanted event to the page. Returns false if it does not fit any more, or there is no
 * memory. */
static bool add(struct hc_catchup_job *job, const struct hc_row *row, const struct hc_type *type)
{
	size_t len = job->page.len;
	struct hc_event event;

	if (!decode(job, row, type, &event)) {
		job->error = -ENOMEM;
		return false;
	}
	job->encode(job, &event);
	if (job->page.failed || job->marks.failed) {
		job->error = -ENOMEM;
		return false;
	}
	if (job->n && job->page.len > job->bytes_max) {
		job->page.len = len;
		return false;
	}
	return true;
}

/* Returns false if the job is done with this row. */
static bool take_next(struct hc_catchup_job *job, const struct hc_row *row)
{
	const struct hc_type *type = hc_types_find(job->catchup->types, row->type);

	if (!job->first)
		job->first = row->sequence;
	else if (job->encode && row->sequence != job->last + 1)
		return false; /* trimmed between two reads: the next page begins with that */
	if (row->sequence > job->until)
		return false;
	if (is_wanted(job, row, type)) {
		if (job->n == job->n_max || (job->encode && !add(job, row, type)))
			return false;
		job->n++;
	}
	job->last = row->sequence;
	return true;
}

static bool take_row(void *context, const struct hc_row *row)
{
	struct hc_catchup_job *job = context;

	if (!take_next(job, row))
		return false;
	return ++job->n_rows < ROWS_MAX;
}

/* Many short reads: one long one would keep the store from reusing what it has written. */
static void work(uv_work_t *request)
{
	struct hc_catchup_job *job = request->data;
	uint64_t began_ns = hc_monotonic_ns();
	int r;

	while (!job->error) {
		job->n_rows = 0;
		r = hc_store_read(job->catchup->store, job->last, take_row, job);
		if (r < 0)
			job->error = r;
		if (job->n_rows < ROWS_MAX || hc_monotonic_ns() - began_ns >= job->ns_max)
			break;
	}
}

/* ---- on the loop thread ------------------------------------------------------------------- */

static void start_some(struct hc_catchup *catchup);

static void after_work(uv_work_t *request, int status)
{
	struct hc_catchup_job *job = request->data;
	struct hc_catchup *catchup = job->catchup;

	(void)status; /* jobs are never cancelled through libuv */
	catchup->n_running--;
	if (job->owner)
		job->done(job);
	(void)hc_catchup_job_free(job);
	start_some(catchup);
}

static void start_some(struct hc_catchup *catchup)
{
	while (catchup->head && catchup->n_running < RUNNING_MAX && !catchup->held) {
		struct hc_catchup_job *job = pop(catchup);

		if (!job->owner) {
			(void)hc_catchup_job_free(job);
			continue;
		}
		catchup->n_running++;
		/* It can fail for a missing function only. */
		(void)uv_queue_work(catchup->loop, &job->work, work, after_work);
	}
}

void hc_catchup_hold(struct hc_catchup *catchup, bool held)
{
	catchup->held = held;
	start_some(catchup);
}

struct hc_catchup_job *hc_catchup_job_new(hc_catchup_done_fn *done, void *owner, uint64_t after)
{
	struct hc_catchup_job *job = calloc(1, sizeof(*job));

	if (!job)
		return NULL;
	job->done = done;
	job->owner = owner;
	job->after = after;
	job->until = UINT64_MAX;
	job->n_max = SIZE_MAX;
	job->bytes_max = SIZE_MAX;
	job->ns_max = UINT64_MAX;
	return job;
}

void hc_catchup_submit(struct hc_catchup *catchup, struct hc_catchup_job *job)
{
	job->catchup = catchup;
	job->framing = *catchup->framing;
	hc_framer_init(&job->framer, &job->framing);
	job->work.data = job;
	job->last = job->after;
	job->next = NULL;
	if (!msgpack_zone_init(&job->zone, MSGPACK_ZONE_CHUNK_SIZE)) {
		job->zone.chunk_list.head = NULL;
		job->error = -ENOMEM;
	}
	*catchup->tail = job;
	catchup->tail = &job->next;
	start_some(catchup);
}

uint64_t hc_catchup_first_left(const struct hc_catchup_job *job)
{
	uint64_t oldest = job->catchup->store->oldest;

	if (job->first)
		return job->first;
	return oldest > job->after + 1 ? oldest : job->after + 1;
}

void hc_catchup_count(const struct hc_catchup *catchup, size_t *ret_running, size_t *ret_waiting)
{
	*ret_running = catchup->n_running;
	*ret_waiting = 0;
	for (const struct hc_catchup_job *job = catchup->head; job; job = job->next)
		++*ret_waiting;
}
