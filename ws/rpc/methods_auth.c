/* SPDX-License-Identifier: MIT */
/* Tokens through the socket: ticket, revoke, revocations. */
#include <errno.h>
#include <stdlib.h>

#include "proto/clock.h"
#include "proto/fault.h"
#include "proto/log.h"
#include "proto/utf8.h"
#include "ws/auth/keeper.h"
#include "ws/auth/revocations.h"
#include "ws/rpc/method.h"
#include "ws/sessions/session.h"

#define PAGE_DEFAULT 500
#define PAGE_MAX     1000 /* with the longest names they fit a frame */

/* ---- ticket -------------------------------------------------------------------------------- */

static bool read_origin(struct hc_str *ret, const struct hc_request *request,
			struct hc_fault *fault)
{
	const msgpack_object *origin = hc_map_get(request->params, "origin");

	*ret = (struct hc_str){ 0 };
	if (!origin)
		return true;
	if (origin->type != MSGPACK_OBJECT_STR || !origin->via.str.size ||
	    origin->via.str.size > HC_TICKET_ORIGIN_MAX)
		return hc_method_refuse(fault, "origin", "must be text of 1 to 512 bytes");
	*ret = hc_object_str(origin);
	return true;
}

static bool issue(char ret[static HC_TICKET_LEN + 1], const struct hc_hub *hub,
		  struct hc_grant *grant, struct hc_str origin, struct hc_fault *fault)
{
	int r = hc_tickets_issue(hub->tickets, grant, origin, hc_monotonic_ns() / 1000000, ret);

	if (!r)
		return true;
	if (r == HC_TICKETS_E_FULL)
		hc_fault_set(fault, HC_FAULT_RATE_LIMITED,
			     "too many tickets wait to be used: try again in some seconds");
	else
		hc_fault_set(fault, HC_FAULT_INTERNAL, "no ticket can be made: %s", strerror(-r));
	return false;
}

bool hc_method_ticket(const struct hc_request *request, struct hc_fault *fault)
{
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer result = HC_BUFFER_NULL;
	HC_CLEANUP(hc_grant_unrefp) struct hc_grant *grant = NULL;
	msgpack_packer pk = hc_codec_packer(&result);
	char ticket[HC_TICKET_LEN + 1];
	struct hc_str origin;

	if (!hc_method_grant(&grant, request, fault) || !read_origin(&origin, request, fault))
		return false;
	if (!grant) {
		hc_fault_set(fault, HC_FAULT_UNAUTHORIZED, "a ticket needs a token");
		return false;
	}
	if (!issue(ticket, request->peer->hub, grant, origin, fault))
		return false;
	msgpack_pack_map(&pk, 2);
	hc_pack_str_at(&pk, "ticket", hc_str(ticket));
	hc_pack_u64_at(&pk, "expires_in", HC_TICKET_LIFETIME_MS / 1000);
	hc_method_answer(request->peer, request->id, &result);
	return true;
}

/* ---- revoke -------------------------------------------------------------------------------- */

/* Somebody who gets an answer once the revocation is on the disk. */
struct saving {
	struct hc_keeper_job job;
	struct hc_peer *peer; /* held */
	uint32_t request_id;
};

static void answer_not_saved(const struct saving *saving, int error)
{
	struct hc_fault fault = HC_FAULT_NULL;

	hc_err("the revocations cannot be written: %s; those of late end with this process",
	       strerror(error));
	hc_fault_set(&fault,
		     error == ENOSPC || error == EDQUOT ? HC_FAULT_STORAGE_FULL
							: HC_FAULT_UNAVAILABLE,
		     "revoked, but only until the hub is restarted: it cannot be written: %s",
		     strerror(error));
	hc_peer_fail(saving->peer, saving->request_id, &fault);
}

static void answer_saved(const struct saving *saving)
{
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer result = HC_BUFFER_NULL;
	const struct hc_auth *auth = saving->peer->hub->auth;
	msgpack_packer pk = hc_codec_packer(&result);

	msgpack_pack_map(&pk, 1);
	hc_pack_u64_at(&pk, "total", hc_revocations_count(hc_auth_revocations(auth)));
	hc_method_answer(saving->peer, saving->request_id, &result);
}

static void on_saved(struct hc_keeper_job *job, int result)
{
	struct saving *saving = hc_container_of(job, struct saving, job);

	if (result)
		answer_not_saved(saving, -result);
	else
		answer_saved(saving);
	hc_peer_release(saving->peer);
	free(saving);
}

static bool start_saving(const struct hc_request *request, struct hc_fault *fault)
{
	struct saving *saving = calloc(1, sizeof(*saving));

	if (!saving) {
		hc_fault_set(fault, HC_FAULT_INTERNAL, "out of memory");
		return false;
	}
	saving->job.done = on_saved;
	saving->peer = request->peer;
	saving->request_id = request->id;
	hc_peer_hold(request->peer);
	hc_keeper_save(request->peer->hub->keeper, &saving->job);
	return true;
}

/* A name among the parameters; *ret empty if there is none. */
static bool read_name(struct hc_str *ret, const struct hc_request *request,
		      enum hc_revocation_of of, struct hc_fault *fault)
{
	const char *key = hc_revocation_of_name(of);
	const msgpack_object *name = hc_map_get(request->params, key);

