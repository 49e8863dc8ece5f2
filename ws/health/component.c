/* SPDX-License-Identifier: MIT */
/*
 * The REST program is never in trouble here: its processes come and go as Apache likes, and having
 * none means that nobody has asked. What is wrong with the log or the loader, the hub knows first.
 */
#include <stdarg.h>
#include <stdio.h>

#include "proto/clock.h"
#include "ws/health/component.h"
#include "ws/health/space.h"
#include "ws/rpc/detector.h"
#include "ws/rpc/peer.h"
#include "ws/sessions/session.h"

#define LOW_SPACE_PERCENT 5 /* of the log's file system: below, it is time to look */

static const char *const names[HC_COMPONENT_MAX_] = {
	[HC_COMPONENT_HUB] = "hub",
	[HC_COMPONENT_LOG] = "log",
	[HC_COMPONENT_LOADER] = "loader",
	[HC_COMPONENT_FCGI] = "fcgi",
};

static const char *const conditions[HC_CONDITION_MAX_] = {
	[HC_CONDITION_HEALTHY] = "healthy",
	[HC_CONDITION_WARNING] = "warning",
	[HC_CONDITION_ERROR] = "error",
};

const char *hc_component_name(enum hc_component component)
{
	return names[component];
}

const char *hc_condition_name(enum hc_condition condition)
{
	return conditions[condition];
}

static void HC_PRINTF(3, 4)
	say(struct hc_component_state *state, enum hc_condition condition, const char *format, ...)
{
	va_list args;

	state->condition = condition;
	va_start(args, format);
	(void)vsnprintf(state->message, sizeof(state->message), format, args);
	va_end(args);
}

/* ---- one by one --------------------------------------------------------------------------- */

static void look_at_hub(struct hc_component_state *state, const struct hc_hub *hub)
{
	if (hub->draining)
		say(state, HC_CONDITION_WARNING, "the hub is stopping");
	else
		say(state, HC_CONDITION_HEALTHY, "%zu clients", hub->sessions->n);
}

static bool has_low_space(const struct hc_hub *hub, unsigned int *ret_percent)
{
	struct hc_space space;

	if (hub->conf->log.durability == HC_DURABILITY_NONE ||
	    !hc_space_read(&space, hub->conf->log.path))
		return false;
	*ret_percent = (unsigned int)(100 - hc_space_percent(&space));
	return *ret_percent < LOW_SPACE_PERCENT;
}

static void look_at_log(struct hc_component_state *state, const struct hc_hub *hub)
{
	uint64_t oldest = hub->store->oldest, newest = hub->store->newest;
	unsigned int percent;

	if (hub->log_error[0])
		say(state, HC_CONDITION_ERROR, "%s", hub->log_error);
	else if (has_low_space(hub, &percent))
		say(state, HC_CONDITION_WARNING, "%u %% of its file system are free", percent);
	else
		say(state, HC_CONDITION_HEALTHY, "%llu events",
		    (unsigned long long)(newest + 1 - oldest));
}

/* Whether the loader has said that its monitoring is switched off. */
static bool is_switched_off(const struct hc_hub *hub)
{
	const struct hc_type *type = hc_types_find(hub->types, HC_STR("detector.status"));
	const struct hc_record *record = type ? hc_state_find(hub->state, type) : NULL;
	bool enabled = true;
	struct hc_event event;
	msgpack_zone zone;

	if (!record || !msgpack_zone_init(&zone, 1024))
		return false;
	if (hc_record_event(&event, record, &zone))
		(void)hc_map_get_bool(&enabled, &event.payload, "monitoring_enabled");
	msgpack_zone_destroy(&zone);
	return !enabled;
}

static void look_at_loader(struct hc_component_state *state, const struct hc_hub *hub)
{
	if (!hub->detector || !hc_detector_was_running(hub->detector))
		say(state, HC_CONDITION_WARNING, "hostcast-bpf has not connected");
	else if (!hc_detector_is_running(hub->detector))
		say(state, HC_CONDITION_ERROR, "hostcast-bpf is not connected any more");
	else if (is_switched_off(hub))
		say(state, HC_CONDITION_WARNING, "monitoring is switched off");
	else
		say(state, HC_CONDITION_HEALTHY, "connected");
}

static void look_at_fcgi(struct hc_component_state *state, const struct hc_hub *hub)
{
	char timestamp[HC_TIMESTAMP_LEN];
	size_t n = 0;

	for (const struct hc_peer *peer = hub->peers ? hub->peers->head : NULL; peer;
	     peer = peer->next)
		n += peer->role == HC_ROLE_FCGI;
	if (n) {
		say(state, HC_CONDITION_HEALTHY, "%zu connected", n);
	} else if (hub->stats.fcgi_seen_unix_ms) {
		hc_timestamp_format(timestamp, (int64_t)hub->stats.fcgi_seen_unix_ms);
		say(state, HC_CONDITION_HEALTHY, "idle, the last one came at %.*s",
		    HC_TIMESTAMP_LEN, timestamp);
	} else {
		say(state, HC_CONDITION_HEALTHY, "idle, none has come yet");
	}
}

/* ---- all of them -------------------------------------------------------------------------- */

void hc_components_look(struct hc_component_state ret[static HC_COMPONENT_MAX_],
			const struct hc_hub *hub)
{
	look_at_hub(&ret[HC_COMPONENT_HUB], hub);
	look_at_log(&ret[HC_COMPONENT_LOG], hub);
	look_at_loader(&ret[HC_COMPONENT_LOADER], hub);
	look_at_fcgi(&ret[HC_COMPONENT_FCGI], hub);
}

const char *hc_components_overall(const struct hc_component_state states[static HC_COMPONENT_MAX_])
{
	if (states[HC_COMPONENT_LOG].condition == HC_CONDITION_ERROR)
		return "unhealthy";
	for (int i = 0; i < HC_COMPONENT_MAX_; i++)
		if (states[i].condition != HC_CONDITION_HEALTHY)
			return "degraded";
	return "healthy";
}
