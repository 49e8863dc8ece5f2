/* SPDX-License-Identifier: MIT */
/* Questions about events: events (the log), state (the retained ones), types, subscribe. */
#include <stdlib.h>

#include "proto/fault.h"
#include "proto/json.h"
#include "ws/consumers.h"
#include "ws/rpc/beginning.h"
#include "ws/rpc/feed.h"
#include "ws/rpc/method.h"

#define LIMIT_DEFAULT  100
#define LIMIT_MAX      1000
#define PAGE_BYTES_MAX (768 * 1024)	    /* so that the answer fits HC_RPC_FRAME_MAX */
#define PAGE_NS_MAX    UINT64_C(2000000000) /* then it ends, before who asks gives up */
#define ANSWER_BYTES_MAX \
	(HC_RPC_FRAME_MAX - 64 * 1024) /* events and state, and some room for the rest */

/* ---- retained events ---------------------------------------------------------------------- */

struct listing {
	struct hc_filter filter;
	uint64_t until; /* sequence */
	struct hc_buffer events;
	size_t n;
	msgpack_zone zone;
};

static void pack_retained(void *context, struct hc_record *record)
{
	struct listing *listing = context;
	msgpack_packer pk = hc_codec_packer(&listing->events);
	struct hc_event event;

	if (record->sequence > listing->until || !hc_filter_has(&listing->filter, record->type))
		return;
	msgpack_zone_clear(&listing->zone);
	if (hc_record_event(&event, record, &listing->zone))
		hc_event_pack(&pk, &event);
	else
		listing->events.failed = true;
	listing->n++;
}

/*
 * What a reader who has missed something starts anew from: the retained events before those of the
 * page. Nil if they are too many for one answer: GET /api/state has them.
 */
static void pack_state(msgpack_packer *pk, const struct hc_hub *hub,
		       const struct hc_catchup_job *job)
{
	struct listing listing = {
		.filter = job->filter,
		.until = hc_catchup_first_left(job) - 1,
		.events = HC_BUFFER_NULL,
	};

	if (msgpack_zone_init(&listing.zone, MSGPACK_ZONE_CHUNK_SIZE)) {
		hc_state_each(hub->state, NULL, pack_retained, &listing);
		msgpack_zone_destroy(&listing.zone);
	} else {
		listing.events.failed = true;
	}
	hc_pack_key(pk, "state");
	if (listing.events.failed || listing.events.len + job->page.len > ANSWER_BYTES_MAX) {
		msgpack_pack_nil(pk);
	} else {
		msgpack_pack_array(pk, listing.n);
		hc_buffer_append(pk->data, listing.events.data, listing.events.len);
	}
	hc_buffer_deinit(&listing.events);
}

/* ---- events ------------------------------------------------------------------------------- */

struct query {
	struct hc_peer *peer;
	uint32_t id;
	struct hc_beginning begin;
	struct hc_catchup_job *job;	 /* until it is submitted */
	struct hc_consumer_row consumer; /* who reads; no name: nobody in particular */
};

static struct query *query_free(struct query *query)
{
	if (query)
		(void)hc_catchup_job_free(query->job);
	free(query);
	return NULL;
}
HC_DEFINE_CLEANUP(struct query *, query_free);

static void encode_event(struct hc_catchup_job *job, const struct hc_event *event)
{
	msgpack_packer pk = hc_codec_packer(&job->page);

	hc_event_pack(&pk, event);
}

static void pack_consumer(msgpack_packer *pk, const struct hc_consumer_row *consumer)
{
	char text[HC_POSITION_MAX];

	(void)hc_position_format(text, consumer->position.epoch, consumer->position.sequence);
	hc_pack_str_at(pk, "consumer", hc_str(consumer->name));
	hc_pack_str_at(pk, "acknowledged", hc_str(text));
}

