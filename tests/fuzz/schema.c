/* SPDX-License-Identifier: MIT */
/* A schema, a NUL, and a value for it, both as JSON text: neither is trusted here. */
#include "proto/json.h"
#include "proto/schema.h"
#include "tests/fuzz/fuzz.h"

static void check_value(const struct hc_schema *schema, struct hc_str text)
{
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer packed = HC_BUFFER_NULL;
	msgpack_packer pk = hc_codec_packer(&packed);
	struct hc_codec_skim skim = { 0 };
	struct hc_fault fault = HC_FAULT_NULL;
	json_t *value = hc_json_parse(text, NULL);
	msgpack_object object;
	msgpack_zone zone;

	if (!value)
		return;
	hc_json_pack(&pk, value);
	json_decref(value);
	if (hc_codec_skim(&skim, packed.data, packed.len, 1024 * 1024))
		return;
	HC_FUZZ_CHECK(msgpack_zone_init(&zone, 4096));
	HC_FUZZ_CHECK(!hc_codec_unpack(&object, &zone, packed.data, packed.len));
	if (!hc_schema_validate(schema, &object, &fault)) {
		fuzz_check_fault(&fault);
		HC_FUZZ_CHECK(fault.code == HC_FAULT_SCHEMA);
	}
	HC_FUZZ_CHECK(hc_schema_validate(schema, &object, NULL) == !fault.code);
	msgpack_zone_destroy(&zone);
}

HC_FUZZ(schema)
{
	const char *text = (const char *)data;
	size_t schema_len = len ? strnlen(text, len) : 0;
	HC_CLEANUP(hc_schema_freep) struct hc_schema *schema = NULL;
	struct hc_fault fault = HC_FAULT_NULL;
	json_t *document = hc_json_parse((struct hc_str){ text, schema_len }, NULL);
	int r;

	if (!document)
		return 0;
	r = hc_schema_new(&schema, document, json_object_get(document, "$defs"), &fault);
	json_decref(document);
	if (r) {
		HC_FUZZ_CHECK(!schema);
		fuzz_check_fault(&fault);
	} else if (schema_len < len) {
		check_value(schema, (struct hc_str){ text + schema_len + 1, len - schema_len - 1 });
	}
	return 0;
}
