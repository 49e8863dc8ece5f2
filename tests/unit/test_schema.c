/* SPDX-License-Identifier: MIT */
/* Schemas: every keyword with values on both sides of it, and what is no schema. */
#include <criterion/criterion.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>

#include "proto/fault.h"
#include "proto/json.h"
#include "proto/schema.h"
#include "tests/unit/golden.h"

/* A value that can be checked; JSON text is the source. */
struct value {
	msgpack_zone zone;
	struct hc_buffer bytes;
	msgpack_object object;
};

static void value_init(struct value *value, const char *text)
{
	json_error_t error;
	json_t *json = json_loads(text, JSON_DECODE_ANY, &error);
	msgpack_packer pk;

	cr_assert(json, "%s: %s", text, error.text);
	*value = (struct value){ 0 };
	cr_assert(msgpack_zone_init(&value->zone, 4096));
	pk = hc_codec_packer(&value->bytes);
	hc_json_pack(&pk, json);
	value->object = golden_unpack(&value->zone, &value->bytes);
	json_decref(json);
}

static void value_deinit(struct value *value)
{
	msgpack_zone_destroy(&value->zone);
	hc_buffer_deinit(&value->bytes);
}

/* The "$defs" of a test stand in the schema itself. */
static int compile(struct hc_schema **ret, const char *text, struct hc_fault *fault)
{
	json_error_t error;
	json_t *json = json_loads(text, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, &error);
	json_t *defs;
	int r;

	cr_assert(json, "%s: %s", text, error.text);
	defs = json_incref(json_object_get(json, "$defs"));
	(void)json_object_del(json, "$defs");
	r = hc_schema_new(ret, json, defs, fault);
	json_decref(defs);
	json_decref(json);
	return r;
}

static struct hc_schema *must_compile(const char *text)
{
	struct hc_fault fault = HC_FAULT_NULL;
	struct hc_schema *schema = NULL;

	cr_assert_eq(compile(&schema, text, &fault), 0, "%s: %s at %s", text, fault.message,
		     fault.pointer);
	return schema;
}

struct valid_case {
	const char *schema, *value;
};