static void answer_events(const struct query *query, const struct hc_catchup_job *job)
{
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer result = HC_BUFFER_NULL;
	msgpack_packer pk = hc_codec_packer(&result);
	const struct hc_hub *hub = query->peer->hub;
	bool has_state = query->begin.reason, has_consumer = query->consumer.name[0];
	uint64_t left = hc_catchup_first_left(job) - 1;

	msgpack_pack_map(&pk,
			 4 + hc_beginning_n_fields(&query->begin) + has_state + 2u * has_consumer);
	hc_pack_str_at(&pk, "epoch", hc_str(hub->store->epoch));
	hc_pack_u64_at(&pk, "oldest", hub->store->oldest);
	hc_pack_key(&pk, "events");
	msgpack_pack_array(&pk, job->n);
	hc_buffer_append(&result, job->page.data, job->page.len);
	hc_method_position_at(&pk, "next", hub, job->last > left ? job->last : left);
	hc_beginning_pack(&pk, hub, &query->begin);
	if (has_state)
		pack_state(&pk, hub, job);
	if (has_consumer)
		pack_consumer(&pk, &query->consumer);
	hc_method_answer(query->peer, query->id, &result);
}

static void on_events(struct hc_catchup_job *job)
{
	struct query *query = job->owner;
	struct hc_fault fault = HC_FAULT_NULL;

	if (job->error) {
		hc_fault_set(&fault, HC_FAULT_UNAVAILABLE, "the log cannot be read: %s",
			     strerror(-job->error));
		hc_peer_fail(query->peer, query->id, &fault);
	} else {
		hc_beginning_settle(&query->begin, query->peer->hub, hc_catchup_first_left(job));
		answer_events(query, job);
	}
	hc_peer_release(query->peer);
	(void)query_free(query);
}

static bool read_limit(uint64_t *ret, const struct hc_request *request, struct hc_fault *fault)
{
	*ret = LIMIT_DEFAULT;
	if (!hc_map_get(request->params, "limit"))
		return true;
	if (hc_map_get_u64(ret, request->params, "limit") && *ret >= 1 && *ret <= LIMIT_MAX)
		return true;
	return hc_method_refuse(fault, "limit", "must be 1 to 1000");
}

static bool read_channel(struct hc_filter *filter, const struct hc_request *request,
			 struct hc_fault *fault)
{
	const msgpack_object *channel = hc_map_get(request->params, "channel");
	struct hc_filter of_channel = HC_FILTER_NONE;

	if (!channel)
		return true;
	if (channel->type != MSGPACK_OBJECT_STR ||
	    !hc_filter_add_channel(&of_channel, request->peer->hub->types, hc_object_str(channel)))
		return hc_method_refuse(fault, "channel",
					"is not a channel: GET /api/channels lists them");
	hc_filter_intersect(filter, &of_channel);
	return true;
}

/* What a token limits, and whose events it adds. Returns whether there was memory. */
static bool apply_grant(struct hc_catchup_job *job, const struct hc_grant *grant,
			const struct hc_types *types)
{
	struct hc_filter granted;

	if (!grant)
		return true;
	granted = hc_grant_filter(grant, types);
	hc_filter_intersect(&job->filter, &granted);
	job->user = strdup(hc_grant_subject(grant));
	return job->user;
}

static void submit(struct query *query)
{
	struct hc_catchup_job *job = hc_take(query->job);
	struct hc_hub *hub = query->peer->hub;

	job->after = query->begin.after;
	job->until = hc_ring_sequence(hub->ring);
	hc_catchup_submit(hub->catchup, job);
}

/* The consumer that wants to read is made; only now may it have begun. */
static void on_consumer_made(struct hc_batch *batch)
{
	struct query *query = batch->owner;

	if (batch->result == HC_BATCH_OK_) {
		hc_consumers_note_stored(query->peer->hub->consumers, batch->consumer);
		submit(query);
	} else {
		query->consumer.is_gone = true;
		(void)hc_consumers_set(query->peer->hub->consumers, &query->consumer);
		hc_method_fail_batch(query->peer, batch);
		hc_peer_release(query->peer);
		(void)query_free(query);
	}
	(void)hc_batch_free(batch);
}

static struct query *query_new(const struct hc_request *request)
{
	HC_CLEANUP(query_freep) struct query *query = calloc(1, sizeof(*query));

