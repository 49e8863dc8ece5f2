/* SPDX-License-Identifier: MIT */
#include <strings.h>

#include "proto/base64url.h"
#include "proto/fault.h"
#include "proto/json.h"
#include "ws/auth/jwt.h"

static bool refuse(struct hc_fault *fault)
{
	hc_fault_set(fault, HC_FAULT_UNAUTHORIZED, "the token is not valid");
	return false;
}

/* A part that is a JSON object; NULL if it is none. */
static json_t *read_object(struct hc_str part)
{
	char text[HC_JWT_LEN_MAX];
	ssize_t len = hc_base64url_decode(text, part);
	json_t *object = len < 0 ? NULL : hc_json_parse((struct hc_str){ text, (size_t)len }, NULL);

	if (json_is_object(object))
		return object;
	json_decref(object);
	return NULL;
}

/* A media type, whatever its case, with or without its first half: RFC 7515 section 4.1.9. */
static bool is_type(const char *type)
{
	static const char application[] = "application/";

	if (!strncasecmp(type, application, sizeof(application) - 1))
		type += sizeof(application) - 1;
	return !strcasecmp(type, "JWT") || !strcasecmp(type, "at+jwt");
}

static bool check_header(struct hc_jwt *jwt)
{
	const json_t *type = json_object_get(jwt->header, "typ");

	jwt->algorithm = json_string_value(json_object_get(jwt->header, "alg"));
	if (!jwt->algorithm || json_object_get(jwt->header, "crit"))
		return false;
	return !type || (json_is_string(type) && is_type(json_string_value(type)));
}

/* The text up to the first dot, which is dropped; false if there is none. */
static bool take_part(struct hc_str *ret, struct hc_str *rest)
{
	const char *dot = rest->len ? memchr(rest->s, '.', rest->len) : NULL;

	if (!dot)
		return false;
	*ret = (struct hc_str){ rest->s, (size_t)(dot - rest->s) };
	rest->s = dot + 1;
	rest->len -= ret->len + 1;
	return true;
}

bool hc_jwt_read(struct hc_jwt *jwt, struct hc_str token, struct hc_fault *fault)
{
	struct hc_str header, rest = token;
	ssize_t len;

	*jwt = HC_JWT_NULL;
	if (token.len > HC_JWT_LEN_MAX || !take_part(&header, &rest) ||
	    !take_part(&jwt->claims_text, &rest) || header.len > HC_JWT_HEADER_LEN_MAX)
		return refuse(fault);
	jwt->signed_text = (struct hc_str){ token.s, (size_t)(rest.s - 1 - token.s) };
	len = hc_base64url_decode(jwt->signature, rest); /* which has no further dot */
	if (len <= 0)
		return refuse(fault);
	jwt->signature_len = (size_t)len;
	jwt->header = read_object(header);
	return (jwt->header && check_header(jwt)) || refuse(fault);
}

void hc_jwt_deinit(struct hc_jwt *jwt)
{
	json_decref(jwt->header);
	*jwt = HC_JWT_NULL;
}

json_t *hc_jwt_claims(const struct hc_jwt *jwt, struct hc_fault *fault)
{
	json_t *claims = read_object(jwt->claims_text);

	if (!claims)
		(void)refuse(fault);
	return claims;
}
