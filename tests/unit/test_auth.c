/* SPDX-License-Identifier: MIT */
/* Tokens, from the key to the grant: what is taken, and what is not. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "proto/fault.h"
#include "tests/unit/hub.h"
#include "tests/unit/jwt.h"
#include "ws/auth/jwt.h"
#include "ws/auth/key.h"
#include "ws/auth/revocations.h"

#define CLAIMS "{\"sub\":\"a\",\"exp\":9999999999}"

/* ---- hubs of some keys --------------------------------------------------------------------- */

struct site {
	char *dir;
	struct hc_conf *conf;
	struct hc_auth *auth;
};

static void site_deinit(struct site *site)
{
	(void)hc_auth_free(site->auth);
	(void)hc_conf_free(site->conf);
	test_dir_remove(site->dir);
}

static void set_keys(struct hc_conf *conf, const char *paths)
{
	hc_list_deinit(&conf->auth.key_files);
	cr_assert_eq(hc_list_append(&conf->auth.key_files, paths), 0);
}

/* A configuration without keys, and nothing revoked. */
static void site_init(struct site *site)
{
	*site = (struct site){ .dir = test_dir(), .conf = test_conf() };
	free(site->conf->auth.revocations_file);
	cr_assert_gt(asprintf(&site->conf->auth.revocations_file, "%s/revocations", site->dir), 0);
}

static void site_add_key(struct site *site, const char *name, struct hc_str content)
{
	char *path = test_file(site->dir, name, content, 0600);

	cr_assert_eq(hc_list_append(&site->conf->auth.key_files, path), 0);
	free(path);
}

static void site_open(struct site *site)
{
	struct hc_fault fault = HC_FAULT_NULL;

	cr_assert_eq(hc_auth_new(&site->auth, site->conf, &fault), 0, "%s", fault.message);
}

static void site_open_with_secret(struct site *site)
{
	site_init(site);
	site_add_key(site, "secret", HC_STR(TEST_SECRET "\n"));
	site_open(site);
}

/* Whether a token, which is freed, is taken. */
static bool takes(const struct site *site, char *token)
{
	HC_CLEANUP(hc_grant_unrefp) struct hc_grant *grant = NULL;
	struct hc_fault fault = HC_FAULT_NULL;

	grant = hc_auth_check(site->auth, hc_str(token), &fault);
	cr_expect_eq(!grant, fault.code == HC_FAULT_UNAUTHORIZED, "%s: %s", token, fault.message);
	free(token);
	return grant;
}

/* ---- the signature ------------------------------------------------------------------------- */

Test(auth, every_kind_of_key_takes_tokens_of_its_algorithm_and_no_others)
{
	static const char *const kinds[] = { "RS256", "ES256", "EdDSA" };
	EVP_PKEY *pkeys[HC_ARRAY_LEN(kinds)];

	for (size_t i = 0; i < HC_ARRAY_LEN(kinds); i++)
		pkeys[i] = test_pkey(kinds[i]);
	for (size_t i = 0; i < HC_ARRAY_LEN(kinds); i++) {
		HC_CLEANUP(site_deinit) struct site site;
		char *pem = test_public_pem(pkeys[i]);

		site_init(&site);
		site_add_key(&site, "pem", hc_str(pem));
		site_open(&site);
		for (size_t signer = 0; signer < HC_ARRAY_LEN(kinds); signer++) {
			for (size_t named = 0; named < HC_ARRAY_LEN(kinds); named++) {
				char header[32];

				(void)snprintf(header, sizeof(header), "{\"alg\":\"%s\"}",
					       kinds[named]);
				cr_expect_eq(
					takes(&site, test_signed(header, CLAIMS, pkeys[signer])),
					signer == i && named == i, "%s by %s at %s", kinds[named],
					kinds[signer], kinds[i]);
			}
		}
		/* The confusion of algorithms: what everybody knows used as a secret. */
		cr_expect_not(takes(&site, test_hs256("{\"alg\":\"HS256\"}", CLAIMS, hc_str(pem))));
		cr_expect_not(takes(&site, test_token(CLAIMS)));
		free(pem);
	}
	for (size_t i = 0; i < HC_ARRAY_LEN(kinds); i++)
		EVP_PKEY_free(pkeys[i]);
}

