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

#include "proto/json.h"
#include "ws/fanout/compression.h"
#include "ws/wire/handshake.h"

#define PATH_BYTES_MAX	     256  /* no endpoint is longer */
#define ARGUMENT_BYTES_MAX   4352 /* "token=" and the longest token; many types of a stream */
#define PROTOCOLS_BYTES_MAX  128  /* the library refuses longer lists */
#define COOKIES_BYTES_MAX    8192 /* of all cookies for this host */
#define HOST_BYTES_MAX	     300  /* a name of 253, a port */
#define TICKET_PREFIX	     "ticket."
#define COOKIE_NAME	     "hostcast_token="
#define CONNECTION_BYTES_MAX 128 /* the library refuses longer ones */
#define BLANKS		     " \t"
#define BLANKS_MAX	     64 /* around a token */
#define KEY_LEN		     24 /* characters: 16 bytes in base64 */

HC_DEFINE_REFUSAL(bad_host, "400 Bad Request", "malformed", "there must be one Host", "");
HC_DEFINE_REFUSAL(bad_connection, "400 Bad Request", "malformed", "Connection must name Upgrade",
		  "");
HC_DEFINE_REFUSAL(bad_key, "400 Bad Request", "malformed",
		  "Sec-WebSocket-Key must be 16 bytes in base64", "");
HC_DEFINE_REFUSAL(bad_cookies, "400 Bad Request", "malformed", "there is a NUL in the cookies", "");
HC_DEFINE_REFUSAL(bad_protocol, "400 Bad Request", "invalid_params",
		  "the subprotocols here are " HC_SUBPROTOCOL ", " HC_SUBPROTOCOL_CLOUDEVENTS
		  " and none; ticket.<ticket> stands beside one of them",
		  "");
HC_DEFINE_REFUSAL(
	query_token, "400 Bad Request", "invalid_params",
	"a token in the URL is not taken here: send it in Authorization, in a cookie or as the "
	"first message",
	"");
HC_DEFINE_REFUSAL(bad_origin, "403 Forbidden", "forbidden",
		  "pages of this origin may not connect: [clients] origins lists those that may",
		  "");
HC_DEFINE_REFUSAL(bad_since, "400 Bad Request", "invalid_params",
		  "since must be a position, <epoch>-<sequence>", "");
HC_DEFINE_REFUSAL(no_endpoint, "404 Not Found", "not_found", "there is no such endpoint", "");
HC_DEFINE_REFUSAL(bad_method, "405 Method Not Allowed", "method_not_allowed",
		  "only GET opens a WebSocket or a stream", "Allow: GET\r\n");
HC_DEFINE_REFUSAL(no_upgrade, "426 Upgrade Required", "upgrade_required",
		  "this is a WebSocket endpoint", "Upgrade: websocket\r\n");
HC_DEFINE_REFUSAL(bad_version, "426 Upgrade Required", "upgrade_required",
		  "the WebSocket version must be 13", "Sec-WebSocket-Version: 13\r\n");
HC_DEFINE_REFUSAL(too_long, "431 Request Header Fields Too Large", "too_large",
		  "the path, an argument or a header is too long", "");
HC_DEFINE_REFUSAL(draining, "503 Service Unavailable", "unavailable",
		  "the hub is stopping: try again", "Retry-After: 1\r\n");
HC_DEFINE_REFUSAL(full, "503 Service Unavailable", "unavailable",
		  "there are as many clients as may be: try again later", "Retry-After: 10\r\n");
HC_DEFINE_REFUSAL(full_address, "503 Service Unavailable", "unavailable",
		  "there are as many clients from your address as may be: close one of them",
		  "Retry-After: 10\r\n");
HC_DEFINE_REFUSAL(full_user, "503 Service Unavailable", "unavailable",
		  "there are as many clients of your user as may be: close one of them",
		  "Retry-After: 10\r\n");
HC_DEFINE_REFUSAL(bad_http, "505 HTTP Version Not Supported", "malformed",
		  "a WebSocket needs HTTP/1.1", "");
HC_DEFINE_REFUSAL(bad_plain_http, "505 HTTP Version Not Supported", "malformed",
		  "a stream is served over HTTP/1.1 or 1.0", "");

/* ---- reading ------------------------------------------------------------------------------ */

/* Whether the header is there and is @value, letter by letter. */
static bool header_is(struct lws *wire, enum lws_token_indexes header, const char *value)
{
	char text[64];

	return lws_hdr_copy(wire, text, sizeof(text), header) > 0 && !strcmp(text, value);
}

