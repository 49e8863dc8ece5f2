/* SPDX-License-Identifier: MIT */
/* Claims: which are taken, which are refused and why, and what they let somebody do. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "proto/fault.h"
#include "tests/unit/hub.h"
#include "ws/auth/grant.h"

#define NOW_S 1800000000 /* in all of these tests */

static struct hc_grant *grant_for(const char *text, const char *issuer, struct hc_fault *fault)
{
	const struct hc_grant_wants wants = {
		.audience = "hostcast",
		.issuer = issuer,
		.now_unix_ms = INT64_C(1000) * NOW_S,
	};
	json_t *claims = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
	struct hc_grant *grant;

	cr_assert(claims, "the test's own JSON is wrong: %s", text);
	grant = hc_grant_new(claims, &wants, fault);
	json_decref(claims);
	return grant;
}

/* A grant of rights alone; NULL if they are refused. */
static struct hc_grant *grant_of(const char *rights)
{
	struct hc_grant *grant;
	char *claims = NULL;

	cr_assert_gt(
		asprintf(&claims, "{\"sub\":\"a\",\"exp\":1800000001,\"hostcast\":%s}", rights), 0);
	grant = grant_for(claims, "", NULL);
	free(claims);
	return grant;
}

Test(grant, claims_are_taken_or_refused_for_what_is_wrong)
{
	static const struct {
		const char *claims;
		const char *refused_for; /* NULL: taken */
	} cases[] = {
		{ "{\"sub\":\"a\",\"exp\":1800000001}", NULL },
		{ "{\"sub\":\"a\",\"exp\":1800000000.5}", NULL },
		{ "{\"sub\":\"a\",\"exp\":1e300}", NULL },
		{ "{\"sub\":\"a\",\"exp\":9223372036854775807}", NULL },
		{ "{\"sub\":\"a\",\"exp\":1800000000}", "has expired (exp)" },
		{ "{\"sub\":\"a\",\"exp\":1799999999.9}", "has expired (exp)" },
		{ "{\"sub\":\"a\",\"exp\":0}", "has expired (exp)" },
		{ "{\"sub\":\"a\",\"exp\":-1e300}", "has expired (exp)" },
		{ "{\"sub\":\"a\"}", "no expiry (exp)" },
		{ "{\"sub\":\"a\",\"exp\":null}", "not a number (exp)" },
		{ "{\"sub\":\"a\",\"exp\":true}", "not a number (exp)" },
		{ "{\"sub\":\"a\",\"exp\":\"1800000001\"}", "not a number (exp)" },
		{ "{\"sub\":\"a\",\"exp\":1800000001,\"nbf\":1800000030}", NULL },
		{ "{\"sub\":\"a\",\"exp\":1800000001,\"nbf\":1800000031}", "(nbf)" },
		{ "{\"sub\":\"a\",\"exp\":1800000001,\"nbf\":-9223372036854775807}", NULL },
		{ "{\"sub\":\"a\",\"exp\":1800000001,\"nbf\":9223372036854775807}", "(nbf)" },
		{ "{\"sub\":\"a\",\"exp\":1800000001,\"nbf\":\"soon\"}", "not a number (nbf)" },
		{ "{\"sub\":\"a\",\"exp\":1800000001,\"iat\":1800000030}", NULL },
		{ "{\"sub\":\"a\",\"exp\":1800000001,\"iat\":1800000031}", "future (iat)" },
		{ "{\"sub\":\"a\",\"exp\":1800000001,\"iat\":[]}", "not a number (iat)" },
		{ "{\"exp\":1800000001}", "no subject (sub)" },
		{ "{\"sub\":\"\",\"exp\":1800000001}", "no subject (sub)" },
		{ "{\"sub\":7,\"exp\":1800000001}", "no subject (sub)" },
		{ "{\"sub\":\"a\",\"exp\":1800000001,\"jti\":\"x\"}", NULL },
		{ "{\"sub\":\"a\",\"exp\":1800000001,\"jti\":7}", "(jti)" },
		{ "{\"sub\":\"a\",\"exp\":1800000001,\"aud\":\"hostcast\"}", NULL },
		{ "{\"sub\":\"a\",\"exp\":1800000001,\"aud\":[\"x\",\"hostcast\"]}", NULL },
		{ "{\"sub\":\"a\",\"exp\":1800000001,\"aud\":\"hostcast2\"}", "(aud)" },
		{ "{\"sub\":\"a\",\"exp\":1800000001,\"aud\":\"Hostcast\"}", "(aud)" },
		{ "{\"sub\":\"a\",\"exp\":1800000001,\"aud\":[]}", "(aud)" },
		{ "{\"sub\":\"a\",\"exp\":1800000001,\"aud\":[\"hostcast\",7]}", "(aud)" },
		{ "{\"sub\":\"a\",\"exp\":1800000001,\"aud\":null}", "(aud)" },
		{ "{\"sub\":\"a\",\"exp\":1800000001,\"aud\":{\"hostcast\":1}}", "(aud)" },
		{ "{\"sub\":\"a\",\"exp\":1800000001,\"iss\":\"anybody\"}", NULL },
		{ "{\"sub\":\"a\",\"exp\":1800000001,\"iss\":7}", "(iss)" },
		{ "{\"sub\":\"a\",\"exp\":1800000001,\"what\":\"else\"}", NULL },
	};

	for (size_t i = 0; i < HC_ARRAY_LEN(cases); i++) {
		HC_CLEANUP(hc_grant_unrefp) struct hc_grant *grant = NULL;
		struct hc_fault fault = HC_FAULT_NULL;

		grant = grant_for(cases[i].claims, "", &fault);
		cr_expect_eq(!grant, !!cases[i].refused_for, "%s: %s", cases[i].claims,
			     fault.message);
		if (!cases[i].refused_for)
			continue;
		cr_expect_eq(fault.code, HC_FAULT_UNAUTHORIZED, "%s", cases[i].claims);
		cr_expect(strstr(fault.message, cases[i].refused_for), "%s: %s", cases[i].claims,
			  fault.message);
	}
}

