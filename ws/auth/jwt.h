/* SPDX-License-Identifier: MIT */
/*
 * The form of a token: a JSON Web Token in its compact form, header.claims.signature.
 *
 * Read strictly: three parts of unpadded base64url, JSON objects without duplicate keys, an "alg",
 * "typ" only JWT or at+jwt, no "crit". Claims are read after the signature is known to be good.
 *
 * Source: RFC 7515 sections 4 and 7.1, RFC 7519 section 7.2, RFC 9068 section 2.1.
 */
#pragma once

#include <jansson.h>

#include "proto/base.h"

struct hc_fault;

#define HC_JWT_LEN_MAX	      4096 /* bytes of the whole token; half of Apache's longest header */
#define HC_JWT_HEADER_LEN_MAX 1024 /* bytes of its first part */

/** struct hc_jwt - a token taken apart; texts are borrowed from it */
struct hc_jwt {
	struct hc_str signed_text; /* header.claims */
	struct hc_str claims_text; /* still in base64url */
	json_t *header;
	const char *algorithm; /* of the header */
	char signature[HC_JWT_LEN_MAX];
	size_t signature_len;
};

#define HC_JWT_NULL ((struct hc_jwt){ 0 })

/**
 * hc_jwt_read() - take a token apart
 * @jwt:   deinit it whatever the answer
 * @fault: HC_FAULT_UNAUTHORIZED; may be NULL
 */
bool hc_jwt_read(struct hc_jwt *jwt, struct hc_str token, struct hc_fault *fault);
void hc_jwt_deinit(struct hc_jwt *jwt);

/** hc_jwt_claims() - the claims, once the signature was checked; a new reference, or NULL */
json_t *hc_jwt_claims(const struct hc_jwt *jwt, struct hc_fault *fault);
