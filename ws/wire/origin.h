/* SPDX-License-Identifier: MIT */
/*
 * Which web pages may connect. A browser sends cookies, and the address of its machine, along with
 * whatever page it runs, so the page has to be one of ours: Origin, RFC 6454, RFC 6455
 * section 10.2.
 */
#pragma once

#include "conf/value.h"

#define HC_ORIGIN_LEN_MAX 255 /* bytes; longer ones are never allowed */

/**
 * hc_origin_is_allowed() - whether the page may connect
 * @allowed: origins, "same" (the host that the request is for) or "*" (any page)
 * @origin:  the header; "null" is allowed by "*" alone
 * @host:    the Host header of the request, empty if there is none
 *
 * Equal means equal byte for byte: a browser writes scheme and host in lower case and leaves out
 * the port of the scheme.
 */
bool hc_origin_is_allowed(const struct hc_list *allowed, struct hc_str origin, struct hc_str host);
