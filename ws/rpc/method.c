/* SPDX-License-Identifier: MIT */
#include "proto/clock.h"
#include "proto/fault.h"
#include "proto/pattern.h"
#include "ws/rpc/detector.h"
#include "ws/rpc/method.h"

static hc_method_fn say_hello;

static const struct {
	const char *name;
	hc_method_fn *handle;
} methods[] = {
	{ "hello", say_hello },
	{ "publish", hc_method_publish },
	{ "events", hc_method_events },
	{ "state", hc_method_state },
	{ "types", hc_method_types },
	{ "status", hc_method_status },
	{ "connections", hc_method_connections },
	{ "metrics", hc_method_metrics },
	{ "subscribe", hc_method_subscribe },
	{ "detector", hc_method_detector },
	{ "ticket", hc_method_ticket },
	{ "revoke", hc_method_revoke },
	{ "revocations", hc_method_revocations },
	{ "consumers", hc_method_consumers },
	{ "consumer_ack", hc_method_consumer_ack },
	{ "consumer_delete", hc_method_consumer_delete },
};

/* ---- what methods share ------------------------------------------------------------------- */

void hc_method_answer(struct hc_peer *peer, uint32_t id, const struct hc_buffer *result)
{
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer response = HC_BUFFER_NULL;
	msgpack_packer pk = hc_codec_packer(&response);
	struct hc_fault fault = HC_FAULT_NULL;

	hc_rpc_pack_result(&pk, id);
	hc_buffer_append(&response, result->data, result->len);
	if (result->failed || response.failed) {
		hc_fault_set(&fault, HC_FAULT_INTERNAL, "out of memory");
		hc_peer_fail(peer, id, &fault);
	} else if (response.len > HC_RPC_FRAME_MAX) {
		hc_fault_set(&fault, HC_FAULT_TOO_LARGE,
			     "the answer has more than %d bytes: ask for less", HC_RPC_FRAME_MAX);
		hc_peer_fail(peer, id, &fault);
	} else {
		hc_peer_send(peer, &response);
	}
}

void hc_method_fail_batch(struct hc_peer *peer, const struct hc_batch *batch)
{
	struct hc_fault fault = HC_FAULT_NULL;

	if (batch->result == HC_BATCH_E_CONFLICT)
		hc_fault_set(&fault, HC_FAULT_CONFLICT,
			     "this idempotency key was used with other events");
	else if (batch->result == HC_BATCH_E_FULL)
		hc_fault_set(&fault, HC_FAULT_STORAGE_FULL, "not stored: %s", batch->error);
	else
		hc_fault_set(&fault, HC_FAULT_UNAVAILABLE,
			     "the log failed: try again with the same key: %s", batch->error);
	hc_peer_fail(peer, batch->request_id, &fault);
}

bool hc_method_refuse(struct hc_fault *fault, const char *param, const char *why)
{
	hc_fault_set(fault, HC_FAULT_INVALID_PARAMS, "\"%s\" %s", param, why);
	hc_fault_at(fault, hc_str(param));
	return false;
}

bool hc_method_grant(struct hc_grant **ret, const struct hc_request *request,
		     struct hc_fault *fault)
{
	const msgpack_object *token = hc_map_get(request->params, "token");

	*ret = NULL;
	if (!token)
		return true;
	if (token->type != MSGPACK_OBJECT_STR)
		return hc_method_refuse(fault, "token", "must be text");
	*ret = hc_auth_check(request->peer->hub->auth, hc_object_str(token), fault);
	return *ret;
}

/* The web server asks for others; whoever is on the socket itself was let in by its mode. */
bool hc_method_read_grant(struct hc_grant **ret, const struct hc_request *request,
			  struct hc_fault *fault)
{
	const struct hc_peer *peer = request->peer;

	if (!hc_method_grant(ret, request, fault))
		return false;
	if (*ret || peer->role != HC_ROLE_FCGI || peer->hub->conf->auth.read == HC_REST_OPEN)
		return true;
	hc_fault_set(fault, HC_FAULT_UNAUTHORIZED, "reading events needs a token");
	return false;
}

bool hc_method_check_admin(const struct hc_request *request, struct hc_fault *fault)
{
	HC_CLEANUP(hc_grant_unrefp) struct hc_grant *grant = NULL;

	if (!hc_method_grant(&grant, request, fault))
		return false;
	if (grant ? hc_grant_is_admin(grant) : hc_peer_may_see_all(request->peer))
		return true;
	hc_fault_set(fault, grant ? HC_FAULT_FORBIDDEN : HC_FAULT_UNAUTHORIZED,
		     "this needs an admin token");
	return false;
}

static bool add_pattern(struct hc_filter *filter, const struct hc_types *types,
			const msgpack_object *pattern, struct hc_fault *fault)
{
	if (pattern->type != MSGPACK_OBJECT_STR) {
		hc_fault_set(fault, HC_FAULT_INVALID_PARAMS, "a pattern must be text");
		return false;
	}
	if (!hc_pattern_check(hc_object_str(pattern), fault))
		return false;
	(void)hc_filter_add_pattern(filter, types, hc_object_str(pattern));
	return true;
}

bool hc_method_read_filter(struct hc_filter *ret, const struct hc_request *request,
			   struct hc_fault *fault)
{
	const struct hc_types *types = request->peer->hub->types;
	const msgpack_object *patterns = hc_map_get(request->params, "types");

