/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>

#include "proto/clock.h"
#include "proto/fault.h"
#include "proto/log.h"
#include "ws/rpc/detector.h"
#include "ws/rpc/method.h"

#define ANSWER_MS 3000 /* for the loader to answer a forwarded question */
#define GRACE_MS  3000 /* after our start, for a loader that is reconnecting */
#define PROBE_MS  1500 /* between two looks whether the loader answers */
#define PROBES	  3    /* looks that find no answer before it is told */

/* A question that was forwarded to the loader. */
struct question {
	struct question *next;
	uint32_t id;	       /* on the loader's connection */
	struct hc_peer *asker; /* held */
	uint32_t asker_id;
	uint64_t deadline_ms; /* loop time */
};

struct hc_detector {
	struct hc_hub *hub;
	struct hc_peer *loader; /* borrowed; NULL: not connected */
	bool was_running;
	struct question *questions;
	uint32_t next_id;
	uv_timer_t timer;
	uv_timer_t prober;
	uint32_t probe_id; /* a question of our own that is not answered yet; 0: none */
	unsigned int n_unanswered;
	bool is_silent;	     /* the loader is connected, and does not answer */
	unsigned int n_open; /* timers */
};

bool hc_detector_is_running(const struct hc_detector *detector)
{
	return detector->loader && !detector->is_silent;
}

bool hc_detector_was_running(const struct hc_detector *detector)
{
	return detector->was_running;
}

/* ---- its status --------------------------------------------------------------------------- */

static void pack_not_running(msgpack_packer *pk, const struct hc_detector *detector)
{
	hc_pack_bool_at(pk, "running", false);
	hc_pack_key(pk, "reasons");
	msgpack_pack_array(pk, 1);
	hc_pack_str(pk, detector->loader ? HC_STR("the loader hostcast-bpf does not answer")
					 : HC_STR("the loader hostcast-bpf is not connected"));
}

/* What the loader said last, with what it cannot say itself any more put right. */
static void pack_last(msgpack_packer *pk, const msgpack_object *payload,
		      const struct hc_detector *detector)
{
	bool is_running = hc_detector_is_running(detector);
	const msgpack_object_map *map = &payload->via.map;
	uint32_t n_kept = 0;

	for (uint32_t i = 0; i < map->size; i++)
		n_kept += is_running || !(hc_str_is(hc_object_str(&map->ptr[i].key), "running") ||
					  hc_str_is(hc_object_str(&map->ptr[i].key), "reasons"));
	msgpack_pack_map(pk, n_kept + (is_running ? 0 : 2));
	for (uint32_t i = 0; i < map->size; i++) {
		struct hc_str key = hc_object_str(&map->ptr[i].key);

		if (!is_running && (hc_str_is(key, "running") || hc_str_is(key, "reasons")))
			continue;
		hc_pack_str(pk, key);
		msgpack_pack_object(pk, map->ptr[i].val);
	}
	if (!is_running)
		pack_not_running(pk, detector);
}

void hc_detector_pack_status(struct hc_detector *detector, msgpack_packer *pk)
{
	const struct hc_hub *hub = detector->hub;
	const struct hc_type *type = hc_types_find(hub->types, HC_STR("detector.status"));
	const struct hc_record *record = type ? hc_state_find(hub->state, type) : NULL;
	struct hc_event event;
	msgpack_zone zone;

	if (msgpack_zone_init(&zone, 1024)) {
		bool known = record && hc_record_event(&event, record, &zone);

		if (known)
			pack_last(pk, &event.payload, detector);
		msgpack_zone_destroy(&zone);
		if (known)
			return;
	}
	msgpack_pack_map(pk, 3);
	hc_pack_bool_at(pk, "monitoring_enabled", false);
	pack_not_running(pk, detector);
}

static void announce_not_running(struct hc_detector *detector)
{
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer payload = HC_BUFFER_NULL;
	msgpack_packer pk = hc_codec_packer(&payload);

	if (detector->hub->draining)
		return;
	hc_detector_pack_status(detector, &pk);
	hc_hub_announce(detector->hub, "detector.status", &payload);
}

/* What the newest detector.status says; false if there is none. */
static bool says_running(const struct hc_detector *detector)
{
	const struct hc_hub *hub = detector->hub;
	const struct hc_type *type = hc_types_find(hub->types, HC_STR("detector.status"));
	const struct hc_record *record = type ? hc_state_find(hub->state, type) : NULL;
	bool running = false;
	struct hc_event event;
	msgpack_zone zone;

	if (!record || !msgpack_zone_init(&zone, 1024))
		return false;
	if (hc_record_event(&event, record, &zone))
		(void)hc_map_get_bool(&running, &event.payload, "running");
	msgpack_zone_destroy(&zone);
	return running;
}

