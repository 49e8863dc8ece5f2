/* SPDX-License-Identifier: MIT */
/*
 * Cost: a scan is 3 us a mount. While changes keep coming, scans keep to a tenth of the time, but
 * follow each other after 50 ms at the latest; the last change is always followed by one.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/utsname.h>
#include <time.h>

#include "bpf/change.h"
#include "bpf/filter.h"
#include "bpf/link.h"
#include "bpf/lookup.h"
#include "bpf/namespace.h"
#include "bpf/probe.h"
#include "bpf/resync.h"
#include "bpf/source.h"
#include "bpf/state.h"
#include "bpf/table_libmount.h"
#include "bpf/table_statmount.h"
#include "bpf/watch.h"
#include "conf/conf.h"
#include "proto/clock.h"
#include "proto/log.h"

#define TICK_MS	       1000 /* lost wake-ups, drop counters */
#define SCAN_SHARE     9    /* a scan is followed by so many times its own time without one */
#define SCAN_PAUSE_MAX 50000000ull /* ns */
#define SAVE_PAUSE_MS  100	   /* between two writes of the state file */

struct hc_watch {
	uv_loop_t *loop;
	const struct hc_conf *conf;
	struct hc_reasons reasons;
	struct hc_namespace ns;
	struct hc_state_of state_of;
	struct utsname host;
	bool uses_statmount;

	struct hc_source *source; /* NULL: without BPF */
	struct hc_actors *actors;
	struct hc_changes *changes;
	struct hc_lookup *lookup;
	struct hc_spool *spool;
	struct hc_link *link;

	struct hc_table *table; /* what is mounted */
	struct hc_table
		*silent; /* what was mounted when monitoring was switched off; NULL: it is on */
	uint64_t n_scans;
	uint64_t scan_done_ns;
	uint64_t scan_cost_ns;
	uint64_t turn; /* of the loop */
	uint64_t scan_turn;
	bool stopped;

	bool resync_wanted;
	uint64_t resync_pushed; /* hc_spool_pushed() when the hub was asked */
	bool save_wanted;
	struct hc_log_limit save_limit, drop_limit, scan_limit;

	uint64_t n_dropped; /* as far as it has been told */
	struct hc_counters counters;

	int mountinfo_fd;
	uv_prepare_t prepare;
	uv_poll_t mountinfo_poll, source_poll;
	uv_timer_t scan_timer, actor_timer, tick_timer, reconcile_timer, save_timer;
};

static void scan(struct hc_watch *watch, bool reconciled);
static void tell_ready(struct hc_watch *watch);

/* ---- status -------------------------------------------------------------------------------- */

static const char *mode_name(const struct hc_watch *watch)
{
	return watch->source ? "bpf+mountinfo" : "mountinfo";
}

static struct hc_status status_of(struct hc_watch *watch)
{
	struct hc_status status = {
		.monitoring_enabled = !watch->silent,
		.mode = mode_name(watch),
		.table = watch->uses_statmount ? "statmount" : "libmount",
		.reasons = &watch->reasons,
		.kernel = watch->host.release,
		.mount_namespace = watch->conf->mounts.mount_namespace,
		.pid = (uint32_t)getpid(),
		.counters = watch->counters,
	};

	if (watch->source) {
		struct hc_record_counters counters = hc_source_counters(watch->source);

		status.counters.dropped = counters.dropped;
		status.counters.filtered_failed = counters.failed;
		status.counters.filtered_namespace = counters.foreign;
	}
	status.counters.spool_lost = hc_spool_lost(watch->spool);
	return status;
}

static void push_status(struct hc_watch *watch, bool in_front)
{
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer event = HC_BUFFER_NULL;
	struct hc_status status = status_of(watch);

	hc_report_status(&event, &status);
	if (in_front)
		hc_spool_push_front(watch->spool, &event);
	else
		hc_spool_push(watch->spool, &event);
}

static void append_spool_gap(struct hc_buffer *event, uint64_t n_lost)
{
	hc_report_gap(event, "spool", n_lost);
}

/* ---- events -------------------------------------------------------------------------------- */

static void push_report(struct hc_watch *watch, const struct hc_mount_report *report)
{
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer event = HC_BUFFER_NULL;
	char path[HC_LOG_QUOTE_MAX];

	hc_report_mount(&event, report);
	hc_spool_push(watch->spool, &event);
	watch->counters.events++;
	watch->counters.reconciled += report->reconciled;
	watch->save_wanted = true;
	hc_info("%s %s %s%s", report->is_mounted ? "mounted" : "unmounted",
		hc_log_quote(path, hc_str(report->row->path)), report->row->fstype,
		report->reconciled ? ", reconciled" : "");
}