	*ret = HC_FILTER_NONE;
	if (!patterns) {
		(void)hc_filter_add_pattern(ret, types, HC_STR("*"));
		return true;
	}
	if (patterns->type != MSGPACK_OBJECT_ARRAY)
		return hc_method_refuse(fault, "types", "must be a list of patterns");
	for (uint32_t i = 0; i < patterns->via.array.size; i++) {
		if (add_pattern(ret, types, &patterns->via.array.ptr[i], fault))
			continue;
		hc_fault_at_index(fault, i);
		hc_fault_at(fault, HC_STR("types"));
		return false;
	}
	return true;
}

void hc_method_position_at(msgpack_packer *pk, const char *key, const struct hc_hub *hub,
			   uint64_t sequence)
{
	char text[HC_POSITION_MAX];
	size_t len = hc_position_format(text, hub->store->epoch, sequence);

	hc_pack_str_at(pk, key, (struct hc_str){ text, len });
}

/* ---- hello -------------------------------------------------------------------------------- */

static bool read_role(enum hc_role *ret, const msgpack_object *params, struct hc_fault *fault)
{
	struct hc_str role = { 0 };

	(void)hc_map_get_str(&role, params, "role");
	for (int i = HC_ROLE_NONE + 1; i < HC_ROLE_MAX_; i++) {
		if (hc_str_is(role, hc_role_name((enum hc_role)i))) {
			*ret = (enum hc_role)i;
			return true;
		}
	}
	return hc_method_refuse(fault, "role", "must be publisher, loader, fcgi or cli");
}

static bool check_hello(const struct hc_request *request, enum hc_role *ret_role,
			struct hc_fault *fault)
{
	uint64_t version = 0;

	if (request->peer->role != HC_ROLE_NONE) {
		hc_fault_set(fault, HC_FAULT_INVALID_PARAMS, "hello has been said already");
		return false;
	}
	if (!read_role(ret_role, request->params, fault))
		return false;
	if (!hc_map_get_u64(&version, request->params, "version") || version != HC_PROTOCOL_VERSION)
		return hc_method_refuse(fault, "version", "must be 1");
	if (*ret_role == HC_ROLE_LOADER && request->peer->uid != 0) {
		hc_fault_set(fault, HC_FAULT_FORBIDDEN, "only root may be the loader");
		return false;
	}
	return true;
}

static void pack_limits(msgpack_packer *pk)
{
	msgpack_pack_map(pk, 3);
	hc_pack_u64_at(pk, "frame_bytes", HC_RPC_FRAME_MAX);
	hc_pack_u64_at(pk, "event_bytes", HC_EVENT_LEN_MAX);
	hc_pack_u64_at(pk, "batch_events", HC_EVENT_BATCH_MAX);
}

static bool say_hello(const struct hc_request *request, struct hc_fault *fault)
{
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer result = HC_BUFFER_NULL;
	msgpack_packer pk = hc_codec_packer(&result);
	struct hc_peer *peer = request->peer;
	struct hc_hub *hub = peer->hub;
	enum hc_role role;

	if (!check_hello(request, &role, fault) || !hc_peer_admit(peer, role, fault))
		return false;
	peer->role = role;
	msgpack_pack_map(&pk, 4);
	hc_pack_str_at(&pk, "epoch", hc_str(hub->store->epoch));
	hc_pack_u64_at(&pk, "sequence", hc_ring_sequence(hub->ring));
	hc_pack_u64_at(&pk, "oldest", hub->store->oldest);
	hc_pack_key(&pk, "limits");
	pack_limits(&pk);
	hc_method_answer(peer, request->id, &result);
	if (peer->role == HC_ROLE_FCGI)
		hub->stats.fcgi_seen_unix_ms = (uint64_t)hc_now_unix_ms();
	if (peer->role == HC_ROLE_LOADER && !hc_peer_is_gone(peer))
		hc_detector_attach(hub->detector, peer);
	return true;
}

/* ---- dispatch ----------------------------------------------------------------------------- */

static bool call(const struct hc_request *request, struct hc_str method, struct hc_fault *fault)
{
	for (size_t i = 0; i < HC_ARRAY_LEN(methods); i++) {
		if (!hc_str_is(method, methods[i].name))
			continue;
		if (request->peer->role == HC_ROLE_NONE && methods[i].handle != say_hello) {
			hc_fault_set(fault, HC_FAULT_INVALID_PARAMS,
				     "the first call must be hello");
			return false;
		}
		return methods[i].handle(request, fault);
	}
	hc_fault_set(fault, HC_FAULT_UNKNOWN_METHOD, "there is no method \"%.*s\"",
		     (int)(method.len < 64 ? method.len : 64), method.s);
	return false;
}

void hc_method_handle(struct hc_peer *peer, const struct hc_rpc_message *message)
{
	struct hc_request request = { peer, message->id, &message->params };
	struct hc_fault fault = HC_FAULT_NULL;

	/* Nobody sends us notifications: the specification has no answer to them, so they are
	 * dropped. */
	if (message->kind == HC_RPC_RESPONSE)
		hc_detector_answer(peer->hub->detector, peer, message);
	else if (message->kind == HC_RPC_REQUEST && !call(&request, message->method, &fault))
		hc_peer_fail(peer, message->id, &fault);
}
