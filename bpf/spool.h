/* SPDX-License-Identifier: MIT */
/*
 * Events on their way to the hub, packed; kept while it is away.
 *
 * Bounded in number and bytes. When it is full the older ones stay and new ones are counted
 * instead; the count becomes one detector.gap in the place where they would have been.
 */
#pragma once

#include "proto/buffer.h"

#define HC_SPOOL_EVENTS_MAX 4096
#define HC_SPOOL_BYTES_MAX  (4u * 1024 * 1024)

struct hc_spool;

/** hc_spool_gap_fn - append the packed detector.gap event for @n_lost events to @event */
typedef void (*hc_spool_gap_fn)(struct hc_buffer *event, uint64_t n_lost);

/** hc_spool_new() - empty; NULL: no memory */
struct hc_spool *hc_spool_new(hc_spool_gap_fn gap);
struct hc_spool *hc_spool_free(struct hc_spool *spool);
HC_DEFINE_CLEANUP(struct hc_spool *, hc_spool_free);

/** hc_spool_push() - copy an event to the end, or count it as lost */
void hc_spool_push(struct hc_spool *spool, const struct hc_buffer *event);

/** hc_spool_offer() - copy an event to the end if there is room; nothing is lost if there is not */
bool hc_spool_offer(struct hc_spool *spool, const struct hc_buffer *event);

/** hc_spool_push_front() - copy an event to the front, whatever the limits: for a new connection's
 * status */
void hc_spool_push_front(struct hc_spool *spool, const struct hc_buffer *event);

/**
 * hc_spool_take() - move events from the front to the end of @events
 * @n_max, @bytes_max: of the batch; an event longer than @bytes_max is counted as lost
 *
 * Return: how many.
 */
size_t hc_spool_take(struct hc_spool *spool, struct hc_buffer *events, size_t n_max,
		     size_t bytes_max);

/** hc_spool_lose() - count @n events that were taken out and could not be delivered */
void hc_spool_lose(struct hc_spool *spool, size_t n);

/** hc_spool_waiting() - events in it, a gap that is still to be told included */
size_t hc_spool_waiting(const struct hc_spool *spool);

/** hc_spool_pushed() - events ever pushed, lost ones included: it moves when there is news */
uint64_t hc_spool_pushed(const struct hc_spool *spool);

/** hc_spool_lost() - events ever lost */
uint64_t hc_spool_lost(const struct hc_spool *spool);
