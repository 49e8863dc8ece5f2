/* SPDX-License-Identifier: MIT */
/*
 * The client against a server of our own on a socket in a temporary directory: a thread that takes
 * one connection and plays one part. No test waits but for an event.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "proto/clock.h"
#include "proto/rpc.h"
#include "tests/unit/golden.h"

#define LONG_MS	 20000 /* more than any answer takes, with sanitizers on a busy machine */
#define SHORT_MS 50

/* ---- the server --------------------------------------------------------------------------- */

struct server;
typedef void play_fn(struct server *server);

struct server {
	char dir[64];
	char path[80];
	int listen_fd;
	int fd; /* of the one connection */
	play_fn *play;
	pthread_t thread;
	struct hc_rpc_reader reader;
	struct hc_buffer out;
	size_t n_requests; /* what it has read */
	char last_method[32];
	bool failed;
};

static void wait_readable(int fd)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };

	(void)poll(&pfd, 1, LONG_MS);
}

/* Takes the next message; false at the end of the stream. */
static bool server_next(struct server *s, struct hc_rpc_message *ret)
{
	for (;;) {
		int r = hc_rpc_reader_next(&s->reader, ret, NULL);

		if (!r) {
			s->n_requests++;
			snprintf(s->last_method, sizeof(s->last_method), "%.*s",
				 (int)ret->method.len, ret->method.s);
			return true;
		}
		if (r != HC_RPC_E_MORE)
			s->failed = true;
		wait_readable(s->fd);
		if (r != HC_RPC_E_MORE || hc_rpc_reader_fill(&s->reader, s->fd, 65536) < 0)
			return false;
	}
}

/* Sends what is in s->out; false once the client has gone. */
static bool server_send(struct server *s)
{
	bool ok = true;

	for (size_t sent = 0; ok && sent < s->out.len;) {
		ssize_t n = send(s->fd, s->out.data + sent, s->out.len - sent, MSG_NOSIGNAL);

		ok = n > 0;
		sent += ok ? (size_t)n : 0;
	}
	hc_buffer_reset(&s->out);
	return ok;
}

/* The answer to everything: {"method": what was asked, "id": its id}. */
static void server_pack_echo(struct server *s, uint32_t id, const char *method)
{
	msgpack_packer pk = hc_codec_packer(&s->out);

	hc_rpc_pack_result(&pk, id);
	msgpack_pack_map(&pk, 2);
	hc_pack_str_at(&pk, "method", hc_str(method));
	hc_pack_u64_at(&pk, "id", id);
}

static void *server_run(void *context)
{
	struct server *s = context;

	s->fd = accept4(s->listen_fd, NULL, NULL, SOCK_CLOEXEC);
	if (s->fd < 0 || hc_rpc_reader_init(&s->reader) < 0) {
		s->failed = true;
		return NULL;
	}
	s->play(s);
	close(s->fd);
	hc_rpc_reader_deinit(&s->reader);
	hc_buffer_deinit(&s->out);
	return NULL;
}

static void server_listen(struct server *s)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	const char *tmp = getenv("TMPDIR");

	*s = (struct server){ .fd = -1 };
	snprintf(s->dir, sizeof(s->dir), "%.40s/hc-rpc.XXXXXX", tmp ? tmp : "/tmp");
	cr_assert(mkdtemp(s->dir));
	snprintf(s->path, sizeof(s->path), "%s/s", s->dir);
	strcpy(address.sun_path, s->path);
	s->listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	cr_assert_eq(bind(s->listen_fd, (struct sockaddr *)&address, sizeof(address)), 0);
	cr_assert_eq(listen(s->listen_fd, 4), 0);
}

static void server_remove(struct server *s)
{
	close(s->listen_fd);
	unlink(s->path);
	rmdir(s->dir);
}

static struct hc_rpc_client *server_start(struct server *s, play_fn *play)
{
	struct hc_rpc_client *client = NULL;

