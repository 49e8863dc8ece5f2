/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

#include "bpf/link.h"
#include "proto/clock.h"
#include "proto/event.h"
#include "proto/log.h"
#include "proto/rpc.h"

#define RETRY_MIN_MS	100
#define RETRY_MAX_MS	5000
#define HELLO_MS	5000	     /* for the first answer */
#define ANSWER_MS	15000	     /* for any other; a commit on a slow disk takes seconds */
#define REFUSED_MS	1000	     /* before a batch is sent again that the hub could not take */
#define BATCH_BYTES	(960 * 1024) /* of HC_RPC_FRAME_MAX; the rest is the head */
#define MESSAGES_A_TURN 64

enum phase {
	PHASE_DOWN, /* no connection; the timer tries again */
	PHASE_HELLO,
	PHASE_UP,
};

/* Lives until libuv has closed the handle, which may be after its link has got another. */
struct connection {
	uv_poll_t poll;
	struct hc_rpc_client *client;
	int events; /* being polled for */
};

struct hc_link {
	struct hc_link_options options;
	uv_timer_t timer; /* to connect, or by when an answer must be there */
	struct connection *connection;
	enum phase phase;
	bool closing;
	unsigned int retry_ms;
	int last_error;	 /* of connecting, so that the same one is logged once */
	bool is_refused; /* the hub cannot take events: that, too, is logged once */
	bool is_lost;	 /* it does not answer, or has gone: likewise */

	uint32_t hello_id;
	uint32_t state_id;     /* 0: not asked */
	uint32_t batch_id;     /* 0: not sent on this connection */
	struct hc_buffer held; /* events taken from the spool, packed one after another */
	size_t n_held;
	size_t n_batch;	  /* of them, from the front: what is sent under the key; 0: none yet */
	size_t batch_len; /* bytes of these */
	char key[64];
	uint64_t n_keys;
	uint64_t random; /* makes the keys of this process its own */
};

static void schedule(struct hc_link *link, uint64_t ms);
static void pump(struct hc_link *link);

/* ---- the connection ------------------------------------------------------------------------- */

static void connection_closed(uv_handle_t *handle)
{
	struct connection *connection =
		hc_container_of((uv_poll_t *)handle, struct connection, poll);

	hc_rpc_client_free(connection->client);
	free(connection);
}

static void drop_connection(struct hc_link *link)
{
	if (link->connection)
		uv_close((uv_handle_t *)&link->connection->poll, connection_closed);
	link->connection = NULL;
	link->phase = PHASE_DOWN;
	link->batch_id = 0;
	link->state_id = 0;
}

/* Half to all of the delay, so that many hosts do not come back in step. */
static unsigned int jittered(struct hc_link *link, unsigned int ms)
{
	uint16_t value = 0;

	if (getrandom(&value, sizeof(value), GRND_NONBLOCK) < 0)
		value = (uint16_t)hc_monotonic_ns();
	link->retry_ms = ms * 2 > RETRY_MAX_MS ? RETRY_MAX_MS : ms * 2;
	return ms / 2 + value % (ms / 2 + 1);
}

static void lose_connection(struct hc_link *link, const char *why)
{
	if (!link->is_lost)
		hc_warn("hub %s: %s; events are kept until it is back", link->options.path, why);
	link->is_lost = true;
	drop_connection(link);
	schedule(link, jittered(link, link->retry_ms));
}

static void connection_ready(uv_poll_t *poll, int status, int events);

static void watch_connection(struct hc_link *link)
{
	short wanted = hc_rpc_client_events(link->connection->client);
	int events = UV_READABLE | (wanted & POLLOUT ? UV_WRITABLE : 0);

	if (events == link->connection->events)
		return;
	link->connection->events = events;
	if (uv_poll_start(&link->connection->poll, events, connection_ready))
		lose_connection(link, "cannot be polled");
}

static bool send_request(struct hc_link *link, const char *method, const struct hc_buffer *params,
			 uint32_t *ret_id)
{
	int r = hc_rpc_client_request(link->connection->client, method, params, ret_id);

	if (r) {
		lose_connection(link, r == HC_RPC_E_CLOSED ? "has closed the connection"
							   : strerror(r < 0 ? -r : EIO));
		return false;
	}
	schedule(link, link->phase == PHASE_HELLO ? HELLO_MS : ANSWER_MS);
	watch_connection(link);
	return link->connection != NULL;
}

