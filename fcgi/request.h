/* SPDX-License-Identifier: MIT */
/*
 * One HTTP request, taken out of what FastCGI hands over.
 */
#pragma once

#include "proto/buffer.h"

struct FCGX_Request;
struct hc_response;

enum hc_body_state {
	HC_BODY_WHOLE,	   /* read; possibly empty */
	HC_BODY_TOO_LARGE, /* announced as longer than allowed, and not read */
	HC_BODY_CUT,	   /* ended before its announced length */
	HC_BODY_NO_MEMORY,
};

/** struct hc_request - borrows from the FastCGI request until that is finished; absent text is
 * empty */
struct hc_request {
	struct hc_str method;
	struct hc_str target;	   /* REQUEST_URI, as the client sent it */
	struct hc_str script_name; /* the part of the path that led Apache to this program */
	struct hc_str query;
	struct hc_str content_type;
	struct hc_str authorization;
	struct hc_str cookie;
	struct hc_str idempotency_key;
	struct hc_str origin;
	struct hc_str host;
	enum hc_body_state body_state;
	struct hc_buffer body; /* owned, reused by the next request */
};

#define HC_REQUEST_NULL ((struct hc_request){ 0 })

/**
 * hc_request_read() - take the request out of FastCGI's parameters, and its body out of the stream
 * @body_max: bytes of body to read; a longer one is not read at all
 */
void hc_request_read(struct hc_request *request, struct FCGX_Request *fcgx, uint64_t body_max);
void hc_request_deinit(struct hc_request *request);

/** hc_request_answer() - write the response, without its body for HEAD */
void hc_request_answer(const struct hc_request *request, struct FCGX_Request *fcgx,
		       struct hc_response *response);
