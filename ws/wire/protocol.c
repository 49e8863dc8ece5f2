/* SPDX-License-Identifier: MIT */
/*
 * libwebsockets callbacks.
 *
 * The argument of HTTP_CONFIRM_UPGRADE may be freed memory in 4.1.6: the header is read instead.
 * The library's own logging is per client and without limit: it goes to debug.
 */
#include <errno.h>
#include <libwebsockets.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "proto/fault.h"
#include "proto/log.h"
#include "proto/utf8.h"
#include "ws/fanout/compression.h"
#include "ws/fanout/frame.h"
#include "ws/sessions/admission.h"
#include "ws/sessions/entry.h"
#include "ws/sessions/message.h"
#include "ws/sessions/session.h"
#include "ws/wire/handshake.h"
#include "ws/wire/lookout.h"
#include "ws/wire/protocol.h"
#include "ws/wire/reserve.h"
#include "ws/wire/stream.h"
#include "ws/wire/tls.h"

#define RX_BUFFER_BYTES \
	512 /* client messages are small; the memory of an idle client is not ours */
#define TX_PACKET_BYTES	  (1 << 20)		     /* the largest write in one piece */
#define HEADER_BYTES	  16384			     /* of one request: a large cookie or token */
#define HEADER_TABLES	  HC_DESCRIPTORS_PENDING_MAX /* requests being read at once */
#define HANDSHAKE_SECONDS 10
#define RSV1		  0x40
#define CLOSING_TURNS	  8 /* of the loop; libuv closes a handle within two */

struct hc_protocol {
	struct hc_hub *hub;
	struct lws_context *context;
	struct lws_vhost *vhost;
	struct lws_vhost *tls_vhost; /* NULL without TLS */
	struct hc_tls *tls;	     /* the certificate for new connections */
	struct hc_lookout *streams;
	void *loops[1];
	lws_retry_bo_t liveness;
};

static lws_callback_function callback;

/* Clients name it or nothing; in both cases the first protocol is theirs. */
static const struct lws_protocols protocols[] = {
	{ HC_SUBPROTOCOL, callback, sizeof(struct hc_session), RX_BUFFER_BYTES, 0, NULL,
	  TX_PACKET_BYTES },
	{ HC_SUBPROTOCOL_CLOUDEVENTS, callback, sizeof(struct hc_session), RX_BUFFER_BYTES, 1, NULL,
	  TX_PACKET_BYTES },
	{ NULL, NULL, 0, 0, 0, NULL, 0 },
};

/* Everything is as without it (compression.h). */
static int extension_callback(struct lws_context *context, const struct lws_extension *extension,
			      struct lws *wire, enum lws_extension_callback_reasons reason,
			      void *user, void *in, size_t len)
{
	static const struct lws_ext_options none = { NULL, 0 };

	(void)context;
	(void)extension;
	(void)wire;
	(void)user;
	(void)len;
	if (reason == LWS_EXT_CB_CONSTRUCT)
		*(const struct lws_ext_options **)in = &none;
	return 0;
}

static const struct lws_extension extensions[] = {
	{ HC_COMPRESSION_NAME, extension_callback, HC_COMPRESSION_NAME },
	{ NULL, NULL, NULL },
};

static struct hc_protocol *protocol_of(struct lws *wire)
{
	return lws_context_user(lws_get_context(wire));
}

static struct hc_hub *hub_of(struct lws *wire)
{
	return protocol_of(wire)->hub;
}

/* ---- the handshake ------------------------------------------------------------------------ */

static void refuse(struct lws *wire, const struct hc_refusal *refusal)
{
	hc_stats_refusal(&hub_of(wire)->stats, refusal->code);
	hc_handshake_refuse(wire, refusal);
	hc_guest_settle(lws_get_opaque_user_data(wire)); /* the library now waits for its close */
}

/* The library makes a raw connection of a CONNECT, which nothing would ever end. */
static int refuse_connect(struct lws *wire)
{
	hc_stats_refusal(&hub_of(wire)->stats, "method_not_allowed");
	hc_handshake_refuse_connect(wire);
	return -1;
}

