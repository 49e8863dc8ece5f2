/* SPDX-License-Identifier: MIT */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "ws/auth/keeper.h"
#include "ws/auth/revocations.h"

struct hc_keeper {
	uv_loop_t *loop;
	struct hc_revocations *revocations;
	uv_work_t work;
	struct hc_buffer text;	       /* that is being written */
	int result;		       /* of that */
	struct hc_keeper_job *served;  /* by that; NULL: nothing is being written */
	struct hc_keeper_job *waiting; /* for the next */
};

int hc_keeper_new(struct hc_keeper **ret, uv_loop_t *loop, struct hc_revocations *revocations)
{
	struct hc_keeper *keeper = calloc(1, sizeof(*keeper));

	if (!keeper)
		return -ENOMEM;
	keeper->loop = loop;
	keeper->revocations = revocations;
	*ret = keeper;
	return 0;
}

struct hc_keeper *hc_keeper_free(struct hc_keeper *keeper)
{
	if (!keeper)
		return NULL;
	assert(!keeper->served && !keeper->waiting);
	free(keeper);
	return NULL;
}

/* On a thread of the pool. */
static void write_text(uv_work_t *work)
{
	struct hc_keeper *keeper = hc_container_of(work, struct hc_keeper, work);

	keeper->result = hc_revocations_write(keeper->revocations, &keeper->text);
}

static void on_written(uv_work_t *work, int status);

static void start(struct hc_keeper *keeper)
{
	keeper->served = hc_take(keeper->waiting);
	hc_revocations_format(keeper->revocations, &keeper->text);
	/* It fails without a function to call only. */
	(void)uv_queue_work(keeper->loop, &keeper->work, write_text, on_written);
}

static void on_written(uv_work_t *work, int status)
{
	struct hc_keeper *keeper = hc_container_of(work, struct hc_keeper, work);
	struct hc_keeper_job *job = hc_take(keeper->served), *next;
	int result = keeper->result;

	(void)status; /* nothing cancels it */
	hc_buffer_deinit(&keeper->text);
	if (keeper->waiting)
		start(keeper);
	for (; job; job = next) {
		next = job->next;
		job->done(job, result);
	}
}

void hc_keeper_save(struct hc_keeper *keeper, struct hc_keeper_job *job)
{
	job->next = keeper->waiting;
	keeper->waiting = job;
	if (!keeper->served)
		start(keeper);
}
