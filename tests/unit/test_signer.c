/* SPDX-License-Identifier: MIT */
/* What the hostcast command signs is what the hub takes. */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "proto/cli/signer.h"
#include "proto/fault.h"
#include "tests/unit/hub.h"
#include "tests/unit/jwt.h"
#include "ws/auth/jwt.h"
#include "ws/auth/key.h"

#define CLAIMS "{\"sub\":\"a\"}"

/* Whether the key at @key_path takes what the one at @signer_path signs. */
static bool agree(const char *signer_path, const char *key_path, const char *algorithm)
{
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer token = HC_BUFFER_NULL;
	HC_CLEANUP(hc_signer_freep) struct hc_signer *signer = NULL;
	HC_CLEANUP(hc_key_freep) struct hc_key *key = NULL;
	HC_CLEANUP(hc_jwt_deinit) struct hc_jwt jwt = HC_JWT_NULL;
	struct hc_fault fault = HC_FAULT_NULL;

	cr_assert_eq(hc_signer_load(&signer, signer_path, &fault), 0, "%s", fault.message);
	cr_assert_eq(hc_key_load(&key, key_path, &fault), 0, "%s", fault.message);
	cr_assert(hc_signer_sign(signer, &token, HC_STR(CLAIMS)));
	cr_assert(hc_jwt_read(&jwt, (struct hc_str){ token.data, token.len }, &fault), "%s",
		  fault.message);
	cr_expect_str_eq(jwt.algorithm, algorithm);
	return hc_key_verifies(key, jwt.signed_text,
			       (struct hc_str){ jwt.signature, jwt.signature_len });
}

Test(signer, the_hub_takes_what_the_command_signs_with_the_same_key)
{
	static const char *const kinds[] = { "RS256", "ES256", "EdDSA" };
	char *dir = test_dir(), *secret = test_file(dir, "secret", HC_STR(TEST_SECRET "\n"), 0600);

	cr_expect(agree(secret, secret, "HS256"));
	for (size_t i = 0; i < HC_ARRAY_LEN(kinds); i++) {
		EVP_PKEY *pkey = test_pkey(kinds[i]), *other = test_pkey(kinds[i]);
		char *pems[] = { test_private_pem(pkey), test_public_pem(pkey),
				 test_public_pem(other) };
		char *private = test_file(dir, "private", hc_str(pems[0]), 0600);
		char *public = test_file(dir, "public", hc_str(pems[1]), 0644);
		char *foreign = test_file(dir, "foreign", hc_str(pems[2]), 0644);

		for (int round = 0; round < 20; round++) /* ECDSA has a new random number each */
			cr_expect(agree(private, public, kinds[i]), "%s", kinds[i]);
		cr_expect_not(agree(private, foreign, kinds[i]), "%s", kinds[i]);
		for (size_t n = 0; n < HC_ARRAY_LEN(pems); n++)
			free(pems[n]);
		free(private);
		free(public);
		free(foreign);
		EVP_PKEY_free(pkey);
		EVP_PKEY_free(other);
	}
	free(secret);
	test_dir_remove(dir);
}

static void expect_none(const char *dir, const char *content, const char *why)
{
	char *path = test_file(dir, "key", hc_str(content), 0600);
	struct hc_signer *signer = NULL;
	struct hc_fault fault = HC_FAULT_NULL;

	cr_expect_lt(hc_signer_load(&signer, path, &fault), 0, "%s", why);
	cr_expect(strstr(fault.message, path) && strstr(fault.message, why), "wanted \"%s\": %s",
		  why, fault.message);
	cr_expect_null(signer);
	free(path);
}

Test(signer, what_cannot_sign_is_refused_and_told_why)
{
	static const struct {
		const char *kind, *why;
	} cases[] = {
		{ "RS1024", "less than 2048 bits" },
		{ "ES384", "another curve" },
		{ "Ed448", "of a kind that is not used" },
	};
	struct hc_signer *signer = NULL;
	char *dir = test_dir();

	for (size_t i = 0; i < HC_ARRAY_LEN(cases); i++) {
		EVP_PKEY *pkey = test_pkey(cases[i].kind);
		char *private = test_private_pem(pkey), *public = test_public_pem(pkey);

		expect_none(dir, private, cases[i].why);
		expect_none(dir, public, "is a public one");
		free(private);
		free(public);
		EVP_PKEY_free(pkey);
	}
	expect_none(dir, "0123456789abcdef0123456789abcde\n", "has 31 bytes");
	expect_none(dir, "", "has 0 bytes");
	expect_none(dir, "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n", "without a passphrase");
	cr_expect_lt(hc_signer_load(&signer, "/nonexistent/key", NULL), 0);
	test_dir_remove(dir);
}
