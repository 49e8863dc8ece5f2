/* SPDX-License-Identifier: MIT */
/*
 * The JSON that envelopes and the hub write has no line breaks, so a text is one "data:" line.
 *
 * A deflated payload is the output of a raw deflate with an empty block at its end, less the last
 * four bytes of that (RFC 7692 section 7.2.1). The stream is reset and kept: O(window) a text, no
 * allocation.
 */
#include <stdio.h>
#include <stdlib.h>
#include <zlib.h>

#include "ws/fanout/frame.h"
#include "ws/fanout/framing.h"

#define RAW_WINDOW_BITS (-15) /* the whole window, no zlib header */
#define LEVEL		3 /* of 9; measured on JSON of 4 to 16 KiB: half the time of 6, 6 to 11 % longer */
#define MEMORY_LEVEL	8  /* zlib's default: 256 KiB a stream */
#define TAIL_LEN	4  /* bytes: 00 00 ff ff */
#define FLUSH_LEN_MAX	16 /* bytes that the empty block adds to deflateBound(), generously */

const char *hc_framing_name(enum hc_framing framing)
{
	static const char *const names[] = {
		[HC_FRAMING_WEBSOCKET] = "websocket",
		[HC_FRAMING_DEFLATE] = "deflate",
		[HC_FRAMING_SSE] = "sse",
	};

	return names[framing];
}

void hc_framer_init(struct hc_framer *framer, const struct hc_framing_options *options)
{
	*framer = (struct hc_framer){ .options = options };
}

void hc_framer_deinit(struct hc_framer *framer)
{
	if (framer->zlib)
		(void)deflateEnd(framer->zlib); /* it complains of unfinished output only */
	free(framer->zlib);
	framer->zlib = NULL;
	hc_buffer_deinit(&framer->text);
}

/* ---- deflate ------------------------------------------------------------------------------ */

static bool need_zlib(struct hc_framer *framer)
{
	if (framer->zlib)
		return deflateReset(framer->zlib) == Z_OK;
	framer->zlib = calloc(1, sizeof(*framer->zlib));
	if (!framer->zlib)
		return false;
	if (deflateInit2(framer->zlib, LEVEL, Z_DEFLATED, RAW_WINDOW_BITS, MEMORY_LEVEL,
			 Z_DEFAULT_STRATEGY) == Z_OK)
		return true;
	free(framer->zlib);
	framer->zlib = NULL;
	return false;
}

/* Deflates into the room behind the content of @buffer. Returns the payload's length, or 0 if there
 * is no memory or it would not be shorter than the text. */
static size_t deflate_behind(struct hc_framer *framer, struct hc_str text, struct hc_buffer *buffer,
			     size_t skip)
{
	z_stream *zlib = framer->zlib;
	size_t len, max = deflateBound(zlib, text.len) + FLUSH_LEN_MAX;
	char *to = hc_buffer_reserve(buffer, skip + max);

	if (!to)
		return 0;
	zlib->next_in = (Bytef *)(uintptr_t)text.s;
	zlib->avail_in = (uInt)text.len;
	zlib->next_out = (Bytef *)to + skip;
	zlib->avail_out = (uInt)max;
	if (deflate(zlib, Z_SYNC_FLUSH) != Z_OK || zlib->avail_in || !zlib->avail_out)
		return 0;
	len = max - zlib->avail_out - TAIL_LEN;
	return len < text.len ? len : 0;
}

static bool append_deflated(struct hc_framer *framer, struct hc_str text, struct hc_buffer *buffer)
{
	unsigned char head[HC_FRAME_HEAD_MAX];
	size_t head_len, len;
	char *to;

	if (text.len < framer->options->deflate_min || !need_zlib(framer))
		return false;
	len = deflate_behind(framer, text, buffer, sizeof(head));
	if (!len)
		return false;
	head_len = hc_frame_head(head, HC_FRAME_TEXT_DEFLATED, len);
	to = buffer->data + buffer->len;
	memmove(to + head_len, to + sizeof(head), len);
	memcpy(to, head, head_len);
	buffer->len += head_len + len;
	return true;
}

/* ---- Server-Sent Events ------------------------------------------------------------------- */

