/* SPDX-License-Identifier: MIT */
/*
 * A table of families, written one after the other. Whoever asks pays: nothing is prepared.
 *
 * The age of the log is in the log, which must not be waited for: a catch-up job reads the oldest
 * event, and what it found last is shown. It is asked again when the oldest is another one.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "proto/clock.h"
#include "ws/health/component.h"
#include "ws/health/exposition.h"
#include "ws/health/metrics.h"
#include "ws/health/proc.h"
#include "ws/rpc/detector.h"
#include "ws/rpc/peer.h"
#include "ws/sessions/admission.h"
#include "ws/sessions/session.h"

struct hc_metrics {
	struct hc_hub *hub;
	struct hc_catchup_job *job;
	uint64_t oldest; /* sequence of the event whose time is known; 0: none */
	int64_t oldest_unix_ms;
	double started_unix; /* seconds; one value for good: monitors take another for a restart */
};

struct family {
	const char *name;
	const char *type;
	const char *help;
	void (*write)(struct hc_buffer *text, const char *name, const struct hc_metrics *metrics);
};

/* ---- the oldest event --------------------------------------------------------------------- */

static void take_oldest(struct hc_catchup_job *job, const struct hc_event *event)
{
	/* On a worker thread, where the job alone is ours: the time travels in its page. */
	hc_buffer_append(&job->page, &event->timestamp_unix_ms, sizeof(event->timestamp_unix_ms));
}

static void on_oldest(struct hc_catchup_job *job)
{
	struct hc_metrics *metrics = job->owner;

	metrics->job = NULL;
	if (job->error || job->page.len != sizeof(metrics->oldest_unix_ms))
		return; /* the next one who asks tries again */
	memcpy(&metrics->oldest_unix_ms, job->page.data, job->page.len);
	metrics->oldest = job->first;
}

static void ask_oldest(struct hc_metrics *metrics)
{
	const struct hc_store *store = metrics->hub->store;
	uint64_t oldest = store->oldest;

	if (metrics->job || oldest > store->newest || oldest == metrics->oldest)
		return;
	metrics->job = hc_catchup_job_new(on_oldest, metrics, oldest - 1);
	if (!metrics->job)
		return;
	metrics->job->encode = take_oldest;
	metrics->job->all_users = true;
	metrics->job->n_max = 1;
	(void)hc_filter_add_pattern(&metrics->job->filter, metrics->hub->types, HC_STR("*"));
	hc_catchup_submit(metrics->hub->catchup, metrics->job);
}

/* ---- this program ------------------------------------------------------------------------- */

static void count(struct hc_buffer *text, const char *name, uint64_t value)
{
	hc_exposition_count(text, name, HC_LABEL_NONE, value);
}

static void write_up(struct hc_buffer *text, const char *name, const struct hc_metrics *metrics)
{
	(void)metrics;
	count(text, name, 1);
}

static void write_build(struct hc_buffer *text, const char *name, const struct hc_metrics *metrics)
{
	(void)metrics;
	hc_exposition_count(text, name, (struct hc_label){ "version", HC_VERSION }, 1);
}

static void write_uptime(struct hc_buffer *text, const char *name, const struct hc_metrics *metrics)
{
	hc_exposition_value(text, name, HC_LABEL_NONE,
			    (double)(hc_monotonic_ns() - metrics->hub->started_ns) / 1e9);
}

/* ---- clients ------------------------------------------------------------------------------ */

static void write_clients(struct hc_buffer *text, const char *name,
			  const struct hc_metrics *metrics)
{
	struct hc_endpoints *endpoints = metrics->hub->endpoints;

	for (size_t i = 0; i < hc_endpoints_count(endpoints); i++) {
		const struct hc_endpoint *endpoint = hc_endpoints_at(endpoints, i);

		hc_exposition_count(text, name, (struct hc_label){ "endpoint", endpoint->path },
				    endpoint->n_clients);
	}
}

static void write_opened(struct hc_buffer *text, const char *name, const struct hc_metrics *metrics)
{
	struct hc_endpoints *endpoints = metrics->hub->endpoints;

	for (size_t i = 0; i < hc_endpoints_count(endpoints); i++) {
		const struct hc_endpoint *endpoint = hc_endpoints_at(endpoints, i);

		hc_exposition_count(text, name, (struct hc_label){ "endpoint", endpoint->path },
				    endpoint->n_opened);
	}
}