	*ret = (struct hc_str){ 0 };
	if (!name)
		return true;
	if (name->type != MSGPACK_OBJECT_STR || !name->via.str.size ||
	    name->via.str.size > HC_GRANT_NAME_MAX ||
	    memchr(name->via.str.ptr, '\0', name->via.str.size) ||
	    !hc_utf8_valid(hc_object_str(name)))
		return hc_method_refuse(fault, key, "must be text of 1 to 256 bytes");
	*ret = hc_object_str(name);
	return true;
}

static bool read_until(int64_t *ret, const struct hc_request *request, int64_t now_unix_s,
		       struct hc_fault *fault)
{
	const msgpack_object *until = hc_map_get(request->params, "until");
	uint64_t value;

	*ret = 0;
	if (!until)
		return true;
	if (!hc_map_get_u64(&value, request->params, "until") || value > INT64_MAX ||
	    (int64_t)value <= now_unix_s)
		return hc_method_refuse(fault, "until",
					"must be a time to come, in seconds since 1970");
	*ret = (int64_t)value;
	return true;
}

static bool add(struct hc_hub *hub, const struct hc_revocation *revocation, struct hc_fault *fault)
{
	int r = hc_revocations_add(hc_auth_revocations(hub->auth), revocation);

	if (!r) {
		char quoted[HC_LOG_QUOTE_MAX];

		hc_notice("revoked: tokens with %s %s", hc_revocation_of_name(revocation->of),
			  hc_log_quote(quoted, revocation->name));
		return true;
	}
	if (r == HC_REVOCATIONS_E_FULL)
		hc_fault_set(fault, HC_FAULT_STORAGE_FULL,
			     "%d revocations are in force, which is all there is room for: give "
			     "them an end (until), or change the key",
			     HC_REVOCATIONS_MAX);
	else
		hc_fault_set(fault, HC_FAULT_INTERNAL, "out of memory");
	return false;
}

bool hc_method_revoke(const struct hc_request *request, struct hc_fault *fault)
{
	struct hc_revocation revocations[HC_REVOCATION_MAX_];
	int64_t now_unix_s = hc_now_unix_ms() / 1000, until_unix_s;
	size_t n = 0;

	if (!hc_method_check_admin(request, fault) ||
	    !read_until(&until_unix_s, request, now_unix_s, fault))
		return false;
	for (int of = 0; of < HC_REVOCATION_MAX_; of++) {
		struct hc_revocation *revocation = &revocations[n];

		*revocation = (struct hc_revocation){ .of = (enum hc_revocation_of)of,
						      .since_unix_s = now_unix_s,
						      .until_unix_s = until_unix_s };
		if (!read_name(&revocation->name, request, revocation->of, fault))
			return false;
		n += revocation->name.len > 0;
	}
	if (!n)
		return hc_method_refuse(fault, "jti", "or \"sub\" must say what is revoked");
	for (size_t i = 0; i < n; i++)
		if (!add(request->peer->hub, &revocations[i], fault))
			return false;
	hc_sessions_check_grants(request->peer->hub->sessions);
	return start_saving(request, fault);
}

/* ---- revocations --------------------------------------------------------------------------- */

static void pack_revocation(msgpack_packer *pk, const struct hc_revocation *revocation)
{
	msgpack_pack_map(pk, revocation->until_unix_s ? 3 : 2);
	hc_pack_str_at(pk, hc_revocation_of_name(revocation->of), revocation->name);
	hc_pack_u64_at(pk, "since", (uint64_t)revocation->since_unix_s);
	if (revocation->until_unix_s)
		hc_pack_u64_at(pk, "until", (uint64_t)revocation->until_unix_s);
}

static bool read_page(uint64_t *ret_skip, uint64_t *ret_limit, const struct hc_request *request,
		      struct hc_fault *fault)
{
	*ret_skip = 0;
	*ret_limit = PAGE_DEFAULT;
	if (hc_map_get(request->params, "skip") &&
	    !hc_map_get_u64(ret_skip, request->params, "skip"))
		return hc_method_refuse(fault, "skip", "must be a number");
	if (hc_map_get(request->params, "limit") &&
	    (!hc_map_get_u64(ret_limit, request->params, "limit") || !*ret_limit ||
	     *ret_limit > PAGE_MAX))
		return hc_method_refuse(fault, "limit", "must be a number from 1 to 1000");
	return true;
}

bool hc_method_revocations(const struct hc_request *request, struct hc_fault *fault)
{
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer result = HC_BUFFER_NULL;
	struct hc_revocations *all = hc_auth_revocations(request->peer->hub->auth);
	msgpack_packer pk = hc_codec_packer(&result);
	struct hc_revocation page[PAGE_MAX];
	uint64_t skip, limit;
	size_t n;

	if (!hc_method_check_admin(request, fault) || !read_page(&skip, &limit, request, fault))
		return false;
	hc_revocations_drop_over(all);
	n = hc_revocations_read(all, page, skip, limit);
	msgpack_pack_map(&pk, 2);
	hc_pack_key(&pk, "revocations");
	msgpack_pack_array(&pk, n);
	for (size_t i = 0; i < n; i++)
		pack_revocation(&pk, &page[i]);
	hc_pack_u64_at(&pk, "total", hc_revocations_count(all));
	hc_method_answer(request->peer, request->id, &result);
	return true;
}
