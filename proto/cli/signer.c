/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "proto/algorithm.h"
#include "proto/base64url.h"
#include "proto/cli/secret.h"
#include "proto/cli/signer.h"
#include "proto/fault.h"

#define SIGNATURE_MAX 2048 /* bytes; RSA of 16384 bits */

struct hc_signer {
	enum hc_algorithm algorithm;
	EVP_PKEY *private; /* NULL with HS256 */
	struct hc_buffer secret;
	bool is_exposed;
};

/* ---- the key ------------------------------------------------------------------------------- */

static int refuse(struct hc_fault *fault, const char *path, const char *why)
{
	hc_fault_set(fault, HC_FAULT_INVALID_PARAMS, "the key in %s %s", path, why);
	return -EINVAL;
}

/* Nobody is asked: this runs in scripts. */
static int no_passphrase(char *buffer, int size, int writing, void *context)
{
	(void)buffer, (void)size, (void)writing, (void)context;
	return -1;
}

static int take_pem(struct hc_signer *signer, const char *path, struct hc_fault *fault)
{
	const struct hc_buffer *text = &signer->secret;
	BIO *bio = BIO_new_mem_buf(text->data, (int)text->len);
	const char *why = NULL;

	signer->private = bio ? PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL) : NULL;
	BIO_free(bio);
	ERR_clear_error();
	if (!signer->private && memmem(text->data, text->len, "PUBLIC KEY-----", 15))
		return refuse(fault, path,
			      "is a public one: it checks tokens; the private one makes them");
	if (!signer->private)
		return refuse(fault, path,
			      "is PEM, but no private key without a passphrase that can be read");
	return hc_algorithm_of(&signer->algorithm, signer->private, &why)
		       ? 0
		       : refuse(fault, path, why);
}

static int take_secret(struct hc_signer *signer, const char *path, struct hc_fault *fault)
{
	if (signer->secret.len >= HC_SECRET_LEN_MIN)
		return 0;
	hc_fault_set(fault, HC_FAULT_INVALID_PARAMS,
		     "the key in %s has %zu bytes; at least %d are needed", path,
		     signer->secret.len, HC_SECRET_LEN_MIN);
	return -EINVAL;
}

int hc_signer_load(struct hc_signer **ret, const char *path, struct hc_fault *fault)
{
	HC_CLEANUP(hc_signer_freep) struct hc_signer *signer = calloc(1, sizeof(*signer));
	struct stat st;
	int r;

	if (!signer)
		return -ENOMEM;
	r = hc_secret_read(&signer->secret, path);
	if (r < 0) {
		hc_fault_set(fault, HC_FAULT_INVALID_PARAMS, "cannot read the key in %s: %s", path,
			     strerror(-r));
		return -EINVAL;
	}
	signer->is_exposed = !stat(path, &st) && st.st_mode & S_IROTH;
	if (memmem(signer->secret.data, signer->secret.len, "-----BEGIN ", 11))
		r = take_pem(signer, path, fault);
	else
		r = take_secret(signer, path, fault);
	if (r < 0)
		return r;
	*ret = hc_take(signer);
	return 0;
}

struct hc_signer *hc_signer_free(struct hc_signer *signer)
{
	if (!signer)
		return NULL;
	EVP_PKEY_free(signer->private);
	if (signer->secret.data)
		explicit_bzero(signer->secret.data, signer->secret.cap);
	hc_buffer_deinit(&signer->secret);
	free(signer);
	return NULL;
}

bool hc_signer_is_exposed(const struct hc_signer *signer)
{
	return signer->is_exposed;
}

/* ---- the token ----------------------------------------------------------------------------- */

static void append_base64url(struct hc_buffer *buffer, struct hc_str data)
{
	char *at = hc_buffer_reserve(buffer, HC_BASE64URL_LEN(data.len) + 1);

	if (!at)
		return;
	hc_base64url_encode(at, data.s, data.len);
	buffer->len += HC_BASE64URL_LEN(data.len);
}

/* DER to R and S one behind the other. */
static bool unpack_ecdsa(unsigned char *signature, size_t *len)
{
	const unsigned char *at = signature;
	ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &at, (long)*len);
	bool good =
		sig &&
		BN_bn2binpad(ECDSA_SIG_get0_r(sig), signature, HC_ES256_HALF) == HC_ES256_HALF &&
		BN_bn2binpad(ECDSA_SIG_get0_s(sig), signature + HC_ES256_HALF, HC_ES256_HALF) ==
			HC_ES256_HALF;

	ECDSA_SIG_free(sig);
	*len = 2 * HC_ES256_HALF;
	return good;
}

static bool sign_private(const struct hc_signer *signer, const struct hc_buffer *text,
			 unsigned char *ret, size_t *len)
{
	const EVP_MD *hash = hc_algorithm_hash(signer->algorithm);
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	bool good =
		context && EVP_DigestSignInit(context, NULL, hash, NULL, signer->private) == 1 &&
		EVP_DigestSign(context, ret, len, (const unsigned char *)text->data, text->len) ==
			1;

	EVP_MD_CTX_free(context);
	return good && (signer->algorithm != HC_ALGORITHM_ES256 || unpack_ecdsa(ret, len));
}

static bool sign_hmac(const struct hc_signer *signer, const struct hc_buffer *text,
		      unsigned char *ret, size_t *len)
{
	unsigned int n = 0;
	bool good = HMAC(EVP_sha256(), signer->secret.data, (int)signer->secret.len,
			 (const unsigned char *)text->data, text->len, ret, &n);

	*len = n;
	return good;
}

bool hc_signer_sign(const struct hc_signer *signer, struct hc_buffer *ret, struct hc_str claims)
{
	unsigned char signature[SIGNATURE_MAX];
	size_t len = sizeof(signature);
	char header[48];
	bool good;

	(void)snprintf(header, sizeof(header), "{\"alg\":\"%s\",\"typ\":\"JWT\"}",
		       hc_algorithm_name(signer->algorithm));
	append_base64url(ret, hc_str(header));
	hc_buffer_append(ret, ".", 1);
	append_base64url(ret, claims);
	if (ret->failed)
		return false;
	good = signer->private ? sign_private(signer, ret, signature, &len)
			       : sign_hmac(signer, ret, signature, &len);
	hc_buffer_append(ret, ".", 1);
	append_base64url(ret, (struct hc_str){ (const char *)signature, good ? len : 0 });
	return good && !ret->failed;
}
