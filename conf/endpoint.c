/* SPDX-License-Identifier: MIT */
/*
 * The shipped endpoints and the options of one, as rows of text that go through the same parser as
 * a file: a row cannot promise what the parser would refuse.
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "conf/endpoint.h"
#include "conf/option.h"
#include "conf/path.h"
#include "conf/value.h"
#include "proto/envelope.h"
#include "proto/fault.h"

static const struct hc_choice envelopes[] = {
	{ "standard", HC_ENVELOPE_STANDARD },
	{ "data", HC_ENVELOPE_DATA },
	{ "spread", HC_ENVELOPE_SPREAD },
	{ "cloudevents", HC_ENVELOPE_CLOUDEVENTS },
	{ NULL, 0 },
};

static const struct hc_choice time_formats[] = {
	{ "rfc3339", HC_TIME_RFC3339 },
	{ "unix", HC_TIME_UNIX },
	{ NULL, 0 },
};

static const struct hc_choice auths[] = {
	{ "none", HC_ENDPOINT_OPEN },
	{ "token", HC_ENDPOINT_TOKEN },
	{ "user", HC_ENDPOINT_USER },
	{ NULL, 0 },
};

static const struct hc_choice starts[] = {
	{ "all", HC_START_ALL },
	{ "none", HC_START_NONE },
	{ "snapshot", HC_START_SNAPSHOT },
	{ NULL, 0 },
};

static const struct hc_choice addressed[] = {
	{ "too", HC_ADDRESSED_TOO },
	{ "only", HC_ADDRESSED_ONLY },
	{ NULL, 0 },
};

static const struct hc_choice yes_no[] = {
	{ "yes", true },
	{ "no", false },
	{ NULL, 0 },
};

#define AT(member) offsetof(struct hc_conf_endpoint, member)

/* clang-format off */
const struct hc_option hc_endpoint_options[] = {
	{ { "endpoint", "events", "*", "What it carries, as patterns of event types.", true },
	  HC_OPTION_PATTERNS, AT(events), 1, 0, NULL },
	{ { "endpoint", "envelope", "standard", "The outer shape of a message: standard, data, spread or cloudevents.", true },
	  HC_OPTION_CHOICE, AT(envelope), 0, 0, envelopes },
	{ { "endpoint", "timestamps", "rfc3339", "rfc3339 text, or unix: seconds as a number.", true },
	  HC_OPTION_CHOICE, AT(timestamps), 0, 0, time_formats },
	{ { "endpoint", "auth", "none", "Who may connect: none (anybody), token, or user (the one that the path names).", true },
	  HC_OPTION_CHOICE, AT(auth), 0, 0, auths },
	{ { "endpoint", "start", "all", "What a new client gets until it subscribes: all, none, or snapshot (the retained events, then all).", true },
	  HC_OPTION_CHOICE, AT(start), 0, 0, starts },
	{ { "endpoint", "always", "", "What every client gets, whatever it has subscribed to.", true },
	  HC_OPTION_PATTERNS, AT(always), 0, 0, NULL },
	{ { "endpoint", "addressed", "too", "Events to one user: too (beside those to everybody) or only.", true },
	  HC_OPTION_CHOICE, AT(addressed), 0, 0, addressed },
	{ { "endpoint", "aliases", "", "Other paths of the same endpoint.", true },
	  HC_OPTION_ENDPOINTS, AT(aliases), 0, 0, NULL },
	{ { "endpoint", "sse", "", "Paths that serve the same as Server-Sent Events.", true },
	  HC_OPTION_ENDPOINTS, AT(sse), 0, 0, NULL },
	{ { "endpoint", "enabled", "yes", "no: there is no such endpoint.", true },
	  HC_OPTION_CHOICE, AT(enabled), 0, 0, yes_no },
};
/* clang-format on */

const size_t hc_endpoint_options_count = HC_ARRAY_LEN(hc_endpoint_options);

/* What the shipped endpoints have besides the defaults. */
static const struct {
	const char *path;
	const char *key;
	const char *value;
} shipped[] = {
	{ "/ws/events", "events", "*" },
	{ "/ws/events", "sse", "/events" },
	{ "/ws/tasks", "events", "task.*" },
	{ "/ws/tasks", "envelope", "spread" },
	{ "/ws/device", "events", "device.status" },
	{ "/ws/device", "envelope", "spread" },
	{ "/ws/device", "start", "snapshot" },
	{ "/ws", "events", "media_update system_update analysis_complete notification" },
	{ "/ws", "envelope", "data" },
	{ "/ws", "auth", "token" },
	{ "/ws", "start", "none" },
	{ "/ws", "always", "notification" },
	{ "/ws/detection", "events", "detection.*" },
	{ "/ws/detection", "envelope", "data" },
	{ "/ws/system-health", "events", "health_check system.health" },
	{ "/ws/system-health", "envelope", "data" },
	{ "/ws/system-health", "timestamps", "unix" },
	{ "/ws/system-health", "auth", "token" },
	{ "/ws/system-health", "start", "snapshot" },
	{ "/ws/system-health", "aliases", "/ws/system_health" },
	{ "/ws/status", "events", "detector.status backend.status component.status" },
	{ "/ws/status", "envelope", "data" },
	{ "/ws/status", "start", "snapshot" },
	{ "/ws/{user_id}", "auth", "user" },
	{ "/ws/{user_id}", "addressed", "only" },
};

