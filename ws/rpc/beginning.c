/* SPDX-License-Identifier: MIT */
#include "ws/rpc/beginning.h"

static struct hc_position position_here(const struct hc_hub *hub, uint64_t sequence)
{
	struct hc_position position = { .sequence = sequence };

	memcpy(position.epoch, hub->store->epoch, sizeof(position.epoch));
	return position;
}

struct hc_beginning hc_beginning_behind(const struct hc_hub *hub, const struct hc_position *since)
{
	uint64_t oldest = hub->store->oldest, newest = hc_ring_sequence(hub->ring);
	struct hc_beginning begin = { .after = since->sequence, .missed_from = *since };

	if (since->sequence < UINT64_MAX)
		begin.missed_from.sequence++;
	if (strcmp(since->epoch, hub->store->epoch) != 0) {
		begin.reason = "epoch";
		begin.after = oldest - 1;
		begin.missed_to = oldest - 1;
	} else if (since->sequence > newest) {
		begin.reason = "future";
		begin.after = newest;
		begin.missed_from = position_here(hub, newest + 1);
		begin.missed_to = since->sequence;
	} else if (since->sequence + 1 < oldest) {
		begin.reason = "trimmed";
		begin.after = oldest - 1;
		begin.missed_to = oldest - 1;
	}
	return begin;
}

bool hc_beginning_read(struct hc_beginning *ret, const struct hc_request *request, const char *key,
		       struct hc_fault *fault)
{
	const struct hc_hub *hub = request->peer->hub;
	const msgpack_object *after = hc_map_get(request->params, key);
	struct hc_position position = position_here(hub, 0);

	if (!after) {
		*ret = (struct hc_beginning){ .after = hub->store->oldest - 1, .anywhere = true };
		return true;
	}
	if (after->type == MSGPACK_OBJECT_POSITIVE_INTEGER) {
		position.sequence = after->via.u64;
		if (!position.sequence) { /* "from the beginning", wherever that is */
			*ret = (struct hc_beginning){ .after = hub->store->oldest - 1,
						      .anywhere = true };
			return true;
		}
	} else if (after->type != MSGPACK_OBJECT_STR ||
		   !hc_position_parse(&position, hc_object_str(after))) {
		return hc_method_refuse(fault, key,
					"must be a sequence or a position, <epoch>-<sequence>");
	}
	*ret = hc_beginning_behind(hub, &position);
	return true;
}

void hc_beginning_settle(struct hc_beginning *begin, const struct hc_hub *hub, uint64_t first)
{
	if (begin->anywhere || first == begin->after + 1)
		return;
	if (!begin->reason) {
		begin->reason = "trimmed";
		begin->missed_from = position_here(hub, begin->after + 1);
	}
	if (strcmp(begin->reason, "future") != 0)
		begin->missed_to = first - 1;
}

size_t hc_beginning_n_fields(const struct hc_beginning *begin)
{
	return begin->reason ? 4 : 1;
}

void hc_beginning_pack(msgpack_packer *pk, const struct hc_hub *hub,
		       const struct hc_beginning *begin)
{
	char text[HC_POSITION_MAX];

	hc_pack_bool_at(pk, "complete", !begin->reason);
	if (!begin->reason)
		return;
	hc_pack_str_at(pk, "reason", hc_str(begin->reason));
	(void)hc_position_format(text, begin->missed_from.epoch, begin->missed_from.sequence);
	hc_pack_str_at(pk, "missed_from", hc_str(text));
	hc_method_position_at(pk, "missed_to", hub, begin->missed_to);
}
