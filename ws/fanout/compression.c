/* SPDX-License-Identifier: MIT */
/*
 * Offers. Accepted: the name, then server_no_context_takeover and client_no_context_takeover
 * without a value, client_max_window_bits without one or with 8 to 15, each once. Declined:
 * anything else.
 */
#include <errno.h>
#include <zlib.h>

#include "ws/fanout/compression.h"

#define RAW_WINDOW_BITS (-15) /* the largest, no zlib header */
#define STEP_BYTES	4096  /* the text grows by that */

/* ---- offers ------------------------------------------------------------------------------- */

static struct hc_str trim(struct hc_str text)
{
	while (text.len && (text.s[0] == ' ' || text.s[0] == '\t')) {
		text.s++;
		text.len--;
	}
	while (text.len && (text.s[text.len - 1] == ' ' || text.s[text.len - 1] == '\t'))
		text.len--;
	return text;
}

/* The part up to @mark, which is taken away with it. */
static struct hc_str cut(struct hc_str *rest, char mark)
{
	const char *at = rest->len ? memchr(rest->s, mark, rest->len) : NULL;
	struct hc_str part = { rest->s, at ? (size_t)(at - rest->s) : rest->len };
	size_t taken = at ? part.len + 1 : part.len;

	rest->s += taken;
	rest->len -= taken;
	return trim(part);
}

static bool is_window_bits(struct hc_str value)
{
	static const char *const all[] = { "8", "9", "10", "11", "12", "13", "14", "15" };

	if (value.len >= 2 && value.s[0] == '"' && value.s[value.len - 1] == '"')
		value = (struct hc_str){ value.s + 1, value.len - 2 };
	for (size_t i = 0; i < HC_ARRAY_LEN(all); i++)
		if (hc_str_is(value, all[i]))
			return true;
	return false;
}

static bool takes(struct hc_str parameter, unsigned int *seen)
{
	static const char *const names[] = { "server_no_context_takeover",
					     "client_no_context_takeover",
					     "client_max_window_bits" };
	bool has_value = parameter.len && memchr(parameter.s, '=', parameter.len);
	struct hc_str value = parameter, name = cut(&value, '=');

	for (unsigned int i = 0; i < HC_ARRAY_LEN(names); i++) {
		if (!hc_str_is(name, names[i]))
			continue;
		if (*seen & 1u << i)
			return false;
		*seen |= 1u << i;
		return !has_value || (i == 2 && is_window_bits(trim(value)));
	}
	return false;
}

bool hc_compression_accepts(struct hc_str offers)
{
	struct hc_str offer = cut(&offers, ','), name;
	bool has_parameters = offer.len && memchr(offer.s, ';', offer.len);
	unsigned int seen = 0;

	name = cut(&offer, ';');
	if (!hc_str_is(name, HC_COMPRESSION_NAME))
		return false;
	if (has_parameters && !offer.len)
		return false;
	while (offer.len)
		if (!takes(cut(&offer, ';'), &seen))
			return false;
	/* The library takes a plain offer, and then drops the client for the next one. */
	return has_parameters || !offers.len;
}

/* ---- inflating ---------------------------------------------------------------------------- */

/* Inflates what there is. *ret_ended: a block said that it is the last, section 7.2.3.4. */
static int inflate_some(z_stream *zlib, struct hc_buffer *buffer, size_t max, bool *ret_ended)
{
	for (;;) {
		size_t room = max - buffer->len < STEP_BYTES ? max - buffer->len : STEP_BYTES;
		char *to = hc_buffer_reserve(buffer, room + 1); /* one more shows what is too big */
		int r;

		if (!to)
			return -ENOMEM;
		zlib->next_out = (Bytef *)to;
		zlib->avail_out = (uInt)(room + 1);
		r = inflate(zlib, Z_SYNC_FLUSH);
		buffer->len += room + 1 - zlib->avail_out;
		if (buffer->len > max)
			return HC_COMPRESSION_E_TOO_BIG;
		if (r == Z_MEM_ERROR)
			return -ENOMEM;
		*ret_ended = r == Z_STREAM_END;
		if (r == Z_BUF_ERROR || r == Z_STREAM_END || (r == Z_OK && zlib->avail_out))
			return HC_COMPRESSION_OK_; /* all that there was */
		if (r != Z_OK)
			return HC_COMPRESSION_E_DATA;
	}
}

/* Whether what was read ends with a whole block, at a whole byte: zlib.h, data_type. */
static bool is_between_blocks(const z_stream *zlib)
{
	return !zlib->avail_in && (zlib->data_type & ~64) == 128;
}

static int inflate_all(z_stream *zlib, struct hc_buffer *buffer, struct hc_str payload, size_t max)
{
	static const unsigned char tail[] = { 0, 0, 0xff, 0xff }; /* section 7.2.2 */
	bool ended;
	int r;

	zlib->next_in = (Bytef *)(uintptr_t)payload.s;
	zlib->avail_in = (uInt)payload.len;
	r = inflate_some(zlib, buffer, max, &ended);
	if (r || ended)
		return r;
	zlib->next_in = (Bytef *)(uintptr_t)tail;
	zlib->avail_in = sizeof(tail);
	r = inflate_some(zlib, buffer, max, &ended);
	if (!r && !ended && !is_between_blocks(zlib))
		r = HC_COMPRESSION_E_DATA;
	return r;
}

int hc_compression_inflate(struct hc_buffer *buffer, struct hc_str payload, size_t max)
{
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer text = HC_BUFFER_NULL;
	z_stream zlib = { 0 };
	int r;

	if (inflateInit2(&zlib, RAW_WINDOW_BITS) != Z_OK)
		return -ENOMEM;
	r = inflate_all(&zlib, &text, payload, max);
	(void)inflateEnd(&zlib);
	if (!r)
		hc_buffer_append(buffer, text.data, text.len);
	return r ? r : buffer->failed ? -ENOMEM : HC_COMPRESSION_OK_;
}