static const struct valid_case valid[] = {
	{ "{}", "null" },
	{ "{}", "{\"a\": [1, {}]}" },
	{ "{\"type\": \"null\"}", "null" },
	{ "{\"type\": \"boolean\"}", "false" },
	{ "{\"type\": \"integer\"}", "-3" },
	{ "{\"type\": \"integer\"}", "3.0" },
	{ "{\"type\": \"integer\"}", "-1e300" },
	{ "{\"type\": \"number\"}", "3" },
	{ "{\"type\": \"number\"}", "3.25" },
	{ "{\"type\": \"string\"}", "\"\"" },
	{ "{\"type\": \"array\"}", "[1, \"a\"]" },
	{ "{\"type\": \"object\"}", "{}" },
	{ "{\"type\": [\"string\", \"null\"]}", "null" },
	{ "{\"type\": [\"string\", \"null\"]}", "\"a\"" },
	{ "{\"type\": [\"string\", \"integer\"]}", "7.0" },
	{ "{\"enum\": [\"low\", \"high\", null, 1, true]}", "\"high\"" },
	{ "{\"enum\": [\"low\", \"high\", null, 1, true]}", "null" },
	{ "{\"enum\": [\"low\", \"high\", null, 1, true]}", "1.0" },
	{ "{\"enum\": [\"low\", \"high\", null, 1, true]}", "true" },
	{ "{\"const\": 0.5}", "0.5" },
	{ "{\"minimum\": 0, \"maximum\": 100}", "0" },
	{ "{\"minimum\": 0, \"maximum\": 100}", "100" },
	{ "{\"minimum\": 0, \"maximum\": 100}", "100.0" },
	{ "{\"minimum\": 0, \"maximum\": 100}", "\"not a number\"" },
	{ "{\"minimum\": 9223372036854775807}", "9223372036854775807" },
	{ "{\"exclusiveMinimum\": 0, \"exclusiveMaximum\": 1}", "0.001" },
	{ "{\"minLength\": 1, \"maxLength\": 3}", "\"abc\"" },
	{ "{\"minLength\": 1, \"maxLength\": 3}", "\"\\u20ac\\u20ac\\ud83d\\ude00\"" },
	{ "{\"maxLength\": 0}", "[1, 2]" },
	{ "{\"format\": \"date-time\"}", "\"2025-11-29T12:00:00.5+01:00\"" },
	{ "{\"format\": \"date-time\"}", "5" },
	{ "{\"minItems\": 1, \"maxItems\": 2}", "[1]" },
	{ "{\"minItems\": 1, \"maxItems\": 2}", "[1, 2]" },
	{ "{\"items\": {\"type\": \"string\"}}", "[]" },
	{ "{\"items\": {\"type\": \"string\"}}", "[\"a\", \"b\"]" },
	{ "{\"items\": {\"type\": \"string\"}}", "{\"0\": 1}" },
	{ "{\"properties\": {\"a\": {\"type\": \"integer\"}}}", "{\"a\": 1, \"b\": \"x\"}" },
	{ "{\"properties\": {\"a\": {\"type\": \"integer\"}}}", "{}" },
	{ "{\"properties\": {\"a\": {\"type\": \"integer\"}}}", "[1]" },
	{ "{\"properties\": {\"a\": {}, \"b\": {}, \"c\": {\"const\": 3}}}",
	  "{\"c\": 3, \"b\": 2, \"a\": 1, \"d\": 0}" },
	{ "{\"required\": [\"a\", \"b\"]}", "{\"b\": 1, \"a\": null}" },
	{ "{\"required\": [\"a\"]}", "5" },
	{ "{\"properties\": {\"a\": {}}, \"additionalProperties\": false}", "{\"a\": 1}" },
	{ "{\"required\": [\"a\"], \"additionalProperties\": true}", "{\"a\": 1, \"b\": 1}" },
	{ "{\"properties\": {\"a\": {}}, \"additionalProperties\": {\"type\": \"string\"}}",
	  "{\"a\": 1, \"b\": \"x\"}" },
	{ "{\"anyOf\": [{\"type\": \"null\"}, {\"minimum\": 5}]}", "6" },
	{ "{\"anyOf\": [{\"type\": \"null\"}, {\"minimum\": 5}]}", "null" },
	{ "{\"$ref\": \"#/$defs/a\", \"$defs\": {\"a\": {\"type\": \"string\"}}}", "\"x\"" },
	{ "{\"$ref\": \"#/$defs/a\", \"minimum\": 3, \"$defs\": {\"a\": {\"maximum\": 5}}}", "4" },
	{ "{\"title\": \"t\", \"description\": 1, \"default\": {}, \"examples\": [], "
	  "\"$comment\": \"\"}",
	  "1" },
};

Test(schema, a_value_that_fits_is_accepted)
{
	for (size_t i = 0; i < HC_ARRAY_LEN(valid); i++) {
		HC_CLEANUP(hc_schema_freep) struct hc_schema *schema = NULL;
		struct hc_fault fault = HC_FAULT_NULL;
		struct value value;

		schema = must_compile(valid[i].schema);
		value_init(&value, valid[i].value);
		cr_expect(hc_schema_validate(schema, &value.object, &fault), "%s against %s: %s",
			  valid[i].value, valid[i].schema, fault.message);
		cr_expect_eq(fault.code, HC_FAULT_NONE);
		cr_expect_str_eq(fault.pointer, "");
		value_deinit(&value);
	}
}

struct invalid_case {
	const char *schema, *value, *message, *pointer;
};