static void tell_change(void *context, const struct hc_change *change)
{
	struct hc_watch *watch = context;
	struct hc_mount_report report = hc_change_report(change);

	if (!watch->silent)
		push_report(watch, &report);
}

static void save_state(struct hc_watch *watch)
{
	const char *path = watch->conf->mounts.state_file;
	int r;

	watch->save_wanted = false;
	r = hc_state_save(path, &watch->state_of, watch->silent ? watch->silent : watch->table,
			  !watch->silent);
	if (r && hc_log_limited(&watch->save_limit))
		hc_warn("%s: %s; after a restart, what changes meanwhile is learnt from the hub only",
			path, strerror(-r));
}

static void save_timer_fired(uv_timer_t *timer)
{
	struct hc_watch *watch = hc_container_of(timer, struct hc_watch, save_timer);

	if (!watch->save_wanted)
		return;
	save_state(watch);
	(void)uv_timer_start(timer, save_timer_fired, SAVE_PAUSE_MS,
			     0); /* fails only when closing */
}

static void save_soon(struct hc_watch *watch)
{
	if (watch->save_wanted && !watch->stopped &&
	    !uv_is_active((uv_handle_t *)&watch->save_timer))
		(void)uv_timer_start(&watch->save_timer, save_timer_fired, 0, 0);
}

/* ---- what the hub lacks --------------------------------------------------------------------- */

static void resync_gone(void *context, const struct hc_mount_row *row,
			const struct hc_device *device)
{
	push_report(context, &(struct hc_mount_report){ .row = row,
							.has_id = true,
							.device = device,
							.reconciled = true,
							.timestamp_unix_ms = hc_now_unix_ms() });
}

static void resync_missing(void *context, struct hc_mount *mount)
{
	struct hc_watch *watch = context;
	char *bind_of = NULL;

	if (hc_table_bind_of(&bind_of, watch->table, mount) < 0)
		hc_err("no memory, telling a bind mount without its source");
	push_report(watch, &(struct hc_mount_report){ .is_mounted = true,
						      .row = &mount->row,
						      .has_id = true,
						      .device = mount->device,
						      .bind_of = bind_of,
						      .reconciled = true,
						      .timestamp_unix_ms = hc_now_unix_ms() });
	free(bind_of);
}

/* Only when nothing is on its way, so that the hub's answer and our table speak of the same moment.
 */
static void try_resync(struct hc_watch *watch)
{
	if (!watch->resync_wanted || watch->silent || watch->stopped ||
	    hc_changes_pending(watch->changes) || hc_lookup_pending(watch->lookup) ||
	    !hc_link_is_idle(watch->link))
		return;
	watch->resync_pushed = hc_spool_pushed(watch->spool);
	(void)hc_link_ask_state(watch->link, "device.mounted"); /* if not: asked again when idle */
}

static void hub_told_state(void *context, const msgpack_object *events)
{
	struct hc_watch *watch = context;
	const struct hc_resync_fns fns = { resync_gone, resync_missing, watch };

	if (watch->silent || hc_spool_pushed(watch->spool) != watch->resync_pushed ||
	    hc_changes_pending(watch->changes))
		return; /* something has happened since; the next idle moment asks again */
	watch->resync_wanted = false;
	if (hc_resync(events, watch->table, hc_filter_tells, watch->conf, &fns))
		hc_err("no memory to compare the hub's state with the table, skipping it");
	save_soon(watch);
}

/* ---- the hub -------------------------------------------------------------------------------- */

static void hub_connected(void *context)
{
	struct hc_watch *watch = context;

	push_status(watch, true);
	watch->resync_wanted = true;
}

static void hub_idle(void *context)
{
	try_resync(context);
}

static int add_differences(struct hc_watch *watch, const struct hc_table *old, bool reconciled);

static void set_enabled(struct hc_watch *watch, bool enabled)
{
	if (enabled == !watch->silent)
		return;
	if (enabled) {
		HC_CLEANUP(hc_table_unrefp) struct hc_table *old = hc_take(watch->silent);

		if (add_differences(watch, old, true))
			hc_err("no memory to tell what changed while monitoring was off");
		watch->resync_wanted = true;
	} else {
		watch->silent = hc_table_ref(watch->table);
	}
	hc_notice("monitoring was switched %s", enabled ? "on" : "off");
	save_state(watch);
	push_status(watch, false);
	tell_ready(watch);
}

