/* SPDX-License-Identifier: MIT */
/*
 * The way of an event through the hub:
 *
 *   a publisher ──> batch ──> writer thread: log ──> ring, state ──> answer; at the end of the
 * turn: clients
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "proto/clock.h"
#include "proto/fault.h"
#include "proto/log.h"
#include "ws/auth/keeper.h"
#include "ws/consumers.h"
#include "ws/health/health.h"
#include "ws/health/metrics.h"
#include "ws/hub.h"
#include "ws/mend.h"
#include "ws/rpc/detector.h"
#include "ws/rpc/feed.h"
#include "ws/rpc/peer.h"
#include "ws/sessions/admission.h"
#include "ws/sessions/question.h"
#include "ws/sessions/replay.h"
#include "ws/sessions/session.h"

/* ---- events ------------------------------------------------------------------------------- */

void hc_hub_commit(struct hc_hub *hub, struct hc_batch *batch)
{
	hc_latest_take(hub->latest, hub->state, batch);
	hc_writer_submit(hub->writer, batch);
}

uint64_t hc_hub_next_serial(struct hc_hub *hub)
{
	return ++hub->serial;
}

void hc_hub_admit(struct hc_hub *hub, const struct hc_batch *batch)
{
	for (size_t i = 0; batch->result == HC_BATCH_OK_ && i < batch->n; i++) {
		struct hc_record *record = batch->records[i];

		if (!record->sequence)
			record->serial = hc_hub_next_serial(hub);
		hc_ring_append(hub->ring, record);
		hub->stats.events[record->type->index]++;
		hc_lost_count(hub->lost, record);
		hc_health_note(hub->health, record);
		if (!strcmp(record->type->name, "detector.status"))
			hc_health_look(hub->health);
		if (!hc_state_apply(hub->state, record))
			hc_err("out of memory: the retained %s is not the newest any more",
			       record->type->name);
	}
	hc_latest_forget(hub->latest, batch);
}

/* How long what a flush has just shown took to get to the clients; O(new events). */
static void observe(struct hc_hub *hub)
{
	uint64_t now_ns = hc_monotonic_ns(), now_boot_ns = hc_boottime_ns();
	uint64_t first = hc_ring_first(hub->ring), end = hc_ring_next(hub->ring);

	for (uint64_t slot = hub->shown > first ? hub->shown : first; slot < end; slot++) {
		const struct hc_record *record = hc_ring_at(hub->ring, slot);

		if (record->taken_ns && record->taken_ns < now_ns)
			hc_histogram_add(&hub->stats.publish_to_client, &hc_buckets_ns,
					 now_ns - record->taken_ns);
		if (record->boot_ns && record->boot_ns < now_boot_ns)
			hc_histogram_add(&hub->stats.kernel_to_client, &hc_buckets_ns,
					 now_boot_ns - record->boot_ns);
	}
}

/* The end of a turn: everything that one commit brought goes out together. */
static void show(void *context)
{
	struct hc_hub *hub = context;
	uint64_t n_before = hc_audiences_sent(hub->audiences).deliveries;

	hc_audiences_flush(hub->audiences, uv_now(hub->loop));
	if (hc_audiences_sent(hub->audiences).deliveries != n_before)
		observe(hub);
	hub->shown = hc_ring_next(hub->ring);
	hc_mend_look(hub);
	for (struct hc_peer *peer = hub->peers->head, *next; peer; peer = next) {
		next = peer->next;
		if (peer->feed)
			hc_feed_pump(peer->feed);
	}
}

/* Whether one line says, or soon will, that nothing can be logged. */
static bool is_degraded(const struct hc_hub *hub)
{
	struct hc_store_health health;

	hc_store_look(hub->store, &health);
	return health.is_degraded || hub->mend.since_ns;
}

static void on_announced(struct hc_batch *batch)
{
	struct hc_hub *hub = batch->owner;

	hc_hub_admit(hub, batch);
	if (batch->result != HC_BATCH_OK_ && !is_degraded(hub))
		hc_err("cannot publish %s: %s, it is lost", batch->records[0]->type->name,
		       batch->error);
	(void)hc_batch_free(batch);
}

