/* SPDX-License-Identifier: MIT */
/*
 * The ring: the newest events in memory, in the order in which they were committed.
 *
 * Each event has a slot, a number that only grows; a client's cursor is the slot it wants next.
 * Slots count volatile events too, which have no sequence. Tracks beside it hold the ready frames
 * (track.h).
 *
 * One thread writes; nothing in here belongs to a client.
 */
#pragma once

#include "ws/fanout/track.h"
#include "ws/log/record.h"

struct hc_ring;

#define HC_RING_SLOTS 65536 /* events at most, a power of two */

/**
 * hc_ring_new() - an empty ring
 * @bytes_max: of event bodies; the tracks have a quarter of it each
 * @framing:   borrowed for the ring's life
 * @sequence:  of the newest event in the log
 */
int hc_ring_new(struct hc_ring **ret, uint64_t bytes_max, const struct hc_framing_options *framing,
		uint64_t sequence);
struct hc_ring *hc_ring_free(struct hc_ring *ring);
HC_DEFINE_CLEANUP(struct hc_ring *, hc_ring_free);

/** hc_ring_append() - add a committed event, of which it takes a reference, and encode it */
void hc_ring_append(struct hc_ring *ring, struct hc_record *record);

/** hc_ring_forget() - drop all events; slots and sequences go on */
void hc_ring_forget(struct hc_ring *ring);

/** hc_ring_first() - the oldest slot kept; equal to hc_ring_next() if there is none */
uint64_t hc_ring_first(const struct hc_ring *ring);
uint64_t hc_ring_next(const struct hc_ring *ring);

/** hc_ring_at() - the event of a slot between first and next; borrowed */
struct hc_record *hc_ring_at(const struct hc_ring *ring, uint64_t slot);

/** hc_ring_sequence() - the newest sequence, also when its event is not in the ring any more */
uint64_t hc_ring_sequence(const struct hc_ring *ring);

/** hc_ring_sequence_before() - the newest sequence among the slots before @slot; O(log n) */
uint64_t hc_ring_sequence_before(const struct hc_ring *ring, uint64_t slot);

/**
 * hc_ring_find() - the slot from which a client that has seen @sequence goes on
 * @ret_slot: set if the ring still holds all that came after @sequence
 *
 * Return: whether it does; else the log must be asked. O(log n).
 */
bool hc_ring_find(const struct hc_ring *ring, uint64_t sequence, uint64_t *ret_slot);

uint64_t hc_ring_bytes(const struct hc_ring *ring);

/**
 * hc_ring_track() - the track of an encoding, in use by one more
 *
 * Frames are there for events that are appended from now on. Give it back with hc_ring_release().
 * Return: the track, or NULL without memory.
 */
struct hc_track *hc_ring_track(struct hc_ring *ring, struct hc_encoding encoding);
void hc_ring_release(struct hc_ring *ring, struct hc_track *track);

/** hc_ring_encode() - append the frame of @record in some encoding to @buffer */
void hc_ring_encode(struct hc_ring *ring, const struct hc_record *record,
		    struct hc_encoding encoding, struct hc_buffer *buffer);
