/* SPDX-License-Identifier: MIT */
/*
 * publish: every event is validated here, whoever sends it, and nowhere else.
 *
 * A batch is all or nothing: the first event that is wrong refuses it, with the pointer of the
 * place.
 */
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>

#include "proto/clock.h"
#include "proto/fault.h"
#include "proto/log.h"
#include "proto/pattern.h"
#include "ws/rpc/method.h"

/*
 * What only root, or a token that grants it, may say: it is about the host itself, or it is what
 * the hub says to a client about its connection.
 */
static const char *const protected_patterns[] = {
	"device.*", "detector.*", "file.*", "connection.*", "error", "ping", "pong",
};

static bool is_protected(struct hc_str type)
{
	for (size_t i = 0; i < HC_ARRAY_LEN(protected_patterns); i++)
		if (hc_pattern_matches(hc_str(protected_patterns[i]), type))
			return true;
	return false;
}

/* ---- may it ------------------------------------------------------------------------------- */

static bool check_right(const struct hc_peer *peer, const struct hc_grant *grant,
			struct hc_str type, struct hc_fault *fault)
{
	bool is_open = peer->hub->conf->auth.publish == HC_REST_OPEN;

	if (grant) {
		if (hc_grant_may_publish(grant, type))
			return true;
		hc_fault_set(fault, HC_FAULT_FORBIDDEN, "the token does not grant publishing %.*s",
			     (int)type.len, type.s);
		return false;
	}
	if (hc_peer_may_see_all(peer))
		return true;
	if (!is_protected(type) && (peer->role != HC_ROLE_FCGI || is_open))
		return true;
	if (peer->role == HC_ROLE_FCGI) {
		hc_fault_set(fault, HC_FAULT_UNAUTHORIZED, "publishing %.*s needs a token",
			     (int)type.len, type.s);
		return false;
	}
	hc_fault_set(fault, HC_FAULT_FORBIDDEN,
		     "publishing %.*s needs root, or a token that grants it", (int)type.len,
		     type.s);
	return false;
}

/* ---- is it right -------------------------------------------------------------------------- */

/* When the kernel saw it is for the loader alone to say. */
static bool check_boot_ns(const struct hc_peer *peer, const struct hc_event *event,
			  struct hc_fault *fault)
{
	if (!event->boot_ns || peer->role == HC_ROLE_LOADER)
		return true;
	hc_fault_set(fault, HC_FAULT_INVALID_PARAMS, "\"boot_ns\" is for the loader only");
	hc_fault_at(fault, HC_STR("boot_ns"));
	return false;
}

static struct hc_record *take_event(const struct hc_request *request, const struct hc_grant *grant,
				    const msgpack_object *map, int64_t now_unix_ms,
				    struct hc_fault *fault)
{
	const struct hc_type *type;
	struct hc_record *record;
	struct hc_event event;

	if (!hc_codec_check_json(map, fault) || !hc_event_read(&event, map, now_unix_ms, fault))
		return NULL;
	type = hc_types_find(request->peer->hub->types, event.type);
	if (!type) {
		hc_fault_set(
			fault, HC_FAULT_UNKNOWN_TYPE,
			"there is no event type \"%.*s\": see GET /api/event-types or \"hostcast types\"",
			(int)event.type.len, event.type.s);
		hc_fault_at(fault, HC_STR("type"));
		return NULL;
	}
	if (!check_right(request->peer, grant, event.type, fault) ||
	    !check_boot_ns(request->peer, &event, fault))
		return NULL;
	if (!hc_type_validate(type, &event.payload, fault)) {
		hc_fault_at(fault, HC_STR("payload"));
		return NULL;
	}
	record = hc_record_new(&event, type);
	if (!record) {
		hc_fault_set(fault, HC_FAULT_INTERNAL, "out of memory");
	} else if (record->body.len > HC_EVENT_LEN_MAX) {
		hc_fault_set(fault, HC_FAULT_TOO_LARGE, "an event may have %d bytes",
			     HC_EVENT_LEN_MAX);
		record = hc_record_unref(record);
	}
	return record;
}

static bool check_key(const msgpack_object *key, struct hc_fault *fault)
{
	struct hc_str text = hc_object_str(key);

	if (key->type != MSGPACK_OBJECT_STR || !text.len || text.len > HC_KEY_LEN_MAX)
		return hc_method_refuse(fault, "key", "must be text of 1 to 128 bytes");
	for (size_t i = 0; i < text.len; i++)
		if ((unsigned char)text.s[i] < ' ')
			return hc_method_refuse(fault, "key", "must not have control characters");
	return true;
}

/* Two users who have chosen the same key do not meet: nobody is answered what another has done. */
static void set_key(struct hc_batch *batch, const struct hc_grant *grant, struct hc_str key)
{
	char *to = batch->key;

	if (grant)
		to += sprintf(to, "%s%c", hc_grant_subject(grant), HC_BATCH_KEY_OWNER_END);
	memcpy(to, key.s, key.len);
}

