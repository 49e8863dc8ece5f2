/* SPDX-License-Identifier: MIT */
/*
 * Every publish bears a key, the client's or a random one: only so may it be asked again when the
 * hub dies under it (hub_client.c).
 */
#include <stdio.h>
#include <sys/random.h>

#include "fcgi/problem.h"
#include "fcgi/publish.h"
#include "fcgi/request.h"
#include "proto/json.h"

#define RANDOM_BYTES	  16
#define RANDOM_KEY_PREFIX "fcgi-"
#define RANDOM_KEY_MAX	  (sizeof(RANDOM_KEY_PREFIX) + 2 * RANDOM_BYTES)

static void make_key(char ret[static RANDOM_KEY_MAX])
{
	unsigned char bytes[RANDOM_BYTES] = { 0 };
	size_t len = (size_t)sprintf(ret, RANDOM_KEY_PREFIX);

	/* Up to 256 bytes it neither fails nor falls short (getrandom(2)). */
	(void)getrandom(bytes, sizeof(bytes), 0);
	for (size_t i = 0; i < sizeof(bytes); i++)
		len += (size_t)sprintf(ret + len, "%02x", bytes[i]);
}

static bool is_key(struct hc_str key)
{
	for (size_t i = 0; i < key.len; i++)
		if (key.s[i] < 0x20 || key.s[i] > 0x7e)
			return false;
	return key.len && key.len <= HC_IDEMPOTENCY_KEY_MAX;
}

static void fail(struct hc_exchange *exchange, struct hc_fault *fault, const char *prefix)
{
	size_t len = strlen(prefix);

	if (!strncmp(fault->pointer, prefix, len) &&
	    (!fault->pointer[len] || fault->pointer[len] == '/'))
		memmove(fault->pointer, fault->pointer + len, strlen(fault->pointer + len) + 1);
	else
		fault->pointer[0] = '\0'; /* points at what the client did not write */
	hc_exchange_fail(exchange, fault);
}

void hc_rest_publish(struct hc_exchange *exchange, const json_t *events, const char *prefix)
{
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer params = HC_BUFFER_NULL;
	msgpack_packer pk = hc_codec_packer(&params);
	struct hc_str key = exchange->request->idempotency_key;
	struct hc_fault fault = HC_FAULT_NULL;
	char random_key[RANDOM_KEY_MAX];
	msgpack_object result;

	if (!key.s) {
		make_key(random_key);
		key = hc_str(random_key);
	} else if (!is_key(key)) {
		hc_problem_set(exchange->response, HC_FAULT_INVALID_PARAMS, "",
			       "Idempotency-Key must be 1 to 128 printable ASCII characters");
		return;
	}
	hc_exchange_pack_params(exchange, &pk, 2);
	hc_pack_str_at(&pk, "key", key);
	hc_pack_key(&pk, "events");
	hc_json_pack(&pk, events);
	if (hc_hub_client_call(exchange->hub, "publish", &params, &result, &fault))
		hc_json_write(hc_response_json(exchange->response, 201), &result);
	else
		fail(exchange, &fault, prefix);
}
