/* SPDX-License-Identifier: MIT */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "proto/clock.h"
#include "tests/bench/fanout/clients.h"

#define BUFFER_BYTES (128 * 1024) /* of one read; it is to stay in the core's own cache */
#define UPGRADE_MAX  4096	  /* bytes of the answer to an upgrade */

static const char nats_subscription[] = "CONNECT {\"verbose\":false,\"pedantic\":false}\r\n"
					"SUB bench 1\r\nPING\r\n";

int clients_init(struct clients *clients, struct events *events, size_t n)
{
	*clients = (struct clients){ .events = events, .n = n, .epoll_fd = -1 };
	clients->list = calloc(n, sizeof(*clients->list));
	clients->buffer = malloc(BUFFER_BYTES);
	if (!clients->list || !clients->buffer)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		clients->list[i].fd = -1;
	clients->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	return clients->epoll_fd < 0 ? -errno : 0;
}

void clients_deinit(struct clients *clients)
{
	for (size_t i = 0; clients->list && i < clients->n; i++) {
		hc_closep(&clients->list[i].fd);
		free(clients->list[i].carry);
	}
	hc_closep(&clients->epoll_fd);
	free(clients->list);
	free(clients->buffer);
}

static void fail(struct clients *clients, const struct client *client, const char *what)
{
	if (!clients->failed)
		fprintf(stderr, "load: client %zu, waiting for event %zu: %s\n",
			(size_t)(client - clients->list), client->next, what);
	clients->failed = true;
}

/* ---- frames out --------------------------------------------------------------------------- */

/* The masking key is zero: the bytes are masked as they stand. */
static void send_frame(struct clients *clients, struct client *client, unsigned char opcode,
		       const char *bytes, size_t len)
{
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer frame = HC_BUFFER_NULL;
	unsigned char head[8] = { (unsigned char)(0x80 | opcode), (unsigned char)(0x80 | len) };
	size_t head_len = 6;

	if (len > 125) {
		head[1] = 0x80 | 126;
		head[2] = (unsigned char)(len >> 8);
		head[3] = (unsigned char)len;
		head_len = 8;
	}
	hc_buffer_append(&frame, head, head_len);
	hc_buffer_append(&frame, bytes, len);
	if (send(client->fd, frame.data, frame.len, MSG_NOSIGNAL) != (ssize_t)frame.len)
		fail(clients, client, "a frame cannot be sent");
}

static void subscribe(struct clients *clients, struct client *client)
{
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer text = HC_BUFFER_NULL;
	const char *before = "";

	hc_buffer_append_str(&text, HC_STR("{\"action\":\"subscribe\",\"events\":["));
	for (unsigned int type = 0; type < clients->events->n_types; type++) {
		if (!(client->filter >> type & 1))
			continue;
		hc_buffer_printf(&text, "%s\"%s\"", before, events_type_name(type));
		before = ",";
	}
	hc_buffer_append_str(&text, HC_STR("]}"));
	send_frame(clients, client, 1, text.data, text.len);
}

static void be_ready(struct clients *clients, struct client *client)
{
	client->state = CLIENT_READY;
	clients->n_ready++;
}

static void be_greeted(struct clients *clients, struct client *client)
{
	client->state = CLIENT_GREETED;
	if (clients->nats)
		send_frame(clients, client, 2, nats_subscription, sizeof(nats_subscription) - 1);
	else if (clients->subscribes)
		subscribe(clients, client);
	else
		be_ready(clients, client);
}

/* ---- deliveries --------------------------------------------------------------------------- */

static void take_next(struct clients *clients, struct client *client, uint64_t now_ns)
{
	const struct events *events = clients->events;
	size_t index = client->next++;

	if (index >= clients->from)
		latency_count(&clients->latency, now_ns - events->published_ns[index]);
	while (client->filter != EVENT_EVERY && client->next < events->n &&
	       !events_wanted(events, client->filter, client->next))
		client->next++;
	clients->n_received++;
	clients->n_left--;
	if (clients->leave && client->next == events->n) {
		hc_closep(&client->fd);
		client->fd = -1;
	}
}

