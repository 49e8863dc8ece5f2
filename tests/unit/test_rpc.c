/* SPDX-License-Identifier: MIT */
/* MessagePack-RPC messages: the reader against the golden streams, and what the packers write. */
#include <criterion/criterion.h>
#include <errno.h>
#include <sys/socket.h>

#include "proto/json.h"
#include "proto/rpc.h"
#include "tests/unit/golden.h"

#define DATA "tests/data/rpc.json"

/* A reader and the other end of its socket. */
struct fixture {
	struct hc_rpc_reader reader;
	int fds[2]; /* ours to write, the reader's */
	size_t len_max;
};

static void setup(struct fixture *f)
{
	cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, f->fds), 0);
	cr_assert_eq(hc_rpc_reader_init(&f->reader), 0);
	f->len_max = 65536;
}

static void teardown(struct fixture *f)
{
	hc_rpc_reader_deinit(&f->reader);
	close(f->fds[0]);
	close(f->fds[1]);
}

static void fill(struct fixture *f, const char *data, size_t len)
{
	size_t n_filled = 0;

	cr_assert_eq(send(f->fds[0], data, len, MSG_NOSIGNAL), (ssize_t)len);
	while (n_filled < len) {
		ssize_t n = hc_rpc_reader_fill(&f->reader, f->fds[1], f->len_max);

		cr_assert_gt(n, 0);
		n_filled += (size_t)n;
	}
}

static void fill_hex(struct fixture *f, const char *hex)
{
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer bytes = HC_BUFFER_NULL;

	golden_append_hex(&bytes, hex);
	fill(f, bytes.data, bytes.len);
}

/* ---- golden streams ----------------------------------------------------------------------- */

static void append_piece(struct hc_buffer *bytes, const json_t *piece)
{
	json_int_t times = 1;

	if (json_is_object(piece)) {
		times = json_integer_value(json_object_get(piece, "times"));
		piece = json_object_get(piece, "hex");
	}
	cr_assert(json_is_string(piece));
	for (json_int_t i = 0; i < times; i++)
		golden_append_hex(bytes, json_string_value(piece));
}

static void read_bytes(struct hc_buffer *bytes, const json_t *stream)
{
	const json_t *pieces = json_object_get(stream, "bytes");

	for (size_t i = 0; i < json_array_size(pieces); i++)
		append_piece(bytes, json_array_get(pieces, i));
}

static void check_value(const msgpack_object *got, const json_t *wanted, const char *name)
{
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer got_bytes = HC_BUFFER_NULL;
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer wanted_bytes = HC_BUFFER_NULL;
	msgpack_packer got_pk = hc_codec_packer(&got_bytes);
	msgpack_packer wanted_pk = hc_codec_packer(&wanted_bytes);

	if (!wanted)
		return; /* too long to stand in the vectors */
	msgpack_pack_object(&got_pk, *got);
	hc_json_pack(&wanted_pk, wanted);
	cr_expect(golden_equal(&got_bytes, &wanted_bytes), "%s: another value", name);
}

static void check_id(uint32_t got, const json_t *wanted, const char *name)
{
	cr_expect_eq(got, json_integer_value(json_object_get(wanted, "id")), "%s: id %u", name,
		     got);
}

static void check_message(const struct hc_rpc_message *got, const json_t *outcome, const char *name)
{
	static const char *const kinds[] = { "request", "response", "notification" };
	const json_t *wanted = json_object_get(outcome, kinds[got->kind]);

	cr_assert(wanted, "%s: got a %s", name, kinds[got->kind]);
	if (got->kind != HC_RPC_NOTIFICATION)
		check_id(got->id, wanted, name);
	if (got->kind == HC_RPC_RESPONSE) {
		check_value(&got->error, json_object_get(wanted, "error"), name);
		check_value(&got->result, json_object_get(wanted, "result"), name);
		return;
	}
	cr_expect(hc_str_equal(got->method, golden_str(json_object_get(wanted, "method"))), "%s",
		  name);
	cr_expect_eq(got->params.type, MSGPACK_OBJECT_MAP, "%s", name);
	check_value(&got->params, json_object_get(wanted, "params"), name);
}

