/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>
#include <criterion/redirect.h>
#include <jansson.h>
#include <stdio.h>

#include "proto/cli/output.h"
#include "proto/json.h"

struct value {
	struct hc_buffer bytes;
	msgpack_zone zone;
	msgpack_object object;
};

static void set_up(struct value *value, const char *json)
{
	json_t *parsed = json_loads(json, 0, NULL);
	msgpack_packer pk;

	cr_assert(parsed, "%s", json);
	*value = (struct value){ 0 };
	pk = hc_codec_packer(&value->bytes);
	hc_json_pack(&pk, parsed);
	json_decref(parsed);
	cr_assert(msgpack_zone_init(&value->zone, 1024));
	cr_assert_eq(
		hc_codec_unpack(&value->object, &value->zone, value->bytes.data, value->bytes.len),
		0);
	cr_redirect_stdout();
}

static void tear_down(struct value *value, const char *expected)
{
	fflush(stdout);
	cr_assert_stdout_eq_str(expected);
	msgpack_zone_destroy(&value->zone);
	hc_buffer_deinit(&value->bytes);
}

Test(output, json_has_no_character_that_moves_a_terminal)
{
	struct value value;

	set_up(&value, "{\"a\":\"\\u001b[31m\\u009b31m\\u007f\\u00a0\\u00e9\"}");
	hc_output_json(&value.object);
	tear_down(&value, "{\"a\":\"\\u001b[31m\\u009b31m\\u007f\xc2\xa0\xc3\xa9\"}\n");
}

Test(output, tree_puts_a_list_behind_dashes)
{
	struct value value;

	set_up(&value,
	       "{\"a\":1,\"b\":{\"c\":\"x\",\"d\":[]},\"e\":[1,{\"f\":true,\"g\":null},[2,3]]}");
	hc_output_tree(&value.object);
	tear_down(&value, "a: 1\n"
			  "b:\n"
			  "  c: x\n"
			  "  d: []\n"
			  "e:\n"
			  "  - 1\n"
			  "  - f: true\n"
			  "    g: null\n"
			  "  - - 2\n"
			  "    - 3\n");
}

Test(output, tree_cannot_be_broken_by_what_it_shows)
{
	struct value value;

	set_up(&value, "{\"a\\nb\":\"c\\nd: e\\u001b\"}");
	hc_output_tree(&value.object);
	tear_down(&value, "a\xef\xbf\xbd"
			  "b: c\xef\xbf\xbd"
			  "d: e\xef\xbf\xbd\n");
}

Test(output, table_is_as_wide_as_it_needs)
{
	static const struct hc_column columns[] = { { "NAME", "name" },
						    { "N", "n" },
						    { "X", "x" } };
	struct value value;

	set_up(&value, "[{\"name\":\"\\u00e9\\u00e9\\u00e9\\u00e9\\u00e9\",\"n\":1,\"x\":\"y\"},"
		       "{\"name\":\"a\",\"n\":12345},{}]");
	hc_output_table(&value.object, columns, HC_ARRAY_LEN(columns));
	tear_down(&value, "NAME   N      X\n"
			  "\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9  1      y\n"
			  "a      12345  -\n"
			  "-      -      -\n");
}

Test(output, table_of_nothing_is_its_titles)
{
	static const struct hc_column columns[] = { { "A", "a" }, { "B", "b" } };
	struct value value;

	set_up(&value, "{}");
	hc_output_table(NULL, columns, HC_ARRAY_LEN(columns));
	hc_output_table(&value.object, columns, HC_ARRAY_LEN(columns));
	tear_down(&value, "A  B\nA  B\n");
}
