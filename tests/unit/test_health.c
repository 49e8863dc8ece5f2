/* SPDX-License-Identifier: MIT */
/* The payload of system.health; when it is told: tests/e2e/test_health.py. */
#include <criterion/criterion.h>

#include "proto/fault.h"
#include "proto/json.h"
#include "tests/unit/hub.h"
#include "ws/health/health.h"

static void expect_payload(const struct hc_health_sample *sample,
			   const struct hc_component_state *states, const char *wanted)
{
	static const char *const types[] = { "system.health", "health_check" };
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer packed = HC_BUFFER_NULL;
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer text = HC_BUFFER_NULL;
	msgpack_packer pk = hc_codec_packer(&packed);
	struct hc_fault fault = HC_FAULT_NULL;
	msgpack_object payload;
	msgpack_zone zone;

	hc_health_pack(&pk, sample, states);
	cr_assert(msgpack_zone_init(&zone, 1024));
	cr_assert_eq(hc_codec_unpack(&payload, &zone, packed.data, packed.len), 0);
	for (size_t i = 0; i < HC_ARRAY_LEN(types); i++)
		cr_expect(hc_type_validate(test_type(types[i]), &payload, &fault), "%s",
			  fault.message);
	hc_json_write(&text, &payload);
	hc_buffer_append(&text, "", 1);
	cr_expect_str_eq(text.data, wanted);
	msgpack_zone_destroy(&zone);
}

Test(health, all_that_is_known_is_told)
{
	const struct hc_health_sample sample = {
		.has_cpu = true,
		.has_memory = true,
		.has_disk = true,
		.has_load = true,
		.cpu_percent = 12.3456,
		.n_cpus = 4,
		.memory = { 8000, 6000, 2000 },
		.disk = { 300, 100, 50 },
		.disk_path = "/var/lib",
		.load = { 0.5, 1.25, 2 },
		.uptime_seconds = 61.234,
	};
	const struct hc_component_state states[HC_COMPONENT_MAX_] = {
		[HC_COMPONENT_HUB] = { HC_CONDITION_HEALTHY, "2 clients" },
		[HC_COMPONENT_LOG] = { HC_CONDITION_HEALTHY, "7 events" },
		[HC_COMPONENT_LOADER] = { HC_CONDITION_ERROR, "gone" },
		[HC_COMPONENT_FCGI] = { HC_CONDITION_WARNING, "odd" },
	};

	expect_payload(&sample, states,
		       "{\"status\":\"degraded\",\"cpu\":{\"percent\":12.35,\"cores\":4},"
		       "\"memory\":{\"percent\":75.0,\"total_bytes\":8000,"
		       "\"available_bytes\":2000},"
		       "\"disk\":{\"percent\":66.67,\"total_bytes\":300,\"available_bytes\":50,"
		       "\"path\":\"/var/lib\"},\"load\":[0.5,1.25,2.0],"
		       "\"components\":{\"hub\":{\"status\":\"healthy\",\"message\":\"2 clients\"},"
		       "\"log\":{\"status\":\"healthy\",\"message\":\"7 events\"},"
		       "\"loader\":{\"status\":\"error\",\"message\":\"gone\"},"
		       "\"fcgi\":{\"status\":\"warning\",\"message\":\"odd\"}},"
		       "\"uptime_seconds\":61.23}");
}

Test(health, what_cannot_be_measured_is_left_out)
{
	const struct hc_component_state states[HC_COMPONENT_MAX_] = { 0 };
	const struct hc_health_sample sample = { .uptime_seconds = 1 };

	expect_payload(&sample, states,
		       "{\"status\":\"healthy\",\"components\":{"
		       "\"hub\":{\"status\":\"healthy\",\"message\":\"\"},"
		       "\"log\":{\"status\":\"healthy\",\"message\":\"\"},"
		       "\"loader\":{\"status\":\"healthy\",\"message\":\"\"},"
		       "\"fcgi\":{\"status\":\"healthy\",\"message\":\"\"}},"
		       "\"uptime_seconds\":1.0}");
}