static void check_fault(const struct hc_fault *fault, const char *code, const char *name)
{
	cr_expect_str_eq(hc_fault_name(fault->code), code, "%s: %s", name, fault->message);
	cr_expect_neq(fault->message[0], '\0', "%s: no message", name);
}

/*
 * Takes what is there and checks it off against @expect from *@i on; whether the stream is broken
 */
static bool drain(struct fixture *f, const json_t *expect, size_t *i, const char *name)
{
	for (;;) {
		struct hc_rpc_message message = { .id = 77 };
		struct hc_fault fault = HC_FAULT_NULL;
		int r = hc_rpc_reader_next(&f->reader, &message, &fault);
		const json_t *outcome = json_array_get(expect, *i);

		if (r == HC_RPC_E_MORE)
			return false;
		cr_assert(outcome, "%s: more than was expected: %d", name, r);
		if (r == HC_RPC_E_MALFORMED) {
			const char *code = json_string_value(json_object_get(outcome, "broken"));

			cr_assert(code, "%s: broken: %s", name, fault.message);
			check_fault(&fault, code, name);
			cr_expect_eq(message.id, 0, "%s: an id of a message nobody read", name);
			return true;
		}
		(*i)++;
		if (!r) {
			check_message(&message, outcome, name);
			continue;
		}
		cr_assert_eq(r, HC_RPC_E_MESSAGE, "%s: %d", name, r);
		cr_assert(json_object_get(outcome, "refused"), "%s: refused: %s", name,
			  fault.message);
		check_fault(&fault, "malformed", name);
		check_id(message.id, json_object_get(outcome, "refused"), name);
	}
}

static bool is_broken(const json_t *expect)
{
	const json_t *last = json_array_get(expect, json_array_size(expect) - 1);

	return json_object_get(last, "broken") != NULL;
}

/* A stream that has broken stays so; one that has not reads on. */
static void check_what_follows(struct fixture *f, const json_t *stream, const char *name)
{
	struct hc_rpc_message message;
	struct hc_fault fault = HC_FAULT_NULL;

	if (is_broken(json_object_get(stream, "expect"))) {
		cr_expect_eq(hc_rpc_reader_next(&f->reader, &message, &fault), HC_RPC_E_MALFORMED,
			     "%s: mended", name);
		return;
	}
	if (f->reader.in.len > f->reader.start)
		return; /* it ends inside a message */
	fill_hex(f, "93 02 a161 91 80");
	cr_expect_eq(hc_rpc_reader_next(&f->reader, &message, &fault), 0, "%s", name);
	cr_expect_eq(message.kind, HC_RPC_NOTIFICATION, "%s", name);
}

static void check_stream(const json_t *stream, size_t len_at_once)
{
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer bytes = HC_BUFFER_NULL;
	const json_t *expect = json_object_get(stream, "expect");
	const char *name = golden_text(stream, "name");
	bool broken = false;
	struct fixture f;
	size_t i = 0;

	setup(&f);
	read_bytes(&bytes, stream);
	for (size_t start = 0; start < bytes.len && !broken; start += len_at_once) {
		size_t len = bytes.len - start < len_at_once ? bytes.len - start : len_at_once;

		fill(&f, bytes.data + start, len);
		broken = drain(&f, expect, &i, name);
	}
	cr_expect_eq(broken, is_broken(expect), "%s", name);
	cr_expect_eq(i + is_broken(expect), json_array_size(expect), "%s: only %zu outcomes", name,
		     i);
	check_what_follows(&f, stream, name);
	teardown(&f);
}

