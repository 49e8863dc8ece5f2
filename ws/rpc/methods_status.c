/* SPDX-License-Identifier: MIT */
/* Questions about the hub itself: status, metrics, connections. */
#include "proto/clock.h"
#include "proto/fault.h"
#include "ws/health/metrics.h"
#include "ws/rpc/detector.h"
#include "ws/rpc/method.h"
#include "ws/sessions/session.h"
#include "ws/sessions/subscription.h"

static const char *durability_name(enum hc_durability durability)
{
	static const char *const names[] = {
		[HC_DURABILITY_DISK] = "disk",
		[HC_DURABILITY_PROCESS] = "process",
		[HC_DURABILITY_NONE] = "none",
	};

	return names[durability];
}

/* ---- status ------------------------------------------------------------------------------- */

static void pack_endpoints(msgpack_packer *pk, const struct hc_hub *hub)
{
	size_t n = hc_endpoints_count(hub->endpoints);

	msgpack_pack_array(pk, n);
	for (size_t i = 0; i < n; i++) {
		const struct hc_endpoint *endpoint = hc_endpoints_at(hub->endpoints, i);

		msgpack_pack_map(pk, 3);
		hc_pack_str_at(pk, "path", hc_str(endpoint->path));
		hc_pack_str_at(pk, "envelope",
			       hc_str(hc_envelope_name(endpoint->encoding.envelope)));
		hc_pack_u64_at(pk, "clients", endpoint->n_clients);
	}
}

static void pack_log(msgpack_packer *pk, const struct hc_hub *hub)
{
	uint64_t oldest = hub->store->oldest, newest = hub->store->newest;

	struct hc_store_health health;

	hc_store_look(hub->store, &health);
	msgpack_pack_map(pk, 8u + health.is_degraded);
	hc_pack_str_at(pk, "store", hc_str(hub->store->ops->name));
	hc_pack_str_at(pk, "durability", hc_str(durability_name(hub->conf->log.durability)));
	hc_pack_u64_at(pk, "events", newest + 1 - oldest);
	hc_pack_u64_at(pk, "waiting", hc_writer_waiting(hub->writer));
	hc_pack_u64_at(pk, "ring_events", hc_ring_next(hub->ring) - hc_ring_first(hub->ring));
	hc_pack_u64_at(pk, "ring_bytes", hc_ring_bytes(hub->ring));
	hc_pack_u64_at(pk, "bytes", hc_store_bytes(hub->store));
	hc_pack_bool_at(pk, "degraded", health.is_degraded);
	if (health.is_degraded)
		hc_pack_str_at(pk, "error", hc_str(health.reason));
}

/* What was lost on the way to us, by stage, as the loader counts it. */
static void pack_lost(msgpack_packer *pk, const struct hc_hub *hub)
{
	msgpack_pack_map(pk, HC_LOST_MAX_);
	for (int stage = 0; stage < HC_LOST_MAX_; stage++)
		hc_pack_u64_at(pk, hc_lost_name((enum hc_lost_stage)stage), hub->lost[stage]);
}

static void pack_subscriptions(msgpack_packer *pk, const struct hc_hub *hub)
{
	uint64_t n_explicit = 0, n_patterns = 0;

	for (const struct hc_session *session = hub->sessions->head; session;
	     session = session->next) {
		if (!session->subscription)
			continue;
		n_explicit++;
		n_patterns += hc_subscription_count(session->subscription);
	}
	msgpack_pack_map(pk, 3);
	hc_pack_u64_at(pk, "clients_with_subscription", n_explicit);
	hc_pack_u64_at(pk, "patterns", n_patterns);
	hc_pack_u64_at(pk, "audiences", hc_audiences_size(hub->audiences));
}

