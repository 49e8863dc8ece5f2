/* SPDX-License-Identifier: MIT */
/*
 * Durable consumers: consumers lists them, consumer_ack moves one on, consumer_delete forgets one.
 * They are made, and read, by events (methods_query.c).
 */
#include <stdio.h>

#include "proto/clock.h"
#include "proto/fault.h"
#include "ws/consumers.h"
#include "ws/rpc/method.h"

/* ---- whose is it -------------------------------------------------------------------------- */

/* Who asks: an administrator, or the subject of a token. */
struct asker {
	bool is_admin;
	char name[HC_CONSUMER_OWNER_MAX + 1]; /* "": root, for itself */
};

static bool read_asker(struct asker *ret, const struct hc_request *request, struct hc_fault *fault)
{
	HC_CLEANUP(hc_grant_unrefp) struct hc_grant *grant = NULL;

	if (!hc_method_grant(&grant, request, fault))
		return false;
	*ret = (struct asker){ .is_admin = true };
	if (grant) {
		ret->is_admin = hc_grant_is_admin(grant);
		(void)snprintf(ret->name, sizeof(ret->name), "%s", hc_grant_subject(grant));
		return true;
	}
	if (hc_peer_may_see_all(request->peer))
		return true;
	hc_fault_set(fault, HC_FAULT_UNAUTHORIZED, "a durable consumer needs a token");
	return false;
}

static bool may_use(const struct asker *asker, const struct hc_consumer_row *row)
{
	return asker->is_admin || (row->owner[0] && !strcmp(asker->name, row->owner));
}

static bool read_name(struct hc_str *ret, const struct hc_request *request, struct hc_fault *fault)
{
	const msgpack_object *name = hc_map_get(request->params, "consumer");

	if (!name || name->type != MSGPACK_OBJECT_STR || !hc_consumers_is_name(hc_object_str(name)))
		return hc_method_refuse(fault, "consumer",
					"must be 1 to 64 letters, digits, dots, dashes or "
					"underscores, and not begin with a dot");
	*ret = hc_object_str(name);
	return true;
}

/* The consumer that is named; *ret NULL if there is none. */
static bool find(const struct hc_consumer_row **ret, const struct hc_request *request,
		 const struct asker *asker, struct hc_fault *fault)
{
	struct hc_str name;

	if (!read_name(&name, request, fault))
		return false;
	*ret = hc_consumers_find(request->peer->hub->consumers, name);
	if (!*ret || may_use(asker, *ret))
		return true;
	hc_fault_set(fault, HC_FAULT_FORBIDDEN, "this consumer is somebody else's");
	return false;
}

static bool find_there(struct hc_consumer_row *ret, const struct hc_request *request,
		       struct hc_fault *fault)
{
	const struct hc_consumer_row *row;
	struct asker asker;

	if (!read_asker(&asker, request, fault) || !find(&row, request, &asker, fault))
		return false;
	if (!row) {
		hc_fault_set(fault, HC_FAULT_NOT_FOUND, "there is no such consumer");
		return false;
	}
	*ret = *row;
	return true;
}

/* ---- open --------------------------------------------------------------------------------- */

static bool read_from(struct hc_position *ret, const struct hc_request *request,
		      struct hc_fault *fault)
{
	const struct hc_hub *hub = request->peer->hub;
	struct hc_str from = HC_STR("oldest");

	if (hc_map_get(request->params, "from") && !hc_map_get_str(&from, request->params, "from"))
		return hc_method_refuse(fault, "from", "must be oldest or now");
	memcpy(ret->epoch, hub->store->epoch, sizeof(ret->epoch));
	if (hc_str_is(from, "now"))
		ret->sequence = hc_ring_sequence(hub->ring);
	else if (hc_str_is(from, "oldest"))
		ret->sequence = hub->store->oldest - 1;
	else
		return hc_method_refuse(fault, "from", "must be oldest or now");
	return true;
}

static bool make(struct hc_consumer_row *ret, const struct hc_request *request,
		 const struct asker *asker, const struct hc_position *from, struct hc_fault *fault)
{
	const struct hc_hub *hub = request->peer->hub;
	struct hc_str name;

	*ret = (struct hc_consumer_row){ .position = *from, .created_unix_ms = hc_now_unix_ms() };
	if (!read_name(&name, request, fault))
		return false;
	if (hc_consumers_count(hub->consumers) >= hub->conf->log.consumers_max) {
		hc_fault_set(fault, HC_FAULT_FORBIDDEN,
			     "there are %u consumers, as many as the configuration allows "
			     "(consumers_max)",
			     hub->conf->log.consumers_max);
		return false;
	}
	memcpy(ret->name, name.s, name.len);
	memcpy(ret->owner, asker->name, sizeof(ret->owner));
	ret->acknowledged_unix_ms = ret->created_unix_ms;
	return true;
}

bool hc_method_open_consumer(struct hc_consumer_row *ret, bool *ret_is_new,
			     const struct hc_request *request, struct hc_fault *fault)
{
	const struct hc_consumer_row *row;
	struct hc_position from;
	struct asker asker;

	if (!read_asker(&asker, request, fault) || !find(&row, request, &asker, fault) ||
	    !read_from(&from, request, fault))
		return false;
	*ret_is_new = !row;
	if (!row)
		return make(ret, request, &asker, &from, fault);
	*ret = *row;
	return true;
}

/* ---- answers ------------------------------------------------------------------------------ */

