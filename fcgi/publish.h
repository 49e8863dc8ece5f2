/* SPDX-License-Identifier: MIT */
/*
 * Publishing: what every resource that takes events does with them.
 */
#pragma once

#include "fcgi/exchange.h"

#define HC_IDEMPOTENCY_KEY_MAX 128 /* bytes */

/**
 * hc_rest_publish() - hand events to the hub; answer 201 with what it says, or with a problem
 * @events: JSON array of events, borrowed
 * @prefix: of a pointer in the hub's fault, "/events/0/payload"; what follows it points into the
 *          request's body
 */
void hc_rest_publish(struct hc_exchange *exchange, const json_t *events, const char *prefix);
