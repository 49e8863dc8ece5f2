/* SPDX-License-Identifier: MIT */
#include "proto/pattern.h"
#include "ws/sessions/greeting.h"
#include "ws/sessions/session.h"

static void pack_limits(msgpack_packer *pk, const struct hc_conf *conf)
{
	msgpack_pack_map(pk, 3);
	hc_pack_u64_at(pk, "message_bytes", conf->clients.message_max_bytes);
	hc_pack_u64_at(pk, "patterns", conf->clients.patterns_max);
	hc_pack_u64_at(pk, "pattern_bytes", HC_PATTERN_LEN_MAX);
}

static void pack_position(msgpack_packer *pk, const char *key, const struct hc_hub *hub,
			  uint64_t sequence)
{
	char text[HC_POSITION_MAX];
	size_t len = hc_position_format(text, hub->store->epoch, sequence);

	hc_pack_str_at(pk, key, (struct hc_str){ text, len });
}

void hc_greeting_tell(struct hc_session *session, uint64_t n_state)
{
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer payload = HC_BUFFER_NULL;
	msgpack_packer pk = hc_codec_packer(&payload);
	const struct hc_hub *hub = session->hub;

	msgpack_pack_map(&pk, 5u + !!n_state + !!session->grant);
	hc_pack_u64_at(&pk, "connection_id", session->id);
	pack_position(&pk, "position", hub, hc_ring_sequence(hub->ring));
	pack_position(&pk, "oldest", hub, hub->store->oldest);
	hc_pack_u64_at(&pk, "heartbeat_ms", hub->conf->clients.heartbeat_ms);
	hc_pack_key(&pk, "limits");
	pack_limits(&pk, hub->conf);
	if (n_state)
		hc_pack_u64_at(&pk, "state", n_state);
	if (session->grant)
		hc_pack_str_at(&pk, "user", hc_str(hc_grant_subject(session->grant)));
	hc_session_tell(session, "connection.established", &payload);
}