static void say_hello(struct hc_link *link)
{
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer params = HC_BUFFER_NULL;
	msgpack_packer pk = hc_codec_packer(&params);

	msgpack_pack_map(&pk, 2);
	hc_pack_str_at(&pk, "role", HC_STR("loader"));
	hc_pack_u64_at(&pk, "version", HC_PROTOCOL_VERSION);
	link->phase = PHASE_HELLO;
	(void)send_request(link, "hello", &params, &link->hello_id);
}

static void connect_now(struct hc_link *link)
{
	struct connection *connection = calloc(1, sizeof(*connection));
	int r = -ENOMEM;

	if (connection)
		r = hc_rpc_client_connect(&connection->client, link->options.path);
	if (!r) {
		r = uv_poll_init(link->options.loop, &connection->poll,
				 hc_rpc_client_fd(connection->client));
		if (r)
			hc_rpc_client_free(connection->client);
	}
	if (r) {
		free(connection);
		if (r != link->last_error)
			hc_warn("hub %s: %s; events are kept until it is there", link->options.path,
				strerror(-r));
		link->last_error = r;
		schedule(link, jittered(link, link->retry_ms));
		return;
	}
	connection->poll.data = link;
	link->connection = connection;
	link->last_error = 0;
	say_hello(link);
}

static void timer_fired(uv_timer_t *timer)
{
	struct hc_link *link = hc_container_of(timer, struct hc_link, timer);

	if (link->phase == PHASE_DOWN)
		connect_now(link);
	else if (link->phase == PHASE_UP && link->n_batch && !link->batch_id)
		pump(link);
	else if (link->phase == PHASE_HELLO || link->batch_id || link->state_id)
		lose_connection(link, "does not answer");
}

static void schedule(struct hc_link *link, uint64_t ms)
{
	if (!link->closing)
		(void)uv_timer_start(&link->timer, timer_fired, ms,
				     0); /* fails only when closing */
}

/* ---- events out ----------------------------------------------------------------------------- */

static void new_batch(struct hc_link *link, size_t n, size_t len)
{
	link->n_batch = n;
	link->batch_len = len;
	(void)snprintf(link->key, sizeof(link->key), "loader-%016llx-%llu",
		       (unsigned long long)link->random, (unsigned long long)++link->n_keys);
}

static void send_batch(struct hc_link *link)
{
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer params = HC_BUFFER_NULL;
	msgpack_packer pk = hc_codec_packer(&params);

	msgpack_pack_map(&pk, 2);
	hc_pack_str_at(&pk, "key", hc_str(link->key));
	hc_pack_key(&pk, "events");
	msgpack_pack_array(&pk, link->n_batch);
	hc_buffer_append(&params, link->held.data, link->batch_len);
	(void)send_request(link, "publish", &params, &link->batch_id);
}

/* Acknowledged, or given up: in either case the hub has no more to do with it. */
static void drop_batch(struct hc_link *link)
{
	hc_buffer_consume(&link->held, link->batch_len);
	link->n_held -= link->n_batch;
	link->n_batch = 0;
	link->batch_len = 0;
}

static void take_events(struct hc_link *link)
{
	hc_buffer_reset(&link->held);
	link->n_held =
		hc_spool_take(link->options.spool, &link->held, HC_EVENT_BATCH_MAX, BATCH_BYTES);
	if (!link->held.failed)
		return;
	hc_err("no memory for a batch of %zu events, dropping it", link->n_held);
	hc_spool_lose(link->options.spool, link->n_held);
	link->n_held = 0;
}

static void pump(struct hc_link *link)
{
	if (link->phase != PHASE_UP || link->batch_id)
		return;
	if (!link->n_held)
		take_events(link);
	if (link->n_held && !link->n_batch)
		new_batch(link, link->n_held, link->held.len);
	if (link->n_batch)
		send_batch(link);
	else if (!link->state_id)
		link->options.idle(link->options.context);
}

