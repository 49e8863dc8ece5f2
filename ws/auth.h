/* SPDX-License-Identifier: MIT */
/*
 * Who may do what: JSON Web Tokens (RFC 7519), signed HS256 with the key of the configuration.
 *
 * The algorithm is that of our key, never that of the token. libjwt 1.10 checks the signature and
 * nothing else, so every claim is checked here: exp (required), nbf, sub (required), and
 *   "hostcast": {"subscribe": [patterns], "publish": [patterns], "admin": bool}
 */
#pragma once

#include "proto/base.h"

struct hc_auth;
struct hc_fault;
struct hc_grant;

#define HC_TOKEN_LEN_MAX    4096 /* bytes */
#define HC_AUTH_KEY_LEN_MIN 32	 /* bytes; RFC 7518 section 3.2: at least the size of the hash */
#define HC_AUTH_LEEWAY_S    60	 /* for clocks that differ */

/**
 * hc_auth_new() - read the key
 * @key_file: "" for none: then no token is valid
 * @fault:    what is wrong with it
 */
int hc_auth_new(struct hc_auth **ret, const char *key_file, struct hc_fault *fault);
struct hc_auth *hc_auth_free(struct hc_auth *auth);
HC_DEFINE_CLEANUP(struct hc_auth *, hc_auth_free);

/**
 * hc_auth_check() - check a token
 * @fault: HC_FAULT_UNAUTHORIZED and why, in words that do not help an attacker
 *
 * Return: what it grants, owned by the caller; or NULL.
 */
struct hc_grant *hc_auth_check(const struct hc_auth *auth, struct hc_str token,
			       struct hc_fault *fault);
struct hc_grant *hc_grant_free(struct hc_grant *grant);
HC_DEFINE_CLEANUP(struct hc_grant *, hc_grant_free);

bool hc_grant_may_publish(const struct hc_grant *grant, struct hc_str type);
bool hc_grant_is_admin(const struct hc_grant *grant);

/** hc_grant_subject() - the user that the token is for */
const char *hc_grant_subject(const struct hc_grant *grant);