static const struct invalid_case invalid[] = {
	{ "{\"type\": \"null\"}", "0", "the value must be null", "" },
	{ "{\"type\": \"boolean\"}", "0", "the value must be true or false", "" },
	{ "{\"type\": \"integer\"}", "3.5", "the value must be an integer", "" },
	{ "{\"type\": \"number\"}", "\"3\"", "the value must be a number", "" },
	{ "{\"type\": \"string\"}", "3", "the value must be a string", "" },
	{ "{\"type\": \"object\"}", "[]", "the value must be an object", "" },
	{ "{\"type\": \"array\"}", "{}", "the value must be an array", "" },
	{ "{\"type\": [\"null\", \"string\"]}", "1", "the value must be a string or null", "" },
	{ "{\"properties\": {\"percent\": {\"maximum\": 100}}}", "{\"percent\": 101}",
	  "\"percent\" must be at most 100", "/percent" },
	{ "{\"properties\": {\"percent\": {\"maximum\": 100}}}", "{\"percent\": 100.00001}",
	  "\"percent\" must be at most 100", "/percent" },
	{ "{\"properties\": {\"a\": {\"minimum\": -0.5}}}", "{\"a\": -1}",
	  "\"a\" must be at least -0.5", "/a" },
	{ "{\"exclusiveMinimum\": 0}", "0", "the value must be more than 0", "" },
	{ "{\"exclusiveMaximum\": 1}", "1.0", "the value must be less than 1", "" },
	{ "{\"maximum\": 9007199254740992}", "9007199254740993",
	  "the value must be at most 9007199254740992", "" },
	{ "{\"maximum\": 1e30}", "1e31", "the value must be at most 1e+30", "" },
	{ "{\"minLength\": 2}", "\"\\u20ac\"", "the value must have at least 2 characters", "" },
	{ "{\"maxLength\": 2}", "\"abc\"", "the value must have at most 2 characters", "" },
	{ "{\"minItems\": 1}", "[]", "the value must have at least 1 element", "" },
	{ "{\"maxItems\": 1}", "[1, 2]", "the value must have at most 1 element", "" },
	{ "{\"format\": \"date-time\"}", "\"2025-02-30T00:00:00Z\"",
	  "the value must be a date and time such as 2026-01-31T23:59:59.999Z", "" },
	{ "{\"enum\": [\"low\", \"high\", 3, null, false]}", "\"hig\"",
	  "the value must be one of low, high, 3, null, false", "" },
	{ "{\"enum\": [1]}", "\"1\"", "the value must be 1", "" },
	{ "{\"enum\": [true]}", "1", "the value must be true", "" },
	{ "{\"enum\": [0]}", "false", "the value must be 0", "" },
	{ "{\"const\": \"a\"}", "\"A\"", "the value must be a", "" },
	{ "{\"properties\": {\"mount_path\": {}}, \"required\": [\"mount_path\"]}", "{}",
	  "\"mount_path\" is required", "/mount_path" },
	{ "{\"required\": [\"b\", \"a\"]}", "{}", "\"b\" is required", "/b" },
	{ "{\"required\": [\"b\", \"a\"]}", "{\"b\": 1, \"x\": 1}", "\"a\" is required", "/a" },
	{ "{\"properties\": {\"a\": {\"required\": [\"b\"]}}}", "{\"a\": {}}", "\"b\" is required",
	  "/a/b" },
	{ "{\"items\": {\"type\": \"string\"}}", "[\"a\", 1]", "each element must be a string",
	  "/1" },
	{ "{\"properties\": {\"l\": {\"items\": {\"items\": {\"minimum\": 3}}}}}",
	  "{\"l\": [[3], [4, 5, 2]]}", "each element of \"l\" must be at least 3", "/l/1/2" },
	{ "{\"properties\": {\"l\": {\"items\": {\"properties\": {\"x\": {\"type\": \"null\"}}}}}}",
	  "{\"l\": [{}, {\"x\": 1}]}", "\"x\" must be null", "/l/1/x" },
	{ "{\"properties\": {\"a\": {}}, \"additionalProperties\": false}",
	  "{\"a\": 1, \"b/c\": 1}", "\"b/c\" is not a field that is known here", "/b~1c" },
	{ "{\"additionalProperties\": {\"type\": \"string\"}}", "{\"x\": 1}",
	  "\"x\" must be a string", "/x" },
	{ "{\"anyOf\": [{\"type\": \"string\"}, {\"type\": \"integer\"}]}", "null",
	  "the value has none of the forms that are allowed here", "" },
	{ "{\"anyOf\": [{\"maximum\": 1}, {\"minimum\": 5}]}", "3",
	  "the value has none of the forms that are allowed here", "" },
	{ "{\"properties\": {\"s\": {\"anyOf\": [{\"type\": \"null\"}, {\"$ref\": \"#/$defs/s\"}]}}, "
	  "\"$defs\": {\"s\": {\"type\": \"string\", \"enum\": [\"on\", \"off\"]}}}",
	  "{\"s\": \"of\"}", "\"s\" must be one of on, off", "/s" },
	{ "{\"properties\": {\"a\": {\"anyOf\": [{\"type\": \"null\"}, {\"$ref\": \"#/$defs/a\"}]}}, "
	  "\"$defs\": {\"a\": {\"type\": \"object\", \"properties\": {\"pid\": {\"minimum\": 0}}}}}",
	  "{\"a\": {\"pid\": -1}}", "\"pid\" must be at least 0", "/a/pid" },
	{ "{\"$ref\": \"#/$defs/a\", \"minimum\": 3, \"$defs\": {\"a\": {\"maximum\": 5}}}", "6",
	  "the value must be at most 5", "" },
	{ "{\"$ref\": \"#/$defs/a\", \"minimum\": 3, \"$defs\": {\"a\": {\"maximum\": 5}}}", "2",
	  "the value must be at least 3", "" },
};

