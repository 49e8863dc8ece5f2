/* SPDX-License-Identifier: MIT */
#include "ws/health/lost.h"

static const char *const names[HC_LOST_MAX_] = {
	[HC_LOST_KERNEL] = "kernel",
	[HC_LOST_RING] = "ring",
	[HC_LOST_SPOOL] = "spool",
	[HC_LOST_RECONCILE] = "reconcile",
};

const char *hc_lost_name(enum hc_lost_stage stage)
{
	return names[stage];
}

static void count(uint64_t *lost, const msgpack_object *payload)
{
	struct hc_str stage;
	uint64_t n = 0;

	if (!hc_map_get_str(&stage, payload, "stage") || !hc_map_get_u64(&n, payload, "count"))
		return;
	for (int i = 0; i < HC_LOST_MAX_; i++)
		if (hc_str_is(stage, names[i]))
			lost[i] += n;
}

void hc_lost_count(uint64_t lost[static HC_LOST_MAX_], const struct hc_record *record)
{
	struct hc_event event;
	msgpack_zone zone;

	if (strcmp(record->type->name, "detector.gap") != 0 || !msgpack_zone_init(&zone, 512))
		return;
	if (hc_record_event(&event, record, &zone))
		count(lost, &event.payload);
	msgpack_zone_destroy(&zone);
}