Test(grant, an_issuer_that_is_wanted_must_be_named)
{
	static const struct {
		const char *issuer;
		bool taken;
	} cases[] = {
		{ "\"https://id.example\"", true },
		{ "\"https://id.example/\"", false },
		{ "\"\"", false },
		{ "null", false },
		{ "[\"https://id.example\"]", false },
	};
	HC_CLEANUP(hc_grant_unrefp) struct hc_grant *none = NULL;

	for (size_t i = 0; i < HC_ARRAY_LEN(cases); i++) {
		HC_CLEANUP(hc_grant_unrefp) struct hc_grant *grant = NULL;
		char *claims = NULL;

		cr_assert_gt(asprintf(&claims, "{\"sub\":\"a\",\"exp\":1800000001,\"iss\":%s}",
				      cases[i].issuer),
			     0);
		grant = grant_for(claims, "https://id.example", NULL);
		cr_expect_eq(!!grant, cases[i].taken, "%s", cases[i].issuer);
		free(claims);
	}
	none = grant_for("{\"sub\":\"a\",\"exp\":1800000001}", "https://id.example", NULL);
	cr_expect_null(none);
}

Test(grant, names_longer_than_can_be_revoked_are_refused)
{
	char name[HC_GRANT_NAME_MAX + 2], *claims = NULL;
	static const char *const forms[] = { "{\"exp\":1800000001,\"sub\":\"%s\"}",
					     "{\"exp\":1800000001,\"sub\":\"a\",\"jti\":\"%s\"}" };

	for (size_t i = 0; i < 2 * HC_ARRAY_LEN(forms); i++) {
		HC_CLEANUP(hc_grant_unrefp) struct hc_grant *grant = NULL;
		const char *form = forms[i / 2], *at = strstr(form, "%s");
		size_t len = HC_GRANT_NAME_MAX + i % 2;

		memset(name, 'n', len);
		name[len] = '\0';
		cr_assert_gt(asprintf(&claims, "%.*s%s%s", (int)(at - form), form, name, at + 2),
			     0);
		grant = grant_for(claims, "", NULL);
		cr_expect_eq(!!grant, i % 2 == 0, "%s", claims);
		free(claims);
	}
}

Test(grant, rights_of_another_shape_refuse_the_token)
{
	static const char *const wrong[] = {
		"[\"*\"]",
		"\"*\"",
		"null",
		"true",
		"{\"publish\":\"*\"}",
		"{\"publish\":null}",
		"{\"publish\":[null]}",
		"{\"publish\":[7]}",
		"{\"publish\":[\"jo*\"]}",
		"{\"publish\":[\"job.*\",\"**\"]}",
		"{\"publish\":{\"job.*\":true}}",
		"{\"subscribe\":\"*\"}",
		"{\"subscribe\":[\"\"]}",
		"{\"subscribe\":[[\"*\"]]}",
		"{\"admin\":1}",
		"{\"admin\":\"true\"}",
		"{\"admin\":null}",
		"{\"subscibe\":[\"job.*\"]}",
		"{\"Admin\":true}",
	};

	for (size_t i = 0; i < HC_ARRAY_LEN(wrong); i++) {
		HC_CLEANUP(hc_grant_unrefp) struct hc_grant *grant = grant_of(wrong[i]);

		cr_expect_null(grant, "%s", wrong[i]);
	}
}

