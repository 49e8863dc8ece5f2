/* SPDX-License-Identifier: MIT */
/* Tokens: their text, taken apart; and their claims, as if somebody had signed them. */
#include "proto/base64url.h"
#include "proto/json.h"
#include "tests/fuzz/fuzz.h"
#include "ws/auth/grant.h"
#include "ws/auth/jwt.h"

static void check_base64url(struct hc_str text)
{
	char *bytes = malloc(text.len + 1), *again = malloc(HC_BASE64URL_LEN(text.len) + 1);
	ssize_t len;

	HC_FUZZ_CHECK(bytes && again);
	len = hc_base64url_decode(bytes, text);
	if (len >= 0) {
		HC_FUZZ_CHECK((size_t)len == text.len * 3 / 4);
		hc_base64url_encode(again, bytes, (size_t)len);
		HC_FUZZ_CHECK(hc_str_equal(text, hc_str(again)));
	}
	hc_base64url_encode(again, text.s, text.len);
	len = hc_base64url_decode(bytes, hc_str(again));
	HC_FUZZ_CHECK(len >= 0 && hc_str_equal(text, (struct hc_str){ bytes, (size_t)len }));
	free(bytes);
	free(again);
}

static void check_form(struct hc_str text)
{
	struct hc_fault fault = HC_FAULT_NULL;
	struct hc_jwt jwt;

	if (hc_jwt_read(&jwt, text, &fault)) {
		HC_FUZZ_CHECK(text.len <= HC_JWT_LEN_MAX && jwt.algorithm && jwt.signature_len);
		HC_FUZZ_CHECK(jwt.signed_text.s == text.s && jwt.signed_text.len < text.len);
		json_decref(hc_jwt_claims(&jwt, &fault));
	} else {
		fuzz_check_fault(&fault);
	}
	hc_jwt_deinit(&jwt);
}

static void check_claims(struct hc_str text)
{
	const struct hc_grant_wants wants = { .audience = "hostcast",
					      .issuer = "",
					      .now_unix_ms = 7 };
	HC_CLEANUP(hc_grant_unrefp) struct hc_grant *grant = NULL;
	json_t *claims = hc_json_parse(text, NULL);
	struct hc_fault fault = HC_FAULT_NULL;
	bool is_admin, can_publish;
	const json_t *rights;

	if (!claims)
		return;
	grant = hc_grant_new(claims, &wants, &fault);
	rights = json_object_get(claims, "hostcast");
	is_admin = json_is_true(json_object_get(rights, "admin"));
	can_publish = json_array_size(json_object_get(rights, "publish")) > 0;
	json_decref(claims);
	if (!grant) {
		fuzz_check_fault(&fault);
		HC_FUZZ_CHECK(fault.code == HC_FAULT_UNAUTHORIZED);
		return;
	}
	HC_FUZZ_CHECK(hc_grant_subject(grant)[0]);
	HC_FUZZ_CHECK(hc_grant_expires_unix_ms(grant) > wants.now_unix_ms);
	HC_FUZZ_CHECK(hc_grant_is_admin(grant) == is_admin);
	HC_FUZZ_CHECK(can_publish || !hc_grant_may_publish(grant, HC_STR("device.mounted")));
}

HC_FUZZ(token)
{
	/* A copy of its own, so that a byte read behind it is found. */
	char *copy = malloc(len + !len);
	struct hc_str text = { copy, len };

	HC_FUZZ_CHECK(copy);
	if (len)
		memcpy(copy, data, len);
	check_base64url(text);
	check_form(text);
	check_claims(text);
	free(copy);
	return 0;
}
