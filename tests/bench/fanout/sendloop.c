/* SPDX-License-Identifier: MIT */
/*
 * A server that does nothing but what no server can do without: one send(2) a client and event.
 *
 * usage: sendloop <path of the publisher's socket>        prints "port <number>"
 *
 * Each line that is published becomes a text frame for every client. A client whose socket is full
 * holds up all the others: that is the limit it stands for.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "proto/buffer.h"

#define CLIENTS_MAX   20000
#define READ_LEN      65536
#define REQUEST_MAX   4096
#define WEBSOCKET_KEY "258EAFA5-E914-47DA-95CA-C5AB0DC85B11" /* RFC 6455 section 1.3 */

enum kind { LISTENER, PUBLISHERS, PUBLISHER, CLIENT };

struct peer {
	enum kind kind;
	int fd;
	size_t index; /* among the clients; SIZE_MAX: not yet upgraded */
	struct hc_buffer in;
};

struct server {
	int epoll_fd;
	struct peer *clients[CLIENTS_MAX];
	size_t n_clients;
};

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static struct peer *watch(struct server *server, enum kind kind, int fd)
{
	struct peer *peer = calloc(1, sizeof(*peer));
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = peer };

	if (!peer || fd < 0 || epoll_ctl(server->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0)
		die("sendloop");
	peer->kind = kind;
	peer->fd = fd;
	peer->index = SIZE_MAX;
	return peer;
}

static void drop(struct server *server, struct peer *peer)
{
	if (peer->index != SIZE_MAX) {
		struct peer *last = server->clients[--server->n_clients];

		server->clients[peer->index] = last;
		last->index = peer->index;
	}
	hc_closep(&peer->fd);
	hc_buffer_deinit(&peer->in);
	free(peer);
}

/* ---- out ---------------------------------------------------------------------------------- */

/* All of it, however long it takes. A client that has gone is noticed when it is read. */
static void send_all(int fd, const char *bytes, size_t len)
{
	while (len) {
		ssize_t n = send(fd, bytes, len, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && errno == EAGAIN) {
			struct pollfd writable = { .fd = fd, .events = POLLOUT };

			(void)poll(&writable, 1, -1);
			continue;
		}
		if (n < 0)
			return;
		bytes += n;
		len -= (size_t)n;
	}
}

static void broadcast(struct server *server, const char *text, size_t len)
{
	char frame[READ_LEN + 4] = { (char)0x81, (char)len };
	size_t head = 2;

	if (len > 125) {
		frame[1] = 126;
		frame[2] = (char)(len >> 8);
		frame[3] = (char)len;
		head = 4;
	}
	memcpy(frame + head, text, len);
	for (size_t i = 0; i < server->n_clients; i++)
		send_all(server->clients[i]->fd, frame, head + len);
}

/* ---- in ----------------------------------------------------------------------------------- */

static void take_lines(struct server *server, struct hc_buffer *in)
{
	const char *line = in->data, *end = in->data + in->len, *newline;

	while ((newline = memchr(line, '\n', (size_t)(end - line)))) {
		broadcast(server, line, (size_t)(newline - line));
		line = newline + 1;
	}
	hc_buffer_consume(in, (size_t)(line - in->data));
}

static void upgrade(struct server *server, struct peer *peer, const char *key)
{
	unsigned char digest[SHA_DIGEST_LENGTH];
	char text[128], accept[64];
	int len = snprintf(text, sizeof(text), "%.24s" WEBSOCKET_KEY, key);

	(void)SHA1((unsigned char *)text, (size_t)len, digest);
	(void)EVP_EncodeBlock((unsigned char *)accept, digest, sizeof(digest));
	len = snprintf(text, sizeof(text),
		       "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n");
	send_all(peer->fd, text, (size_t)len);
	len = snprintf(text, sizeof(text),
		       "Connection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n", accept);
	send_all(peer->fd, text, (size_t)len);
	peer->index = server->n_clients;
	server->clients[server->n_clients++] = peer;
}

static bool take_request(struct server *server, struct peer *peer)
{
	static const char name[] = "Sec-WebSocket-Key: ";
	const char *key;

	if (!memmem(peer->in.data, peer->in.len, "\r\n\r\n", 4))
		return peer->in.len < REQUEST_MAX;
	key = memmem(peer->in.data, peer->in.len, name, sizeof(name) - 1);
	if (!key || server->n_clients == CLIENTS_MAX)
		return false;
	upgrade(server, peer, key + sizeof(name) - 1);
	hc_buffer_reset(&peer->in);
	return true;
}

static void take(struct server *server, struct peer *peer)
{
	char *to = hc_buffer_reserve(&peer->in, READ_LEN);
	ssize_t n = to ? recv(peer->fd, to, READ_LEN, 0) : -1;

	if (n <= 0) {
		drop(server, peer);
		return;
	}
	peer->in.len += (size_t)n;
	if (peer->kind == PUBLISHER)
		take_lines(server, &peer->in);
	else if (peer->index != SIZE_MAX)
		hc_buffer_reset(&peer->in); /* nothing a client says matters */
	else if (!take_request(server, peer))
		drop(server, peer);
}

static void take_connection(struct server *server, const struct peer *listener)
{
	int fd = accept4(listener->fd, NULL, NULL, SOCK_CLOEXEC), on = 1;

	if (fd < 0)
		return;
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)); /* fails on UNIX sockets */
	(void)watch(server, listener->kind == LISTENER ? CLIENT : PUBLISHER, fd);
}

/* ---- life --------------------------------------------------------------------------------- */

static int listen_tcp(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	socklen_t len = sizeof(address);

	if (fd < 0 || bind(fd, (struct sockaddr *)&address, len) < 0 || listen(fd, 4096) < 0 ||
	    getsockname(fd, (struct sockaddr *)&address, &len) < 0)
		die("sendloop: listen");
	printf("port %u\n", ntohs(address.sin_port));
	(void)fflush(stdout);
	return fd;
}

static int listen_unix(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
	    listen(fd, 8) < 0)
		die(path);
	return fd;
}

int main(int argc, char **argv)
{
	static struct server server;

	if (argc != 2) {
		fprintf(stderr, "usage: sendloop <socket>\n");
		return 2;
	}
	server.epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	(void)watch(&server, PUBLISHERS, listen_unix(argv[1]));
	(void)watch(&server, LISTENER, listen_tcp());
	for (;;) {
		/* One at a time: a peer may be freed by what comes before it. */
		struct epoll_event event;
		struct peer *peer;

		if (epoll_wait(server.epoll_fd, &event, 1, -1) < 1)
			continue;
		peer = event.data.ptr;
		if (peer->kind == LISTENER || peer->kind == PUBLISHERS)
			take_connection(&server, peer);
		else
			take(&server, peer);
	}
}
