/* SPDX-License-Identifier: MIT */
/*
 * One event in the hub's memory: made once when it arrives, shared by log, ring, state and answers.
 */
#pragma once

#include "proto/event.h"
#include "proto/types.h"

struct hc_record {
	unsigned int n_refs; /* of the loop thread; other threads only borrow */
	uint64_t sequence;   /* set when it is committed; 0 for a volatile event */
	uint64_t serial;     /* of one that was shown without a sequence; else 0 */
	bool is_volatile;    /* shown, not logged: as its type is, or its maker wants */
	bool is_taken;	     /* of the writer thread: its batch is or was being committed */
	const struct hc_type *type;
	int64_t timestamp_unix_ms;
	uint64_t taken_ns;	 /* CLOCK_MONOTONIC: when it was published; 0: by the hub itself */
	uint64_t boot_ns;	 /* CLOCK_BOOTTIME: when the kernel saw it; 0: not known */
	struct hc_str to;	 /* within bytes; empty: everybody */
	struct hc_str state_key; /* within bytes; of a retained or a clearing type */
	struct hc_str body; /* within bytes: the event as msgpack, without sequence and channel */
	char bytes[];
};

/**
 * hc_record_new() - make a record of a validated event
 * @event: borrowed for the call
 *
 * Return: a record with one reference, or NULL without memory.
 */
struct hc_record *hc_record_new(const struct hc_event *event, const struct hc_type *type);

/**
 * hc_record_load() - make a record of a stored body
 * @sequence: 0 if it has none
 *
 * Return: a record with one reference; NULL if the body is damaged or there is no memory.
 */
struct hc_record *hc_record_load(const struct hc_types *types, struct hc_str body,
				 uint64_t sequence);

struct hc_record *hc_record_ref(struct hc_record *record);
struct hc_record *hc_record_unref(struct hc_record *record);
HC_DEFINE_CLEANUP(struct hc_record *, hc_record_unref);

/** hc_record_is_logged() - whether it goes to the log and has a sequence */
static inline bool hc_record_is_logged(const struct hc_record *record)
{
	return !record->is_volatile;
}

/**
 * hc_record_event() - the event of a record, with sequence and channel
 * @ret:  borrows from @record and @zone
 *
 * Return: whether there was memory.
 */
bool hc_record_event(struct hc_event *ret, const struct hc_record *record, msgpack_zone *zone);