static void check_streams(size_t len_at_once, size_t len_max)
{
	json_t *document = golden_load(DATA);
	json_t *streams = json_object_get(document, "streams");

	cr_assert_gt(json_array_size(streams), 80);
	for (size_t i = 0; i < json_array_size(streams); i++) {
		HC_CLEANUP(hc_buffer_deinit) struct hc_buffer bytes = HC_BUFFER_NULL;

		read_bytes(&bytes, json_array_get(streams, i));
		if (bytes.len <= len_max)
			check_stream(json_array_get(streams, i), len_at_once);
	}
	json_decref(document);
}

Test(rpc, golden_streams_read_as_they_should)
{
	check_streams(4096, SIZE_MAX);
}

Test(rpc, golden_streams_read_the_same_in_odd_pieces)
{
	check_streams(4093, SIZE_MAX);
}

Test(rpc, golden_streams_read_the_same_byte_by_byte)
{
	check_streams(1, 1024);
}

/* ---- filling ------------------------------------------------------------------------------ */

Test(rpc, fill_finds_nothing_then_something_then_the_end)
{
	struct fixture f;

	setup(&f);
	cr_expect_eq(hc_rpc_reader_fill(&f.reader, f.fds[1], 4096), 0);
	cr_assert_eq(write(f.fds[0], "\x93\x02", 2), 2);
	cr_expect_eq(hc_rpc_reader_fill(&f.reader, f.fds[1], 4096), 2);
	cr_assert_eq(shutdown(f.fds[0], SHUT_WR), 0);
	cr_expect_eq(hc_rpc_reader_fill(&f.reader, f.fds[1], 4096), -ECONNRESET);
	teardown(&f);
}

Test(rpc, fill_tells_an_error_of_the_socket)
{
	struct fixture f;

	setup(&f);
	cr_expect_eq(hc_rpc_reader_fill(&f.reader, -1, 4096), -EBADF);
	teardown(&f);
}

Test(rpc, a_busy_peer_gets_no_more_than_its_share_of_a_turn)
{
	static char many[20000]; /* of the value 0, which is no message */
	struct fixture f;

	setup(&f);
	cr_assert_eq(write(f.fds[0], many, sizeof(many)), (ssize_t)sizeof(many));
	cr_expect_eq(hc_rpc_reader_fill(&f.reader, f.fds[1], 8192), 8192);
	teardown(&f);
}

Test(rpc, memory_stays_bounded_however_much_passes_through)
{
	static const char message[] = "\x93\x02\xa1m\x91\x80";
	char many[600 * 6];
	struct fixture f;

	setup(&f);
	for (size_t i = 0; i < sizeof(many); i += 6)
		memcpy(many + i, message, 6);
	for (size_t round = 0; round < 500; round++) {
		struct hc_rpc_message out;
		size_t n = 0;

		fill(&f, many, sizeof(many));
		while (!hc_rpc_reader_next(&f.reader, &out, NULL))
			n++;
		cr_assert_eq(n, 600);
	}
	cr_expect_leq(f.reader.in.cap, 2 * 65536, "%zu bytes", f.reader.in.cap);
	teardown(&f);
}

Test(rpc, a_reader_that_was_never_filled_wants_more_and_frees)
{
	struct hc_rpc_reader zero = { 0 };
	struct hc_rpc_message message;
	struct fixture f;

	setup(&f);
	cr_expect_eq(hc_rpc_reader_next(&f.reader, &message, NULL), HC_RPC_E_MORE);
	teardown(&f);
	hc_rpc_reader_deinit(&zero);
}

/* Text is bytes to the reader: what a method may be called is its user's business. */
Test(rpc, a_method_that_is_not_utf_8_is_handed_on)
{
	struct hc_rpc_message message;
	struct fixture f;

	setup(&f);
	fill_hex(&f, "94 00 05 a2ff00 91 80");
	cr_expect_eq(hc_rpc_reader_next(&f.reader, &message, NULL), 0);
	cr_expect_eq(message.method.len, 2);
	teardown(&f);
}

/* ---- packing ------------------------------------------------------------------------------ */