void hc_detector_look(struct hc_detector *detector)
{
	if (detector && !hc_detector_is_running(detector) && says_running(detector))
		announce_not_running(detector);
}

/* ---- questions ---------------------------------------------------------------------------- */

static void answer_with_status(struct hc_detector *detector, struct hc_peer *asker, uint32_t id)
{
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer result = HC_BUFFER_NULL;
	msgpack_packer pk = hc_codec_packer(&result);

	hc_detector_pack_status(detector, &pk);
	hc_method_answer(asker, id, &result);
}

static void fail_question(struct question *question, const char *why)
{
	struct hc_fault fault = HC_FAULT_NULL;

	hc_fault_set(&fault, HC_FAULT_UNAVAILABLE, "%s", why);
	hc_peer_fail(question->asker, question->asker_id, &fault);
	hc_peer_release(question->asker);
	free(question);
}

/* Takes out of the list, and fails, what has waited too long; everything for UINT64_MAX. */
static void fail_questions(struct hc_detector *detector, uint64_t now_ms, const char *why)
{
	struct question **at = &detector->questions;

	while (*at) {
		struct question *question = *at;

		if (question->deadline_ms > now_ms) {
			at = &question->next;
			continue;
		}
		*at = question->next;
		fail_question(question, why);
	}
}

static void on_timer(uv_timer_t *timer)
{
	struct hc_detector *detector = timer->data;

	fail_questions(detector, uv_now(detector->hub->loop), "the loader did not answer in time");
	if (!detector->questions)
		(void)uv_timer_stop(timer);
}

/* ---- questions of our own: whether it is alive ---------------------------------------------- */

static void stop_probing(struct hc_detector *detector)
{
	(void)uv_timer_stop(&detector->prober);
	detector->probe_id = 0;
	detector->n_unanswered = 0;
	detector->is_silent = false;
}

static void send_probe(struct hc_detector *detector)
{
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer message = HC_BUFFER_NULL;
	msgpack_packer pk = hc_codec_packer(&message);

	detector->probe_id = ++detector->next_id;
	hc_rpc_pack_request(&pk, detector->probe_id, "detector");
	msgpack_pack_map(&pk, 0);
	hc_peer_send(detector->loader, &message);
}

/* One question at a time: what does not answer is not sent more and more of them. */
static void on_probe(uv_timer_t *prober)
{
	struct hc_detector *detector = prober->data;

	if (!detector->probe_id) {
		send_probe(detector);
		return;
	}
	if (++detector->n_unanswered < PROBES || detector->is_silent)
		return;
	hc_warn("loader (pid %d) has not answered for %d ms, telling that it does not run",
		(int)detector->loader->pid, PROBES * PROBE_MS);
	detector->is_silent = true;
	announce_not_running(detector);
}

static void take_probe_answer(struct hc_detector *detector, const struct hc_rpc_message *message)
{
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer payload = HC_BUFFER_NULL;
	msgpack_packer pk = hc_codec_packer(&payload);
	bool was_silent = detector->is_silent;

	detector->probe_id = 0;
	detector->n_unanswered = 0;
	detector->is_silent = false;
	if (was_silent)
		hc_notice("loader answers again (pid %d)", (int)detector->loader->pid);
	else if (says_running(detector))
		return; /* else it could not be told when it came, or went on */
	if (message->error.type != MSGPACK_OBJECT_NIL || detector->hub->draining)
		return;
	msgpack_pack_object(&pk, message->result);
	hc_hub_announce(detector->hub, "detector.status", &payload);
}

/* ---- questions of others ----------------------------------------------------------------------
 */

static bool forward(struct hc_detector *detector, const struct hc_request *request)
{
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer message = HC_BUFFER_NULL;
	msgpack_packer pk = hc_codec_packer(&message);
	struct question *question = malloc(sizeof(*question));
	bool enabled;

	if (!question)
		return false;
	*question = (struct question){
		.next = detector->questions,
		.id = ++detector->next_id,
		.asker = request->peer,
		.asker_id = request->id,
		.deadline_ms = uv_now(detector->hub->loop) + ANSWER_MS,
	};
	detector->questions = question;
	hc_peer_hold(request->peer);
	hc_rpc_pack_request(&pk, question->id, "detector");
	if (hc_map_get_bool(&enabled, request->params, "monitoring_enabled")) {
		msgpack_pack_map(&pk, 1);
		hc_pack_bool_at(&pk, "monitoring_enabled", enabled);
	} else {
		msgpack_pack_map(&pk, 0);
	}
	(void)uv_timer_start(&detector->timer, on_timer, ANSWER_MS / 4, ANSWER_MS / 4);
	hc_peer_send(detector->loader, &message);
	return true;
}

