/* SPDX-License-Identifier: MIT */
/*
 * What was lost on the way to the hub, by stage: told to clients as detector.gap events, counted
 * here.
 */
#pragma once

#include "ws/log/record.h"

enum hc_lost_stage {
	HC_LOST_KERNEL,	   /* the kernel's side did not see it, or could not tell */
	HC_LOST_RING,	   /* no space in the ring buffer of the kernel */
	HC_LOST_SPOOL,	   /* no space in the loader while the hub was away */
	HC_LOST_RECONCILE, /* a look at the mount table found what no event had told */
	HC_LOST_MAX_
};

const char *hc_lost_name(enum hc_lost_stage stage);

/** hc_lost_count() - add what a detector.gap event says; other events add nothing */
void hc_lost_count(uint64_t lost[static HC_LOST_MAX_], const struct hc_record *record);
