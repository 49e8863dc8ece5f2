/* SPDX-License-Identifier: MIT */
/* Endpoints: which path leads where, and what is carried there. */
#include <criterion/criterion.h>
#include <sys/mman.h>

#include "proto/fault.h"
#include "tests/unit/hub.h"

struct world {
	struct hc_conf *conf;
	struct hc_endpoints *endpoints;
};

/* The endpoints of a configuration with that text; "" for the shipped ones alone. */
static struct world open_world(const char *text, const char *prefix)
{
	HC_CLEANUP(hc_closep) int fd = memfd_create("conf", MFD_CLOEXEC);
	struct hc_fault fault = HC_FAULT_NULL;
	struct world world = { 0 };
	char path[32];

	cr_assert_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	cr_assert_eq(hc_conf_load(&world.conf, path, &fault), 0, "%s", fault.message);
	cr_assert_eq(
		hc_endpoints_new(&world.endpoints, test_types(), &world.conf->endpoints, prefix),
		0);
	return world;
}

static void close_world(struct world *world)
{
	world->endpoints = hc_endpoints_unref(world->endpoints);
	world->conf = hc_conf_free(world->conf);
}

/* The path of the endpoint that a request is led to, "" if there is none. */
static const char *find(const struct world *world, const char *path)
{
	struct hc_route route;

	return hc_endpoints_find(&route, world->endpoints, hc_str(path)) ? route.endpoint->path
									 : "";
}

static const struct {
	const char *path;
	const char *type;
	bool carried;
} carried[] = {
	{ "/ws/events", "job.progress", true },
	{ "/ws/events", "device.mounted", true },
	{ "/ws/events", "gpu.stats_updated", true },
	{ "/ws/tasks", "task.update", true },
	{ "/ws/tasks", "job.progress", false },
	{ "/ws/device", "device.status", true },
	{ "/ws/device", "device.mounted", false },
	{ "/ws/status", "detector.status", true },
	{ "/ws/status", "component.status", true },
	{ "/ws/status", "detector.gap", false },
	{ "/ws/detection", "alert.created", false },
	{ "/ws", "media_update", true },
	{ "/ws", "notification", true },
	{ "/ws", "job.progress", false },
	{ "/ws/system-health", "health_check", true },
	{ "/ws/system-health", "detector.status", false },
	{ "/ws/bob", "job.progress", true },
};

Test(endpoint, carries_the_types_of_its_patterns)
{
	struct world world = open_world("", "");

	for (size_t i = 0; i < HC_ARRAY_LEN(carried); i++) {
		struct hc_route route;

		cr_assert(hc_endpoints_find(&route, world.endpoints, hc_str(carried[i].path)), "%s",
			  carried[i].path);
		cr_expect_eq(hc_filter_has(&route.endpoint->events, test_type(carried[i].type)),
			     carried[i].carried, "%s on %s", carried[i].type, carried[i].path);
	}
	close_world(&world);
}

Test(endpoint, every_one_carries_something_and_is_found)
{
	struct world world = open_world("", "");

	cr_assert_gt(hc_endpoints_count(world.endpoints), 0);
	for (size_t i = 0; i < hc_endpoints_count(world.endpoints); i++) {
		struct hc_endpoint *endpoint = hc_endpoints_at(world.endpoints, i);

		cr_expect_not(hc_filter_equal(&endpoint->events, &HC_FILTER_NONE), "%s",
			      endpoint->path);
		cr_expect_str_eq(find(&world, endpoint->path), endpoint->path);
	}
	close_world(&world);
}

Test(endpoint, other_paths_are_none)
{
	static const char *const paths[] = {
		"",
		"/",
		"/ws/",
		"/ws//",
		"/ws/events/",
		"/ws/events/x",
		"//ws/events",
		"ws/events",
		"/WS/events",
		"/latest/ws/events",
		"/ws/a/b",
		"/wsx",
	};
	struct world world = open_world("", "");
	struct hc_route route;

	for (size_t i = 0; i < HC_ARRAY_LEN(paths); i++)
		cr_expect_str_eq(find(&world, paths[i]), "", "\"%s\"", paths[i]);
	cr_expect(hc_endpoints_find(&route, world.endpoints, HC_STR("/ws/events\0")));
	cr_expect_str_eq(route.endpoint->path, "/ws/{user_id}", "a NUL is a character");
	close_world(&world);
}

Test(endpoint, a_prefix_is_before_all_of_them)
{
	struct world world = open_world("", "/latest");

	cr_expect_str_eq(find(&world, "/latest/ws/events"), "/ws/events");
	cr_expect_str_eq(find(&world, "/latest/ws/system_health"), "/ws/system-health");
	cr_expect_str_eq(find(&world, "/latest/ws/bob"), "/ws/{user_id}");
	cr_expect_str_eq(find(&world, "/ws/events"), "");
	cr_expect_str_eq(find(&world, "/latest"), "");
	cr_expect_str_eq(find(&world, "/lat"), "");
	cr_expect_str_eq(find(&world, "/latest/latest/ws/events"), "");
	close_world(&world);
}

