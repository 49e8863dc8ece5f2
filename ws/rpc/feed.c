/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "proto/log.h"
#include "ws/rpc/feed.h"
#include "ws/rpc/method.h"

#define WAITING_MAX (256 * 1024) /* bytes queued for a peer above which its cursor stays */

struct hc_feed {
	struct hc_peer *peer;
	struct hc_filter filter;
	uint64_t cursor;   /* slot, unless in_log */
	uint64_t sequence; /* the newest it has been given */
	bool in_log;
	struct hc_catchup_job *job;
};

struct hc_feed *hc_feed_new(struct hc_peer *peer, const struct hc_filter *filter, uint64_t sequence)
{
	struct hc_feed *feed = calloc(1, sizeof(*feed));

	if (!feed)
		return NULL;
	feed->peer = peer;
	feed->filter = *filter;
	feed->sequence = sequence;
	feed->in_log = !hc_ring_find(peer->hub->ring, sequence, &feed->cursor);
	return feed;
}

struct hc_feed *hc_feed_free(struct hc_feed *feed)
{
	if (!feed)
		return NULL;
	if (feed->job)
		feed->job->owner = NULL;
	free(feed);
	return NULL;
}

static void pack_notification(struct hc_buffer *buffer, const struct hc_event *event)
{
	msgpack_packer pk = hc_codec_packer(buffer);

	hc_rpc_pack_notification(&pk, "event");
	hc_event_pack(&pk, event);
}

/* ---- from the log ------------------------------------------------------------------------- */

static void encode(struct hc_catchup_job *job, const struct hc_event *event)
{
	pack_notification(&job->page, event);
}

static void tell_gap(struct hc_feed *feed, const char *reason, const char *epoch,
		     uint64_t missed_to)
{
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer gap = HC_BUFFER_NULL;
	msgpack_packer pk = hc_codec_packer(&gap);
	char from[HC_POSITION_MAX];

	(void)hc_position_format(from, epoch, feed->sequence + 1);
	hc_rpc_pack_notification(&pk, "gap");
	msgpack_pack_map(&pk, 3);
	hc_pack_str_at(&pk, "reason", hc_str(reason));
	hc_pack_str_at(&pk, "missed_from", hc_str(from));
	hc_method_position_at(&pk, "missed_to", feed->peer->hub, missed_to);
	feed->sequence = missed_to;
	hc_peer_send(feed->peer, &gap);
}

/* The log was trimmed under it: it is told before it goes on. */
static void skip_to(struct hc_feed *feed, uint64_t first)
{
	if (first != feed->sequence + 1)
		tell_gap(feed, "lagged", feed->peer->hub->store->epoch, first - 1);
}

static void on_page(struct hc_catchup_job *job)
{
	struct hc_feed *feed = job->owner;
	struct hc_peer *peer = feed->peer;

	feed->job = NULL;
	if (job->error) {
		struct hc_fault fault = HC_FAULT_NULL;

		hc_fault_set(&fault, HC_FAULT_UNAVAILABLE, "the log cannot be read: %s",
			     strerror(-job->error));
		hc_peer_end(peer, &fault);
		return;
	}
	skip_to(feed, hc_catchup_first_left(job));
	if (hc_peer_is_gone(peer))
		return;
	if (job->last > feed->sequence)
		feed->sequence = job->last;
	hc_peer_send(peer, &job->page);
	if (!hc_peer_is_gone(peer))
		hc_feed_pump(feed);
}

/* Without memory the peer is sent away: it comes back with its position, and misses nothing. */
static void give_up(struct hc_feed *feed)
{
	const struct hc_buffer nothing = { .failed = true };

	hc_peer_send(feed->peer, &nothing);
}

/* Returns false if that was the end of the feed. */
static bool ask_log(struct hc_feed *feed)
{
	struct hc_hub *hub = feed->peer->hub;
	struct hc_catchup_job *job;

	if (feed->job)
		return true;
	if (hc_ring_find(hub->ring, feed->sequence, &feed->cursor)) {
		feed->in_log = false;
		return true;
	}
	job = hc_catchup_job_new(on_page, feed, feed->sequence);
	if (!job) {
		give_up(feed);
		return false;
	}
	job->until = hc_ring_sequence(hub->ring);
	job->filter = feed->filter;
	job->all_users = hc_peer_may_see_all(feed->peer);
	job->encode = encode;
	job->bytes_max = WAITING_MAX;
	feed->job = job;
	hc_catchup_submit(hub->catchup, job);
	return true;
}

/* ---- from the ring ------------------------------------------------------------------------ */

static bool is_wanted(const struct hc_feed *feed, const struct hc_record *record)
{
	return hc_filter_has(&feed->filter, record->type) &&
	       (!record->to.len || hc_peer_may_see_all(feed->peer));
}

static void pack_record(struct hc_buffer *batch, const struct hc_record *record, msgpack_zone *zone)
{
	struct hc_event event;

	msgpack_zone_clear(zone);
	if (hc_record_event(&event, record, zone))
		pack_notification(batch, &event);
	else
		batch->failed = true;
}

static void send_from_ring(struct hc_feed *feed)
{
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer batch = HC_BUFFER_NULL;
	const struct hc_ring *ring = feed->peer->hub->ring;
	msgpack_zone zone;

	if (!msgpack_zone_init(&zone, MSGPACK_ZONE_CHUNK_SIZE)) {
		give_up(feed);
		return;
	}
	while (feed->cursor < hc_ring_next(ring) && batch.len < WAITING_MAX && !batch.failed) {
		const struct hc_record *record = hc_ring_at(ring, feed->cursor);

		if (is_wanted(feed, record))
			pack_record(&batch, record, &zone);
		feed->cursor++;
	}
	feed->sequence = hc_ring_sequence_before(ring, feed->cursor);
	msgpack_zone_destroy(&zone);
	if (batch.len || batch.failed)
		hc_peer_send(feed->peer, &batch);
}

bool hc_feed_has_more(const struct hc_feed *feed)
{
	return !feed->in_log && feed->cursor < hc_ring_next(feed->peer->hub->ring);
}

void hc_feed_pump(struct hc_feed *feed)
{
	const struct hc_ring *ring = feed->peer->hub->ring;

	if (!feed->in_log && feed->cursor < hc_ring_first(ring))
		feed->in_log = true;
	if (hc_peer_waiting(feed->peer) >= WAITING_MAX || (feed->in_log && !ask_log(feed)))
		return;
	if (!feed->in_log && feed->cursor < hc_ring_next(ring))
		send_from_ring(feed);
}

void hc_feed_begin_anew(struct hc_feed *feed, const char *epoch_before)
{
	const struct hc_ring *ring = feed->peer->hub->ring;

	if (feed->job)
		feed->job->owner = NULL;
	feed->job = NULL;
	feed->cursor = hc_ring_next(ring);
	feed->in_log = false;
	tell_gap(feed, "epoch", epoch_before, hc_ring_sequence(ring));
}
