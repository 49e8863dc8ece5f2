/* SPDX-License-Identifier: MIT */
/*
 * The resources: what answers which route (dispatch.c). One file each; every function is a
 * hc_route_fn.
 */
#pragma once

struct hc_exchange;

void hc_rest_events_post(struct hc_exchange *exchange);
void hc_rest_events_get(struct hc_exchange *exchange);

void hc_rest_consumers_list(struct hc_exchange *exchange);
void hc_rest_consumers_ack(struct hc_exchange *exchange);
void hc_rest_consumers_delete(struct hc_exchange *exchange);

void hc_rest_devices_get(struct hc_exchange *exchange);
void hc_rest_devices_mount(struct hc_exchange *exchange);
void hc_rest_devices_unmount(struct hc_exchange *exchange);

void hc_rest_detector_status(struct hc_exchange *exchange);
void hc_rest_detector_start(struct hc_exchange *exchange);
void hc_rest_detector_stop(struct hc_exchange *exchange);

void hc_rest_state_get(struct hc_exchange *exchange);

void hc_rest_types_list(struct hc_exchange *exchange);
void hc_rest_types_get(struct hc_exchange *exchange);
void hc_rest_channels_list(struct hc_exchange *exchange);

void hc_rest_status_get(struct hc_exchange *exchange);
void hc_rest_connections_get(struct hc_exchange *exchange);

void hc_rest_tickets_post(struct hc_exchange *exchange);

void hc_rest_health_get(struct hc_exchange *exchange);
void hc_rest_metrics_get(struct hc_exchange *exchange);
