/* SPDX-License-Identifier: MIT */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "tests/bench/fanout/answers.h"
#include "tests/bench/fanout/publisher.h"

#define SEND_MAX     (1 << 20) /* bytes at once, so that clients are read between */
#define SNDBUF_BYTES (1 << 20)
#define HELLO_MS     5000

static const char nats_hello[] = "CONNECT {\"verbose\":false,\"pedantic\":false}\r\n";
static const char http_ok[] = "HTTP/1.1 20";

static int connect_tcp(int port)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_port = htons((uint16_t)port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;

	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
		int r = -errno;

		hc_closep(&fd);
		return r;
	}
	return fd;
}

static int connect_unix(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
		int r = -errno;

		hc_closep(&fd);
		return r;
	}
	return fd;
}

static int say_hello(struct publisher *publisher, const char *path)
{
	struct hc_fault fault = HC_FAULT_NULL;
	msgpack_object result;
	struct hc_str epoch;
	int r = hc_rpc_client_connect(&publisher->rpc, path);

	if (r < 0)
		return r;
	publisher->fd = hc_rpc_client_fd(publisher->rpc);
	r = hc_rpc_client_hello(publisher->rpc, "publisher", HELLO_MS, &result, &fault);
	if (!r && (!hc_map_get_str(&epoch, &result, "epoch") || epoch.len != HC_EPOCH_LEN ||
		   !hc_map_get_u64(&publisher->sequence, &result, "sequence")))
		r = -EPROTO;
	if (r) {
		fprintf(stderr, "load: hello: %s\n", fault.message);
		return -EPROTO;
	}
	memcpy(publisher->epoch, epoch.s, epoch.len);
	return 0;
}

int publisher_open(struct publisher *publisher, struct events *events, const char *address)
{
	int size = SNDBUF_BYTES, r = 0;

	*publisher = (struct publisher){ .events = events, .fd = -1 };
	if (events->dialect == DIALECT_HOSTCAST)
		r = say_hello(publisher, address);
	else
		publisher->fd =
			address[0] == '/' ? connect_unix(address) : connect_tcp(atoi(address));
	if (r < 0 || publisher->fd < 0) {
		fprintf(stderr, "load: cannot publish to %s: %s\n", address,
			strerror(r < 0 ? -r : -publisher->fd));
		return r < 0 ? r : publisher->fd;
	}
	(void)setsockopt(publisher->fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	if (events->dialect == DIALECT_NATS &&
	    send(publisher->fd, nats_hello, sizeof(nats_hello) - 1, MSG_NOSIGNAL) < 0)
		return -errno;
	return fcntl(publisher->fd, F_SETFL, O_NONBLOCK) < 0 ? -errno : 0;
}

void publisher_close(struct publisher *publisher)
{
	if (publisher->rpc)
		publisher->rpc = hc_rpc_client_free(publisher->rpc);
	else
		hc_closep(&publisher->fd);
	publisher->fd = -1;
}

/* ---- out ---------------------------------------------------------------------------------- */

static size_t queued_bytes(const struct publisher *publisher)
{
	return publisher->n_queued ? publisher->events->unit_ends[publisher->n_queued - 1] : 0;
}

bool publisher_waits(const struct publisher *publisher)
{
	return publisher->sent != queued_bytes(publisher);
}

bool publisher_send(struct publisher *publisher)
{
	size_t len = queued_bytes(publisher) - publisher->sent;
	ssize_t n;

	if (!len)
		return true;
	n = send(publisher->fd, publisher->events->bytes.data + publisher->sent,
		 len < SEND_MAX ? len : SEND_MAX, MSG_NOSIGNAL);
	if (n < 0 && errno != EAGAIN && errno != EINTR) {
		perror("load: the publisher cannot send");
		return false;
	}
	if (n > 0)
		publisher->sent += (size_t)n;
	return true;
}

bool publisher_queue(struct publisher *publisher, size_t n_units, uint64_t now_ns)
{
	struct events *events = publisher->events;
	size_t from = publisher->n_queued * events->unit_events;

	publisher->n_queued += n_units;
	for (size_t i = from; i < events_unit_end(events, publisher->n_queued - 1); i++)
		events->published_ns[i] = now_ns;
	return publisher_send(publisher);
}

/* ---- in ----------------------------------------------------------------------------------- */

/* Counts answers by their status line, which may come in pieces. */
static bool count_answers(struct publisher *publisher, const char *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (bytes[i] == http_ok[publisher->matched]) {
			publisher->matched++;
		} else if (publisher->matched > 9) { /* "HTTP/1.1 " was seen, and no 20 */
			fprintf(stderr, "load: an answer is not 20x but %c…\n", bytes[i]);
			return false;
		} else {
			publisher->matched = bytes[i] == http_ok[0];
		}
		if (!http_ok[publisher->matched]) {
			publisher->n_acknowledged++;
			publisher->matched = 0;
		}
	}
	return true;
}

static bool heed_nats(struct publisher *publisher, const char *bytes, size_t len)
{
	if (memmem(bytes, len, "-ERR", 4)) {
		fprintf(stderr, "load: NATS says %.*s\n", (int)len, bytes);
		return false;
	}
	/* Nobody sends while a unit is half sent: such a ping is left to the next one. */
	if (memmem(bytes, len, "PING\r\n", 6) && !publisher_waits(publisher))
		return send(publisher->fd, "PONG\r\n", 6, MSG_NOSIGNAL) == 6;
	return true;
}

bool publisher_receive(struct publisher *publisher)
{
	char bytes[65536];
	ssize_t n;

	if (publisher->rpc)
		return answers_take(publisher->rpc, &publisher->n_acknowledged);
	n = recv(publisher->fd, bytes, sizeof(bytes), 0);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return true;
	if (n <= 0) {
		fprintf(stderr, "load: the server has closed the publisher's connection\n");
		return false;
	}
	if (publisher->events->dialect == DIALECT_HTTP)
		return count_answers(publisher, bytes, (size_t)n);
	if (publisher->events->dialect == DIALECT_NATS)
		return heed_nats(publisher, bytes, (size_t)n);
	return true;
}

bool publisher_is_done(const struct publisher *publisher)
{
	enum dialect dialect = publisher->events->dialect;

	if (publisher_waits(publisher))
		return false;
	return (dialect != DIALECT_HOSTCAST && dialect != DIALECT_HTTP) ||
	       publisher->n_acknowledged >= publisher->n_queued;
}
