/* SPDX-License-Identifier: MIT */
/*
 * Who may do what: tokens are checked here, all of it, whoever brings them and however.
 *
 * A token is tried with the keys of the configuration (key.h) that are for the algorithm it names;
 * its form is jwt.h, its claims are grant.h, and what is no longer good before its time is
 * revocations.h.
 */
#pragma once

#include "ws/auth/grant.h"

struct hc_auth;
struct hc_conf;
struct hc_revocations;

#define HC_AUTH_KEYS_MAX 16 /* a token is tried with each */

/**
 * hc_auth_new() - read the keys and the revocations
 * @conf:  section [auth]; not needed afterwards
 * @fault: what is wrong
 *
 * Return: 0 or -errno.
 */
int hc_auth_new(struct hc_auth **ret, const struct hc_conf *conf, struct hc_fault *fault);
struct hc_auth *hc_auth_free(struct hc_auth *auth);
HC_DEFINE_CLEANUP(struct hc_auth *, hc_auth_free);

/**
 * hc_auth_reload() - take keys, audience and issuer of another configuration
 *
 * Grants that were given stay as they are. On failure nothing changes.
 * Return: 0 or -errno.
 */
int hc_auth_reload(struct hc_auth *auth, const struct hc_conf *conf, struct hc_fault *fault);

/**
 * hc_auth_check() - check a token
 * @fault: HC_FAULT_UNAUTHORIZED and why: until the signature is good, not in detail
 *
 * Return: a reference to what it grants, or NULL.
 */
struct hc_grant *hc_auth_check(const struct hc_auth *auth, struct hc_str token,
			       struct hc_fault *fault);

/** hc_auth_check_again() - whether a grant is good still: neither expired nor revoked */
bool hc_auth_check_again(const struct hc_auth *auth, const struct hc_grant *grant,
			 struct hc_fault *fault);

/** hc_auth_is_revoked() - whether a grant was revoked */
bool hc_auth_is_revoked(const struct hc_auth *auth, const struct hc_grant *grant);

/** hc_auth_revocations() - all of them */
struct hc_revocations *hc_auth_revocations(const struct hc_auth *auth);
