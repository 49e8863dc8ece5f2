/* SPDX-License-Identifier: MIT */
/*
 * The reader of MessagePack-RPC: the first byte says in what pieces the others come in. However a
 * stream is cut, the reader must make the same of it.
 */
#include "proto/rpc.h"
#include "tests/fuzz/fuzz.h"

/* What came of a stream, folded into numbers. */
struct outcome {
	size_t n_messages;
	size_t n_refused;
	uint64_t ids;
	bool broken;
};

static void check_error(const msgpack_object *error)
{
	struct hc_fault fault;

	hc_rpc_read_fault(&fault, error);
	fuzz_check_fault(&fault);
}

static void take(struct outcome *outcome, const struct hc_rpc_message *message)
{
	outcome->n_messages++;
	outcome->ids = outcome->ids * 31 + message->id + message->kind;
	if (message->kind != HC_RPC_RESPONSE) {
		HC_FUZZ_CHECK(message->params.type == MSGPACK_OBJECT_MAP);
		(void)hc_map_get(&message->params, "events");
		(void)hc_codec_check_json(&message->params, NULL);
	} else if (message->error.type != MSGPACK_OBJECT_NIL) {
		check_error(&message->error);
	}
}

static void drain(struct hc_rpc_reader *reader, struct outcome *outcome)
{
	while (!outcome->broken) {
		struct hc_fault fault = HC_FAULT_NULL;
		struct hc_rpc_message message;
		int r = hc_rpc_reader_next(reader, &message, &fault);

		if (r == HC_RPC_E_MORE)
			return;
		if (!r) {
			take(outcome, &message);
			continue;
		}
		HC_FUZZ_CHECK(r == HC_RPC_E_MESSAGE || r == HC_RPC_E_MALFORMED);
		fuzz_check_fault(&fault);
		outcome->ids = outcome->ids * 31 + message.id;
		outcome->n_refused += r == HC_RPC_E_MESSAGE;
		outcome->broken = r == HC_RPC_E_MALFORMED;
	}
}

static struct outcome read_stream(const uint8_t *data, size_t len, size_t len_at_once)
{
	struct outcome outcome = { 0 };
	struct hc_rpc_reader reader;

	HC_FUZZ_CHECK(!hc_rpc_reader_init(&reader));
	for (size_t start = 0; start < len; start += len_at_once) {
		size_t n = len - start < len_at_once ? len - start : len_at_once;

		hc_buffer_consume(&reader.in, reader.start);
		reader.start = 0;
		hc_buffer_append(&reader.in, data + start, n);
		drain(&reader, &outcome);
	}
	hc_rpc_reader_deinit(&reader);
	return outcome;
}

HC_FUZZ(rpc_reader)
{
	struct outcome whole, pieces;

	if (!len)
		return 0;
	whole = read_stream(data + 1, len - 1, len);
	pieces = read_stream(data + 1, len - 1, (size_t)data[0] % 64 + 1);
	HC_FUZZ_CHECK(whole.n_messages == pieces.n_messages);
	HC_FUZZ_CHECK(whole.n_refused == pieces.n_refused);
	HC_FUZZ_CHECK(whole.ids == pieces.ids);
	HC_FUZZ_CHECK(whole.broken == pieces.broken);
	return 0;
}