/* One JSON text: an event of ours, or something that the server says of itself. */
static void take_text(struct clients *clients, struct client *client, const char *text, size_t len,
		      uint64_t now_ns)
{
	size_t at = clients->mark_at;
	uint64_t index;

	if (len <= at + EVENT_INDEX_LEN || text[at] != EVENT_MARK) {
		const char *mark = memchr(text, EVENT_MARK, len);

		if (!mark || (size_t)(text + len - mark) <= EVENT_INDEX_LEN) {
			if (memmem(text, len, "\"error\"", 7)) {
				fprintf(stderr, "load: came: %.*s\n", (int)len, text);
				fail(clients, client, "its subscription is refused");
			} else if (client->state == CLIENT_GREETED) {
				be_ready(clients, client);
			}
			return;
		}
		at = (size_t)(mark - text);
		clients->mark_at = at;
	}
	memcpy(&index, text + at + 1, sizeof(index));
	if (client->next >= clients->events->n || index != clients->events->texts[client->next] ||
	    !clients->n_left) {
		fprintf(stderr, "load: came: %.*s\n", (int)(len < 300 ? len : 300), text);
		fail(clients, client, "another event came");
		return;
	}
	clients->bytes += len;
	take_next(clients, client, now_ns);
}

/* "MSG bench 1 200\r\n…\r\n" and the protocol's own lines; several in a frame, none in two. */
static size_t take_nats(struct clients *clients, struct client *client, const char *bytes,
			size_t len, uint64_t now_ns)
{
	size_t taken = 0;

	while (taken < len) {
		const char *line = bytes + taken, *end = memchr(line, '\n', len - taken);
		const char *size;
		size_t text_len, rest;

		if (!end)
			break;
		end++;
		if (memcmp(line, "MSG ", 4)) {
			if (!memcmp(line, "PONG", 4) && client->state == CLIENT_GREETED)
				be_ready(clients, client);
			else if (!memcmp(line, "PING", 4))
				send_frame(clients, client, 2, "PONG\r\n", 6);
			else if (!memcmp(line, "-ERR", 4))
				fail(clients, client, "NATS answers with an error");
			taken += (size_t)(end - line);
			continue;
		}
		for (size = end - 2; size[-1] != ' '; size--)
			;
		text_len = 0;
		while (*size >= '0' && *size <= '9')
			text_len = text_len * 10 + (size_t)(*size++ - '0');
		rest = text_len + 2;
		if ((size_t)(bytes + len - end) < rest)
			break;
		take_text(clients, client, end, text_len, now_ns);
		taken += (size_t)(end - line) + rest;
	}
	return taken;
}

/* ---- frames in ---------------------------------------------------------------------------- */

static void take_control(struct clients *clients, struct client *client, unsigned char opcode,
			 const char *bytes, size_t len)
{
	unsigned int code = 0;
	char why[64];

	if (opcode == 0x9)
		send_frame(clients, client, 0xa, bytes, len);
	if (opcode != 0x8)
		return;
	if (len >= 2)
		code = (unsigned int)(unsigned char)bytes[0] << 8 | (unsigned char)bytes[1];
	(void)snprintf(why, sizeof(why), "closed by the server with %u", code);
	fail(clients, client, why);
}

/* The length of a frame's head, 0 if it is not whole; *ret_len is that of its payload. */
static inline size_t read_head(const unsigned char *head, size_t len, uint64_t *ret_len)
{
	uint64_t long_len;

	if (len < 2)
		return 0;
	*ret_len = head[1] & 0x7f;
	if (*ret_len < 126)
		return 2;
	if (len < 4)
		return 0;
	if (*ret_len == 126) {
		*ret_len = (uint64_t)head[2] << 8 | head[3];
		return 4;
	}
	if (len < 10)
		return 0;
	memcpy(&long_len, head + 2, sizeof(long_len));
	*ret_len = be64toh(long_len);
	return 10;
}

/* Returns how many bytes were dealt with; the others begin an unfinished frame or message. */
static size_t take_frames(struct clients *clients, struct client *client, const char *bytes,
			  size_t len, uint64_t now_ns)
{
	size_t taken = 0;

	while (taken < len && !clients->failed && client->fd >= 0) {
		const unsigned char *head = (const unsigned char *)bytes + taken;
		unsigned char opcode = head[0] & 0x0f;
		size_t head_len, n;
		uint64_t size;

		if (client->frame_left) {
			size = len - taken;
			if (size > client->frame_left)
				size = client->frame_left;
			n = take_nats(clients, client, bytes + taken, size, now_ns);
			taken += n;
			client->frame_left -= n;
			if (client->frame_left)
				break;
			continue;
		}
		head_len = read_head(head, len - taken, &size);
		if (!head_len)
			break;
		if (clients->nats && opcode < 8) {
			client->frame_left = size;
			taken += head_len;
			continue;
		}
		if (len - taken < head_len + size)
			break;
		if (opcode >= 8)
			take_control(clients, client, opcode, bytes + taken + head_len, size);
		else
			take_text(clients, client, bytes + taken + head_len, size, now_ns);
		taken += head_len + size;
	}
	return taken;
}

