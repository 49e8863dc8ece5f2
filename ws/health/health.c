/* SPDX-License-Identifier: MIT */
/*
 * What is logged: a sample in which a component is another way than before, so that the log tells
 * when that was. The samples between, 2,880 a day and type, tell of their moment only: they are
 * shown and retained, and not logged. After a restart the retained one is replaced at once.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/sysinfo.h>

#include "proto/clock.h"
#include "ws/health/health.h"
#include "ws/health/proc.h"

#define GRACE_MS    3000	     /* after our start, in which "not yet" is no news */
#define ANOTHERS_MS (10 * 60 * 1000) /* how long after its last word a name is an application's */
#define GAP_MS	    1000	     /* between two looks that nobody has planned */

#define N_NAMES 2

/* A type under which samples are told. */
struct name {
	const struct hc_type *type; /* NULL: the registry has none */
	uint64_t anothers_ms;	    /* loop time until which it is an application's */
};

struct hc_health {
	struct hc_hub *hub;
	uv_timer_t timer;
	struct name names[N_NAMES];
	struct hc_proc_cpu cpu; /* at the last sample; zero: since the machine was started */
	struct hc_component_state told[HC_COMPONENT_MAX_];
	const char *overall; /* as it was told; NULL: nothing yet */
	uint64_t grace_ms;   /* loop time: until then a component may still come */
	uint64_t looked_ms;  /* loop time of the last look */
	uint64_t due_ms;     /* loop time of the next sample */
	bool has_told;
};

/* ---- the payload -------------------------------------------------------------------------- */

static void pack_double_at(msgpack_packer *pk, const char *key, double value)
{
	hc_pack_key(pk, key);
	msgpack_pack_double(pk, value);
}

/* Two digits behind the point: nobody reads more. */
static double rounded(double value)
{
	return (double)(int64_t)(value * 100 + 0.5) / 100;
}

static void pack_space(msgpack_packer *pk, const char *key, const struct hc_space *space,
		       const char *path)
{
	hc_pack_key(pk, key);
	msgpack_pack_map(pk, path ? 4 : 3);
	pack_double_at(pk, "percent", rounded(hc_space_percent(space)));
	hc_pack_u64_at(pk, "total_bytes", space->total_bytes);
	hc_pack_u64_at(pk, "available_bytes", space->available_bytes);
	if (path)
		hc_pack_str_at(pk, "path", hc_str(path));
}

static void pack_components(msgpack_packer *pk, const struct hc_component_state *states)
{
	msgpack_pack_map(pk, HC_COMPONENT_MAX_);
	for (int i = 0; i < HC_COMPONENT_MAX_; i++) {
		hc_pack_key(pk, hc_component_name((enum hc_component)i));
		msgpack_pack_map(pk, 2);
		hc_pack_str_at(pk, "status", hc_str(hc_condition_name(states[i].condition)));
		hc_pack_str_at(pk, "message", hc_str(states[i].message));
	}
}

void hc_health_pack(msgpack_packer *pk, const struct hc_health_sample *sample,
		    const struct hc_component_state states[static HC_COMPONENT_MAX_])
{
	msgpack_pack_map(pk, 3u + sample->has_cpu + sample->has_memory + sample->has_disk +
				     sample->has_load);
	hc_pack_str_at(pk, "status", hc_str(hc_components_overall(states)));
	if (sample->has_cpu) {
		hc_pack_key(pk, "cpu");
		msgpack_pack_map(pk, 2);
		pack_double_at(pk, "percent", rounded(sample->cpu_percent));
		hc_pack_u64_at(pk, "cores", sample->n_cpus);
	}
	if (sample->has_memory)
		pack_space(pk, "memory", &sample->memory, NULL);
	if (sample->has_disk)
		pack_space(pk, "disk", &sample->disk, sample->disk_path);
	if (sample->has_load) {
		hc_pack_key(pk, "load");
		msgpack_pack_array(pk, 3);
		for (int i = 0; i < 3; i++)
			msgpack_pack_double(pk, sample->load[i]);
	}
	hc_pack_key(pk, "components");
	pack_components(pk, states);
	pack_double_at(pk, "uptime_seconds", rounded(sample->uptime_seconds));
}

/* ---- measuring ---------------------------------------------------------------------------- */

static void measure_disk(struct hc_health_sample *sample, const struct hc_conf *conf)
{
	/* Without a log on a disk, the one the system is on. */
	sample->disk_path = conf->log.durability == HC_DURABILITY_NONE ? "/" : conf->log.path;
	sample->has_disk = hc_space_read(&sample->disk, sample->disk_path);
}

