/* SPDX-License-Identifier: MIT */
/*
 * The components of the system as the hub sees them: how each of them is, and why.
 */
#pragma once

#include "ws/hub.h"

#define HC_COMPONENT_MESSAGE_MAX 192 /* bytes with the NUL */

enum hc_component {
	HC_COMPONENT_HUB,
	HC_COMPONENT_LOG,
	HC_COMPONENT_LOADER,
	HC_COMPONENT_FCGI, /* the REST program */
	HC_COMPONENT_MAX_
};

enum hc_condition { /* seed words: "healthy", "warning", "error" */
		    HC_CONDITION_HEALTHY,
		    HC_CONDITION_WARNING, /* it works, but not as it should */
		    HC_CONDITION_ERROR,	  /* it does not work */
		    HC_CONDITION_MAX_
};

struct hc_component_state {
	enum hc_condition condition;
	char message[HC_COMPONENT_MESSAGE_MAX]; /* one line for a person */
};

/** hc_components_look() - how they are now */
void hc_components_look(struct hc_component_state ret[static HC_COMPONENT_MAX_],
			const struct hc_hub *hub);

/** hc_components_overall() - "healthy", "degraded" (some do not work well), "unhealthy" (no log) */
const char *hc_components_overall(const struct hc_component_state states[static HC_COMPONENT_MAX_]);

const char *hc_component_name(enum hc_component component);
const char *hc_condition_name(enum hc_condition condition);
