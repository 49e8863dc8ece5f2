/* SPDX-License-Identifier: MIT */
/*
 * Cost: a scan is 3 us a mount. While changes keep coming, scans keep to a tenth of the time, but
 * follow each other after 50 ms at the latest; the last change is always followed by one.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/utsname.h>

#include "bpf/change.h"
#include "bpf/filter.h"
#include "bpf/lookup.h"
#include "bpf/namespace.h"
#include "bpf/probe.h"
#include "bpf/publisher.h"
#include "bpf/reader.h"
#include "bpf/source.h"
#include "bpf/watch.h"
#include "conf/conf.h"
#include "proto/clock.h"
#include "proto/log.h"

#define TICK_MS	       1000 /* lost wake-ups, drop counters */
#define SCAN_SHARE     9    /* a scan is followed by so many times its own time without one */
#define SCAN_PAUSE_MAX 50000000ull /* ns */

struct hc_watch {
	uv_loop_t *loop;
	const struct hc_conf *conf;
	struct hc_reasons reasons;
	struct hc_namespace ns;
	struct hc_reader reader;
	struct utsname host;

	struct hc_source *source; /* NULL: without BPF */
	struct hc_actors *actors;
	struct hc_changes *changes;
	struct hc_lookup *lookup;
	struct hc_publisher *publisher;

	struct hc_table *table; /* what is mounted */
	uint64_t n_scans;
	uint64_t scan_done_ns;
	uint64_t scan_cost_ns;
	uint64_t turn; /* of the loop */
	uint64_t scan_turn;
	uint64_t n_records;
	uint64_t n_dropped; /* as far as it has been told */
	uint64_t n_found;   /* differences that are told, in the last comparison */
	bool is_explained;  /* by losses that have been told */
	bool stopped;
	struct hc_log_limit drop_limit, scan_limit;

	int mountinfo_fd;
	uv_prepare_t prepare;
	uv_poll_t mountinfo_poll, source_poll;
	uv_timer_t scan_timer, actor_timer, tick_timer, reconcile_timer;
};

static void scan(struct hc_watch *watch, bool reconciled);
static void tell_ready(struct hc_watch *watch);
static bool has_news(struct hc_watch *watch);

/* ---- for the publisher ---------------------------------------------------------------------- */

static const char *mode_name(const struct hc_watch *watch)
{
	return watch->source ? "bpf+mountinfo" : "mountinfo";
}

static void describe_status(void *context, struct hc_status *status)
{
	struct hc_watch *watch = context;

	status->mode = mode_name(watch);
	status->table = hc_reader_name(&watch->reader);
	status->reasons = &watch->reasons;
	status->kernel = watch->host.release;
	status->mount_namespace = watch->conf->mounts.mount_namespace;
	status->pid = (uint32_t)getpid();
	status->counters.records = watch->n_records;
	if (watch->source) {
		struct hc_record_counters counters = hc_source_counters(watch->source);

		status->counters.dropped = counters.dropped;
		status->counters.filtered_failed = counters.failed;
		status->counters.filtered_namespace = counters.foreign;
	}
}

static struct hc_table *give_table(void *context)
{
	return ((struct hc_watch *)context)->table;
}

static bool is_quiet(void *context)
{
	struct hc_watch *watch = context;

	return !hc_changes_pending(watch->changes) && !hc_lookup_pending(watch->lookup);
}

static int add_differences(struct hc_watch *watch, const struct hc_table *old, bool reconciled);

static void catch_up(void *context, const struct hc_table *old)
{
	struct hc_watch *watch = context;

	if (add_differences(watch, old, true))
		hc_err("no memory to tell what changed while monitoring was off, asking the hub");
	tell_ready(watch);
}

static void tell_change(void *context, const struct hc_change *change)
{
	struct hc_watch *watch = context;
	struct hc_mount_report report = hc_change_report(change);

	hc_publisher_mount(watch->publisher, &report);
}

