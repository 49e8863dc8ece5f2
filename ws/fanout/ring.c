/* SPDX-License-Identifier: MIT */
/* The newest events, and the tracks of the encodings that somebody uses. */
#include <errno.h>
#include <stdlib.h>

#include "proto/log.h"
#include "ws/fanout/ring.h"

#define TRACK_CAP_MIN (1024 * 1024) /* bytes; several of the largest frames */

struct slot {
	struct hc_record *record;
	uint64_t sequence; /* the newest among this slot and those before it */
};

struct ring_track {
	struct hc_track *track;
	unsigned int n_users;
};

struct hc_ring {
	struct slot *slots;
	uint64_t first;
	uint64_t next;
	uint64_t sequence;	 /* newest */
	uint64_t first_sequence; /* the newest before `first` */
	uint64_t bytes;
	uint64_t bytes_max;
	size_t track_cap;
	struct ring_track tracks[HC_ENVELOPE_MAX_ * HC_TIME_MAX_ * HC_FRAMING_MAX_];
	size_t n_tracks;
	msgpack_zone zone; /* for decoding one event */
	struct hc_framer framer;
	struct hc_buffer frame; /* of one event */
	struct hc_log_limit log_limit;
};

static size_t power_of_two_below(uint64_t n)
{
	size_t power = TRACK_CAP_MIN;

	while (power * 2 <= n)
		power *= 2;
	return power;
}

int hc_ring_new(struct hc_ring **ret, uint64_t bytes_max, const struct hc_framing_options *framing,
		uint64_t sequence)
{
	HC_CLEANUP(hc_ring_freep) struct hc_ring *ring = calloc(1, sizeof(*ring));

	if (!ring)
		return -ENOMEM;
	ring->bytes_max = bytes_max;
	ring->track_cap = power_of_two_below(bytes_max / 4);
	hc_framer_init(&ring->framer, framing);
	ring->sequence = sequence;
	ring->first_sequence = sequence;
	ring->slots = calloc(HC_RING_SLOTS, sizeof(*ring->slots));
	if (!ring->slots || !msgpack_zone_init(&ring->zone, MSGPACK_ZONE_CHUNK_SIZE))
		return -ENOMEM;
	*ret = hc_take(ring);
	return 0;
}

static struct slot *slot_at(const struct hc_ring *ring, uint64_t slot)
{
	return &ring->slots[slot & (HC_RING_SLOTS - 1)];
}

static void drop_first(struct hc_ring *ring)
{
	struct slot *slot = slot_at(ring, ring->first);

	ring->bytes -= slot->record->body.len;
	ring->first_sequence = slot->sequence;
	slot->record = hc_record_unref(slot->record);
	ring->first++;
}

struct hc_ring *hc_ring_free(struct hc_ring *ring)
{
	if (!ring)
		return NULL;
	while (ring->slots && ring->first != ring->next)
		drop_first(ring);
	for (size_t i = 0; i < ring->n_tracks; i++)
		(void)hc_track_free(ring->tracks[i].track);
	if (ring->zone.chunk_list.head)
		msgpack_zone_destroy(&ring->zone);
	hc_framer_deinit(&ring->framer);
	hc_buffer_deinit(&ring->frame);
	free(ring->slots);
	free(ring);
	return NULL;
}

void hc_ring_encode(struct hc_ring *ring, const struct hc_record *record,
		    struct hc_encoding encoding, struct hc_buffer *buffer)
{
	struct hc_event event;

	msgpack_zone_clear(&ring->zone);
	if (hc_record_event(&event, record, &ring->zone))
		hc_framer_event(&ring->framer, encoding, &event, buffer);
	else
		buffer->failed = true;
}

/* A frame there was no memory for is not in the track: clients take it from the log instead. */
static void append_to_track(struct hc_ring *ring, struct hc_track *track,
			    const struct hc_event *event)
{
	hc_buffer_reset(&ring->frame);
	hc_framer_event(&ring->framer, hc_track_encoding(track), event, &ring->frame);
	if (ring->frame.failed)
		hc_track_clear(track, ring->next);
	else
		hc_track_append(track, (struct hc_str){ ring->frame.data, ring->frame.len });
}

