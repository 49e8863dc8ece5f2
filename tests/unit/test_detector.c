/* SPDX-License-Identifier: MIT */
/* The status of the loader: what it said last, put right by what the hub knows. */
#include <criterion/criterion.h>

#include "proto/json.h"
#include "tests/unit/hub.h"
#include "ws/rpc/detector.h"

static void expect_status(struct hc_detector *detector, const char *wanted_text)
{
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer packed = HC_BUFFER_NULL;
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer text = HC_BUFFER_NULL;
	msgpack_packer pk = hc_codec_packer(&packed);
	json_t *wanted = json_loads(wanted_text, 0, NULL), *got;
	msgpack_object status;
	msgpack_zone zone;

	hc_detector_pack_status(detector, &pk);
	cr_assert(msgpack_zone_init(&zone, 1024));
	cr_assert_eq(hc_codec_unpack(&status, &zone, packed.data, packed.len), 0);
	cr_expect(hc_type_validate(test_type("detector.status"), &status, NULL));
	hc_json_write(&text, &status);
	msgpack_zone_destroy(&zone);
	got = hc_json_parse((struct hc_str){ text.data, text.len }, NULL);
	cr_expect(json_equal(got, wanted), "%.*s", (int)text.len, text.data);
	json_decref(got);
	json_decref(wanted);
}

Test(detector, what_it_said_last_is_put_right_while_it_is_away)
{
	struct hc_peer loader = { .pid = 1 };
	struct hc_detector *detector = NULL;
	struct test_hub test;

	test_hub_open(&test, 100000, 100000);
	cr_assert_eq(hc_detector_new(&detector, &test.hub), 0);
	cr_expect_not(hc_detector_is_running(detector));
	expect_status(detector, "{\"monitoring_enabled\":false,\"running\":false,\"reasons\":"
				"[\"the loader hostcast-bpf is not connected\"]}");
	test_hub_publish(&test, test_record(test_type("detector.status"), NULL,
					    "{\"running\":true,\"monitoring_enabled\":true,"
					    "\"mode\":\"bpf\",\"reasons\":[\"x\"]}"));
	expect_status(detector,
		      "{\"monitoring_enabled\":true,\"mode\":\"bpf\",\"running\":false,\"reasons\":"
		      "[\"the loader hostcast-bpf is not connected\"]}");
	hc_detector_attach(detector, &loader);
	cr_expect(hc_detector_is_running(detector));
	expect_status(detector, "{\"running\":true,\"monitoring_enabled\":true,\"mode\":\"bpf\","
				"\"reasons\":[\"x\"]}");
	test.hub.draining = true; /* nobody is told any more */
	hc_detector_forget(detector, &loader);
	cr_expect_not(hc_detector_is_running(detector));
	cr_expect_null(hc_detector_free(detector));
	test_hub_close(&test);
}

Test(detector, only_the_newest_loader_counts)
{
	struct hc_peer loader = { .pid = 1 }, other = { .pid = 2 };
	struct hc_detector *detector = NULL;
	struct test_hub test;

	test_hub_open(&test, 100000, 100000);
	cr_assert_eq(hc_detector_new(&detector, &test.hub), 0);
	test.hub.draining = true;
	hc_detector_attach(detector, &loader);
	hc_detector_forget(detector, &other); /* not the loader */
	cr_expect(hc_detector_is_running(detector));
	hc_detector_attach(detector, &other); /* a new one takes its place */
	hc_detector_forget(detector, &loader);
	cr_expect(hc_detector_is_running(detector));
	hc_detector_forget(detector, &other);
	cr_expect_not(hc_detector_is_running(detector));
	hc_detector_forget(NULL, &loader);
	(void)hc_detector_free(detector);
	test_hub_close(&test);
}
