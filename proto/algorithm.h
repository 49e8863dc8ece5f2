/* SPDX-License-Identifier: MIT */
/*
 * Algorithms that tokens are signed with: every kind of key has one, and a token has no say in it.
 *
 * Source: RFC 7518 sections 3.2 to 3.4, RFC 8037 section 3.1, RFC 8725 section 3.1.
 */
#pragma once

#include <openssl/evp.h>

#include "proto/base.h"

#define HC_SECRET_LEN_MIN 32 /* bytes; RFC 7518 section 3.2: at least the size of the hash */
#define HC_ES256_HALF	  32 /* bytes of R, and of S behind it (RFC 7518 section 3.4) */

enum hc_algorithm {
	HC_ALGORITHM_HS256, /* a secret */
	HC_ALGORITHM_RS256, /* RSA of 2048 bits or more */
	HC_ALGORITHM_ES256, /* EC on P-256 */
	HC_ALGORITHM_EDDSA, /* Ed25519 */
};

/** hc_algorithm_name() - as the header of a token names it */
const char *hc_algorithm_name(enum hc_algorithm algorithm);

/**
 * hc_algorithm_of() - which algorithm a public or private key is for
 * @ret_why: if for none: what it is instead, "is an RSA key of ..."
 */
bool hc_algorithm_of(enum hc_algorithm *ret, const EVP_PKEY *pkey, const char **ret_why);

/** hc_algorithm_hash() - what OpenSSL's EVP functions are to hash with; NULL for EdDSA */
const EVP_MD *hc_algorithm_hash(enum hc_algorithm algorithm);
