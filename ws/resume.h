/* SPDX-License-Identifier: MIT */
/*
 * Resume: a client comes with a position. It is told what that means before the first event that
 * follows: that all it missed is coming, or exactly what cannot be had any more.
 */
#pragma once

#include "ws/session.h"

/** hc_resume() - put the cursor behind @since, and tell what that means */
void hc_resume(struct hc_session *session, const struct hc_position *since);

/**
 * hc_resume_first_left() - the first event that was left behind the position of an answered job
 *
 * It is what the job saw, and not what is kept by now: the log may be trimmed before a job runs,
 * and again before its answer is taken.
 */
uint64_t hc_resume_first_left(const struct hc_catchup_job *job);

/**
 * hc_resume_skip() - the log was trimmed under a client that was reading it: tell, before it goes
 * on
 * @first: the oldest sequence behind its own that was left
 */
void hc_resume_skip(struct hc_session *session, uint64_t first);
