/* SPDX-License-Identifier: MIT */
/* Tokens and keys for tests, of any kind and however wrong. What fails fails the test. */
#pragma once

#include <openssl/evp.h>
#include <sys/stat.h>

#include "proto/base.h"

#define TEST_SECRET "0123456789abcdef0123456789abcdef" /* 32 bytes */

/** test_pkey() - a new key pair: "RS256", "RS1024", "ES256", "ES384", "EdDSA" or "Ed448" */
EVP_PKEY *test_pkey(const char *kind);

/** test_public_pem() - its public half as PEM, test_private_pem() its private one; freed by the
 * caller */
char *test_public_pem(EVP_PKEY *pkey);
char *test_private_pem(EVP_PKEY *pkey);

/** test_file() - a file with that content; returns its path, freed by the caller */
char *test_file(const char *dir, const char *name, struct hc_str content, mode_t mode);

/** test_hs256() - a token with that header and those claims, signed with a secret */
char *test_hs256(const char *header, const char *claims, struct hc_str secret);

/** test_token() - {"alg":"HS256"} and those claims, signed with TEST_SECRET */
char *test_token(const char *claims);

/** test_signed() - a token signed with a private key, by the algorithm of its kind */
char *test_signed(const char *header, const char *claims, EVP_PKEY *pkey);

/** test_claims() - text in which @ stands for so many seconds from now; freed by the caller */
char *test_claims(const char *text, long seconds);