/* Whether there is a place for it. A proxy has said by now for whom it came. */
static const struct hc_refusal *find_place(struct lws *wire)
{
	struct hc_guest *guest = lws_get_opaque_user_data(wire);
	char forwarded[HEADER_BYTES];
	int len;

	len = lws_hdr_copy(wire, forwarded, sizeof(forwarded), WSI_TOKEN_X_FORWARDED_FOR);
	hc_guest_forwarded(guest, (struct hc_str){ forwarded, len > 0 ? (size_t)len : 0 });
	return hc_handshake_surplus(hc_guest_verdict(guest));
}

/* The library can only go on with HTTP/2 or close. */
static const struct hc_refusal no_http2 = { "505 HTTP Version Not Supported", "malformed",
					    "a stream is served over HTTP/1.1, without an upgrade",
					    "" };

static int confirm_upgrade(struct lws *wire)
{
	const struct hc_refusal *refusal;
	struct hc_handshake handshake;
	char upgrade[16];

	if (lws_hdr_copy(wire, upgrade, sizeof(upgrade), WSI_TOKEN_UPGRADE) <= 0)
		return -1;
	if (strcasecmp(upgrade, "websocket") != 0 && strcasecmp(upgrade, "h2c") != 0)
		return -1; /* the library has answered with 403 */
	refusal = find_place(wire);
	if (!refusal && !strcasecmp(upgrade, "websocket"))
		refusal = hc_handshake_read(&handshake, hub_of(wire), wire);
	else if (!refusal)
		refusal = hc_handshake_read_plain(&handshake, hub_of(wire), wire);
	if (!refusal && handshake.is_sse)
		refusal = &no_http2;
	if (!refusal)
		return 0;
	refuse(wire, refusal);
	return 1;
}

static void name_peer(struct hc_session *session)
{
	const struct hc_guest *guest = lws_get_opaque_user_data(session->wire);

	hc_address_format(session->peer, hc_guest_address(guest));
	if (!session->peer[0])
		strcpy(session->peer, "unix");
}

static int establish(struct lws *wire, struct hc_session *session)
{
	struct hc_hub *hub = hub_of(wire);
	struct hc_handshake handshake;

	if (find_place(wire) ||
	    hc_handshake_read(&handshake, hub,
			      wire)) /* authoritative: also where the other did not run */
		return -1;
	*session = (struct hc_session){
		.hub = hub,
		.wire = wire,
		.endpoint = handshake.endpoint,
		.encoding = handshake.encoding,
		.is_greeted = handshake.is_greeted,
	};
	name_peer(session);
	hc_guest_settle(lws_get_opaque_user_data(wire));
	return hc_entry_open(session, &handshake) ? 0 : -1;
}

/* The library has just written the name; the line goes on. */
static int complete_answer(const struct lws_process_html_args *args)
{
	static const char written[] = HC_COMPRESSION_NAME "\r\n";
	static const char rest[] = HC_COMPRESSION_ANSWER "\r\n";
	struct lws_process_html_args *answer = (struct lws_process_html_args *)(uintptr_t)args;
	size_t written_len = sizeof(written) - 1, rest_len = sizeof(rest) - 1;

	if (memcmp(answer->p - written_len, written, written_len) != 0)
		return 0;
	if (answer->max_len < (int)rest_len)
		return -1;
	memcpy(answer->p - 2, rest, rest_len);
	answer->p += rest_len - 2;
	return 0;
}

/* ---- streams ------------------------------------------------------------------------------ */

static int open_stream(struct lws *wire, struct hc_session *session,
		       struct hc_stream_request *request)
{
	*session = (struct hc_session){
		.hub = hub_of(wire),
		.wire = wire,
		.endpoint = request->handshake.endpoint,
		.encoding = request->handshake.encoding,
	};
	session->subscription = hc_take(request->subscription);
	name_peer(session);
	hc_guest_settle(lws_get_opaque_user_data(wire));
	if (!hc_stream_begin(wire, session->hub, request) ||
	    hc_lookout_add(protocol_of(wire)->streams, lws_get_socket_fd(wire), session) < 0)
		return -1;
	return hc_entry_admit(session, &request->handshake, request->grant) ? 0 : -1;
}

