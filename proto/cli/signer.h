/* SPDX-License-Identifier: MIT */
/*
 * What tokens are signed with: a secret (HS256), or a private key in PEM: RSA of 2048 bits or more
 * (RS256), EC on P-256 (ES256), Ed25519 (EdDSA). The hub checks with the secret or the public key.
 *
 * Source: RFC 7515 section 5.1, RFC 7518 sections 3.2 to 3.4, RFC 8037 section 3.1.
 */
#pragma once

#include "proto/buffer.h"

struct hc_fault;
struct hc_signer;

/**
 * hc_signer_load() - read a key file
 * @fault: what is wrong with it
 *
 * Return: 0, -EINVAL, or -ENOMEM.
 */
int hc_signer_load(struct hc_signer **ret, const char *path, struct hc_fault *fault);
struct hc_signer *hc_signer_free(struct hc_signer *signer);
HC_DEFINE_CLEANUP(struct hc_signer *, hc_signer_free);

/** hc_signer_is_exposed() - whether everybody can read it, and so make tokens */
bool hc_signer_is_exposed(const struct hc_signer *signer);

/**
 * hc_signer_sign() - make a token
 * @ret:    gets the token, without a NUL
 * @claims: JSON text
 *
 * Return: whether it worked; OpenSSL failing is the one reason not to.
 */
bool hc_signer_sign(const struct hc_signer *signer, struct hc_buffer *ret, struct hc_str claims);