Test(auth, a_secret_takes_hs256_and_no_other_algorithm)
{
	static const char *const headers[] = {
		"{\"alg\":\"none\"}",
		"{\"alg\":\"None\"}",
		"{\"alg\":\"\"}",
		"{\"alg\":\"hs256\"}",
		"{\"alg\":\"HS384\"}",
		"{\"alg\":\"HS512\"}",
		"{\"alg\":\"RS256\"}",
		"{\"alg\":null}",
		"{\"alg\":[\"HS256\"]}",
		"{\"typ\":\"JWT\"}",
		"{}",
	};
	HC_CLEANUP(site_deinit) struct site site;

	site_open_with_secret(&site);
	cr_expect(takes(&site, test_token(CLAIMS)));
	cr_expect_not(
		takes(&site, test_hs256("{\"alg\":\"HS256\"}", CLAIMS, HC_STR("x" TEST_SECRET))));
	cr_expect_not(takes(&site, test_hs256("{\"alg\":\"HS256\"}", CLAIMS, HC_STR(""))));
	for (size_t i = 0; i < HC_ARRAY_LEN(headers); i++)
		cr_expect_not(takes(&site, test_hs256(headers[i], CLAIMS, HC_STR(TEST_SECRET))),
			      "%s", headers[i]);
}

Test(auth, all_keys_are_tried_so_that_one_can_replace_another)
{
	static const char other[] = "ffffffffffffffffffffffffffffffff";
	static const char header[] = "{\"alg\":\"HS256\",\"kid\":\"whatever\"}";
	HC_CLEANUP(site_deinit) struct site site;
	struct hc_fault fault = HC_FAULT_NULL;
	EVP_PKEY *pkey = test_pkey("EdDSA");
	char *pem = test_public_pem(pkey), *path;

	site_open_with_secret(&site);
	cr_expect_not(takes(&site, test_hs256(header, CLAIMS, hc_str(other))));
	site_add_key(&site, "new", hc_str(other));
	site_add_key(&site, "pem", hc_str(pem));
	cr_assert_eq(hc_auth_reload(site.auth, site.conf, &fault), 0, "%s", fault.message);
	cr_expect(takes(&site, test_hs256(header, CLAIMS, hc_str(other))));
	cr_expect(takes(&site, test_token(CLAIMS)));
	cr_expect(takes(&site, test_signed("{\"alg\":\"EdDSA\"}", CLAIMS, pkey)));

	cr_assert_gt(asprintf(&path, "%s/new", site.dir), 0);
	set_keys(site.conf, path);
	cr_assert_eq(hc_auth_reload(site.auth, site.conf, &fault), 0, "%s", fault.message);
	cr_expect(takes(&site, test_hs256(header, CLAIMS, hc_str(other))));
	cr_expect_not(takes(&site, test_token(CLAIMS)));

	set_keys(site.conf, "/nonexistent/key");
	cr_expect_lt(hc_auth_reload(site.auth, site.conf, &fault), 0);
	cr_expect(strstr(fault.message, "No such file"), "%s", fault.message);
	cr_expect(takes(&site, test_hs256(header, CLAIMS, hc_str(other))));
	free(path);
	free(pem);
	EVP_PKEY_free(pkey);
}

Test(auth, without_a_key_no_token_is_valid)
{
	HC_CLEANUP(site_deinit) struct site site;
	struct hc_fault fault = HC_FAULT_NULL;
	char *token = test_token(CLAIMS);

	site_init(&site);
	site_open(&site);
	cr_expect_null(hc_auth_check(site.auth, hc_str(token), &fault));
	cr_expect(strstr(fault.message, "key_file"), "%s", fault.message);
	cr_expect_not(takes(&site, test_hs256("{\"alg\":\"HS256\"}", CLAIMS, HC_STR(""))));
	cr_expect_not(takes(&site, test_hs256("{\"alg\":\"none\"}", CLAIMS, HC_STR(""))));
	free(token);
}

/* ---- the form ------------------------------------------------------------------------------ */

Test(auth, a_token_that_was_touched_anywhere_is_refused)
{
	HC_CLEANUP(site_deinit) struct site site;
	char *token = test_token(CLAIMS);
	size_t len = strlen(token);

	site_open_with_secret(&site);
	for (size_t i = 0; i < len; i++) {
		char was = token[i];

		token[i] = was == 'A' ? 'B' : 'A';
		cr_expect_null(hc_auth_check(site.auth, (struct hc_str){ token, len }, NULL),
			       "at %zu", i);
		token[i] = was;
		cr_expect_null(hc_auth_check(site.auth, (struct hc_str){ token, i }, NULL),
			       "cut at %zu", i);
	}
	cr_expect(takes(&site, token));
}

