/* SPDX-License-Identifier: MIT */
/* A ring of HC_SPOOL_EVENTS_MAX, and a few slots more for gaps and what is put in front. */
#include <stdlib.h>

#include "bpf/spool.h"

#define N_SLOTS (HC_SPOOL_EVENTS_MAX + 16)

struct event {
	char *data;
	size_t len;
};

struct hc_spool {
	struct event slots[N_SLOTS];
	size_t first;
	size_t n;
	size_t n_bytes;
	uint64_t n_pushed;
	uint64_t n_lost;
	uint64_t n_untold; /* lost since the last gap event */
	hc_spool_gap_fn gap;
};

struct hc_spool *hc_spool_new(hc_spool_gap_fn gap)
{
	struct hc_spool *spool = calloc(1, sizeof(*spool));

	if (spool)
		spool->gap = gap;
	return spool;
}

struct hc_spool *hc_spool_free(struct hc_spool *spool)
{
	size_t i;

	if (!spool)
		return NULL;
	for (i = 0; i < N_SLOTS; i++)
		free(spool->slots[i].data);
	free(spool);
	return NULL;
}

static bool copy_event(struct hc_spool *spool, size_t index, const struct hc_buffer *event)
{
	char *data = event->failed ? NULL : malloc(event->len ? event->len : 1);

	if (!data)
		return false;
	if (event->len)
		memcpy(data, event->data, event->len);
	spool->slots[index] = (struct event){ data, event->len };
	spool->n++;
	spool->n_bytes += event->len;
	return true;
}

static bool append(struct hc_spool *spool, const struct hc_buffer *event)
{
	return spool->n < N_SLOTS && copy_event(spool, (spool->first + spool->n) % N_SLOTS, event);
}

/* Puts the count of lost events where they would have been. */
static bool tell_gap(struct hc_spool *spool)
{
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer event = HC_BUFFER_NULL;

	spool->gap(&event, spool->n_untold);
	if (!append(spool, &event))
		return false;
	spool->n_untold = 0;
	return true;
}

void hc_spool_lose(struct hc_spool *spool, size_t n)
{
	spool->n_lost += n;
	spool->n_untold += n;
}

static bool keep(struct hc_spool *spool, const struct hc_buffer *event)
{
	return hc_spool_waiting(spool) < HC_SPOOL_EVENTS_MAX &&
	       spool->n_bytes + event->len <= HC_SPOOL_BYTES_MAX &&
	       (!spool->n_untold || tell_gap(spool)) && append(spool, event);
}

void hc_spool_push(struct hc_spool *spool, const struct hc_buffer *event)
{
	spool->n_pushed++;
	if (!keep(spool, event))
		hc_spool_lose(spool, 1);
}

bool hc_spool_offer(struct hc_spool *spool, const struct hc_buffer *event)
{
	if (!keep(spool, event))
		return false;
	spool->n_pushed++;
	return true;
}

void hc_spool_push_front(struct hc_spool *spool, const struct hc_buffer *event)
{
	size_t index = (spool->first + N_SLOTS - 1) % N_SLOTS;

	spool->n_pushed++;
	if (spool->n < N_SLOTS && copy_event(spool, index, event))
		spool->first = index;
	else
		hc_spool_lose(spool, 1);
}

size_t hc_spool_take(struct hc_spool *spool, struct hc_buffer *events, size_t n_max,
		     size_t bytes_max)
{
	size_t n_taken = 0, n_bytes = 0;

	if (!spool->n && spool->n_untold)
		(void)tell_gap(spool); /* no memory: the next call tries again */
	while (spool->n && n_taken < n_max) {
		struct event *event = &spool->slots[spool->first];

		if (event->len > bytes_max) {
			hc_spool_lose(spool, 1);
		} else if (n_bytes + event->len > bytes_max) {
			break;
		} else {
			hc_buffer_append(events, event->data, event->len);
			n_bytes += event->len;
			n_taken++;
		}
		spool->n_bytes -= event->len;
		free(event->data);
		*event = (struct event){ 0 };
		spool->first = (spool->first + 1) % N_SLOTS;
		spool->n--;
	}
	return n_taken;
}

size_t hc_spool_waiting(const struct hc_spool *spool)
{
	return spool->n + (spool->n_untold ? 1 : 0);
}

uint64_t hc_spool_pushed(const struct hc_spool *spool)
{
	return spool->n_pushed;
}

uint64_t hc_spool_lost(const struct hc_spool *spool)
{
	return spool->n_lost;
}
