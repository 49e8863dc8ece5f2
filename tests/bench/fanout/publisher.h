/* SPDX-License-Identifier: MIT */
/*
 * The one connection that publishes. What is due is a prefix of the encoded units: queueing moves
 * a number, and sending is one send(2) of everything between two numbers.
 */
#pragma once

#include "proto/position.h"
#include "proto/rpc.h"
#include "tests/bench/fanout/events.h"

struct publisher {
	struct events *events;
	int fd;
	struct hc_rpc_client *rpc;    /* DIALECT_HOSTCAST: it owns fd */
	char epoch[HC_EPOCH_LEN + 1]; /* and where the log was when it came */
	uint64_t sequence;
	size_t n_queued;       /* units */
	size_t sent;	       /* bytes */
	size_t n_acknowledged; /* units, where the server acknowledges at all */
	size_t matched;	       /* bytes of the answer's status line that were seen last */
};

/**
 * publisher_open() - connect and say what comes before the first event
 * @address: path of a UNIX socket, or a TCP port on 127.0.0.1
 *
 * Return: 0 or -errno; the reason is on stderr.
 */
int publisher_open(struct publisher *publisher, struct events *events, const char *address);
void publisher_close(struct publisher *publisher);

/** publisher_queue() - @n_units more are due now; sends what the socket takes */
bool publisher_queue(struct publisher *publisher, size_t n_units, uint64_t now_ns);

/** publisher_send() - send what is queued, as far as the socket takes it */
bool publisher_send(struct publisher *publisher);

/** publisher_receive() - read answers; false if one is an error, which is then on stderr */
bool publisher_receive(struct publisher *publisher);

/** publisher_waits() - whether something is queued and not sent */
bool publisher_waits(const struct publisher *publisher);

/** publisher_is_done() - whether everything queued was sent and acknowledged */
bool publisher_is_done(const struct publisher *publisher);