	if (!query)
		return NULL;
	query->peer = request->peer;
	query->id = request->id;
	query->job = hc_catchup_job_new(on_events, query, 0);
	if (!query->job)
		return NULL;
	query->job->encode = encode_event;
	query->job->bytes_max = PAGE_BYTES_MAX;
	query->job->ns_max = PAGE_NS_MAX;
	query->job->all_users = hc_peer_may_see_all(request->peer);
	return hc_take(query);
}

static bool read_query(struct query *query, const struct hc_request *request,
		       const struct hc_grant *grant, struct hc_fault *fault)
{
	struct hc_catchup_job *job = query->job;
	uint64_t limit;

	if (!read_limit(&limit, request, fault) ||
	    !hc_method_read_filter(&job->filter, request, fault) ||
	    !read_channel(&job->filter, request, fault))
		return false;
	job->n_max = limit;
	if (apply_grant(job, grant, request->peer->hub->types))
		return true;
	hc_fault_set(fault, HC_FAULT_INTERNAL, "out of memory");
	return false;
}

static bool read_as_anybody(struct query *query, const struct hc_request *request,
			    struct hc_fault *fault)
{
	if (hc_map_get(request->params, "from"))
		return hc_method_refuse(fault, "from", "is for durable consumers");
	return hc_beginning_read(&query->begin, request, "after", fault);
}

static bool read_as_consumer(struct query *query, const struct hc_request *request,
			     bool *ret_is_new, struct hc_fault *fault)
{
	if (hc_map_get(request->params, "after"))
		return hc_method_refuse(fault, "after", "is for readers that are no consumer");
	if (!hc_method_open_consumer(&query->consumer, ret_is_new, request, fault))
		return false;
	query->begin = hc_beginning_behind(request->peer->hub, &query->consumer.position);
	return true;
}

bool hc_method_events(const struct hc_request *request, struct hc_fault *fault)
{
	HC_CLEANUP(hc_grant_unrefp) struct hc_grant *grant = NULL;
	HC_CLEANUP(query_freep) struct query *query = NULL;
	bool is_new = false;

	if (!hc_method_read_grant(&grant, request, fault))
		return false;
	query = query_new(request);
	if (!query) {
		hc_fault_set(fault, HC_FAULT_INTERNAL, "out of memory");
		return false;
	}
	if (!read_query(query, request, grant, fault))
		return false;
	if (hc_map_get(request->params, "consumer")
		    ? !read_as_consumer(query, request, &is_new, fault)
		    : !read_as_anybody(query, request, fault))
		return false;
	if (is_new && !hc_consumers_commit(request->peer->hub->consumers, &query->consumer,
					   on_consumer_made, query, request->id)) {
		hc_fault_set(fault, HC_FAULT_INTERNAL, "out of memory");
		return false;
	}
	hc_peer_hold(request->peer);
	if (!is_new)
		submit(query);
	(void)hc_take(query); /* the job's, or the batch's */
	return true;
}

/* ---- state -------------------------------------------------------------------------------- */

/* What may be read: everything, or what the token says. */
static bool read_rights(struct hc_filter *ret, const struct hc_request *request,
			const struct hc_type *type, struct hc_fault *fault)
{
	HC_CLEANUP(hc_grant_unrefp) struct hc_grant *grant = NULL;

	if (!hc_method_read_grant(&grant, request, fault))
		return false;
	*ret = HC_FILTER_NONE;
	if (grant)
		*ret = hc_grant_filter(grant, request->peer->hub->types);
	else
		(void)hc_filter_add_pattern(ret, request->peer->hub->types, HC_STR("*"));
	if (!type || hc_filter_has(ret, type))
		return true;
	hc_fault_set(fault, HC_FAULT_FORBIDDEN, "the token does not grant %s", type->name);
	return false;
}

static bool read_type(const struct hc_type **ret, const struct hc_request *request,
		      struct hc_fault *fault)
{
	const msgpack_object *name = hc_map_get(request->params, "type");

	*ret = NULL;
	if (!name)
		return true;
	if (name->type == MSGPACK_OBJECT_STR)
		*ret = hc_types_find(request->peer->hub->types, hc_object_str(name));
	if (*ret)
		return true;
	hc_fault_set(fault, HC_FAULT_UNKNOWN_TYPE,
		     "there is no such event type: see GET /api/event-types or \"hostcast types\"");
	hc_fault_at(fault, HC_STR("type"));
	return false;
}

