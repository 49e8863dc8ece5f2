/* SPDX-License-Identifier: MIT */
/* Key files: what becomes a key of which algorithm, and what must never become one. */
#include <criterion/criterion.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>

#include "proto/base64url.h"
#include "proto/fault.h"
#include "tests/unit/hub.h"
#include "tests/unit/jwt.h"
#include "ws/auth/key.h"

static void expect_key(const char *dir, struct hc_str content, mode_t mode, const char *algorithm)
{
	char *path = test_file(dir, "key", content, mode);
	HC_CLEANUP(hc_key_freep) struct hc_key *key = NULL;
	struct hc_fault fault = HC_FAULT_NULL;

	cr_assert_eq(hc_key_load(&key, path, &fault), 0, "%s: %s", algorithm, fault.message);
	cr_expect_str_eq(hc_key_algorithm(key), algorithm);
	free(path);
}

static void expect_none(const char *dir, struct hc_str content, mode_t mode, const char *why)
{
	char *path = test_file(dir, "key", content, mode);
	HC_CLEANUP(hc_key_freep) struct hc_key *key = NULL;
	struct hc_fault fault = HC_FAULT_NULL;

	cr_expect_lt(hc_key_load(&key, path, &fault), 0, "%s", why);
	cr_expect_eq(fault.code, HC_FAULT_INVALID_PARAMS);
	cr_expect(strstr(fault.message, path) && strstr(fault.message, why), "wanted \"%s\": %s",
		  why, fault.message);
	free(path);
}

Test(key, what_is_in_the_file_decides_the_algorithm)
{
	static const char *const kinds[] = { "RS256", "ES256", "EdDSA" };
	char *dir = test_dir();

	for (size_t i = 0; i < HC_ARRAY_LEN(kinds); i++) {
		EVP_PKEY *pkey = test_pkey(kinds[i]);
		char *pem = test_public_pem(pkey);

		expect_key(dir, hc_str(pem), 0644, kinds[i]);
		free(pem);
		EVP_PKEY_free(pkey);
	}
	expect_key(dir, HC_STR(TEST_SECRET), 0640, "HS256");
	expect_key(dir, HC_STR(TEST_SECRET "\n"), 0400, "HS256");
	expect_key(dir, HC_STR("\0\1\2\3\4\5\6\7\0\1\2\3\4\5\6\7\0\1\2\3\4\5\6\7\0\1\2\3\4\5\6\7"),
		   0600, "HS256");
	test_dir_remove(dir);
}

Test(key, keys_that_are_too_weak_or_of_another_kind_are_refused)
{
	static const struct {
		const char *kind, *why;
	} cases[] = {
		{ "RS1024", "less than 2048 bits" },
		{ "ES384", "another curve" },
		{ "Ed448", "of a kind that is not used" },
	};
	char *dir = test_dir();

	for (size_t i = 0; i < HC_ARRAY_LEN(cases); i++) {
		EVP_PKEY *pkey = test_pkey(cases[i].kind);
		char *pem = test_public_pem(pkey);

		expect_none(dir, hc_str(pem), 0644, cases[i].why);
		free(pem);
		EVP_PKEY_free(pkey);
	}
	expect_none(dir, HC_STR(""), 0600, "too short");
	expect_none(dir, HC_STR("0123456789abcdef0123456789abcde\n"), 0600, "too short");
	test_dir_remove(dir);
}

Test(key, a_private_key_is_refused_whatever_its_kind)
{
	static const char *const kinds[] = { "RS256", "ES256", "EdDSA" };
	char *dir = test_dir();

	for (size_t i = 0; i < HC_ARRAY_LEN(kinds); i++) {
		EVP_PKEY *pkey = test_pkey(kinds[i]);
		char *public = test_public_pem(pkey), *private = test_private_pem(pkey);
		char *both = NULL;

		cr_assert_gt(asprintf(&both, "%s%s", public, private), 0);
		expect_none(dir, hc_str(private), 0600, "is a private key");
		expect_none(dir, hc_str(both), 0600, "is a private key");
		free(both);
		free(public);
		free(private);
		EVP_PKEY_free(pkey);
	}
	test_dir_remove(dir);
}

Test(key, pem_is_never_a_secret)
{
	EVP_PKEY *pkey = test_pkey("ES256");
	char *dir = test_dir(), *pem = test_public_pem(pkey), *text = NULL;

	cr_assert_gt(asprintf(&text, "%s%s", pem, pem), 0);
	expect_none(dir, hc_str(text), 0600, "more than one key");
	free(text);
	cr_assert_gt(asprintf(&text, "junk%cjunk\n%s", '-', pem), 0);
	expect_none(dir, (struct hc_str){ pem, strlen(pem) / 2 }, 0600, "not a public key");
	strstr(pem, "PUBLIC")[0] = 'p';
	expect_none(dir, hc_str(pem), 0600, "not a public key");
	expect_none(dir, HC_STR(TEST_SECRET "\0-----BEGIN PUBLIC KEY-----\n"), 0600, "other bytes");
	expect_none(dir, HC_STR(TEST_SECRET "\n-----BEGIN PUBLIC KEY-----\n"), 0600,
		    "not a public key");
	expect_none(dir, HC_STR("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"),
		    0600, "not a public key");
	free(text);
	free(pem);
	EVP_PKEY_free(pkey);
	test_dir_remove(dir);
}

