/* SPDX-License-Identifier: MIT */
/* Tokens and the key they are signed with: what is taken, and what is not. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <jwt.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>

#include "proto/fault.h"
#include "tests/unit/hub.h"

#define KEY "0123456789abcdef0123456789abcdef" /* 32 bytes */

static char *write_key(const char *dir, const char *key, mode_t mode)
{
	HC_CLEANUP(hc_closep) int fd = -1;
	char *path = NULL;

	cr_assert_gt(asprintf(&path, "%s/key", dir), 0);
	(void)unlink(path);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
	cr_assert_geq(fd, 0);
	cr_assert_eq(write(fd, key, strlen(key)), (ssize_t)strlen(key));
	cr_assert_eq(fchmod(fd, mode), 0);
	return path;
}

static struct hc_auth *auth_with(const char *key)
{
	char *dir = test_dir(), *path = write_key(dir, key, 0600);
	struct hc_fault fault = HC_FAULT_NULL;
	struct hc_auth *auth = NULL;

	cr_assert_eq(hc_auth_new(&auth, path, &fault), 0, "%s", fault.message);
	free(path);
	test_dir_remove(dir);
	return auth;
}

static char *sign(const char *claims, jwt_alg_t algorithm, const char *key)
{
	jwt_t *jwt = NULL;
	char *token;

	cr_assert_eq(jwt_new(&jwt), 0);
	cr_assert_eq(jwt_add_grants_json(jwt, claims), 0, "%s", claims);
	cr_assert_eq(
		jwt_set_alg(jwt, algorithm, (const unsigned char *)key, key ? (int)strlen(key) : 0),
		0);
	token = jwt_encode_str(jwt);
	cr_assert(token);
	jwt_free(jwt);
	return token;
}

static struct hc_grant *check(const struct hc_auth *auth, char *token, struct hc_fault *fault)
{
	struct hc_grant *grant = hc_auth_check(auth, hc_str(token), fault);

	free(token);
	return grant;
}

/* Claims in which @ stands for so many seconds from now. */
static char *claims_at(const char *text, long seconds)
{
	int before = (int)strcspn(text, "@");
	char *claims = NULL;

	cr_assert_gt(asprintf(&claims, "%.*s%ld%s", before, text, (long)time(NULL) + seconds,
			      text + before + 1),
		     0);
	return claims;
}

static void expect_claims(const struct hc_auth *auth, const char *text, long seconds,
			  const char *refused_for)
{
	char *claims = claims_at(text, seconds);
	struct hc_fault fault = HC_FAULT_NULL;
	HC_CLEANUP(hc_grant_freep) struct hc_grant *grant = NULL;

	grant = check(auth, sign(claims, JWT_ALG_HS256, KEY), &fault);
	if (!refused_for) {
		cr_expect(grant, "%s: %s", claims, fault.message);
	} else {
		cr_expect_null(grant, "%s", claims);
		cr_expect_eq(fault.code, HC_FAULT_UNAUTHORIZED, "%s", claims);
		cr_expect(strstr(fault.message, refused_for), "%s: %s", claims, fault.message);
	}
	free(claims);
}

Test(auth, a_token_must_be_in_time_and_name_somebody)
{
	HC_CLEANUP(hc_auth_freep) struct hc_auth *auth = auth_with(KEY "\n");

	expect_claims(auth, "{\"sub\":\"a\",\"exp\":@}", 10, NULL);
	expect_claims(auth, "{\"sub\":\"a\",\"exp\":@}", -HC_AUTH_LEEWAY_S + 5, NULL);
	expect_claims(auth, "{\"sub\":\"a\",\"exp\":@}", -HC_AUTH_LEEWAY_S - 5, "expired");
	expect_claims(auth, "{\"sub\":\"a\",\"nbf\":@}", 0, "(exp)");
	expect_claims(auth, "{\"sub\":\"a\",\"exp\":@.5}", 10, NULL);
	expect_claims(auth, "{\"sub\":\"a\",\"exp\":@.5}", -HC_AUTH_LEEWAY_S - 5, "expired");
	expect_claims(auth, "{\"sub\":\"a\",\"exp\":@,\"nbf\":\"soon\"}", 10, "(nbf)");
	expect_claims(auth, "{\"sub\":\"a\",\"exp\":\"@\"}", 10, "(exp)");
	expect_claims(auth, "{\"sub\":\"a\",\"exp\":-@}", 10, "(exp)");
	expect_claims(auth, "{\"exp\":@}", 10, "(sub)");
	expect_claims(auth, "{\"sub\":\"\",\"exp\":@}", 10, "(sub)");
	expect_claims(auth, "{\"sub\":7,\"exp\":@}", 10, "(sub)");
	expect_claims(auth, "{\"sub\":\"a\",\"exp\":9999999999,\"nbf\":@}", HC_AUTH_LEEWAY_S - 5,
		      NULL);
	expect_claims(auth, "{\"sub\":\"a\",\"exp\":9999999999,\"nbf\":@}", HC_AUTH_LEEWAY_S + 5,
		      "(nbf)");
}

