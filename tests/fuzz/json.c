/* SPDX-License-Identifier: MIT */
/* JSON text to msgpack and back: what jansson reads must survive the way unchanged. */
#include "proto/json.h"
#include "tests/fuzz/fuzz.h"

static void check_way_back(const json_t *value, const struct hc_buffer *packed)
{
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer text = HC_BUFFER_NULL;
	struct hc_codec_skim skim = { 0 };
	struct hc_fault fault = HC_FAULT_NULL;
	msgpack_object object;
	msgpack_zone zone;
	json_t *again;

	if (hc_codec_skim(&skim, packed->data, packed->len, 1024 * 1024))
		return; /* deeper, or with more values, than a frame may be */
	HC_FUZZ_CHECK(skim.pos == packed->len);
	HC_FUZZ_CHECK(msgpack_zone_init(&zone, 4096));
	HC_FUZZ_CHECK(!hc_codec_unpack(&object, &zone, packed->data, packed->len));
	HC_FUZZ_CHECK(hc_codec_check_json(&object, &fault));
	hc_json_write(&text, &object);
	again = hc_json_parse((struct hc_str){ text.data, text.len }, NULL);
	HC_FUZZ_CHECK(again && json_equal(again, value));
	json_decref(again);
	msgpack_zone_destroy(&zone);
}

HC_FUZZ(json)
{
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer packed = HC_BUFFER_NULL;
	msgpack_packer pk = hc_codec_packer(&packed);
	struct hc_fault fault = HC_FAULT_NULL;
	json_t *value = hc_json_parse((struct hc_str){ (const char *)data, len }, &fault);

	if (!value) {
		fuzz_check_fault(&fault);
		return 0;
	}
	hc_json_pack(&pk, value);
	check_way_back(value, &packed);
	json_decref(value);
	return 0;
}
