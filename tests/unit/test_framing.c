/* SPDX-License-Identifier: MIT */
/* Framings: the bytes of each, and that what was deflated inflates to the same text. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <zlib.h>

#include "ws/fanout/framing.h"

static const struct hc_framing_options options = {
	.origin = { .epoch = "0123456789abcdef", .source = "/hostcast/x" },
	.deflate_min = 100,
};

/* An event whose text in the data envelope has @len bytes. */
static char *text_of_len(size_t len, struct hc_event *event)
{
	static const char shortest[] = "{\"type\":\"\",\"data\":{},"
				       "\"timestamp\":\"1970-01-01T00:00:00.000Z\"}";
	size_t type_len = len - (sizeof(shortest) - 1);
	char *type = malloc(type_len + 1);

	cr_assert(type);
	for (size_t i = 0; i < type_len; i++)
		type[i] = "abcd"[i % 4];
	*event = (struct hc_event){ .type = { type, type_len } };
	event->payload.type = MSGPACK_OBJECT_MAP;
	return type;
}

static void frame(struct hc_buffer *buffer, const struct hc_event *event, enum hc_framing framing)
{
	struct hc_framer framer;

	hc_framer_init(&framer, &options);
	hc_framer_event(&framer, (struct hc_encoding){ HC_ENVELOPE_DATA, HC_TIME_RFC3339, framing },
			event, buffer);
	hc_framer_deinit(&framer);
	cr_assert_not(buffer->failed);
}

/* The payload of the frame at the begin of @bytes, and whether RSV1 is set. */
static struct hc_str payload_of(struct hc_str bytes, bool *ret_is_deflated)
{
	const unsigned char *head = (const unsigned char *)bytes.s;
	size_t head_len = 2, len = head[1];

	if (len == 126 || len == 127) {
		size_t n = len == 126 ? 2 : 8;

		len = 0;
		for (size_t i = 0; i < n; i++)
			len = len << 8 | head[2 + i];
		head_len += n;
	}
	cr_assert(head[0] == 0x81 || head[0] == 0xc1, "%02x", head[0]);
	cr_assert_eq(bytes.len, head_len + len);
	*ret_is_deflated = head[0] == 0xc1;
	return (struct hc_str){ bytes.s + head_len, len };
}

/* As a client does it: RFC 7692 section 7.2.2, with nothing but this message. */
static void expect_inflates_to(struct hc_str payload, struct hc_str text)
{
	static const char tail[] = { 0, 0, (char)0xff, (char)0xff };
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer in = HC_BUFFER_NULL, out = HC_BUFFER_NULL;
	z_stream zlib = { 0 };

	hc_buffer_append_str(&in, payload);
	hc_buffer_append(&in, tail, sizeof(tail));
	cr_assert(hc_buffer_reserve(&out, text.len + 1));
	cr_assert_eq(inflateInit2(&zlib, -15), Z_OK);
	zlib.next_in = (Bytef *)in.data;
	zlib.avail_in = (uInt)in.len;
	zlib.next_out = (Bytef *)out.data;
	zlib.avail_out = (uInt)text.len + 1;
	cr_expect_eq(inflate(&zlib, Z_SYNC_FLUSH), Z_OK);
	cr_expect_eq(zlib.avail_in, 0);
	cr_assert_eq(zlib.total_out, text.len);
	cr_expect_arr_eq(out.data, text.s, text.len);
	(void)inflateEnd(&zlib);
}

Test(framing, a_deflated_text_inflates_to_itself)
{
	static const size_t lens[] = { 100,   125,   126,   127,     1000,    65535,
				       65536, 65537, 70000, 1 << 18, 1 << 20, (1 << 20) + 1 };

	for (size_t i = 0; i < HC_ARRAY_LEN(lens); i++) {
		HC_CLEANUP(hc_buffer_deinit) struct hc_buffer plain = HC_BUFFER_NULL;
		HC_CLEANUP(hc_buffer_deinit) struct hc_buffer deflated = HC_BUFFER_NULL;
		struct hc_event event;
		char *type = text_of_len(lens[i], &event);
		struct hc_str text, payload;
		bool is_deflated;

		frame(&plain, &event, HC_FRAMING_WEBSOCKET);
		frame(&deflated, &event, HC_FRAMING_DEFLATE);
		text = payload_of((struct hc_str){ plain.data, plain.len }, &is_deflated);
		cr_expect_not(is_deflated);
		cr_assert_eq(text.len, lens[i]);
		payload = payload_of((struct hc_str){ deflated.data, deflated.len }, &is_deflated);
		cr_expect(is_deflated, "%zu bytes", lens[i]);
		cr_expect_lt(payload.len, text.len);
		expect_inflates_to(payload, text);
		free(type);
	}
}

Test(framing, what_is_short_goes_as_it_is)
{
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer plain = HC_BUFFER_NULL;
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer deflated = HC_BUFFER_NULL;
	struct hc_event event;
	char *type = text_of_len(99, &event);

	frame(&plain, &event, HC_FRAMING_WEBSOCKET);
	frame(&deflated, &event, HC_FRAMING_DEFLATE);
	cr_assert_eq(deflated.len, plain.len);
	cr_expect_arr_eq(deflated.data, plain.data, plain.len);
	free(type);
}

Test(framing, what_would_get_longer_goes_as_it_is)
{
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer buffer = HC_BUFFER_NULL;
	const struct hc_framing_options all = { .origin = options.origin, .deflate_min = 0 };
	struct hc_event event = { .type = HC_STR("q7W.zK3_xV9-fJ2gN5bH8sL") };
	struct hc_framer framer;

	event.payload.type = MSGPACK_OBJECT_MAP;
	hc_framer_init(&framer, &all);
	hc_framer_event(
		&framer,
		(struct hc_encoding){ HC_ENVELOPE_SPREAD, HC_TIME_RFC3339, HC_FRAMING_DEFLATE },
		&event, &buffer);
	hc_framer_deinit(&framer);
	cr_assert_gt(buffer.len, 2);
	cr_expect(hc_str_is((struct hc_str){ buffer.data, buffer.len },
			    "\x81\x22{\"type\":\"q7W.zK3_xV9-fJ2gN5bH8sL\"}"));
}