Test(auth, times_at_the_end_of_time_do_not_wrap_round)
{
	HC_CLEANUP(hc_auth_freep) struct hc_auth *auth = auth_with(KEY);

	expect_claims(auth, "{\"sub\":\"a\",\"iat\":@,\"exp\":9223372036854775807}", 0, NULL);
	expect_claims(auth, "{\"sub\":\"a\",\"exp\":@,\"nbf\":-9223372036854775807}", 10, NULL);
	expect_claims(auth, "{\"sub\":\"a\",\"exp\":@,\"nbf\":9223372036854775807}", 10, "(nbf)");
}

Test(auth, only_the_algorithm_of_our_key_is_taken)
{
	static const char claims[] = "{\"sub\":\"a\",\"exp\":9999999999}";
	HC_CLEANUP(hc_auth_freep) struct hc_auth *auth = auth_with(KEY);
	struct hc_fault fault = HC_FAULT_NULL;
	HC_CLEANUP(hc_grant_freep) struct hc_grant *grant = NULL;

	grant = check(auth, sign(claims, JWT_ALG_HS256, KEY), &fault);
	cr_expect(grant, "%s", fault.message);
	cr_expect_null(check(auth, sign(claims, JWT_ALG_HS384, KEY), &fault));
	cr_expect_null(check(auth, sign(claims, JWT_ALG_HS512, KEY), &fault));
	cr_expect_null(check(auth, sign(claims, JWT_ALG_NONE, NULL), &fault));
	cr_expect_null(check(auth, sign(claims, JWT_ALG_HS256, "x" KEY), &fault));
	cr_expect_eq(fault.code, HC_FAULT_UNAUTHORIZED);
	cr_expect_str_eq(fault.message, "the token is not valid");
}

Test(auth, a_token_that_was_touched_is_refused)
{
	HC_CLEANUP(hc_auth_freep) struct hc_auth *auth = auth_with(KEY);
	char *token = sign("{\"sub\":\"a\",\"exp\":9999999999}", JWT_ALG_HS256, KEY);
	size_t len = strlen(token);

	for (size_t i = 0; i < len; i++) {
		char was = token[i];

		/* The last character of a part may have bits that mean nothing. */
		if (was == '.' || i + 1 == len || token[i + 1] == '.')
			continue;
		token[i] = was == 'A' ? 'B' : 'A';
		cr_expect_null(hc_auth_check(auth, (struct hc_str){ token, len }, NULL), "at %zu",
			       i);
		token[i] = was;
		cr_expect_null(hc_auth_check(auth, (struct hc_str){ token, i }, NULL), "cut at %zu",
			       i);
	}
	free(token);
}

Test(auth, rubbish_is_refused)
{
	static const char *const rubbish[] = {
		"", ".", "..", "...", "a.b.c", "\xff\xff.\xff.\xff"
	};
	HC_CLEANUP(hc_auth_freep) struct hc_auth *auth = auth_with(KEY);
	char *longest = calloc(1, HC_TOKEN_LEN_MAX + 2);

	for (size_t i = 0; i < HC_ARRAY_LEN(rubbish); i++)
		cr_expect_null(hc_auth_check(auth, hc_str(rubbish[i]), NULL), "%s", rubbish[i]);
	cr_expect_null(hc_auth_check(auth, (struct hc_str){ NULL, 0 }, NULL));
	cr_expect_null(hc_auth_check(auth, HC_STR("a\0b"), NULL));
	cr_assert(longest);
	memset(longest, 'a', HC_TOKEN_LEN_MAX + 1);
	cr_expect_null(hc_auth_check(auth, hc_str(longest), NULL));
	free(longest);
}

static bool may_publish(const struct hc_auth *auth, const char *rights, const char *type)
{
	HC_CLEANUP(hc_grant_freep) struct hc_grant *grant = NULL;
	struct hc_fault fault = HC_FAULT_NULL;
	char *claims = NULL;

	cr_assert_gt(
		asprintf(&claims, "{\"sub\":\"a\",\"exp\":9999999999,\"hostcast\":%s}", rights), 0);
	grant = check(auth, sign(claims, JWT_ALG_HS256, KEY), &fault);
	cr_assert(grant, "%s: %s", claims, fault.message);
	free(claims);
	return hc_grant_may_publish(grant, hc_str(type));
}