static void write_behind(struct hc_buffer *text, const char *name, const struct hc_metrics *metrics)
{
	uint64_t n = 0;

	for (const struct hc_session *session = metrics->hub->sessions->head; session;
	     session = session->next)
		n += session->behind;
	count(text, name, n);
}

static void write_audiences(struct hc_buffer *text, const char *name,
			    const struct hc_metrics *metrics)
{
	count(text, name, hc_audiences_size(metrics->hub->audiences));
}

static void write_closes(struct hc_buffer *text, const char *name, const struct hc_metrics *metrics)
{
	for (size_t i = 0; i < HC_STATS_CODES; i++) {
		char code[8] = "other";

		if (hc_stats_close_code(i))
			(void)snprintf(code, sizeof(code), "%u", hc_stats_close_code(i));
		hc_exposition_count(text, name, (struct hc_label){ "code", code },
				    metrics->hub->stats.closes[i]);
	}
}

static void write_refusals(struct hc_buffer *text, const char *name,
			   const struct hc_metrics *metrics)
{
	for (size_t i = 0; i < HC_STATS_REFUSALS; i++)
		hc_exposition_count(text, name,
				    (struct hc_label){ "reason", hc_stats_refusal_name(i) },
				    metrics->hub->stats.refusals[i]);
}

static void write_places(struct hc_buffer *text, const char *name, const struct hc_metrics *metrics)
{
	count(text, name, hc_admission_counts(metrics->hub->admission).max);
}

static void write_pending(struct hc_buffer *text, const char *name,
			  const struct hc_metrics *metrics)
{
	count(text, name, hc_admission_counts(metrics->hub->admission).n_pending);
}

static void write_limited(struct hc_buffer *text, const char *name,
			  const struct hc_metrics *metrics)
{
	static const char *const limits[HC_VERDICT_MAX_] = {
		[HC_VERDICT_FULL] = "all",
		[HC_VERDICT_ADDRESS] = "address",
		[HC_VERDICT_USER] = "user",
	};
	struct hc_admission_counts counts = hc_admission_counts(metrics->hub->admission);

	for (int i = HC_VERDICT_WELCOME + 1; i < HC_VERDICT_MAX_; i++)
		hc_exposition_count(text, name, (struct hc_label){ "limit", limits[i] },
				    counts.n_refused[i]);
}

static void write_resumes(struct hc_buffer *text, const char *name,
			  const struct hc_metrics *metrics)
{
	for (size_t i = 0; i < HC_STATS_RESUMES; i++)
		hc_exposition_count(text, name,
				    (struct hc_label){ "outcome", hc_stats_resume_name(i) },
				    metrics->hub->stats.resumes[i]);
}

static struct hc_sent sent(const struct hc_hub *hub)
{
	struct hc_sent sum = hc_audiences_sent(hub->audiences);

	sum.deliveries += hub->stats.sent.deliveries;
	sum.bytes += hub->stats.sent.bytes;
	return sum;
}

static void write_deliveries(struct hc_buffer *text, const char *name,
			     const struct hc_metrics *metrics)
{
	count(text, name, sent(metrics->hub).deliveries);
}

static void write_sent(struct hc_buffer *text, const char *name, const struct hc_metrics *metrics)
{
	count(text, name, sent(metrics->hub).bytes);
}

/* ---- events ------------------------------------------------------------------------------- */

/* The events of all types with the channel of the type at @index; it must be the first with it. */
static uint64_t count_channel(const struct hc_hub *hub, size_t index)
{
	const char *channel = hc_types_at(hub->types, index)->channel;
	uint64_t n = 0;

	for (size_t i = index; i < hc_types_count(hub->types); i++)
		if (!strcmp(hc_types_at(hub->types, i)->channel, channel))
			n += hub->stats.events[i];
	return n;
}

static bool is_first_of_channel(const struct hc_types *types, size_t index)
{
	const char *channel = hc_types_at(types, index)->channel;

	for (size_t i = 0; i < index; i++)
		if (!strcmp(hc_types_at(types, i)->channel, channel))
			return false;
	return true;
}

static void write_events(struct hc_buffer *text, const char *name, const struct hc_metrics *metrics)
{
	const struct hc_hub *hub = metrics->hub;

	for (size_t i = 0; i < hc_types_count(hub->types); i++)
		if (is_first_of_channel(hub->types, i))
			hc_exposition_count(
				text, name,
				(struct hc_label){ "channel", hc_types_at(hub->types, i)->channel },
				count_channel(hub, i));
}