	server_listen(s);
	s->play = play;
	cr_assert_eq(pthread_create(&s->thread, NULL, server_run, s), 0);
	cr_assert_eq(hc_rpc_client_connect(&client, s->path), 0);
	return client;
}

/* Hangs up first: a part ends at the end of its stream at the latest. */
static void server_stop(struct server *s, struct hc_rpc_client *client)
{
	hc_rpc_client_free(client);
	pthread_join(s->thread, NULL);
	server_remove(s);
	cr_expect_not(s->failed, "the server could not follow");
}

/* ---- parts -------------------------------------------------------------------------------- */

static void play_echo(struct server *s)
{
	struct hc_rpc_message message;

	while (server_next(s, &message)) {
		server_pack_echo(s, message.id, s->last_method);
		if (!server_send(s))
			return;
	}
}

static void play_silence(struct server *s)
{
	struct hc_rpc_message message;

	while (server_next(s, &message))
		;
}

/* Answers two at a time, the second one first. */
static void play_backwards(struct server *s)
{
	struct hc_rpc_message message;

	while (server_next(s, &message)) {
		uint32_t first = message.id;
		char method[32];

		strcpy(method, s->last_method);
		if (!server_next(s, &message))
			return;
		server_pack_echo(s, message.id, s->last_method);
		server_pack_echo(s, first, method);
		if (!server_send(s))
			return;
	}
}

static void play_errors(struct server *s)
{
	struct hc_rpc_message message;

	while (server_next(s, &message)) {
		struct hc_fault fault = HC_FAULT_NULL;
		msgpack_packer pk = hc_codec_packer(&s->out);

		hc_fault_set(&fault, HC_FAULT_SCHEMA, "percent must be a number");
		hc_fault_at(&fault, HC_STR("percent"));
		hc_rpc_pack_error(&pk, message.id, &fault);
		if (!server_send(s))
			return;
	}
}

static void play_hang_up_unasked(struct server *s)
{
	(void)s;
}

static void play_hang_up_when_asked(struct server *s)
{
	struct hc_rpc_message message;

	(void)server_next(s, &message);
}

static void play_hang_up_in_the_middle(struct server *s)
{
	struct hc_rpc_message message;

	if (!server_next(s, &message))
		return;
	server_pack_echo(s, message.id, s->last_method);
	s->out.len /= 2;
	(void)server_send(s);
}

static void play_answer_and_hang_up(struct server *s)
{
	struct hc_rpc_message message;

	if (!server_next(s, &message))
		return;
	server_pack_echo(s, message.id, s->last_method);
	(void)server_send(s);
}

/* Says everything else before the answer. */
static void play_chatter(struct server *s)
{
	struct hc_rpc_message message;

	while (server_next(s, &message)) {
		msgpack_packer pk = hc_codec_packer(&s->out);

		hc_rpc_pack_notification(&pk, "event");
		msgpack_pack_map(&pk, 0);
		server_pack_echo(s, message.id + 1000, "another");
		golden_append_hex(&s->out, "05 c0 91 07"); /* values, but no messages */
		hc_rpc_pack_request(&pk, message.id, "detector");
		msgpack_pack_map(&pk, 0);
		server_pack_echo(s, message.id, s->last_method);
		if (!server_send(s))
			return;
	}
}

static void play_chatter_without_end(struct server *s)
{
	struct hc_rpc_message message;
	bool ok = server_next(s, &message);

	while (ok) {
		msgpack_packer pk = hc_codec_packer(&s->out);

		hc_rpc_pack_notification(&pk, "event");
		msgpack_pack_map(&pk, 0);
		ok = server_send(s);
	}
}

static void play_nonsense(struct server *s)
{
	struct hc_rpc_message message;

	if (!server_next(s, &message))
		return;
	golden_append_hex(&s->out, "c1");
	(void)server_send(s);
	(void)server_next(s, &message);
}

static void play_bomb(struct server *s)
{
	struct hc_rpc_message message;

	if (!server_next(s, &message))
		return;
	golden_append_hex(&s->out, "dd ffffffff");
	(void)server_send(s);
	(void)server_next(s, &message);
}