/* One, without a NUL, which the library lets through (RFC 9110 section 5.5, 9112 section 3.2). */
static bool has_one_host(struct lws *wire)
{
	char host[HOST_BYTES_MAX];
	int len = lws_hdr_copy_fragment(wire, host, sizeof(host), WSI_TOKEN_HOST, 0);

	return len > 0 && strlen(host) == (size_t)len &&
	       !lws_hdr_fragment_length(wire, WSI_TOKEN_HOST, 1);
}

/* The library takes any beginning of the word, and drops others without a word. */
static bool has_upgrade(struct lws *wire)
{
	char list[CONNECTION_BYTES_MAX], *rest = list;

	if (lws_hdr_copy(wire, list, sizeof(list), WSI_TOKEN_CONNECTION) <= 0)
		return false;
	for (const char *item; (item = strsep(&rest, ", \t"));)
		if (!strcasecmp(item, "Upgrade"))
			return true;
	return false;
}

static bool has_key(struct lws *wire)
{
	static const char base64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				     "0123456789+/";
	char key[KEY_LEN + 1];

	return lws_hdr_copy(wire, key, sizeof(key), WSI_TOKEN_KEY) == KEY_LEN &&
	       strspn(key, base64) == KEY_LEN - 2 && !strcmp(key + KEY_LEN - 2, "==");
}

static bool starts_with(const char *text, const char *prefix)
{
	return !strncmp(text, prefix, strlen(prefix));
}

/* Without the blanks around it, which are none of a header's value (RFC 9110 section 5.5). */
static char *trim(char *text)
{
	char *end = text + strlen(text);

	while (end > text && strchr(BLANKS, end[-1]))
		*--end = '\0';
	return text + strspn(text, BLANKS);
}

/* Keeps the first, in the order of reading. One that is too long is no good: as good as empty. */
static void set_secret(struct hc_handshake *ret, enum hc_credential credential, const char *text)
{
	size_t len = strlen(text);

	if (ret->credential)
		return;
	ret->credential = credential;
	if (len < sizeof(ret->secret))
		memcpy(ret->secret, text, len + 1);
}

/*
 * The library takes the first it knows, and drops a client that names none of them without a word.
 */
static const struct hc_refusal *read_protocols(struct hc_handshake *ret, struct lws *wire)
{
	char list[PROTOCOLS_BYTES_MAX], *rest = list;
	bool is_chosen = false;

	if (!lws_hdr_total_length(wire, WSI_TOKEN_PROTOCOL))
		return NULL;
	if (lws_hdr_copy(wire, list, sizeof(list), WSI_TOKEN_PROTOCOL) <= 0)
		return &bad_protocol;
	for (const char *item; (item = strsep(&rest, ", \t"));) {
		bool is_native = !strcmp(item, HC_SUBPROTOCOL);
		bool is_cloudevents = !strcmp(item, HC_SUBPROTOCOL_CLOUDEVENTS);

		if (starts_with(item, TICKET_PREFIX))
			set_secret(ret, HC_CREDENTIAL_TICKET, item + strlen(TICKET_PREFIX));
		if (is_chosen || (!is_native && !is_cloudevents))
			continue;
		is_chosen = true;
		ret->is_greeted = is_native;
		if (is_cloudevents)
			ret->encoding.envelope = HC_ENVELOPE_CLOUDEVENTS;
	}
	return is_chosen ? NULL : &bad_protocol;
}

static const struct hc_refusal *read_path(struct hc_handshake *ret, const struct hc_hub *hub,
					  struct lws *wire)
{
	char path[PATH_BYTES_MAX];
	int len = lws_hdr_copy(wire, path, sizeof(path), WSI_TOKEN_GET_URI);
	struct hc_route route;

	if (len < 0)
		return &too_long;
	if (!len) /* the library keeps the path of each method in a place of its own */
		return &bad_method;
	if (!hc_endpoints_find(&route, hub->endpoints, (struct hc_str){ path, (size_t)len }) ||
	    route.user.len >= sizeof(ret->user))
		return &no_endpoint;
	ret->is_sse = route.is_sse;
	ret->endpoint = route.endpoint;
	ret->encoding = route.endpoint->encoding;
	if (route.user.len)
		memcpy(ret->user, route.user.s, route.user.len);
	return NULL;
}

/* Several Origin headers are one text to the library, and that is on no list. */
static const struct hc_refusal *read_origin(struct hc_handshake *ret, const struct hc_hub *hub,
					    struct lws *wire)
{
	char host[HOST_BYTES_MAX];

	if (!lws_hdr_total_length(wire, WSI_TOKEN_ORIGIN))
		return NULL;
	if (lws_hdr_copy(wire, ret->origin, sizeof(ret->origin), WSI_TOKEN_ORIGIN) <= 0)
		return &bad_origin;
	if (lws_hdr_copy(wire, host, sizeof(host), WSI_TOKEN_HOST) < 0)
		return &too_long;
	return hc_origin_is_allowed(&hub->conf->clients.origins, hc_str(ret->origin), hc_str(host))
		       ? NULL
		       : &bad_origin;
}