static void measure(struct hc_health_sample *sample, struct hc_health *health)
{
	struct hc_proc_memory memory;
	struct hc_proc_cpu cpu;

	*sample = (struct hc_health_sample){
		.has_cpu = hc_proc_cpu(&cpu),
		.has_memory = hc_proc_memory(&memory),
		.n_cpus = (unsigned int)get_nprocs(),
		.uptime_seconds = (double)(hc_monotonic_ns() - health->hub->started_ns) / 1e9,
	};
	sample->has_load = hc_proc_load(sample->load);
	if (sample->has_cpu) {
		sample->cpu_percent = hc_proc_percent(&health->cpu, &cpu);
		health->cpu = cpu;
	}
	if (sample->has_memory) {
		sample->memory.total_bytes = memory.total_bytes;
		sample->memory.used_bytes = memory.total_bytes - memory.available_bytes;
		sample->memory.available_bytes = memory.available_bytes;
	}
	measure_disk(sample, health->hub->conf);
}

/* ---- telling ------------------------------------------------------------------------------ */

static bool is_another(const struct hc_component_state *a, const struct hc_component_state *b)
{
	for (int i = 0; i < HC_COMPONENT_MAX_; i++)
		if (a[i].condition != b[i].condition)
			return true;
	return false;
}

/* A registry of a site's own making may lack some: they are not told then. */
static bool has_type(const struct hc_hub *hub, const char *name)
{
	return hc_types_find(hub->types, hc_str(name));
}

/*
 * An application may tell its own health under either name, as older systems do: then that name is
 * the application's, for as long as it goes on, and its clients do not see ours in between.
 */
static bool is_anothers(const struct name *name, uint64_t now_ms)
{
	return now_ms < name->anothers_ms;
}

void hc_health_note(struct hc_health *health, const struct hc_record *record)
{
	if (!health || !record->taken_ns)
		return; /* the hub's own are not taken from anybody */
	for (size_t i = 0; i < N_NAMES; i++)
		if (record->type == health->names[i].type)
			health->names[i].anothers_ms = uv_now(health->hub->loop) + ANOTHERS_MS;
}

/* How long ago that was, by a clock that may be another one: within ANOTHERS_MS. */
static uint64_t age_ms(const struct hc_record *record)
{
	int64_t age = hc_now_unix_ms() - record->timestamp_unix_ms;

	if (age < 0)
		return 0;
	return age < ANOTHERS_MS ? (uint64_t)age : ANOTHERS_MS;
}

/* After a restart: ours has a component that nobody else's has. */
static void read_retained(struct name *name, const struct hc_hub *hub)
{
	const struct hc_record *record = hc_state_find(hub->state, name->type);
	const msgpack_object *components;
	struct hc_event event;
	msgpack_zone zone;

	if (!record || !msgpack_zone_init(&zone, 1024))
		return;
	if (hc_record_event(&event, record, &zone)) {
		components = hc_map_get(&event.payload, "components");
		if (!components || !hc_map_get(components, hc_component_name(HC_COMPONENT_HUB)))
			name->anothers_ms = uv_now(hub->loop) + ANOTHERS_MS - age_ms(record);
	}
	msgpack_zone_destroy(&zone);
}

static void find_names(struct hc_health *health)
{
	static const char *const names[N_NAMES] = { "system.health", "health_check" };

	for (size_t i = 0; i < N_NAMES; i++) {
		health->names[i].type = hc_types_find(health->hub->types, hc_str(names[i]));
		if (health->names[i].type)
			read_retained(&health->names[i], health->hub);
	}
}

static void tell_sample(struct hc_health *health, const struct hc_component_state *states,
			bool is_logged)
{
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer payload = HC_BUFFER_NULL;
	msgpack_packer pk = hc_codec_packer(&payload);
	struct hc_health_sample sample;

	measure(&sample, health);
	hc_health_pack(&pk, &sample, states);
	for (size_t i = 0; i < N_NAMES; i++) {
		const struct name *name = &health->names[i];

		if (!name->type || is_anothers(name, uv_now(health->hub->loop)))
			continue;
		if (is_logged)
			hc_hub_announce(health->hub, name->type->name, &payload);
		else
			hc_hub_show(health->hub, name->type->name, &payload);
	}
}

/* Whether the last component.status of a component, of this or an earlier life, said that. */
static bool is_known(const struct hc_hub *hub, const char *name, const char *condition)
{
	const struct hc_type *type = hc_types_find(hub->types, HC_STR("component.status"));
	const struct hc_record *record = type ? hc_state_get(hub->state, type, hc_str(name)) : NULL;
	struct hc_str status = { 0 };
	struct hc_event event;
	msgpack_zone zone;
	bool is_same;

	if (!record || !msgpack_zone_init(&zone, 512))
		return false;
	if (hc_record_event(&event, record, &zone))
		(void)hc_map_get_str(&status, &event.payload, "status");
	is_same = hc_str_is(status, condition);
	msgpack_zone_destroy(&zone);
	return is_same;
}

