/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "proto/clock.h"
#include "proto/fault.h"
#include "proto/log.h"
#include "ws/rpc/detector.h"
#include "ws/rpc/feed.h"
#include "ws/rpc/listener.h"
#include "ws/rpc/method.h"
#include "ws/rpc/peer.h"
#include "ws/sessions/admission.h"

#define READ_LEN     (64 * 1024)       /* bytes a turn and peer */
#define WAITING_MAX  (4 * 1024 * 1024) /* bytes of unread answers above which a peer is not read */
#define BROKEN_MAX   16		       /* in a row */
#define PENDING_MAX  1024	       /* unanswered requests above which a peer is not read */
#define SILENT_MAX   8		       /* peers that have not said hello */
#define LOADERS_MAX  4		 /* the one, and those it has replaced; apart from the programs */
#define PATIENCE_MS  250	 /* a peer has at least this for its hello */
#define LOOK_MS	     2		 /* how soon to look again whether one has said it */
#define OUT_KEPT_MAX (64 * 1024) /* bytes of an emptied buffer worth keeping */

static const char *const role_names[HC_ROLE_MAX_] = {
	[HC_ROLE_NONE] = "unknown",  [HC_ROLE_PUBLISHER] = "publisher",
	[HC_ROLE_LOADER] = "loader", [HC_ROLE_FCGI] = "fcgi",
	[HC_ROLE_CLI] = "cli",
};

const char *hc_role_name(enum hc_role role)
{
	return role_names[role];
}

struct hc_peer *hc_peer_ref(struct hc_peer *peer)
{
	peer->n_refs++;
	return peer;
}

struct hc_peer *hc_peer_unref(struct hc_peer *peer)
{
	if (--peer->n_refs)
		return NULL;
	hc_rpc_reader_deinit(&peer->reader);
	hc_buffer_deinit(&peer->out);
	free(peer);
	return NULL;
}

static void on_poll_closed(uv_handle_t *handle)
{
	(void)hc_peer_unref(handle->data);
}

static void leave(struct hc_peer *peer, const char *why)
{
	if (hc_peer_is_gone(peer))
		return;
	if (peer->role != HC_ROLE_NONE)
		hc_info("peer %llu (%s, pid %d): %s", (unsigned long long)peer->id,
			hc_role_name(peer->role), (int)peer->pid, why);
	(void)uv_poll_stop(&peer->poll);
	hc_closep(&peer->fd);
	peer->fd = -1;
	*peer->link = peer->next;
	if (peer->next)
		peer->next->link = peer->link;
	peer->link = NULL;
	peer->hub->peers->n--;
	peer->feed = hc_feed_free(peer->feed);
	hc_detector_forget(peer->hub->detector, peer);
	uv_close((uv_handle_t *)&peer->poll, on_poll_closed);
}

/* ---- out ---------------------------------------------------------------------------------- */

static void on_ready(uv_poll_t *poll, int status, int events);

size_t hc_peer_waiting(const struct hc_peer *peer)
{
	return peer->out.len - peer->sent;
}

/* Whoever does not read its answers, or has many to come, is not listened to. */
static bool takes_messages(const struct hc_peer *peer)
{
	return !hc_peer_is_gone(peer) && !peer->ending && !peer->hub->deaf &&
	       hc_peer_waiting(peer) < WAITING_MAX && peer->n_pending < PENDING_MAX;
}

static void poll_again(struct hc_peer *peer)
{
	int events = 0;

	if (hc_peer_is_gone(peer))
		return;
	/* A socket that has taken everything at once says nothing more by itself. */
	if (hc_peer_waiting(peer) || (peer->feed && hc_feed_has_more(peer->feed)))
		events |= UV_WRITABLE;
	if (takes_messages(peer))
		events |= UV_READABLE;
	if (events == peer->poll_events)
		return;
	peer->poll_events = events;
	if (events)
		(void)uv_poll_start(&peer->poll, events, on_ready);
	else
		(void)uv_poll_stop(&peer->poll);
}