static void next(struct fixture *f, const struct hc_buffer *bytes, struct hc_rpc_message *ret)
{
	struct hc_fault fault = HC_FAULT_NULL;

	cr_assert_not(bytes->failed);
	fill(f, bytes->data, bytes->len);
	cr_assert_eq(hc_rpc_reader_next(&f->reader, ret, &fault), 0, "%s", fault.message);
	cr_assert_eq(f->reader.start, bytes->len);
}

Test(rpc, a_packed_request_is_read_as_it_was_meant)
{
	static const uint32_t ids[] = { 0, 1, 127, 128, 65536, UINT32_MAX };

	for (size_t i = 0; i < HC_ARRAY_LEN(ids); i++) {
		HC_CLEANUP(hc_buffer_deinit) struct hc_buffer bytes = HC_BUFFER_NULL;
		msgpack_packer pk = hc_codec_packer(&bytes);
		struct hc_rpc_message message;
		uint64_t limit = 0;
		struct fixture f;

		setup(&f);
		hc_rpc_pack_request(&pk, ids[i], "events");
		msgpack_pack_map(&pk, 1);
		hc_pack_u64_at(&pk, "limit", 5);
		next(&f, &bytes, &message);
		cr_expect_eq(message.kind, HC_RPC_REQUEST);
		cr_expect_eq(message.id, ids[i]);
		cr_expect(hc_str_is(message.method, "events"));
		cr_expect(hc_map_get_u64(&limit, &message.params, "limit") && limit == 5);
		teardown(&f);
	}
}

Test(rpc, a_packed_notification_and_result_are_read_as_they_were_meant)
{
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer bytes = HC_BUFFER_NULL;
	msgpack_packer pk = hc_codec_packer(&bytes);
	struct hc_rpc_message message;
	struct fixture f;

	setup(&f);
	hc_rpc_pack_notification(&pk, "event");
	msgpack_pack_map(&pk, 0);
	next(&f, &bytes, &message);
	cr_expect_eq(message.kind, HC_RPC_NOTIFICATION);
	cr_expect(hc_str_is(message.method, "event"));
	teardown(&f);

	setup(&f);
	hc_buffer_reset(&bytes);
	hc_rpc_pack_result(&pk, 9);
	msgpack_pack_true(&pk);
	next(&f, &bytes, &message);
	cr_expect_eq(message.kind, HC_RPC_RESPONSE);
	cr_expect_eq(message.id, 9);
	cr_expect_eq(message.error.type, MSGPACK_OBJECT_NIL);
	cr_expect_eq(message.result.type, MSGPACK_OBJECT_BOOLEAN);
	teardown(&f);
}

static void exchange_fault(const struct hc_fault *sent, struct hc_fault *ret)
{
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer bytes = HC_BUFFER_NULL;
	msgpack_packer pk = hc_codec_packer(&bytes);
	struct hc_rpc_message message;
	struct fixture f;

	setup(&f);
	hc_rpc_pack_error(&pk, 4, sent);
	next(&f, &bytes, &message);
	cr_assert_eq(message.kind, HC_RPC_RESPONSE);
	cr_assert_eq(message.id, 4);
	cr_assert_eq(message.error.type, MSGPACK_OBJECT_MAP);
	cr_assert_eq(message.result.type, MSGPACK_OBJECT_NIL);
	hc_rpc_read_fault(ret, &message.error);
	teardown(&f);
}

Test(rpc, every_fault_crosses_the_wire_whole)
{
	for (int code = HC_FAULT_NONE + 1; code < HC_FAULT_MAX_; code++) {
		struct hc_fault sent = HC_FAULT_NULL;
		struct hc_fault got = HC_FAULT_NULL;

		hc_fault_set(&sent, (enum hc_fault_code)code, "reason %d", code);
		if (code % 2)
			hc_fault_at(&sent, HC_STR("a/b"));
		exchange_fault(&sent, &got);
		cr_expect_eq(got.code, code);
		cr_expect_str_eq(got.message, sent.message);
		cr_expect_str_eq(got.pointer, sent.pointer);
	}
}