/* How many logged events are behind its position; of another log: all there are. */
static uint64_t lag_of(const struct hc_hub *hub, const struct hc_position *position)
{
	uint64_t head = hc_ring_sequence(hub->ring), before = hub->store->oldest - 1;

	if (!strcmp(position->epoch, hub->store->epoch))
		before = position->sequence;
	return head > before ? head - before : 0;
}

static void pack_time_at(msgpack_packer *pk, const char *key, int64_t unix_ms)
{
	char text[HC_TIMESTAMP_LEN];

	hc_timestamp_format(text, unix_ms);
	hc_pack_str_at(pk, key, (struct hc_str){ text, sizeof(text) });
}

static void pack_consumer(msgpack_packer *pk, const struct hc_hub *hub,
			  const struct hc_consumer_row *row)
{
	char text[HC_POSITION_MAX];

	(void)hc_position_format(text, row->position.epoch, row->position.sequence);
	msgpack_pack_map(pk, 6);
	hc_pack_str_at(pk, "name", hc_str(row->name));
	hc_pack_str_at(pk, "owner", hc_str(row->owner));
	hc_pack_str_at(pk, "position", hc_str(text));
	hc_pack_u64_at(pk, "lag", lag_of(hub, &row->position));
	pack_time_at(pk, "created", row->created_unix_ms);
	pack_time_at(pk, "acknowledged", row->acknowledged_unix_ms);
}

static void answer(struct hc_peer *peer, uint32_t id, const struct hc_consumer_row *row)
{
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer result = HC_BUFFER_NULL;
	msgpack_packer pk = hc_codec_packer(&result);

	pack_consumer(&pk, peer->hub, row);
	hc_method_answer(peer, id, &result);
}

static void on_committed(struct hc_batch *batch)
{
	struct hc_peer *peer = batch->owner;

	if (batch->result == HC_BATCH_OK_) {
		if (!batch->consumer->is_gone)
			hc_consumers_note_stored(peer->hub->consumers, batch->consumer);
		answer(peer, batch->request_id, batch->consumer);
	} else {
		if (batch->consumer->is_gone) { /* it is not */
			batch->consumer->is_gone = false;
			(void)hc_consumers_set(peer->hub->consumers, batch->consumer);
		}
		hc_method_fail_batch(peer, batch);
	}
	hc_peer_release(peer);
	(void)hc_batch_free(batch);
}

static bool commit(const struct hc_request *request, const struct hc_consumer_row *row,
		   struct hc_fault *fault)
{
	if (!hc_consumers_commit(request->peer->hub->consumers, row, on_committed, request->peer,
				 request->id)) {
		hc_fault_set(fault, HC_FAULT_INTERNAL, "out of memory");
		return false;
	}
	hc_peer_hold(request->peer);
	return true;
}

/* ---- the methods -------------------------------------------------------------------------- */

struct listing {
	const struct hc_hub *hub;
	struct asker asker;
	msgpack_packer *pk; /* NULL: only count */
	size_t n;
};

static void list_one(void *context, const struct hc_consumer_row *row)
{
	struct listing *listing = context;

	if (!may_use(&listing->asker, row))
		return;
	listing->n++;
	if (listing->pk)
		pack_consumer(listing->pk, listing->hub, row);
}

bool hc_method_consumers(const struct hc_request *request, struct hc_fault *fault)
{
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer result = HC_BUFFER_NULL;
	msgpack_packer pk = hc_codec_packer(&result);
	struct listing listing = { .hub = request->peer->hub };

	if (!read_asker(&listing.asker, request, fault))
		return false;
	hc_consumers_each(listing.hub->consumers, list_one, &listing);
	msgpack_pack_map(&pk, 1);
	hc_pack_key(&pk, "consumers");
	msgpack_pack_array(&pk, listing.n);
	listing.pk = &pk;
	hc_consumers_each(listing.hub->consumers, list_one, &listing);
	hc_method_answer(request->peer, request->id, &result);
	return true;
}

static bool read_position(struct hc_position *ret, const struct hc_request *request,
			  struct hc_fault *fault)
{
	const struct hc_hub *hub = request->peer->hub;
	struct hc_str text;

	if (!hc_map_get_str(&text, request->params, "position") || !hc_position_parse(ret, text))
		return hc_method_refuse(fault, "position",
					"must be a position, <epoch>-<sequence>");
	if (strcmp(ret->epoch, hub->store->epoch) != 0)
		return hc_method_refuse(fault, "position", "is one of another log");
	if (ret->sequence > hc_ring_sequence(hub->ring))
		return hc_method_refuse(fault, "position", "is beyond the end of the log");
	return true;
}

/*
 * What is acknowledged stays so: an acknowledgement that comes late, or twice, moves nothing back.
 */
bool hc_method_consumer_ack(const struct hc_request *request, struct hc_fault *fault)
{
	struct hc_position position;
	struct hc_consumer_row row;

	if (!find_there(&row, request, fault) || !read_position(&position, request, fault))
		return false;
	if (strcmp(row.position.epoch, position.epoch) != 0 ||
	    position.sequence > row.position.sequence) {
		row.position = position;
		row.acknowledged_unix_ms = hc_now_unix_ms();
	}
	if (!hc_consumers_is_stored(request->peer->hub->consumers, &row))
		return commit(request, &row, fault);
	answer(request->peer, request->id, &row);
	return true;
}

bool hc_method_consumer_delete(const struct hc_request *request, struct hc_fault *fault)
{
	struct hc_consumer_row row;

	if (!find_there(&row, request, fault))
		return false;
	row.is_gone = true;
	return commit(request, &row, fault);
}
