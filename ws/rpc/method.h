/* SPDX-License-Identifier: MIT */
/*
 * The methods of the UNIX socket: a table of them (method.c), and one file a family (methods_*.c).
 */
#pragma once

#include "ws/rpc/peer.h"

/** struct hc_request - one call; borrows from the peer's reader until the function returns */
struct hc_request {
	struct hc_peer *peer;
	uint32_t id;
	const msgpack_object *params; /* a map */
};

/**
 * hc_method_fn - does what is asked
 *
 * Answers by hc_method_answer(), at once or, after hc_peer_hold(), later.
 * Return: false with @fault set: the caller answers with that.
 */
typedef bool hc_method_fn(const struct hc_request *request, struct hc_fault *fault);

hc_method_fn hc_method_publish;
hc_method_fn hc_method_events;
hc_method_fn hc_method_state;
hc_method_fn hc_method_types;
hc_method_fn hc_method_status;
hc_method_fn hc_method_connections;
hc_method_fn hc_method_metrics;
hc_method_fn hc_method_subscribe;
hc_method_fn hc_method_detector;
hc_method_fn hc_method_ticket;
hc_method_fn hc_method_revoke;
hc_method_fn hc_method_revocations;
hc_method_fn hc_method_consumers;
hc_method_fn hc_method_consumer_ack;
hc_method_fn hc_method_consumer_delete;

/** hc_method_handle() - take one message of a peer */
void hc_method_handle(struct hc_peer *peer, const struct hc_rpc_message *message);

/** hc_method_answer() - send a result; @result is one packed value */
void hc_method_answer(struct hc_peer *peer, uint32_t id, const struct hc_buffer *result);

/**
 * hc_method_refuse() - a parameter is not what it should be
 * @why: what is wrong, or what it should be: "must be text"
 *
 * Return: false, for the caller to return.
 */
bool hc_method_refuse(struct hc_fault *fault, const char *param, const char *why);

/**
 * hc_method_grant() - what the token among the parameters grants
 * @ret: owned by the caller; NULL if there is no token
 *
 * Return: false if there is one and it is not valid (fault set).
 */
bool hc_method_grant(struct hc_grant **ret, const struct hc_request *request,
		     struct hc_fault *fault);

/** hc_method_check_admin() - root for itself, or a token with admin; else a fault */
bool hc_method_check_admin(const struct hc_request *request, struct hc_fault *fault);

/**
 * hc_method_read_grant() - the same for who wants to read events: perhaps nobody may without
 *
 * Return: false if there is none and one is needed (fault set), or it is not valid.
 */
bool hc_method_read_grant(struct hc_grant **ret, const struct hc_request *request,
			  struct hc_fault *fault);

/** hc_method_read_filter() - the patterns of params["types"], or everything if there are none */
bool hc_method_read_filter(struct hc_filter *ret, const struct hc_request *request,
			   struct hc_fault *fault);

/**
 * hc_method_open_consumer() - the durable consumer that params["consumer"] names
 * @ret:        a copy; one that is not there yet stands where params["from"] says
 * @ret_is_new: it is to be committed before it is used
 *
 * Return: false if it may not be used, or none more may be made (fault set).
 */
bool hc_method_open_consumer(struct hc_consumer_row *ret, bool *ret_is_new,
			     const struct hc_request *request, struct hc_fault *fault);

/** hc_method_fail_batch() - what somebody is answered whose batch was not stored */
void hc_method_fail_batch(struct hc_peer *peer, const struct hc_batch *batch);

/** hc_method_position_at() - pack a key and a position of this hub's epoch */
void hc_method_position_at(msgpack_packer *pk, const char *key, const struct hc_hub *hub,
			   uint64_t sequence);
