/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>

#include "bpf/filter.h"
#include "bpf/link.h"
#include "bpf/publisher.h"
#include "bpf/resync.h"
#include "conf/conf.h"
#include "proto/clock.h"
#include "proto/log.h"

#define SAVE_SHARE     9   /* a save is followed by so many times its own time without one */
#define SAVE_PAUSE_MAX 100 /* ms */

struct hc_publisher {
	struct hc_publisher_options options;
	struct hc_spool *spool;
	struct hc_link *link;
	struct hc_state_of state_of;
	/* What was mounted when monitoring was switched off; NULL: it is on. */
	struct hc_table *silent;
	uint64_t n_events, n_reconciled;
	uint64_t ring_untold; /* records lost in the ring buffer and not told yet */
	bool stopped;

	bool was_here; /* what the hub has was told by us, since the system was started */
	uint64_t n_ring_lost;
	uint64_t n_explained; /* losses that were told before the last comparison with the hub */
	bool resync_wanted;
	uint64_t resync_pushed; /* hc_spool_pushed() when the hub was asked */

	bool save_wanted;
	uv_timer_t save_timer;
	struct hc_log_limit save_limit;
};

static struct hc_table *current_table(const struct hc_publisher *publisher)
{
	return publisher->options.table(publisher->options.context);
}

/* ---- events --------------------------------------------------------------------------------- */

static struct hc_status status_of(const struct hc_publisher *publisher)
{
	struct hc_status status = { .monitoring_enabled = !publisher->silent };

	publisher->options.describe(publisher->options.context, &status);
	status.counters.events = publisher->n_events;
	status.counters.reconciled = publisher->n_reconciled;
	status.counters.spool_lost = hc_spool_lost(publisher->spool);
	return status;
}

static void pack_status(const struct hc_publisher *publisher, struct hc_buffer *event)
{
	struct hc_status status = status_of(publisher);

	hc_report_status(event, &status);
}

static void append_spool_gap(struct hc_buffer *event, uint64_t n_lost)
{
	hc_report_gap(event, "spool", n_lost);
}

void hc_publisher_mount(struct hc_publisher *publisher, const struct hc_mount_report *report)
{
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer event = HC_BUFFER_NULL;
	char path[HC_LOG_QUOTE_MAX];

	if (publisher->silent)
		return;
	hc_report_mount(&event, report);
	hc_spool_push(publisher->spool, &event);
	publisher->n_events++;
	publisher->n_reconciled += report->reconciled;
	publisher->save_wanted = true;
	hc_info("%s %s %s%s", report->is_mounted ? "mounted" : "unmounted",
		hc_log_quote(path, hc_str(report->row->path)), report->row->fstype,
		report->reconciled ? ", reconciled" : "");
}

static void tell_ring_lost(struct hc_publisher *publisher)
{
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer event = HC_BUFFER_NULL;

	if (!publisher->ring_untold)
		return;
	hc_report_gap(&event, "ring", publisher->ring_untold);
	if (hc_spool_offer(publisher->spool, &event))
		publisher->ring_untold = 0;
}

void hc_publisher_ring_lost(struct hc_publisher *publisher, uint64_t count)
{
	publisher->n_ring_lost += count;
	publisher->ring_untold += count;
	tell_ring_lost(publisher);
}

void hc_publisher_missed(struct hc_publisher *publisher, uint64_t count)
{
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer event = HC_BUFFER_NULL;

	if (!count || publisher->silent)
		return;
	hc_report_gap(&event, "reconcile", count);
	hc_spool_push(publisher->spool, &event);
}

/* ---- the state file ------------------------------------------------------------------------- */

static void save_state(struct hc_publisher *publisher)
{
	const char *path = publisher->options.conf->mounts.state_file;
	int r;

	publisher->save_wanted = false;
	r = hc_state_save(path, &publisher->state_of,
			  publisher->silent ? publisher->silent : current_table(publisher),
			  !publisher->silent);
	if (r && hc_log_limited(&publisher->save_limit))
		hc_warn("%s: %s; after a restart, what changes meanwhile is learnt from the hub only",
			path, strerror(-r));
}

/*
 * What a loader that is killed has told but not saved is told again when it returns. So the pause
 * between two saves is no longer than it takes to keep them to a tenth of the time.
 */