/* ---- scanning ------------------------------------------------------------------------------- */

static struct hc_change_options change_options(const struct hc_watch *watch, bool reconciled)
{
	return (struct hc_change_options){ .reconciled = reconciled,
					   .awaits_actor = watch->source != NULL,
					   .silenced = !hc_publisher_enabled(watch->publisher),
					   .scan = watch->n_scans,
					   .now_ns = hc_monotonic_ns() };
}

static int add_differences(struct hc_watch *watch, const struct hc_table *old, bool reconciled)
{
	HC_CLEANUP(hc_differences_deinit) struct hc_differences differences = { 0 };
	const struct hc_change_options options = change_options(watch, reconciled);
	size_t i;
	int r;

	r = hc_table_diff(&differences, old, watch->table, hc_filter_tells, watch->conf);
	watch->n_found = 0;
	for (i = 0; !r && i < differences.n; i++) {
		const struct hc_difference *difference = &differences.items[i];

		if (difference->kind == HC_DIFFERENCE_NEW && !difference->moved)
			difference->mount->seen_boot_ns = hc_boottime_ns();
		watch->n_found += difference->told;
		if (difference->told && !difference->mount->device &&
		    difference->kind != HC_DIFFERENCE_GONE)
			r = hc_lookup_mount(watch->lookup, watch->table, difference->mount);
		if (!r)
			r = hc_changes_add(watch->changes, difference, watch->table, &options);
	}
	return r;
}

/* Mounted and unmounted before a snapshot could show it. */
static void add_brief(void *context, const struct hc_record *mounted,
		      const struct hc_record *unmounted)
{
	struct hc_watch *watch = context;
	const struct hc_change_options options = change_options(watch, false);
	const struct hc_mount_row row = { .path = mounted->target,
					  .fstype = mounted->fstype,
					  .source = mounted->source };
	int r;

	/* Without the kernel's filter it may have been in any namespace. */
	if (!hc_publisher_enabled(watch->publisher) || !watch->ns.inode ||
	    !hc_filter_tells(&row, watch->conf))
		return;
	r = hc_changes_add_brief(watch->changes, mounted, mounted, &options);
	if (!r)
		r = hc_changes_add_brief(watch->changes, mounted, unmounted, &options);
	if (r)
		hc_err("no memory to tell of a brief mount");
}

static int add_one(struct hc_watch *watch, enum hc_difference_kind kind, struct hc_mount *mount,
		   const struct hc_record *record)
{
	const struct hc_change_options options = change_options(watch, false);
	const struct hc_difference difference = { .kind = kind, .mount = mount, .told = true };
	int r = hc_changes_add(watch->changes, &difference, watch->table, &options);

	if (!r)
		hc_changes_claim_last(watch->changes, record);
	return r;
}

/*
 * Unmounted, and something that looks the same mounted in its place: one stick pulled, another put
 * in. The table without unique ids shows no difference, but the device is another one.
 */
static void add_replaced(void *context, const struct hc_record *mounted,
			 const struct hc_record *unmounted)
{
	struct hc_watch *watch = context;
	struct hc_mount *mount =
		hc_table_top(watch->table, mounted->target, hc_filter_tells, watch->conf);
	HC_CLEANUP(hc_mount_unrefp) struct hc_mount *before = NULL;
	int r = -ENOMEM;

	if (!mount || !watch->ns.inode || !hc_publisher_enabled(watch->publisher) ||
	    mount->seen_boot_ns >= unmounted->boot_ns)
		return;
	before = hc_mount_new(&mount->row);
	if (before) {
		hc_mount_set_device(before, mount->device);
		r = add_one(watch, HC_DIFFERENCE_GONE, before, unmounted);
	}
	if (!r) {
		hc_mount_set_device(mount, NULL);
		r = hc_lookup_mount(watch->lookup, watch->table, mount);
	}
	if (!r)
		r = add_one(watch, HC_DIFFERENCE_NEW, mount, mounted);
	if (r)
		hc_err("no memory to tell of a replaced mount");
}

