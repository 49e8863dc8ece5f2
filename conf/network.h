/* SPDX-License-Identifier: MIT */
/*
 * Addresses of hosts, and networks of them: "10.0.0.0/8", "fd00::/8", "::1".
 *
 * IPv4 is kept as IPv6, ::ffff:a.b.c.d (RFC 4291 section 2.5.5.2), so that there is one kind of
 * address to compare.
 */
#pragma once

#include "proto/base.h"

struct hc_address {
	uint8_t bytes[16]; /* all zero: unknown */
};

struct hc_network {
	struct hc_address address;
	unsigned int bits; /* of the 128 that count */
};

#define HC_ADDRESS_TEXT_MAX 46 /* bytes with the NUL; INET6_ADDRSTRLEN */

/** hc_address_parse() - read an IPv4 or IPv6 address and nothing else */
bool hc_address_parse(struct hc_address *ret, struct hc_str text);

/** hc_address_format() - IPv4 as such, IPv6 in its short form, "" if unknown */
void hc_address_format(char ret[static HC_ADDRESS_TEXT_MAX], const struct hc_address *address);

/** hc_address_from_v4() - @bytes: four, in network order, as in struct in_addr */
struct hc_address hc_address_from_v4(const void *bytes);

bool hc_address_is_known(const struct hc_address *address);

/**
 * hc_address_party() - whom an address stands for when shares are counted
 *
 * IPv4: itself. IPv6: its /64, because a subscriber has a whole one to choose from (RFC 6177).
 */
struct hc_address hc_address_party(const struct hc_address *address);

/** hc_network_parse() - read an address, with or without "/bits" */
bool hc_network_parse(struct hc_network *ret, struct hc_str text);

/** hc_network_has() - whether the address is in the network; an unknown one is in none */
bool hc_network_has(const struct hc_network *network, const struct hc_address *address);