static void send_some(struct hc_peer *peer)
{
	while (hc_peer_waiting(peer)) {
		ssize_t n = send(peer->fd, peer->out.data + peer->sent, hc_peer_waiting(peer),
				 MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return;
		if (n < 0) {
			leave(peer, "cannot be written to");
			return;
		}
		peer->sent += (size_t)n;
	}
	peer->sent = 0;
	if (peer->out.cap > OUT_KEPT_MAX)
		hc_buffer_deinit(&peer->out);
	else
		hc_buffer_reset(&peer->out);
	if (peer->ending)
		leave(peer, "closed after an error");
}

void hc_peer_send(struct hc_peer *peer, const struct hc_buffer *messages)
{
	bool was_empty = !hc_peer_waiting(peer);

	if (hc_peer_is_gone(peer))
		return;
	hc_buffer_append(&peer->out, messages->data, messages->len);
	if (messages->failed || peer->out.failed) {
		leave(peer, "no memory for its answer");
		return;
	}
	if (was_empty)
		send_some(peer);
	poll_again(peer);
}

void hc_peer_fail(struct hc_peer *peer, uint32_t id, const struct hc_fault *fault)
{
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer response = HC_BUFFER_NULL;
	msgpack_packer pk = hc_codec_packer(&response);

	hc_rpc_pack_error(&pk, id, fault);
	hc_peer_send(peer, &response);
}

void hc_peer_hold(struct hc_peer *peer)
{
	(void)hc_peer_ref(peer);
	peer->n_pending++;
}

/* ---- in ----------------------------------------------------------------------------------- */

/* In a notification, because no id is known. */
void hc_peer_end(struct hc_peer *peer, const struct hc_fault *fault)
{
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer message = HC_BUFFER_NULL;
	msgpack_packer pk = hc_codec_packer(&message);

	hc_warn("peer %llu (%s, pid %d, uid %u): %s, disconnecting", (unsigned long long)peer->id,
		hc_role_name(peer->role), (int)peer->pid, (unsigned int)peer->uid, fault->message);
	hc_rpc_pack_notification(&pk, "error");
	msgpack_pack_map(&pk, 2);
	hc_pack_str_at(&pk, "code", hc_str(hc_fault_name(fault->code)));
	hc_pack_str_at(&pk, "message", hc_str(fault->message));
	peer->feed = hc_feed_free(peer->feed); /* nothing comes behind the end */
	peer->ending = true;
	hc_peer_send(peer, &message);
}

static void handle_message(struct hc_peer *peer, const struct hc_rpc_message *message)
{
	peer->n_broken = 0;
	hc_method_handle(peer, message);
}

/* A message that is not one is told and skipped; somebody who sends nothing else speaks something
 * else. */
static void skip_broken(struct hc_peer *peer, uint32_t id, const struct hc_fault *fault)
{
	if (++peer->n_broken > BROKEN_MAX)
		hc_peer_end(peer, fault);
	else
		hc_peer_fail(peer, id, fault);
}

static void handle_messages(struct hc_peer *peer)
{
	while (takes_messages(peer)) {
		struct hc_fault fault = HC_FAULT_NULL;
		struct hc_rpc_message message;
		int r = hc_rpc_reader_next(&peer->reader, &message, &fault);

		if (r == HC_RPC_E_MORE)
			return;
		if (r == HC_RPC_E_MESSAGE)
			skip_broken(peer, message.id, &fault);
		else if (r == HC_RPC_E_MALFORMED)
			hc_peer_end(peer, &fault);
		else if (r)
			leave(peer, "no memory for its message");
		else
			handle_message(peer, &message);
	}
}

static void read_some(struct hc_peer *peer)
{
	ssize_t n = hc_rpc_reader_fill(&peer->reader, peer->fd, READ_LEN);

	if (n < 0)
		leave(peer, "gone");
}

static void on_ready(uv_poll_t *poll, int status, int events)
{
	struct hc_peer *peer = hc_peer_ref(poll->data);

	if (status < 0)
		leave(peer, "gone");
	if (!hc_peer_is_gone(peer) && events & UV_WRITABLE)
		send_some(peer);
	/* Messages that were read before it was no longer listened to come first. */
	handle_messages(peer);
	if (takes_messages(peer) && events & UV_READABLE) {
		read_some(peer);
		handle_messages(peer);
	}
	if (!hc_peer_is_gone(peer) && peer->feed)
		hc_feed_pump(peer->feed);
	poll_again(peer);
	(void)hc_peer_unref(peer);
}

void hc_peer_release(struct hc_peer *peer)
{
	peer->n_pending--;
	if (peer->n_pending == PENDING_MAX - 1)
		handle_messages(peer);
	poll_again(peer);
	(void)hc_peer_unref(peer);
}

/* ---- room --------------------------------------------------------------------------------- */

/*
 * The gate of the listener. Descriptors are kept for programs, but not for any number of those that
 * connect and say nothing: the oldest of them makes room.
 */
static uint64_t on_gate(void *context)
{
	struct hc_peers *peers = context;
	struct hc_peer *oldest = NULL;
	size_t n = 0;

	for (struct hc_peer *peer = peers->head; peer; peer = peer->next) {
		if (peer->role != HC_ROLE_NONE)
			continue;
		oldest = peer; /* the newest come first */
		n++;
	}
	if (n < SILENT_MAX)
		return 0;
	if (uv_now(peers->hub->loop) < oldest->connected_ms + PATIENCE_MS)
		return LOOK_MS;
	leave(oldest, "has not said hello");
	return 0;
}

static size_t count(const struct hc_peers *peers, bool loaders)
{
	size_t n = 0;

	for (const struct hc_peer *peer = peers->head; peer; peer = peer->next)
		n += peer->role != HC_ROLE_NONE && (peer->role == HC_ROLE_LOADER) == loaders;
	return n;
}

bool hc_peer_admit(struct hc_peer *peer, enum hc_role role, struct hc_fault *fault)
{
	struct hc_peers *peers = peer->hub->peers;
	bool is_loader = role == HC_ROLE_LOADER;
	size_t n = count(peers, is_loader);

	if (n < (is_loader ? LOADERS_MAX : hc_admission_counts(peer->hub->admission).max_programs))
		return true;
	hc_fault_set(fault, HC_FAULT_UNAVAILABLE,
		     "there are %zu %s at the hub's socket, as many as may be: try again later", n,
		     is_loader ? "loaders" : "programs");
	peer->ending = true;
	if (hc_log_limited(&peers->log_limit))
		hc_warn("a program (%s, pid %d, uid %u) is refused: %s", hc_role_name(role),
			(int)peer->pid, (unsigned int)peer->uid, fault->message);
	return false;
}

/* ---- life --------------------------------------------------------------------------------- */

static void link_in(struct hc_peer *peer, struct hc_peers *peers)
{
	peer->id = ++peers->next_id;
	peer->next = peers->head;
	peer->link = &peers->head;
	if (peers->head)
		peers->head->link = &peer->next;
	peers->head = peer;
	peers->n++;
}

static void on_connection(void *context, int fd)
{
	struct hc_peers *peers = context;
	struct hc_peer *peer = calloc(1, sizeof(*peer));
	socklen_t len = sizeof(struct ucred);
	struct ucred cred;

	if (!peer || hc_rpc_reader_init(&peer->reader) < 0 ||
	    getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) < 0) {
		if (hc_log_limited(&peers->log_limit))
			hc_err("cannot take a peer: %s, disconnecting it", strerror(errno));
		free(peer);
		hc_closep(&fd);
		return;
	}
	peer->hub = peers->hub;
	peer->fd = fd;
	peer->uid = cred.uid;
	peer->pid = cred.pid;
	peer->n_refs = 1; /* the handle's, given back when it is closed */
	peer->connected_unix_ms = (uint64_t)hc_now_unix_ms();
	peer->connected_ms = uv_now(peers->hub->loop);
	(void)uv_poll_init(peers->hub->loop, &peer->poll, fd);
	peer->poll.data = peer;
	link_in(peer, peers);
	poll_again(peer);
}

int hc_peers_new(struct hc_peers **ret, struct hc_hub *hub, struct hc_inherited *inherited,
		 struct hc_fault *fault)
{
	struct hc_peers *peers = calloc(1, sizeof(*peers));
	const struct hc_listener_options options = {
		.loop = hub->loop,
		.inherited = inherited,
		.fn = on_connection,
		.gate = on_gate,
		.context = peers,
	};
	int r;

	if (!peers)
		return -ENOMEM;
	peers->hub = hub;
	r = hc_listener_unix(&peers->listener, &options, hub->conf->hostcast.socket, fault);
	if (r < 0) {
		free(peers);
		return r;
	}
	*ret = peers;
	return 0;
}

void hc_peers_stop_accepting(struct hc_peers *peers)
{
	peers->listener = hc_listener_free(peers->listener);
}

void hc_peers_look(struct hc_peers *peers)
{
	for (struct hc_peer *peer = peers->head; peer; peer = peer->next)
		poll_again(peer);
}

struct hc_peers *hc_peers_free(struct hc_peers *peers)
{
	if (!peers)
		return NULL;
	hc_peers_stop_accepting(peers);
	while (peers->head)
		leave(peers->head, "the hub stops");
	free(peers);
	return NULL;
}
