/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <jwt.h>
#include <math.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>

#include "proto/fault.h"
#include "proto/pattern.h"
#include "ws/auth.h"

#define KEY_LEN_MAX 4096 /* bytes */

struct hc_auth {
	size_t key_len; /* 0: no token is valid */
	unsigned char key[KEY_LEN_MAX];
};

struct hc_grant {
	json_t *publish; /* array of patterns, or NULL */
	char *subject;
	bool is_admin;
};

/* ---- the key ------------------------------------------------------------------------------ */

static int refuse_key(struct hc_fault *fault, const char *path, const char *why)
{
	hc_fault_set(fault, HC_FAULT_INVALID_PARAMS, "key file %s %s", path, why);
	return -EINVAL;
}

static int read_key(struct hc_auth *auth, const char *path, struct hc_fault *fault)
{
	HC_CLEANUP(hc_closep) int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	ssize_t n;

	if (fd < 0 || fstat(fd, &st) < 0)
		return refuse_key(fault, path, strerror(errno));
	if (st.st_mode & S_IROTH)
		return refuse_key(fault, path, "can be read by everybody: chmod o-r it");
	n = read(fd, auth->key, sizeof(auth->key));
	if (n < 0)
		return refuse_key(fault, path, strerror(errno));
	if ((size_t)n == sizeof(auth->key))
		return refuse_key(fault, path, "is too long for a key");
	if (n && auth->key[n - 1] == '\n')
		n--;
	if (n < HC_AUTH_KEY_LEN_MIN)
		return refuse_key(fault, path,
				  "is too short: HS256 wants 32 bytes at least, as "
				  "\"openssl rand -base64 48\" makes them");
	auth->key_len = (size_t)n;
	return 0;
}

int hc_auth_new(struct hc_auth **ret, const char *key_file, struct hc_fault *fault)
{
	HC_CLEANUP(hc_auth_freep) struct hc_auth *auth = calloc(1, sizeof(*auth));
	int r;

	if (!auth)
		return -ENOMEM;
	if (key_file[0]) {
		r = read_key(auth, key_file, fault);
		if (r < 0)
			return r;
	}
	*ret = hc_take(auth);
	return 0;
}

struct hc_auth *hc_auth_free(struct hc_auth *auth)
{
	if (auth)
		explicit_bzero(auth->key, sizeof(auth->key));
	free(auth);
	return NULL;
}

/* ---- tokens ------------------------------------------------------------------------------- */

static void jwt_freep(jwt_t **jwt)
{
	jwt_free(*jwt);
}

static struct hc_grant *refuse(struct hc_fault *fault, const char *why)
{
	hc_fault_set(fault, HC_FAULT_UNAUTHORIZED, "%s", why);
	return NULL;
}

/*
 * A NumericDate (RFC 7519 section 2), seconds with or without a fraction; 0 if there is none,
 * @broken if it is something else.
 */
static double date_of(jwt_t *jwt, const char *claim, double broken)
{
	char *text = jwt_get_grants_json(jwt, claim);
	json_t *value = text ? json_loads(text, JSON_DECODE_ANY, NULL) : NULL;
	double date = json_is_number(value) ? json_number_value(value) : text ? broken : 0;

	json_decref(value);
	free(text);
	return date;
}

static bool is_in_time(jwt_t *jwt, struct hc_fault *fault)
{
	double now = (double)time(NULL), expires = date_of(jwt, "exp", 0);

	if (expires <= 0)
		return refuse(fault, "the token has no expiry (exp)");
	if (expires <= now - HC_AUTH_LEEWAY_S)
		return refuse(fault, "the token has expired");
	if (date_of(jwt, "nbf", INFINITY) > now + HC_AUTH_LEEWAY_S)
		return refuse(fault, "the token is not valid yet (nbf)");
	return true;
}

static void read_rights(struct hc_grant *grant, jwt_t *jwt)
{
	char *text = jwt_get_grants_json(jwt, "hostcast");
	json_t *rights = text ? json_loads(text, JSON_REJECT_DUPLICATES, NULL) : NULL;

	free(text);
	grant->is_admin = json_is_true(json_object_get(rights, "admin"));
	grant->publish = json_incref(json_object_get(rights, "publish"));
	json_decref(rights);
}

static struct hc_grant *make_grant(jwt_t *jwt, struct hc_fault *fault)
{
	HC_CLEANUP(hc_grant_freep) struct hc_grant *grant = NULL;
	const char *subject = jwt_get_grant(jwt, "sub");

	if (!subject || !subject[0])
		return refuse(fault, "the token has no subject (sub)");
	grant = calloc(1, sizeof(*grant));
	if (grant)
		grant->subject = strdup(subject);
	if (!grant || !grant->subject) {
		hc_fault_set(fault, HC_FAULT_INTERNAL, "out of memory");
		return NULL;
	}
	read_rights(grant, jwt);
	return hc_take(grant);
}

struct hc_grant *hc_auth_check(const struct hc_auth *auth, struct hc_str token,
			       struct hc_fault *fault)
{
	HC_CLEANUP(jwt_freep) jwt_t *jwt = NULL;
	char text[HC_TOKEN_LEN_MAX + 1];

	if (!auth->key_len)
		return refuse(fault, "this hub takes no tokens: [auth] key_file is not set");
	if (!token.len || token.len > HC_TOKEN_LEN_MAX || memchr(token.s, '\0', token.len))
		return refuse(fault, "the token is not valid");
	memcpy(text, token.s, token.len);
	text[token.len] = '\0';
	if (jwt_decode(&jwt, text, auth->key, (int)auth->key_len) ||
	    jwt_get_alg(jwt) != JWT_ALG_HS256)
		return refuse(fault, "the token is not valid");
	return is_in_time(jwt, fault) ? make_grant(jwt, fault) : NULL;
}

struct hc_grant *hc_grant_free(struct hc_grant *grant)
{
	if (!grant)
		return NULL;
	json_decref(grant->publish);
	free(grant->subject);
	free(grant);
	return NULL;
}

bool hc_grant_may_publish(const struct hc_grant *grant, struct hc_str type)
{
	for (size_t i = 0; i < json_array_size(grant->publish); i++) {
		const json_t *item = json_array_get(grant->publish, i);
		struct hc_str pattern = { json_string_value(item), json_string_length(item) };

		if (pattern.s && hc_pattern_check(pattern, NULL) &&
		    hc_pattern_matches(pattern, type))
			return true;
	}
	return false;
}

bool hc_grant_is_admin(const struct hc_grant *grant)
{
	return grant->is_admin;
}

const char *hc_grant_subject(const struct hc_grant *grant)
{
	return grant->subject;
}