static void hub_asks(void *context, const bool *enabled, struct hc_buffer *result)
{
	struct hc_watch *watch = context;
	struct hc_status status;

	if (enabled)
		set_enabled(watch, *enabled);
	status = status_of(watch);
	hc_report_status_payload(result, &status);
}

/* ---- scanning ------------------------------------------------------------------------------- */

static int read_table(struct hc_watch *watch, struct hc_table **ret)
{
	if (watch->uses_statmount)
		return hc_statmount_read(ret, watch->ns.is_own ? 0 : watch->ns.unique_id);
	return hc_libmount_read(ret, watch->ns.pid);
}

static struct hc_change_options change_options(const struct hc_watch *watch, bool reconciled)
{
	return (struct hc_change_options){ .reconciled = reconciled,
					   .awaits_actor = watch->source != NULL,
					   .silenced = watch->silent != NULL,
					   .scan = watch->n_scans,
					   .now_ns = hc_monotonic_ns() };
}

static uint64_t boot_ns(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_BOOTTIME, &now); /* exists since Linux 2.6.39 */
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static int add_differences(struct hc_watch *watch, const struct hc_table *old, bool reconciled)
{
	HC_CLEANUP(hc_differences_deinit) struct hc_differences differences = { 0 };
	const struct hc_change_options options = change_options(watch, reconciled);
	size_t i;
	int r;

	r = hc_table_diff(&differences, old, watch->table, hc_filter_tells, watch->conf);
	for (i = 0; !r && i < differences.n; i++) {
		const struct hc_difference *difference = &differences.items[i];

		if (difference->kind == HC_DIFFERENCE_NEW && !difference->moved)
			difference->mount->seen_boot_ns = boot_ns();
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
	if (watch->silent || !watch->ns.inode || !hc_filter_tells(&row, watch->conf))
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

	if (!mount || !watch->ns.inode || watch->silent ||
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
	if (!watch->uses_statmount)
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
	hc_link_kick(watch->link);
	save_soon(watch);
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
	watch->resync_wanted = true;
	if (!watch->stopped)
		(void)uv_timer_start(&watch->scan_timer, scan_timer_fired, TICK_MS, 0);
}

static void scan(struct hc_watch *watch, bool reconciled)
{
	HC_CLEANUP(hc_table_unrefp) struct hc_table *old = hc_table_ref(watch->table);
	uint64_t start = hc_monotonic_ns();
	struct hc_table *new;
	int r;

	(void)uv_timer_stop(&watch->scan_timer); /* cannot fail */
	watch->n_scans++;
	watch->scan_turn = watch->turn;
	if (watch->source)
		hc_source_drain(watch->source);
	hc_actors_settle(watch->actors, watch->n_scans);
	r = read_table(watch, &new);
	if (!r) {
		replace_table(watch, new);
		r = add_differences(watch, old, reconciled);
	}
	if (r)
		scan_failed(watch, r);
	if (watch->source)
		hc_source_drain(watch->source);
	conclude(watch);
	watch->scan_done_ns = hc_monotonic_ns();
	watch->scan_cost_ns = watch->scan_done_ns - start;
	if (hc_actors_waiting(watch->actors))
		want_scan(watch);
}

/* ---- wake-ups ------------------------------------------------------------------------------- */

static void take_record(void *context, const struct hc_record *record)
{
	struct hc_watch *watch = context;

	watch->counters.records++;
	(void)hc_actors_add(watch->actors, record, hc_monotonic_ns());
}

static void drain_records(struct hc_watch *watch)
{
	uint64_t n_before = watch->counters.records;

	hc_source_drain(watch->source);
	if (watch->counters.records == n_before)
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
	uint64_t n_before = watch->counters.records;

	if (watch->source)
		hc_source_drain(watch->source);
	return poll(&fd, 1, 0) > 0 || watch->counters.records != n_before;
}

void hc_watch_reconcile(struct hc_watch *watch)
{
	scan(watch, !has_news(watch));
}

static void reconcile_timer_fired(uv_timer_t *timer)
{
	hc_watch_reconcile(hc_container_of(timer, struct hc_watch, reconcile_timer));
}

static void check_drops(struct hc_watch *watch)
{
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer event = HC_BUFFER_NULL;
	uint64_t n_new = hc_source_counters(watch->source).dropped - watch->n_dropped;

	if (!n_new)
		return;
	watch->n_dropped += n_new;
	if (hc_log_limited(&watch->drop_limit))
		hc_warn("%llu BPF records were lost for want of room, comparing the whole table",
			(unsigned long long)n_new);
	if (!watch->silent) {
		hc_report_gap(&event, "ring", n_new);
		hc_spool_push(watch->spool, &event);
	}
	hc_watch_reconcile(watch);
}

static void tick_timer_fired(uv_timer_t *timer)
{
	struct hc_watch *watch = hc_container_of(timer, struct hc_watch, tick_timer);

	if (watch->source) {
		drain_records(watch);
		check_drops(watch);
	}
	conclude(watch);
	try_resync(watch);
}

static void lookup_changed(void *context)
{
	struct hc_watch *watch = context;

	watch->save_wanted = true;
	tell_ready(watch);
	try_resync(watch);
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

static int choose_table(struct hc_watch *watch)
{
	enum hc_table_source wanted = watch->conf->mounts.table;
	uint64_t id = watch->ns.is_own ? 0 : watch->ns.unique_id;
	int r;

	if (wanted == HC_TABLE_LIBMOUNT) {
		hc_reasons_add(&watch->reasons,
			       "the table is read by libmount: the configuration says so");
		return 0;
	}
	r = watch->ns.is_own || id ? hc_statmount_check(id) : -EPERM;
	watch->uses_statmount = !r;
	if (!r)
		return 0;
	if (wanted == HC_TABLE_STATMOUNT) {
		hc_err("table = statmount, but this kernel does not allow it here: %s",
		       strerror(-r));
		return r;
	}
	hc_reasons_add(&watch->reasons,
		       "the table is read by libmount: statmount is not to be had (%s%s); "
		       "mount ids may be used again",
		       strerror(-r),
		       r == -ENOSYS || r == -EOPNOTSUPP ? ", it needs Linux 6.13" : "");
	return 0;
}

static int open_mountinfo(struct hc_watch *watch)
{
	char path[64];

	if (watch->ns.pid)
		(void)snprintf(path, sizeof(path), "/proc/%u/mountinfo", watch->ns.pid);
	else
		(void)snprintf(path, sizeof(path), "/proc/self/mountinfo");
	watch->mountinfo_fd = open(path, O_RDONLY | O_CLOEXEC);
	return watch->mountinfo_fd < 0 ? -errno : 0;
}

static struct hc_table *load_state(struct hc_watch *watch)
{
	const char *path = watch->conf->mounts.state_file;
	struct hc_table *before = NULL;
	bool enabled = true;
	int r = hc_state_load(&before, &enabled, path, &watch->state_of);

	if (r < 0)
		hc_warn("%s: %s, ignoring what was known before", path, strerror(-r));
	else if (r == HC_STATE_E_INVALID)
		hc_warn("%s: is damaged, ignoring what was known before", path);
	if (r)
		return NULL;
	if (!enabled) {
		hc_notice("monitoring is still switched off, as it was before the restart");
		watch->silent = hc_table_ref(before);
	}
	return before;
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
	HC_CLEANUP(hc_table_unrefp) struct hc_table *before = NULL;
	int r;

	watch->state_of.mount_namespace = watch->ns.identity;
	watch->state_of.unique_ids = watch->uses_statmount;
	r = hc_state_boot_id(watch->state_of.boot_id);
	if (!r)
		r = read_table(watch, &watch->table);
	if (r)
		return r;
	before = load_state(watch);
	if (before)
		r = add_differences(watch, before, true);
	return r ? r : lookup_all(watch);
}

static int init_parts(struct hc_watch *watch)
{
	const struct hc_link_options options = { .loop = watch->loop,
						 .path = watch->conf->hostcast.socket,
						 .context = watch,
						 .connected = hub_connected,
						 .idle = hub_idle,
						 .state = hub_told_state,
						 .detector = hub_asks };
	struct hc_link_options with_spool = options;
	int r;

	watch->actors = hc_actors_new();
	watch->changes = hc_changes_new();
	watch->spool = hc_spool_new(append_spool_gap);
	if (!watch->actors || !watch->changes || !watch->spool)
		return -ENOMEM;
	with_spool.spool = watch->spool;
	r = hc_lookup_new(&watch->lookup, watch->loop, lookup_changed, watch);
	return r ? r : hc_link_new(&watch->link, &with_spool);
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
	r = hc_namespace_find(&watch->ns, conf->mounts.mount_namespace, &watch->reasons);
	if (!r)
		r = open_mountinfo(watch);
	if (r) {
		hc_err("the mounts of \"%s\" cannot be read: %s", conf->mounts.mount_namespace,
		       strerror(-r));
		return r;
	}
	r = choose_table(watch);
	if (r)
		return r;
	r = init_parts(watch);
	if (!r) {
		open_source(watch);
		r = take_first_snapshot(watch);
	}
	if (r) {
		hc_err("the mount table cannot be read: %s", strerror(-r));
		return r;
	}
	*ret = hc_take(watch);
	return 0;
}

/* ---- life ----------------------------------------------------------------------------------- */

bool hc_watch_needs_admin(const struct hc_watch *watch)
{
	return watch->uses_statmount && !watch->ns.is_own;
}

void hc_watch_describe(const struct hc_watch *watch, char *text, size_t size)
{
	(void)snprintf(text, size, "%s, %s, %zu mounts", mode_name(watch),
		       watch->uses_statmount ? "statmount" : "libmount", watch->table->n);
}

static void init_handles(struct hc_watch *watch)
{
	/* None of these can fail: no descriptor is involved. */
	(void)uv_prepare_init(watch->loop, &watch->prepare);
	(void)uv_timer_init(watch->loop, &watch->scan_timer);
	(void)uv_timer_init(watch->loop, &watch->actor_timer);
	(void)uv_timer_init(watch->loop, &watch->tick_timer);
	(void)uv_timer_init(watch->loop, &watch->reconcile_timer);
	(void)uv_timer_init(watch->loop, &watch->save_timer);
}

int hc_watch_start(struct hc_watch *watch)
{
	uint64_t period = watch->conf->mounts.reconcile_ms;
	size_t i;
	int r;

	r = uv_poll_init(watch->loop, &watch->mountinfo_poll, watch->mountinfo_fd);
	if (!r)
		r = uv_poll_start(&watch->mountinfo_poll, UV_PRIORITIZED, mountinfo_ready);
	if (!r && watch->source) {
		r = uv_poll_init(watch->loop, &watch->source_poll, hc_source_fd(watch->source));
		if (!r)
			r = uv_poll_start(&watch->source_poll, UV_READABLE, source_ready);
	}
	if (r)
		return r;
	init_handles(watch);
	(void)uv_prepare_start(&watch->prepare, count_turn);
	(void)uv_timer_start(&watch->tick_timer, tick_timer_fired, TICK_MS, TICK_MS);
	(void)uv_timer_start(&watch->reconcile_timer, reconcile_timer_fired, period, period);
	for (i = 0; i < watch->reasons.n; i++)
		hc_warn("%s", watch->reasons.items[i]);
	hc_link_start(watch->link);
	tell_ready(watch);
	save_state(watch);
	return 0;
}

void hc_watch_stop(struct hc_watch *watch)
{
	if (watch->stopped)
		return;
	scan(watch, false);
	watch->stopped = true;
	save_state(watch);
	uv_close((uv_handle_t *)&watch->mountinfo_poll, NULL);
	if (watch->source)
		uv_close((uv_handle_t *)&watch->source_poll, NULL);
	uv_close((uv_handle_t *)&watch->prepare, NULL);
	uv_close((uv_handle_t *)&watch->scan_timer, NULL);
	uv_close((uv_handle_t *)&watch->actor_timer, NULL);
	uv_close((uv_handle_t *)&watch->tick_timer, NULL);
	uv_close((uv_handle_t *)&watch->reconcile_timer, NULL);
	uv_close((uv_handle_t *)&watch->save_timer, NULL);
}

bool hc_watch_delivered(const struct hc_watch *watch)
{
	return !hc_link_is_up(watch->link) || hc_link_is_idle(watch->link);
}

void hc_watch_close(struct hc_watch *watch)
{
	hc_watch_stop(watch);
	hc_lookup_close(watch->lookup);
	hc_link_close(watch->link);
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
	hc_link_free(watch->link);
	hc_lookup_free(watch->lookup);
	hc_changes_free(watch->changes);
	hc_actors_free(watch->actors);
	hc_spool_free(watch->spool);
	hc_table_unref(watch->table);
	hc_table_unref(watch->silent);
	hc_closep(&watch->mountinfo_fd);
	free(watch);
	return NULL;
}
