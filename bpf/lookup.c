/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>

#include "bpf/device.h"
#include "bpf/lookup.h"
#include "proto/clock.h"
#include "proto/log.h"

#define SYSFS "/sys"

/* One read of a superblock. Owned by libuv while it runs; the worker touches node, found and error
 * only. */
struct read {
	uv_work_t work;
	struct hc_lookup *lookup;
	struct hc_device *device;
	uint64_t deadline_ns;
	char *node;
	struct hc_probed found;
	int error;
	struct read *next;
};

struct hc_lookup {
	uv_loop_t *loop;
	uv_timer_t timer; /* the next deadline */
	hc_lookup_fn fn;
	void *context;
	bool closing;
	struct read *reads; /* under way */
	unsigned int n_reads;
	struct hc_log_limit limit;
};

int hc_lookup_new(struct hc_lookup **ret, uv_loop_t *loop, hc_lookup_fn fn, void *context)
{
	struct hc_lookup *lookup = calloc(1, sizeof(*lookup));

	if (!lookup)
		return -ENOMEM;
	lookup->loop = loop;
	lookup->fn = fn;
	lookup->context = context;
	(void)uv_timer_init(loop, &lookup->timer); /* cannot fail */
	*ret = lookup;
	return 0;
}

static void read_free(struct read *read)
{
	hc_probed_deinit(&read->found);
	hc_device_unref(read->device);
	free(read->node);
	free(read);
}

static void deadline_passed(uv_timer_t *timer);

static void schedule_deadline(struct hc_lookup *lookup)
{
	const struct read *read, *first = NULL;
	uint64_t now = hc_monotonic_ns();

	for (read = lookup->reads; read; read = read->next) {
		if (read->device->pending && (!first || read->deadline_ns < first->deadline_ns))
			first = read;
	}
	if (first && !lookup->closing)
		(void)uv_timer_start(
			&lookup->timer, deadline_passed,
			first->deadline_ns > now ? (first->deadline_ns - now) / 1000000 + 1 : 0,
			0); /* fails only when closing */
}

static void deadline_passed(uv_timer_t *timer)
{
	struct hc_lookup *lookup = hc_container_of(timer, struct hc_lookup, timer);
	uint64_t now = hc_monotonic_ns();
	char quoted[HC_LOG_QUOTE_MAX];
	bool changed = false;
	struct read *read;

	for (read = lookup->reads; read; read = read->next) {
		if (!read->device->pending || read->deadline_ns > now)
			continue;
		read->device->pending = false;
		changed = true;
		if (hc_log_limited(&lookup->limit))
			hc_warn("%s does not answer within %d ms, telling its mounts without label",
				hc_log_quote(quoted, hc_str(read->node)), HC_LOOKUP_WAIT_MS);
	}
	schedule_deadline(lookup);
	if (changed)
		lookup->fn(lookup->context);
}

static void read_on_worker(uv_work_t *work)
{
	struct read *read = hc_container_of(work, struct read, work);

	read->error = hc_device_probe(&read->found, read->node);
}

static void unlink_read(struct hc_lookup *lookup, const struct read *read)
{
	struct read **at = &lookup->reads;

	while (*at != read)
		at = &(*at)->next;
	*at = read->next;
	lookup->n_reads--;
}

static void read_done(uv_work_t *work, int status)
{
	struct read *read = hc_container_of(work, struct read, work);
	struct hc_lookup *lookup = read->lookup;
	bool awaited = read->device->pending;

	unlink_read(lookup, read);
	read->device->pending = false;
	if (!status && !read->error) {
		if (!read->device->label)
			read->device->label = hc_take(read->found.label);
		if (!read->device->uuid)
			read->device->uuid = hc_take(read->found.uuid);
	}
	read_free(read);
	if (awaited && !lookup->closing)
		lookup->fn(lookup->context);
}

static int start_read(struct hc_lookup *lookup, struct hc_device *device)
{
	struct read *read;
	int r;

	if (lookup->n_reads == HC_LOOKUPS_MAX)
		return 0; /* told without label; a warning for each device that hangs has been given
			   */
	read = calloc(1, sizeof(*read));
	if (!read)
		return -ENOMEM;
	read->lookup = lookup;
	read->device = hc_device_ref(device);
	read->node = strdup(device->node);
	read->deadline_ns = hc_monotonic_ns() + HC_LOOKUP_WAIT_MS * 1000000ull;
	r = read->node ? uv_queue_work(lookup->loop, &read->work, read_on_worker, read_done)
		       : -ENOMEM;
	if (r) {
		read_free(read);
		return -ENOMEM;
	}
	device->pending = true;
	read->next = lookup->reads;
	lookup->reads = read;
	lookup->n_reads++;
	schedule_deadline(lookup);
	return 0;
}

/* What is mounted without a pause cannot have been formatted in between. */
static struct hc_device *find_known(const struct hc_table *table, const struct hc_mount *mount)
{
	size_t i;

	for (i = 0; mount->row.major && i < table->n; i++) {
		const struct hc_mount *other = table->mounts[i];

		if (other != mount && other->device && other->row.major == mount->row.major &&
		    other->row.minor == mount->row.minor)
			return other->device;
	}
	return NULL;
}

int hc_lookup_mount(struct hc_lookup *lookup, const struct hc_table *table, struct hc_mount *mount)
{
	HC_CLEANUP(hc_device_unrefp) struct hc_device *device = NULL;
	struct hc_device *known = find_known(table, mount);
	bool may_read;
	int r;

	if (known) {
		hc_mount_set_device(mount, known);
		return 0;
	}
	r = hc_device_find(&device, SYSFS, &mount->row, &may_read);
	if (r)
		return r;
	hc_mount_set_device(mount, device);
	return may_read ? start_read(lookup, device) : 0;
}

bool hc_lookup_pending(const struct hc_lookup *lookup)
{
	const struct read *read;

	for (read = lookup->reads; read; read = read->next) {
		if (read->device->pending)
			return true;
	}
	return false;
}

unsigned int hc_lookup_running(const struct hc_lookup *lookup)
{
	return lookup->n_reads;
}

void hc_lookup_close(struct hc_lookup *lookup)
{
	struct read *read;

	lookup->closing = true;
	for (read = lookup->reads; read; read = read->next)
		(void)uv_cancel((uv_req_t *)&read->work); /* one that runs cannot be */
	uv_close((uv_handle_t *)&lookup->timer, NULL);
}

struct hc_lookup *hc_lookup_free(struct hc_lookup *lookup)
{
	free(lookup);
	return NULL;
}
