/* SPDX-License-Identifier: MIT */
/*
 * Resume: a client comes with a position. It is told what that means before the first event that
 * follows: that all it missed is coming, or exactly what cannot be had any more.
 */
#pragma once

#include "ws/sessions/session.h"

/** hc_resume() - put the cursor behind @since, and tell what that means */
void hc_resume(struct hc_session *session, const struct hc_position *since);

/**
 * hc_resume_send_state() - send the retained events that the client wants
 * @reached: those that came later are left out: they follow as events
 *
 * To a client that keeps positions each of them counts as @reached.
 */
void hc_resume_send_state(struct hc_session *session, uint64_t reached);

/**
 * hc_resume_skip() - the log was trimmed under a client that was reading it: tell, before it goes
 * on
 * @first: the oldest sequence behind its own that was left
 */
void hc_resume_skip(struct hc_session *session, uint64_t first);
