/* SPDX-License-Identifier: MIT */
/*
 * Problems: what a client is told when its request fails, as RFC 9457 application/problem+json.
 *
 * The codes are those of faults (proto/fault.h) and a few that only HTTP has; `type` is
 * "urn:hostcast:problem:<code>", stable, for programs; `detail` is for people.
 */
#pragma once

#include "fcgi/response.h"
#include "proto/fault.h"

enum hc_problem {
	HC_PROBLEM_METHOD_NOT_ALLOWED = HC_FAULT_MAX_,
	HC_PROBLEM_UNSUPPORTED_MEDIA_TYPE,
	HC_PROBLEM_CONFIGURATION,
	HC_PROBLEM_MAX_
};

/**
 * hc_problem_set() - make the response a problem
 * @code:    enum hc_fault_code or enum hc_problem
 * @pointer: JSON Pointer into the request body, or "" if the problem has no place in it
 * @detail:  UTF-8
 *
 * Replaces whatever body the response had. Adds WWW-Authenticate to a 401 and Retry-After to 429
 * and 503.
 */
void hc_problem_set(struct hc_response *response, int code, const char *pointer,
		    const char *detail);

/** hc_problem_from_fault() - the same, of what the hub or a parser said */
void hc_problem_from_fault(struct hc_response *response, const struct hc_fault *fault);

/** hc_problem_status() - the HTTP status of a code; 500 for one that is none */
int hc_problem_status(int code);