/* If it cannot be logged now, the next look finds it unknown still and tries again. */
static void tell_component(struct hc_health *health, enum hc_component component,
			   const struct hc_component_state *state)
{
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer payload = HC_BUFFER_NULL;
	const char *condition = hc_condition_name(state->condition);
	msgpack_packer pk = hc_codec_packer(&payload);

	if (!has_type(health->hub, "component.status") ||
	    is_known(health->hub, hc_component_name(component), condition))
		return;
	msgpack_pack_map(&pk, 3);
	hc_pack_str_at(&pk, "component", hc_str(hc_component_name(component)));
	hc_pack_str_at(&pk, "status", hc_str(condition));
	hc_pack_str_at(&pk, "message", hc_str(state->message));
	hc_hub_announce(health->hub, "component.status", &payload);
}

static void tell_overall(struct hc_health *health, const struct hc_component_state *states)
{
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer payload = HC_BUFFER_NULL;
	const char *before = health->overall, *overall = hc_components_overall(states);
	msgpack_packer pk = hc_codec_packer(&payload);

	health->overall = overall;
	if (!before || !strcmp(before, overall) || !has_type(health->hub, "system.health_changed"))
		return;
	msgpack_pack_map(&pk, 3);
	hc_pack_str_at(&pk, "health", hc_str(overall));
	hc_pack_str_at(&pk, "previous_health", hc_str(before));
	hc_pack_key(&pk, "components");
	pack_components(&pk, states);
	hc_hub_announce(health->hub, "system.health_changed", &payload);
}

static void tell(struct hc_health *health, uint64_t now_ms)
{
	struct hc_component_state states[HC_COMPONENT_MAX_];
	bool in_grace = now_ms < health->grace_ms, has_changed;

	hc_components_look(states, health->hub);
	has_changed = health->has_told && is_another(states, health->told);
	if (!health->has_told || has_changed || now_ms >= health->due_ms) {
		tell_sample(health, states, has_changed);
		memcpy(health->told, states, sizeof(health->told));
		health->has_told = true;
		health->due_ms = now_ms + health->hub->conf->health.interval_ms;
	}
	for (int i = 0; i < HC_COMPONENT_MAX_; i++)
		if (!in_grace || states[i].condition != HC_CONDITION_WARNING)
			tell_component(health, (enum hc_component)i, &states[i]);
	if (!in_grace)
		tell_overall(health, states);
}

/* ---- when --------------------------------------------------------------------------------- */

static void on_timer(uv_timer_t *timer);

static void plan(struct hc_health *health, uint64_t now_ms)
{
	uint64_t next_ms = health->due_ms;

	if (now_ms < health->grace_ms && health->grace_ms < next_ms)
		next_ms = health->grace_ms;
	(void)uv_timer_start(&health->timer, on_timer, next_ms > now_ms ? next_ms - now_ms : 0, 0);
}

static void look(struct hc_health *health)
{
	uint64_t now_ms = uv_now(health->hub->loop);

	if (health->hub->draining)
		return;
	health->looked_ms = now_ms;
	tell(health, now_ms);
	plan(health, now_ms);
}

static void on_timer(uv_timer_t *timer)
{
	look(timer->data);
}

void hc_health_look(struct hc_health *health)
{
	uint64_t now_ms, next_ms, planned_ms;

	if (!health)
		return;
	now_ms = uv_now(health->hub->loop);
	next_ms = health->looked_ms + GAP_MS;
	next_ms = next_ms > now_ms ? next_ms - now_ms : 0;
	planned_ms = uv_timer_get_due_in(&health->timer);
	if (next_ms < planned_ms)
		(void)uv_timer_start(&health->timer, on_timer, next_ms, 0);
}

/* ---- life --------------------------------------------------------------------------------- */

int hc_health_new(struct hc_health **ret, struct hc_hub *hub)
{
	struct hc_health *health;

	*ret = NULL;
	if (!hub->conf->health.interval_ms)
		return 0;
	health = calloc(1, sizeof(*health));
	if (!health)
		return -ENOMEM;
	health->hub = hub;
	(void)uv_timer_init(hub->loop, &health->timer); /* cannot fail */
	health->timer.data = health;
	find_names(health);
	uv_update_time(hub->loop);
	health->grace_ms = uv_now(hub->loop) + GRACE_MS;
	look(health);
	*ret = health;
	return 0;
}

static void on_closed(uv_handle_t *handle)
{
	free(handle->data);
}

struct hc_health *hc_health_free(struct hc_health *health)
{
	if (health)
		uv_close((uv_handle_t *)&health->timer, on_closed);
	return NULL;
}
