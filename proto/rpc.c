/* SPDX-License-Identifier: MIT */
/*
 * MessagePack-RPC messages: packing them, and a reader that cuts them out of a stream.
 *
 * Accepted: [0, id, method, [map]], [0, id, method, []] (an empty map), [1, id, error, result],
 * [2, method, [map]]. Every other value is HC_RPC_E_MESSAGE: the sender is told and the stream goes
 * on, because the end of the value is known. Bytes that are not msgpack, or announce more than a
 * frame may hold, are HC_RPC_E_MALFORMED: nobody knows where the next message would begin.
 */
#include <errno.h>
#include <sys/socket.h>

#include "proto/rpc.h"
#include "proto/utf8.h"

#define FILL_LEN_MIN 4096 /* bytes; smaller reads would only cost more system calls */

/* ---- out ---------------------------------------------------------------------------------- */

void hc_rpc_pack_request(msgpack_packer *pk, uint32_t id, const char *method)
{
	msgpack_pack_array(pk, 4);
	msgpack_pack_int(pk, HC_RPC_REQUEST);
	msgpack_pack_uint32(pk, id);
	hc_pack_key(pk, method);
	msgpack_pack_array(pk, 1);
}

void hc_rpc_pack_notification(msgpack_packer *pk, const char *method)
{
	msgpack_pack_array(pk, 3);
	msgpack_pack_int(pk, HC_RPC_NOTIFICATION);
	hc_pack_key(pk, method);
	msgpack_pack_array(pk, 1);
}

void hc_rpc_pack_result(msgpack_packer *pk, uint32_t id)
{
	msgpack_pack_array(pk, 4);
	msgpack_pack_int(pk, HC_RPC_RESPONSE);
	msgpack_pack_uint32(pk, id);
	msgpack_pack_nil(pk);
}

void hc_rpc_pack_error(msgpack_packer *pk, uint32_t id, const struct hc_fault *fault)
{
	msgpack_pack_array(pk, 4);
	msgpack_pack_int(pk, HC_RPC_RESPONSE);
	msgpack_pack_uint32(pk, id);
	msgpack_pack_map(pk, 3);
	hc_pack_str_at(pk, "code", hc_str(hc_fault_name(fault->code)));
	hc_pack_str_at(pk, "message", hc_str(fault->message));
	hc_pack_key(pk, "details");
	msgpack_pack_map(pk, fault->pointer[0] ? 1 : 0);
	if (fault->pointer[0])
		hc_pack_str_at(pk, "pointer", hc_str(fault->pointer));
	msgpack_pack_nil(pk);
}

void hc_rpc_read_fault(struct hc_fault *ret, const msgpack_object *error)
{
	const msgpack_object *details = hc_map_get(error, "details");
	enum hc_fault_code code = HC_FAULT_INTERNAL;
	struct hc_str text;

	*ret = HC_FAULT_NULL;
	if (hc_map_get_str(&text, error, "code") && !hc_str_is(text, hc_fault_name(HC_FAULT_NONE)))
		code = hc_fault_from_name(text);
	if (hc_map_get_str(&text, error, "message"))
		hc_fault_set(ret, code, "%.*s", (int)text.len, text.s);
	if (!ret->message[0])
		hc_fault_set(ret, code, "the peer gave no reason");
	if (details && hc_map_get_str(&text, details, "pointer") &&
	    text.len < sizeof(ret->pointer) && hc_utf8_valid(text))
		memcpy(ret->pointer, text.s, text.len); /* one that is cut would point elsewhere */
}

/* ---- in ----------------------------------------------------------------------------------- */

int hc_rpc_reader_init(struct hc_rpc_reader *reader)
{
	*reader = (struct hc_rpc_reader){ 0 };
	return msgpack_zone_init(&reader->zone, MSGPACK_ZONE_CHUNK_SIZE) ? 0 : -ENOMEM;
}

void hc_rpc_reader_deinit(struct hc_rpc_reader *reader)
{
	if (reader->zone.chunk_list.head)
		msgpack_zone_destroy(&reader->zone);
	hc_buffer_deinit(&reader->in);
	*reader = (struct hc_rpc_reader){ 0 };
}

ssize_t hc_rpc_reader_fill(struct hc_rpc_reader *reader, int fd, size_t len_max)
{
	size_t room = len_max > FILL_LEN_MIN ? len_max : FILL_LEN_MIN;
	ssize_t n;
	char *to;

	if (reader->start) {
		hc_buffer_consume(&reader->in, reader->start);
		reader->start = 0;
	}
	to = hc_buffer_reserve(&reader->in, room);
	if (!to)
		return -ENOMEM;
	n = recv(fd, to, room, MSG_DONTWAIT);
	if (n == 0)
		return -ECONNRESET;
	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	reader->in.len += (size_t)n;
	return n;
}

