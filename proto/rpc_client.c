/* SPDX-License-Identifier: MIT */
/*
 * The client side of MessagePack-RPC: a non-blocking socket, a queue of bytes to send, a reader;
 * and one call that waits with poll(2).
 *
 * A client has one connection for its life. Whoever wants another after HC_RPC_E_CLOSED makes a new
 * client, and knows then that whatever was not answered may or may not have been done.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "proto/clock.h"
#include "proto/rpc.h"

#define RECEIVE_LEN (64 * 1024) /* bytes a read */

struct hc_rpc_client {
	int fd;
	uint32_t next_id;
	struct hc_buffer out;
	size_t sent; /* bytes of `out` already sent */
	struct hc_rpc_reader reader;
};

int hc_rpc_client_connect(struct hc_rpc_client **ret, const char *path)
{
	HC_CLEANUP(hc_rpc_client_freep) struct hc_rpc_client *client = NULL;
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int r;

	if (strlen(path) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	strcpy(address.sun_path, path);
	client = calloc(1, sizeof(*client));
	if (!client)
		return -ENOMEM;
	client->next_id = 1;
	client->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (client->fd < 0)
		return -errno;
	/* A UNIX socket connects at once or, with a full backlog, fails with EAGAIN. */
	if (connect(client->fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		return -errno;
	r = hc_rpc_reader_init(&client->reader);
	if (r < 0)
		return r;
	*ret = hc_take(client);
	return 0;
}

struct hc_rpc_client *hc_rpc_client_free(struct hc_rpc_client *client)
{
	if (!client)
		return NULL;
	hc_closep(&client->fd);
	hc_rpc_reader_deinit(&client->reader);
	hc_buffer_deinit(&client->out);
	free(client);
	return NULL;
}

int hc_rpc_client_fd(const struct hc_rpc_client *client)
{
	return client->fd;
}

size_t hc_rpc_client_waiting(const struct hc_rpc_client *client)
{
	return client->out.len - client->sent;
}

short hc_rpc_client_events(const struct hc_rpc_client *client)
{
	return hc_rpc_client_waiting(client) ? POLLIN | POLLOUT : POLLIN;
}

int hc_rpc_client_flush(struct hc_rpc_client *client)
{
	while (hc_rpc_client_waiting(client)) {
		ssize_t n = send(client->fd, client->out.data + client->sent,
				 hc_rpc_client_waiting(client), MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN ? 0 : HC_RPC_E_CLOSED;
		client->sent += (size_t)n;
	}
	hc_buffer_reset(&client->out);
	client->sent = 0;
	return 0;
}

static int send_from(struct hc_rpc_client *client, size_t start)
{
	if (client->out.failed) {
		client->out.failed = false;
		client->out.len = start;
		return -ENOMEM;
	}
	return hc_rpc_client_flush(client);
}

/* Whether the peer's reader will take a frame: beyond its limits it could only hang up. */
static bool fits(const char *frame, size_t len)
{
	struct hc_codec_skim skim = { 0 };

	return hc_codec_skim(&skim, frame, len, HC_RPC_FRAME_MAX) != HC_CODEC_E_LIMIT;
}

int hc_rpc_client_request(struct hc_rpc_client *client, const char *method,
			  const struct hc_buffer *params, uint32_t *ret_id)
{
	msgpack_packer pk = hc_codec_packer(&client->out);
	size_t start = client->out.len;

	if (params->failed)
		return -ENOMEM;
	hc_rpc_pack_request(&pk, client->next_id, method);
	hc_buffer_append(&client->out, params->data, params->len);
	if (!client->out.failed && !fits(client->out.data + start, client->out.len - start)) {
		client->out.len = start;
		return -EMSGSIZE;
	}
	if (ret_id)
		*ret_id = client->next_id;
	client->next_id++;
	return send_from(client, start);
}

int hc_rpc_client_respond(struct hc_rpc_client *client, const struct hc_buffer *response)
{
	size_t start = client->out.len;

	if (response->failed)
		return -ENOMEM;
	hc_buffer_append(&client->out, response->data, response->len);
	return send_from(client, start);
}

int hc_rpc_client_receive(struct hc_rpc_client *client)
{
	return hc_rpc_reader_fill(&client->reader, client->fd, RECEIVE_LEN) < 0 ? HC_RPC_E_CLOSED
										: 0;
}

int hc_rpc_client_next(struct hc_rpc_client *client, struct hc_rpc_message *ret,
		       struct hc_fault *fault)
{
	return hc_rpc_reader_next(&client->reader, ret, fault);
}

/* Waits until the socket can do something, and does it. */
static int wait_and_serve(struct hc_rpc_client *client, uint64_t deadline_ns)
{
	struct pollfd pfd = { .fd = client->fd, .events = hc_rpc_client_events(client) };
	uint64_t now_ns = hc_monotonic_ns();
	int r;

	if (now_ns >= deadline_ns)
		return HC_RPC_E_TIMEOUT;
	r = poll(&pfd, 1, (int)((deadline_ns - now_ns) / 1000000 + 1));
	if (r < 0 && errno != EINTR)
		return -errno;
	if (r <= 0)
		return 0; /* the caller comes again and finds the deadline passed */
	if (pfd.revents & POLLOUT && hc_rpc_client_flush(client))
		return HC_RPC_E_CLOSED;
	if (pfd.revents & ~POLLOUT)
		return hc_rpc_client_receive(client);
	return 0;
}

static int wait_for(struct hc_rpc_client *client, uint32_t id, uint64_t deadline_ns,
		    struct hc_rpc_message *ret, struct hc_fault *fault)
{
	for (;;) {
		int r = hc_rpc_client_next(client, ret, fault);

		if (r == HC_RPC_E_MORE)
			r = wait_and_serve(client, deadline_ns);
		else if (!r && ret->kind == HC_RPC_RESPONSE && ret->id == id)
			return 0;
		if (r && r != HC_RPC_E_MESSAGE)
			return r;
	}
}

static void explain(struct hc_fault *fault, int r, int timeout_ms)
{
	if (r == HC_RPC_E_TIMEOUT)
		hc_fault_set(fault, HC_FAULT_UNAVAILABLE, "the hub did not answer within %d ms",
			     timeout_ms);
	else if (r == HC_RPC_E_CLOSED)
		hc_fault_set(fault, HC_FAULT_UNAVAILABLE, "the hub closed the connection");
	else if (r == HC_RPC_E_MALFORMED)
		hc_fault_set(fault, HC_FAULT_UNAVAILABLE, "the hub's answer is not understood");
	else if (r == -EMSGSIZE)
		hc_fault_set(fault, HC_FAULT_TOO_LARGE,
			     "a message may have %d bytes, %d levels and %d values",
			     HC_RPC_FRAME_MAX, HC_CODEC_DEPTH_MAX, HC_CODEC_ELEMENTS_MAX);
	else if (r == -ENOMEM)
		hc_fault_set(fault, HC_FAULT_INTERNAL, "out of memory");
	else if (r < 0)
		hc_fault_set(fault, HC_FAULT_UNAVAILABLE, "%s", strerror(-r));
}

int hc_rpc_client_call(struct hc_rpc_client *client, const char *method,
		       const struct hc_buffer *params, int timeout_ms, msgpack_object *ret_result,
		       struct hc_fault *fault)
{
	uint64_t deadline_ns = hc_monotonic_ns() + (uint64_t)timeout_ms * 1000000;
	struct hc_rpc_message message;
	uint32_t id = 0;
	int r;

	r = hc_rpc_client_request(client, method, params, &id);
	if (!r)
		r = wait_for(client, id, deadline_ns, &message, fault);
	if (r) {
		explain(fault, r, timeout_ms);
		return r;
	}
	if (message.error.type == MSGPACK_OBJECT_MAP) {
		if (fault)
			hc_rpc_read_fault(fault, &message.error);
		return HC_RPC_E_FAULT;
	}
	*ret_result = message.result;
	return 0;
}

int hc_rpc_client_hello(struct hc_rpc_client *client, const char *role, int timeout_ms,
			msgpack_object *ret_result, struct hc_fault *fault)
{
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer params = HC_BUFFER_NULL;
	msgpack_packer pk = hc_codec_packer(&params);

	msgpack_pack_map(&pk, 2);
	hc_pack_str_at(&pk, "role", hc_str(role));
	hc_pack_u64_at(&pk, "version", HC_PROTOCOL_VERSION);
	return hc_rpc_client_call(client, "hello", &params, timeout_ms, ret_result, fault);
}
