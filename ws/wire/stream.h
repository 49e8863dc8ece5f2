/* SPDX-License-Identifier: MIT */
/*
 * Streams: Server-Sent Events (HTML, section 9.2) over plain HTTP, for curl and EventSource.
 *
 *   GET /events?types=job.*,alert.created&channel=devices&since=<position>
 *   Last-Event-ID: <position>
 *
 * A client that comes back says where it was in Last-Event-ID, which counts more than the URL it
 * had at first.
 */
#pragma once

#include "proto/fault.h"
#include "ws/sessions/subscription.h"
#include "ws/wire/handshake.h"

/** struct hc_stream_request - what a client asks for, and may have */
struct hc_stream_request {
	struct hc_handshake handshake;
	struct hc_subscription *subscription; /* of types and channels; owned; NULL: everything */
	struct hc_grant *grant;		      /* a reference; NULL: it has none and needs none */
	struct hc_fault fault;
	struct hc_refusal refusal;
};

#define HC_STREAM_REQUEST_NULL ((struct hc_stream_request){ 0 })

/**
 * hc_stream_request_read() - read and judge a request without an upgrade
 *
 * Return: why it is refused, good as long as @request; or NULL.
 */
const struct hc_refusal *hc_stream_request_read(struct hc_stream_request *request,
						const struct hc_hub *hub, struct lws *wire);
void hc_stream_request_deinit(struct hc_stream_request *request);

/**
 * hc_stream_begin() - answer with the head of a stream, and take the wire out of the library's
 * hands
 *
 * The request's headers are forgotten. Return: whether the connection is still good.
 */
bool hc_stream_begin(struct lws *wire, const struct hc_hub *hub,
		     const struct hc_stream_request *request);