static const struct hc_option *find_option(const char *key)
{
	for (size_t i = 0; i < hc_endpoint_options_count; i++)
		if (!strcmp(hc_endpoint_options[i].about.key, key))
			return &hc_endpoint_options[i];
	return NULL;
}

static void clear(struct hc_conf_endpoint *endpoint)
{
	for (size_t i = 0; i < hc_endpoint_options_count; i++)
		hc_option_clear(&hc_endpoint_options[i], endpoint);
	free(endpoint->path);
}

void hc_conf_endpoints_deinit(struct hc_conf_endpoints *endpoints)
{
	for (size_t i = 0; i < endpoints->n; i++)
		clear(&endpoints->items[i]);
	free(endpoints->items);
	*endpoints = (struct hc_conf_endpoints){ 0 };
}

static int fill_defaults(struct hc_conf_endpoint *endpoint, const char *path)
{
	*endpoint = (struct hc_conf_endpoint){ .path = strdup(path) };
	if (!endpoint->path)
		return -ENOMEM;
	for (size_t i = 0; i < hc_endpoint_options_count; i++) {
		const struct hc_option *option = &hc_endpoint_options[i];
		int r = hc_option_store(option, endpoint, option->about.value, false);

		assert(r != -EINVAL);
		if (r)
			return r;
	}
	return 0;
}

struct hc_conf_endpoint *hc_conf_endpoints_need(struct hc_conf_endpoints *endpoints,
						const char *path)
{
	struct hc_conf_endpoint *items, added;

	for (size_t i = 0; i < endpoints->n; i++)
		if (!strcmp(endpoints->items[i].path, path))
			return &endpoints->items[i];
	items = reallocarray(endpoints->items, endpoints->n + 1, sizeof(*items));
	if (!items)
		return NULL;
	endpoints->items = items;
	if (fill_defaults(&added, path)) {
		clear(&added);
		return NULL;
	}
	items[endpoints->n] = added;
	return &items[endpoints->n++];
}

int hc_conf_endpoints_init(struct hc_conf_endpoints *endpoints)
{
	for (size_t i = 0; i < HC_ARRAY_LEN(shipped); i++) {
		struct hc_conf_endpoint *endpoint =
			hc_conf_endpoints_need(endpoints, shipped[i].path);
		int r = -ENOMEM;

		if (endpoint)
			r = hc_option_store(find_option(shipped[i].key), endpoint, shipped[i].value,
					    false);
		assert(r != -EINVAL);
		if (r)
			return r;
	}
	return 0;
}

/* ---- whether they go together -------------------------------------------------------------- */

/* The paths of an endpoint one after the other: its own, aliases, Server-Sent Events. */
static const char *path_at(const struct hc_conf_endpoint *endpoint, size_t i)
{
	if (!i--)
		return endpoint->path;
	if (i < endpoint->aliases.n)
		return endpoint->aliases.items[i];
	i -= endpoint->aliases.n;
	return i < endpoint->sse.n ? endpoint->sse.items[i] : NULL;
}

static size_t count_uses(const struct hc_conf_endpoints *endpoints, const char *path)
{
	const char *other;
	size_t n = 0;

	for (size_t i = 0; i < endpoints->n; i++)
		for (size_t j = 0; (other = path_at(&endpoints->items[i], j)); j++)
			n += endpoints->items[i].enabled && hc_path_is_same(path, other);
	return n;
}

static bool check_one(const struct hc_conf_endpoints *endpoints,
		      const struct hc_conf_endpoint *endpoint, struct hc_fault *fault)
{
	const char *path;

	for (size_t i = 0; (path = path_at(endpoint, i)); i++) {
		if (endpoint->auth == HC_ENDPOINT_USER && !strchr(path, '{')) {
			hc_fault_set(fault, HC_FAULT_INVALID_PARAMS,
				     "%s does not name the user that auth = user asks for, as "
				     "/ws/{user_id} does",
				     path);
			return false;
		}
		if (count_uses(endpoints, path) > 1) {
			hc_fault_set(fault, HC_FAULT_INVALID_PARAMS,
				     "%s stands for two endpoints, or twice for one", path);
			return false;
		}
	}
	return true;
}

bool hc_conf_endpoints_check(const struct hc_conf_endpoints *endpoints,
			     const struct hc_conf_endpoint **ret, struct hc_fault *fault)
{
	for (size_t i = 0; i < endpoints->n; i++) {
		const struct hc_conf_endpoint *endpoint = &endpoints->items[i];

		if (!endpoint->enabled || check_one(endpoints, endpoint, fault))
			continue;
		*ret = endpoint;
		return false;
	}
	return true;
}
