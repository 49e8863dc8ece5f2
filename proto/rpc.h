/* SPDX-License-Identifier: MIT */
/*
 * MessagePack-RPC over a UNIX stream socket.
 *
 *   request       [0, id, method, [params]]     params is one map
 *   response      [1, id, error, result]        one of the two is nil; error is
 * {"code","message","details"} notification  [2, method, [params]]
 *
 * The reader serves both sides. The client is non-blocking; hc_rpc_client_call() waits on top of
 * it.
 *
 * Source: github.com/msgpack-rpc/msgpack-rpc, spec.md.
 */
#pragma once

#include <sys/types.h>

#include "proto/codec.h"
#include "proto/fault.h"

#define HC_RPC_FRAME_MAX (1024 * 1024) /* bytes of one message */

enum hc_rpc_kind {
	HC_RPC_REQUEST,
	HC_RPC_RESPONSE,
	HC_RPC_NOTIFICATION,
};

/** struct hc_rpc_message - one message; borrows from the reader until its next use */
struct hc_rpc_message {
	enum hc_rpc_kind kind;
	uint32_t id;	       /* request, response */
	struct hc_str method;  /* request, notification */
	msgpack_object params; /* request, notification: a map (possibly empty) */
	msgpack_object error;  /* response: nil or a map */
	msgpack_object result; /* response: anything */
};

enum {
	HC_RPC_OK_,
	HC_RPC_E_MORE,	    /* no whole message yet */
	HC_RPC_E_MESSAGE,   /* msgpack, but not a message of this protocol: skipped, the stream goes
			       on */
	HC_RPC_E_MALFORMED, /* not msgpack, or beyond the limits: the stream cannot be followed
			       further */
	HC_RPC_E_CLOSED,    /* the peer has closed, or there is no connection */
	HC_RPC_E_TIMEOUT,   /* no answer in time: whether it was done is unknown */
	HC_RPC_E_FAULT,	    /* the peer answered with an error */
};

/* ---- messages out ------------------------------------------------------------------------- */

/* Each appends a head; the caller then packs exactly one value: the params map, or the result. */
void hc_rpc_pack_request(msgpack_packer *pk, uint32_t id, const char *method);
void hc_rpc_pack_notification(msgpack_packer *pk, const char *method);
void hc_rpc_pack_result(msgpack_packer *pk, uint32_t id);

/** hc_rpc_pack_error() - a whole response with the error of @fault */
void hc_rpc_pack_error(msgpack_packer *pk, uint32_t id, const struct hc_fault *fault);

/** hc_rpc_read_fault() - the fault in the error of a response; tolerant of what it does not know */
void hc_rpc_read_fault(struct hc_fault *ret, const msgpack_object *error);

/* ---- messages in -------------------------------------------------------------------------- */

struct hc_rpc_reader {
	struct hc_buffer in;
	size_t start;		   /* bytes of `in` already handed out */
	struct hc_codec_skim skim; /* of the message that is coming in */
	msgpack_zone zone;	   /* of the message handed out last */
};

int hc_rpc_reader_init(struct hc_rpc_reader *reader);
void hc_rpc_reader_deinit(struct hc_rpc_reader *reader);

/**
 * hc_rpc_reader_fill() - receive once from a non-blocking socket
 * @len_max: bytes to take at most, so that one busy peer leaves room for the others
 *
 * Return: bytes received (> 0), 0 if there is nothing now, -ECONNRESET at the end of the stream, or
 * -errno.
 */
ssize_t hc_rpc_reader_fill(struct hc_rpc_reader *reader, int fd, size_t len_max);

/**
 * hc_rpc_reader_next() - take the next whole message
 * @ret:   borrows from @reader until the next fill or next
 * @fault: what is wrong, for HC_RPC_E_MESSAGE and HC_RPC_E_MALFORMED; ret->id is set if it was
 * readable, else 0
 *
 * Return: 0, HC_RPC_E_MORE, HC_RPC_E_MESSAGE, HC_RPC_E_MALFORMED, or -ENOMEM.
 */