static int answer_plain_http(struct lws *wire, struct hc_session *session)
{
	HC_CLEANUP(hc_stream_request_deinit)
	struct hc_stream_request request = HC_STREAM_REQUEST_NULL;
	const struct hc_refusal *refusal = find_place(wire);

	if (!refusal)
		refusal = hc_stream_request_read(&request, hub_of(wire), wire);
	if (!refusal)
		return open_stream(wire, session, &request);
	refuse(wire, refusal);
	return -1;
}

/* Its client has left, or says something: neither leaves a stream to go on with. */
static void end_stream(void *whom)
{
	struct hc_session *session = whom;

	hc_wire_kill(session->wire);
}

static int write_stream(struct hc_session *session)
{
	hc_session_on_writable(session);
	return session->close_sent && !hc_wire_is_blocked(session->wire) ? -1 : 0;
}

static void close_stream(struct hc_session *session)
{
	if (!session || !session->hub)
		return; /* a request that was refused */
	hc_lookout_remove(protocol_of(session->wire)->streams, lws_get_socket_fd(session->wire));
	hc_session_close(session);
}

/* ---- messages ----------------------------------------------------------------------------- */

/*
 * The library's own check takes the payload of a pong for text too. What is no text is refused as
 * soon as it is seen (RFC 6455 section 8.1), and not when the message is whole.
 */
static bool check_text(struct hc_session *session, bool whole)
{
	struct hc_str rest = { session->incoming.data, session->incoming.len };
	size_t len;

	rest.s += session->incoming_text_len;
	rest.len -= session->incoming_text_len;
	if (hc_utf8_begins(&len, rest)) {
		session->incoming_text_len += len;
		if (!whole || len == rest.len)
			return true;
	}
	hc_session_end(session, HC_CLOSE_BAD_TEXT, "text that is not UTF-8");
	return false;
}

/* What is too big or no deflated text never gets further. */
static bool inflate_message(struct hc_session *session)
{
	size_t max = session->hub->conf->clients.message_max_bytes;
	struct hc_str payload = { session->incoming.data, session->incoming.len };
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer text = HC_BUFFER_NULL;
	int r = hc_compression_inflate(&text, payload, max);
	struct hc_buffer deflated = session->incoming;

	if (r == HC_COMPRESSION_E_TOO_BIG)
		hc_session_end(session, HC_CLOSE_TOO_BIG, "message too big");
	else if (r == HC_COMPRESSION_E_DATA)
		hc_session_end(session, HC_CLOSE_BAD_TEXT, "this was not deflated");
	else if (r)
		hc_session_end(session, HC_CLOSE_INTERNAL, "out of memory");
	if (r)
		return false;
	session->incoming = text;
	text = deflated;
	return true;
}

static void handle(struct hc_session *session)
{
	if (lws_frame_is_binary(session->wire))
		hc_session_tell_fault(session,
				      &(struct hc_fault){ .code = HC_FAULT_MALFORMED,
							  .message = "a message must be text" });
	else
		hc_message_handle(session,
				  (struct hc_str){ session->incoming.data, session->incoming.len });
	hc_buffer_deinit(&session->incoming);
	session->incoming_text_len = 0;
}

/* RSV1 is for the first frame of a message, RFC 7692 section 6.1. */
static bool check_rsv1(struct hc_session *session)
{
	bool is_set = lws_get_reserved_bits(session->wire) & RSV1;

	if (lws_is_first_fragment(session->wire))
		session->incoming_deflated = is_set;
	if (!is_set || !session->n_fragments)
		return true;
	hc_session_end(session, HC_CLOSE_PROTOCOL, "RSV1 on a continuation frame");
	return false;
}

