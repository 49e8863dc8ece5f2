/* SPDX-License-Identifier: MIT */
/*
 * TLS of the hub's own listener: what a connection may be like, and the certificate that new ones
 * are shown.
 *
 * TLS 1.2 with forward secrecy and authenticated ciphers, or 1.3. No tickets and no session cache:
 * both would be kept for clients that come once and stay.
 *
 * Source: RFC 9325 sections 3.1.1, 4.2; SSL_CTX_set_mode(3), SSL_MODE_RELEASE_BUFFERS.
 */
#pragma once

#include "proto/base.h"

struct hc_fault;
struct hc_tls;
struct ssl_ctx_st; /* SSL_CTX */

/**
 * hc_tls_new() - read a certificate and its key
 * @certificate: PEM file: the certificate, and behind it those that lead to a root
 * @key:         PEM file, without a passphrase; refused if anybody may read or write it
 * @fault:       which of the two is wrong, and how
 *
 * One that has expired is taken: a hub that does not start would help nobody.
 */
int hc_tls_new(struct hc_tls **ret, const char *certificate, const char *key,
	       struct hc_fault *fault);
struct hc_tls *hc_tls_free(struct hc_tls *tls);
HC_DEFINE_CLEANUP(struct hc_tls *, hc_tls_free);

/** hc_tls_ends_unix() - until when its certificate is valid, in seconds since 1970 */
int64_t hc_tls_ends_unix(const struct hc_tls *tls);

/** hc_tls_has_expired() - clients will not take it any more */
bool hc_tls_has_expired(const struct hc_tls *tls);

/**
 * hc_tls_apply() - set up a context for what is said above
 * @current: read for each connection, so that it may be replaced; outlives the context
 *
 * Return: 0 or -EINVAL.
 */
int hc_tls_apply(struct ssl_ctx_st *context, struct hc_tls *const *current);