int hc_rpc_reader_next(struct hc_rpc_reader *reader, struct hc_rpc_message *ret,
		       struct hc_fault *fault);

/* ---- the client --------------------------------------------------------------------------- */

struct hc_rpc_client;

/**
 * hc_rpc_client_connect() - connect to the hub
 * @path: of the socket
 *
 * Return: 0 or -errno of socket(2) or connect(2): -ENOENT and -ECONNREFUSED mean that there is no
 * hub.
 */
int hc_rpc_client_connect(struct hc_rpc_client **ret, const char *path);
struct hc_rpc_client *hc_rpc_client_free(struct hc_rpc_client *client);
HC_DEFINE_CLEANUP(struct hc_rpc_client *, hc_rpc_client_free);

/** hc_rpc_client_fd() - to poll; closed by hc_rpc_client_free() */
int hc_rpc_client_fd(const struct hc_rpc_client *client);

/** hc_rpc_client_events() - POLLIN, and POLLOUT while something waits to be sent */
short hc_rpc_client_events(const struct hc_rpc_client *client);

/**
 * hc_rpc_client_request() - queue a request
 * @params:  one packed map; copied
 * @ret_id:  the id of its answer; may be NULL
 *
 * Sends what the socket takes at once; hc_rpc_client_flush() sends the rest.
 * Return: 0, HC_RPC_E_CLOSED, -ENOMEM, or -EMSGSIZE for what the peer's reader would refuse: above
 * HC_RPC_FRAME_MAX, HC_CODEC_DEPTH_MAX or HC_CODEC_ELEMENTS_MAX.
 */
int hc_rpc_client_request(struct hc_rpc_client *client, const char *method,
			  const struct hc_buffer *params, uint32_t *ret_id);

/**
 * hc_rpc_client_respond() - queue a response that was packed by hc_rpc_pack_result() or _error()
 */
int hc_rpc_client_respond(struct hc_rpc_client *client, const struct hc_buffer *response);

/** hc_rpc_client_flush() - send what waits; 0 (some may still wait) or HC_RPC_E_CLOSED */
int hc_rpc_client_flush(struct hc_rpc_client *client);

/** hc_rpc_client_waiting() - bytes queued and not yet sent */
size_t hc_rpc_client_waiting(const struct hc_rpc_client *client);

/**
 * hc_rpc_client_receive() - read what is there, without waiting
 *
 * Return: 0 or HC_RPC_E_CLOSED. Then hc_rpc_client_next() until HC_RPC_E_MORE.
 */
int hc_rpc_client_receive(struct hc_rpc_client *client);

/** hc_rpc_client_next() - the next message; see hc_rpc_reader_next() */
int hc_rpc_client_next(struct hc_rpc_client *client, struct hc_rpc_message *ret,
		       struct hc_fault *fault);

/**
 * hc_rpc_client_call() - ask and wait for the answer
 * @params:     one packed map
 * @timeout_ms: for the whole call
 * @ret_result: borrows from the client until its next use
 * @fault:      the peer's error, for HC_RPC_E_FAULT; HC_FAULT_TOO_LARGE for -EMSGSIZE,
 *              HC_FAULT_INTERNAL for -ENOMEM; else HC_FAULT_UNAVAILABLE and why
 *
 * Other messages that arrive meanwhile are dropped: for clients that only ask.
 * Return: 0, HC_RPC_E_FAULT, HC_RPC_E_CLOSED, HC_RPC_E_TIMEOUT, HC_RPC_E_MALFORMED, -ENOMEM,
 * -EMSGSIZE.
 */
int hc_rpc_client_call(struct hc_rpc_client *client, const char *method,
		       const struct hc_buffer *params, int timeout_ms, msgpack_object *ret_result,
		       struct hc_fault *fault);

/**
 * hc_rpc_client_hello() - the first call of every client
 * @role: "publisher", "loader", "fcgi" or "cli"
 *
 * Otherwise as hc_rpc_client_call().
 */
int hc_rpc_client_hello(struct hc_rpc_client *client, const char *role, int timeout_ms,
			msgpack_object *ret_result, struct hc_fault *fault);
