/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <libwebsockets.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "ws/wire/wire.h"

#define CLOSE_ANSWER_S	 5
#define TLS_RECORD_BYTES 16384 /* RFC 8446 section 5.1 */

/*
 * LWS_WRITE_HTTP on a WebSocket connection sends the bytes as they are: true in 4.1.6, 4.3.5
 * and 4.4.5. The library does not write to the buffer in this mode, so a track may be given to it.
 */
static bool write_by_library(struct lws *wire, struct hc_str bytes)
{
	return lws_write(wire, (unsigned char *)(uintptr_t)bytes.s, bytes.len, LWS_WRITE_HTTP) >= 0;
}

/*
 * OpenSSL takes one record at a time, and the library keeps a copy of the rest until the socket is
 * writable: so it is given no more than that at a time as long as the socket takes it.
 */
static bool write_records(struct lws *wire, struct hc_str bytes)
{
	while (bytes.len > TLS_RECORD_BYTES && !lws_partial_buffered(wire)) {
		if (!write_by_library(wire, (struct hc_str){ bytes.s, TLS_RECORD_BYTES }))
			return false;
		bytes.s += TLS_RECORD_BYTES;
		bytes.len -= TLS_RECORD_BYTES;
	}
	return write_by_library(wire, bytes);
}

/*
 * Without TLS, straight to the socket: the library's own way there costs a quarter as much again as
 * the system call. It gets what the socket did not take, for its out-list.
 */
bool hc_wire_write(struct lws *wire, struct hc_str bytes)
{
	ssize_t n;

	if (lws_is_ssl(wire))
		return write_records(wire, bytes);
	n = send(lws_get_socket_fd(wire), bytes.s, bytes.len, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (n == (ssize_t)bytes.len)
		return true;
	/* Memory of the kernel may be short for a moment: that is no end of a connection. */
	if (n < 0 && errno != EAGAIN && errno != EINTR && errno != ENOMEM && errno != ENOBUFS)
		return false;
	if (n > 0)
		bytes = (struct hc_str){ bytes.s + n, bytes.len - (size_t)n };
	return write_by_library(wire, bytes);
}

bool hc_wire_is_blocked(struct lws *wire)
{
	return lws_partial_buffered(wire);
}

void hc_wire_want_write(struct lws *wire)
{
	(void)lws_callback_on_writable(wire);
}

int hc_wire_unsent(struct lws *wire)
{
	int unsent;

	return ioctl(lws_get_socket_fd(wire), SIOCOUTQ, &unsent) < 0 ? -1 : unsent;
}

void hc_wire_await_close(struct lws *wire)
{
	lws_set_timeout(wire, PENDING_TIMEOUT_CLOSE_ACK, CLOSE_ANSWER_S);
}

void hc_wire_kill(struct lws *wire)
{
	lws_set_timeout(wire, PENDING_TIMEOUT_USER_REASON_BASE, LWS_TO_KILL_ASYNC);
	/* Without a wake-up it would wait for the next event on one of the library's sockets. */
	lws_cancel_service(lws_get_context(wire));
}