/* Answers a byte at a time. */
static void play_trickle(struct server *s)
{
	struct hc_rpc_message message;

	while (server_next(s, &message)) {
		HC_CLEANUP(hc_buffer_deinit) struct hc_buffer answer = HC_BUFFER_NULL;

		server_pack_echo(s, message.id, s->last_method);
		hc_buffer_append(&answer, s->out.data, s->out.len);
		for (size_t i = 0; i < answer.len; i++) {
			hc_buffer_reset(&s->out);
			hc_buffer_append(&s->out, answer.data + i, 1);
			if (!server_send(s))
				return;
		}
	}
}

/* Answers with 1 MB of text. */
static void play_long_answer(struct server *s)
{
	struct hc_rpc_message message;
	static char text[1000000];

	memset(text, 'x', sizeof(text));
	while (server_next(s, &message)) {
		msgpack_packer pk = hc_codec_packer(&s->out);

		hc_rpc_pack_result(&pk, message.id);
		msgpack_pack_map(&pk, 1);
		hc_pack_str_at(&pk, "text", (struct hc_str){ text, sizeof(text) });
		if (!server_send(s))
			return;
	}
}

static void play_hello(struct server *s)
{
	struct hc_rpc_message message;
	struct hc_str role = { 0 };
	uint64_t version = 0;

	if (!server_next(s, &message))
		return;
	s->failed |= !hc_str_is(message.method, "hello") || message.params.via.map.size != 2 ||
		     !hc_map_get_str(&role, &message.params, "role") ||
		     !hc_str_is(role, "loader") ||
		     !hc_map_get_u64(&version, &message.params, "version") ||
		     version != HC_PROTOCOL_VERSION;
	server_pack_echo(s, message.id, s->last_method);
	(void)server_send(s);
	(void)server_next(s, &message);
}

/* Asks the client, as the hub asks the loader about its detector, and keeps the answer. */
static void play_ask(struct server *s)
{
	msgpack_packer pk = hc_codec_packer(&s->out);
	struct hc_rpc_message message;
	bool running = false;

	hc_rpc_pack_request(&pk, 31, "detector");
	msgpack_pack_map(&pk, 0);
	s->failed |= !server_send(s) || !server_next(s, &message) ||
		     message.kind != HC_RPC_RESPONSE || message.id != 31 ||
		     !hc_map_get_bool(&running, &message.result, "running") || !running;
}

/* ---- calls -------------------------------------------------------------------------------- */

static void pack_empty(struct hc_buffer *params)
{
	msgpack_packer pk = hc_codec_packer(params);

	hc_buffer_reset(params);
	msgpack_pack_map(&pk, 0);
}

static void pack_text(struct hc_buffer *params, size_t len)
{
	msgpack_packer pk = hc_codec_packer(params);

	hc_buffer_reset(params);
	msgpack_pack_map(&pk, 1);
	hc_pack_key(&pk, "k");
	msgpack_pack_str(&pk, len);
	memset(hc_buffer_reserve(params, len), 'x', len);
	params->len += len;
}

static int call(struct hc_rpc_client *client, const char *method, int timeout_ms,
		msgpack_object *ret_result, struct hc_fault *fault)
{
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer params = HC_BUFFER_NULL;

	pack_empty(&params);
	return hc_rpc_client_call(client, method, &params, timeout_ms, ret_result, fault);
}

static void expect_echo(struct hc_rpc_client *client, const char *method)
{
	struct hc_fault fault = HC_FAULT_NULL;
	struct hc_str echoed = { 0 };
	msgpack_object result;

	cr_assert_eq(call(client, method, LONG_MS, &result, &fault), 0, "%s", fault.message);
	cr_assert(hc_map_get_str(&echoed, &result, "method"));
	cr_expect(hc_str_is(echoed, method), "%.*s", (int)echoed.len, echoed.s);
}

