/* SPDX-License-Identifier: MIT */
/*
 * To libwebsockets a stream is an HTTP answer without an end. It keeps neither the header table nor
 * a timeout for it, and does not read from it any more (lookout.h).
 */
#include <libwebsockets.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "proto/pattern.h"
#include "ws/sessions/entry.h"
#include "ws/wire/stream.h"

#define LAST_EVENT_ID "last-event-id:" /* as the library keeps it */

HC_DEFINE_REFUSAL(bad_last_event_id, "400 Bad Request", "invalid_params",
		  "Last-Event-ID must be a position, <epoch>-<sequence>", "");
HC_DEFINE_REFUSAL(bad_types, "400 Bad Request", "invalid_params",
		  "types must be patterns with commas between, as job.*,alert.created", "");
HC_DEFINE_REFUSAL(bad_channel, "400 Bad Request", "invalid_params",
		  "channel must be the name of a channel: GET /api/channels lists them", "");
HC_DEFINE_REFUSAL(too_many, "400 Bad Request", "invalid_params",
		  "these are more patterns than a client may have", "");
HC_DEFINE_REFUSAL(unauthorized, "401 Unauthorized", "unauthorized", "",
		  "WWW-Authenticate: Bearer\r\n");
HC_DEFINE_REFUSAL(bad_token, "401 Unauthorized", "unauthorized", "",
		  "WWW-Authenticate: Bearer error=\"invalid_token\"\r\n");
HC_DEFINE_REFUSAL(forbidden, "403 Forbidden", "forbidden", "", "");
HC_DEFINE_REFUSAL(no_memory, "503 Service Unavailable", "unavailable", "out of memory: try again",
		  "Retry-After: 1\r\n");

/* ---- the request -------------------------------------------------------------------------- */

static const struct hc_refusal *read_last_event_id(struct hc_handshake *handshake, struct lws *wire)
{
	char text[HC_POSITION_MAX];
	int len = lws_hdr_custom_length(wire, LAST_EVENT_ID, sizeof(LAST_EVENT_ID) - 1);

	if (len <= 0)
		return NULL;
	if (len >= (int)sizeof(text) || lws_hdr_custom_copy(wire, text, sizeof(text), LAST_EVENT_ID,
							    sizeof(LAST_EVENT_ID) - 1) < 0)
		return &bad_last_event_id;
	handshake->has_since = true;
	return hc_position_parse(&handshake->since, hc_str(text)) ? NULL : &bad_last_event_id;
}

static const struct hc_refusal *add(struct hc_stream_request *request, enum hc_subscribed_by by,
				    const char *text, const struct hc_hub *hub)
{
	if (!request->subscription)
		request->subscription = hc_subscription_new();
	if (!request->subscription || !hc_subscription_add(request->subscription, by, hc_str(text)))
		return &no_memory;
	return hc_subscription_count(request->subscription) > hub->conf->clients.patterns_max
		       ? &too_many
		       : NULL;
}

static const struct hc_refusal *read_types(struct hc_stream_request *request, char *list,
					   const struct hc_hub *hub)
{
	const struct hc_refusal *refusal = NULL;

	for (const char *item; !refusal && (item = strsep(&list, ","));)
		refusal = hc_pattern_check(hc_str(item), &request->fault)
				  ? add(request, HC_BY_PATTERN, item, hub)
				  : &bad_types;
	return refusal;
}

static const struct hc_refusal *read_argument(void *user, char *argument, const struct hc_hub *hub)
{
	static const char types[] = "types=", channel[] = "channel=";
	struct hc_stream_request *request = user;

	if (!strncmp(argument, types, sizeof(types) - 1))
		return read_types(request, argument + sizeof(types) - 1, hub);
	if (strncmp(argument, channel, sizeof(channel) - 1) != 0)
		return NULL; /* read with the handshake, or not ours */
	argument += sizeof(channel) - 1;
	return hc_types_has_channel(hub->types, hc_str(argument))
		       ? add(request, HC_BY_CHANNEL, argument, hub)
		       : &bad_channel;
}

