/* SPDX-License-Identifier: MIT */
#include <assert.h>
#include <stdlib.h>

#include "proto/fault.h"
#include "proto/pattern.h"
#include "ws/auth/grant.h"

#define DATE_MAX_MS 253402300799999.0 /* the end of the year 9999, as RFC 3339 has it */

struct hc_grant {
	unsigned int n_refs;
	char *subject;
	char *id; /* or NULL */
	int64_t issued_unix_ms;
	int64_t expires_unix_ms;
	json_t *subscribe; /* array of valid patterns, or NULL: everything */
	json_t *publish;   /* array of valid patterns, or NULL: nothing */
	bool is_admin;
};

static bool refuse(struct hc_fault *fault, const char *claim, const char *why)
{
	hc_fault_set(fault, HC_FAULT_UNAUTHORIZED, "the token %s (%s)", why, claim);
	return false;
}

/* ---- time ---------------------------------------------------------------------------------- */

/* A NumericDate (RFC 7519 section 2): seconds, with or without a fraction. Absent: *ret stays. */
static bool read_date(int64_t *ret_unix_ms, const json_t *claims, const char *claim,
		      struct hc_fault *fault)
{
	const json_t *value = json_object_get(claims, claim);
	double ms;

	if (!value)
		return true;
	if (!json_is_number(value))
		return refuse(fault, claim, "has a time that is not a number");
	ms = json_number_value(value) * 1000;
	ms = ms > DATE_MAX_MS ? DATE_MAX_MS : ms < -DATE_MAX_MS ? -DATE_MAX_MS : ms;
	*ret_unix_ms = (int64_t)ms;
	return true;
}

static bool read_dates(struct hc_grant *grant, const json_t *claims, int64_t now_unix_ms,
		       struct hc_fault *fault)
{
	int64_t not_before_unix_ms = INT64_MIN;

	grant->issued_unix_ms = INT64_MIN;
	if (!json_object_get(claims, "exp"))
		return refuse(fault, "exp", "has no expiry");
	if (!read_date(&grant->expires_unix_ms, claims, "exp", fault) ||
	    !read_date(&not_before_unix_ms, claims, "nbf", fault) ||
	    !read_date(&grant->issued_unix_ms, claims, "iat", fault))
		return false;
	if (grant->expires_unix_ms <= now_unix_ms)
		return refuse(fault, "exp", "has expired");
	if (not_before_unix_ms > now_unix_ms + HC_GRANT_LEEWAY_MS)
		return refuse(fault, "nbf", "is not valid yet");
	if (grant->issued_unix_ms > now_unix_ms + HC_GRANT_LEEWAY_MS)
		return refuse(fault, "iat", "comes from the future");
	return true;
}

/* ---- who and for whom ---------------------------------------------------------------------- */

static bool is_text(const json_t *value, const char *text)
{
	return json_is_string(value) && !strcmp(json_string_value(value), text);
}

static bool check_audience(const json_t *audience, const char *wanted, struct hc_fault *fault)
{
	bool found = !audience || is_text(audience, wanted);

	if (json_is_array(audience)) {
		for (size_t i = 0; i < json_array_size(audience); i++) {
			const json_t *item = json_array_get(audience, i);

			if (!json_is_string(item))
				return refuse(fault, "aud", "has an audience that is not text");
			found = found || is_text(item, wanted);
		}
	}
	return found || refuse(fault, "aud", "is for somebody else");
}

static bool check_issuer(const json_t *issuer, const char *wanted, struct hc_fault *fault)
{
	if (issuer && !json_is_string(issuer))
		return refuse(fault, "iss", "has an issuer that is not text");
	if (!wanted[0] || is_text(issuer, wanted))
		return true;
	return refuse(fault, "iss", "comes from somebody else");
}

static bool copy_text(char **ret, const json_t *value, struct hc_fault *fault)
{
	*ret = strdup(json_string_value(value));
	if (*ret)
		return true;
	hc_fault_set(fault, HC_FAULT_INTERNAL, "out of memory");
	return false;
}

static bool read_names(struct hc_grant *grant, const json_t *claims, struct hc_fault *fault)
{
	const json_t *subject = json_object_get(claims, "sub");
	const json_t *id = json_object_get(claims, "jti");

	if (!json_is_string(subject) || !json_string_length(subject))
		return refuse(fault, "sub", "has no subject");
	if (json_string_length(subject) > HC_GRANT_NAME_MAX)
		return refuse(fault, "sub", "has a subject of more than 256 bytes");
	if (id && (!json_is_string(id) || json_string_length(id) > HC_GRANT_NAME_MAX))
		return refuse(fault, "jti", "has a name that is not text of at most 256 bytes");
	return copy_text(&grant->subject, subject, fault) &&
	       (!id || copy_text(&grant->id, id, fault));
}