/* Halves a refused batch: what is wrong with one event shall not cost the others. */
static void halve_batch(struct hc_link *link)
{
	size_t n = link->n_batch / 2, len = 0, i;

	for (i = 0; i < n; i++) {
		struct hc_codec_skim skim = { 0 };

		/* Packed by ourselves; that it is whole has been seen when it was sent. */
		if (hc_codec_skim(&skim, link->held.data + len, link->held.len - len, BATCH_BYTES))
			break;
		len += skim.pos;
	}
	new_batch(link, i, len);
}

static void batch_refused(struct hc_link *link, const struct hc_fault *fault)
{
	switch (fault->code) {
	case HC_FAULT_MALFORMED:
	case HC_FAULT_TOO_LARGE:
	case HC_FAULT_INVALID_PARAMS:
	case HC_FAULT_UNKNOWN_TYPE:
	case HC_FAULT_SCHEMA:
		if (link->n_batch > 1) {
			halve_batch(link);
			pump(link);
			return;
		}
		hc_err("hub refuses an event (%s: %s %s), dropping it", hc_fault_name(fault->code),
		       fault->message, fault->pointer);
		hc_spool_lose(link->options.spool, 1);
		drop_batch(link);
		pump(link);
		return;
	case HC_FAULT_CONFLICT:
		new_batch(link, link->n_batch, link->batch_len);
		break;
	default:
		break;
	}
	if (!link->is_refused)
		hc_warn("hub cannot take events (%s: %s), trying again every %d ms",
			hc_fault_name(fault->code), fault->message, REFUSED_MS);
	link->is_refused = true;
	schedule(link, REFUSED_MS);
}

/* ---- messages in ---------------------------------------------------------------------------- */

static void hello_answered(struct hc_link *link, const struct hc_fault *fault)
{
	if (fault) {
		if (!link->is_lost)
			hc_err("hub %s refuses us (%s: %s), trying again", link->options.path,
			       hc_fault_name(fault->code), fault->message);
		link->retry_ms = RETRY_MAX_MS;
		lose_connection(link, "has refused the connection");
		return;
	}
	link->phase = PHASE_UP;
	link->is_lost = false;
	link->retry_ms = RETRY_MIN_MS;
	hc_notice("connected to the hub at %s", link->options.path);
	link->options.connected(link->options.context);
	pump(link);
}

static void state_answered(struct hc_link *link, const struct hc_rpc_message *message)
{
	const msgpack_object *events = hc_map_get(&message->result, "events");

	link->state_id = 0;
	if (events && events->type == MSGPACK_OBJECT_ARRAY)
		link->options.state(link->options.context, events);
	pump(link);
}

static void take_response(struct hc_link *link, const struct hc_rpc_message *message)
{
	bool failed = message->error.type != MSGPACK_OBJECT_NIL;
	struct hc_fault fault = HC_FAULT_NULL;

	if (failed)
		hc_rpc_read_fault(&fault, &message->error);
	if (link->phase == PHASE_HELLO && message->id == link->hello_id) {
		hello_answered(link, failed ? &fault : NULL);
	} else if (link->batch_id && message->id == link->batch_id) {
		link->batch_id = 0;
		if (failed) {
			batch_refused(link, &fault);
			return;
		}
		if (link->is_refused)
			hc_notice("hub takes events again");
		link->is_refused = false;
		drop_batch(link);
		pump(link);
	} else if (link->state_id && message->id == link->state_id) {
		if (failed)
			hc_warn("hub does not tell its state (%s: %s), ignoring",
				hc_fault_name(fault.code), fault.message);
		state_answered(link, message);
	}
}