Test(auth, a_token_grants_what_its_patterns_say)
{
	HC_CLEANUP(hc_auth_freep) struct hc_auth *auth = auth_with(KEY);

	cr_expect(may_publish(auth, "{\"publish\":[\"job.*\",\"alert.created\"]}", "job.progress"));
	cr_expect(
		may_publish(auth, "{\"publish\":[\"job.*\",\"alert.created\"]}", "alert.created"));
	cr_expect(may_publish(auth, "{\"publish\":[\"*\"]}", "device.mounted"));
	cr_expect_not(may_publish(auth, "{\"publish\":[\"job.*\"]}", "alert.created"));
	cr_expect_not(may_publish(auth, "{\"publish\":[]}", "job.progress"));
	cr_expect_not(may_publish(auth, "{\"publish\":\"*\"}", "job.progress"));
	cr_expect_not(may_publish(auth, "{\"publish\":[null,7,\"jo*\",\"**\"]}", "job.progress"));
	cr_expect_not(may_publish(auth, "{\"subscribe\":[\"*\"]}", "job.progress"));
	cr_expect_not(may_publish(auth, "[\"*\"]", "job.progress"));
	cr_expect_not(may_publish(auth, "\"*\"", "job.progress"));
	cr_expect_not(may_publish(auth, "null", "job.progress"));
}

Test(auth, admin_is_true_and_nothing_like_it)
{
	static const char *const rights[] = { "{\"admin\":1}", "{\"admin\":\"true\"}", "{}",
					      "{\"admin\":true}" };
	HC_CLEANUP(hc_auth_freep) struct hc_auth *auth = auth_with(KEY);

	for (size_t i = 0; i < HC_ARRAY_LEN(rights); i++) {
		HC_CLEANUP(hc_grant_freep) struct hc_grant *grant = NULL;
		char *claims = NULL;

		cr_assert_gt(asprintf(&claims,
				      "{\"sub\":\"carol\",\"exp\":9999999999,\"hostcast\":%s}",
				      rights[i]),
			     0);
		grant = check(auth, sign(claims, JWT_ALG_HS256, KEY), NULL);
		cr_assert(grant);
		cr_expect_eq(hc_grant_is_admin(grant), i == HC_ARRAY_LEN(rights) - 1, "%s",
			     rights[i]);
		cr_expect_str_eq(hc_grant_subject(grant), "carol");
		free(claims);
	}
}

/* ---- the key ------------------------------------------------------------------------------ */

static void expect_bad_key(const char *dir, const char *key, mode_t mode, const char *why)
{
	char *path = write_key(dir, key, mode);
	struct hc_fault fault = HC_FAULT_NULL;
	struct hc_auth *auth = NULL;

	cr_expect_lt(hc_auth_new(&auth, path, &fault), 0, "%s", why);
	cr_expect_null(auth);
	cr_expect(strstr(fault.message, path) && strstr(fault.message, why), "%s", fault.message);
	free(path);
}

Test(auth, a_key_that_is_no_good_is_refused_and_told_why)
{
	char *dir = test_dir(), *huge = calloc(1, 5000);
	struct hc_fault fault = HC_FAULT_NULL;
	struct hc_auth *auth = NULL;

	expect_bad_key(dir, KEY, 0604, "read by everybody");
	expect_bad_key(dir, "0123456789abcdef0123456789abcde\n", 0600, "too short");
	expect_bad_key(dir, "", 0600, "too short");
	cr_assert(huge);
	memset(huge, 'k', 4999);
	expect_bad_key(dir, huge, 0600, "too long");
	cr_expect_lt(hc_auth_new(&auth, "/nonexistent/key", &fault), 0);
	cr_expect(strstr(fault.message, "No such file"), "%s", fault.message);
	free(huge);
	test_dir_remove(dir);
}

Test(auth, without_a_key_no_token_is_valid)
{
	HC_CLEANUP(hc_auth_freep) struct hc_auth *auth = NULL;
	struct hc_fault fault = HC_FAULT_NULL;

	cr_assert_eq(hc_auth_new(&auth, "", &fault), 0);
	cr_expect_null(check(auth, sign("{\"sub\":\"a\",\"exp\":9999999999}", JWT_ALG_HS256, KEY),
			     &fault));
	cr_expect_null(check(auth, sign("{\"sub\":\"a\",\"exp\":9999999999}", JWT_ALG_NONE, NULL),
			     &fault));
	cr_expect(strstr(fault.message, "key_file"), "%s", fault.message);
}
