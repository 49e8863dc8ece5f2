/* SPDX-License-Identifier: MIT */
#include <strings.h>

#include "fcgi/request.h"
#include "fcgi/token.h"

#define SCHEME "Bearer"

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static struct hc_str trim(struct hc_str text)
{
	while (text.len && is_blank(text.s[0])) {
		text.s++;
		text.len--;
	}
	while (text.len && is_blank(text.s[text.len - 1]))
		text.len--;
	return text;
}

/* Other schemes are for whoever stands before us, as in the hub. */
static bool is_bearer(struct hc_str *ret_token, struct hc_str header)
{
	const size_t len = sizeof(SCHEME) - 1;

	header = trim(header);
	if (header.len < len || strncasecmp(header.s, SCHEME, len) ||
	    (header.len > len && !is_blank(header.s[len])))
		return false;
	*ret_token = trim((struct hc_str){ header.s + len, header.len - len });
	return true;
}

static struct hc_str from_cookie(struct hc_str header)
{
	const size_t name_len = sizeof(HC_TOKEN_COOKIE) - 1;

	while (header.len) {
		const char *end = memchr(header.s, ';', header.len);
		size_t len = end ? (size_t)(end - header.s) : header.len;
		struct hc_str pair = trim((struct hc_str){ header.s, len });

		if (pair.len > name_len && pair.s[name_len] == '=' &&
		    !memcmp(pair.s, HC_TOKEN_COOKIE, name_len))
			return (struct hc_str){ pair.s + name_len + 1, pair.len - name_len - 1 };
		header.s += len;
		header.len -= len;
		if (end) {
			header.s++;
			header.len--;
		}
	}
	return (struct hc_str){ NULL, 0 };
}

/*
 * Host has the port only where it is not the scheme's own, and so has Origin: they compare as text.
 */
static bool is_same_origin(const struct hc_request *request)
{
	struct hc_str origin = request->origin;
	const char *authority;

	if (!origin.len)
		return true;
	authority = memmem(origin.s, origin.len, "://", 3);
	if (!authority)
		return false; /* "null": a sandboxed frame, a file */
	authority += 3;
	origin.len -= (size_t)(authority - origin.s);
	return origin.len == request->host.len &&
	       !strncasecmp(authority, request->host.s, origin.len);
}

static bool only_reads(struct hc_str method)
{
	return hc_str_is(method, "GET") || hc_str_is(method, "HEAD");
}

struct hc_str hc_token_find(const struct hc_request *request)
{
	struct hc_str token;

	if (is_bearer(&token, request->authorization))
		return token;
	if (!only_reads(request->method) && !is_same_origin(request))
		return (struct hc_str){ NULL, 0 };
	return from_cookie(request->cookie);
}