static void expect_failure(play_fn *play, int wanted, int timeout_ms)
{
	struct server server;
	struct hc_rpc_client *client = server_start(&server, play);
	msgpack_object result = { .type = MSGPACK_OBJECT_NIL, .via.u64 = 77 };
	struct hc_fault fault = HC_FAULT_NULL;
	int r = call(client, "status", timeout_ms, &result, &fault);

	cr_expect_eq(r, wanted, "%d", r);
	cr_expect_eq(fault.code, HC_FAULT_UNAVAILABLE, "%s", hc_fault_name(fault.code));
	cr_expect_neq(fault.message[0], '\0');
	cr_expect_eq(result.via.u64, 77, "the result was touched");
	server_stop(&server, client);
}

Test(rpc_client, a_call_is_answered)
{
	struct server server;
	struct hc_rpc_client *client = server_start(&server, play_echo);

	expect_echo(client, "status");
	server_stop(&server, client);
	cr_expect_eq(server.n_requests, 1);
}

Test(rpc_client, many_calls_use_one_connection)
{
	struct server server;
	struct hc_rpc_client *client = server_start(&server, play_echo);

	for (size_t i = 0; i < 200; i++)
		expect_echo(client, i % 2 ? "status" : "connections");
	server_stop(&server, client);
	cr_expect_eq(server.n_requests, 200);
}

Test(rpc_client, an_answer_that_trickles_in_is_taken_whole)
{
	struct server server;
	struct hc_rpc_client *client = server_start(&server, play_trickle);

	expect_echo(client, "status");
	expect_echo(client, "types");
	server_stop(&server, client);
}

Test(rpc_client, an_answer_before_the_end_of_the_stream_counts)
{
	struct server server;
	struct hc_rpc_client *client = server_start(&server, play_answer_and_hang_up);
	msgpack_object result;

	expect_echo(client, "status");
	cr_expect_eq(call(client, "status", LONG_MS, &result, NULL), HC_RPC_E_CLOSED);
	server_stop(&server, client);
}

Test(rpc_client, other_messages_are_dropped_while_a_call_waits)
{
	struct server server;
	struct hc_rpc_client *client = server_start(&server, play_chatter);

	expect_echo(client, "status");
	expect_echo(client, "types");
	server_stop(&server, client);
}

Test(rpc_client, pipelined_requests_are_answered_in_any_order)
{
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer params = HC_BUFFER_NULL;
	struct server server;
	struct hc_rpc_client *client = server_start(&server, play_backwards);
	uint32_t ids[2], answered[2];

	pack_empty(&params);
	cr_assert_eq(hc_rpc_client_request(client, "one", &params, &ids[0]), 0);
	cr_assert_eq(hc_rpc_client_request(client, "two", &params, &ids[1]), 0);
	cr_assert_neq(ids[0], ids[1]);
	for (size_t i = 0; i < 2;) {
		struct hc_rpc_message message;
		struct hc_str method = { 0 };
		int r = hc_rpc_client_next(client, &message, NULL);

		if (r == HC_RPC_E_MORE) {
			wait_readable(hc_rpc_client_fd(client));
			cr_assert_eq(hc_rpc_client_receive(client), 0);
			continue;
		}
		cr_assert_eq(r, 0);
		cr_assert(hc_map_get_str(&method, &message.result, "method"));
		cr_expect(hc_str_is(method, message.id == ids[0] ? "one" : "two"));
		answered[i++] = message.id;
	}
	cr_expect_eq(answered[0], ids[1]);
	cr_expect_eq(answered[1], ids[0]);
	server_stop(&server, client);
}

Test(rpc_client, a_call_finds_its_answer_before_that_of_an_earlier_request)
{
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer params = HC_BUFFER_NULL;
	struct server server;
	struct hc_rpc_client *client = server_start(&server, play_backwards);

	pack_empty(&params);
	cr_assert_eq(hc_rpc_client_request(client, "one", &params, NULL), 0);
	expect_echo(client, "two");
	server_stop(&server, client);
}