Test(key, public_keys_in_other_forms_are_never_a_secret)
{
	static const char *const texts[] = {
		"{\"kty\":\"oct\",\"k\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"}",
		"\n {\"keys\":[{\"kty\":\"RSA\",\"n\":\"AAAAAAAAAAAAAAAAAAAAAAA\"}]}",
		"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ0tGKzkwNQpGpQzP0 a@b\n",
		"ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlz a@b\n",
		"sk-ssh-ed25519@openssh.com AAAAGnNrLXNzaC1lZDI1NTE5QG9wZW5zc2guY29t a@b\n",
		"\xef\xbb\xbf{\"kty\":\"oct\",\"k\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"}",
	};
	static const char *const kinds[] = { "RS256", "ES256", "EdDSA" };
	char *dir = test_dir();

	for (size_t i = 0; i < HC_ARRAY_LEN(texts); i++)
		expect_none(dir, hc_str(texts[i]), 0600, "not in PEM");
	for (size_t i = 0; i < HC_ARRAY_LEN(kinds); i++) {
		EVP_PKEY *pkey = test_pkey(kinds[i]);
		unsigned char *public = NULL, *private = NULL;
		int public_len = i2d_PUBKEY(pkey, &public);
		int private_len = i2d_PrivateKey(pkey, &private);

		cr_assert(public_len > 0 && private_len > 0);
		expect_none(dir, (struct hc_str){ (char *)public, (size_t)public_len }, 0600,
			    "not in PEM");
		expect_none(dir, (struct hc_str){ (char *)private, (size_t)private_len }, 0600,
			    "not in PEM");
		OPENSSL_free(public);
		OPENSSL_free(private);
		EVP_PKEY_free(pkey);
	}
	test_dir_remove(dir);
}

/* As identity providers show their keys: the base64 of PEM without its first and last line. */
Test(key, a_public_key_in_base64_is_never_a_secret)
{
	static const char *const kinds[] = { "RS256", "ES256", "EdDSA" };
	char *dir = test_dir();

	for (size_t i = 0; i < HC_ARRAY_LEN(kinds); i++) {
		EVP_PKEY *pkey = test_pkey(kinds[i]);
		char *pem = test_public_pem(pkey), *body = strchr(pem, '\n') + 1, *at;
		unsigned char *der = NULL;
		int len = i2d_PUBKEY(pkey, &der);
		char url[1024];

		*strstr(body, "-----END") = '\0';
		expect_none(dir, hc_str(body), 0600, "not in PEM");
		while ((at = strchr(body, '\n')))
			memmove(at, at + 1, strlen(at));
		expect_none(dir, hc_str(body), 0600, "not in PEM");
		hc_base64url_encode(url, der, (size_t)len);
		expect_none(dir, hc_str(url), 0600, "not in PEM");
		OPENSSL_free(der);
		free(pem);
		EVP_PKEY_free(pkey);
	}
	test_dir_remove(dir);
}

Test(key, an_rsa_key_in_pkcs_1_is_never_a_secret)
{
	EVP_PKEY *pkey = test_pkey("RS256");
	unsigned char *der = NULL;
	int len = i2d_PublicKey(pkey, &der);
	char *dir = test_dir();

	expect_none(dir, (struct hc_str){ (char *)der, (size_t)len }, 0600, "not in PEM");
	OPENSSL_free(der);
	EVP_PKEY_free(pkey);
	test_dir_remove(dir);
}

Test(key, files_that_too_many_may_touch_and_files_that_are_none_are_refused)
{
	char *dir = test_dir(), *huge = calloc(1, 20000);
	EVP_PKEY *pkey = test_pkey("EdDSA");
	char *pem = test_public_pem(pkey);
	struct hc_fault fault = HC_FAULT_NULL;
	struct hc_key *key = NULL;

	expect_none(dir, HC_STR(TEST_SECRET), 0604, "read by everybody");
	expect_none(dir, HC_STR(TEST_SECRET), 0602, "written by everybody");
	expect_none(dir, hc_str(pem), 0646, "written by everybody");
	cr_assert(huge);
	memset(huge, 'k', 19999);
	expect_none(dir, hc_str(huge), 0600, "too long");
	cr_expect_lt(hc_key_load(&key, "/nonexistent/key", &fault), 0);
	cr_expect(strstr(fault.message, "No such file"), "%s", fault.message);
	cr_expect_lt(hc_key_load(&key, dir, &fault), 0);
	cr_expect(strstr(fault.message, "is not a file"), "%s", fault.message);
	cr_expect_null(key);
	free(huge);
	free(pem);
	EVP_PKEY_free(pkey);
	test_dir_remove(dir);
}

Test(key, a_signature_of_another_length_is_none)
{
	static const char *const kinds[] = { "RS256", "ES256", "EdDSA", NULL };
	char *dir = test_dir(), zeros[HC_KEY_SIGNATURE_MAX] = { 0 };

	for (size_t i = 0; i < HC_ARRAY_LEN(kinds); i++) {
		EVP_PKEY *pkey = kinds[i] ? test_pkey(kinds[i]) : NULL;
		char *content = pkey ? test_public_pem(pkey) : strdup(TEST_SECRET);
		char *path = test_file(dir, "key", hc_str(content), 0600);
		HC_CLEANUP(hc_key_freep) struct hc_key *key = NULL;

		cr_assert_eq(hc_key_load(&key, path, NULL), 0);
		for (size_t len = 0; len < sizeof(zeros); len += len < 600 ? 1 : 100)
			cr_expect_not(
				hc_key_verifies(key, HC_STR("text"), (struct hc_str){ zeros, len }),
				"%s of %zu zeros", hc_key_algorithm(key), len);
		free(path);
		free(content);
		EVP_PKEY_free(pkey);
	}
	test_dir_remove(dir);
}
