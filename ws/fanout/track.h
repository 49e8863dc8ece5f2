/* SPDX-License-Identifier: MIT */
/*
 * A track: the ready frames of the newest events in one encoding, end to end.
 *
 * A run of events is then one piece of memory, whoever it is sent to: no client costs an encoding,
 * an allocation or a copy. The memory is a ring that is mapped twice in a row, so that a run which
 * wraps round its end is still one piece. Pages that were never written cost nothing.
 */
#pragma once

#include "ws/fanout/framing.h"

struct hc_track;

/**
 * hc_track_new() - an empty track
 * @n_slots:   events it can index, a power of two
 * @cap_bytes: bytes of frames it can hold, a power of two and whole pages
 * @next:      the slot of the next event
 *
 * Return: 0 or -errno of memfd_create(2) or mmap(2).
 */
int hc_track_new(struct hc_track **ret, struct hc_encoding encoding, size_t n_slots,
		 size_t cap_bytes, uint64_t next);
struct hc_track *hc_track_free(struct hc_track *track);

struct hc_encoding hc_track_encoding(const struct hc_track *track);

/** hc_track_append() - add the frame of the next slot; the oldest give way */
void hc_track_append(struct hc_track *track, struct hc_str frame);

/** hc_track_clear() - forget all frames; the next one is of slot @next */
void hc_track_clear(struct hc_track *track, uint64_t next);

/** hc_track_first() - the oldest slot whose frame is still there */
uint64_t hc_track_first(const struct hc_track *track);

/** hc_track_next() - the slot that the next frame will have */
uint64_t hc_track_next(const struct hc_track *track);

/**
 * hc_track_frames() - the frames of slots @from up to, not including, @to, in one piece
 *
 * Both must lie between first and next. Valid until the next append.
 */
struct hc_str hc_track_frames(const struct hc_track *track, uint64_t from, uint64_t to);
