/* SPDX-License-Identifier: MIT */
/*
 * WebSocket frames of a server: a head and the bytes as they are. They are not masked, so one frame
 * serves every client (RFC 6455 section 5.1).
 */
#pragma once

#include "proto/buffer.h"

#define HC_FRAME_HEAD_MAX 10 /* bytes: RFC 6455 section 5.2 without a mask */

enum hc_frame_opcode {
	HC_FRAME_TEXT = 0x1,
	HC_FRAME_TEXT_DEFLATED = 0x41, /* with RSV1, RFC 7692 section 7.2.1 */
	HC_FRAME_CLOSE = 0x8,
};

/**
 * hc_frame_head() - the head of an unfragmented frame
 *
 * Return: its length, 2, 4 or 10 bytes.
 */
size_t hc_frame_head(unsigned char ret[static HC_FRAME_HEAD_MAX], enum hc_frame_opcode opcode,
		     uint64_t payload_len);

/** hc_frame_append() - append a whole text frame to @buffer */
void hc_frame_append(struct hc_buffer *buffer, struct hc_str text);

/**
 * hc_frame_append_close() - append a close frame
 * @code: 0 for a frame without one, and without a reason
 * @reason: UTF-8; cut at 123 bytes, because a control frame has 125 at most (RFC 6455 section 5.5)
 */
void hc_frame_append_close(struct hc_buffer *buffer, uint16_t code, struct hc_str reason);

/**
 * hc_frame_close_answer() - with what code a peer's close is answered
 * @payload: of its frame
 *
 * Its own code, or 0 where it gave none; 1002 for half a code and for codes that nobody may send,
 * 1007 for a reason that is no text.
 * Source: RFC 6455 sections 5.5.1 and 7.4, and the IANA registry for 1012 to 1014.
 */
uint16_t hc_frame_close_answer(struct hc_str payload);