static void write_publishes(struct hc_buffer *text, const char *name,
			    const struct hc_metrics *metrics)
{
	for (size_t i = 0; i < HC_PUBLISH_MAX_; i++)
		hc_exposition_count(text, name,
				    (struct hc_label){ "result", hc_stats_publish_name(i) },
				    metrics->hub->stats.publishes[i]);
}

static void write_lost(struct hc_buffer *text, const char *name, const struct hc_metrics *metrics)
{
	for (int i = 0; i < HC_LOST_MAX_; i++)
		hc_exposition_count(
			text, name,
			(struct hc_label){ "stage", hc_lost_name((enum hc_lost_stage)i) },
			metrics->hub->lost[i]);
}

static void write_publish_to_client(struct hc_buffer *text, const char *name,
				    const struct hc_metrics *metrics)
{
	hc_exposition_histogram(text, name, &hc_buckets_ns, &metrics->hub->stats.publish_to_client);
}

static void write_kernel_to_client(struct hc_buffer *text, const char *name,
				   const struct hc_metrics *metrics)
{
	hc_exposition_histogram(text, name, &hc_buckets_ns, &metrics->hub->stats.kernel_to_client);
}

/* ---- ring, log, state --------------------------------------------------------------------- */

static void write_commit_duration(struct hc_buffer *text, const char *name,
				  const struct hc_metrics *metrics)
{
	struct hc_commits commits;

	hc_writer_commits(metrics->hub->writer, &commits);
	hc_exposition_histogram(text, name, &hc_buckets_ns, &commits.durations_ns);
}

static void write_commit_events(struct hc_buffer *text, const char *name,
				const struct hc_metrics *metrics)
{
	struct hc_commits commits;

	hc_writer_commits(metrics->hub->writer, &commits);
	hc_exposition_histogram(text, name, &hc_buckets_events, &commits.events);
}

static void write_waiting(struct hc_buffer *text, const char *name,
			  const struct hc_metrics *metrics)
{
	count(text, name, hc_writer_waiting(metrics->hub->writer));
}

static void write_ring_events(struct hc_buffer *text, const char *name,
			      const struct hc_metrics *metrics)
{
	const struct hc_ring *ring = metrics->hub->ring;

	count(text, name, hc_ring_next(ring) - hc_ring_first(ring));
}

static void write_ring_bytes(struct hc_buffer *text, const char *name,
			     const struct hc_metrics *metrics)
{
	count(text, name, hc_ring_bytes(metrics->hub->ring));
}

static void write_ring_max(struct hc_buffer *text, const char *name,
			   const struct hc_metrics *metrics)
{
	count(text, name, metrics->hub->conf->hub.ring_bytes);
}

static void write_log_events(struct hc_buffer *text, const char *name,
			     const struct hc_metrics *metrics)
{
	uint64_t oldest = metrics->hub->store->oldest, newest = metrics->hub->store->newest;

	count(text, name, newest + 1 - oldest);
}

static void write_log_bytes(struct hc_buffer *text, const char *name,
			    const struct hc_metrics *metrics)
{
	count(text, name, hc_store_bytes(metrics->hub->store));
}

static void write_log_oldest(struct hc_buffer *text, const char *name,
			     const struct hc_metrics *metrics)
{
	if (metrics->oldest)
		hc_exposition_value(text, name, HC_LABEL_NONE,
				    (double)metrics->oldest_unix_ms / 1000);
}

static void write_retained(struct hc_buffer *text, const char *name,
			   const struct hc_metrics *metrics)
{
	count(text, name, hc_state_count(metrics->hub->state, NULL));
}

static void write_catchup(struct hc_buffer *text, const char *name,
			  const struct hc_metrics *metrics)
{
	size_t n_running, n_waiting;

	hc_catchup_count(metrics->hub->catchup, &n_running, &n_waiting);
	hc_exposition_count(text, name, (struct hc_label){ "state", "running" }, n_running);
	hc_exposition_count(text, name, (struct hc_label){ "state", "waiting" }, n_waiting);
}

/* ---- TLS ---------------------------------------------------------------------------------- */