/* Not one that is too long, nor one with a NUL in it, which the library lets through. */
static bool copy_text(struct lws *wire, char *ret, int size, enum lws_token_indexes header)
{
	int len = lws_hdr_copy(wire, ret, size, header);

	return len > 0 && strlen(ret) == (size_t)len;
}

/* Other schemes than Bearer are for whoever stands before us. */
static void read_authorization(struct hc_handshake *ret, struct lws *wire)
{
	static const char scheme[] = "Bearer";
	char text[sizeof(scheme) + BLANKS_MAX + HC_JWT_LEN_MAX], *rest;

	if (!lws_hdr_total_length(wire, WSI_TOKEN_HTTP_AUTHORIZATION))
		return;
	if (!copy_text(wire, text, sizeof(text), WSI_TOKEN_HTTP_AUTHORIZATION)) {
		set_secret(ret, HC_CREDENTIAL_TOKEN, "");
		return;
	}
	rest = trim(text);
	if (strncasecmp(rest, scheme, sizeof(scheme) - 1) != 0)
		return;
	rest += sizeof(scheme) - 1;
	if (!*rest || strchr(BLANKS, *rest))
		set_secret(ret, HC_CREDENTIAL_TOKEN, trim(rest));
}

static const struct hc_refusal *read_cookies(struct hc_handshake *ret, struct lws *wire)
{
	char cookies[COOKIES_BYTES_MAX], *rest = cookies;
	int len = lws_hdr_total_length(wire, WSI_TOKEN_HTTP_COOKIE);

	if (!len)
		return NULL;
	if (!copy_text(wire, cookies, sizeof(cookies), WSI_TOKEN_HTTP_COOKIE))
		return len < (int)sizeof(cookies) ? &bad_cookies : &too_long;
	for (const char *item; (item = strsep(&rest, ";" BLANKS));)
		if (starts_with(item, COOKIE_NAME))
			set_secret(ret, HC_CREDENTIAL_TOKEN, item + strlen(COOKIE_NAME));
	return NULL;
}

static const struct hc_refusal *read_since(struct hc_handshake *ret, const char *text)
{
	ret->has_since = true;
	return hc_position_parse(&ret->since, hc_str(text)) ? NULL : &bad_since;
}

/* Arguments that are not ours are not ours to judge. */
static const struct hc_refusal *read_argument(void *user, char *argument, const struct hc_hub *hub)
{
	struct hc_handshake *ret = user;

	if (starts_with(argument, "since="))
		return read_since(ret, argument + strlen("since="));
	if (!starts_with(argument, "token="))
		return NULL;
	if (!hub->conf->auth.query_token)
		return &query_token;
	set_secret(ret, HC_CREDENTIAL_TOKEN, argument + strlen("token="));
	return NULL;
}

const struct hc_refusal *hc_handshake_read_arguments(struct lws *wire, hc_argument_fn *read,
						     void *user, const struct hc_hub *hub)
{
	const struct hc_refusal *refusal = NULL;
	char argument[ARGUMENT_BYTES_MAX];

	for (int i = 0; !refusal; i++) {
		/* An empty one has no length either, as what is behind the last. */
		int len = lws_hdr_fragment_length(wire, WSI_TOKEN_HTTP_URI_ARGS, i);

		if (len >= (int)sizeof(argument))
			return &too_long;
		if (lws_hdr_copy_fragment(wire, argument, sizeof(argument), WSI_TOKEN_HTTP_URI_ARGS,
					  i) < 0)
			break;
		refusal = read(user, argument, hub);
	}
	return refusal;
}

/* What the request is, before what it is about: RFC 6455 section 4.2.1. */
static const struct hc_refusal *check_request(struct lws *wire)
{
	if (!header_is(wire, WSI_TOKEN_HTTP, "HTTP/1.1"))
		return &bad_http;
	if (!has_one_host(wire))
		return &bad_host;
	if (!has_upgrade(wire))
		return &bad_connection;
	if (!header_is(wire, WSI_TOKEN_VERSION, "13"))
		return &bad_version;
	return has_key(wire) ? NULL : &bad_key;
}

/* RFC 9112 section 3.2; before HTTP/1.1 there was no Host. */
static const struct hc_refusal *check_plain_request(struct lws *wire)
{
	if (header_is(wire, WSI_TOKEN_HTTP, "HTTP/1.0"))
		return NULL;
	if (!header_is(wire, WSI_TOKEN_HTTP, "HTTP/1.1"))
		return &bad_plain_http;
	return has_one_host(wire) ? NULL : &bad_host;
}

