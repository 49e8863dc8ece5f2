/* SPDX-License-Identifier: MIT */
#include <arpa/inet.h>

#include "conf/network.h"
#include "conf/value.h"

#define V4_BITS	   32
#define V6_BITS	   128
#define PARTY_BITS 64

static const uint8_t v4_prefix[12] = { [10] = 0xff, [11] = 0xff };

static bool is_v4(const struct hc_address *address)
{
	return !memcmp(address->bytes, v4_prefix, sizeof(v4_prefix));
}

bool hc_address_is_known(const struct hc_address *address)
{
	static const struct hc_address unknown;

	return memcmp(address, &unknown, sizeof(unknown)) != 0;
}

struct hc_address hc_address_from_v4(const void *bytes)
{
	struct hc_address address;

	memcpy(address.bytes, v4_prefix, sizeof(v4_prefix));
	memcpy(address.bytes + sizeof(v4_prefix), bytes, V4_BITS / 8);
	return address;
}

bool hc_address_parse(struct hc_address *ret, struct hc_str text)
{
	struct hc_address address = { 0 };
	char copy[HC_ADDRESS_TEXT_MAX];

	if (text.len >= sizeof(copy) || memchr(text.s, '\0', text.len))
		return false;
	memcpy(copy, text.s, text.len);
	copy[text.len] = '\0';
	memcpy(address.bytes, v4_prefix, sizeof(v4_prefix));
	if (inet_pton(AF_INET, copy, address.bytes + sizeof(v4_prefix)) != 1 &&
	    inet_pton(AF_INET6, copy, address.bytes) != 1)
		return false;
	*ret = address;
	return true;
}

void hc_address_format(char ret[static HC_ADDRESS_TEXT_MAX], const struct hc_address *address)
{
	if (!hc_address_is_known(address))
		ret[0] = '\0';
	else if (is_v4(address))
		(void)inet_ntop(AF_INET, address->bytes + sizeof(v4_prefix), ret,
				HC_ADDRESS_TEXT_MAX);
	else
		(void)inet_ntop(AF_INET6, address->bytes, ret, HC_ADDRESS_TEXT_MAX);
}

struct hc_address hc_address_party(const struct hc_address *address)
{
	struct hc_address party = *address;

	if (!is_v4(address))
		memset(party.bytes + PARTY_BITS / 8, 0, sizeof(party.bytes) - PARTY_BITS / 8);
	return party;
}

bool hc_network_parse(struct hc_network *ret, struct hc_str text)
{
	const char *slash = memchr(text.s, '/', text.len);
	size_t len = slash ? (size_t)(slash - text.s) : text.len;
	struct hc_network network = { .bits = V6_BITS };
	char digits[4] = "";
	uint64_t bits;

	if (!hc_address_parse(&network.address, (struct hc_str){ text.s, len }))
		return false;
	if (slash) {
		size_t n_digits = text.len - len - 1;
		unsigned int width = memchr(text.s, ':', len) ? V6_BITS : V4_BITS;

		if (n_digits >= sizeof(digits))
			return false;
		memcpy(digits, slash + 1, n_digits);
		if (!hc_value_number(&bits, digits) || bits > width)
			return false;
		network.bits = V6_BITS - width + (unsigned int)bits;
	}
	*ret = network;
	return true;
}

bool hc_network_has(const struct hc_network *network, const struct hc_address *address)
{
	unsigned int whole = network->bits / 8, rest = network->bits % 8;
	uint8_t mask = (uint8_t)(0xff00 >> rest);

	if (!hc_address_is_known(address) ||
	    memcmp(network->address.bytes, address->bytes, whole) != 0)
		return false;
	return !rest || !((network->address.bytes[whole] ^ address->bytes[whole]) & mask);
}
