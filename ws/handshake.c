/* SPDX-License-Identifier: MIT */
/*
 * Requests are read from libwebsockets' header tables, and checked for what it lets through: other
 * versions and methods, HTTP/1.0, keys of any length (RFC 6455 section 4.2.1).
 *
 * lws_hdr_copy() fails for a header that is too long: that must never pass for absent. Answers are
 * written here, because the library's own begin with HTTP/1.0 while an upgrade is pending.
 */
#include <libwebsockets.h>
#include <stdio.h>

#include "ws/handshake.h"

#define PATH_BYTES_MAX	    256	 /* no endpoint is longer */
#define ARGUMENT_BYTES_MAX  4352 /* "token=" and the longest token */
#define PROTOCOLS_BYTES_MAX 128	 /* the library refuses longer lists */
#define KEY_LEN		    24	 /* characters: 16 bytes in base64 */

#define DEFINE_REFUSAL(name, status, code, detail, header) \
	static const struct hc_refusal name = { status, code, detail, header }

DEFINE_REFUSAL(bad_key, "400 Bad Request", "malformed",
	       "Sec-WebSocket-Key must be 16 bytes in base64", "");
DEFINE_REFUSAL(bad_protocol, "400 Bad Request", "invalid_params",
	       "the subprotocols here are " HC_SUBPROTOCOL " and none", "");
DEFINE_REFUSAL(bad_since, "400 Bad Request", "invalid_params",
	       "since must be a position, <epoch>-<sequence>", "");
DEFINE_REFUSAL(no_endpoint, "404 Not Found", "not_found", "there is no such WebSocket endpoint",
	       "");
DEFINE_REFUSAL(bad_method, "405 Method Not Allowed", "method_not_allowed",
	       "a WebSocket is opened with GET", "Allow: GET\r\n");
DEFINE_REFUSAL(no_upgrade, "426 Upgrade Required", "upgrade_required",
	       "this is a WebSocket endpoint", "Upgrade: websocket\r\n");
DEFINE_REFUSAL(bad_version, "426 Upgrade Required", "upgrade_required",
	       "the WebSocket version must be 13", "Sec-WebSocket-Version: 13\r\n");
DEFINE_REFUSAL(too_long, "431 Request Header Fields Too Large", "too_large",
	       "the path, an argument or a header is too long", "");
DEFINE_REFUSAL(draining, "503 Service Unavailable", "unavailable", "the hub is stopping: try again",
	       "Retry-After: 1\r\n");
DEFINE_REFUSAL(bad_http, "505 HTTP Version Not Supported", "malformed",
	       "a WebSocket needs HTTP/1.1", "");

/* ---- reading ------------------------------------------------------------------------------ */

/* Whether the header is there and is @value, whatever its case. */
static bool header_is(struct lws *wire, enum lws_token_indexes header, const char *value)
{
	char text[64];

	return lws_hdr_copy(wire, text, sizeof(text), header) > 0 && !strcasecmp(text, value);
}

static bool has_key(struct lws *wire)
{
	static const char base64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				     "0123456789+/";
	char key[KEY_LEN + 1];

	return lws_hdr_copy(wire, key, sizeof(key), WSI_TOKEN_KEY) == KEY_LEN &&
	       strspn(key, base64) == KEY_LEN - 2 && !strcmp(key + KEY_LEN - 2, "==");
}

/* The library drops a client that names none it knows without a word. */
static bool has_our_protocol(struct lws *wire)
{
	char list[PROTOCOLS_BYTES_MAX], *rest = list;

	if (!lws_hdr_total_length(wire, WSI_TOKEN_PROTOCOL))
		return true;
	if (lws_hdr_copy(wire, list, sizeof(list), WSI_TOKEN_PROTOCOL) <= 0)
		return false;
	for (const char *item; (item = strsep(&rest, ", \t"));)
		if (!strcmp(item, HC_SUBPROTOCOL))
			return true;
	return false;
}