/* What is given explicitly goes before the cookie, which a browser sends along by itself. */
static const struct hc_refusal *read_credential(struct hc_handshake *ret, const struct hc_hub *hub,
						struct lws *wire)
{
	const struct hc_refusal *refusal;

	read_authorization(ret, wire);
	refusal = read_protocols(ret, wire);
	if (!refusal)
		refusal = hc_handshake_read_arguments(wire, read_argument, ret, hub);
	return refusal ? refusal : read_cookies(ret, wire);
}

/* Who it is, once it is known what it wants. */
static const struct hc_refusal *read_client(struct hc_handshake *ret, const struct hc_hub *hub,
					    struct lws *wire)
{
	const struct hc_refusal *refusal = read_origin(ret, hub, wire);

	if (!refusal)
		refusal = read_credential(ret, hub, wire);
	return !refusal && hub->draining ? &draining : refusal;
}

bool hc_handshake_wants_deflate(const struct hc_hub *hub, struct lws *wire)
{
	char offers[HC_COMPRESSION_OFFER_MAX + 1];

	return hub->conf->clients.compression &&
	       lws_hdr_copy(wire, offers, sizeof(offers), WSI_TOKEN_EXTENSIONS) > 0 &&
	       hc_compression_accepts(hc_str(offers));
}

const struct hc_refusal *hc_handshake_read(struct hc_handshake *ret, const struct hc_hub *hub,
					   struct lws *wire)
{
	const struct hc_refusal *refusal;

	memset(ret, 0, sizeof(*ret));
	refusal = read_path(ret, hub, wire);
	if (!refusal && ret->is_sse)
		refusal = &no_endpoint;
	if (!refusal)
		refusal = check_request(wire);
	if (!refusal)
		refusal = read_client(ret, hub, wire);
	if (!refusal && hc_handshake_wants_deflate(hub, wire))
		ret->encoding.framing = HC_FRAMING_DEFLATE;
	return refusal;
}

const struct hc_refusal *hc_handshake_read_plain(struct hc_handshake *ret, const struct hc_hub *hub,
						 struct lws *wire)
{
	const struct hc_refusal *refusal;

	memset(ret, 0, sizeof(*ret));
	refusal = read_path(ret, hub, wire);
	if (!refusal && !ret->is_sse)
		refusal = &no_upgrade;
	if (!refusal)
		refusal = check_plain_request(wire);
	if (!refusal)
		refusal = read_client(ret, hub, wire);
	ret->encoding.framing = HC_FRAMING_SSE;
	return refusal;
}

const struct hc_refusal *hc_handshake_surplus(enum hc_verdict verdict)
{
	static const struct hc_refusal *const refusals[HC_VERDICT_MAX_] = {
		[HC_VERDICT_FULL] = &full,
		[HC_VERDICT_ADDRESS] = &full_address,
		[HC_VERDICT_USER] = &full_user,
	};

	return refusals[verdict];
}

/* ---- refusing ----------------------------------------------------------------------------- */

static void answer(struct lws *wire, const struct hc_refusal *refusal, bool has_body)
{
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer body = HC_BUFFER_NULL;
	char response[LWS_PRE + 2048];
	int len;

	hc_buffer_printf(&body,
			 "{\"type\":\"urn:hostcast:problem:%s\",\"title\":\"%s\","
			 "\"status\":%.3s,\"detail\":",
			 refusal->code, refusal->status + 4, refusal->status);
	hc_json_write_str(&body, hc_str(refusal->detail));
	hc_buffer_append(&body, "}", 1);
	len = snprintf(response + LWS_PRE, sizeof(response) - LWS_PRE,
		       "HTTP/1.1 %s\r\n"
		       "Content-Type: application/problem+json\r\n"
		       "Content-Length: %zu\r\n"
		       "Cache-Control: no-store\r\n"
		       "Connection: close\r\n"
		       "%s\r\n%.*s",
		       refusal->status, body.len, refusal->header, has_body ? (int)body.len : 0,
		       body.data);
	if (body.failed || len >= (int)(sizeof(response) - LWS_PRE))
		return; /* it closes without an answer */
	/* If it cannot be written, the connection closes without it. */
	(void)lws_write(wire, (unsigned char *)response + LWS_PRE, (size_t)len,
			LWS_WRITE_HTTP_FINAL);
}

void hc_handshake_refuse(struct lws *wire, const struct hc_refusal *refusal)
{
	answer(wire, refusal, !lws_hdr_total_length(wire, WSI_TOKEN_HEAD_URI));
}

void hc_handshake_refuse_connect(struct lws *wire)
{
	answer(wire, &bad_method, true);
}
