/* SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "proto/clock.h"
#include "proto/log.h"
#include "ws/consumers.h"
#include "ws/health/health.h"
#include "ws/hub.h"
#include "ws/mend.h"
#include "ws/rpc/detector.h"
#include "ws/rpc/feed.h"
#include "ws/rpc/peer.h"
#include "ws/sessions/question.h"
#include "ws/sessions/session.h"

/* ---- the state ---------------------------------------------------------------------------- */

static void on_restored(struct hc_batch *batch)
{
	struct hc_hub *hub = batch->owner;

	hub->mend.restoring = false;
	if (batch->result == HC_BATCH_OK_)
		hc_consumers_restore(hub->consumers);
	(void)hc_batch_free(batch);
}

static void add_record(void *context, struct hc_record *record)
{
	struct hc_batch *batch = context;

	batch->records[batch->n++] = hc_record_ref(record);
}

/* The retained events go to the store; until they are there it takes nothing else. */
static void restore_state(struct hc_hub *hub)
{
	struct hc_batch *batch;

	if (hub->mend.restoring)
		return;
	batch = hc_batch_new(hc_state_count(hub->state, NULL));
	if (!batch)
		return; /* the store asks again */
	batch->n = 0;
	hc_state_each(hub->state, NULL, add_record, batch);
	batch->kind = HC_BATCH_STATE;
	batch->done = on_restored;
	batch->owner = hub;
	hub->mend.restoring = true;
	hc_writer_submit(hub->writer, batch);
}

/* ---- another log -------------------------------------------------------------------------- */

static void renew(struct hc_hub *hub)
{
	const char *before = hub->store->epoch;

	if (!hc_store_renew(hub->store))
		return;
	hub->framing.origin.epoch = hub->store->epoch;
	hc_ring_forget(hub->ring);
	hc_questions_forget(hub->questions);
	for (struct hc_session *session = hub->sessions->head; session; session = session->next)
		if (session->audience)
			hc_session_end(session, HC_CLOSE_POSITION_LOST, "position lost");
	for (struct hc_peer *peer = hub->peers->head; peer; peer = peer->next)
		if (peer->feed)
			hc_feed_begin_anew(peer->feed, before);
	hc_err("the log begins anew behind %s-%llu, with the epoch %s: clients are closed with %d "
	       "and told what they miss",
	       before, (unsigned long long)hc_ring_sequence(hub->ring), hub->store->epoch,
	       HC_CLOSE_POSITION_LOST);
}

/* ---- health ------------------------------------------------------------------------------- */

static void tell(struct hc_hub *hub, const struct hc_store_health *health)
{
	struct hc_mend *mend = &hub->mend;
	uint64_t now_ns = hc_monotonic_ns();

	if (health->is_degraded && !mend->since_ns) {
		hc_err("the log is not well: %s: refusing what is to be logged until it is",
		       health->reason);
		mend->since_ns = now_ns;
	} else if (!health->is_degraded && mend->since_ns) {
		hc_notice("the log is well again after %.1f s",
			  (double)(now_ns - mend->since_ns) / 1e9);
		mend->since_ns = 0;
		hc_detector_look(hub->detector);
	}
	(void)snprintf(hub->log_error, sizeof(hub->log_error), "%s", health->reason);
	hc_health_look(hub->health);
}

void hc_mend_look(struct hc_hub *hub)
{
	struct hc_store_health health;

	hc_store_look(hub->store, &health);
	if (health.n_turns != hub->mend.n_turns) {
		hub->mend.n_turns = health.n_turns;
		tell(hub, &health);
	}
	if (!health.wants_state)
		return;
	renew(hub);
	restore_state(hub);
}
