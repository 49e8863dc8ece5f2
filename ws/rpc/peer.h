/* SPDX-License-Identifier: MIT */
/*
 * A peer: one program connected to the UNIX socket, speaking MessagePack-RPC.
 *
 * Requests may be pipelined; an answer that takes time bears its request's id. A peer that does not
 * read its answers is not read from either.
 */
#pragma once

#include <sys/types.h>
#include <uv.h>

#include "proto/log.h"
#include "proto/rpc.h"
#include "ws/hub.h"

struct hc_feed;
struct hc_inherited;

enum hc_role {
	HC_ROLE_NONE, /* no hello yet */
	HC_ROLE_PUBLISHER,
	HC_ROLE_LOADER,
	HC_ROLE_FCGI,
	HC_ROLE_CLI,
	HC_ROLE_MAX_
};

struct hc_peer {
	struct hc_hub *hub;
	struct hc_peer *next, **link; /* in the hub's list; link is NULL once it is gone */
	unsigned int n_refs; /* the list's, and one for each answer that is still to come */
	uint64_t id;
	int fd;	   /* -1 once it is gone */
	uid_t uid; /* SO_PEERCRED, unix(7): of the process that connected */
	pid_t pid;
	enum hc_role role;
	size_t n_pending;      /* requests that are not answered yet */
	unsigned int n_broken; /* messages in a row that were none of this protocol */
	struct hc_rpc_reader reader;
	struct hc_buffer out;
	size_t sent;	      /* bytes of `out` */
	struct hc_feed *feed; /* what it subscribed to, or NULL */
	uint64_t connected_unix_ms;
	uint64_t connected_ms; /* loop time */
	uv_poll_t poll;
	int poll_events;
	bool ending; /* to be closed once `out` is sent */
};

/** struct hc_peers - all of them, and the socket they come through */
struct hc_peers {
	struct hc_hub *hub;
	struct hc_peer *head;
	size_t n;
	uint64_t next_id;
	struct hc_listener *listener;
	struct hc_log_limit log_limit;
};

/** hc_peers_new() - listen for programs; @inherited: see listener.h */
int hc_peers_new(struct hc_peers **ret, struct hc_hub *hub, struct hc_inherited *inherited,
		 struct hc_fault *fault);
/** hc_peers_stop_accepting() - no new ones; those that are here stay */
void hc_peers_stop_accepting(struct hc_peers *peers);
/** hc_peers_look() - whether they are listened to has changed */
void hc_peers_look(struct hc_peers *peers);
/** hc_peers_free() - close all; run the loop once more */
struct hc_peers *hc_peers_free(struct hc_peers *peers);

struct hc_peer *hc_peer_ref(struct hc_peer *peer);
struct hc_peer *hc_peer_unref(struct hc_peer *peer);

/** hc_peer_is_gone() - nobody would get an answer any more */
static inline bool hc_peer_is_gone(const struct hc_peer *peer)
{
	return peer->fd < 0;
}

/** hc_peer_may_see_all() - root, for itself: not a web server on behalf of somebody */
static inline bool hc_peer_may_see_all(const struct hc_peer *peer)
{
	return peer->uid == 0 && peer->role != HC_ROLE_FCGI;
}

/**
 * hc_peer_admit() - whether there is room for one more that says hello
 *
 * The loader has places of its own. Whoever is not let in is closed once its answer is sent.
 */
bool hc_peer_admit(struct hc_peer *peer, enum hc_role role, struct hc_fault *fault);

const char *hc_role_name(enum hc_role role);

/** hc_peer_send() - append whole packed messages and send what the socket takes */
void hc_peer_send(struct hc_peer *peer, const struct hc_buffer *messages);

/** hc_peer_fail() - answer a request with a fault */
void hc_peer_fail(struct hc_peer *peer, uint32_t id, const struct hc_fault *fault);

/** hc_peer_end() - its stream cannot be followed further: say why, and close */
void hc_peer_end(struct hc_peer *peer, const struct hc_fault *fault);

/** hc_peer_waiting() - bytes not sent yet */
size_t hc_peer_waiting(const struct hc_peer *peer);

/*
 * An answer that comes later: hold the peer when the request is taken, and release it when it is
 * answered.
 */
void hc_peer_hold(struct hc_peer *peer);
void hc_peer_release(struct hc_peer *peer);
