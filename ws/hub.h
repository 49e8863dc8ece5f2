/* SPDX-License-Identifier: MIT */
/*
 * The hub: what its rooms share. One of them a process, passed everywhere; each room is used
 * through its own header.
 */
#pragma once

#include <uv.h>

#include "conf/conf.h"
#include "ws/auth/auth.h"
#include "ws/auth/tickets.h"
#include "ws/fanout/catchup.h"
#include "ws/fanout/endpoint.h"
#include "ws/fanout/ring.h"
#include "ws/health/lost.h"
#include "ws/health/stats.h"
#include "ws/log/store.h"
#include "ws/log/writer.h"
#include "ws/mend.h"
#include "ws/sessions/audience.h"
#include "ws/state/latest.h"
#include "ws/state/state.h"

struct hc_admission;
struct hc_consumers;
struct hc_detector;
struct hc_keeper;
struct hc_health;
struct hc_inherited;
struct hc_metrics;
struct hc_peers;
struct hc_questions;
struct hc_replay;
struct hc_sessions;

struct hc_hub {
	uv_loop_t *loop;
	const struct hc_conf *conf;
	struct hc_types *types;
	struct hc_framing_options framing;
	char source[96]; /* framing.origin.source */
	struct hc_auth *auth;
	struct hc_tickets *tickets;
	struct hc_keeper *keeper;
	struct hc_store *store;
	struct hc_ring *ring;
	struct hc_replay *replay; /* clients that are behind */
	struct hc_state *state;
	struct hc_latest *latest;
	struct hc_consumers *consumers;
	struct hc_endpoints *endpoints;
	struct hc_audiences *audiences;
	struct hc_catchup *catchup;
	struct hc_questions *questions; /* of clients to the log */
	struct hc_writer *writer;
	struct hc_admission *admission; /* who may come in */
	struct hc_sessions *sessions;	/* WebSocket clients */
	struct hc_peers *peers;		/* programs on the UNIX socket */
	struct hc_detector *detector;	/* the loader, when it is there */
	struct hc_metrics *metrics;
	struct hc_health *health;	     /* NULL: none is told */
	char log_error[HC_STORE_REASON_MAX]; /* why the log refuses what is published; "" */
	struct hc_mend mend;
	uint64_t lost[HC_LOST_MAX_]; /* events, by stage */
	struct hc_stats stats;
	uint64_t serial;	       /* the last one given, see hc_hub_next_serial() */
	uint64_t shown;		       /* the slot up to which clients have been shown everything */
	uint64_t started_ns;	       /* CLOCK_MONOTONIC */
	int64_t certificate_ends_unix; /* that of TLS; 0: there is none */
	bool draining;		       /* no client or program is let in */
	bool deaf;		       /* nor are those programs listened to that are in */
};

/** hc_hub_load_types() - the registry that a configuration names */
int hc_hub_load_types(struct hc_types **ret, const struct hc_conf *conf, struct hc_fault *fault);

/**
 * hc_hub_new() - open the log, load registry and state
 * @inherited: listening sockets, from which that for programs is taken if it is there; or NULL
 * @fault:     what is wrong and what to do
 */
int hc_hub_new(struct hc_hub **ret, uv_loop_t *loop, const struct hc_conf *conf,
	       struct hc_inherited *inherited, struct hc_fault *fault);

/**
 * hc_hub_free() - close the log and forget everything
 *
 * Sessions must be closed. The loop is run until nothing of the hub is left on it.
 */
struct hc_hub *hc_hub_free(struct hc_hub *hub);
HC_DEFINE_CLEANUP(struct hc_hub *, hc_hub_free);

/**
 * hc_hub_next_serial() - a number for what is shown without a sequence
 *
 * Larger than all before, also those of earlier runs, whose epoch is the same: it counts from the
 * microsecond of the start.
 */
uint64_t hc_hub_next_serial(struct hc_hub *hub);

/** hc_hub_stop_taking() - accept no more programs, let no more clients in */
void hc_hub_stop_taking(struct hc_hub *hub);

/** hc_hub_stop_listening() - nor take anything from those programs that are connected */
void hc_hub_stop_listening(struct hc_hub *hub);

/** hc_hub_is_idle() - all that was taken is in the log, and all questions to it are answered */
bool hc_hub_is_idle(const struct hc_hub *hub);

/** hc_hub_commit() - pass a batch through the log; batch->done() is called when it is through */
void hc_hub_commit(struct hc_hub *hub, struct hc_batch *batch);

/**
 * hc_hub_admit() - what done functions do first, whatever the result: take note of it
 *
 * Committed events go to the ring and the state; clients get them at the end of the turn.
 */
void hc_hub_admit(struct hc_hub *hub, const struct hc_batch *batch);

/** hc_hub_announce() - publish an event of the hub's own; what goes wrong with it is logged */
void hc_hub_announce(struct hc_hub *hub, const char *type, const struct hc_buffer *payload);

/** hc_hub_show() - the same for one that is worth no place in the log */
void hc_hub_show(struct hc_hub *hub, const char *type, const struct hc_buffer *payload);

/** hc_hub_head() - the position behind the newest event */
void hc_hub_head(const struct hc_hub *hub, char ret[static HC_POSITION_MAX]);