/* Setting is for root and for tokens that may speak for the detector. */
static bool check_may_set(const struct hc_request *request, struct hc_fault *fault)
{
	HC_CLEANUP(hc_grant_unrefp) struct hc_grant *grant = NULL;

	if (!hc_method_grant(&grant, request, fault))
		return false;
	if (grant &&
	    (hc_grant_is_admin(grant) || hc_grant_may_publish(grant, HC_STR("detector.status"))))
		return true;
	if (!grant && hc_peer_may_see_all(request->peer))
		return true;
	hc_fault_set(fault, grant ? HC_FAULT_FORBIDDEN : HC_FAULT_UNAUTHORIZED,
		     "starting and stopping the detector needs %s",
		     grant ? "a token with admin, or that grants detector.status" : "a token");
	return false;
}

bool hc_method_detector(const struct hc_request *request, struct hc_fault *fault)
{
	struct hc_detector *detector = request->peer->hub->detector;
	const msgpack_object *enabled = hc_map_get(request->params, "monitoring_enabled");

	if (enabled && enabled->type != MSGPACK_OBJECT_BOOLEAN)
		return hc_method_refuse(fault, "monitoring_enabled", "must be true or false");
	if (enabled && !check_may_set(request, fault))
		return false;
	if (!detector->loader && enabled) {
		hc_fault_set(fault, HC_FAULT_UNAVAILABLE,
			     "the loader hostcast-bpf is not connected");
		return false;
	}
	if (!detector->loader) {
		answer_with_status(detector, request->peer, request->id);
		return true;
	}
	if (forward(detector, request))
		return true;
	hc_fault_set(fault, HC_FAULT_INTERNAL, "out of memory");
	return false;
}

static void pass_on(const struct question *question, const struct hc_rpc_message *message)
{
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer result = HC_BUFFER_NULL;
	msgpack_packer pk = hc_codec_packer(&result);
	struct hc_fault fault = HC_FAULT_NULL;

	if (message->error.type == MSGPACK_OBJECT_MAP) {
		hc_rpc_read_fault(&fault, &message->error);
		hc_peer_fail(question->asker, question->asker_id, &fault);
		return;
	}
	msgpack_pack_object(&pk, message->result);
	hc_method_answer(question->asker, question->asker_id, &result);
}

void hc_detector_answer(struct hc_detector *detector, struct hc_peer *peer,
			const struct hc_rpc_message *message)
{
	struct question **at = &detector->questions;
	struct question *question;

	if (peer != detector->loader)
		return; /* nobody else was asked anything */
	if (detector->probe_id && message->id == detector->probe_id) {
		take_probe_answer(detector, message);
		return;
	}
	while (*at && (*at)->id != message->id)
		at = &(*at)->next;
	question = *at;
	if (!question)
		return; /* it came too late */
	*at = question->next;
	pass_on(question, message);
	hc_peer_release(question->asker);
	free(question);
}

/* ---- life --------------------------------------------------------------------------------- */

void hc_detector_attach(struct hc_detector *detector, struct hc_peer *loader)
{
	hc_notice("loader connected (pid %d)", (int)loader->pid);
	detector->loader = loader;
	detector->was_running = true;
	stop_probing(detector);
	(void)uv_timer_start(&detector->prober, on_probe, PROBE_MS, PROBE_MS);
}

void hc_detector_forget(struct hc_detector *detector, struct hc_peer *peer)
{
	if (!detector || peer != detector->loader)
		return;
	detector->loader = NULL;
	stop_probing(detector);
	hc_notice("loader gone (pid %d)", (int)peer->pid);
	fail_questions(detector, UINT64_MAX, "the loader went away before it answered");
	announce_not_running(detector);
}

static void on_grace_over(uv_timer_t *timer)
{
	struct hc_detector *detector = timer->data;

	if (!detector->loader)
		announce_not_running(detector);
}

int hc_detector_new(struct hc_detector **ret, struct hc_hub *hub)
{
	struct hc_detector *detector = calloc(1, sizeof(*detector));

	if (!detector)
		return -ENOMEM;
	detector->hub = hub;
	(void)uv_timer_init(hub->loop, &detector->timer); /* cannot fail */
	detector->timer.data = detector;
	(void)uv_timer_init(hub->loop, &detector->prober);
	detector->prober.data = detector;
	detector->n_open = 2;
	(void)uv_timer_start(&detector->timer, on_grace_over, GRACE_MS, 0);
	*ret = detector;
	return 0;
}

static void on_closed(uv_handle_t *handle)
{
	struct hc_detector *detector = handle->data;

	if (!--detector->n_open)
		free(detector);
}

struct hc_detector *hc_detector_free(struct hc_detector *detector)
{
	if (!detector)
		return NULL;
	fail_questions(detector, UINT64_MAX, "the hub stops");
	uv_close((uv_handle_t *)&detector->timer, on_closed);
	uv_close((uv_handle_t *)&detector->prober, on_closed);
	return NULL;
}
