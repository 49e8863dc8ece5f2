/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>

#include "tests/unit/wire.h"

void wire_deinit(struct lws *wire)
{
	hc_buffer_deinit(&wire->sent);
}

bool hc_wire_write(struct lws *wire, struct hc_str bytes)
{
	cr_assert_not(wire->blocked, "a write to a wire that is blocked");
	cr_assert(bytes.len, "a write of nothing");
	if (wire->broken)
		return false;
	hc_buffer_append_str(&wire->sent, bytes);
	cr_assert_not(wire->sent.failed);
	wire->n_writes++;
	if (bytes.len > wire->longest_write)
		wire->longest_write = bytes.len;
	if (wire->room == SIZE_MAX)
		return true;
	wire->blocked = bytes.len > wire->room;
	wire->room -= wire->blocked ? wire->room : bytes.len;
	return true;
}

bool hc_wire_is_blocked(struct lws *wire)
{
	return wire->blocked;
}

void hc_wire_want_write(struct lws *wire)
{
	wire->wants_write = true;
}

int hc_wire_unsent(struct lws *wire)
{
	return wire->unsent;
}

void hc_wire_await_close(struct lws *wire)
{
	wire->closed = true;
}

void hc_wire_kill(struct lws *wire)
{
	wire->killed = true;
}