bool hc_method_state(const struct hc_request *request, struct hc_fault *fault)
{
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer result = HC_BUFFER_NULL;
	msgpack_packer pk = hc_codec_packer(&result);
	const struct hc_hub *hub = request->peer->hub;
	struct listing listing = { .until = UINT64_MAX, .events = HC_BUFFER_NULL };
	const struct hc_type *type;

	if (!read_type(&type, request, fault) ||
	    !read_rights(&listing.filter, request, type, fault))
		return false;
	if (!msgpack_zone_init(&listing.zone, MSGPACK_ZONE_CHUNK_SIZE)) {
		hc_fault_set(fault, HC_FAULT_INTERNAL, "out of memory");
		return false;
	}
	hc_state_each(hub->state, type, pack_retained, &listing);
	msgpack_zone_destroy(&listing.zone);
	msgpack_pack_map(&pk, 2);
	hc_method_position_at(&pk, "position", hub, hc_ring_sequence(hub->ring));
	hc_pack_key(&pk, "events");
	msgpack_pack_array(&pk, listing.n);
	hc_buffer_append(&result, listing.events.data, listing.events.len);
	result.failed |= listing.events.failed;
	hc_buffer_deinit(&listing.events);
	hc_method_answer(request->peer, request->id, &result);
	return true;
}

/* ---- types -------------------------------------------------------------------------------- */

static void pack_type(msgpack_packer *pk, const struct hc_type *type)
{
	msgpack_pack_map(pk, 7);
	hc_pack_str_at(pk, "name", hc_str(type->name));
	hc_pack_str_at(pk, "domain", hc_str(type->domain));
	hc_pack_str_at(pk, "channel", hc_str(type->channel));
	hc_pack_str_at(pk, "description", hc_str(type->description));
	hc_pack_bool_at(pk, "retained", type->retained_key != NULL);
	hc_pack_bool_at(pk, "volatile", type->is_volatile);
	hc_pack_key(pk, "payload");
	hc_json_pack(pk, type->payload);
}

bool hc_method_types(const struct hc_request *request, struct hc_fault *fault)
{
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer result = HC_BUFFER_NULL;
	msgpack_packer pk = hc_codec_packer(&result);
	const struct hc_types *types = request->peer->hub->types;
	const struct hc_type *type;

	if (!read_type(&type, request, fault))
		return false;
	msgpack_pack_map(&pk, 1);
	hc_pack_key(&pk, "types");
	msgpack_pack_array(&pk, type ? 1 : hc_types_count(types));
	if (type)
		pack_type(&pk, type);
	for (size_t i = 0; !type && i < hc_types_count(types); i++)
		pack_type(&pk, hc_types_at(types, i));
	hc_method_answer(request->peer, request->id, &result);
	return true;
}

/* ---- subscribe ---------------------------------------------------------------------------- */

bool hc_method_subscribe(const struct hc_request *request, struct hc_fault *fault)
{
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer result = HC_BUFFER_NULL;
	msgpack_packer pk = hc_codec_packer(&result);
	struct hc_peer *peer = request->peer;
	struct hc_beginning begin = { .after = hc_ring_sequence(peer->hub->ring) };
	struct hc_filter filter;

	if (!hc_method_read_filter(&filter, request, fault))
		return false;
	if (hc_map_get(request->params, "since") &&
	    !hc_beginning_read(&begin, request, "since", fault))
		return false;
	peer->feed = hc_feed_free(peer->feed);
	peer->feed = hc_feed_new(peer, &filter, begin.after);
	if (!peer->feed) {
		hc_fault_set(fault, HC_FAULT_INTERNAL, "out of memory");
		return false;
	}
	msgpack_pack_map(&pk, 1 + hc_beginning_n_fields(&begin));
	hc_method_position_at(&pk, "position", peer->hub, begin.after);
	hc_beginning_pack(&pk, peer->hub, &begin);
	hc_method_answer(peer, request->id, &result);
	return true; /* what is there already follows once this message has been handled */
}
