/* SPDX-License-Identifier: MIT */
/*
 * Catching up from the log, away from the loop: jobs that count or read events on libuv's worker
 * threads, a few at a time, so that a thousand clients that come back at once share their pages of
 * memory.
 */
#pragma once

#include <uv.h>

#include "ws/fanout/filter.h"
#include "ws/fanout/track.h"
#include "ws/log/store.h"

struct hc_catchup;
struct hc_catchup_job;

/** hc_catchup_done_fn - called on the loop thread; the job is freed afterwards */
typedef void hc_catchup_done_fn(struct hc_catchup_job *job);

/** hc_catchup_encode_fn - append an event to job->page; called on a worker thread */
typedef void hc_catchup_encode_fn(struct hc_catchup_job *job, const struct hc_event *event);

/** struct hc_catchup_mark - where in the page of a job an event begins */
struct hc_catchup_mark {
	uint64_t sequence;
	size_t at;
};

/** struct hc_catchup_job - one question to the log */
struct hc_catchup_job {
	/* set by who asks */
	hc_catchup_done_fn *done;
	void *owner; /* NULL: nobody wants the answer any more, done is not called */
	hc_catchup_encode_fn *encode; /* NULL: only count */
	struct hc_encoding encoding;  /* for hc_catchup_encode_frame() */
	uint64_t after;		      /* sequence */
	uint64_t until;		      /* sequence of the last event to look at */
	size_t n_max;		      /* events in a page */
	size_t bytes_max;	      /* bytes in a page, unless one event is larger */
	uint64_t ns_max;	      /* that it may look for them; then `last` is where it was */
	struct hc_filter filter;
	char *user;	     /* whose addressed events too; owned; NULL for nobody's */
	bool all_users;	     /* addressed events, whoever they are for */
	bool addressed_only; /* and nothing that is for everybody */
	/* the answer */
	struct hc_buffer page;
	struct hc_buffer
		marks;	/* of hc_catchup_encode_frame(): n struct hc_catchup_mark, or more */
	uint64_t first; /* the oldest sequence behind `after`; 0 if there was none */
	uint64_t last;	/* the newest sequence looked at; `after` if there was none */
	uint64_t n;	/* events wanted */
	int error;	/* 0 or -errno */
	/* the catch-up's own */
	struct hc_catchup *catchup;
	struct hc_catchup_job *next;
	size_t n_rows; /* of the read that runs */
	uv_work_t work;
	msgpack_zone zone;
	struct hc_framing_options framing; /* a copy: the epoch may become another one */
	struct hc_framer framer;
};

int hc_catchup_new(struct hc_catchup **ret, uv_loop_t *loop, struct hc_store *store,
		   const struct hc_types *types, const struct hc_framing_options *framing);

/** hc_catchup_free() - forget waiting jobs; the running ones must have ended (run the loop) */
struct hc_catchup *hc_catchup_free(struct hc_catchup *catchup);

/** hc_catchup_hold() - there is no room for answers: start no jobs; or, again */
void hc_catchup_hold(struct hc_catchup *catchup, bool held);

/** hc_catchup_is_idle() - whether no job runs */
bool hc_catchup_is_idle(const struct hc_catchup *catchup);

/**
 * hc_catchup_first_left() - the first event that was left behind the position of an answered job
 *
 * If it is not the one right behind it, those between are gone, and whoever reads is told. It is
 * what the job saw, and not what is kept by now: the log may be trimmed before a job runs, and
 * again before its answer is taken.
 */
uint64_t hc_catchup_first_left(const struct hc_catchup_job *job);

/** hc_catchup_count() - jobs that run and jobs that wait; O(waiting) */
void hc_catchup_count(const struct hc_catchup *catchup, size_t *ret_running, size_t *ret_waiting);

/** hc_catchup_job_new() - a job that reads everything behind @after, without end, for nobody
 * special */
struct hc_catchup_job *hc_catchup_job_new(hc_catchup_done_fn *done, void *owner, uint64_t after);

/** hc_catchup_job_free() - forget a job that was not submitted */
struct hc_catchup_job *hc_catchup_job_free(struct hc_catchup_job *job);

/** hc_catchup_encode_frame() - an encode function: what a client reads, in job->encoding, and its
 * mark */
void hc_catchup_encode_frame(struct hc_catchup_job *job, const struct hc_event *event);

/**
 * hc_catchup_submit() - pass a job on
 * @job: from hc_catchup_job_new(), consumed
 */
void hc_catchup_submit(struct hc_catchup *catchup, struct hc_catchup_job *job);