Test(auth, rubbish_is_refused)
{
	static const char *const rubbish[] = {
		"", ".", "..", "...", "a.b.c", "e30.e30", "e30.e30.", "\xff\xff.\xff.\xff"
	};
	HC_CLEANUP(site_deinit) struct site site;

	site_open_with_secret(&site);
	for (size_t i = 0; i < HC_ARRAY_LEN(rubbish); i++)
		cr_expect_null(hc_auth_check(site.auth, hc_str(rubbish[i]), NULL), "%s",
			       rubbish[i]);
	cr_expect_null(hc_auth_check(site.auth, (struct hc_str){ NULL, 0 }, NULL));
	cr_expect_null(hc_auth_check(site.auth, HC_STR("a\0b"), NULL));
}

Test(auth, a_form_that_is_not_exactly_that_of_a_token_is_refused)
{
	static const char good[] = "{\"alg\":\"HS256\"}";
	static const struct {
		const char *header, *claims;
		bool taken;
	} cases[] = {
		{ "{\"alg\":\"HS256\",\"typ\":\"JWT\"}", CLAIMS, true },
		{ "{\"alg\":\"HS256\",\"typ\":\"at+jwt\"}", CLAIMS, true },
		{ "{\"alg\":\"HS256\",\"typ\":\"application/at+jwt\"}", CLAIMS, true },
		{ "{\"alg\":\"HS256\",\"typ\":\"jwt\"}", CLAIMS, true },
		{ "{\"alg\":\"HS256\",\"typ\":\"application/\"}", CLAIMS, false },
		{ "{\"alg\":\"HS256\",\"typ\":\"\"}", CLAIMS, false },
		{ " { \"alg\" : \"HS256\" , \"kid\" : 7 } ", CLAIMS, true },
		{ "{\"alg\":\"HS256\",\"typ\":\"dpop+jwt\"}", CLAIMS, false },
		{ "{\"alg\":\"HS256\",\"typ\":7}", CLAIMS, false },
		{ "{\"alg\":\"HS256\",\"typ\":null}", CLAIMS, false },
		{ "{\"alg\":\"HS256\",\"crit\":[\"exp\"]}", CLAIMS, false },
		{ "{\"alg\":\"HS256\",\"crit\":[]}", CLAIMS, false },
		{ "{\"alg\":\"HS256\",\"alg\":\"HS256\"}", CLAIMS, false },
		{ "{\"alg\":\"none\",\"alg\":\"HS256\"}", CLAIMS, false },
		{ "[\"alg\",\"HS256\"]", CLAIMS, false },
		{ "\"HS256\"", CLAIMS, false },
		{ "{\"alg\":\"HS256\"", CLAIMS, false },
		{ "{\"alg\":\"HS256\"}{}", CLAIMS, false },
		{ "{\"alg\":\"HS256\\u0000\"}", CLAIMS, false },
		{ good, "{\"sub\":\"a\",\"sub\":\"a\",\"exp\":9999999999}", false },
		{ good, "{\"sub\":\"a\",\"exp\":1,\"exp\":9999999999}", false },
		{ good, "{\"sub\":\"a\\u0000b\",\"exp\":9999999999}", false },
		{ good, "{\"sub\":\"\xff\",\"exp\":9999999999}", false },
		{ good, "[" CLAIMS "]", false },
		{ good, CLAIMS "x", false },
		{ good, "null", false },
		{ good, "", false },
		{ "", CLAIMS, false },
	};
	HC_CLEANUP(site_deinit) struct site site;

	site_open_with_secret(&site);
	for (size_t i = 0; i < HC_ARRAY_LEN(cases); i++)
		cr_expect_eq(takes(&site, test_hs256(cases[i].header, cases[i].claims,
						     HC_STR(TEST_SECRET))),
			     cases[i].taken, "%s . %s", cases[i].header, cases[i].claims);
}

/* A token whose header and claims have so many bytes of padding more. */
static char *padded(size_t header_pad, size_t claims_pad)
{
	char *header = NULL, *claims = NULL, *token;

	cr_assert_gt(asprintf(&header, "{\"alg\":\"HS256\",\"x\":\"%*s\"}", (int)header_pad, ""),
		     0);
	cr_assert_gt(asprintf(&claims, "{\"sub\":\"a\",\"exp\":9999999999,\"x\":\"%*s\"}",
			      (int)claims_pad, ""),
		     0);
	token = test_hs256(header, claims, HC_STR(TEST_SECRET));
	free(header);
	free(claims);
	return token;
}