Test(schema, a_value_that_does_not_fit_is_told_where_and_why)
{
	for (size_t i = 0; i < HC_ARRAY_LEN(invalid); i++) {
		HC_CLEANUP(hc_schema_freep) struct hc_schema *schema = NULL;
		struct hc_fault fault = HC_FAULT_NULL;
		struct value value;

		schema = must_compile(invalid[i].schema);
		value_init(&value, invalid[i].value);
		cr_expect_not(hc_schema_validate(schema, &value.object, &fault), "%s against %s",
			      invalid[i].value, invalid[i].schema);
		cr_expect_eq(fault.code, HC_FAULT_SCHEMA);
		cr_expect_str_eq(fault.message, invalid[i].message);
		cr_expect_str_eq(fault.pointer, invalid[i].pointer);
		cr_expect_not(hc_schema_validate(schema, &value.object, NULL), "without a fault");
		value_deinit(&value);
	}
}

Test(schema, numbers_that_json_cannot_write_are_compared_exactly)
{
	HC_CLEANUP(hc_schema_freep) struct hc_schema *schema = NULL;
	msgpack_object value = { .type = MSGPACK_OBJECT_POSITIVE_INTEGER };

	schema = must_compile("{\"type\": \"integer\", \"maximum\": 9223372036854775807}");
	value.via.u64 = INT64_MAX;
	cr_expect(hc_schema_validate(schema, &value, NULL));
	value.via.u64 = (uint64_t)INT64_MAX + 1;
	cr_expect_not(hc_schema_validate(schema, &value, NULL));
	value.via.u64 = UINT64_MAX;
	cr_expect_not(hc_schema_validate(schema, &value, NULL));
}

Test(schema, nan_and_infinity_are_in_no_range_and_no_integers)
{
	HC_CLEANUP(hc_schema_freep) struct hc_schema *range = must_compile("{\"minimum\": 0}");
	HC_CLEANUP(hc_schema_freep) struct hc_schema *upper = must_compile("{\"maximum\": 0}");
	HC_CLEANUP(hc_schema_freep)
	struct hc_schema *integer = must_compile("{\"type\": \"integer\"}");
	msgpack_object value = { .type = MSGPACK_OBJECT_FLOAT64 };

	value.via.f64 = (double)NAN;
	cr_expect_not(hc_schema_validate(range, &value, NULL));
	cr_expect_not(hc_schema_validate(upper, &value, NULL));
	cr_expect_not(hc_schema_validate(integer, &value, NULL));
	value.via.f64 = -(double)INFINITY;
	cr_expect_not(hc_schema_validate(range, &value, NULL));
	cr_expect_not(hc_schema_validate(integer, &value, NULL));
}

Test(schema, binary_values_have_no_type)
{
	HC_CLEANUP(hc_schema_freep)
	struct hc_schema *schema = must_compile(
		"{\"type\": [\"null\", \"boolean\", \"number\", \"string\", \"array\", \"object\"]}");
	msgpack_object value = { .type = MSGPACK_OBJECT_BIN };

	cr_expect_not(hc_schema_validate(schema, &value, NULL));
}

Test(schema, a_map_with_other_keys_than_text_is_refused)
{
	HC_CLEANUP(hc_schema_freep)
	struct hc_schema *schema = must_compile("{\"type\": \"object\"}");
	msgpack_object_kv entry = { .key.type = MSGPACK_OBJECT_NIL,
				    .val.type = MSGPACK_OBJECT_NIL };
	msgpack_object value = { .type = MSGPACK_OBJECT_MAP, .via.map = { 1, &entry } };
	struct hc_fault fault = HC_FAULT_NULL;

	cr_expect_not(hc_schema_validate(schema, &value, &fault));
	cr_expect_str_eq(fault.message, "the value must have text as the names of its fields");
}