static void find_brief(struct hc_watch *watch, uint64_t now_ns)
{
	const struct hc_change_options options = change_options(watch, false);

	hc_actors_brief(watch->actors, hc_changes_claims(watch->changes), now_ns, add_brief, watch);
	if (hc_changes_reveal(watch->changes, watch->table, hc_filter_tells, watch->conf, &options))
		hc_err("no memory to tell what a brief mount had covered");
	if (!watch->reader.uses_statmount)
		hc_actors_replaced(watch->actors, hc_changes_claims(watch->changes), now_ns,
				   add_replaced, watch);
}

static void actor_timer_fired(uv_timer_t *timer);

/* Hands out what is ready, and comes back when the next one has waited long enough. */
static void tell_ready(struct hc_watch *watch)
{
	uint64_t now = hc_monotonic_ns(), due;

	due = hc_changes_tell(watch->changes, now, tell_change, watch);
	if (due && !watch->stopped)
		(void)uv_timer_start(&watch->actor_timer, actor_timer_fired,
				     (due - now) / 1000000 + 1, 0); /* fails only when closing */
	hc_publisher_send(watch->publisher);
}

/* Joins changes and records, as far as they have come, and tells what that makes ready. */
static void conclude(struct hc_watch *watch)
{
	uint64_t now = hc_monotonic_ns();

	if (watch->source) {
		(void)hc_actors_match(watch->actors, hc_changes_claims(watch->changes), now);
		find_brief(watch, now);
	}
	tell_ready(watch);
}

static void actor_timer_fired(uv_timer_t *timer)
{
	conclude(hc_container_of(timer, struct hc_watch, actor_timer));
}

static void scan_timer_fired(uv_timer_t *timer)
{
	scan(hc_container_of(timer, struct hc_watch, scan_timer), false);
}

/* At once, or as soon as scanning has paused long enough. */
static void want_scan(struct hc_watch *watch)
{
	uint64_t now = hc_monotonic_ns(), pause = SCAN_SHARE * watch->scan_cost_ns, due;

	if (watch->stopped || uv_is_active((uv_handle_t *)&watch->scan_timer))
		return;
	due = watch->scan_done_ns + (pause < SCAN_PAUSE_MAX ? pause : SCAN_PAUSE_MAX);
	if (now >= due)
		scan(watch, false);
	else
		(void)uv_timer_start(&watch->scan_timer, scan_timer_fired,
				     (due - now) / 1000000 + 1, 0);
}

static void replace_table(struct hc_watch *watch, struct hc_table *new)
{
	hc_table_unref(watch->table);
	watch->table = new;
}

/* What could not be told now is found by the comparison with the hub. */
static void scan_failed(struct hc_watch *watch, int r)
{
	if (hc_log_limited(&watch->scan_limit))
		hc_err("the mount table cannot be read (%s), trying again in %d ms", strerror(-r),
		       TICK_MS);
	hc_publisher_distrust(watch->publisher);
	if (!watch->stopped)
		(void)uv_timer_start(&watch->scan_timer, scan_timer_fired, TICK_MS, 0);
}

static void scan(struct hc_watch *watch, bool reconciled)
{
	HC_CLEANUP(hc_table_unrefp) struct hc_table *old = hc_table_ref(watch->table);
	uint64_t start = hc_monotonic_ns();
	struct hc_table *new;
	bool again = false;
	int r;

	(void)uv_timer_stop(&watch->scan_timer); /* cannot fail */
	watch->n_scans++;
	watch->scan_turn = watch->turn;
	if (watch->source)
		hc_source_drain(watch->source);
	hc_actors_settle(watch->actors, watch->n_scans);
	r = hc_reader_read(&watch->reader, &new);
	if (!r) {
		again = reconciled && has_news(watch); /* while the table was read */
		reconciled &= !again;
		replace_table(watch, new);
		r = add_differences(watch, old, reconciled);
	}
	if (r)
		scan_failed(watch, r);
	else if (reconciled && !watch->is_explained)
		hc_publisher_missed(watch->publisher, watch->n_found);
	if (watch->source)
		hc_source_drain(watch->source);
	conclude(watch);
	watch->scan_done_ns = hc_monotonic_ns();
	watch->scan_cost_ns = watch->scan_done_ns - start;
	if (again || hc_actors_waiting(watch->actors))
		want_scan(watch);
}

