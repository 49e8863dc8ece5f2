/* SPDX-License-Identifier: MIT */
/*
 * Metrics: what the hub counts and holds, in the text format of Prometheus. What each of them
 * means: hostcast-ws(8), METRICS.
 */
#pragma once

#include "ws/hub.h"

struct hc_metrics;

int hc_metrics_new(struct hc_metrics **ret, struct hc_hub *hub);
struct hc_metrics *hc_metrics_free(struct hc_metrics *metrics);

/** hc_metrics_write() - append all of them as they are now; O(clients) */
void hc_metrics_write(struct hc_metrics *metrics, struct hc_buffer *text);