Test(rpc_client, an_error_is_handed_on_whole)
{
	struct server server;
	struct hc_rpc_client *client = server_start(&server, play_errors);
	msgpack_object result = { .type = MSGPACK_OBJECT_NIL, .via.u64 = 77 };
	struct hc_fault fault = HC_FAULT_NULL;

	cr_expect_eq(call(client, "publish", LONG_MS, &result, &fault), HC_RPC_E_FAULT);
	cr_expect_eq(fault.code, HC_FAULT_SCHEMA);
	cr_expect_str_eq(fault.message, "percent must be a number");
	cr_expect_str_eq(fault.pointer, "/percent");
	cr_expect_eq(result.via.u64, 77, "the result was touched");
	cr_expect_eq(call(client, "publish", LONG_MS, &result, NULL), HC_RPC_E_FAULT);
	server_stop(&server, client);
}

Test(rpc_client, hello_names_role_and_version)
{
	struct server server;
	struct hc_rpc_client *client = server_start(&server, play_hello);
	struct hc_fault fault = HC_FAULT_NULL;
	msgpack_object result;

	cr_expect_eq(hc_rpc_client_hello(client, "loader", LONG_MS, &result, &fault), 0, "%s",
		     fault.message);
	cr_expect_eq(result.type, MSGPACK_OBJECT_MAP);
	server_stop(&server, client);
}

/* ---- what can go wrong -------------------------------------------------------------------- */

Test(rpc_client, silence_is_a_timeout)
{
	uint64_t start_ns = hc_monotonic_ns();

	expect_failure(play_silence, HC_RPC_E_TIMEOUT, SHORT_MS);
	cr_expect_geq(hc_monotonic_ns() - start_ns, SHORT_MS * 1000000ull);
}

Test(rpc_client, chatter_does_not_put_a_timeout_off)
{
	expect_failure(play_chatter_without_end, HC_RPC_E_TIMEOUT, SHORT_MS);
}

Test(rpc_client, no_time_at_all_is_a_timeout)
{
	expect_failure(play_silence, HC_RPC_E_TIMEOUT, 0);
}

Test(rpc_client, an_answer_that_comes_too_late_is_not_taken_for_the_next)
{
	struct server server;
	struct hc_rpc_client *client = server_start(&server, play_backwards);
	msgpack_object result;

	/* The server answers the first only when it has read the second. */
	cr_expect_eq(call(client, "one", SHORT_MS, &result, NULL), HC_RPC_E_TIMEOUT);
	expect_echo(client, "two");
	cr_expect_eq(call(client, "three", SHORT_MS, &result, NULL), HC_RPC_E_TIMEOUT);
	expect_echo(client, "four");
	server_stop(&server, client);
}

Test(rpc_client, a_peer_that_hangs_up_is_closed)
{
	expect_failure(play_hang_up_when_asked, HC_RPC_E_CLOSED, LONG_MS);
	expect_failure(play_hang_up_in_the_middle, HC_RPC_E_CLOSED, LONG_MS);
	expect_failure(play_hang_up_unasked, HC_RPC_E_CLOSED, LONG_MS);
}

/* Whoever asked the REST program is not to blame for what the hub says. */
Test(rpc_client, an_answer_that_is_not_msgpack_is_malformed_and_the_hub_unavailable)
{
	expect_failure(play_nonsense, HC_RPC_E_MALFORMED, LONG_MS);
	expect_failure(play_bomb, HC_RPC_E_MALFORMED, LONG_MS);
}

Test(rpc_client, sending_to_a_peer_that_has_gone_is_closed_and_no_signal)
{
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer params = HC_BUFFER_NULL;
	struct server server;
	struct hc_rpc_client *client = server_start(&server, play_hang_up_unasked);

	wait_readable(hc_rpc_client_fd(client));
	pack_empty(&params);
	cr_expect_eq(hc_rpc_client_request(client, "status", &params, NULL), HC_RPC_E_CLOSED);
	cr_expect_eq(hc_rpc_client_respond(client, &params), HC_RPC_E_CLOSED);
	cr_expect_eq(hc_rpc_client_receive(client), HC_RPC_E_CLOSED);
	server_stop(&server, client);
}

