/* SPDX-License-Identifier: MIT */
/*
 * Resume: a client comes with a position. It is told what that means before the first event that
 * follows: that all it missed is coming, or exactly what cannot be had any more.
 */
#pragma once

#include "ws/sessions/session.h"

struct hc_question;

/** hc_resume() - put the cursor behind @since, and tell what that means */
void hc_resume(struct hc_session *session, const struct hc_position *since);

/** hc_resume_count_state() - how many hc_resume_send_state() would send */
uint64_t hc_resume_count_state(struct hc_session *session, uint64_t reached);

/** hc_resume_answer() - how much there is behind the position of a client that resumes: tell it */
void hc_resume_answer(struct hc_session *session, const struct hc_question *count);

/**
 * hc_resume_send_state() - send the retained events that the client wants
 * @reached: those that came later are left out: they follow as events
 *
 * With the last of them a client that keeps positions is at @reached: one whose connection breaks
 * before that gets them all again. One state may wait for the socket, however large it is; from the
 * second on it counts as what the client has caused itself.
 */
void hc_resume_send_state(struct hc_session *session, uint64_t reached);

/**
 * hc_resume_skip() - the log was trimmed under a client that was reading it: tell, before it goes
 * on
 * @first: the oldest sequence that was left
 *
 * Return: whether it had to be told.
 */
bool hc_resume_skip(struct hc_session *session, uint64_t first);