static const struct hc_refusal *read_path(struct hc_handshake *ret, const struct hc_hub *hub,
					  struct lws *wire)
{
	char path[PATH_BYTES_MAX];
	int len = lws_hdr_copy(wire, path, sizeof(path), WSI_TOKEN_GET_URI);
	struct hc_route route;

	if (len < 0)
		return &too_long;
	if (!len)
		return &bad_method;
	if (!hc_endpoints_find(&route, hub->endpoints, (struct hc_str){ path, (size_t)len }))
		return &no_endpoint;
	if (route.is_sse || route.endpoint->auth != HC_ENDPOINT_OPEN)
		return &no_endpoint;
	ret->endpoint = route.endpoint;
	ret->encoding = route.endpoint->encoding;
	return NULL;
}

static const struct hc_refusal *read_argument(struct hc_handshake *ret, struct hc_str argument)
{
	static const struct hc_str name = { "since=", 6 };

	if (argument.len < name.len || memcmp(argument.s, name.s, name.len) != 0)
		return NULL; /* others are not ours to judge */
	argument.s += name.len;
	argument.len -= name.len;
	ret->has_since = true;
	return hc_position_parse(&ret->since, argument) ? NULL : &bad_since;
}

static const struct hc_refusal *read_arguments(struct hc_handshake *ret, struct lws *wire)
{
	const struct hc_refusal *refusal = NULL;
	char argument[ARGUMENT_BYTES_MAX];

	for (int i = 0; !refusal; i++) {
		int len = lws_hdr_fragment_length(wire, WSI_TOKEN_HTTP_URI_ARGS, i);

		if (!len)
			break;
		if (lws_hdr_copy_fragment(wire, argument, sizeof(argument), WSI_TOKEN_HTTP_URI_ARGS,
					  i) < 0)
			return &too_long;
		refusal = read_argument(ret, (struct hc_str){ argument, (size_t)len });
	}
	return refusal;
}

const struct hc_refusal *hc_handshake_read(struct hc_handshake *ret, const struct hc_hub *hub,
					   struct lws *wire)
{
	struct hc_handshake handshake = { 0 };
	const struct hc_refusal *refusal = read_path(&handshake, hub, wire);

	if (refusal)
		return refusal;
	if (!header_is(wire, WSI_TOKEN_HTTP, "HTTP/1.1"))
		return &bad_http;
	if (!header_is(wire, WSI_TOKEN_VERSION, "13"))
		return &bad_version;
	if (!has_key(wire))
		return &bad_key;
	if (!has_our_protocol(wire))
		return &bad_protocol;
	refusal = read_arguments(&handshake, wire);
	if (!refusal && hub->draining)
		refusal = &draining;
	if (!refusal)
		*ret = handshake;
	return refusal;
}

const struct hc_refusal *hc_handshake_read_plain(const struct hc_hub *hub, struct lws *wire)
{
	struct hc_handshake handshake = { 0 };
	const struct hc_refusal *refusal = read_path(&handshake, hub, wire);

	return refusal ? refusal : &no_upgrade;
}

/* ---- refusing ----------------------------------------------------------------------------- */

void hc_handshake_refuse(struct lws *wire, const struct hc_refusal *refusal)
{
	char body[384], response[LWS_PRE + 1024];
	int body_len, len;

	body_len = snprintf(body, sizeof(body),
			    "{\"type\":\"urn:hostcast:problem:%s\",\"title\":\"%s\","
			    "\"status\":%.3s,\"detail\":\"%s\"}",
			    refusal->code, refusal->status + 4, refusal->status, refusal->detail);
	len = snprintf(response + LWS_PRE, sizeof(response) - LWS_PRE,
		       "HTTP/1.1 %s\r\n"
		       "Content-Type: application/problem+json\r\n"
		       "Content-Length: %d\r\n"
		       "Cache-Control: no-store\r\n"
		       "Connection: close\r\n"
		       "%s\r\n%s",
		       refusal->status, body_len, refusal->header, body);
	/* If it cannot be written, the connection closes without it. */
	(void)lws_write(wire, (unsigned char *)response + LWS_PRE, (size_t)len,
			LWS_WRITE_HTTP_FINAL);
}