static void save_timer_fired(uv_timer_t *timer)
{
	struct hc_publisher *publisher = hc_container_of(timer, struct hc_publisher, save_timer);
	uint64_t began_ns = hc_monotonic_ns(), pause_ms;

	if (!publisher->save_wanted)
		return;
	save_state(publisher);
	pause_ms = (hc_monotonic_ns() - began_ns) * SAVE_SHARE / 1000000 + 1;
	/* Fails only when closing. */
	(void)uv_timer_start(timer, save_timer_fired,
			     pause_ms < SAVE_PAUSE_MAX ? pause_ms : SAVE_PAUSE_MAX, 0);
}

static void save_soon(struct hc_publisher *publisher)
{
	if (publisher->save_wanted && !publisher->stopped &&
	    !uv_is_active((uv_handle_t *)&publisher->save_timer))
		(void)uv_timer_start(&publisher->save_timer, save_timer_fired, 0, 0);
}

void hc_publisher_restore(struct hc_publisher *publisher, const struct hc_state_of *of)
{
	const char *path = publisher->options.conf->mounts.state_file;
	HC_CLEANUP(hc_table_unrefp) struct hc_table *before = NULL;
	bool enabled = true;
	int r;

	publisher->state_of = *of;
	r = hc_state_load(&before, &enabled, path, of);
	publisher->was_here = !r;
	if (r < 0)
		hc_warn("%s: %s, ignoring what was known before", path, strerror(-r));
	else if (r == HC_STATE_E_INVALID)
		hc_warn("%s: is damaged, ignoring what was known before", path);
	if (r || enabled)
		return;
	hc_notice("monitoring is still switched off, as it was before the restart");
	publisher->silent = hc_take(before);
}

/* ---- what the hub lacks --------------------------------------------------------------------- */

static void resync_gone(void *context, const struct hc_mount_row *row,
			const struct hc_device *device)
{
	hc_publisher_mount(context,
			   &(struct hc_mount_report){ .row = row,
						      .has_id = true,
						      .device = device,
						      .reconciled = true,
						      .timestamp_unix_ms = hc_now_unix_ms() });
}

static void resync_missing(void *context, struct hc_mount *mount)
{
	char *bind_of = NULL;

	if (hc_table_bind_of(&bind_of, current_table(context), mount) < 0)
		hc_err("no memory, telling a bind mount without its source");
	hc_publisher_mount(context,
			   &(struct hc_mount_report){ .is_mounted = true,
						      .row = &mount->row,
						      .has_id = true,
						      .device = mount->device,
						      .bind_of = bind_of,
						      .reconciled = true,
						      .timestamp_unix_ms = hc_now_unix_ms() });
	free(bind_of);
}

/* Only while nothing is on its way, so that hub and table speak of the same moment. */
static void try_resync(struct hc_publisher *publisher)
{
	if (!publisher->resync_wanted || publisher->silent || publisher->stopped ||
	    !hc_link_is_idle(publisher->link) ||
	    !publisher->options.is_quiet(publisher->options.context))
		return;
	publisher->resync_pushed = hc_spool_pushed(publisher->spool);
	(void)hc_link_ask_state(publisher->link,
				"device.mounted"); /* else: at the next idle moment */
}

static void count_gone(void *context, const struct hc_mount_row *row,
		       const struct hc_device *device)
{
	(void)row;
	(void)device;
	++*(uint64_t *)context;
}

static void count_missing(void *context, struct hc_mount *mount)
{
	(void)mount;
	++*(uint64_t *)context;
}

/*
 * What differs although nothing was told to be lost happened while nobody looked, or was lost with
 * a loader that was killed. A hub that has nothing, and what was before the system was started, are
 * no losses.
 */
static void tell_missed(struct hc_publisher *publisher, const msgpack_object *events)
{
	uint64_t n = 0, n_told = publisher->n_ring_lost + hc_spool_lost(publisher->spool);
	const struct hc_resync_fns fns = { count_gone, count_missing, &n };

	if (publisher->was_here && events->via.array.size && n_told == publisher->n_explained &&
	    !hc_resync(events, current_table(publisher), hc_filter_tells, publisher->options.conf,
		       &fns))
		hc_publisher_missed(publisher, n);
	publisher->was_here = true;
	publisher->n_explained = n_told;
}