/* ---- wake-ups ------------------------------------------------------------------------------- */

static void take_record(void *context, const struct hc_record *record)
{
	struct hc_watch *watch = context;

	watch->n_records++;
	(void)hc_actors_add(watch->actors, record, hc_monotonic_ns());
}

static void drain_records(struct hc_watch *watch)
{
	uint64_t n_before = watch->n_records;

	hc_source_drain(watch->source);
	if (watch->n_records == n_before)
		return;
	conclude(watch);
	if (hc_actors_waiting(watch->actors))
		want_scan(watch);
}

static void source_ready(uv_poll_t *poll, int status, int events)
{
	struct hc_watch *watch = hc_container_of(poll, struct hc_watch, source_poll);

	(void)events;
	if (status < 0)
		hc_err("the ring buffer cannot be polled (%s), looking once a second",
		       uv_strerror(status));
	drain_records(watch);
}

static void mountinfo_ready(uv_poll_t *poll, int status, int events)
{
	struct hc_watch *watch = hc_container_of(poll, struct hc_watch, mountinfo_poll);

	(void)events;
	if (status < 0)
		hc_err("mountinfo cannot be polled (%s), comparing every %u ms only",
		       uv_strerror(status), watch->conf->mounts.reconcile_ms);
	/* A scan in this turn of the loop has begun after the kernel woke us. */
	if (watch->scan_turn != watch->turn)
		want_scan(watch);
}

static void count_turn(uv_prepare_t *prepare)
{
	struct hc_watch *watch = hc_container_of(prepare, struct hc_watch, prepare);

	watch->turn++;
}

/* Whether the kernel has news that the loop has not come to yet: then this is no lost wake-up. */
static bool has_news(struct hc_watch *watch)
{
	struct pollfd fd = { .fd = watch->mountinfo_fd, .events = POLLPRI };
	uint64_t n_before = watch->n_records;

	if (watch->source)
		hc_source_drain(watch->source);
	return poll(&fd, 1, 0) > 0 || watch->n_records != n_before;
}

static void compare(struct hc_watch *watch, bool is_explained)
{
	watch->is_explained = is_explained;
	scan(watch, !has_news(watch));
}

void hc_watch_reconcile(struct hc_watch *watch)
{
	compare(watch, false);
}

static void reconcile_timer_fired(uv_timer_t *timer)
{
	hc_watch_reconcile(hc_container_of(timer, struct hc_watch, reconcile_timer));
}

static void check_drops(struct hc_watch *watch)
{
	uint64_t n_new = hc_source_counters(watch->source).dropped - watch->n_dropped;

	if (!n_new)
		return;
	watch->n_dropped += n_new;
	if (hc_log_limited(&watch->drop_limit))
		hc_warn("%llu BPF records were lost for want of room, comparing the whole table",
			(unsigned long long)n_new);
	hc_publisher_ring_lost(watch->publisher, n_new);
	compare(watch, true);
}

static void tick_timer_fired(uv_timer_t *timer)
{
	struct hc_watch *watch = hc_container_of(timer, struct hc_watch, tick_timer);

	if (watch->source) {
		drain_records(watch);
		check_drops(watch);
	}
	conclude(watch);
}

static void lookup_changed(void *context)
{
	struct hc_watch *watch = context;

	hc_publisher_dirty(watch->publisher);
	tell_ready(watch);
}