static bool read_key(struct hc_batch *batch, const struct hc_request *request,
		     const struct hc_grant *grant, struct hc_fault *fault)
{
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer packed = HC_BUFFER_NULL;
	const msgpack_object *key = hc_map_get(request->params, "key");
	msgpack_packer pk = hc_codec_packer(&packed);

	if (!key)
		return true;
	if (!check_key(key, fault))
		return false;
	if (!hc_batch_is_logged(batch))
		return true; /* what is not logged is not remembered either */
	set_key(batch, grant, hc_object_str(key));
	hc_pack_sorted(&pk, hc_map_get(request->params, "events"));
	if (packed.failed) {
		hc_fault_set(fault, HC_FAULT_INTERNAL, "out of memory");
		return false;
	}
	(void)SHA256((const unsigned char *)packed.data, packed.len, batch->digest);
	return true;
}

static bool take_events(struct hc_batch *batch, const struct hc_request *request,
			const struct hc_grant *grant, struct hc_fault *fault)
{
	const msgpack_object *events = hc_map_get(request->params, "events");
	uint64_t taken_ns = hc_monotonic_ns();

	for (uint32_t i = 0; i < events->via.array.size; i++) {
		batch->records[i] = take_event(request, grant, &events->via.array.ptr[i],
					       batch->now_unix_ms, fault);
		if (!batch->records[i]) {
			hc_fault_at_index(fault, i);
			hc_fault_at(fault, HC_STR("events"));
			return false;
		}
		batch->records[i]->taken_ns = taken_ns;
	}
	return true;
}

static bool check_count(const msgpack_object *events, struct hc_fault *fault)
{
	if (!events || events->type != MSGPACK_OBJECT_ARRAY || !events->via.array.size)
		return hc_method_refuse(fault, "events", "must be a list of 1 to 256 events");
	if (events->via.array.size <= HC_EVENT_BATCH_MAX)
		return true;
	hc_fault_set(fault, HC_FAULT_TOO_LARGE, "%u events at once, at most %d are taken",
		     (unsigned int)events->via.array.size, HC_EVENT_BATCH_MAX);
	hc_fault_at(fault, HC_STR("events"));
	return false;
}

/* ---- the answer --------------------------------------------------------------------------- */

static void answer(struct hc_peer *peer, const struct hc_batch *batch)
{
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer result = HC_BUFFER_NULL;
	msgpack_packer pk = hc_codec_packer(&result);
	bool is_durable = peer->hub->conf->log.durability != HC_DURABILITY_NONE;

	msgpack_pack_map(&pk, 3);
	hc_pack_str_at(&pk, "epoch", hc_str(peer->hub->store->epoch));
	hc_pack_key(&pk, "sequences");
	msgpack_pack_array(&pk, batch->n);
	for (size_t i = 0; i < batch->n; i++) {
		if (batch->records[i]->sequence)
			msgpack_pack_uint64(&pk, batch->records[i]->sequence);
		else
			msgpack_pack_nil(&pk);
		is_durable = is_durable && hc_record_is_logged(batch->records[i]);
	}
	hc_pack_bool_at(&pk, "durable", is_durable);
	hc_method_answer(peer, batch->request_id, &result);
}

static void on_done(struct hc_batch *batch)
{
	struct hc_peer *peer = batch->owner;

	peer->hub->stats.publishes[batch->result]++;
	hc_hub_admit(peer->hub, batch);
	if (batch->result == HC_BATCH_OK_ || batch->result == HC_BATCH_REPEATED)
		answer(peer, batch);
	else
		hc_method_fail_batch(peer, batch);
	(void)hc_batch_free(batch);
	hc_peer_release(peer);
}

static bool publish(const struct hc_request *request, struct hc_fault *fault)
{
	const msgpack_object *events = hc_map_get(request->params, "events");
	HC_CLEANUP(hc_grant_unrefp) struct hc_grant *grant = NULL;
	HC_CLEANUP(hc_batch_freep) struct hc_batch *batch = NULL;

	if (!check_count(events, fault) || !hc_method_grant(&grant, request, fault))
		return false;
	batch = hc_batch_new(events->via.array.size);
	if (!batch) {
		hc_fault_set(fault, HC_FAULT_INTERNAL, "out of memory");
		return false;
	}
	if (!take_events(batch, request, grant, fault) || !read_key(batch, request, grant, fault))
		return false;
	batch->done = on_done;
	batch->owner = request->peer;
	batch->request_id = request->id;
	hc_peer_hold(request->peer);
	hc_hub_commit(request->peer->hub, hc_take(batch));
	return true;
}

bool hc_method_publish(const struct hc_request *request, struct hc_fault *fault)
{
	if (publish(request, fault))
		return true;
	request->peer->hub->stats.publishes[HC_PUBLISH_REFUSED]++;
	return false;
}