static struct hc_record *make_own_record(struct hc_hub *hub, const char *name,
					 const struct hc_buffer *payload, struct hc_fault *fault)
{
	const struct hc_type *type = hc_types_find(hub->types, hc_str(name));
	struct hc_event event = {
		.type = hc_str(name),
		.timestamp_unix_ms = hc_now_unix_ms(),
	};
	struct hc_record *record = NULL;
	msgpack_zone zone;

	if (!type) {
		hc_fault_set(fault, HC_FAULT_UNKNOWN_TYPE, "the registry has no such type");
		return NULL;
	}
	if (payload->failed || !msgpack_zone_init(&zone, 1024)) {
		hc_fault_set(fault, HC_FAULT_INTERNAL, "out of memory");
		return NULL;
	}
	if (!hc_codec_unpack(&event.payload, &zone, payload->data, payload->len) &&
	    hc_type_validate(type, &event.payload, fault))
		record = hc_record_new(&event, type);
	msgpack_zone_destroy(&zone);
	return record;
}

static void announce(struct hc_hub *hub, const char *type, const struct hc_buffer *payload,
		     bool is_volatile)
{
	struct hc_fault fault = HC_FAULT_NULL;
	struct hc_record *record = make_own_record(hub, type, payload, &fault);
	struct hc_batch *batch = record ? hc_batch_new(1) : NULL;

	if (!batch) {
		hc_err("cannot publish %s: %s", type, record ? "out of memory" : fault.message);
		(void)hc_record_unref(record);
		return;
	}
	record->is_volatile |= is_volatile;
	batch->records[0] = record;
	batch->done = on_announced;
	batch->owner = hub;
	hc_hub_commit(hub, batch);
}

void hc_hub_announce(struct hc_hub *hub, const char *type, const struct hc_buffer *payload)
{
	announce(hub, type, payload, false);
}

void hc_hub_show(struct hc_hub *hub, const char *type, const struct hc_buffer *payload)
{
	announce(hub, type, payload, true);
}

void hc_hub_head(const struct hc_hub *hub, char ret[static HC_POSITION_MAX])
{
	(void)hc_position_format(ret, hub->store->epoch, hc_ring_sequence(hub->ring));
}

/* ---- life --------------------------------------------------------------------------------- */

static bool restore(void *context, const struct hc_row *row)
{
	struct hc_hub *hub = context;
	HC_CLEANUP(hc_record_unrefp) struct hc_record *record = NULL;

	record = hc_record_load(hub->types, row->body, row->sequence);
	if (!record || !hc_state_apply(hub->state, record))
		hc_warn("a retained event cannot be read: its type is not in the registry any more, "
			"or there is no memory; ignoring it");
	return true;
}

int hc_hub_load_types(struct hc_types **ret, const struct hc_conf *conf, struct hc_fault *fault)
{
	const char *const dirs[] = { conf->hostcast.types_dir, conf->hostcast.types_site_dir };

	struct hc_fault why = HC_FAULT_NULL;
	int r = hc_types_load(ret, dirs, HC_ARRAY_LEN(dirs), &why);

	if (r == -EINVAL || r == -ENOMEM) /* says in which file */
		*fault = why;
	else if (r < 0)
		hc_fault_set(fault, why.code, "[hostcast] types_dir, types_site_dir: %s",
			     why.message);
	return r;
}

static void set_framing(struct hc_hub *hub)
{
	char host[65] = "localhost"; /* HOST_NAME_MAX and the NUL */

	(void)gethostname(host, sizeof(host) - 1); /* the default stays */
	(void)snprintf(hub->source, sizeof(hub->source), "/hostcast/%s", host);
	hub->framing.origin.source = hub->source;
	hub->framing.deflate_min = hub->conf->clients.compression_min_bytes;
	hub->framing.origin.epoch = hub->store->epoch;
	hub->serial = (uint64_t)hc_now_unix_ms() * 1000;
}

static int open_log(struct hc_hub *hub, struct hc_fault *fault)
{
	int r = hc_store_open(&hub->store, hub->conf, fault);

	if (r < 0)
		return r;
	set_framing(hub);
	hub->state = hc_state_new();
	hub->latest = hc_latest_new();
	if (!hub->state || !hub->latest)
		return -ENOMEM;
	r = hc_store_read_retained(hub->store, restore, hub);
	if (!r)
		r = hc_consumers_new(&hub->consumers, hub);
	if (!r)
		r = hc_consumers_load(hub->consumers);
	if (r < 0)
		hc_fault_set(fault, HC_FAULT_UNAVAILABLE,
			     "the retained events and the consumers cannot be read");
	return r;
}

