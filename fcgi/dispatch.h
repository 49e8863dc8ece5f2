/* SPDX-License-Identifier: MIT */
/*
 * From a request to its response: the table of routes, and what no route answers itself.
 */
#pragma once

#include "fcgi/exchange.h"

/**
 * hc_rest_dispatch() - answer a request
 * @exchange: request, hub and response set; the response is complete afterwards, whatever happened
 */
void hc_rest_dispatch(struct hc_exchange *exchange);
