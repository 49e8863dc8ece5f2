/* SPDX-License-Identifier: MIT */
/*
 * The greeting: what a client that speaks hostcast.v1 is told before anything else. Others get what
 * their own protocol has, and nothing more.
 */
#pragma once

#include <stdint.h>

struct hc_session;

/**
 * hc_greeting_tell() - send connection.established
 * @n_state: how many retained events follow it
 */
void hc_greeting_tell(struct hc_session *session, uint64_t n_state);