static int refuse_message(struct hc_fault *fault, const char *why)
{
	hc_fault_set(fault, HC_FAULT_MALFORMED, "not a MessagePack-RPC message: %s", why);
	return HC_RPC_E_MESSAGE;
}

static bool read_id(uint32_t *ret, const msgpack_object *value)
{
	if (value->type != MSGPACK_OBJECT_POSITIVE_INTEGER || value->via.u64 > UINT32_MAX)
		return false;
	*ret = (uint32_t)value->via.u64;
	return true;
}

static int read_params(struct hc_rpc_message *ret, const msgpack_object *params,
		       struct hc_fault *fault)
{
	if (params->type != MSGPACK_OBJECT_ARRAY || params->via.array.size > 1)
		return refuse_message(fault, "params must be an array of one map");
	ret->params = (msgpack_object){ .type = MSGPACK_OBJECT_MAP };
	if (!params->via.array.size)
		return 0;
	if (params->via.array.ptr[0].type != MSGPACK_OBJECT_MAP)
		return refuse_message(fault, "params must be an array of one map");
	ret->params = params->via.array.ptr[0];
	return 0;
}

static int read_call(struct hc_rpc_message *ret, const msgpack_object *method,
		     const msgpack_object *params, struct hc_fault *fault)
{
	if (method->type != MSGPACK_OBJECT_STR)
		return refuse_message(fault, "the method must be text");
	ret->method = hc_object_str(method);
	return read_params(ret, params, fault);
}

static int read_response(struct hc_rpc_message *ret, const msgpack_object *items,
			 struct hc_fault *fault)
{
	if (items[2].type != MSGPACK_OBJECT_NIL && items[2].type != MSGPACK_OBJECT_MAP)
		return refuse_message(fault, "an error must be a map or nil");
	ret->error = items[2];
	ret->result = items[3];
	return 0;
}

static int read_message(struct hc_rpc_message *ret, const msgpack_object *value,
			struct hc_fault *fault)
{
	const msgpack_object *items = value->via.array.ptr;
	uint32_t size;

	if (value->type != MSGPACK_OBJECT_ARRAY || !value->via.array.size)
		return refuse_message(fault, "it must be an array");
	size = value->via.array.size;
	if (items[0].type != MSGPACK_OBJECT_POSITIVE_INTEGER || items[0].via.u64 > 2)
		return refuse_message(fault, "the first item must be 0, 1 or 2");
	ret->kind = (enum hc_rpc_kind)items[0].via.u64;
	/* Before the count: whoever sent too few items is told by its id, and need not wait. */
	if (ret->kind != HC_RPC_NOTIFICATION && size > 1 && !read_id(&ret->id, &items[1]))
		return refuse_message(fault, "the id must be an unsigned 32-bit integer");
	if (size != (ret->kind == HC_RPC_NOTIFICATION ? 3 : 4))
		return refuse_message(fault, "wrong number of items");
	if (ret->kind == HC_RPC_NOTIFICATION)
		return read_call(ret, &items[1], &items[2], fault);
	if (ret->kind == HC_RPC_RESPONSE)
		return read_response(ret, items, fault);
	return read_call(ret, &items[2], &items[3], fault);
}

static int refuse_stream(struct hc_fault *fault, int why)
{
	if (why == HC_CODEC_E_LIMIT)
		hc_fault_set(fault, HC_FAULT_TOO_LARGE,
			     "a message may have %d bytes, %d levels and %d values",
			     HC_RPC_FRAME_MAX, HC_CODEC_DEPTH_MAX, HC_CODEC_ELEMENTS_MAX);
	else
		hc_fault_set(fault, HC_FAULT_MALFORMED, "not msgpack");
	return HC_RPC_E_MALFORMED;
}

int hc_rpc_reader_next(struct hc_rpc_reader *reader, struct hc_rpc_message *ret,
		       struct hc_fault *fault)
{
	size_t len = reader->in.len - reader->start;
	msgpack_object value;
	const char *data;
	int r;

	if (!len)
		return HC_RPC_E_MORE;
	data = reader->in.data + reader->start;
	r = hc_codec_skim(&reader->skim, data, len, HC_RPC_FRAME_MAX);
	if (r == HC_CODEC_E_MORE)
		return HC_RPC_E_MORE;
	*ret = (struct hc_rpc_message){ 0 };
	if (r)
		return refuse_stream(fault, r);
	len = reader->skim.pos;
	reader->skim = (struct hc_codec_skim){ 0 };
	msgpack_zone_clear(&reader->zone);
	r = hc_codec_unpack(&value, &reader->zone, data, len);
	if (r)
		return r < 0 ? r : refuse_stream(fault, r);
	reader->start += len;
	return read_message(ret, &value, fault);
}