static void hub_told_state(void *context, const msgpack_object *events)
{
	struct hc_publisher *publisher = context;
	const struct hc_resync_fns fns = { resync_gone, resync_missing, publisher };

	if (publisher->silent || hc_spool_pushed(publisher->spool) != publisher->resync_pushed ||
	    !publisher->options.is_quiet(publisher->options.context))
		return; /* something has happened since; the next idle moment asks again */
	publisher->resync_wanted = false;
	tell_missed(publisher, events);
	if (hc_resync(events, current_table(publisher), hc_filter_tells, publisher->options.conf,
		      &fns))
		hc_err("no memory to compare the hub's state with the table, skipping it");
	save_soon(publisher);
}

void hc_publisher_distrust(struct hc_publisher *publisher)
{
	publisher->resync_wanted = true;
}

/* ---- the hub -------------------------------------------------------------------------------- */

static void hub_connected(void *context)
{
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer event = HC_BUFFER_NULL;
	struct hc_publisher *publisher = context;

	/* In front: until it comes, the hub takes us for not running. */
	pack_status(publisher, &event);
	hc_spool_push_front(publisher->spool, &event);
	publisher->resync_wanted = true;
}

static void hub_idle(void *context)
{
	struct hc_publisher *publisher = context;

	if (publisher->ring_untold) {
		tell_ring_lost(publisher);
		hc_publisher_send(publisher);
	}
	try_resync(publisher);
}

static void set_enabled(struct hc_publisher *publisher, bool enabled)
{
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer event = HC_BUFFER_NULL;
	HC_CLEANUP(hc_table_unrefp) struct hc_table *old = NULL;

	if (enabled == !publisher->silent || publisher->stopped)
		return;
	hc_notice("monitoring was switched %s", enabled ? "on" : "off");
	if (!enabled)
		publisher->silent = hc_table_ref(current_table(publisher));
	else
		old = hc_take(publisher->silent);
	save_state(publisher);
	pack_status(publisher, &event);
	hc_spool_push(publisher->spool, &event);
	publisher->resync_wanted = true;
	if (old)
		publisher->options.enabled(publisher->options.context, old);
	hc_publisher_send(publisher);
}

static void hub_asks(void *context, const bool *enabled, struct hc_buffer *result)
{
	struct hc_publisher *publisher = context;
	struct hc_status status;

	if (enabled)
		set_enabled(publisher, *enabled);
	status = status_of(publisher);
	hc_report_status_payload(result, &status);
}

/* ---- life ----------------------------------------------------------------------------------- */

int hc_publisher_new(struct hc_publisher **ret, const struct hc_publisher_options *options)
{
	struct hc_publisher *publisher = calloc(1, sizeof(*publisher));
	struct hc_link_options link_options = { .loop = options->loop,
						.path = options->conf->hostcast.socket,
						.context = publisher,
						.connected = hub_connected,
						.idle = hub_idle,
						.state = hub_told_state,
						.detector = hub_asks };

	if (!publisher)
		return -ENOMEM;
	publisher->options = *options;
	publisher->spool = hc_spool_new(append_spool_gap);
	link_options.spool = publisher->spool;
	if (!publisher->spool || hc_link_new(&publisher->link, &link_options)) {
		hc_publisher_free(publisher);
		return -ENOMEM;
	}
	(void)uv_timer_init(options->loop, &publisher->save_timer); /* cannot fail */
	*ret = publisher;
	return 0;
}

void hc_publisher_start(struct hc_publisher *publisher)
{
	save_state(publisher);
	hc_link_start(publisher->link);
}

bool hc_publisher_enabled(const struct hc_publisher *publisher)
{
	return !publisher->silent;
}

void hc_publisher_send(struct hc_publisher *publisher)
{
	hc_link_kick(publisher->link);
	save_soon(publisher);
}

void hc_publisher_dirty(struct hc_publisher *publisher)
{
	publisher->save_wanted = true;
}

void hc_publisher_stop(struct hc_publisher *publisher)
{
	save_state(publisher);
	publisher->stopped = true;
}

bool hc_publisher_delivered(const struct hc_publisher *publisher)
{
	return !hc_link_is_up(publisher->link) || hc_link_is_idle(publisher->link);
}

void hc_publisher_close(struct hc_publisher *publisher)
{
	hc_link_close(publisher->link);
	uv_close((uv_handle_t *)&publisher->save_timer, NULL);
}

struct hc_publisher *hc_publisher_free(struct hc_publisher *publisher)
{
	if (publisher) {
		hc_link_free(publisher->link);
		hc_spool_free(publisher->spool);
		hc_table_unref(publisher->silent);
		free(publisher);
	}
	return NULL;
}