/* ---- set-up --------------------------------------------------------------------------------- */

static void open_source(struct hc_watch *watch)
{
	if (watch->conf->mounts.bpf == HC_BPF_OFF) {
		hc_reasons_add(&watch->reasons, "BPF is switched off by the configuration");
		return;
	}
	if (!hc_probe_bpf(&watch->reasons))
		return;
	/* Without it the watch goes on; the reasons say why. */
	(void)hc_source_open(&watch->source, watch->ns.inode, take_record, watch, &watch->reasons);
}

/* The hub may be told any of them, so all need their devices. */
static int lookup_all(struct hc_watch *watch)
{
	size_t i;
	int r = 0;

	for (i = 0; !r && i < watch->table->n; i++) {
		struct hc_mount *mount = watch->table->mounts[i];

		if (!mount->device && hc_filter_tells(&mount->row, watch->conf))
			r = hc_lookup_mount(watch->lookup, watch->table, mount);
	}
	return r;
}

static int take_first_snapshot(struct hc_watch *watch)
{
	struct hc_state_of of = { .mount_namespace = watch->ns.identity,
				  .unique_ids = watch->reader.uses_statmount };
	int r;

	r = hc_state_boot_id(of.boot_id);
	if (!r)
		r = hc_reader_read(&watch->reader, &watch->table);
	if (r)
		return r;
	hc_publisher_restore(watch->publisher, &of);
	return lookup_all(watch);
}

static int init_parts(struct hc_watch *watch)
{
	int r;

	watch->actors = hc_actors_new();
	watch->changes = hc_changes_new();
	if (!watch->actors || !watch->changes)
		return -ENOMEM;
	r = hc_lookup_new(&watch->lookup, watch->loop, lookup_changed, watch);
	if (r)
		return r;
	return hc_publisher_new(&watch->publisher,
				&(struct hc_publisher_options){ .loop = watch->loop,
								.conf = watch->conf,
								.context = watch,
								.describe = describe_status,
								.table = give_table,
								.is_quiet = is_quiet,
								.enabled = catch_up });
}

/* Nothing to watch, or no way to do it as the configuration says. */
static int open_table(struct hc_watch *watch)
{
	const char *name = watch->conf->mounts.mount_namespace;
	int r;

	r = hc_namespace_find(&watch->ns, name, &watch->reasons);
	if (!r)
		r = hc_reader_init(&watch->reader, &watch->ns, watch->conf->mounts.table,
				   &watch->reasons);
	if (!r) {
		watch->mountinfo_fd = hc_reader_open(&watch->reader);
		r = watch->mountinfo_fd < 0 ? watch->mountinfo_fd : 0;
	}
	if (r)
		hc_err("the mounts of \"%s\" cannot be read%s: %s", name,
		       watch->conf->mounts.table == HC_TABLE_STATMOUNT ? " by statmount" : "",
		       strerror(-r));
	return r;
}

int hc_watch_new(struct hc_watch **ret, uv_loop_t *loop, const struct hc_conf *conf)
{
	HC_CLEANUP(hc_watch_freep) struct hc_watch *watch = calloc(1, sizeof(*watch));
	int r;

	if (!watch)
		return -ENOMEM;
	watch->loop = loop;
	watch->conf = conf;
	watch->mountinfo_fd = -1;
	(void)uname(&watch->host); /* cannot fail */
	r = open_table(watch);
	if (r)
		return r;
	r = init_parts(watch);
	if (r) {
		hc_err("no memory");
		return r;
	}
	open_source(watch);
	*ret = hc_take(watch);
	return 0;
}

/* ---- life ----------------------------------------------------------------------------------- */

bool hc_watch_needs_admin(const struct hc_watch *watch)
{
	return hc_reader_needs_admin(&watch->reader);
}