static void append_line(struct hc_buffer *buffer, struct hc_str field, struct hc_str value)
{
	hc_buffer_append_str(buffer, field);
	hc_buffer_append_str(buffer, value);
	hc_buffer_append(buffer, "\n", 1);
}

static void append_sse(struct hc_buffer *buffer, const struct hc_remark *remark)
{
	if (remark->id)
		append_line(buffer, HC_STR("id: "), hc_str(remark->id));
	if (remark->name)
		append_line(buffer, HC_STR("event: "), hc_str(remark->name));
	append_line(buffer, HC_STR("data: "), remark->text);
	hc_buffer_append(buffer, "\n", 1);
}

static void append_sse_event(struct hc_framer *framer, const struct hc_event *event,
			     struct hc_buffer *buffer)
{
	struct hc_remark remark = { .text = { framer->text.data, framer->text.len } };
	char id[HC_POSITION_MAX];

	if (event->sequence) { /* a volatile event is not a position */
		(void)hc_position_format(id, framer->options->origin.epoch, event->sequence);
		remark.id = id;
	}
	append_sse(buffer, &remark);
}

/* ---- all ---------------------------------------------------------------------------------- */

void hc_framer_event(struct hc_framer *framer, struct hc_encoding encoding,
		     const struct hc_event *event, struct hc_buffer *buffer)
{
	struct hc_str text;

	hc_buffer_reset(&framer->text);
	hc_envelope_write(&framer->text, encoding.envelope, encoding.time, event,
			  &framer->options->origin);
	if (framer->text.failed) {
		buffer->failed = true;
		return;
	}
	text = (struct hc_str){ framer->text.data, framer->text.len };
	if (encoding.framing == HC_FRAMING_SSE)
		append_sse_event(framer, event, buffer);
	else if (encoding.framing == HC_FRAMING_WEBSOCKET || !append_deflated(framer, text, buffer))
		hc_frame_append(buffer, text);
}

void hc_framing_append_remark(struct hc_buffer *buffer, enum hc_framing framing,
			      const struct hc_remark *remark)
{
	if (framing == HC_FRAMING_SSE)
		append_sse(buffer, remark);
	else
		hc_frame_append(buffer, remark->text);
}

/* An event without data is not shown to anybody, but its id counts. */
static void append_id(struct hc_buffer *buffer, const char *id)
{
	if (id)
		append_line(buffer, HC_STR("id: "), hc_str(id));
	hc_buffer_append(buffer, "\n", 1);
}

void hc_framing_append_ping(struct hc_buffer *buffer, enum hc_framing framing, const char *id)
{
	char text[sizeof("{'type':'ping','position':''}") + HC_POSITION_MAX];

	if (framing == HC_FRAMING_SSE) {
		hc_buffer_append_str(buffer, HC_STR(": ping\n"));
		append_id(buffer, id);
	} else if (id) {
		(void)snprintf(text, sizeof(text), "{\"type\":\"ping\",\"position\":\"%s\"}", id);
		hc_frame_append(buffer, hc_str(text));
	} else {
		hc_frame_append(buffer, HC_STR("{\"type\":\"ping\"}"));
	}
}

void hc_framing_append_hello(struct hc_buffer *buffer, enum hc_framing framing, const char *id)
{
	if (framing != HC_FRAMING_SSE)
		return;
	hc_buffer_printf(buffer, ": connected\nretry: %d\n", HC_SSE_RETRY_MS);
	append_id(buffer, id);
}

/* A reason may quote what somebody sent. */
static struct hc_str first_line(struct hc_str text)
{
	size_t len = 0;

	while (len < text.len && text.s[len] != '\n' && text.s[len] != '\r')
		len++;
	return (struct hc_str){ text.s, len };
}

void hc_framing_append_close(struct hc_buffer *buffer, enum hc_framing framing,
			     const struct hc_farewell *farewell)
{
	if (framing != HC_FRAMING_SSE) {
		hc_frame_append_close(buffer, farewell->code, farewell->reason);
		return;
	}
	hc_buffer_printf(buffer, ": closing, %u ", farewell->code);
	append_line(buffer, first_line(farewell->reason), HC_STR(""));
	if (farewell->retry_after_ms)
		hc_buffer_printf(buffer, "retry: %u\n", farewell->retry_after_ms);
	hc_buffer_append(buffer, "\n", 1);
}
