/* SPDX-License-Identifier: MIT */
/*
 * The WebSocket clients: what they cost must be small beside what the server does for them.
 *
 * One thread, one epoll, one large buffer that all read into; of a delivery only the frame's head
 * and the eight bytes of its index are looked at. Any event that is missing, doubled, out of order
 * or not wanted by the client's filter ends the run with an error.
 */
#pragma once

#include "tests/bench/fanout/events.h"
#include "tests/bench/fanout/latency.h"

enum client_state {
	CLIENT_NEW,
	CLIENT_CONNECTING, /* the answer to its upgrade has not come */
	CLIENT_GREETED,	   /* upgraded, waits for the answer to its subscription */
	CLIENT_READY,
	CLIENT_STALLED, /* reads nothing */
};

struct client {
	int fd;
	enum client_state state;
	uint32_t filter;     /* a bit a type, or EVENT_EVERY */
	uint32_t carry_len;  /* bytes of an unfinished frame, kept until the next read */
	uint64_t frame_left; /* NATS: bytes of the current frame not yet looked at */
	size_t next;	     /* index of the event that must come next */
	char *carry;
};

struct clients {
	struct events *events;
	const char *path; /* of the endpoint */
	uint16_t port;
	bool nats;
	bool subscribes; /* sends a subscription of its filter */
	bool leave;	 /* who has all events closes its connection */
	int epoll_fd;
	struct client *list;
	size_t n;
	size_t n_ready;
	uint64_t n_left;     /* deliveries still missing */
	uint64_t n_received; /* deliveries */
	uint64_t bytes;	     /* of their JSON texts */
	uint64_t n_reads;
	size_t from; /* latencies of earlier events are not counted */
	uint64_t last_ns;
	struct latency latency;
	char *buffer;
	size_t mark_at; /* where the mark was in the text before */
	bool failed;	/* why is on stderr */
};

/** clients_init() - @n clients, none connected; 0 or -errno */
int clients_init(struct clients *clients, struct events *events, size_t n);
void clients_deinit(struct clients *clients);

/**
 * clients_connect() - start to connect one more
 * @filter: a bit a type, or EVENT_EVERY
 * @rcvbuf: SO_RCVBUF, or 0
 */
bool clients_connect(struct clients *clients, struct client *client, uint32_t filter, int rcvbuf);

/** clients_stall() - never read from this one again */
void clients_stall(struct clients *clients, struct client *client);

/** clients_read() - read once from a client that is readable */
void clients_read(struct clients *clients, struct client *client);

/** clients_expect() - events up to @end will be published: count what is to be delivered */
void clients_expect(struct clients *clients, size_t from, size_t end);