Test(rpc_client, where_nobody_listens_there_is_no_hub)
{
	struct hc_rpc_client *client = NULL;
	char long_path[200];
	struct server server;

	server_listen(&server);
	close(server.listen_fd);
	cr_expect_eq(hc_rpc_client_connect(&client, server.path), -ECONNREFUSED);
	unlink(server.path);
	cr_expect_eq(hc_rpc_client_connect(&client, server.path), -ENOENT);
	rmdir(server.dir);
	memset(long_path, 'x', sizeof(long_path));
	long_path[sizeof(long_path) - 1] = '\0';
	cr_expect_eq(hc_rpc_client_connect(&client, long_path), -ENAMETOOLONG);
	cr_expect_eq(hc_rpc_client_connect(&client, "/dev/null"), -ECONNREFUSED);
	cr_expect_null(client);
	cr_expect_null(hc_rpc_client_free(NULL));
}

Test(rpc_client, a_connection_leaves_no_descriptor_behind)
{
	struct hc_rpc_client *client = NULL;
	struct server server;
	int before = dup(0);

	close(before);
	cr_expect_eq(hc_rpc_client_connect(&client, "/nonexistent/s"), -ENOENT);
	server_listen(&server);
	cr_assert_eq(hc_rpc_client_connect(&client, server.path), 0);
	hc_rpc_client_free(client);
	server_remove(&server);
	cr_expect_eq(dup(0), before);
}

/* ---- large messages ----------------------------------------------------------------------- */

Test(rpc_client, a_request_larger_than_the_socket_takes_is_sent_in_turns)
{
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer params = HC_BUFFER_NULL;
	struct hc_fault fault = HC_FAULT_NULL;
	struct hc_rpc_client *client = NULL;
	msgpack_object result;
	struct server server;

	/* Nobody reads yet, so that the socket must fill up. */
	server_listen(&server);
	server.play = play_echo;
	cr_assert_eq(hc_rpc_client_connect(&client, server.path), 0);
	cr_expect_eq(hc_rpc_client_events(client), POLLIN);
	pack_text(&params, 1000000);
	cr_assert_eq(hc_rpc_client_request(client, "first", &params, NULL), 0);
	cr_expect_gt(hc_rpc_client_waiting(client), 0);
	cr_expect_eq(hc_rpc_client_events(client), POLLIN | POLLOUT);
	cr_expect_eq(hc_rpc_client_flush(client), 0);
	cr_expect_gt(hc_rpc_client_waiting(client), 0);
	cr_assert_eq(pthread_create(&server.thread, NULL, server_run, &server), 0);
	cr_expect_eq(hc_rpc_client_call(client, "second", &params, LONG_MS, &result, &fault), 0,
		     "%s", fault.message);
	cr_expect_eq(hc_rpc_client_waiting(client), 0);
	cr_expect_eq(hc_rpc_client_events(client), POLLIN);
	server_stop(&server, client);
	cr_expect_eq(server.n_requests, 2);
}

Test(rpc_client, a_large_answer_is_taken_whole)
{
	struct server server;
	struct hc_rpc_client *client = server_start(&server, play_long_answer);
	struct hc_fault fault = HC_FAULT_NULL;
	struct hc_str text = { 0 };
	msgpack_object result;

	for (size_t i = 0; i < 3; i++) {
		cr_assert_eq(call(client, "events", LONG_MS, &result, &fault), 0, "%s",
			     fault.message);
		cr_expect(hc_map_get_str(&text, &result, "text"));
		cr_expect_eq(text.len, 1000000);
	}
	server_stop(&server, client);
}