static void write_certificate(struct hc_buffer *text, const char *name,
			      const struct hc_metrics *metrics)
{
	if (metrics->hub->certificate_ends_unix)
		hc_exposition_value(text, name, HC_LABEL_NONE,
				    (double)metrics->hub->certificate_ends_unix);
}

/* ---- peers -------------------------------------------------------------------------------- */

static void write_peers(struct hc_buffer *text, const char *name, const struct hc_metrics *metrics)
{
	uint64_t n[HC_ROLE_MAX_] = { 0 };

	for (const struct hc_peer *peer = metrics->hub->peers->head; peer; peer = peer->next)
		n[peer->role]++;
	for (int i = 0; i < HC_ROLE_MAX_; i++)
		hc_exposition_count(text, name,
				    (struct hc_label){ "role", hc_role_name((enum hc_role)i) },
				    n[i]);
}

static void write_loader(struct hc_buffer *text, const char *name, const struct hc_metrics *metrics)
{
	count(text, name, hc_detector_is_running(metrics->hub->detector));
}

static void write_components(struct hc_buffer *text, const char *name,
			     const struct hc_metrics *metrics)
{
	struct hc_component_state states[HC_COMPONENT_MAX_];

	hc_components_look(states, metrics->hub);
	for (int i = 0; i < HC_COMPONENT_MAX_; i++)
		hc_exposition_count(
			text, name,
			(struct hc_label){ "component", hc_component_name((enum hc_component)i) },
			states[i].condition == HC_CONDITION_HEALTHY);
}

/* ---- the process -------------------------------------------------------------------------- */

/* Their names are those of every Prometheus client library. */
static void write_process(struct hc_buffer *text, const struct hc_metrics *metrics)
{
	struct hc_proc_self self;

	if (!hc_proc_self(&self))
		return;
	hc_exposition_family(text, "process_cpu_seconds_total", "counter",
			     "CPU time of the hub, user and system.");
	hc_exposition_value(text, "process_cpu_seconds_total", HC_LABEL_NONE, self.cpu_seconds);
	hc_exposition_family(text, "process_resident_memory_bytes", "gauge",
			     "Resident memory of the hub.");
	count(text, "process_resident_memory_bytes", self.resident_bytes);
	hc_exposition_family(text, "process_virtual_memory_bytes", "gauge",
			     "Virtual memory of the hub.");
	count(text, "process_virtual_memory_bytes", self.virtual_bytes);
	hc_exposition_family(text, "process_start_time_seconds", "gauge",
			     "When the hub was started, in seconds since 1970.");
	hc_exposition_value(text, "process_start_time_seconds", HC_LABEL_NONE,
			    metrics->started_unix);
}

static void write_fds(struct hc_buffer *text, const char *name, const struct hc_metrics *metrics)
{
	(void)metrics;
	count(text, name, hc_proc_open_fds());
}

static void write_max_fds(struct hc_buffer *text, const char *name,
			  const struct hc_metrics *metrics)
{
	struct rlimit limit;

	(void)metrics;
	if (!getrlimit(RLIMIT_NOFILE, &limit))
		count(text, name, limit.rlim_cur);
}

/* ---- all of them -------------------------------------------------------------------------- */