Test(endpoint, the_most_specific_is_tried_first_whatever_the_order_in_the_file)
{
	struct world world = open_world("[endpoint /{a}/b/c]\nauth = none\n"
					"[endpoint /x/{b}/c]\nauth = none\n"
					"[endpoint /x/y/{c}]\nauth = none\n"
					"[endpoint /x/y/c]\nauth = none\n"
					"[endpoint /ws/{user_id}]\nauth = user\n"
					"[endpoint /ws/late]\nauth = none\n",
					"");

	cr_expect_str_eq(find(&world, "/x/y/c"), "/x/y/c");
	cr_expect_str_eq(find(&world, "/x/y/z"), "/x/y/{c}");
	cr_expect_str_eq(find(&world, "/x/z/c"), "/x/{b}/c");
	cr_expect_str_eq(find(&world, "/x/b/c"), "/x/{b}/c");
	cr_expect_str_eq(find(&world, "/z/b/c"), "/{a}/b/c");
	cr_expect_str_eq(find(&world, "/ws/late"), "/ws/late");
	cr_expect_str_eq(find(&world, "/ws/system-health"), "/ws/system-health");
	cr_expect_str_eq(find(&world, "/ws/system_health"), "/ws/system-health");
	cr_expect_str_eq(find(&world, "/ws/detection"), "/ws/detection");
	cr_expect_str_eq(find(&world, "/ws/user123"), "/ws/{user_id}");
	close_world(&world);
}

/* One order after the other of @n items (Heap's algorithm). Returns false once all have been. */
static bool next_order(const char **items, size_t *counts, size_t n)
{
	for (size_t i = 1; i < n; counts[i++] = 0) {
		size_t j = i % 2 ? counts[i] : 0;
		const char *item = items[i];

		if (counts[i] == i)
			continue;
		counts[i]++;
		items[i] = items[j];
		items[j] = item;
		return true;
	}
	return false;
}

/* Those of another length come between in the file, and must not keep two apart. */
Test(endpoint, a_literal_one_is_never_shadowed_in_any_order_of_the_file)
{
	const char *sections[] = { "/short", "/x/{b}/c", "/x/y/c", "/ws/late", "/a/b/c/{d}" };
	size_t counts[HC_ARRAY_LEN(sections)] = { 0 };
	char text[512];

	do {
		struct world world;
		size_t len = 0;

		for (size_t i = 0; i < HC_ARRAY_LEN(sections); i++)
			len += (size_t)snprintf(text + len, sizeof(text) - len,
						"[endpoint %s]\nevents = job.*\n", sections[i]);
		world = open_world(text, "");
		for (size_t i = 0; i < HC_ARRAY_LEN(sections); i++)
			cr_assert_str_eq(find(&world, sections[i]), sections[i], "%s", text);
		cr_assert_str_eq(find(&world, "/ws/system-health"), "/ws/system-health");
		cr_assert_str_eq(find(&world, "/x/z/c"), "/x/{b}/c");
		cr_assert_str_eq(find(&world, "/ws/user123"), "/ws/{user_id}");
		close_world(&world);
	} while (next_order(sections, counts, HC_ARRAY_LEN(sections)));
}

Test(endpoint, a_segment_in_braces_is_the_user)
{
	struct world world = open_world("", "/latest");
	struct hc_route route;

	cr_assert(hc_endpoints_find(&route, world.endpoints, HC_STR("/latest/ws/bob@x.org")));
	cr_expect(hc_str_is(route.user, "bob@x.org"));
	cr_expect_eq(route.endpoint->auth, HC_ENDPOINT_USER);
	cr_assert(hc_endpoints_find(&route, world.endpoints, HC_STR("/latest/ws/events")));
	cr_expect_eq(route.user.len, 0);
	close_world(&world);
}

Test(endpoint, a_path_for_server_sent_events_leads_to_the_same_endpoint)
{
	struct world world = open_world("[endpoint /ws/tasks]\nsse = /tasks /t\n", "");
	struct hc_route route;

	cr_assert(hc_endpoints_find(&route, world.endpoints, HC_STR("/events")));
	cr_expect_str_eq(route.endpoint->path, "/ws/events");
	cr_expect(route.is_sse);
	cr_assert(hc_endpoints_find(&route, world.endpoints, HC_STR("/t")));
	cr_expect_str_eq(route.endpoint->path, "/ws/tasks");
	cr_expect(route.is_sse);
	cr_assert(hc_endpoints_find(&route, world.endpoints, HC_STR("/ws/tasks")));
	cr_expect_not(route.is_sse);
	close_world(&world);
}

Test(endpoint, a_section_changes_a_shipped_one_and_may_take_it_away)
{
	struct world world =
		open_world("[endpoint /ws/events]\nauth = token\nstart = none\n"
			   "[endpoint /ws/detection]\nenabled = no\n"
			   "[endpoint /jobs]\nevents = job.*\nenvelope = cloudevents\n",
			   "");
	struct hc_route route;

	cr_assert(hc_endpoints_find(&route, world.endpoints, HC_STR("/ws/events")));
	cr_expect_eq(route.endpoint->auth, HC_ENDPOINT_TOKEN);
	cr_expect_eq(route.endpoint->start, HC_START_NONE);
	cr_expect(hc_filter_has(&route.endpoint->events, test_type("job.progress")));
	cr_expect_str_eq(find(&world, "/ws/detection"), "/ws/{user_id}", "nothing is there");
	cr_assert(hc_endpoints_find(&route, world.endpoints, HC_STR("/jobs")));
	cr_expect_eq(route.endpoint->encoding.envelope, HC_ENVELOPE_CLOUDEVENTS);
	cr_expect_not(hc_filter_has(&route.endpoint->events, test_type("alert.created")));
	close_world(&world);
}
