/* SPDX-License-Identifier: MIT */
/*
 * The bearer token of a request. It is carried to the hub and never judged here.
 */
#pragma once

#include "proto/base.h"

struct hc_request;

#define HC_TOKEN_COOKIE "hostcast_token"

/**
 * hc_token_find() - the token in Authorization: Bearer, else in the cookie
 *
 * A browser adds cookies to what other sites make it send. So the cookie counts for a method that
 * changes something only if the request has no Origin, or one that names the host asked.
 *
 * Source: RFC 6750 section 2.1, RFC 9110 section 11.1 (the scheme's case does not matter), RFC 6265
 * section 4.2.1, RFC 6454 section 7.
 * Return: a slice of @request, empty if there is no token.
 */
struct hc_str hc_token_find(const struct hc_request *request);