Test(grant, publishing_is_what_the_patterns_say)
{
	static const struct {
		const char *rights, *type;
		bool may;
	} cases[] = {
		{ "{\"publish\":[\"job.*\",\"alert.created\"]}", "job.progress", true },
		{ "{\"publish\":[\"job.*\",\"alert.created\"]}", "alert.created", true },
		{ "{\"publish\":[\"*\"]}", "device.mounted", true },
		{ "{\"publish\":[\"job.*\"]}", "alert.created", false },
		{ "{\"publish\":[]}", "job.progress", false },
		{ "{\"subscribe\":[\"*\"]}", "job.progress", false },
		{ "{\"admin\":true}", "job.progress", false },
		{ "{}", "job.progress", false },
	};

	for (size_t i = 0; i < HC_ARRAY_LEN(cases); i++) {
		HC_CLEANUP(hc_grant_unrefp) struct hc_grant *grant = grant_of(cases[i].rights);

		cr_assert(grant, "%s", cases[i].rights);
		cr_expect_eq(hc_grant_may_publish(grant, hc_str(cases[i].type)), cases[i].may,
			     "%s %s", cases[i].rights, cases[i].type);
	}
}

Test(grant, subscribing_is_everything_unless_the_token_says_what)
{
	static const struct {
		const char *rights;
		bool limits, job, alert;
	} cases[] = {
		{ "{}", false, true, true },
		{ "{\"publish\":[]}", false, true, true },
		{ "{\"subscribe\":[]}", true, false, false },
		{ "{\"subscribe\":[\"*\"]}", true, true, true },
		{ "{\"subscribe\":[\"job.*\"]}", true, true, false },
		{ "{\"subscribe\":[\"job.*\",\"alert.created\"]}", true, true, true },
		{ "{\"subscribe\":[\"no_such.type\"]}", true, false, false },
	};

	for (size_t i = 0; i < HC_ARRAY_LEN(cases); i++) {
		HC_CLEANUP(hc_grant_unrefp) struct hc_grant *grant = grant_of(cases[i].rights);
		struct hc_filter filter;

		cr_assert(grant, "%s", cases[i].rights);
		filter = hc_grant_filter(grant, test_types());
		cr_expect_eq(hc_grant_limits_subscribe(grant), cases[i].limits, "%s",
			     cases[i].rights);
		cr_expect_eq(hc_filter_has(&filter, test_type("job.progress")), cases[i].job, "%s",
			     cases[i].rights);
		cr_expect_eq(hc_filter_has(&filter, test_type("alert.created")), cases[i].alert,
			     "%s", cases[i].rights);
	}
}

Test(grant, it_says_what_the_token_said_as_long_as_somebody_holds_it)
{
	struct hc_grant *grant = grant_for(
		"{\"sub\":\"carol\",\"exp\":1800000001.25,\"iat\":1799999999,\"jti\":\"t1\","
		"\"hostcast\":{\"admin\":true}}",
		"", NULL);
	HC_CLEANUP(hc_grant_unrefp) struct hc_grant *plain = grant_of("{\"admin\":false}");
	HC_CLEANUP(hc_grant_unrefp) struct hc_grant *held = NULL;

	cr_assert(grant && plain);
	held = hc_grant_ref(grant);
	cr_expect_null(hc_grant_unref(grant));
	cr_expect_str_eq(hc_grant_subject(held), "carol");
	cr_expect_str_eq(hc_grant_id(held), "t1");
	cr_expect_eq(hc_grant_expires_unix_ms(held), INT64_C(1800000001250));
	cr_expect_eq(hc_grant_issued_unix_ms(held), INT64_C(1799999999000));
	cr_expect(hc_grant_is_admin(held));
	cr_expect_not(hc_grant_is_admin(plain));
	cr_expect_null(hc_grant_id(plain));
	cr_expect_eq(hc_grant_issued_unix_ms(plain), INT64_MIN);
}
