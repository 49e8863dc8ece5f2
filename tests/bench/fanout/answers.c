/* SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "proto/fault.h"
#include "proto/rpc.h"
#include "tests/bench/fanout/answers.h"

bool answers_take(struct hc_rpc_client *client, size_t *n)
{
	struct hc_fault fault = HC_FAULT_NULL;
	struct hc_rpc_message message;
	int r = hc_rpc_client_receive(client);

	while (!r && !(r = hc_rpc_client_next(client, &message, &fault))) {
		if (message.kind != HC_RPC_RESPONSE)
			continue;
		if (message.error.type != MSGPACK_OBJECT_NIL) {
			hc_rpc_read_fault(&fault, &message.error);
			fprintf(stderr, "load: the hub refuses: %s\n", fault.message);
			return false;
		}
		++*n;
	}
	if (r != HC_RPC_E_MORE)
		fprintf(stderr, "load: the hub has closed a publisher's connection\n");
	return r == HC_RPC_E_MORE;
}
