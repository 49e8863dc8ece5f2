/* SPDX-License-Identifier: MIT */
/*
 * Bytes as text that fits into a URL, a header or a subprotocol: base64url without padding.
 *
 * Source: RFC 4648 section 5, RFC 7515 section 2.
 */
#pragma once

#include "proto/base.h"

/* Characters of the text of @len bytes, without a NUL. */
#define HC_BASE64URL_LEN(len) (((len)*4 + 2) / 3)

/** hc_base64url_encode() - write HC_BASE64URL_LEN(@len) characters and a NUL */
void hc_base64url_encode(char *ret, const void *data, size_t len);

/**
 * hc_base64url_decode() - read text back
 * @ret: room for @text.len * 3 / 4 bytes
 *
 * Strict: one text for the same bytes. Padding, other characters, a length that no bytes have, and
 * bits left over that are not zero are refused.
 *
 * Return: how many bytes, or -1.
 */
ssize_t hc_base64url_decode(void *ret, struct hc_str text);