/* ---- what it may --------------------------------------------------------------------------- */

static struct hc_str str_of(const json_t *text)
{
	return (struct hc_str){ json_string_value(text), json_string_length(text) };
}

static bool check_patterns(const json_t *patterns)
{
	for (size_t i = 0; i < json_array_size(patterns); i++) {
		const json_t *item = json_array_get(patterns, i);

		if (!json_is_string(item) || !hc_pattern_check(str_of(item), NULL))
			return false;
	}
	return json_is_array(patterns);
}

static bool read_right(struct hc_grant *grant, const char *name, json_t *value,
		       struct hc_fault *fault)
{
	if (!strcmp(name, "admin")) {
		grant->is_admin = json_is_true(value);
		return json_is_boolean(value) ||
		       refuse(fault, "hostcast.admin",
			      "has a right that is neither true nor false");
	}
	if (strcmp(name, "subscribe") && strcmp(name, "publish"))
		return refuse(fault, "hostcast", "has a right that is not known");
	if (!check_patterns(value))
		return refuse(fault, name, "has a right that is not a list of patterns");
	*(name[0] == 's' ? &grant->subscribe : &grant->publish) = json_incref(value);
	return true;
}

static bool read_rights(struct hc_grant *grant, json_t *rights, struct hc_fault *fault)
{
	const char *name;
	json_t *value;

	if (!rights)
		return true;
	if (!json_is_object(rights))
		return refuse(fault, "hostcast", "has rights that are not an object");
	json_object_foreach(rights, name,
			    value) if (!read_right(grant, name, value, fault)) return false;
	return true;
}

/* ---- life ---------------------------------------------------------------------------------- */

struct hc_grant *hc_grant_new(const json_t *claims, const struct hc_grant_wants *wants,
			      struct hc_fault *fault)
{
	HC_CLEANUP(hc_grant_unrefp) struct hc_grant *grant = calloc(1, sizeof(*grant));

	if (!grant) {
		hc_fault_set(fault, HC_FAULT_INTERNAL, "out of memory");
		return NULL;
	}
	grant->n_refs = 1;
	if (!read_dates(grant, claims, wants->now_unix_ms, fault) ||
	    !check_audience(json_object_get(claims, "aud"), wants->audience, fault) ||
	    !check_issuer(json_object_get(claims, "iss"), wants->issuer, fault) ||
	    !read_names(grant, claims, fault) ||
	    !read_rights(grant, json_object_get(claims, "hostcast"), fault))
		return NULL;
	return hc_take(grant);
}

struct hc_grant *hc_grant_ref(struct hc_grant *grant)
{
	grant->n_refs++;
	return grant;
}

struct hc_grant *hc_grant_unref(struct hc_grant *grant)
{
	if (!grant)
		return NULL;
	assert(grant->n_refs);
	if (--grant->n_refs)
		return NULL;
	json_decref(grant->subscribe);
	json_decref(grant->publish);
	free(grant->subject);
	free(grant->id);
	free(grant);
	return NULL;
}

/* ---- questions ----------------------------------------------------------------------------- */

const char *hc_grant_subject(const struct hc_grant *grant)
{
	return grant->subject;
}

const char *hc_grant_id(const struct hc_grant *grant)
{
	return grant->id;
}

int64_t hc_grant_issued_unix_ms(const struct hc_grant *grant)
{
	return grant->issued_unix_ms;
}

int64_t hc_grant_expires_unix_ms(const struct hc_grant *grant)
{
	return grant->expires_unix_ms;
}

bool hc_grant_limits_subscribe(const struct hc_grant *grant)
{
	return grant->subscribe;
}

struct hc_filter hc_grant_filter(const struct hc_grant *grant, const struct hc_types *types)
{
	struct hc_filter filter = HC_FILTER_NONE;

	if (!grant->subscribe)
		(void)hc_filter_add_pattern(&filter, types, HC_STR("*"));
	for (size_t i = 0; i < json_array_size(grant->subscribe); i++)
		(void)hc_filter_add_pattern(&filter, types,
					    str_of(json_array_get(grant->subscribe, i)));
	return filter;
}

bool hc_grant_may_publish(const struct hc_grant *grant, struct hc_str type)
{
	for (size_t i = 0; i < json_array_size(grant->publish); i++)
		if (hc_pattern_matches(str_of(json_array_get(grant->publish, i)), type))
			return true;
	return false;
}

bool hc_grant_is_admin(const struct hc_grant *grant)
{
	return grant->is_admin;
}