Test(rpc_client, a_request_may_be_as_long_as_a_frame_and_no_longer)
{
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer params = HC_BUFFER_NULL;
	struct server server;
	struct hc_rpc_client *client = server_start(&server, play_echo);
	struct hc_fault fault = HC_FAULT_NULL;
	msgpack_object result;
	/* 94 00 01 a1 'm' 91, 81 a1 'k' db and four bytes of length */
	size_t len = HC_RPC_FRAME_MAX - 14;

	pack_text(&params, len + 1);
	cr_expect_eq(hc_rpc_client_call(client, "m", &params, LONG_MS, &result, &fault), -EMSGSIZE);
	cr_expect_eq(fault.code, HC_FAULT_TOO_LARGE);
	cr_expect_eq(hc_rpc_client_waiting(client), 0);
	pack_text(&params, len);
	cr_expect_eq(hc_rpc_client_call(client, "m", &params, LONG_MS, &result, &fault), 0, "%s",
		     fault.message);
	server_stop(&server, client);
	cr_expect_eq(server.n_requests, 1);
}

/* A hub that gets such a frame can only hang up: it would cost the connection, and every request
 * that waits on it. */
Test(rpc_client, a_request_beyond_the_limits_of_the_reader_is_not_sent)
{
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer params = HC_BUFFER_NULL;
	struct server server;
	struct hc_rpc_client *client = server_start(&server, play_echo);
	struct hc_fault fault = HC_FAULT_NULL;
	msgpack_packer pk = hc_codec_packer(&params);
	msgpack_object result;

	for (size_t i = 0; i < HC_CODEC_DEPTH_MAX; i++)
		golden_append_hex(&params, "81 a161");
	msgpack_pack_nil(&pk);
	cr_expect_eq(hc_rpc_client_call(client, "m", &params, LONG_MS, &result, &fault), -EMSGSIZE);
	cr_expect_eq(fault.code, HC_FAULT_TOO_LARGE);
	hc_buffer_reset(&params);
	msgpack_pack_map(&pk, 1);
	hc_pack_key(&pk, "a");
	msgpack_pack_array(&pk, HC_CODEC_ELEMENTS_MAX);
	for (size_t i = 0; i < HC_CODEC_ELEMENTS_MAX; i++)
		msgpack_pack_nil(&pk);
	cr_expect_eq(hc_rpc_client_call(client, "m", &params, LONG_MS, &result, &fault), -EMSGSIZE);
	expect_echo(client, "status");
	server_stop(&server, client);
	cr_expect_eq(server.n_requests, 1);
}

Test(rpc_client, params_that_found_no_memory_are_not_sent)
{
	struct server server;
	struct hc_rpc_client *client = server_start(&server, play_echo);
	struct hc_buffer failed = { .failed = true };
	struct hc_fault fault = HC_FAULT_NULL;
	msgpack_object result;

	cr_expect_eq(hc_rpc_client_call(client, "m", &failed, LONG_MS, &result, &fault), -ENOMEM);
	cr_expect_eq(fault.code, HC_FAULT_INTERNAL);
	cr_expect_eq(hc_rpc_client_respond(client, &failed), -ENOMEM);
	expect_echo(client, "status");
	server_stop(&server, client);
	cr_expect_eq(server.n_requests, 1);
}

/* ---- the client is asked ------------------------------------------------------------------ */

Test(rpc_client, a_client_can_be_asked_and_answers)
{
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer answer = HC_BUFFER_NULL;
	struct server server;
	struct hc_rpc_client *client = server_start(&server, play_ask);
	msgpack_packer pk = hc_codec_packer(&answer);
	struct hc_rpc_message message;
	int r;

	while ((r = hc_rpc_client_next(client, &message, NULL)) == HC_RPC_E_MORE) {
		wait_readable(hc_rpc_client_fd(client));
		cr_assert_eq(hc_rpc_client_receive(client), 0);
	}
	cr_assert_eq(r, 0);
	cr_assert_eq(message.kind, HC_RPC_REQUEST);
	cr_expect(hc_str_is(message.method, "detector"));
	hc_rpc_pack_result(&pk, message.id);
	msgpack_pack_map(&pk, 1);
	hc_pack_bool_at(&pk, "running", true);
	cr_expect_eq(hc_rpc_client_respond(client, &answer), 0);
	server_stop(&server, client);
}
