/* SPDX-License-Identifier: MIT */
#include "proto/utf8.h"
#include "ws/fanout/frame.h"

#define FIN		 0x80
#define LEN_16		 126 /* a length of 16 bits follows */
#define LEN_64		 127 /* a length of 64 bits follows */
#define BAD_PROTOCOL	 1002
#define BAD_TEXT	 1007
#define CLOSE_REASON_MAX 123 /* bytes: 125 of a control frame, less the code */

static size_t put_len(unsigned char *to, uint64_t len, size_t n_bytes)
{
	for (size_t i = 0; i < n_bytes; i++)
		to[i] = (unsigned char)(len >> 8 * (n_bytes - 1 - i));
	return n_bytes;
}

size_t hc_frame_head(unsigned char ret[static HC_FRAME_HEAD_MAX], enum hc_frame_opcode opcode,
		     uint64_t payload_len)
{
	ret[0] = (unsigned char)(FIN | opcode);
	if (payload_len < LEN_16) {
		ret[1] = (unsigned char)payload_len;
		return 2;
	}
	if (payload_len <= UINT16_MAX) {
		ret[1] = LEN_16;
		return 2 + put_len(ret + 2, payload_len, 2);
	}
	ret[1] = LEN_64;
	return 2 + put_len(ret + 2, payload_len, 8);
}

void hc_frame_append(struct hc_buffer *buffer, struct hc_str text)
{
	unsigned char head[HC_FRAME_HEAD_MAX];

	hc_buffer_append(buffer, head, hc_frame_head(head, HC_FRAME_TEXT, text.len));
	hc_buffer_append_str(buffer, text);
}

void hc_frame_append_close(struct hc_buffer *buffer, uint16_t code, struct hc_str reason)
{
	unsigned char head[HC_FRAME_HEAD_MAX], number[2] = { code >> 8, code & 0xff };

	if (!code) {
		hc_buffer_append(buffer, head, hc_frame_head(head, HC_FRAME_CLOSE, 0));
		return;
	}
	if (reason.len > CLOSE_REASON_MAX)
		reason.len = CLOSE_REASON_MAX;
	hc_buffer_append(buffer, head,
			 hc_frame_head(head, HC_FRAME_CLOSE, sizeof(number) + reason.len));
	hc_buffer_append(buffer, number, sizeof(number));
	hc_buffer_append_str(buffer, reason);
}

/* 1004 is reserved; 1005, 1006 and 1015 are for what was never sent; from 1016 on nothing is
 * registered before the 3000 of libraries and the 4000 of applications. */
static bool may_be_sent(unsigned int code)
{
	return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) ||
	       (code >= 3000 && code <= 4999);
}

uint16_t hc_frame_close_answer(struct hc_str payload)
{
	const unsigned char *s = (const unsigned char *)payload.s;
	unsigned int code;

	if (!payload.len)
		return 0;
	code = payload.len < 2 ? 0 : s[0] << 8 | s[1];
	if (!may_be_sent(code))
		return BAD_PROTOCOL;
	if (!hc_utf8_valid((struct hc_str){ payload.s + 2, payload.len - 2 }))
		return BAD_TEXT;
	return (uint16_t)code;
}