bool hc_method_status(const struct hc_request *request, struct hc_fault *fault)
{
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer result = HC_BUFFER_NULL;
	msgpack_packer pk = hc_codec_packer(&result);
	const struct hc_hub *hub = request->peer->hub;

	(void)fault;
	msgpack_pack_map(&pk, 12);
	hc_pack_str_at(&pk, "epoch", hc_str(hub->store->epoch));
	hc_pack_u64_at(&pk, "sequence", hc_ring_sequence(hub->ring));
	hc_pack_u64_at(&pk, "oldest", hub->store->oldest);
	hc_pack_u64_at(&pk, "clients", hub->sessions->n);
	hc_pack_u64_at(&pk, "peers", hub->peers->n);
	hc_pack_key(&pk, "endpoints");
	pack_endpoints(&pk, hub);
	hc_pack_key(&pk, "subscriptions");
	pack_subscriptions(&pk, hub);
	hc_pack_key(&pk, "log");
	pack_log(&pk, hub);
	hc_pack_key(&pk, "detector");
	hc_detector_pack_status(hub->detector, &pk);
	hc_pack_key(&pk, "lost");
	pack_lost(&pk, hub);
	hc_pack_str_at(&pk, "version", hc_str(HC_VERSION));
	hc_pack_u64_at(&pk, "uptime_seconds", (hc_monotonic_ns() - hub->started_ns) / 1000000000);
	hc_method_answer(request->peer, request->id, &result);
	return true;
}

/* ---- metrics ------------------------------------------------------------------------------ */

bool hc_method_metrics(const struct hc_request *request, struct hc_fault *fault)
{
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer result = HC_BUFFER_NULL;
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer text = HC_BUFFER_NULL;
	msgpack_packer pk = hc_codec_packer(&result);

	hc_metrics_write(request->peer->hub->metrics, &text);
	if (text.failed) {
		hc_fault_set(fault, HC_FAULT_INTERNAL, "out of memory");
		return false;
	}
	msgpack_pack_map(&pk, 1);
	hc_pack_str_at(&pk, "text", (struct hc_str){ text.data, text.len });
	hc_method_answer(request->peer, request->id, &result);
	return true;
}

/* ---- connections -------------------------------------------------------------------------- */

static void pack_subscription(msgpack_packer *pk, const struct hc_subscription *subscription)
{
	size_t n = subscription ? hc_subscription_count(subscription) : 0;

	if (!subscription) {
		msgpack_pack_nil(pk);
		return;
	}
	msgpack_pack_array(pk, n);
	for (size_t i = 0; i < n; i++) {
		enum hc_subscribed_by by;

		hc_pack_str(pk, hc_subscription_at(subscription, i, &by));
	}
}

static void pack_session(msgpack_packer *pk, const struct hc_session *session)
{
	msgpack_pack_map(pk, 8);
	hc_pack_u64_at(pk, "id", session->id);
	hc_pack_str_at(pk, "endpoint", hc_str(session->endpoint->path));
	hc_pack_str_at(pk, "framing", hc_str(hc_framing_name(session->encoding.framing)));
	hc_pack_str_at(pk, "address", hc_str(session->peer));
	hc_pack_u64_at(pk, "connected_unix_ms", session->connected_unix_ms);
	hc_pack_bool_at(pk, "behind", session->behind);
	hc_pack_u64_at(pk, "sequence",
		       session->behind ? session->sequence : hc_ring_sequence(session->hub->ring));
	hc_pack_key(pk, "subscription");
	pack_subscription(pk, session->subscription);
}

static void pack_peer(msgpack_packer *pk, const struct hc_peer *peer)
{
	msgpack_pack_map(pk, 5);
	hc_pack_u64_at(pk, "id", peer->id);
	hc_pack_str_at(pk, "role", hc_str(hc_role_name(peer->role)));
	hc_pack_u64_at(pk, "uid", peer->uid);
	hc_pack_u64_at(pk, "pid", (uint64_t)peer->pid);
	hc_pack_u64_at(pk, "connected_unix_ms", peer->connected_unix_ms);
}

bool hc_method_connections(const struct hc_request *request, struct hc_fault *fault)
{
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer result = HC_BUFFER_NULL;
	msgpack_packer pk = hc_codec_packer(&result);
	const struct hc_hub *hub = request->peer->hub;

	if (!hc_method_check_admin(request, fault))
		return false;
	msgpack_pack_map(&pk, 2);
	hc_pack_key(&pk, "connections");
	msgpack_pack_array(&pk, hub->sessions->n);
	for (const struct hc_session *session = hub->sessions->head; session;
	     session = session->next)
		pack_session(&pk, session);
	hc_pack_key(&pk, "peers");
	msgpack_pack_array(&pk, hub->peers->n);
	for (const struct hc_peer *peer = hub->peers->head; peer; peer = peer->next)
		pack_peer(&pk, peer);
	hc_method_answer(request->peer, request->id, &result);
	return true;
}