static void receive(struct hc_session *session, const void *data, size_t len)
{
	size_t to_come = lws_remaining_packet_payload(session->wire);
	bool final = !to_come && lws_is_final_fragment(session->wire);
	uint64_t max = session->hub->conf->clients.message_max_bytes;
	struct hc_buffer *incoming = &session->incoming;

	if (session->close_code)
		return;
	if (lws_is_first_fragment(session->wire) && !hc_session_on_message(session))
		return;
	if (!check_rsv1(session))
		return;
	if (to_come > max || incoming->len + len + to_come > max) {
		hc_session_end(session, HC_CLOSE_TOO_BIG, "message too big");
		return;
	}
	hc_buffer_append(incoming, data, len);
	if (incoming->failed) {
		hc_session_end(session, HC_CLOSE_INTERNAL, "out of memory");
		return;
	}
	if (session->incoming_deflated && final && !inflate_message(session))
		return;
	if (!lws_frame_is_binary(session->wire) && (final || !session->incoming_deflated) &&
	    !check_text(session, final))
		return;
	if (final)
		handle(session);
	else if (!to_come)
		(void)hc_session_on_fragment(session);
}

/*
 * The peer's close: the answer to ours, or one to be answered. The library would send its payload
 * back whatever it is, and would do so after whatever comes behind it.
 */
static int answer_close(struct hc_session *session, struct hc_str payload)
{
	struct hc_buffer *waiting = &session->waiting; /* answers to what came before the close */
	uint16_t code = hc_frame_close_answer(payload);

	if (session->close_sent)
		return -1;
	session->close_sent = true;
	session->close_code = code ? code : HC_CLOSE_NORMAL;
	hc_frame_append_close(waiting, code, HC_STR(""));
	/* The library calls only while nothing of the last write waits. */
	if (!waiting->failed)
		(void)hc_wire_write(session->wire, (struct hc_str){ waiting->data, waiting->len });
	return -1;
}

static int callback(struct lws *wire, enum lws_callback_reasons reason, void *user, void *in,
		    size_t len)
{
	struct hc_session *session = user;

	switch (reason) {
	case LWS_CALLBACK_HTTP_CONFIRM_UPGRADE:
		return confirm_upgrade(wire);
	case LWS_CALLBACK_HTTP:
		return answer_plain_http(wire, session);
	case LWS_CALLBACK_HTTP_BODY: /* a stream has none; what follows would hold it for ever */
		return -1;
	case LWS_CALLBACK_HTTP_WRITEABLE:
		return write_stream(session);
	case LWS_CALLBACK_CLOSED_HTTP:
		close_stream(session);
		return 0;
	case LWS_CALLBACK_CONFIRM_EXTENSION_OKAY:
		return !hc_handshake_wants_deflate(hub_of(wire), wire);
	case LWS_CALLBACK_ADD_HEADERS:
		return complete_answer(in);
	case LWS_CALLBACK_ESTABLISHED:
		return session ? establish(wire, session) : -1; /* no memory for it */
	case LWS_CALLBACK_RECEIVE:
		receive(session, in, len);
		return 0;
	case LWS_CALLBACK_SERVER_WRITEABLE:
		hc_session_on_writable(session);
		return 0;
	case LWS_CALLBACK_WS_PEER_INITIATED_CLOSE:
		return answer_close(session, (struct hc_str){ in, len });
	case LWS_CALLBACK_CLOSED:
		if (session)
			hc_session_close(session);
		return 0;
	case LWS_CALLBACK_OPENSSL_LOAD_EXTRA_SERVER_VERIFY_CERTS: /* the library's SSL_CTX is new */
		return hc_tls_apply(user, &protocol_of(wire)->tls);
	case LWS_CALLBACK_RAW_ADOPT:
		return refuse_connect(wire);
	case LWS_CALLBACK_WSI_DESTROY:
		lws_set_opaque_user_data(wire, hc_guest_leave(lws_get_opaque_user_data(wire)));
		return 0;
	default:
		return 0;
	}
}