Test(rpc, the_longest_fault_crosses_the_wire_whole)
{
	struct hc_fault sent = { .code = HC_FAULT_SCHEMA };
	struct hc_fault got = HC_FAULT_NULL;

	memset(sent.message, 'm', sizeof(sent.message) - 1);
	memset(sent.pointer, '/', sizeof(sent.pointer) - 1);
	exchange_fault(&sent, &got);
	cr_expect_str_eq(got.message, sent.message);
	cr_expect_str_eq(got.pointer, sent.pointer);
}

/* ---- faults of a peer that is not ours ---------------------------------------------------- */

static void read_fault(struct hc_fault *ret, const char *hex)
{
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer bytes = HC_BUFFER_NULL;
	msgpack_object error;
	msgpack_zone zone;

	cr_assert(msgpack_zone_init(&zone, 4096));
	golden_append_hex(&bytes, hex);
	error = golden_unpack(&zone, &bytes);
	memset(ret, 0x55, sizeof(*ret));
	hc_rpc_read_fault(ret, &error);
	msgpack_zone_destroy(&zone);
}

Test(rpc, a_fault_that_says_little_is_internal_and_has_a_message)
{
	static const char *const hexes[] = {
		"80",						  /* {} */
		"81 a76d657373616765 a0",			  /* {"message": ""} */
		"81 a76d657373616765 a2 00 61",			  /* {"message": NUL "a"} */
		"81 a4636f6465 05",				  /* {"code": 5} */
		"81 a4636f6465 a3 6e6577",			  /* {"code": "new"} */
		"81 a4636f6465 a4 6e6f6e65",			  /* {"code": "none"} */
		"82 a76d657373616765 c0 a7 64657461696c73 a1 78", /* nil and text for a map */
		"81 a7 64657461696c73 81 a7 706f696e746572 05",	  /* {"details": {"pointer": 5}} */
	};

	for (size_t i = 0; i < HC_ARRAY_LEN(hexes); i++) {
		struct hc_fault fault;

		read_fault(&fault, hexes[i]);
		cr_expect_eq(fault.code, HC_FAULT_INTERNAL, "%s: %d", hexes[i], fault.code);
		cr_expect_neq(fault.message[0], '\0', "%s", hexes[i]);
		cr_expect_str_eq(fault.pointer, "", "%s", hexes[i]);
	}
}

/* fault.h promises text that is safe to show: JSON and logs are made of it. */
Test(rpc, a_fault_is_safe_to_show_whatever_the_peer_sent)
{
	struct hc_fault fault;

	/* {"message": "a" ESC 0xff, "details": {"pointer": "/" 0xff}} */
	read_fault(&fault, "82 a76d657373616765 a3 61 1b ff a7 64657461696c73 81"
			   "a7 706f696e746572 a2 2f ff");
	cr_expect_eq(fault.message[0], 'a');
	cr_expect_not(strchr(fault.message, '\x1b'));
	cr_expect_not(strchr(fault.message, '\xff'));
	cr_expect_not(strchr(fault.pointer, '\xff'), "\"%s\"", fault.pointer);
}

Test(rpc, a_long_message_of_a_peer_is_cut_at_a_character)
{
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer bytes = HC_BUFFER_NULL;
	msgpack_packer pk = hc_codec_packer(&bytes);
	struct hc_fault fault;
	char text[601] = "";
	msgpack_object error;
	msgpack_zone zone;
	size_t len;

	for (size_t i = 0; i < 200; i++)
		strcat(text, "\xe2\x82\xac");
	msgpack_pack_map(&pk, 1);
	hc_pack_str_at(&pk, "message", hc_str(text));
	cr_assert(msgpack_zone_init(&zone, 4096));
	error = golden_unpack(&zone, &bytes);
	hc_rpc_read_fault(&fault, &error);
	len = strlen(fault.message);
	cr_expect_gt(len, HC_FAULT_MESSAGE_MAX - 4);
	cr_expect_eq(len % 3, 0, "%zu bytes of characters of three", len);
	msgpack_zone_destroy(&zone);
}