static int open_fan_out(struct hc_hub *hub)
{
	int r = hc_ring_new(&hub->ring, hub->conf->hub.ring_bytes, &hub->framing,
			    hub->store->newest);

	if (!r)
		r = hc_audiences_new(&hub->audiences, hub->ring);
	if (!r)
		r = hc_endpoints_new(&hub->endpoints, hub->types, &hub->conf->endpoints,
				     hub->conf->hub.prefix);
	if (!r)
		r = hc_catchup_new(&hub->catchup, hub->loop, hub->store, hub->types, &hub->framing);
	if (!r)
		r = hc_questions_new(&hub->questions, hub);
	if (!r)
		r = hc_writer_new(&hub->writer, hub->loop, hub->store, show, hub);
	if (!r)
		r = hc_admission_new(&hub->admission, hc_descriptors_raise(), hub->conf);
	if (!r)
		r = hc_sessions_new(&hub->sessions, hub);
	if (!r)
		r = hc_replay_new(&hub->replay, hub);
	return r;
}

static int open_all(struct hc_hub *hub, struct hc_inherited *inherited, struct hc_fault *fault)
{
	int r = hc_hub_load_types(&hub->types, hub->conf, fault);

	if (!r)
		r = hc_auth_new(&hub->auth, hub->conf, fault);
	if (!r)
		r = hc_tickets_new(&hub->tickets, hub->auth);
	if (!r)
		r = hc_keeper_new(&hub->keeper, hub->loop, hc_auth_revocations(hub->auth));
	if (!r)
		r = open_log(hub, fault);
	if (!r)
		r = open_fan_out(hub);
	if (!r)
		r = hc_detector_new(&hub->detector, hub);
	if (!r)
		r = hc_metrics_new(&hub->metrics, hub);
	if (!r)
		r = hc_health_new(&hub->health, hub);
	if (!r)
		r = hc_peers_new(&hub->peers, hub, inherited, fault);
	return r;
}

int hc_hub_new(struct hc_hub **ret, uv_loop_t *loop, const struct hc_conf *conf,
	       struct hc_inherited *inherited, struct hc_fault *fault)
{
	struct hc_hub *hub = calloc(1, sizeof(*hub));
	int r;

	if (!hub)
		return -ENOMEM;
	hub->loop = loop;
	hub->conf = conf;
	hub->started_ns = hc_monotonic_ns();
	r = open_all(hub, inherited, fault);
	if (r < 0) {
		if (!fault->message[0])
			hc_fault_set(fault, HC_FAULT_INTERNAL, "%s", strerror(-r));
		(void)hc_hub_free(hub);
		return r;
	}
	*ret = hub;
	return 0;
}

void hc_hub_stop_taking(struct hc_hub *hub)
{
	hub->draining = true;
	hc_peers_stop_accepting(hub->peers);
}

void hc_hub_stop_listening(struct hc_hub *hub)
{
	hub->deaf = true;
	hc_peers_look(hub->peers);
}

bool hc_hub_is_idle(const struct hc_hub *hub)
{
	return !hc_writer_waiting(hub->writer) && hc_catchup_is_idle(hub->catchup);
}

struct hc_hub *hc_hub_free(struct hc_hub *hub)
{
	if (!hub)
		return NULL;
	hub->draining = true;
	hub->peers = hc_peers_free(hub->peers);
	hub->detector = hc_detector_free(hub->detector);
	hub->metrics = hc_metrics_free(hub->metrics);
	hub->health = hc_health_free(hub->health);
	hub->sessions = hc_sessions_free(hub->sessions);
	hub->replay = hc_replay_free(hub->replay);
	hub->writer = hc_writer_free(hub->writer);
	while (uv_run(hub->loop, UV_RUN_NOWAIT))
		; /* handles close, and the last jobs end */
	hub->catchup = hc_catchup_free(hub->catchup);
	hub->admission = hc_admission_free(hub->admission);
	hub->endpoints = hc_endpoints_unref(hub->endpoints);
	hub->audiences = hc_audiences_free(hub->audiences);
	hub->questions = hc_questions_free(hub->questions);
	hub->ring = hc_ring_free(hub->ring);
	hub->latest = hc_latest_free(hub->latest);
	hub->state = hc_state_free(hub->state);
	hub->consumers = hc_consumers_free(hub->consumers);
	hub->store = hc_store_free(hub->store);
	hub->keeper = hc_keeper_free(hub->keeper);
	hub->tickets = hc_tickets_free(hub->tickets);
	hub->auth = hc_auth_free(hub->auth);
	hub->types = hc_types_free(hub->types);
	free(hub);
	return NULL;
}
