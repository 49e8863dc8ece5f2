/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>

#include "conf/conf.h"
#include "proto/clock.h"
#include "proto/fault.h"
#include "ws/auth/auth.h"
#include "ws/auth/jwt.h"
#include "ws/auth/key.h"
#include "ws/auth/revocations.h"

/* What a reload replaces as a whole. */
struct rules {
	struct hc_key *keys[HC_AUTH_KEYS_MAX];
	size_t n_keys; /* 0: no token is valid */
	char *audience;
	char *issuer;
};

struct hc_auth {
	struct rules rules;
	struct hc_revocations *revocations;
};

/* ---- the configuration --------------------------------------------------------------------- */

static void rules_deinit(struct rules *rules)
{
	for (size_t i = 0; i < rules->n_keys; i++)
		(void)hc_key_free(rules->keys[i]);
	free(rules->audience);
	free(rules->issuer);
	*rules = (struct rules){ 0 };
}

static int load_keys(struct rules *rules, const struct hc_list *files, struct hc_fault *fault)
{
	if (files->n > HC_AUTH_KEYS_MAX) {
		hc_fault_set(fault, HC_FAULT_INVALID_PARAMS,
			     "[auth] key_file names %zu files; %d are tried at most", files->n,
			     HC_AUTH_KEYS_MAX);
		return -EINVAL;
	}
	for (size_t i = 0; i < files->n; i++) {
		int r = hc_key_load(&rules->keys[i], files->items[i], fault);

		if (r < 0)
			return r;
		rules->n_keys++;
	}
	return 0;
}

int hc_auth_reload(struct hc_auth *auth, const struct hc_conf *conf, struct hc_fault *fault)
{
	HC_CLEANUP(rules_deinit) struct rules rules = { 0 };
	struct rules old = auth->rules;
	int r = load_keys(&rules, &conf->auth.key_files, fault);

	if (r < 0)
		return r;
	rules.audience = strdup(conf->auth.audience);
	rules.issuer = strdup(conf->auth.issuer);
	if (!rules.audience || !rules.issuer)
		return -ENOMEM;
	auth->rules = rules;
	rules = old;
	return 0;
}

int hc_auth_new(struct hc_auth **ret, const struct hc_conf *conf, struct hc_fault *fault)
{
	HC_CLEANUP(hc_auth_freep) struct hc_auth *auth = calloc(1, sizeof(*auth));
	int r;

	if (!auth)
		return -ENOMEM;
	r = hc_auth_reload(auth, conf, fault);
	if (!r)
		r = hc_revocations_open(&auth->revocations, conf->auth.revocations_file, fault);
	if (r < 0)
		return r;
	*ret = hc_take(auth);
	return 0;
}

struct hc_auth *hc_auth_free(struct hc_auth *auth)
{
	if (!auth)
		return NULL;
	rules_deinit(&auth->rules);
	(void)hc_revocations_free(auth->revocations);
	free(auth);
	return NULL;
}

struct hc_revocations *hc_auth_revocations(const struct hc_auth *auth)
{
	return auth->revocations;
}

/* ---- tokens -------------------------------------------------------------------------------- */

static bool refuse(struct hc_fault *fault, const char *why)
{
	hc_fault_set(fault, HC_FAULT_UNAUTHORIZED, "%s", why);
	return false;
}

static bool is_signed(const struct rules *rules, const struct hc_jwt *jwt)
{
	struct hc_str signature = { jwt->signature, jwt->signature_len };

	for (size_t i = 0; i < rules->n_keys; i++)
		if (!strcmp(hc_key_algorithm(rules->keys[i]), jwt->algorithm) &&
		    hc_key_verifies(rules->keys[i], jwt->signed_text, signature))
			return true;
	return false;
}

static struct hc_grant *read_claims(const struct rules *rules, const struct hc_jwt *jwt,
				    struct hc_fault *fault)
{
	const struct hc_grant_wants wants = {
		.audience = rules->audience,
		.issuer = rules->issuer,
		.now_unix_ms = hc_now_unix_ms(),
	};
	json_t *claims = hc_jwt_claims(jwt, fault);
	struct hc_grant *grant = claims ? hc_grant_new(claims, &wants, fault) : NULL;

	json_decref(claims);
	return grant;
}

struct hc_grant *hc_auth_check(const struct hc_auth *auth, struct hc_str token,
			       struct hc_fault *fault)
{
	HC_CLEANUP(hc_grant_unrefp) struct hc_grant *grant = NULL;
	HC_CLEANUP(hc_jwt_deinit) struct hc_jwt jwt = HC_JWT_NULL;

	if (!auth->rules.n_keys) {
		(void)refuse(fault, "this hub takes no tokens: [auth] key_file is not set");
		return NULL;
	}
	if (!hc_jwt_read(&jwt, token, fault))
		return NULL;
	if (!is_signed(&auth->rules, &jwt)) {
		(void)refuse(fault, "the token is not valid");
		return NULL;
	}
	grant = read_claims(&auth->rules, &jwt, fault);
	return grant && hc_auth_check_again(auth, grant, fault) ? hc_take(grant) : NULL;
}

bool hc_auth_is_revoked(const struct hc_auth *auth, const struct hc_grant *grant)
{
	return hc_revocations_has(auth->revocations, grant, hc_now_unix_ms() / 1000);
}

bool hc_auth_check_again(const struct hc_auth *auth, const struct hc_grant *grant,
			 struct hc_fault *fault)
{
	if (hc_grant_expires_unix_ms(grant) <= hc_now_unix_ms())
		return refuse(fault, "the token has expired (exp)");
	return !hc_auth_is_revoked(auth, grant) || refuse(fault, "the token was revoked");
}
