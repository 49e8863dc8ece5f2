/* SPDX-License-Identifier: MIT */
/*
 * The events of one run, encoded beforehand for the server that is measured.
 *
 * Each bears its index in its payload, "message":"@00000012 …": clients compare those eight bytes
 * with the ones they must see next, and so check order and completeness of every delivery for the
 * price of one comparison. The JSON text that a client gets has about EVENT_TEXT_LEN bytes,
 * whatever the server.
 */
#pragma once

#include "proto/buffer.h"

#define EVENT_TEXT_LEN	200	   /* bytes of JSON */
#define EVENT_MARK	'@'	   /* before the index; nowhere else in a text */
#define EVENT_INDEX_LEN 8	   /* digits */
#define EVENT_TYPES	10	   /* that filters choose from */
#define EVENT_EVERY	UINT32_MAX /* a filter that wants all types */

enum dialect {
	DIALECT_HOSTCAST, /* MessagePack-RPC, requests of one or of up to 256 events */
	DIALECT_LINES,	  /* a JSON text a line */
	DIALECT_NATS,	  /* PUB */
	DIALECT_HTTP,	  /* POST, pipelined */
};

struct events {
	enum dialect dialect;
	size_t n;
	unsigned int n_types; /* event k has type k % n_types */
	uint64_t *texts;      /* the index as it stands in the payload of each */
	uint64_t *published_ns;

	/* What is written to the publisher's socket: one unit is one message. */
	struct hc_buffer bytes;
	size_t n_units;
	size_t unit_events; /* in all units but the last */
	size_t *unit_ends;  /* in bytes */
};

/**
 * events_init() - make and encode @n events
 * @unit_events: how many go into one message, where the dialect knows batches
 * @target:      subject (NATS), path (HTTP); else unused
 *
 * Return: 0 or -ENOMEM.
 */
int events_init(struct events *events, enum dialect dialect, size_t n, unsigned int n_types,
		size_t unit_events, const char *target);
void events_deinit(struct events *events);

/** events_type_name() - "job.started"… for @type below EVENT_TYPES */
const char *events_type_name(unsigned int type);

/** events_wanted() - whether a filter, a bit a type, wants event @index */
static inline bool events_wanted(const struct events *events, uint32_t filter, size_t index)
{
	return filter == EVENT_EVERY || (filter >> index % events->n_types & 1);
}

/** events_unit_end() - the index behind the last event of a unit */
static inline size_t events_unit_end(const struct events *events, size_t unit)
{
	size_t end = (unit + 1) * events->unit_events;

	return end < events->n ? end : events->n;
}
