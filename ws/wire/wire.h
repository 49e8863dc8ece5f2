/* SPDX-License-Identifier: MIT */
/*
 * The wire to one client: bytes out, and what can be asked of its socket. What libwebsockets is to
 * the rest of the hub.
 */
#pragma once

#include "proto/base.h"

struct lws;

/**
 * hc_wire_write() - send whole, ready frames
 * @bytes: copied by the kernel or, what it does not take, by the library: free to reuse afterwards
 *
 * One send(2), nothing else. Must not be called while hc_wire_is_blocked(): then the library would
 * queue without bound. Return: whether the connection is still good.
 */
bool hc_wire_write(struct lws *wire, struct hc_str bytes);

/** hc_wire_is_blocked() - whether a part of the last write still waits for the socket */
bool hc_wire_is_blocked(struct lws *wire);

/** hc_wire_want_write() - call hc_session_on_writable() once the socket takes more */
void hc_wire_want_write(struct lws *wire);

/** hc_wire_unsent() - bytes the peer has not acknowledged yet, ioctl SIOCOUTQ, tcp(7); -1 if
 * unknown */
int hc_wire_unsent(struct lws *wire);

/**
 * hc_wire_await_close() - our close frame is sent: drop the connection if no answer comes in time
 */
void hc_wire_await_close(struct lws *wire);

/** hc_wire_kill() - drop the connection after this turn of the loop, without a close frame */
void hc_wire_kill(struct lws *wire);