/* ---- life --------------------------------------------------------------------------------- */

static void *allocate(void *old, size_t size, const char *reason)
{
	(void)reason;
	return hc_reserve_realloc(old, size);
}

static void log_debug(int level, const char *line)
{
	(void)level;
	hc_debug("libwebsockets: %.*s", (int)strcspn(line, "\n"), line);
}

static void fill_liveness(lws_retry_bo_t *ret, uint32_t pong_timeout_ms)
{
	uint32_t hangup_s = pong_timeout_ms < 2000 ? 2 : pong_timeout_ms / 1000;

	ret->secs_since_valid_hangup = (uint16_t)hangup_s;
	ret->secs_since_valid_ping = (uint16_t)(hangup_s * 2 / 3);
}

/* The certificate for connections from now on. */
static void set_tls(struct hc_protocol *protocol, struct hc_tls *tls)
{
	const char *path = protocol->hub->conf->tls.certificate;

	(void)hc_tls_free(protocol->tls);
	protocol->tls = tls;
	protocol->hub->certificate_ends_unix = hc_tls_ends_unix(tls);
	if (hc_tls_has_expired(tls))
		hc_warn("[tls] certificate: %s has expired: clients will refuse it", path);
}

static int open_tls(struct hc_protocol *protocol, struct lws_context_creation_info *info,
		    struct hc_fault *fault)
{
	const struct hc_conf *conf = protocol->hub->conf;
	struct hc_tls *tls;
	int r;

	if (!conf->tls.listen[0])
		return 0;
	info->options |= LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT;
	info->alpn = "http/1.1"; /* over HTTP/2 the library skips the upgrade check */
	r = hc_tls_new(&tls, conf->tls.certificate, conf->tls.key, fault);
	if (!r)
		set_tls(protocol, tls);
	return r;
}

static bool open_vhosts(struct hc_protocol *protocol, struct lws_context_creation_info *info)
{
	protocol->vhost = lws_create_vhost(protocol->context, info);
	if (!protocol->vhost || !protocol->tls)
		return protocol->vhost;
	info->vhost_name = "tls";
	info->options |= LWS_SERVER_OPTION_CREATE_VHOST_SSL_CTX;
	protocol->tls_vhost = lws_create_vhost(protocol->context, info);
	return protocol->tls_vhost;
}

int hc_protocol_new(struct hc_protocol **ret, struct hc_hub *hub, struct hc_fault *fault)
{
	HC_CLEANUP(hc_protocol_freep) struct hc_protocol *protocol = calloc(1, sizeof(*protocol));
	struct lws_context_creation_info info = { 0 };
	int r;

	if (!protocol)
		return -ENOMEM;
	lws_set_allocator(allocate);
	lws_set_log_level(LLL_ERR | LLL_WARN | LLL_NOTICE, log_debug);
	protocol->hub = hub;
	protocol->loops[0] = hub->loop;
	fill_liveness(&protocol->liveness, hub->conf->clients.pong_timeout_ms);
	info.port = CONTEXT_PORT_NO_LISTEN_SERVER;
	info.options = LWS_SERVER_OPTION_LIBUV | LWS_SERVER_OPTION_EXPLICIT_VHOSTS;
	info.foreign_loops = protocol->loops;
	info.protocols = protocols;
	info.extensions = extensions;
	info.user = protocol;
	info.timeout_secs = HANDSHAKE_SECONDS;
	info.max_http_header_data = HEADER_BYTES;
	info.max_http_header_pool = HEADER_TABLES;
	/* No fd_limit_per_thread: with it the library searches its table for each event. */
	info.retry_and_idle_policy = &protocol->liveness;
	if (hc_lookout_new(&protocol->streams, hub->loop, end_stream) < 0) {
		hc_fault_set(fault, HC_FAULT_INTERNAL, "no descriptor for an epoll set");
		return -EMFILE;
	}
	r = open_tls(protocol, &info, fault);
	if (r < 0)
		return r;
	protocol->context = lws_create_context(&info);
	if (!protocol->context || !open_vhosts(protocol, &info)) {
		hc_fault_set(fault, HC_FAULT_INTERNAL,
			     "libwebsockets cannot be set up: is the package "
			     "libwebsockets-evlib-uv installed?");
		return -EIO;
	}
	*ret = hc_take(protocol);
	return 0;
}

