/* SPDX-License-Identifier: MIT */
/*
 * The answer to one HTTP request, as it is built up.
 */
#pragma once

#include "proto/buffer.h"

#define HC_CONTENT_JSON	   "application/json"
#define HC_CONTENT_PROBLEM "application/problem+json"
#define HC_CONTENT_METRICS "text/plain; version=0.0.4; charset=utf-8"

struct hc_response {
	int status;
	const char *content_type; /* static text; NULL: there is no body */
	struct hc_buffer headers; /* further ones, "Name: value\r\n" each */
	struct hc_buffer body;
};

#define HC_RESPONSE_NULL ((struct hc_response){ 0 })

/** hc_response_reset() - forget the answer, keep the memory for the next */
void hc_response_reset(struct hc_response *response);
void hc_response_deinit(struct hc_response *response);

/** hc_response_header() - add a header; @name and @value are ours, never the client's */
void hc_response_header(struct hc_response *response, const char *name, const char *value);

/**
 * hc_response_json() - begin a JSON answer
 *
 * Return: the buffer that takes its body.
 */
struct hc_buffer *hc_response_json(struct hc_response *response, int status);

/**
 * hc_response_head() - append the head as a CGI program writes it, with the blank line (RFC 3875)
 */
void hc_response_head(struct hc_buffer *buffer, const struct hc_response *response);

/** hc_status_reason() - "Not Found" */
const char *hc_status_reason(int status);
