/* SPDX-License-Identifier: MIT */
#include "proto/base64url.h"

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

void hc_base64url_encode(char *ret, const void *data, size_t len)
{
	const unsigned char *at = data;
	unsigned int bits = 0, n_bits = 0;

	for (size_t i = 0; i < len; i++) {
		bits = bits << 8 | at[i];
		for (n_bits += 8; n_bits >= 6; n_bits -= 6)
			*ret++ = digits[bits >> (n_bits - 6) & 63];
	}
	if (n_bits)
		*ret++ = digits[bits << (6 - n_bits) & 63];
	*ret = '\0';
}

/* 0 to 63, or -1. */
static int value_of(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '-' ? 62 : c == '_' ? 63 : -1;
}

ssize_t hc_base64url_decode(void *ret, struct hc_str text)
{
	unsigned int bits = 0, n_bits = 0;
	unsigned char *to = ret;

	if (text.len % 4 == 1)
		return -1;
	for (size_t i = 0; i < text.len; i++) {
		int value = value_of(text.s[i]);

		if (value < 0)
			return -1;
		bits = bits << 6 | (unsigned int)value;
		n_bits += 6;
		if (n_bits < 8)
			continue;
		n_bits -= 8;
		*to++ = (unsigned char)(bits >> n_bits);
	}
	if (bits & ((1u << n_bits) - 1))
		return -1;
	return to - (unsigned char *)ret;
}
