/* SPDX-License-Identifier: MIT */
/*
 * The connection to the hub, kept from one request to the next.
 *
 * A hub that was restarted meanwhile is connected to again, and the question asked again, without
 * the client noticing. So every question must be one that may be asked twice: a publish bears a
 * key.
 */
#pragma once

#include "proto/codec.h"

struct hc_fault;
struct hc_hub_client;

/**
 * hc_hub_client_new() - remember where the hub is; nothing is connected before the first call
 * @path:       of its socket, copied
 * @timeout_ms: for one call, connecting and asking again included
 *
 * Return: 0 or -ENOMEM.
 */
int hc_hub_client_new(struct hc_hub_client **ret, const char *path, int timeout_ms);
struct hc_hub_client *hc_hub_client_free(struct hc_hub_client *hub);
HC_DEFINE_CLEANUP(struct hc_hub_client *, hc_hub_client_free);

/**
 * hc_hub_client_call() - ask the hub
 * @params:     one packed map
 * @ret_result: borrows from @hub until the next call; can be shown as JSON
 * @fault:      the hub's, or HC_FAULT_UNAVAILABLE at once if there is no hub, or HC_FAULT_TOO_LARGE
 * for what no hub would take
 *
 * Return: whether there is a result.
 */
bool hc_hub_client_call(struct hc_hub_client *hub, const char *method,
			const struct hc_buffer *params, msgpack_object *ret_result,
			struct hc_fault *fault);