const struct hc_tls *hc_protocol_tls(const struct hc_protocol *protocol)
{
	return protocol->tls;
}

void hc_protocol_reconfigure(struct hc_protocol *protocol, struct hc_tls *tls)
{
	if (tls)
		set_tls(protocol, tls);
	/* The library reads it when it sets a connection's next timer. */
	fill_liveness(&protocol->liveness, protocol->hub->conf->clients.pong_timeout_ms);
}

static struct hc_address address_of(int fd)
{
	struct hc_address address = { 0 };
	struct sockaddr_storage storage;
	socklen_t len = sizeof(storage);
	const struct sockaddr_in *v4 = (const struct sockaddr_in *)&storage;
	const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)&storage;

	if (getpeername(fd, (struct sockaddr *)&storage, &len) < 0)
		return address;
	if (storage.ss_family == AF_INET)
		return hc_address_from_v4(&v4->sin_addr);
	if (storage.ss_family == AF_INET6)
		memcpy(address.bytes, &v6->sin6_addr, sizeof(address.bytes));
	return address;
}

/* What has come is read first: else the kernel answers with a reset, which may overtake us. */
static void turn_away(int fd, bool is_tls)
{
	static const char answer[] = "HTTP/1.1 503 Service Unavailable\r\n"
				     "Content-Length: 0\r\n"
				     "Retry-After: 10\r\n"
				     "Connection: close\r\n\r\n";
	/* A fatal alert, internal_error: RFC 8446 sections 5.1 and 6. */
	static const char alert[] = { 21, 3, 3, 0, 2, 2, 80 };
	char request[HEADER_BYTES];

	(void)recv(fd, request, sizeof(request), MSG_DONTWAIT);
	(void)send(fd, is_tls ? alert : answer, is_tls ? sizeof(alert) : sizeof(answer) - 1,
		   MSG_DONTWAIT | MSG_NOSIGNAL);
	(void)close(fd);
}

void hc_protocol_adopt(struct hc_protocol *protocol, int fd, bool is_tls)
{
	int on = 1, send_buffer = (int)protocol->hub->conf->clients.send_buffer_bytes;
	const struct hc_hub *hub = protocol->hub;
	struct hc_address address = address_of(fd);
	struct hc_guest *guest;
	struct lws *wire;

	guest = hc_admission_enter(hub->admission, &address, uv_now(hub->loop));
	if (!guest) {
		turn_away(fd, is_tls);
		return;
	}
	/* TCP only; on a UNIX socket the first fails, which is as it should be. */
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &send_buffer, sizeof(send_buffer));
	/* It closes the descriptor when it fails. */
	wire = lws_adopt_socket_vhost(is_tls ? protocol->tls_vhost : protocol->vhost, fd);
	if (!wire) {
		(void)hc_guest_leave(guest);
		return;
	}
	lws_set_opaque_user_data(wire, guest);
	hc_guest_seat(guest, wire);
}

struct hc_protocol *hc_protocol_free(struct hc_protocol *protocol)
{
	if (!protocol)
		return NULL;
	if (protocol->context) {
		uv_loop_t *loop = protocol->hub->loop;

		/* On a foreign loop it takes two calls: handles must close in between. */
		lws_context_destroy(protocol->context);
		for (int i = 0; i < CLOSING_TURNS; i++)
			(void)uv_run(loop, UV_RUN_NOWAIT);
		lws_context_destroy(protocol->context);
	}
	protocol->streams = hc_lookout_free(protocol->streams);
	protocol->tls = hc_tls_free(protocol->tls);
	free(protocol);
	return NULL;
}
