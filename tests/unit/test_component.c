/* SPDX-License-Identifier: MIT */
/* How the components are, as the hub sees it. */
#include <criterion/criterion.h>

#include "tests/unit/hub.h"
#include "ws/health/component.h"
#include "ws/rpc/detector.h"
#include "ws/rpc/peer.h"

struct fixture {
	struct test_hub test;
	struct hc_peers peers;
	struct hc_component_state states[HC_COMPONENT_MAX_];
};

static void setup(struct fixture *f)
{
	test_hub_open(&f->test, 100000, 100000);
	f->peers = (struct hc_peers){ .hub = &f->test.hub };
	f->test.hub.peers = &f->peers;
	cr_assert_eq(hc_detector_new(&f->test.hub.detector, &f->test.hub), 0);
}

static void teardown(struct fixture *f)
{
	f->test.hub.detector = hc_detector_free(f->test.hub.detector);
	test_hub_close(&f->test);
}

static void expect(struct fixture *f, enum hc_component component, const char *condition,
		   const char *overall)
{
	hc_components_look(f->states, &f->test.hub);
	cr_expect_str_eq(hc_condition_name(f->states[component].condition), condition, "%s: %s",
			 hc_component_name(component), f->states[component].message);
	cr_expect(f->states[component].message[0]);
	cr_expect_str_eq(hc_components_overall(f->states), overall);
}

Test(component, the_loader_is_missed_once_it_was_there)
{
	struct hc_peer loader = { .pid = 1 };
	struct fixture f;

	setup(&f);
	expect(&f, HC_COMPONENT_LOADER, "warning", "degraded");
	hc_detector_attach(f.test.hub.detector, &loader);
	expect(&f, HC_COMPONENT_LOADER, "healthy", "healthy");
	test_hub_publish(&f.test, test_record(test_type("detector.status"), NULL,
					      "{\"running\":true,\"monitoring_enabled\":false}"));
	expect(&f, HC_COMPONENT_LOADER, "warning", "degraded");
	f.test.hub.draining = true; /* so that nothing is published */
	hc_detector_forget(f.test.hub.detector, &loader);
	f.test.hub.draining = false;
	expect(&f, HC_COMPONENT_LOADER, "error", "degraded");
	teardown(&f);
}

/* The store says how it is, NULL for well, and the hub looks. */
static void report(struct fixture *f, const char *reason)
{
	hc_store_report(f->test.hub.store, reason);
	hc_mend_look(&f->test.hub);
}

Test(component, the_log_is_in_error_until_the_store_is_well)
{
	struct hc_peer loader = { .pid = 1 };
	struct fixture f;

	setup(&f);
	hc_detector_attach(f.test.hub.detector, &loader);
	expect(&f, HC_COMPONENT_LOG, "healthy", "healthy");
	report(&f, "no space");
	expect(&f, HC_COMPONENT_LOG, "error", "unhealthy");
	cr_expect_str_eq(f.states[HC_COMPONENT_LOG].message, "no space");
	report(&f, "still none");
	cr_expect_str_eq(f.states[HC_COMPONENT_LOG].message, "no space");
	expect(&f, HC_COMPONENT_LOG, "error", "unhealthy");
	cr_expect_str_eq(f.states[HC_COMPONENT_LOG].message, "still none");
	report(&f, NULL);
	expect(&f, HC_COMPONENT_LOG, "healthy", "healthy");
	f.test.hub.draining = true;
	hc_detector_forget(f.test.hub.detector, &loader);
	teardown(&f);
}

Test(component, rest_programs_come_and_go)
{
	struct hc_peer fcgi = { .role = HC_ROLE_FCGI };
	struct fixture f;

	setup(&f);
	expect(&f, HC_COMPONENT_FCGI, "healthy", "degraded");
	cr_expect_str_eq(f.states[HC_COMPONENT_FCGI].message, "idle, none has come yet");
	f.peers.head = &fcgi;
	expect(&f, HC_COMPONENT_FCGI, "healthy", "degraded");
	cr_expect_str_eq(f.states[HC_COMPONENT_FCGI].message, "1 connected");
	f.peers.head = NULL;
	f.test.hub.stats.fcgi_seen_unix_ms = UINT64_C(1767225600000);
	expect(&f, HC_COMPONENT_FCGI, "healthy", "degraded");
	cr_expect_str_eq(f.states[HC_COMPONENT_FCGI].message,
			 "idle, the last one came at 2026-01-01T00:00:00.000Z");
	teardown(&f);
}