void hc_watch_describe(const struct hc_watch *watch, char *text, size_t size)
{
	(void)snprintf(text, size, "%s, %s, %zu mounts", mode_name(watch),
		       hc_reader_name(&watch->reader), watch->table->n);
}

static void init_handles(struct hc_watch *watch)
{
	/* None of these can fail: no descriptor is involved. */
	(void)uv_prepare_init(watch->loop, &watch->prepare);
	(void)uv_timer_init(watch->loop, &watch->scan_timer);
	(void)uv_timer_init(watch->loop, &watch->actor_timer);
	(void)uv_timer_init(watch->loop, &watch->tick_timer);
	(void)uv_timer_init(watch->loop, &watch->reconcile_timer);
}

static int start_polling(struct hc_watch *watch)
{
	int r;

	r = uv_poll_init(watch->loop, &watch->mountinfo_poll, watch->mountinfo_fd);
	if (!r)
		r = uv_poll_start(&watch->mountinfo_poll, UV_PRIORITIZED, mountinfo_ready);
	if (r || !watch->source)
		return r;
	r = uv_poll_init(watch->loop, &watch->source_poll, hc_source_fd(watch->source));
	return r ? r : uv_poll_start(&watch->source_poll, UV_READABLE, source_ready);
}

int hc_watch_start(struct hc_watch *watch)
{
	uint64_t period = watch->conf->mounts.reconcile_ms;
	size_t i;
	int r;

	init_handles(watch);
	r = start_polling(watch);
	if (!r)
		r = take_first_snapshot(watch);
	if (r) {
		hc_err("the mount table cannot be watched: %s", strerror(-r));
		return r;
	}
	(void)uv_prepare_start(&watch->prepare, count_turn); /* these fail only when closing */
	(void)uv_timer_start(&watch->tick_timer, tick_timer_fired, TICK_MS, TICK_MS);
	(void)uv_timer_start(&watch->reconcile_timer, reconcile_timer_fired, period, period);
	for (i = 0; i < watch->reasons.n; i++)
		hc_warn("%s", watch->reasons.items[i]);
	hc_publisher_start(watch->publisher);
	tell_ready(watch);
	return 0;
}

void hc_watch_stop(struct hc_watch *watch)
{
	if (watch->stopped)
		return;
	scan(watch, false);
	watch->stopped = true;
	/* No record is waited for any longer. */
	(void)hc_changes_tell(watch->changes, UINT64_MAX, tell_change, watch);
	hc_publisher_send(watch->publisher);
	hc_publisher_stop(watch->publisher);
	uv_close((uv_handle_t *)&watch->mountinfo_poll, NULL);
	if (watch->source)
		uv_close((uv_handle_t *)&watch->source_poll, NULL);
	uv_close((uv_handle_t *)&watch->prepare, NULL);
	uv_close((uv_handle_t *)&watch->scan_timer, NULL);
	uv_close((uv_handle_t *)&watch->actor_timer, NULL);
	uv_close((uv_handle_t *)&watch->tick_timer, NULL);
	uv_close((uv_handle_t *)&watch->reconcile_timer, NULL);
}

bool hc_watch_delivered(const struct hc_watch *watch)
{
	return hc_publisher_delivered(watch->publisher);
}

void hc_watch_close(struct hc_watch *watch)
{
	hc_watch_stop(watch);
	hc_lookup_close(watch->lookup);
	hc_publisher_close(watch->publisher);
}

bool hc_watch_busy(const struct hc_watch *watch)
{
	return hc_lookup_running(watch->lookup) > 0;
}

struct hc_watch *hc_watch_free(struct hc_watch *watch)
{
	if (!watch)
		return NULL;
	hc_source_free(watch->source);
	hc_publisher_free(watch->publisher);
	hc_lookup_free(watch->lookup);
	hc_changes_free(watch->changes);
	hc_actors_free(watch->actors);
	hc_table_unref(watch->table);
	hc_closep(&watch->mountinfo_fd);
	free(watch);
	return NULL;
}
