/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>

#include "ws/sessions/forwarded.h"

struct forwarded {
	const char *list;
	const char *last;
	const char *left;
};

Test(forwarded, the_last_element_is_taken_and_what_is_before_it_left)
{
	static const struct forwarded rows[] = {
		{ "192.0.2.1", "192.0.2.1", "" },
		{ "192.0.2.1, 192.0.2.2", "192.0.2.2", "192.0.2.1" },
		{ "192.0.2.1,192.0.2.2", "192.0.2.2", "192.0.2.1" },
		{ " 192.0.2.1 ,\t192.0.2.2\t ", "192.0.2.2", " 192.0.2.1 " },
		{ "junk, 2001:db8::1", "2001:db8::1", "junk" },
		{ "192.0.2.1:4711", "192.0.2.1", "" },
		{ "[2001:db8::1]:4711", "2001:db8::1", "" },
		{ "[2001:db8::1]", "2001:db8::1", "" },
	};

	for (size_t i = 0; i < HC_ARRAY_LEN(rows); i++) {
		struct hc_str list = hc_str(rows[i].list);
		struct hc_address address;
		char text[HC_ADDRESS_TEXT_MAX];

		cr_assert(hc_forwarded_take_last(&address, &list), "%s", rows[i].list);
		hc_address_format(text, &address);
		cr_expect_str_eq(text, rows[i].last);
		cr_expect(hc_str_is(list, rows[i].left), "%s", rows[i].list);
	}
}

Test(forwarded, what_is_no_address_is_none)
{
	static const char *const lists[] = {
		"",   " ",	    "unknown", "192.0.2.1,",  "[",
		"[]", "[192.0.2.1", ":",       "192.0.2.1::", "_hidden"
	};

	for (size_t i = 0; i < HC_ARRAY_LEN(lists); i++) {
		struct hc_str list = hc_str(lists[i]);
		struct hc_address address;

		cr_expect_not(hc_forwarded_take_last(&address, &list), "%s", lists[i]);
	}
}
