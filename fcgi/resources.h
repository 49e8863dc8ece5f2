/* SPDX-License-Identifier: MIT */
/*
 * The resources: what answers which route (dispatch.c). One file each; every function is a
 * hc_route_fn.
 */
#pragma once

struct hc_exchange;

void hc_events_post(struct hc_exchange *exchange);
void hc_events_get(struct hc_exchange *exchange);

void hc_devices_get(struct hc_exchange *exchange);
void hc_devices_mount(struct hc_exchange *exchange);
void hc_devices_unmount(struct hc_exchange *exchange);

void hc_detector_status(struct hc_exchange *exchange);
void hc_detector_start(struct hc_exchange *exchange);
void hc_detector_stop(struct hc_exchange *exchange);

void hc_state_get(struct hc_exchange *exchange);

void hc_types_list(struct hc_exchange *exchange);
void hc_types_get(struct hc_exchange *exchange);
void hc_channels_list(struct hc_exchange *exchange);

void hc_status_get(struct hc_exchange *exchange);
void hc_connections_get(struct hc_exchange *exchange);

void hc_health_get(struct hc_exchange *exchange);