Test(auth, a_token_that_is_too_long_is_refused)
{
	HC_CLEANUP(site_deinit) struct site site;
	size_t pad = 0;

	site_open_with_secret(&site);
	for (size_t len = 0; len <= HC_JWT_LEN_MAX; pad++) {
		char *token = padded(0, 2900 + pad);

		len = strlen(token);
		cr_expect_eq(takes(&site, token), len <= HC_JWT_LEN_MAX, "%zu bytes", len);
	}
	cr_expect_gt(pad, 1, "none was short enough");
	cr_expect(takes(&site, padded(HC_JWT_HEADER_LEN_MAX * 3 / 4 - 22, 0)));
	cr_expect_not(takes(&site, padded(HC_JWT_HEADER_LEN_MAX * 3 / 4 - 21, 0)));
}

/* ---- claims -------------------------------------------------------------------------------- */

static bool takes_claims(const struct site *site, const char *text, long seconds)
{
	char *claims = test_claims(text, seconds);
	bool taken = takes(site, test_token(claims));

	free(claims);
	return taken;
}

Test(auth, a_token_lives_until_its_last_second_and_not_longer)
{
	HC_CLEANUP(site_deinit) struct site site;

	site_open_with_secret(&site);
	cr_expect(takes_claims(&site, "{\"sub\":\"a\",\"exp\":@}", 10));
	cr_expect_not(takes_claims(&site, "{\"sub\":\"a\",\"exp\":@}", 0));
	cr_expect_not(takes_claims(&site, "{\"sub\":\"a\",\"exp\":@}", -1));
}

Test(auth, audience_and_issuer_are_those_of_the_configuration)
{
	HC_CLEANUP(site_deinit) struct site site;
	struct hc_fault fault = HC_FAULT_NULL;

	site_open_with_secret(&site);
	cr_expect(takes_claims(&site, "{\"sub\":\"a\",\"exp\":@,\"aud\":\"hostcast\"}", 10));
	free(site.conf->auth.audience);
	free(site.conf->auth.issuer);
	site.conf->auth.audience = strdup("elsewhere");
	site.conf->auth.issuer = strdup("me");
	cr_assert_eq(hc_auth_reload(site.auth, site.conf, &fault), 0);
	cr_expect_not(takes_claims(&site, "{\"sub\":\"a\",\"exp\":@,\"aud\":\"elsewhere\"}", 10));
	cr_expect(takes_claims(
		&site, "{\"sub\":\"a\",\"exp\":@,\"aud\":\"elsewhere\",\"iss\":\"me\"}", 10));
	cr_expect_not(takes_claims(
		&site, "{\"sub\":\"a\",\"exp\":@,\"aud\":\"hostcast\",\"iss\":\"me\"}", 10));
}

Test(auth, a_token_that_was_revoked_is_refused_from_then_on)
{
	const struct hc_revocation revocation = { .of = HC_REVOCATION_JTI,
						  .name = HC_STR("t1"),
						  .since_unix_s = 1 };
	static const char claims[] = "{\"sub\":\"a\",\"exp\":9999999999,\"jti\":\"t1\"}";
	HC_CLEANUP(hc_grant_unrefp) struct hc_grant *grant = NULL;
	HC_CLEANUP(site_deinit) struct site site;
	struct hc_fault fault = HC_FAULT_NULL;
	char *token = test_token(claims);

	site_open_with_secret(&site);
	grant = hc_auth_check(site.auth, hc_str(token), &fault);
	cr_assert(grant, "%s", fault.message);
	cr_expect_not(hc_auth_is_revoked(site.auth, grant));
	cr_assert_eq(hc_revocations_add(hc_auth_revocations(site.auth), &revocation), 0);
	cr_expect(hc_auth_is_revoked(site.auth, grant));
	cr_expect_not(hc_auth_check_again(site.auth, grant, &fault));
	cr_expect_null(hc_auth_check(site.auth, hc_str(token), &fault));
	cr_expect_str_eq(fault.message, "the token was revoked");
	cr_expect(takes(&site, test_token(CLAIMS)));
	free(token);
}
