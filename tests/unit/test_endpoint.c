/* SPDX-License-Identifier: MIT */
/* Endpoints: which path is one, and what it carries. */
#include <criterion/criterion.h>

#include "tests/unit/hub.h"

static struct hc_endpoints *shipped(const char *prefix)
{
	struct hc_endpoints *endpoints = NULL;

	cr_assert_eq(hc_endpoints_new(&endpoints, test_types(), prefix), 0);
	return endpoints;
}

static const struct {
	const char *path;
	const char *type;
	bool carried;
} carried[] = {
	{ "/ws/events", "job.progress", true },	     { "/ws/events", "device.mounted", true },
	{ "/ws/events", "gpu.stats_updated", true }, { "/ws/tasks", "task.update", true },
	{ "/ws/tasks", "job.progress", false },	     { "/ws/device", "device.status", true },
	{ "/ws/device", "device.mounted", false },   { "/ws/status", "detector.status", true },
	{ "/ws/status", "component.status", true },  { "/ws/status", "detector.gap", false },
	{ "/ws/detection", "alert.created", false },
};

Test(endpoint, carries_the_types_of_its_patterns)
{
	HC_CLEANUP(hc_endpoints_freep) struct hc_endpoints *endpoints = shipped("");

	for (size_t i = 0; i < HC_ARRAY_LEN(carried); i++) {
		const struct hc_endpoint *endpoint =
			hc_endpoints_find(endpoints, hc_str(carried[i].path));

		cr_assert(endpoint, "%s", carried[i].path);
		cr_expect_eq(hc_filter_has(&endpoint->filter, test_type(carried[i].type)),
			     carried[i].carried, "%s on %s", carried[i].type, carried[i].path);
	}
}

Test(endpoint, every_one_carries_something_and_is_found)
{
	HC_CLEANUP(hc_endpoints_freep) struct hc_endpoints *endpoints = shipped("");

	cr_assert_gt(hc_endpoints_count(endpoints), 0);
	for (size_t i = 0; i < hc_endpoints_count(endpoints); i++) {
		struct hc_endpoint *endpoint = hc_endpoints_at(endpoints, i);

		cr_expect_not(hc_filter_equal(&endpoint->filter, &HC_FILTER_NONE), "%s",
			      endpoint->path);
		cr_expect_eq(hc_endpoints_find(endpoints, hc_str(endpoint->path)), endpoint, "%s",
			     endpoint->path);
	}
}

Test(endpoint, other_paths_are_none)
{
	static const char *const paths[] = {
		"",
		"/",
		"/ws",
		"/ws/",
		"/ws/event",
		"/ws/eventss",
		"/ws/events/",
		"/ws/events/x",
		"//ws/events",
		"ws/events",
		"/WS/events",
		"/ws/%65vents",
		"/latest/ws/events",
	};
	HC_CLEANUP(hc_endpoints_freep) struct hc_endpoints *endpoints = shipped("");

	for (size_t i = 0; i < HC_ARRAY_LEN(paths); i++)
		cr_expect_null(hc_endpoints_find(endpoints, hc_str(paths[i])), "\"%s\"", paths[i]);
	cr_expect_null(hc_endpoints_find(endpoints, HC_STR("/ws/events\0")));
}

Test(endpoint, a_prefix_is_before_all_of_them)
{
	HC_CLEANUP(hc_endpoints_freep) struct hc_endpoints *endpoints = shipped("/latest");

	cr_expect(hc_endpoints_find(endpoints, HC_STR("/latest/ws/events")));
	cr_expect(hc_endpoints_find(endpoints, HC_STR("/latest/ws/status")));
	cr_expect_null(hc_endpoints_find(endpoints, HC_STR("/ws/events")));
	cr_expect_null(hc_endpoints_find(endpoints, HC_STR("/latest")));
	cr_expect_null(hc_endpoints_find(endpoints, HC_STR("/lat")));
	cr_expect_null(hc_endpoints_find(endpoints, HC_STR("/latest/latest/ws/events")));
}