static void append_to_tracks(struct hc_ring *ring, const struct hc_record *record)
{
	struct hc_event event;
	bool decoded = false;

	for (size_t i = 0; i < ring->n_tracks; i++) {
		if (!ring->tracks[i].n_users)
			continue;
		if (!decoded) {
			msgpack_zone_clear(&ring->zone);
			decoded = hc_record_event(&event, record, &ring->zone);
		}
		if (decoded)
			append_to_track(ring, ring->tracks[i].track, &event);
		else
			hc_track_clear(ring->tracks[i].track, ring->next);
	}
}

void hc_ring_append(struct hc_ring *ring, struct hc_record *record)
{
	while (ring->first != ring->next && (ring->next - ring->first == HC_RING_SLOTS ||
					     ring->bytes + record->body.len > ring->bytes_max))
		drop_first(ring);
	if (record->sequence)
		ring->sequence = record->sequence;
	*slot_at(ring, ring->next) = (struct slot){ hc_record_ref(record), ring->sequence };
	ring->bytes += record->body.len;
	ring->next++;
	append_to_tracks(ring, record);
}

void hc_ring_forget(struct hc_ring *ring)
{
	while (ring->first != ring->next)
		drop_first(ring);
	for (size_t i = 0; i < ring->n_tracks; i++)
		hc_track_clear(ring->tracks[i].track, ring->next);
}

uint64_t hc_ring_first(const struct hc_ring *ring)
{
	return ring->first;
}

uint64_t hc_ring_next(const struct hc_ring *ring)
{
	return ring->next;
}

struct hc_record *hc_ring_at(const struct hc_ring *ring, uint64_t slot)
{
	return slot_at(ring, slot)->record;
}

uint64_t hc_ring_sequence(const struct hc_ring *ring)
{
	return ring->sequence;
}

uint64_t hc_ring_sequence_before(const struct hc_ring *ring, uint64_t slot)
{
	return slot == ring->first ? ring->first_sequence : slot_at(ring, slot - 1)->sequence;
}

bool hc_ring_find(const struct hc_ring *ring, uint64_t sequence, uint64_t *ret_slot)
{
	uint64_t low = ring->first, high = ring->next;

	if (sequence < ring->first_sequence || sequence > ring->sequence)
		return false;
	while (low < high) { /* the first slot whose sequence is beyond the one seen */
		uint64_t middle = low + (high - low) / 2;

		if (slot_at(ring, middle)->sequence <= sequence)
			low = middle + 1;
		else
			high = middle;
	}
	*ret_slot = low;
	return true;
}

uint64_t hc_ring_bytes(const struct hc_ring *ring)
{
	return ring->bytes;
}

struct hc_track *hc_ring_track(struct hc_ring *ring, struct hc_encoding encoding)
{
	struct ring_track *user;

	for (size_t i = 0; i < ring->n_tracks; i++) {
		user = &ring->tracks[i];
		if (!hc_encoding_equal(hc_track_encoding(user->track), encoding))
			continue;
		if (!user->n_users++)
			hc_track_clear(user->track, ring->next);
		return user->track;
	}
	user = &ring->tracks[ring->n_tracks]; /* there is a place for every encoding */
	if (hc_track_new(&user->track, encoding, HC_RING_SLOTS, ring->track_cap, ring->next) < 0) {
		if (hc_log_limited(&ring->log_limit))
			hc_err("no memory for the frames of envelope %s, sending a client away",
			       hc_envelope_name(encoding.envelope));
		return NULL;
	}
	user->n_users = 1;
	ring->n_tracks++;
	return user->track;
}

void hc_ring_release(struct hc_ring *ring, struct hc_track *track)
{
	for (size_t i = 0; i < ring->n_tracks; i++)
		if (ring->tracks[i].track == track)
			ring->tracks[i].n_users--;
}