/* A stream sends no token later, and is told in HTTP what a WebSocket is told by its close. */
static const struct hc_refusal *judge(struct hc_stream_request *request, const struct hc_hub *hub)
{
	struct hc_refusal *refusal = &request->refusal;

	switch (hc_entry_judge(&request->grant, hub, &request->handshake, &request->fault)) {
	case HC_ENTRY_OK_:
		return NULL;
	case HC_ENTRY_E_WAIT:
		*refusal = unauthorized;
		break;
	case HC_ENTRY_E_FORBIDDEN:
		*refusal = forbidden;
		break;
	default:
		*refusal = bad_token;
	}
	refusal->detail = request->fault.message;
	return refusal;
}

const struct hc_refusal *hc_stream_request_read(struct hc_stream_request *request,
						const struct hc_hub *hub, struct lws *wire)
{
	const struct hc_refusal *refusal;

	refusal = hc_handshake_read_plain(&request->handshake, hub, wire);
	if (!refusal)
		refusal = read_last_event_id(&request->handshake, wire);
	if (!refusal)
		refusal = hc_handshake_read_arguments(wire, read_argument, request, hub);
	return refusal ? refusal : judge(request, hub);
}

void hc_stream_request_deinit(struct hc_stream_request *request)
{
	request->subscription = hc_subscription_free(request->subscription);
	request->grant = hc_grant_unref(request->grant);
}

/* ---- the answer --------------------------------------------------------------------------- */

/* A peer that is gone without a word: nobody pings it, but it must acknowledge the heartbeat. */
static void expect_acknowledgements(struct lws *wire, const struct hc_hub *hub)
{
	const struct hc_conf *conf = hub->conf;
	unsigned int ms = conf->clients.pong_timeout_ms > conf->clients.stall_timeout_ms
				  ? conf->clients.pong_timeout_ms
				  : conf->clients.stall_timeout_ms;

	/* TCP only; on a UNIX socket it fails, and need not be. */
	(void)setsockopt(lws_get_socket_fd(wire), IPPROTO_TCP, TCP_USER_TIMEOUT, &ms, sizeof(ms));
}

/* The page was allowed by its origin before, so it may have what a WebSocket would give it. */
static void append_cors(struct hc_buffer *head, const char *origin)
{
	if (origin[0])
		hc_buffer_printf(head,
				 "Access-Control-Allow-Origin: %s\r\n"
				 "Access-Control-Allow-Credentials: true\r\n",
				 origin);
	hc_buffer_append_str(head, HC_STR("Vary: Origin\r\n"));
}

static bool send_head(struct lws *wire, const char *origin)
{
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer head = HC_BUFFER_NULL;
	char before[LWS_PRE] = { 0 }; /* the library wants that room */

	hc_buffer_append(&head, before, sizeof(before));
	hc_buffer_append_str(&head, HC_STR("HTTP/1.1 200 OK\r\n"
					   "Content-Type: text/event-stream\r\n"
					   "Cache-Control: no-store\r\n"
					   "X-Accel-Buffering: no\r\n"
					   "Connection: close\r\n"));
	append_cors(&head, origin);
	hc_buffer_append_str(&head, HC_STR("\r\n"));
	if (head.failed)
		return false;
	return lws_write(wire, (unsigned char *)head.data + LWS_PRE, head.len - LWS_PRE,
			 LWS_WRITE_HTTP) >= 0;
}

bool hc_stream_begin(struct lws *wire, const struct hc_hub *hub,
		     const struct hc_stream_request *request)
{
	if (!send_head(wire, request->handshake.origin))
		return false;
	(void)lws_http_mark_sse(wire);
	lws_set_timeout(wire, NO_PENDING_TIMEOUT, 0);
	expect_acknowledgements(wire, hub);
	return true;
}
