/* SPDX-License-Identifier: MIT */
/*
 * Keys that tokens are checked with. What is in the file decides the algorithm, and nothing else:
 *
 *   a public key in PEM   RSA of 2048 bits or more: RS256; EC on P-256: ES256; Ed25519: EdDSA
 *   anything else         a secret of 32 bytes or more: HS256
 *
 * What looks like a key in another form (DER, JWK, OpenSSH, base64 without the lines around
 * it, a private key) is refused: as a secret, a public key would let everybody who knows it sign.
 *
 * Source: RFC 7518 sections 3.2 to 3.4, RFC 8037 section 3.1, RFC 8725 section 3.1.
 */
#pragma once

#include "proto/base.h"

struct hc_fault;
struct hc_key;

#define HC_KEY_SIGNATURE_MAX 2048 /* bytes; RSA of 16384 bits, the most that OpenSSL takes */

/**
 * hc_key_load() - read a key file
 * @fault: HC_FAULT_INVALID_PARAMS, the file and what is wrong with it
 *
 * A secret that everybody can read and a key that everybody can write are refused.
 * Return: 0, -EINVAL, or -ENOMEM.
 */
int hc_key_load(struct hc_key **ret, const char *path, struct hc_fault *fault);
struct hc_key *hc_key_free(struct hc_key *key);
HC_DEFINE_CLEANUP(struct hc_key *, hc_key_free);

/** hc_key_algorithm() - as a token names it: "HS256", "RS256", "ES256", "EdDSA" */
const char *hc_key_algorithm(const struct hc_key *key);

/** hc_key_verifies() - whether @signature is of @text, by this key or its private half */
bool hc_key_verifies(const struct hc_key *key, struct hc_str text, struct hc_str signature);
