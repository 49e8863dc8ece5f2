/* SPDX-License-Identifier: MIT */
/*
 * An event: something that happened, as it travels between the programs.
 *
 * As msgpack it is a map with the keys type, payload, timestamp and, where they are known,
 * sequence, channel, correlation_id and to. A publisher sends no sequence and no channel: the hub
 * sets both. boot_ns is between loader and hub, for measuring: it is read, and never packed again.
 */
#pragma once

#include "proto/codec.h"

struct hc_fault;

#define HC_EVENT_TYPE_MAX	 64    /* bytes */
#define HC_EVENT_CORRELATION_MAX 128   /* bytes */
#define HC_EVENT_TO_MAX		 128   /* bytes */
#define HC_EVENT_BATCH_MAX	 256   /* events in one publish */
#define HC_EVENT_LEN_MAX	 65536 /* bytes of one event as msgpack */

struct hc_event {
	struct hc_str type;
	msgpack_object payload; /* a map */
	int64_t timestamp_unix_ms;
	uint64_t sequence;     /* 0: not set (a publisher's, or a volatile event) */
	uint64_t serial;       /* of one without a sequence: tells it from others; not in msgpack */
	struct hc_str channel; /* empty: not set */
	struct hc_str correlation_id; /* empty: not set */
	struct hc_str to;	      /* empty: everybody */
	uint64_t boot_ns;	      /* CLOCK_BOOTTIME: when the kernel saw it; 0: not set */
};

/**
 * hc_event_read() - take an event out of its msgpack map
 * @ret:    borrows from @map
 * @now_unix_ms: the timestamp of an event that has none
 * @fault:  HC_FAULT_INVALID_PARAMS with the pointer of the field
 *
 * Checks shape and lengths of the fields, not the payload (that is the registry's business).
 * Keys it does not know are refused: a misspelt "timestmap" must not pass.
 */
bool hc_event_read(struct hc_event *ret, const msgpack_object *map, int64_t now_unix_ms,
		   struct hc_fault *fault);

/** hc_event_pack() - pack the map of @event, without unset fields; its time as RFC 3339 text */
void hc_event_pack(msgpack_packer *pk, const struct hc_event *event);