static void take_request(struct hc_link *link, const struct hc_rpc_message *message)
{
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer response = HC_BUFFER_NULL;
	msgpack_packer pk = hc_codec_packer(&response);
	const msgpack_object *wanted = hc_map_get(&message->params, "monitoring_enabled");
	struct hc_fault fault = HC_FAULT_NULL;

	if (!hc_str_is(message->method, "detector")) {
		hc_fault_set(&fault, HC_FAULT_UNKNOWN_METHOD,
			     "the loader answers \"detector\" only");
		hc_rpc_pack_error(&pk, message->id, &fault);
	} else if (wanted && wanted->type != MSGPACK_OBJECT_BOOLEAN) {
		hc_fault_at(&fault, HC_STR("monitoring_enabled"));
		hc_fault_set(&fault, HC_FAULT_INVALID_PARAMS, "must be true or false");
		hc_rpc_pack_error(&pk, message->id, &fault);
	} else {
		hc_rpc_pack_result(&pk, message->id);
		link->options.detector(link->options.context, wanted ? &wanted->via.boolean : NULL,
				       &response);
	}
	if (hc_rpc_client_respond(link->connection->client, &response))
		lose_connection(link, "has closed the connection");
	else
		watch_connection(link);
}

static void take_messages(struct hc_link *link)
{
	const struct connection *connection = link->connection;
	unsigned int n;

	for (n = 0; n < MESSAGES_A_TURN && link->connection == connection; n++) {
		struct hc_rpc_message message;
		struct hc_fault fault = HC_FAULT_NULL;
		int r = hc_rpc_client_next(connection->client, &message, &fault);

		if (r == HC_RPC_E_MORE)
			return;
		if (r == HC_RPC_E_MESSAGE) {
			hc_warn("hub sent something unexpected (%s), ignoring", fault.message);
			continue;
		}
		if (r) {
			lose_connection(link, "sends what is not this protocol");
			return;
		}
		if (message.kind == HC_RPC_RESPONSE)
			take_response(link, &message);
		else if (message.kind == HC_RPC_REQUEST)
			take_request(link, &message);
	}
}

static void connection_ready(uv_poll_t *poll, int status, int events)
{
	struct hc_link *link = poll->data;
	const struct connection *connection = link->connection;

	if (status < 0 || (events & UV_WRITABLE && hc_rpc_client_flush(connection->client))) {
		lose_connection(link, "has closed the connection");
		return;
	}
	if (events & UV_READABLE) {
		bool closed = hc_rpc_client_receive(connection->client) != 0;

		take_messages(link); /* what it said before it went */
		if (closed && link->connection == connection)
			lose_connection(link, "has closed the connection");
	}
	if (link->connection == connection)
		watch_connection(link);
}

/* ---- life ----------------------------------------------------------------------------------- */

int hc_link_new(struct hc_link **ret, const struct hc_link_options *options)
{
	struct hc_link *link = calloc(1, sizeof(*link));

	if (!link)
		return -ENOMEM;
	link->options = *options;
	link->retry_ms = RETRY_MIN_MS;
	if (getrandom(&link->random, sizeof(link->random), 0) != sizeof(link->random))
		link->random = hc_monotonic_ns();
	(void)uv_timer_init(options->loop, &link->timer); /* cannot fail */
	*ret = link;
	return 0;
}

void hc_link_start(struct hc_link *link)
{
	schedule(link, 0);
}

void hc_link_kick(struct hc_link *link)
{
	/* A batch that the hub could not take waits for the timer. */
	if (!link->n_held)
		pump(link);
}

bool hc_link_ask_state(struct hc_link *link, const char *type)
{
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer params = HC_BUFFER_NULL;
	msgpack_packer pk = hc_codec_packer(&params);

	if (!hc_link_is_idle(link) || link->state_id)
		return false;
	msgpack_pack_map(&pk, 1);
	hc_pack_str_at(&pk, "type", hc_str(type));
	return send_request(link, "state", &params, &link->state_id);
}

bool hc_link_is_idle(const struct hc_link *link)
{
	return link->phase == PHASE_UP && !link->n_held && !hc_spool_waiting(link->options.spool);
}

bool hc_link_is_up(const struct hc_link *link)
{
	return link->phase == PHASE_UP;
}

void hc_link_close(struct hc_link *link)
{
	link->closing = true;
	drop_connection(link);
	uv_close((uv_handle_t *)&link->timer, NULL);
}

struct hc_link *hc_link_free(struct hc_link *link)
{
	if (link) {
		hc_buffer_deinit(&link->held);
		free(link);
	}
	return NULL;
}
