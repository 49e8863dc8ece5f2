/* SPDX-License-Identifier: MIT */
/*
 * The keeper of revocations: writes their file on a thread of the loop's pool, because a slow disk
 * must not hold up events. One text at a time; whoever asks while one is written is served by the
 * next, so that many revocations cost two writes and not more memory than one.
 */
#pragma once

#include <uv.h>

#include "proto/base.h"

struct hc_keeper;
struct hc_revocations;

/** struct hc_keeper_job - somebody who waits for what is in force now to be on the disk */
struct hc_keeper_job {
	struct hc_keeper_job *next;
	/* @result: 0 or -errno. May free the job. */
	void (*done)(struct hc_keeper_job *job, int result);
};

/** hc_keeper_new() - @loop and @revocations are borrowed */
int hc_keeper_new(struct hc_keeper **ret, uv_loop_t *loop, struct hc_revocations *revocations);

/** hc_keeper_free() - the loop must have been run until nothing was left on it */
struct hc_keeper *hc_keeper_free(struct hc_keeper *keeper);
HC_DEFINE_CLEANUP(struct hc_keeper *, hc_keeper_free);

/** hc_keeper_save() - write the file; job->done() is called from the loop, always later */
void hc_keeper_save(struct hc_keeper *keeper, struct hc_keeper_job *job);
