/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>

#include "conf/network.h"

static struct hc_address address_of(const char *text)
{
	struct hc_address address;

	cr_assert(hc_address_parse(&address, hc_str(text)), "%s", text);
	return address;
}

Test(network, an_address_is_read_and_written)
{
	static const struct {
		const char *text;
		const char *written;
	} good[] = {
		{ "127.0.0.1", "127.0.0.1" },
		{ "255.255.255.255", "255.255.255.255" },
		{ "::1", "::1" },
		{ "2001:DB8:0:0:0:0:0:1", "2001:db8::1" },
		{ "::ffff:10.1.2.3", "10.1.2.3" },
	};
	char text[HC_ADDRESS_TEXT_MAX];

	for (size_t i = 0; i < HC_ARRAY_LEN(good); i++) {
		struct hc_address address = address_of(good[i].text);

		hc_address_format(text, &address);
		cr_expect_str_eq(text, good[i].written);
	}
	hc_address_format(text, &(struct hc_address){ 0 });
	cr_expect_str_eq(text, "");
}

Test(network, what_is_no_address_is_refused)
{
	static const char *const bad[] = {
		"",
		"1.2.3",
		"1.2.3.4.5",
		"1.2.3.256",
		"01.2.3.4 ",
		" 1.2.3.4",
		"localhost",
		"1.2.3.4:80",
		"[::1]",
		"::1%lo",
		":::",
		"12345::",
		"1.2.3.4/8",
		"0x7f.1",
		"1:2:3:4:5:6:7:8:9",
		"1111111111111111111111111111111111111111111111111111",
	};
	struct hc_address address;

	for (size_t i = 0; i < HC_ARRAY_LEN(bad); i++)
		cr_expect_not(hc_address_parse(&address, hc_str(bad[i])), "%s", bad[i]);
	cr_expect_not(hc_address_parse(&address, HC_STR("1.2.3.4\0")));
}

Test(network, has_what_its_bits_say)
{
	static const struct {
		const char *network;
		const char *address;
		bool has;
	} cases[] = {
		{ "10.0.0.0/8", "10.255.1.2", true },
		{ "10.0.0.0/8", "11.0.0.0", false },
		{ "192.168.4.0/22", "192.168.7.255", true },
		{ "192.168.4.0/22", "192.168.8.0", false },
		{ "127.0.0.1", "127.0.0.1", true },
		{ "127.0.0.1", "127.0.0.2", false },
		{ "127.0.0.1/32", "127.0.0.2", false },
		{ "0.0.0.0/0", "1.2.3.4", true },
		{ "0.0.0.0/0", "2001:db8::1", false },
		{ "::/0", "2001:db8::1", true },
		{ "::/0", "1.2.3.4", true },
		{ "fd00::/8", "fd12::1", true },
		{ "fd00::/8", "fe80::1", false },
		{ "2001:db8::/33", "2001:db8:7fff::", true },
		{ "2001:db8::/33", "2001:db8:8000::", false },
		{ "::1", "::1", true },
	};

	for (size_t i = 0; i < HC_ARRAY_LEN(cases); i++) {
		struct hc_address address = address_of(cases[i].address);
		struct hc_network network;

		cr_assert(hc_network_parse(&network, hc_str(cases[i].network)), "%s",
			  cases[i].network);
		cr_expect_eq(hc_network_has(&network, &address), cases[i].has, "%s in %s",
			     cases[i].address, cases[i].network);
		cr_expect_not(hc_network_has(&network, &(struct hc_address){ 0 }));
	}
}

Test(network, what_is_no_network_is_refused)
{
	static const char *const bad[] = {
		"",	   "/8",	   "10.0.0.0/",	 "10.0.0.0/33", "10.0.0.0/-1", "::/129",
		"::/1000", "10.0.0.0/8/8", "10.0.0.0/a", "any",		"10.0.0.0/ 8"
	};
	struct hc_network network;

	for (size_t i = 0; i < HC_ARRAY_LEN(bad); i++)
		cr_expect_not(hc_network_parse(&network, hc_str(bad[i])), "%s", bad[i]);
}

Test(network, a_party_is_an_ipv4_address_or_an_ipv6_64)
{
	static const struct {
		const char *a;
		const char *b;
		bool same;
	} cases[] = {
		{ "10.0.0.1", "10.0.0.1", true },
		{ "10.0.0.1", "10.0.0.2", false },
		{ "2001:db8::1", "2001:db8::ffff:1:2:3", true },
		{ "2001:db8::1", "2001:db8:0:1::1", false },
		{ "::ffff:10.0.0.1", "::ffff:10.0.0.2", false },
	};

	for (size_t i = 0; i < HC_ARRAY_LEN(cases); i++) {
		struct hc_address a = address_of(cases[i].a), b = address_of(cases[i].b);

		a = hc_address_party(&a);
		b = hc_address_party(&b);
		cr_expect_eq(!memcmp(&a, &b, sizeof(a)), cases[i].same, "%s %s", cases[i].a,
			     cases[i].b);
	}
}