Test(schema, hostile_field_names_make_clean_messages)
{
	HC_CLEANUP(hc_schema_freep)
	struct hc_schema *schema = must_compile("{\"additionalProperties\": false}");
	struct hc_fault fault = HC_FAULT_NULL;
	char name[400];
	msgpack_object_kv entry = { .key.type = MSGPACK_OBJECT_STR,
				    .val.type = MSGPACK_OBJECT_NIL };
	msgpack_object value = { .type = MSGPACK_OBJECT_MAP, .via.map = { 1, &entry } };

	memset(name, '\x1b', sizeof(name));
	entry.key.via.str = (msgpack_object_str){ sizeof(name), name };
	cr_expect_not(hc_schema_validate(schema, &value, &fault));
	cr_expect_null(strchr(fault.message, '\x1b'));
	cr_expect_str_eq(fault.pointer, "");
}

/* A tree of any depth is described by a definition that refers to itself. */
Test(schema, a_definition_may_refer_to_itself_below)
{
	HC_CLEANUP(hc_schema_freep)
	struct hc_schema *schema = must_compile(
		"{\"$ref\": \"#/$defs/tree\", \"$defs\": {\"tree\": {\"type\": \"object\", "
		"\"properties\": {\"children\": {\"type\": \"array\", \"items\": "
		"{\"$ref\": \"#/$defs/tree\"}}, \"size\": {\"type\": \"integer\"}}}}}");
	struct hc_fault fault = HC_FAULT_NULL;
	struct value value;

	value_init(&value, "{\"children\": [{}, {\"size\": 1, \"children\": [{\"size\": 2}]}]}");
	cr_expect(hc_schema_validate(schema, &value.object, &fault), "%s", fault.message);
	value_deinit(&value);
	value_init(&value,
		   "{\"children\": [{}, {\"size\": 1, \"children\": [{\"size\": \"2\"}]}]}");
	cr_expect_not(hc_schema_validate(schema, &value.object, &fault));
	cr_expect_str_eq(fault.pointer, "/children/1/children/0/size");
	value_deinit(&value);
}

struct broken_case {
	const char *schema, *message, *pointer;
};

static const struct broken_case broken[] = {
	{ "[]", "a schema is an object", "" },
	{ "true", "a schema is an object", "" },
	{ "{\"pattern\": \"^a\"}", "keyword \"pattern\" is not supported", "/pattern" },
	{ "{\"properties\": {\"a\": {\"oneOf\": []}}}", "keyword \"oneOf\" is not supported",
	  "/properties/a/oneOf" },
	{ "{\"Type\": \"string\"}", "keyword \"Type\" is not supported", "/Type" },
	{ "{\"type\": \"text\"}", "a type is one of null, boolean,", "/type" },
	{ "{\"type\": [\"string\", 1]}", "a type is one of null, boolean,", "/type/1" },
	{ "{\"type\": []}", "an empty list of types allows nothing", "/type" },
	{ "{\"properties\": []}", "must be an object of schemas", "/properties" },
	{ "{\"properties\": {\"a/b\": 1}}", "a schema is an object", "/properties/a~1b" },
	{ "{\"required\": \"a\"}", "must be an array of at most 64 names", "/required" },
	{ "{\"required\": [1]}", "must be the name of a field", "/required/0" },
	{ "{\"required\": [\"a\", \"a\"]}", "is there twice", "/required/1" },
	{ "{\"additionalProperties\": 1}", "a schema is an object", "/additionalProperties" },
	{ "{\"enum\": []}", "must be an array of values, not empty", "/enum" },
	{ "{\"enum\": \"a\"}", "must be an array of values, not empty", "/enum" },
	{ "{\"enum\": [\"a\", []]}", "must be null, true, false, a number or a string", "/enum/1" },
	{ "{\"const\": {}}", "must be null, true, false, a number or a string", "/const" },
	{ "{\"const\": 1, \"enum\": [1]}", "cannot stand beside \"enum\"", "/const" },
	{ "{\"minimum\": \"0\"}", "must be a number", "/minimum" },
	{ "{\"maxLength\": -1}", "must be an integer, not negative", "/maxLength" },
	{ "{\"minItems\": 1.5}", "must be an integer, not negative", "/minItems" },
	{ "{\"items\": [{}]}", "a schema is an object", "/items" },
	{ "{\"items\": {\"type\": 1}}", "a type is one of null, boolean,", "/items/type" },
	{ "{\"anyOf\": []}", "must be an array of schemas, not empty", "/anyOf" },
	{ "{\"anyOf\": [{}, {\"x\": 1}]}", "keyword \"x\" is not supported", "/anyOf/1/x" },
	{ "{\"format\": \"uuid\"}", "the only format that is checked here", "/format" },
	{ "{\"$ref\": \"other.json\"}", "must be \"#/$defs/\" and the name", "/$ref" },
	{ "{\"$ref\": 1}", "must be \"#/$defs/\" and the name", "/$ref" },
	{ "{\"$ref\": \"#/$defs/a\"}", "there is no definition of that name", "/$ref" },
	{ "{\"$ref\": \"#/$defs/b\", \"$defs\": {\"a\": {}}}", "there is no definition", "/$ref" },
	{ "{\"$ref\": \"#/$defs/a\", \"$defs\": {\"a\": {\"$ref\": \"#/$defs/a\"}}}",
	  "definition \"a\" refers to itself and nothing else", "" },
	{ "{\"items\": {\"$ref\": \"#/$defs/a\"}, \"$defs\": {\"a\": {\"anyOf\": [{\"type\": "
	  "\"null\"}, {\"$ref\": \"#/$defs/b\"}]}, \"b\": {\"anyOf\": [{\"$ref\": \"#/$defs/a\"}]}}}",
	  "refers to itself and nothing else", "" },
	{ "{\"$ref\": \"#/$defs/a\", \"$defs\": {\"a\": {\"properties\": {\"x\": {\"$ref\": "
	  "\"#/$defs/b\"}}, \"anyOf\": [{\"$ref\": \"#/$defs/b\"}]}, \"b\": {\"$ref\": "
	  "\"#/$defs/a\"}}}",
	  "refers to itself and nothing else", "" },
};

