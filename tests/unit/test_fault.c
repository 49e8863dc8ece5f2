/* SPDX-License-Identifier: MIT */
/* Faults: names on the wire, clean messages, pointers built from the inside out. */
#include <criterion/criterion.h>

#include "proto/fault.h"
#include "proto/utf8.h"

Test(fault, every_code_has_a_name_that_reads_back)
{
	for (unsigned int code = 0; code < HC_FAULT_MAX_; code++) {
		const char *name = hc_fault_name((enum hc_fault_code)code);

		cr_assert_not_null(name, "code %u", code);
		cr_expect_eq(hc_fault_from_name(hc_str(name)), code, "%s", name);
	}
}

Test(fault, names_are_those_of_the_wire)
{
	cr_expect_str_eq(hc_fault_name(HC_FAULT_MALFORMED), "malformed");
	cr_expect_str_eq(hc_fault_name(HC_FAULT_UNKNOWN_TYPE), "unknown_type");
	cr_expect_str_eq(hc_fault_name(HC_FAULT_SCHEMA), "schema");
	cr_expect_str_eq(hc_fault_name(HC_FAULT_STORAGE_FULL), "storage_full");
}

Test(fault, an_unknown_name_is_an_internal_error)
{
	static const char *const names[] = { "", "schem", "schemas", "Schema", "no_such_code" };

	for (size_t i = 0; i < HC_ARRAY_LEN(names); i++)
		cr_expect_eq(hc_fault_from_name(hc_str(names[i])), HC_FAULT_INTERNAL, "\"%s\"",
			     names[i]);
}

Test(fault, a_code_from_elsewhere_has_a_name_too)
{
	cr_expect_str_eq(hc_fault_name(HC_FAULT_MAX_), "internal");
	cr_expect_str_eq(hc_fault_name((enum hc_fault_code) - 1), "internal");
}

Test(fault, a_message_is_formatted_and_clean)
{
	static const struct {
		const char *text, *wanted;
	} cases[] = {
		{ "plain", "plain" },
		{ "line\nbreak\x1b[31m", "line\xef\xbf\xbd"
					 "break\xef\xbf\xbd[31m" },
		{ "bad \xff\xc3(", "bad \xef\xbf\xbd\xef\xbf\xbd(" },
		{ "caf\xc3\xa9", "caf\xc3\xa9" },
	};

	for (size_t i = 0; i < HC_ARRAY_LEN(cases); i++) {
		struct hc_fault fault = HC_FAULT_NULL;

		hc_fault_set(&fault, HC_FAULT_SCHEMA, "%s", cases[i].text);
		cr_expect_eq(fault.code, HC_FAULT_SCHEMA);
		cr_expect_str_eq(fault.message, cases[i].wanted);
	}
}

/* Whatever the length and the width of the characters at the cut, no half of one is shown. */
Test(fault, a_long_message_is_cut_at_a_character)
{
	static const char *const characters[] = { "a", "\xc3\xa9", "\xe2\x82\xac",
						  "\xf0\x9f\x98\x80" };

	for (size_t i = 0; i < HC_ARRAY_LEN(characters); i++) {
		for (size_t lead = 0; lead < 8; lead++) {
			char text[2 * HC_FAULT_MESSAGE_MAX] = "";
			struct hc_fault fault = HC_FAULT_NULL;
			size_t len = lead;

			memset(text, 'x', lead);
			while (len + strlen(characters[i]) < sizeof(text)) {
				strcpy(text + len, characters[i]);
				len += strlen(characters[i]);
			}
			hc_fault_set(&fault, HC_FAULT_INTERNAL, "%s", text);
			len = strlen(fault.message);
			cr_expect_geq(len, HC_FAULT_MESSAGE_MAX - 4);
			cr_expect(hc_utf8_valid(hc_str(fault.message)));
			cr_expect_null(strstr(fault.message, "\xef\xbf\xbd"));
			cr_expect_eq(strncmp(fault.message, text, len), 0);
		}
	}
}

Test(fault, a_pointer_grows_from_the_inside_out)
{
	struct hc_fault fault = HC_FAULT_NULL;

	hc_fault_at(&fault, HC_STR("percent"));
	hc_fault_at_index(&fault, 0);
	hc_fault_at_index(&fault, 123);
	hc_fault_at(&fault, HC_STR("payload"));
	cr_expect_str_eq(fault.pointer, "/payload/123/0/percent");
}

Test(fault, a_token_is_escaped)
{
	struct hc_fault fault = HC_FAULT_NULL;

	hc_fault_at(&fault, HC_STR("a/b~c~1"));
	hc_fault_at(&fault, HC_STR(""));
	cr_expect_str_eq(fault.pointer, "//a~1b~0c~01");
}

Test(fault, a_hostile_token_is_cleaned)
{
	struct hc_fault fault = HC_FAULT_NULL;

	hc_fault_at(&fault, HC_STR("a\n\xff"));
	cr_expect_str_eq(fault.pointer, "/a\xef\xbf\xbd\xef\xbf\xbd");
}

Test(fault, a_pointer_that_is_too_long_names_a_value_around_the_faulty_one)
{
	struct hc_fault fault = HC_FAULT_NULL;
	char wanted[HC_FAULT_POINTER_MAX] = "";

	for (int i = 0; i < 60; i++)
		hc_fault_at(&fault, HC_STR("inner"));
	hc_fault_at(&fault, HC_STR("outer"));
	strcpy(wanted, "/outer");
	while (strlen(wanted) + strlen("/inner") < sizeof(wanted))
		strcat(wanted, "/inner");
	cr_expect_str_eq(fault.pointer, wanted);
}

Test(fault, a_token_that_does_not_fit_names_the_value_that_has_it)
{
	char token[4 * HC_FAULT_POINTER_MAX];
	struct hc_fault fault = HC_FAULT_NULL;

	memset(token, '/', sizeof(token));
	for (size_t len = HC_FAULT_POINTER_MAX / 2; len <= sizeof(token); len *= 2) {
		fault = HC_FAULT_NULL;
		hc_fault_at(&fault, HC_STR("deep"));
		hc_fault_at(&fault, (struct hc_str){ token, len });
		hc_fault_at(&fault, HC_STR("payload"));
		cr_expect_str_eq(fault.pointer, "/payload", "%zu bytes", len);
	}
}

Test(fault, null_is_taken_where_nobody_wants_to_know)
{
	hc_fault_set(NULL, HC_FAULT_SCHEMA, "%s", "x");
	hc_fault_at(NULL, HC_STR("x"));
	hc_fault_at_index(NULL, 1);
}
