/* SPDX-License-Identifier: MIT */
/*
 * UTF-8: is it, and if not, make it so. JSON and WebSocket text must be valid (RFC 8259
 * section 8.1, RFC 6455 section 8.1), while labels and paths are any bytes whatever.
 */
#pragma once

#include "proto/buffer.h"

/**
 * hc_utf8_valid() - whether @text is well-formed UTF-8
 *
 * Overlong forms, surrogates and values above U+10FFFF are not.
 * Source: Unicode 15, table 3-7.
 */
bool hc_utf8_valid(struct hc_str text);

/**
 * hc_utf8_begins() - whether @text is well-formed, or becomes so with what may still come
 * @ret_whole: bytes of it that are whole characters; go on from there when more has come
 *
 * For text that arrives in pieces, which must be refused at the first byte that cannot be right.
 */
bool hc_utf8_begins(size_t *ret_whole, struct hc_str text);

/**
 * hc_utf8_clean() - append @text, showing U+FFFD for what a display must not get
 *
 * Replaced are malformed sequences (one mark per byte), C0 and C1 controls, DEL, and the
 * bidirectional and invisible format characters (U+200B..200F, 202A..202E, 2060..2064, 2066..206F,
 * FEFF), which can make one name look like another.
 *
 * Return: whether anything was replaced, so that the caller can send the raw bytes beside it.
 */
bool hc_utf8_clean(struct hc_buffer *buffer, struct hc_str text);

/**
 * hc_utf8_clean_fixed() - the same into memory of fixed size
 * @ret:  gets the cleaned text and a NUL; what does not fit is cut at a character
 * @size: of @ret, at least 1
 *
 * For text that must be told even when there is no memory.
 * Return: bytes in @ret without the NUL.
 */
size_t hc_utf8_clean_fixed(char *ret, size_t size, struct hc_str text);
