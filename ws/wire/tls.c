/* SPDX-License-Identifier: MIT */
/*
 * The certificate is not put into the SSL_CTX but into each connection, as its handshake asks: so
 * it can be replaced while others go on, also by one with another kind of key.
 */
#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "proto/fault.h"
#include "ws/wire/tls.h"

#define CHAIN_MAX 16 /* certificates in one file */

struct hc_tls {
	X509 *certificate;
	STACK_OF(X509) * chain; /* without the certificate itself */
	EVP_PKEY *key;
};

struct hc_tls *hc_tls_free(struct hc_tls *tls)
{
	if (!tls)
		return NULL;
	X509_free(tls->certificate);
	sk_X509_pop_free(tls->chain, X509_free);
	EVP_PKEY_free(tls->key);
	free(tls);
	return NULL;
}

/* ---- reading ------------------------------------------------------------------------------ */

static void fclosep(FILE **file)
{
	if (*file)
		(void)fclose(*file);
}

static int fail(struct hc_fault *fault, const char *option, const char *path, const char *why)
{
	hc_fault_set(fault, HC_FAULT_INVALID_PARAMS, "[tls] %s: %s: %s", option, path, why);
	return -EINVAL;
}

static int fail_openssl(struct hc_fault *fault, const char *option, const char *path,
			const char *why)
{
	const char *reason = ERR_reason_error_string(ERR_peek_error());

	ERR_clear_error();
	hc_fault_set(fault, HC_FAULT_INVALID_PARAMS, "[tls] %s: %s: %s (%s)", option, path, why,
		     reason ? reason : "without a reason");
	return -EINVAL;
}

static int read_certificates(struct hc_tls *tls, const char *path, struct hc_fault *fault)
{
	HC_CLEANUP(fclosep) FILE *file = fopen(path, "re");
	X509 *next;

	if (!file)
		return fail(fault, "certificate", path, strerror(errno));
	tls->certificate = PEM_read_X509_AUX(file, NULL, NULL, NULL);
	if (!tls->certificate)
		return fail_openssl(fault, "certificate", path, "is not a certificate in PEM");
	tls->chain = sk_X509_new_null();
	while (tls->chain && (next = PEM_read_X509(file, NULL, NULL, NULL))) {
		if (sk_X509_num(tls->chain) >= CHAIN_MAX || !sk_X509_push(tls->chain, next)) {
			X509_free(next);
			return fail(fault, "certificate", path, "has too many certificates");
		}
	}
	/* It ends where there is no further "-----BEGIN"; anything else is a broken one. */
	if (!tls->chain || ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE)
		return fail_openssl(fault, "certificate", path, "has one that cannot be read");
	ERR_clear_error();
	return 0;
}

/* A key with a passphrase is an error, and not a question to whoever is at the terminal. */
static int no_passphrase(char *buffer, int size, int writing, void *context)
{
	bool *was_asked = context;

	(void)buffer;
	(void)size;
	(void)writing;
	*was_asked = true;
	return -1;
}

static int read_key(struct hc_tls *tls, const char *path, struct hc_fault *fault)
{
	HC_CLEANUP(fclosep) FILE *file = fopen(path, "re");
	bool has_passphrase = false;
	struct stat st;

	if (!file || fstat(fileno(file), &st) < 0)
		return fail(fault, "key", path, strerror(errno));
	if (st.st_mode & (S_IROTH | S_IWOTH))
		return fail(fault, "key", path, "others may read or write it: chmod o= it");
	tls->key = PEM_read_PrivateKey(file, NULL, no_passphrase, &has_passphrase);
	if (tls->key)
		return 0;
	return fail_openssl(fault, "key", path,
			    has_passphrase ? "has a passphrase: \"openssl pkey\" takes it off"
					   : "is not a private key in PEM");
}

static int check_pair(const struct hc_tls *tls, const char *certificate, const char *key,
		      struct hc_fault *fault)
{
	if (X509_check_private_key(tls->certificate, tls->key) != 1) {
		ERR_clear_error();
		hc_fault_set(fault, HC_FAULT_INVALID_PARAMS,
			     "[tls] key: %s is not the key of the certificate %s", key,
			     certificate);
		return -EINVAL;
	}
	return 0;
}

/* What OpenSSL would refuse in every handshake, such as a key that is too short. */
static int check_strength(const struct hc_tls *tls, const char *certificate, struct hc_fault *fault)
{
	SSL_CTX *context = SSL_CTX_new(TLS_server_method());
	bool is_strong = context && SSL_CTX_use_cert_and_key(context, tls->certificate, tls->key,
							     tls->chain, 1) == 1;

	SSL_CTX_free(context);
	if (is_strong)
		return 0;
	return fail_openssl(fault, "certificate", certificate, "is of no use to clients");
}

int hc_tls_new(struct hc_tls **ret, const char *certificate, const char *key,
	       struct hc_fault *fault)
{
	HC_CLEANUP(hc_tls_freep) struct hc_tls *tls = calloc(1, sizeof(*tls));
	int r;

	if (!tls)
		return -ENOMEM;
	if (!certificate[0] || !key[0])
		return fail(fault, certificate[0] ? "key" : "certificate", "\"\"",
			    "must be set with [tls] listen");
	ERR_clear_error();
	r = read_certificates(tls, certificate, fault);
	if (!r)
		r = read_key(tls, key, fault);
	if (!r)
		r = check_pair(tls, certificate, key, fault);
	if (!r)
		r = check_strength(tls, certificate, fault);
	if (!r)
		*ret = hc_take(tls);
	return r;
}

int64_t hc_tls_ends_unix(const struct hc_tls *tls)
{
	struct tm end;

	if (ASN1_TIME_to_tm(X509_get0_notAfter(tls->certificate), &end) != 1)
		return 0;
	return timegm(&end);
}

bool hc_tls_has_expired(const struct hc_tls *tls)
{
	return X509_cmp_current_time(X509_get0_notAfter(tls->certificate)) < 0;
}

/* ---- connections -------------------------------------------------------------------------- */

static int on_certificate_wanted(SSL *connection, void *context)
{
	struct hc_tls *const *current = context;
	const struct hc_tls *tls = *current;

	SSL_certs_clear(connection);
	return SSL_use_cert_and_key(connection, tls->certificate, tls->key, tls->chain, 1);
}

int hc_tls_apply(SSL_CTX *context, struct hc_tls *const *current)
{
	if (SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) != 1 ||
	    SSL_CTX_set_cipher_list(context, "ECDHE+AESGCM:ECDHE+CHACHA20") != 1 ||
	    SSL_CTX_set_num_tickets(context, 0) != 1)
		return -EINVAL;
	(void)SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
	(void)SSL_CTX_set_options(
		context, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
				 SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
	(void)SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
						SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_set_cert_cb(context, on_certificate_wanted, (void *)(uintptr_t)current);
	return 0;
}
