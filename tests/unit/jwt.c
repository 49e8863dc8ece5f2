/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <openssl/ecdsa.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "proto/base64url.h"
#include "tests/unit/jwt.h"

EVP_PKEY *test_pkey(const char *kind)
{
	EVP_PKEY *pkey = NULL;

	if (!strcmp(kind, "RS256") || !strcmp(kind, "RS1024"))
		pkey = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)(kind[2] == '2' ? 2048 : 1024));
	else if (!strcmp(kind, "ES256") || !strcmp(kind, "ES384"))
		pkey = EVP_PKEY_Q_keygen(NULL, NULL, "EC", kind[2] == '2' ? "P-256" : "P-384");
	else
		pkey = EVP_PKEY_Q_keygen(NULL, NULL, !strcmp(kind, "EdDSA") ? "ED25519" : "ED448");
	cr_assert(pkey, "no key %s", kind);
	return pkey;
}

static char *bio_text(BIO *bio)
{
	char *data, *text;
	long len = BIO_get_mem_data(bio, &data);

	cr_assert_gt(len, 0);
	text = strndup(data, (size_t)len);
	cr_assert(text);
	BIO_free(bio);
	return text;
}

char *test_public_pem(EVP_PKEY *pkey)
{
	BIO *bio = BIO_new(BIO_s_mem());

	cr_assert(bio && PEM_write_bio_PUBKEY(bio, pkey) == 1);
	return bio_text(bio);
}

char *test_private_pem(EVP_PKEY *pkey)
{
	BIO *bio = BIO_new(BIO_s_mem());

	cr_assert(bio && PEM_write_bio_PrivateKey(bio, pkey, NULL, NULL, 0, NULL, NULL) == 1);
	return bio_text(bio);
}

char *test_file(const char *dir, const char *name, struct hc_str content, mode_t mode)
{
	HC_CLEANUP(hc_closep) int fd = -1;
	char *path = NULL;

	cr_assert_gt(asprintf(&path, "%s/%s", dir, name), 0);
	(void)unlink(path);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
	cr_assert_geq(fd, 0);
	cr_assert_eq(write(fd, content.s, content.len), (ssize_t)content.len);
	cr_assert_eq(fchmod(fd, mode), 0);
	return path;
}

/* header.claims, with room for a signature */
static char *unsigned_token(const char *header, const char *claims)
{
	size_t header_len = strlen(header), claims_len = strlen(claims);
	char *text = malloc(HC_BASE64URL_LEN(header_len) + HC_BASE64URL_LEN(claims_len) + 2048);

	cr_assert(text);
	hc_base64url_encode(text, header, header_len);
	strcat(text, ".");
	hc_base64url_encode(text + strlen(text), claims, claims_len);
	return text;
}

static char *append_signature(char *text, const void *signature, size_t len)
{
	strcat(text, ".");
	hc_base64url_encode(text + strlen(text), signature, len);
	return text;
}

char *test_hs256(const char *header, const char *claims, struct hc_str secret)
{
	char *text = unsigned_token(header, claims);
	unsigned char mac[EVP_MAX_MD_SIZE];
	unsigned int len = 0;

	cr_assert(HMAC(EVP_sha256(), secret.s, (int)secret.len, (const unsigned char *)text,
		       strlen(text), mac, &len));
	return append_signature(text, mac, len);
}

char *test_token(const char *claims)
{
	return test_hs256("{\"alg\":\"HS256\"}", claims, HC_STR(TEST_SECRET));
}

/* DER to R and S one behind the other. */
static void unpack_ecdsa(unsigned char *signature, size_t *len)
{
	const unsigned char *at = signature;
	ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &at, (long)*len);

	cr_assert(sig);
	cr_assert_eq(BN_bn2binpad(ECDSA_SIG_get0_r(sig), signature, 32), 32);
	cr_assert_eq(BN_bn2binpad(ECDSA_SIG_get0_s(sig), signature + 32, 32), 32);
	ECDSA_SIG_free(sig);
	*len = 64;
}

char *test_signed(const char *header, const char *claims, EVP_PKEY *pkey)
{
	bool is_eddsa = EVP_PKEY_get_base_id(pkey) == EVP_PKEY_ED25519;
	char *text = unsigned_token(header, claims);
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	unsigned char signature[1024];
	size_t len = sizeof(signature);

	cr_assert(EVP_DigestSignInit(context, NULL, is_eddsa ? NULL : EVP_sha256(), NULL, pkey));
	cr_assert_eq(
		EVP_DigestSign(context, signature, &len, (const unsigned char *)text, strlen(text)),
		1);
	EVP_MD_CTX_free(context);
	if (EVP_PKEY_get_base_id(pkey) == EVP_PKEY_EC)
		unpack_ecdsa(signature, &len);
	return append_signature(text, signature, len);
}

char *test_claims(const char *text, long seconds)
{
	int before = (int)strcspn(text, "@");
	char *claims = NULL;

	if (!text[before])
		claims = strdup(text);
	else
		cr_assert_gt(asprintf(&claims, "%.*s%ld%s", before, text,
				      (long)time(NULL) + seconds, text + before + 1),
			     0);
	cr_assert(claims);
	return claims;
}
