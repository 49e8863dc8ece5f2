/* SPDX-License-Identifier: MIT */
#include "fcgi/dispatch.h"
#include "fcgi/problem.h"
#include "fcgi/request.h"
#include "fcgi/resources.h"

/* clang-format off */
static const struct hc_route routes[] = {
	{ "POST", "/api/events",                    hc_rest_events_post },
	{ "GET",  "/api/events",                    hc_rest_events_get },
	{ "GET",  "/api/consumers",                 hc_rest_consumers_list },
	{ "POST", "/api/consumers/{name}/ack",      hc_rest_consumers_ack },
	{ "DELETE","/api/consumers/{name}",         hc_rest_consumers_delete },
	{ "GET",  "/api/devices",                   hc_rest_devices_get },
	{ "POST", "/api/devices/mount",             hc_rest_devices_mount },
	{ "POST", "/api/devices/unmount",           hc_rest_devices_unmount },
	{ "GET",  "/api/services/detector/status",  hc_rest_detector_status },
	{ "POST", "/api/services/detector/start",   hc_rest_detector_start },
	{ "POST", "/api/services/detector/stop",    hc_rest_detector_stop },
	{ "GET",  "/api/state/{type}",              hc_rest_state_get },
	{ "GET",  "/api/event-types",               hc_rest_types_list },
	{ "GET",  "/api/event-types/{type}",        hc_rest_types_get },
	{ "GET",  "/api/channels",                  hc_rest_channels_list },
	{ "GET",  "/api/status",                    hc_rest_status_get },
	{ "GET",  "/api/connections",               hc_rest_connections_get },
	{ "POST", "/api/v1/tickets",                hc_rest_tickets_post },
	{ "GET",  "/api/healthz",                   hc_rest_health_get },
	{ "GET",  "/healthz",                       hc_rest_health_get },
	{ "GET",  "/metrics",                       hc_rest_metrics_get },
};
/* clang-format on */

#define N_ROUTES HC_ARRAY_LEN(routes)

static bool starts_with_script_name(struct hc_str path, struct hc_str script_name)
{
	return script_name.len && path.len > script_name.len &&
	       !memcmp(path.s, script_name.s, script_name.len) && path.s[script_name.len] == '/';
}

/*
 * The path is taken as the client wrote it, for Apache's PATH_INFO is decoded and has its slashes
 * merged. Where the administrator put a prefix before /api, that is what SCRIPT_NAME says.
 */
static bool match(struct hc_exchange *exchange, struct hc_path *path, struct hc_fault *fault)
{
	const struct hc_request *request = exchange->request;
	struct hc_str raw = hc_uri_path(request->target);

	if (!hc_path_parse(path, raw, fault))
		return false;
	if (hc_router_match(&exchange->match, routes, N_ROUTES, path))
		return true;
	if (starts_with_script_name(raw, request->script_name)) {
		raw.s += request->script_name.len;
		raw.len -= request->script_name.len;
		if (!hc_path_parse(path, raw, fault))
			return false;
		if (hc_router_match(&exchange->match, routes, N_ROUTES, path))
			return true;
	}
	hc_fault_set(fault, HC_FAULT_NOT_FOUND, "there is nothing at this path");
	return false;
}

static void add_allow(struct hc_exchange *exchange)
{
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer allow = HC_BUFFER_NULL;

	hc_router_allow(&allow, routes, N_ROUTES, exchange->match.pattern);
	hc_buffer_append(&allow, "", 1);
	if (!allow.failed)
		hc_response_header(exchange->response, "Allow", allow.data);
}

static void answer_options(struct hc_exchange *exchange)
{
	exchange->response->status = 204;
	add_allow(exchange);
}

static void answer_no_method(struct hc_exchange *exchange)
{
	struct hc_fault fault = HC_FAULT_NULL;
	struct hc_str method = exchange->request->method;

	hc_fault_set(&fault, HC_FAULT_INTERNAL, "%s has no method \"%.*s\"",
		     exchange->match.pattern, (int)(method.len < 32 ? method.len : 32), method.s);
	hc_problem_set(exchange->response, HC_PROBLEM_METHOD_NOT_ALLOWED, "", fault.message);
	add_allow(exchange);
}

void hc_rest_dispatch(struct hc_exchange *exchange)
{
	HC_CLEANUP(hc_path_deinit) struct hc_path path = HC_PATH_NULL;
	struct hc_fault fault = HC_FAULT_NULL;
	const struct hc_route *route;

	if (!match(exchange, &path, &fault)) {
		hc_exchange_fail(exchange, &fault);
		return;
	}
	route = hc_router_find(routes, N_ROUTES, exchange->match.pattern,
			       exchange->request->method);
	if (route)
		route->answer(exchange);
	else if (hc_str_is(exchange->request->method, "OPTIONS"))
		answer_options(exchange);
	else
		answer_no_method(exchange);
}
