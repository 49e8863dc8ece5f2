/* SPDX-License-Identifier: MIT */
/*
 * An event from its bytes to every envelope. What the checks let through must be JSON to another
 * reader, and must come back from its own bytes as it was.
 */
#include <jansson.h>

#include "proto/envelope.h"
#include "tests/fuzz/fuzz.h"

static bool unpack(msgpack_object *ret, msgpack_zone *zone, const void *data, size_t len)
{
	struct hc_codec_skim skim = { 0 };

	if (hc_codec_skim(&skim, data, len, HC_EVENT_LEN_MAX))
		return false;
	HC_FUZZ_CHECK(skim.pos <= len);
	return !hc_codec_unpack(ret, zone, data, skim.pos);
}

static void check_envelopes(const struct hc_event *event)
{
	static const struct hc_envelope_origin origin = { "0123456789abcdef", "/hostcast/fuzz" };

	for (int i = 0; i < HC_ENVELOPE_MAX_ * HC_TIME_MAX_; i++) {
		HC_CLEANUP(hc_buffer_deinit) struct hc_buffer text = HC_BUFFER_NULL;
		json_error_t error;
		json_t *read;

		hc_envelope_write(&text, (enum hc_envelope)(i / HC_TIME_MAX_),
				  (enum hc_time_format)(i % HC_TIME_MAX_), event, &origin);
		HC_FUZZ_CHECK(hc_utf8_valid((struct hc_str){ text.data, text.len }));
		read = json_loadb(text.data, text.len,
				  JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES | JSON_DECODE_INT_AS_REAL,
				  &error);
		/* A key with NUL is JSON, but jansson has no place for it. */
		HC_FUZZ_CHECK(read || json_error_code(&error) == json_error_null_byte_in_key);
		json_decref(read);
	}
}

static void check_again(const struct hc_event *event, msgpack_zone *zone)
{
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer first = HC_BUFFER_NULL;
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer second = HC_BUFFER_NULL;
	msgpack_packer pk = hc_codec_packer(&first);
	struct hc_event again;
	msgpack_object map;

	hc_event_pack(&pk, event);
	if (!unpack(&map, zone, first.data, first.len))
		return; /* with its timestamp it has grown beyond the limit */
	HC_FUZZ_CHECK(hc_event_read(&again, &map, 0, NULL));
	pk = hc_codec_packer(&second);
	hc_event_pack(&pk, &again);
	HC_FUZZ_CHECK(first.len == second.len && !memcmp(first.data, second.data, first.len));
}

HC_FUZZ(event)
{
	struct hc_fault fault = HC_FAULT_NULL;
	struct hc_event event;
	msgpack_object map;
	msgpack_zone zone;

	HC_FUZZ_CHECK(msgpack_zone_init(&zone, 4096));
	if (!unpack(&map, &zone, data, len))
		goto destroy;
	if (!hc_codec_check_json(&map, &fault) || !hc_event_read(&event, &map, 0, &fault)) {
		fuzz_check_fault(&fault);
		goto destroy;
	}
	check_envelopes(&event);
	check_again(&event, &zone);
destroy:
	msgpack_zone_destroy(&zone);
	return 0;
}