static const struct family families[] = {
	{ "hostcast_up", "gauge", "Whether the hub answers.", write_up },
	{ "hostcast_build_info", "gauge", "The version of the hub, as a label.", write_build },
	{ "hostcast_uptime_seconds", "gauge", "How long the hub has been running.", write_uptime },
	{ "hostcast_clients", "gauge", "Clients that are connected, by endpoint.", write_clients },
	{ "hostcast_clients_opened_total", "counter", "Clients that have connected, by endpoint.",
	  write_opened },
	{ "hostcast_clients_behind", "gauge", "Clients that have not got the newest events yet.",
	  write_behind },
	{ "hostcast_audiences", "gauge", "Groups of clients that get the same bytes.",
	  write_audiences },
	{ "hostcast_clients_max", "gauge", "Clients there are places for.", write_places },
	{ "hostcast_clients_pending", "gauge", "Connections whose handshake is not done.",
	  write_pending },
	{ "hostcast_clients_limited_total", "counter",
	  "Clients refused because there are too many, by the limit.", write_limited },
	{ "hostcast_closes_total", "counter", "Connections that have ended, by close code.",
	  write_closes },
	{ "hostcast_handshakes_refused_total", "counter",
	  "Connections refused before they were open, by reason.", write_refusals },
	{ "hostcast_resumes_total", "counter", "Positions that clients resumed from, by outcome.",
	  write_resumes },
	{ "hostcast_deliveries_total", "counter", "Events sent, once for each client.",
	  write_deliveries },
	{ "hostcast_sent_bytes_total", "counter", "Bytes sent to clients, before TLS.",
	  write_sent },
	{ "hostcast_events_total", "counter", "Events that were shown to clients, by channel.",
	  write_events },
	{ "hostcast_publishes_total", "counter", "Publish requests, by result.", write_publishes },
	{ "hostcast_lost_total", "counter", "Events lost before they came to the hub, by stage.",
	  write_lost },
	{ "hostcast_publish_to_client_seconds", "histogram",
	  "From taking an event to the end of the turn that wrote it to clients.",
	  write_publish_to_client },
	{ "hostcast_kernel_to_client_seconds", "histogram",
	  "From a mount or umount in the kernel to the end of the turn that wrote it to clients.",
	  write_kernel_to_client },
	{ "hostcast_commit_duration_seconds", "histogram", "How long commits of the log took.",
	  write_commit_duration },
	{ "hostcast_commit_events", "histogram", "Events committed together.",
	  write_commit_events },
	{ "hostcast_commit_waiting", "gauge", "Publish requests that wait for their commit.",
	  write_waiting },
	{ "hostcast_ring_events", "gauge", "Events in memory.", write_ring_events },
	{ "hostcast_ring_bytes", "gauge", "Bytes of the events in memory.", write_ring_bytes },
	{ "hostcast_ring_max_bytes", "gauge", "Bytes above which the oldest give way.",
	  write_ring_max },
	{ "hostcast_log_events", "gauge", "Events in the log.", write_log_events },
	{ "hostcast_log_bytes", "gauge", "Bytes of the log: on disk, or in memory.",
	  write_log_bytes },
	{ "hostcast_log_oldest_timestamp_seconds", "gauge",
	  "Time of the oldest event in the log, in seconds since 1970.", write_log_oldest },
	{ "hostcast_retained_events", "gauge", "Retained events, such as what is mounted.",
	  write_retained },
	{ "hostcast_catchup_jobs", "gauge", "Reads of the log for clients, by state.",
	  write_catchup },
	{ "hostcast_tls_certificate_expiry_timestamp_seconds", "gauge",
	  "Until when the certificate is valid, in seconds since 1970.", write_certificate },
	{ "hostcast_peers", "gauge", "Programs on the UNIX socket, by role.", write_peers },
	{ "hostcast_loader_connected", "gauge", "Whether the loader is connected.", write_loader },
	{ "hostcast_component_healthy", "gauge",
	  "Whether a component works as it should, by component.", write_components },
	{ "process_open_fds", "gauge", "Descriptors that the hub has open.", write_fds },
	{ "process_max_fds", "gauge", "Descriptors that the hub may open.", write_max_fds },
};

void hc_metrics_write(struct hc_metrics *metrics, struct hc_buffer *text)
{
	for (size_t i = 0; i < HC_ARRAY_LEN(families); i++) {
		const struct family *family = &families[i];

		hc_exposition_family(text, family->name, family->type, family->help);
		family->write(text, family->name, metrics);
	}
	write_process(text, metrics);
	ask_oldest(metrics); /* behind the count of such jobs */
}

/* Of the process, as far as the kernel says so. */
static double started_unix(void)
{
	double now = (double)hc_now_unix_ms() / 1000;
	struct hc_proc_self self;

	return hc_proc_self(&self) ? now - (double)hc_boottime_ns() / 1e9 + self.start_boot_seconds
				   : now;
}

int hc_metrics_new(struct hc_metrics **ret, struct hc_hub *hub)
{
	struct hc_metrics *metrics = calloc(1, sizeof(*metrics));

	if (!metrics)
		return -ENOMEM;
	metrics->hub = hub;
	metrics->started_unix = started_unix();
	ask_oldest(metrics);
	*ret = metrics;
	return 0;
}

struct hc_metrics *hc_metrics_free(struct hc_metrics *metrics)
{
	if (!metrics)
		return NULL;
	if (metrics->job)
		metrics->job->owner = NULL;
	free(metrics);
	return NULL;
}