Test(framing, deflated_frames_stand_alone)
{
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer once = HC_BUFFER_NULL, twice = HC_BUFFER_NULL;
	struct hc_encoding encoding = { HC_ENVELOPE_DATA, HC_TIME_RFC3339, HC_FRAMING_DEFLATE };
	struct hc_framer framer;
	struct hc_event event;
	char *type = text_of_len(5000, &event);

	frame(&once, &event, HC_FRAMING_DEFLATE);
	hc_framer_init(&framer, &options);
	hc_framer_event(&framer, encoding, &event, &twice);
	hc_framer_event(&framer, encoding, &event, &twice);
	hc_framer_deinit(&framer);
	cr_assert_eq(twice.len, 2 * once.len);
	cr_expect_arr_eq(twice.data, once.data, once.len);
	cr_expect_arr_eq(twice.data + once.len, once.data, once.len);
	free(type);
}

static void expect_text(const struct hc_buffer *buffer, const char *text)
{
	cr_assert_not(buffer->failed);
	cr_expect(hc_str_is((struct hc_str){ buffer->data, buffer->len }, text), "%.*s",
		  (int)buffer->len, buffer->data);
}

Test(framing, a_server_sent_event_has_its_position_and_one_line)
{
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer buffer = HC_BUFFER_NULL;
	struct hc_event event = { .type = HC_STR("a.b"), .sequence = 42 };

	event.payload.type = MSGPACK_OBJECT_MAP;
	frame(&buffer, &event, HC_FRAMING_SSE);
	event.sequence = 0;
	frame(&buffer, &event, HC_FRAMING_SSE);
	expect_text(&buffer, "id: 0123456789abcdef-42\n"
			     "data: {\"type\":\"a.b\",\"data\":{},"
			     "\"timestamp\":\"1970-01-01T00:00:00.000Z\"}\n\n"
			     "data: {\"type\":\"a.b\",\"data\":{},"
			     "\"timestamp\":\"1970-01-01T00:00:00.000Z\"}\n\n");
}

Test(framing, line_breaks_in_a_text_stay_escaped)
{
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer buffer = HC_BUFFER_NULL;
	struct hc_event event = { .type = HC_STR("a\nb\rc") };

	event.payload.type = MSGPACK_OBJECT_MAP;
	frame(&buffer, &event, HC_FRAMING_SSE);
	expect_text(&buffer, "data: {\"type\":\"a\\nb\\rc\",\"data\":{},"
			     "\"timestamp\":\"1970-01-01T00:00:00.000Z\"}\n\n");
}

Test(framing, what_the_hub_says_is_named_in_a_stream_and_never_deflated)
{
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer sse = HC_BUFFER_NULL, frame = HC_BUFFER_NULL;
	struct hc_remark remark = { "connection.resumed", "0123456789abcdef-7", HC_STR("{}") };
	char text[200];

	hc_framing_append_remark(&sse, HC_FRAMING_SSE, &remark);
	remark.id = NULL;
	hc_framing_append_remark(&sse, HC_FRAMING_SSE, &remark);
	expect_text(&sse, "id: 0123456789abcdef-7\nevent: connection.resumed\ndata: {}\n\n"
			  "event: connection.resumed\ndata: {}\n\n");
	memset(text, 'x', sizeof(text));
	remark.text = (struct hc_str){ text, sizeof(text) };
	hc_framing_append_remark(&frame, HC_FRAMING_DEFLATE, &remark);
	cr_assert_eq(frame.len, sizeof(text) + 4);
	cr_expect_arr_eq(frame.data, "\x81\x7e\x00\xc8", 4);
}

Test(framing, each_has_its_own_begin_ping_and_end)
{
	static const struct {
		enum hc_framing framing;
		const char *text;
	} cases[] = {
		{ HC_FRAMING_WEBSOCKET,
		  "\x81\x0f{\"type\":\"ping\"}"
		  "\x81\x2f{\"type\":\"ping\",\"position\":\"0123456789abcdef-8\"}"
		  "\x88\x06\x0f\xa8slow" },
		{ HC_FRAMING_DEFLATE,
		  "\x81\x0f{\"type\":\"ping\"}"
		  "\x81\x2f{\"type\":\"ping\",\"position\":\"0123456789abcdef-8\"}"
		  "\x88\x06\x0f\xa8slow" },
		{ HC_FRAMING_SSE, ": connected\nretry: 3000\nid: 0123456789abcdef-7\n\n"
				  ": ping\n\n"
				  ": ping\nid: 0123456789abcdef-8\n\n"
				  ": closing, 4008 slow\nretry: 2500\n\n" },
	};

	for (size_t i = 0; i < HC_ARRAY_LEN(cases); i++) {
		HC_CLEANUP(hc_buffer_deinit) struct hc_buffer buffer = HC_BUFFER_NULL;

		hc_framing_append_hello(&buffer, cases[i].framing, "0123456789abcdef-7");
		hc_framing_append_ping(&buffer, cases[i].framing, NULL);
		hc_framing_append_ping(&buffer, cases[i].framing, "0123456789abcdef-8");
		hc_framing_append_close(&buffer, cases[i].framing,
					&(struct hc_farewell){ 4008, HC_STR("slow"), 2500 });
		expect_text(&buffer, cases[i].text);
	}
}