Test(schema, what_is_no_schema_is_told_where_and_why)
{
	for (size_t i = 0; i < HC_ARRAY_LEN(broken); i++) {
		struct hc_fault fault = HC_FAULT_NULL;
		struct hc_schema *schema = NULL;

		cr_expect_eq(compile(&schema, broken[i].schema, &fault), -EINVAL, "%s",
			     broken[i].schema);
		cr_expect_null(schema);
		cr_expect_eq(fault.code, HC_FAULT_SCHEMA);
		cr_expect(strstr(fault.message, broken[i].message), "%s: %s", broken[i].schema,
			  fault.message);
		cr_expect_str_eq(fault.pointer, broken[i].pointer);
	}
}

Test(schema, depth_is_limited)
{
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer text = HC_BUFFER_NULL;
	struct hc_fault fault = HC_FAULT_NULL;
	struct hc_schema *schema = NULL;

	for (int i = 0; i < 100; i++)
		hc_buffer_printf(&text, "{\"items\":");
	hc_buffer_printf(&text, "{}");
	for (int i = 0; i < 100; i++)
		hc_buffer_printf(&text, "}");
	hc_buffer_append(&text, "", 1);
	cr_assert_not(text.failed);
	cr_expect_eq(compile(&schema, text.data, &fault), -EINVAL);
	cr_expect_str_eq(fault.message, "the schema is nested deeper than 64 levels");
}

Test(schema, sixty_four_required_fields_are_told_apart)
{
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer text = HC_BUFFER_NULL;
	HC_CLEANUP(hc_schema_freep) struct hc_schema *schema = NULL;

	hc_buffer_printf(&text, "{\"required\": [");
	for (int i = 0; i < 64; i++)
		hc_buffer_printf(&text, "%s\"f%d\"", i ? "," : "", i);
	hc_buffer_append(&text, "]}", 3);
	schema = must_compile(text.data);
	for (int missing = 0; missing <= 64; missing++) {
		HC_CLEANUP(hc_buffer_deinit) struct hc_buffer map = HC_BUFFER_NULL;
		struct hc_fault fault = HC_FAULT_NULL;
		struct value value;
		char wanted[16];

		hc_buffer_printf(&map, "{\"x\": 0");
		for (int i = 63; i >= 0; i--) {
			if (i != missing)
				hc_buffer_printf(&map, ",\"f%d\": 0", i);
		}
		hc_buffer_append(&map, "}", 2);
		value_init(&value, map.data);
		(void)snprintf(wanted, sizeof(wanted), "/f%d", missing);
		cr_expect_eq(hc_schema_validate(schema, &value.object, &fault), missing == 64);
		cr_expect_str_eq(fault.pointer, missing == 64 ? "" : wanted);
		value_deinit(&value);
	}
}

Test(schema, free_takes_null)
{
	cr_expect_null(hc_schema_free(NULL));
}
