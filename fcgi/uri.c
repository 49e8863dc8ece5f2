/* SPDX-License-Identifier: MIT */
/*
 * Decoding only ever shortens, so one reservation of the encoded length keeps all slices in place.
 *
 * Accepted: "%41", "%c3%a9", "+" as a space in queries only, "a&&b", "a" without "=" (an empty
 * value). Rejected: "%", "%4", "%zz", "%00", escapes that do not make UTF-8.
 */
#include "fcgi/uri.h"
#include "proto/fault.h"
#include "proto/utf8.h"

enum component {
	PATH,
	QUERY,
};

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* Decodes one character; returns the bytes of @raw it took, or 0 for a bad escape. */
static size_t decode_one(char *ret, struct hc_str raw, enum component component)
{
	int high, low;

	if (raw.s[0] != '%') {
		*ret = raw.s[0] == '+' && component == QUERY ? ' ' : raw.s[0];
		return 1;
	}
	if (raw.len < 3)
		return 0;
	high = hex_value(raw.s[1]);
	low = hex_value(raw.s[2]);
	if (high < 0 || low < 0 || (!high && !low))
		return 0;
	*ret = (char)(high << 4 | low);
	return 3;
}

static bool decode(struct hc_str *ret, struct hc_buffer *text, struct hc_str raw,
		   enum component component, struct hc_fault *fault)
{
	size_t start = text->len;
	struct hc_str decoded;

	for (size_t i = 0, n; i < raw.len; i += n) {
		char c;

		n = decode_one(&c, (struct hc_str){ raw.s + i, raw.len - i }, component);
		if (!n) {
			hc_fault_set(fault, HC_FAULT_MALFORMED,
				     "a percent sign without two hexadecimal digits, or %%00");
			return false;
		}
		hc_buffer_append(text, &c, 1);
	}
	decoded = (struct hc_str){ text->data + start, text->len - start };
	if (!hc_utf8_valid(decoded)) {
		hc_fault_set(fault, HC_FAULT_MALFORMED, "the address is not UTF-8");
		return false;
	}
	*ret = decoded;
	return true;
}

static bool reserve(struct hc_buffer *text, size_t len, struct hc_fault *fault)
{
	hc_buffer_reset(text);
	if (hc_buffer_reserve(text, len + 1))
		return true;
	hc_fault_set(fault, HC_FAULT_INTERNAL, "out of memory");
	return false;
}

/* Cuts @rest behind the next separator; returns what stood before it. */
static struct hc_str next_part(struct hc_str *rest, char separator)
{
	const char *end = rest->len ? memchr(rest->s, separator, rest->len) : NULL;
	struct hc_str part = *rest;

	if (!end) {
		*rest = (struct hc_str){ NULL, 0 };
		return part;
	}
	part.len = (size_t)(end - part.s);
	rest->s = end + 1;
	rest->len -= part.len + 1;
	return part;
}

/* ---- paths -------------------------------------------------------------------------------- */

struct hc_str hc_uri_path(struct hc_str target)
{
	size_t i = 0, start;

	if (target.len && target.s[0] != '/') {
		const char *scheme = memmem(target.s, target.len, "://", 3);

		i = scheme ? (size_t)(scheme - target.s) + 3 : 0;
		while (i < target.len && target.s[i] != '/' && target.s[i] != '?')
			i++;
	}
	start = i;
	while (i < target.len && target.s[i] != '?' && target.s[i] != '#')
		i++;
	return i == start ? HC_STR("/") : (struct hc_str){ target.s + start, i - start };
}

bool hc_path_parse(struct hc_path *path, struct hc_str raw, struct hc_fault *fault)
{
	bool last;

	path->n = 0;
	if (!reserve(&path->text, raw.len, fault))
		return false;
	if (raw.len && raw.s[0] == '/')
		raw = (struct hc_str){ raw.s + 1, raw.len - 1 };
	if (raw.len && raw.s[raw.len - 1] == '/')
		raw.len--;
	if (!raw.len)
		return true;
	do {
		last = !raw.len || !memchr(raw.s, '/', raw.len);
		if (path->n == HC_PATH_SEGMENTS_MAX) {
			hc_fault_set(fault, HC_FAULT_NOT_FOUND, "there is nothing at this path");
			return false;
		}
		if (!decode(&path->segments[path->n], &path->text, next_part(&raw, '/'), PATH,
			    fault))
			return false;
		path->n++;
	} while (!last);
	return true;
}

void hc_path_deinit(struct hc_path *path)
{
	hc_buffer_deinit(&path->text);
	path->n = 0;
}

/* ---- queries ------------------------------------------------------------------------------ */

static bool parse_field(struct hc_query *query, struct hc_str part, struct hc_fault *fault)
{
	struct hc_query_field *field;
	struct hc_str name;

	if (query->n == HC_QUERY_FIELDS_MAX) {
		hc_fault_set(fault, HC_FAULT_TOO_LARGE, "a query may have %d parameters",
			     HC_QUERY_FIELDS_MAX);
		return false;
	}
	field = &query->fields[query->n];
	name = next_part(&part, '=');
	if (!decode(&field->name, &query->text, name, QUERY, fault) ||
	    !decode(&field->value, &query->text, part, QUERY, fault))
		return false;
	query->n++;
	return true;
}

bool hc_query_parse(struct hc_query *query, struct hc_str raw, struct hc_fault *fault)
{
	query->n = 0;
	if (!reserve(&query->text, raw.len, fault))
		return false;
	while (raw.len) {
		struct hc_str part = next_part(&raw, '&');

		if (part.len && !parse_field(query, part, fault))
			return false;
	}
	return true;
}

void hc_query_deinit(struct hc_query *query)
{
	hc_buffer_deinit(&query->text);
	query->n = 0;
}

static const struct hc_query_rule *find_rule(const struct hc_query_rule *rules, size_t n,
					     struct hc_str name)
{
	for (size_t i = 0; i < n; i++)
		if (hc_str_is(name, rules[i].name))
			return &rules[i];
	return NULL;
}

static bool seen_before(const struct hc_query *query, size_t index)
{
	for (size_t i = 0; i < index; i++)
		if (hc_str_equal(query->fields[i].name, query->fields[index].name))
			return true;
	return false;
}

bool hc_query_check(const struct hc_query *query, const struct hc_query_rule *rules, size_t n_rules,
		    struct hc_fault *fault)
{
	for (size_t i = 0; i < query->n; i++) {
		struct hc_str name = query->fields[i].name;
		const struct hc_query_rule *rule = find_rule(rules, n_rules, name);

		if (rule && (rule->may_repeat || !seen_before(query, i)))
			continue;
		hc_fault_set(fault, HC_FAULT_INVALID_PARAMS,
			     rule ? "query parameter \"%.*s\" is given twice"
				  : "there is no query parameter \"%.*s\"",
			     (int)name.len, name.s);
		return false;
	}
	return true;
}

struct hc_str hc_query_get(const struct hc_query *query, const char *name)
{
	for (size_t i = 0; i < query->n; i++)
		if (hc_str_is(query->fields[i].name, name))
			return query->fields[i].value;
	return (struct hc_str){ NULL, 0 };
}
