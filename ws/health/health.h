/* SPDX-License-Identifier: MIT */
/*
 * Health: how busy the machine is and how the components are, told every [health] interval and as
 * soon as a component is another way.
 *
 *   system.health, health_check   the same payload, for clients of either name
 *   component.status              one component, when it has changed
 *   system.health_changed         the sum of them, when it has changed
 */
#pragma once

#include "ws/health/component.h"
#include "ws/health/space.h"

struct hc_health;

/** hc_health_new() - tell it for the first time; NULL in @ret if [health] interval is 0 */
int hc_health_new(struct hc_health **ret, struct hc_hub *hub);
/** hc_health_free() - run the loop once more */
struct hc_health *hc_health_free(struct hc_health *health);

/** hc_health_look() - a component may have changed: look after this turn; @health may be NULL */
void hc_health_look(struct hc_health *health);

/** hc_health_note() - an event was committed; see whose health it tells; @health may be NULL */
void hc_health_note(struct hc_health *health, const struct hc_record *record);

/** struct hc_health_sample - what is measured of the machine; has_... tell what could be */
struct hc_health_sample {
	bool has_cpu, has_memory, has_disk, has_load;
	double cpu_percent;
	unsigned int n_cpus;
	struct hc_space memory;
	struct hc_space disk; /* of the log's file system */
	const char *disk_path;
	double load[3];
	double uptime_seconds; /* of the hub */
};

/** hc_health_pack() - the payload of system.health */
void hc_health_pack(msgpack_packer *pk, const struct hc_health_sample *sample,
		    const struct hc_component_state states[static HC_COMPONENT_MAX_]);
