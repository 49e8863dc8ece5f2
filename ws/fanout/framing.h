/* SPDX-License-Identifier: MIT */
/*
 * Framings: how a text becomes the bytes that a client reads.
 *
 *   websocket  a text frame
 *   deflate    a text frame; a long payload is deflated (RFC 7692)
 *   sse        Server-Sent Events (HTML, section 9.2): "id: <position>", "data: <text>"
 *
 * A deflated frame stands alone: nothing of it refers to another (server_no_context_takeover), so
 * it is made once and serves every client, as the others do.
 */
#pragma once

#include "proto/envelope.h"
#include "proto/position.h"

/*
 * How long a client is to wait before it comes back: longer than a hub that was killed is away, for
 * an EventSource that is answered 503 by a proxy meanwhile never comes back.
 */
#define HC_SSE_RETRY_MS 3000

enum hc_framing { HC_FRAMING_WEBSOCKET, HC_FRAMING_DEFLATE, HC_FRAMING_SSE, HC_FRAMING_MAX_ };

/** hc_framing_name() - "websocket", "deflate", "sse" */
const char *hc_framing_name(enum hc_framing framing);

/** struct hc_encoding - everything that makes one event's bytes differ from client to client */
struct hc_encoding {
	enum hc_envelope envelope;
	enum hc_time_format time;
	enum hc_framing framing;
};

static inline bool hc_encoding_equal(struct hc_encoding a, struct hc_encoding b)
{
	return a.envelope == b.envelope && a.time == b.time && a.framing == b.framing;
}

/** struct hc_framing_options - what all framers of a hub share; borrowed for their life */
struct hc_framing_options {
	struct hc_envelope_origin origin;
	uint64_t deflate_min; /* bytes; shorter texts go as they are */
};

/** struct hc_framer - writes framings; one for each thread that does */
struct hc_framer {
	const struct hc_framing_options *options;
	struct hc_buffer text;	 /* of one envelope */
	struct z_stream_s *zlib; /* made when it is needed first */
};

/** struct hc_remark - what the hub says to one client: not an event of the log */
struct hc_remark {
	const char *name; /* SSE: its "event:" field; NULL for none */
	const char *id;	  /* SSE: the position that a client has with it; NULL: as before */
	struct hc_str text;
};

void hc_framer_init(struct hc_framer *framer, const struct hc_framing_options *options);
void hc_framer_deinit(struct hc_framer *framer);

/** hc_framer_event() - append an event to @buffer as @encoding wants it */
void hc_framer_event(struct hc_framer *framer, struct hc_encoding encoding,
		     const struct hc_event *event, struct hc_buffer *buffer);

/** hc_framing_append_remark() - append something the hub says, which is never deflated */
void hc_framing_append_remark(struct hc_buffer *buffer, enum hc_framing framing,
			      const struct hc_remark *remark);

/** hc_framing_append_ping() - append a sign of life; with it the client is at position @id, if it
 * is not NULL */
void hc_framing_append_ping(struct hc_buffer *buffer, enum hc_framing framing, const char *id);

/**
 * hc_framing_append_hello() - append what a stream begins with, so that a client sees that it is
 * connected
 * @id: the position from which it goes on; NULL: the client has one, or gets it later
 *
 * A WebSocket begins with nothing.
 */
void hc_framing_append_hello(struct hc_buffer *buffer, enum hc_framing framing, const char *id);

/** struct hc_farewell - why a connection ends */
struct hc_farewell {
	uint16_t code; /* RFC 6455 section 7.4, or ours */
	struct hc_str reason;
	uint32_t retry_after_ms; /* 0: as always */
};

/** hc_framing_append_close() - append the end: a close frame, or a comment that says as much */
void hc_framing_append_close(struct hc_buffer *buffer, enum hc_framing framing,
			     const struct hc_farewell *farewell);
