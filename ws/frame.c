/* SPDX-License-Identifier: MIT */
#include "ws/frame.h"

#define FIN		 0x80
#define LEN_16		 126 /* a length of 16 bits follows */
#define LEN_64		 127 /* a length of 64 bits follows */
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

	if (reason.len > CLOSE_REASON_MAX)
		reason.len = CLOSE_REASON_MAX;
	hc_buffer_append(buffer, head,
			 hc_frame_head(head, HC_FRAME_CLOSE, sizeof(number) + reason.len));
	hc_buffer_append(buffer, number, sizeof(number));
	hc_buffer_append_str(buffer, reason);
}
