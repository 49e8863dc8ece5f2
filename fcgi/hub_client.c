/* SPDX-License-Identifier: MIT */
/*
 * Between two calls nothing may arrive: if the socket is readable then, the hub has closed it (or
 * answers what nobody waits for any more), and a new connection is made before anything is sent. A
 * connection that ends during the call is a hub that died under it: asked once more, of its
 * successor.
 *
 * After a timeout the connection goes too. The answer may still come, and would only be in the way.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>

#include "fcgi/hub_client.h"
#include "proto/clock.h"
#include "proto/log.h"
#include "proto/rpc.h"

struct hc_hub_client {
	char *path;
	int timeout_ms;
	struct hc_rpc_client *client; /* NULL: not connected */
	struct hc_buffer frame;	      /* to measure a request before it is sent */
	struct hc_log_limit log_limit;
};

int hc_hub_client_new(struct hc_hub_client **ret, const char *path, int timeout_ms)
{
	HC_CLEANUP(hc_hub_client_freep) struct hc_hub_client *hub = calloc(1, sizeof(*hub));

	if (!hub)
		return -ENOMEM;
	hub->timeout_ms = timeout_ms;
	hub->path = strdup(path);
	if (!hub->path)
		return -ENOMEM;
	*ret = hc_take(hub);
	return 0;
}

struct hc_hub_client *hc_hub_client_free(struct hc_hub_client *hub)
{
	if (!hub)
		return NULL;
	hc_rpc_client_free(hub->client);
	hc_buffer_deinit(&hub->frame);
	free(hub->path);
	free(hub);
	return NULL;
}

static void disconnect(struct hc_hub_client *hub)
{
	hub->client = hc_rpc_client_free(hub->client);
}

static bool is_stale(const struct hc_hub_client *hub)
{
	struct pollfd pfd = { .fd = hc_rpc_client_fd(hub->client), .events = POLLIN };

	return poll(&pfd, 1, 0) != 0;
}

static int ms_left(uint64_t deadline_ns)
{
	uint64_t now_ns = hc_monotonic_ns();

	return now_ns < deadline_ns ? (int)((deadline_ns - now_ns) / 1000000) + 1 : 0;
}

static bool connect_to(struct hc_hub_client *hub, uint64_t deadline_ns, struct hc_fault *fault)
{
	HC_CLEANUP(hc_rpc_client_freep) struct hc_rpc_client *client = NULL;
	msgpack_object result;
	int r;

	r = hc_rpc_client_connect(&client, hub->path);
	if (r < 0)
		hc_fault_set(fault, HC_FAULT_UNAVAILABLE, "no connection to the hub: %s",
			     strerror(-r));
	else
		r = hc_rpc_client_hello(client, "fcgi", ms_left(deadline_ns), &result, fault);
	if (r) {
		if (hc_log_limited(&hub->log_limit))
			hc_warn("hub at %s: %s; answering with errors until it is there", hub->path,
				fault->message);
		return false;
	}
	hub->client = hc_take(client);
	return true;
}

/*
 * The hub closes the connection of a peer whose frame breaks its limits: it could not know where
 * the next one begins. So such a frame is not sent, and the client learns why.
 */
static bool fits(struct hc_hub_client *hub, const char *method, const struct hc_buffer *params,
		 struct hc_fault *fault)
{
	msgpack_packer pk = hc_codec_packer(&hub->frame);
	struct hc_codec_skim skim = { 0 };
	int r;

	hc_buffer_reset(&hub->frame);
	hc_rpc_pack_request(&pk, UINT32_MAX, method);
	hc_buffer_append(&hub->frame, params->data, params->len);
	if (params->failed || hub->frame.failed) {
		hc_fault_set(fault, HC_FAULT_INTERNAL, "out of memory");
		return false;
	}
	r = hc_codec_skim(&skim, hub->frame.data, hub->frame.len, HC_RPC_FRAME_MAX);
	if (r)
		hc_fault_set(
			fault, HC_FAULT_TOO_LARGE,
			"more than %d KiB, more than %d values, or nested deeper than about %d",
			HC_RPC_FRAME_MAX / 1024, HC_CODEC_ELEMENTS_MAX, HC_CODEC_DEPTH_MAX - 4);
	return !r;
}

static int ask(struct hc_hub_client *hub, const char *method, const struct hc_buffer *params,
	       uint64_t deadline_ns, msgpack_object *ret_result, struct hc_fault *fault)
{
	int r = hc_rpc_client_call(hub->client, method, params, ms_left(deadline_ns), ret_result,
				   fault);

	if (r && r != HC_RPC_E_FAULT)
		disconnect(hub);
	return r;
}

static bool check_result(const msgpack_object *result, struct hc_fault *fault)
{
	if (hc_codec_check_json(result, NULL))
		return true;
	hc_fault_set(fault, HC_FAULT_INTERNAL, "the hub's answer cannot be shown as JSON");
	return false;
}

bool hc_hub_client_call(struct hc_hub_client *hub, const char *method,
			const struct hc_buffer *params, msgpack_object *ret_result,
			struct hc_fault *fault)
{
	uint64_t deadline_ns = hc_monotonic_ns() + (uint64_t)hub->timeout_ms * 1000000;
	int r = HC_RPC_E_CLOSED;

	if (!fits(hub, method, params, fault))
		return false;
	if (hub->client && is_stale(hub))
		disconnect(hub);
	for (int attempt = 0; attempt < 2 && r == HC_RPC_E_CLOSED; attempt++) {
		if (!hub->client && !connect_to(hub, deadline_ns, fault))
			return false;
		r = ask(hub, method, params, deadline_ns, ret_result, fault);
	}
	if (r && r != HC_RPC_E_FAULT && hc_log_limited(&hub->log_limit))
		hc_warn("hub at %s: %s failed: %s", hub->path, method, fault->message);
	return !r && check_result(ret_result, fault);
}