/* Returns the bytes of the answer to the upgrade, 0 if it is not whole. */
static size_t take_upgrade(struct clients *clients, struct client *client, const char *bytes,
			   size_t len)
{
	const char *end = memmem(bytes, len, "\r\n\r\n", 4);

	if (!end && len < UPGRADE_MAX)
		return 0;
	if (!end || strncmp(bytes, "HTTP/1.1 101", 12) != 0) {
		fprintf(stderr, "load: %.*s\n", (int)(len < 200 ? len : 200), bytes);
		fail(clients, client, "the upgrade is refused");
		return len;
	}
	be_greeted(clients, client);
	return (size_t)(end + 4 - bytes);
}

static void keep(struct clients *clients, struct client *client, const char *bytes, size_t len)
{
	client->carry_len = (uint32_t)len;
	if (!len)
		return;
	if (!client->carry || len > 512)
		client->carry = realloc(client->carry, len > 512 ? len : 512);
	if (!client->carry || len > BUFFER_BYTES / 2) {
		fail(clients, client, "an unfinished frame is too long");
		client->carry_len = 0;
		return;
	}
	memcpy(client->carry, bytes, len);
}

void clients_read(struct clients *clients, struct client *client)
{
	size_t len = client->carry_len, taken = 0;
	uint64_t now_ns;
	ssize_t n;

	if (len)
		memcpy(clients->buffer, client->carry, len);
	n = recv(client->fd, clients->buffer + len, BUFFER_BYTES - len, 0);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		fail(clients, client, n ? strerror(errno) : "closed by the server");
		return;
	}
	now_ns = hc_monotonic_ns();
	clients->n_reads++;
	clients->last_ns = now_ns;
	len += (size_t)n;
	if (client->state == CLIENT_CONNECTING)
		taken = take_upgrade(clients, client, clients->buffer, len);
	if (client->state != CLIENT_CONNECTING)
		taken += take_frames(clients, client, clients->buffer + taken, len - taken, now_ns);
	if (client->fd >= 0)
		keep(clients, client, clients->buffer + taken, len - taken);
}

/* ---- connecting --------------------------------------------------------------------------- */

static int connect_socket(uint16_t port, int rcvbuf)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	struct linger reset = { 1, 0 }; /* leaves no TIME_WAIT behind */
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;

	if (fd < 0)
		return -errno;
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	if (rcvbuf)
		(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &rcvbuf, sizeof(rcvbuf));
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
	    fcntl(fd, F_SETFL, O_NONBLOCK) < 0) {
		int r = -errno;

		hc_closep(&fd);
		return r;
	}
	return fd;
}

bool clients_connect(struct clients *clients, struct client *client, uint32_t filter, int rcvbuf)
{
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = client };
	char request[512];
	int len;

	client->fd = connect_socket(clients->port, rcvbuf);
	if (client->fd < 0) {
		fail(clients, client, strerror(-client->fd));
		client->fd = -1;
		return false;
	}
	client->state = CLIENT_CONNECTING;
	client->filter = filter;
	while (client->next < clients->events->n &&
	       !events_wanted(clients->events, filter, client->next))
		client->next++;
	len = snprintf(request, sizeof(request),
		       "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%u\r\nUpgrade: websocket\r\n"
		       "Connection: Upgrade\r\nSec-WebSocket-Key: aG9zdGNhc3QgYmVuY2ggMQ==\r\n"
		       "Sec-WebSocket-Version: 13\r\n\r\n",
		       clients->path, clients->port);
	if (send(client->fd, request, (size_t)len, MSG_NOSIGNAL) != len ||
	    epoll_ctl(clients->epoll_fd, EPOLL_CTL_ADD, client->fd, &event) < 0) {
		fail(clients, client, strerror(errno));
		return false;
	}
	return true;
}

void clients_stall(struct clients *clients, struct client *client)
{
	(void)epoll_ctl(clients->epoll_fd, EPOLL_CTL_DEL, client->fd, NULL);
	client->state = CLIENT_STALLED;
}

void clients_expect(struct clients *clients, size_t from, size_t end)
{
	for (size_t i = 0; i < clients->n; i++) {
		const struct client *client = &clients->list[i];

		if (client->state != CLIENT_READY)
			continue;
		if (client->filter == EVENT_EVERY) {
			clients->n_left += end - from;
			continue;
		}
		for (size_t index = from; index < end; index++)
			clients->n_left += events_wanted(clients->events, client->filter, index);
	}
}
