/* SPDX-License-Identifier: MIT */
#include <endian.h>
#include <zlib.h>

#include "ws/log/checksum.h"

static uLong add(uLong sum, const void *bytes, size_t len)
{
	return len ? crc32_z(sum, bytes, len) : sum; /* of nothing, it would begin anew */
}

uint32_t hc_checksum(uint64_t sequence, struct hc_str type, struct hc_str to, struct hc_str body)
{
	/* The lengths tell where one ends and the next begins. */
	uint64_t head[] = { htole64(sequence), htole64(type.len), htole64(to.len) };
	uLong sum = add(0, head, sizeof(head));

	sum = add(sum, type.s, type.len);
	sum = add(sum, to.s, to.len);
	return (uint32_t)add(sum, body.s, body.len);
}
