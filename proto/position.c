/* SPDX-License-Identifier: MIT */
/* Positions: written for every resume and every page of history, read from whoever sends one. */
#include <assert.h>
#include <errno.h>
#include <sys/random.h>

#include "proto/position.h"

static const char hex[] = "0123456789abcdef";

void hc_epoch_random(char ret[static HC_EPOCH_LEN + 1])
{
	uint64_t bits;
	ssize_t n;

	do
		n = getrandom(&bits, sizeof(bits), 0);
	while (n < 0 && errno == EINTR);
	assert(n == sizeof(bits)); /* getrandom(2): up to 256 bytes are never cut short */
	for (int i = 0; i < HC_EPOCH_LEN; i++) {
		ret[i] = hex[bits & 15];
		bits >>= 4;
	}
	ret[HC_EPOCH_LEN] = '\0';
}

size_t hc_position_format(char ret[static HC_POSITION_MAX], const char *epoch, uint64_t sequence)
{
	char digits[20]; /* of 2^64 - 1 */
	size_t n = 0, len = strnlen(epoch, HC_EPOCH_LEN);

	memcpy(ret, epoch, len);
	ret[len++] = '-';
	do {
		digits[n++] = (char)('0' + sequence % 10);
		sequence /= 10;
	} while (sequence);
	while (n)
		ret[len++] = digits[--n];
	ret[len] = '\0';
	return len;
}

static bool parse_sequence(uint64_t *ret, struct hc_str text)
{
	uint64_t sequence = 0;

	if (!text.len || (text.s[0] == '0' && text.len > 1))
		return false;
	for (size_t i = 0; i < text.len; i++) {
		if (text.s[i] < '0' || text.s[i] > '9')
			return false;
		if (__builtin_mul_overflow(sequence, 10u, &sequence) ||
		    __builtin_add_overflow(sequence, (uint64_t)(text.s[i] - '0'), &sequence))
			return false;
	}
	*ret = sequence;
	return true;
}

bool hc_position_parse(struct hc_position *ret, struct hc_str text)
{
	uint64_t sequence;

	if (text.len <= HC_EPOCH_LEN + 1 || text.s[HC_EPOCH_LEN] != '-')
		return false;
	for (size_t i = 0; i < HC_EPOCH_LEN; i++) {
		if (!text.s[i] || !strchr(hex, text.s[i]))
			return false;
	}
	if (!parse_sequence(&sequence, (struct hc_str){ text.s + HC_EPOCH_LEN + 1,
							text.len - HC_EPOCH_LEN - 1 }))
		return false;
	memcpy(ret->epoch, text.s, HC_EPOCH_LEN);
	ret->epoch[HC_EPOCH_LEN] = '\0';
	ret->sequence = sequence;
	return true;
}
