/* SPDX-License-Identifier: MIT */
/*
 * Compression of a WebSocket: permessage-deflate, RFC 7692.
 *
 * Neither side keeps anything from one message to the next (no_context_takeover): so what is sent
 * is deflated once for all (framing.h), and a client costs no memory here. libwebsockets is told of
 * an extension that does nothing, so that it takes the bit; its own would keep 90 KB a client.
 */
#pragma once

#include "proto/buffer.h"

#define HC_COMPRESSION_NAME	 "permessage-deflate"
#define HC_COMPRESSION_OFFER_MAX 250 /* bytes of all offers; the library drops longer ones */

/* What the answer has behind the name, whatever the client offers: section 7.1.1. */
#define HC_COMPRESSION_ANSWER "; server_no_context_takeover; client_no_context_takeover"

enum {
	HC_COMPRESSION_OK_,
	HC_COMPRESSION_E_TOO_BIG, /* more than @max when it is inflated */
	HC_COMPRESSION_E_DATA,	  /* that was not deflated, or its end is missing */
};

/**
 * hc_compression_accepts() - whether we take the first offer of a Sec-WebSocket-Extensions header
 *
 * Not one that wants a smaller window of us, one we do not understand, or one of several that the
 * library could not tell from each other. A client without the extension gets plain frames.
 */
bool hc_compression_accepts(struct hc_str offers);

/**
 * hc_compression_inflate() - inflate the payload of one message
 * @buffer: gets the text; as it was on failure
 * @max:    bytes of text
 *
 * Stops at @max, whatever more there would be: memory is bounded by it. Return: 0,
 * HC_COMPRESSION_E_*, or -ENOMEM.
 */
int hc_compression_inflate(struct hc_buffer *buffer, struct hc_str payload, size_t max);
