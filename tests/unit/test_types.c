/* SPDX-License-Identifier: MIT */
/*
 * The registry: that ours has every type with its channel, that the messages of the systems we are
 * compatible with fit it (tests/data/registry/messages.json), and that a broken one is told where.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "proto/event.h"
#include "proto/fault.h"
#include "proto/json.h"
#include "proto/pattern.h"
#include "proto/types.h"
#include "tests/unit/golden.h"

#define SHIPPED	 "proto/types"
#define MESSAGES "tests/data/registry/messages.json"

static struct hc_types *load_shipped(void)
{
	static const char *const dirs[] = { SHIPPED };
	struct hc_fault fault = HC_FAULT_NULL;
	struct hc_types *types = NULL;

	cr_assert_eq(hc_types_load(&types, dirs, 1, &fault), 0, "%s at %s", fault.message,
		     fault.pointer);
	return types;
}

/* ---- the shipped types -------------------------------------------------------------------- */

static const struct {
	const char *name, *channel;
} expected[] = {
	{ "device.mounted", "devices" },
	{ "device.unmounted", "devices" },
	{ "device.changed", "devices" },
	{ "device.removed", "devices" },
	{ "device.status", "device" },
	{ "detector.status", "detector" },
	{ "detector.gap", "detector" },
	{ "task.update", "tasks" },
	{ "task.deleted", "tasks" },
	{ "task.error", "tasks" },
	{ "task.created", "tasks" },
	{ "task.completed", "tasks" },
	{ "task.cancelled", "tasks" },
	{ "alert.created", "alerts" },
	{ "alert.updated", "alerts" },
	{ "alert.deleted", "alerts" },
	{ "alert.acknowledged", "alerts" },
	{ "alert.resolved", "alerts" },
	{ "alert.dismissed", "alerts" },
	{ "camera.online", "cameras" },
	{ "camera.offline", "cameras" },
	{ "camera.status_changed", "cameras" },
	{ "camera.enabled", "cameras" },
	{ "camera.disabled", "cameras" },
	{ "camera.error", "cameras" },
	{ "camera.config_updated", "cameras" },
	{ "job.started", "jobs" },
	{ "job.progress", "jobs" },
	{ "job.completed", "jobs" },
	{ "job.failed", "jobs" },
	{ "job.cancelled", "jobs" },
	{ "job_started", "jobs" },
	{ "job_progress", "jobs" },
	{ "job_completed", "jobs" },
	{ "job_failed", "jobs" },
	{ "job_cancelled", "jobs" },
	{ "system.health_changed", "system" },
	{ "system.error", "system" },
	{ "system.status", "system" },
	{ "system.health", "system" },
	{ "service.status_changed", "services" },
	{ "gpu.stats_updated", "gpu" },
	{ "worker.started", "workers" },
	{ "worker.stopped", "workers" },
	{ "worker.health_check_failed", "workers" },
	{ "worker.restarting", "workers" },
	{ "worker.recovered", "workers" },
	{ "worker.error", "workers" },
	{ "event.created", "events" },
	{ "event.updated", "events" },
	{ "event.deleted", "events" },
	{ "detection.new", "detections" },
	{ "detection.batch", "detections" },
	{ "detection.card", "detection" },
	{ "detection.player", "detection" },
	{ "detection.pot", "detection" },
	{ "scene_change.detected", "scene_changes" },
	{ "connection.established", "connection" },
	{ "connection.expiring", "connection" },
	{ "connection.error", "connection" },
	{ "connection.resumed", "connection" },
	{ "ping", "control" },
	{ "pong", "control" },
	{ "error", "control" },
	{ "media_update", "media_updates" },
	{ "system_update", "system_updates" },
	{ "analysis_complete", "analysis_updates" },
	{ "notification", "notifications" },
	{ "health_check", "system_health" },
	{ "backend.status", "status" },
	{ "component.status", "status" },
};

Test(types, the_shipped_registry_has_every_type_on_its_channel)
{
	HC_CLEANUP(hc_types_freep) struct hc_types *types = load_shipped();

	for (size_t i = 0; i < HC_ARRAY_LEN(expected); i++) {
		const struct hc_type *type = hc_types_find(types, hc_str(expected[i].name));

		cr_assert(type, "%s is missing", expected[i].name);
		cr_expect_str_eq(type->name, expected[i].name);
		cr_expect_str_eq(type->channel, expected[i].channel);
		cr_expect(hc_types_has_channel(types, hc_str(expected[i].channel)));
	}
	cr_expect_eq(hc_types_count(types), HC_ARRAY_LEN(expected),
		     "a type was added: name it and its channel in this test too");
}

Test(types, an_index_finds_its_type_in_the_order_of_names)
{
	HC_CLEANUP(hc_types_freep) struct hc_types *types = load_shipped();

	for (size_t i = 0; i < hc_types_count(types); i++) {
		const struct hc_type *type = hc_types_at(types, i);

		cr_expect_eq(type->index, i);
		cr_expect_eq(hc_types_find(types, hc_str(type->name)), type);
		cr_expect(!i || strcmp(hc_types_at(types, i - 1)->name, type->name) < 0);
		cr_expect(hc_pattern_check(hc_str(type->name), NULL));
		cr_expect_leq(strlen(type->name), HC_EVENT_TYPE_MAX);
		cr_expect_gt(strlen(type->description), 10, "%s", type->name);
		cr_expect_gt(strlen(type->domain), 0);
		cr_expect(json_is_object(type->payload));
	}
}

Test(types, what_is_no_type_is_not_found)
{
	HC_CLEANUP(hc_types_freep) struct hc_types *types = load_shipped();
	static const char *const names[] = {
		"",    "device", "device.", "device.mounte", "device.mountedx", "Device.mounted",
		"zzz", "*",
	};

	for (size_t i = 0; i < HC_ARRAY_LEN(names); i++)
		cr_expect_null(hc_types_find(types, hc_str(names[i])), "%s", names[i]);
	cr_expect_null(hc_types_find(types, (struct hc_str){ NULL, 0 }));
	cr_expect_null(hc_types_find(types, HC_STR("ping\0")));
	cr_expect_not(hc_types_has_channel(types, HC_STR("device.mounted")));
	cr_expect_not(hc_types_has_channel(types, HC_STR("")));
}

Test(types, mounts_are_retained_until_they_are_unmounted)
{
	HC_CLEANUP(hc_types_freep) struct hc_types *types = load_shipped();
	const struct hc_type *mounted = hc_types_find(types, HC_STR("device.mounted"));
	const struct hc_type *unmounted = hc_types_find(types, HC_STR("device.unmounted"));

	cr_expect_str_eq(mounted->retained_key, "mount_path");
	cr_expect_null(mounted->clears);
	cr_expect_null(unmounted->retained_key);
	cr_expect_eq(unmounted->clears, mounted);
}

Test(types, the_device_is_what_changes_of_a_device)
{
	HC_CLEANUP(hc_types_freep) struct hc_types *types = load_shipped();

	cr_expect_str_eq(hc_types_find(types, HC_STR("device.status"))->changed_field, "device");
	cr_expect_null(hc_types_find(types, HC_STR("device.mounted"))->changed_field);
}

Test(types, one_state_is_retained_where_there_is_one)
{
	static const char *const names[] = { "device.status", "detector.status", "system.health",
					     "health_check" };
	HC_CLEANUP(hc_types_freep) struct hc_types *types = load_shipped();

	for (size_t i = 0; i < HC_ARRAY_LEN(names); i++)
		cr_expect_str_eq(hc_types_find(types, hc_str(names[i]))->retained_key, "");
	cr_expect_str_eq(hc_types_find(types, HC_STR("component.status"))->retained_key,
			 "component");
	cr_expect_null(hc_types_find(types, HC_STR("job.progress"))->retained_key);
}

Test(types, only_measurements_of_the_moment_are_volatile)
{
	HC_CLEANUP(hc_types_freep) struct hc_types *types = load_shipped();

	for (size_t i = 0; i < hc_types_count(types); i++) {
		const struct hc_type *type = hc_types_at(types, i);

		cr_expect_eq(type->is_volatile, !strcmp(type->name, "gpu.stats_updated"), "%s",
			     type->name);
	}
}

/* ---- messages ----------------------------------------------------------------------------- */

static bool validate(const struct hc_types *types, const json_t *message, struct hc_fault *fault)
{
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer bytes = HC_BUFFER_NULL;
	msgpack_packer pk = hc_codec_packer(&bytes);
	const char *name = golden_text(message, "type");
	const struct hc_type *type = hc_types_find(types, hc_str(name));
	msgpack_zone zone;
	msgpack_object payload;
	bool is_valid;

	cr_assert(type, "%s", name);
	cr_assert(msgpack_zone_init(&zone, 4096));
	hc_json_pack(&pk, json_object_get(message, "payload"));
	payload = golden_unpack(&zone, &bytes);
	is_valid = hc_type_validate(type, &payload, fault);
	msgpack_zone_destroy(&zone);
	return is_valid;
}

Test(types, the_messages_of_other_systems_are_valid)
{
	HC_CLEANUP(hc_types_freep) struct hc_types *types = load_shipped();
	json_t *document = golden_load(MESSAGES), *message;
	bool seen[HC_TYPES_MAX] = { false };
	size_t i;

	json_array_foreach(json_object_get(document, "good"), i, message)
	{
		const char *name = golden_text(message, "type");
		struct hc_fault fault = HC_FAULT_NULL;

		cr_expect(validate(types, message, &fault), "good message %zu, %s: %s at %s", i,
			  name, fault.message, fault.pointer);
		seen[hc_types_find(types, hc_str(name))->index] = true;
	}
	for (i = 0; i < hc_types_count(types); i++)
		cr_expect(seen[i] || !strncmp(hc_types_at(types, i)->name, "task.", 5),
			  "%s has no good message", hc_types_at(types, i)->name);
	json_decref(document);
}

Test(types, bad_messages_are_told_where_and_why)
{
	HC_CLEANUP(hc_types_freep) struct hc_types *types = load_shipped();
	json_t *document = golden_load(MESSAGES), *message;
	size_t i;

	cr_assert_gt(json_array_size(json_object_get(document, "bad")), 30);
	json_array_foreach(json_object_get(document, "bad"), i, message)
	{
		struct hc_fault fault = HC_FAULT_NULL;

		cr_expect_not(validate(types, message, &fault), "bad message %zu", i);
		cr_expect_eq(fault.code, HC_FAULT_SCHEMA);
		cr_expect_str_eq(fault.message, golden_text(message, "message"));
		cr_expect_str_eq(fault.pointer, golden_text(message, "pointer"));
	}
	json_decref(document);
}

static bool is_extensible(const json_t *schema)
{
	const json_t *value;
	const char *key;
	size_t i;

	if (json_is_false(json_object_get(schema, "additionalProperties")))
		return false;
	json_object_foreach((json_t *)schema, key, value)
	{
		if (!is_extensible(value))
			return false;
	}
	json_array_foreach(schema, i, value)
	{
		if (!is_extensible(value))
			return false;
	}
	return true;
}

/* Receivers ignore what they do not know, so publishers may add to every payload. */
Test(types, no_shipped_schema_refuses_fields_it_does_not_name)
{
	HC_CLEANUP(hc_types_freep) struct hc_types *types = load_shipped();

	for (size_t i = 0; i < hc_types_count(types); i++)
		cr_expect(is_extensible(hc_types_at(types, i)->payload), "%s",
			  hc_types_at(types, i)->name);
}

/* What the page about a type shows can be compiled again, alone. */
Test(types, a_payload_schema_carries_its_definitions)
{
	HC_CLEANUP(hc_types_freep) struct hc_types *types = load_shipped();
	const json_t *payload = hc_types_find(types, HC_STR("task.update"))->payload;

	cr_expect(json_is_object(json_object_get(json_object_get(payload, "$defs"), "task")));
	cr_expect_str_eq(json_string_value(json_object_get(payload, "type")), "object");
}

/* ---- registries of a site, whole and broken ----------------------------------------------- */

struct site {
	char dir[64];
};

static void site_init(struct site *site)
{
	strcpy(site->dir, "/tmp/hostcast-types-XXXXXX");
	cr_assert(mkdtemp(site->dir));
}

static void site_write(const struct site *site, const char *name, const char *text)
{
	char path[128];
	FILE *file;

	(void)snprintf(path, sizeof(path), "%s/%s", site->dir, name);
	file = fopen(path, "we");
	cr_assert(file, "%s", path);
	cr_assert_geq(fputs(text, file), 0);
	cr_assert_eq(fclose(file), 0);
}

static void site_deinit(struct site *site)
{
	static const char *const names[] = { "a.json", "b.json", "c.txt", ".d.json" };
	char path[128];

	for (size_t i = 0; i < HC_ARRAY_LEN(names); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", site->dir, names[i]);
		(void)unlink(path);
	}
	cr_expect_eq(rmdir(site->dir), 0);
}

static int load(struct hc_types **ret, const struct site *site, struct hc_fault *fault)
{
	const char *const dirs[] = { site->dir };

	return hc_types_load(ret, dirs, 1, fault);
}

#define FILE_OF(types) \
	"{\"domain\":\"x\",\"channel\":\"xs\",\"description\":\"d\",\"types\":{" types "}}"
#define TYPE(more) "{\"description\":\"d\",\"payload\":{\"type\":\"object\"}" more "}"
#define RETAINED(key, cleared_by) \
	",\"retained\":{\"key\":\"" key "\",\"cleared_by\":" cleared_by "}"
#define KEYED(key, more) \
	"{\"description\":\"d\",\"payload\":{\"type\":\"object\",\"required\":[\"" key "\"]," \
	"\"properties\":{\"" key "\":{\"type\":\"string\"}}}" more "}"

Test(types, a_site_adds_files_of_its_own)
{
	HC_CLEANUP(hc_types_freep) struct hc_types *types = NULL;
	struct hc_fault fault = HC_FAULT_NULL;
	const char *dirs[] = { SHIPPED, NULL, "/nonexistent/types.d" };
	const struct hc_type *type;
	struct site site;

	site_init(&site);
	dirs[1] = site.dir;
	site_write(&site, "a.json", FILE_OF("\"x.y\":" TYPE(",\"channel\":\"other\"")));
	site_write(&site, "b.json",
		   "{\"domain\":\"job\",\"channel\":\"jobs\",\"description\":\"d\","
		   "\"types\":{\"job.queued\":" TYPE("") "}}");
	site_write(&site, "c.txt", "not a file of types");
	site_write(&site, ".d.json", "not one either");
	cr_assert_eq(hc_types_load(&types, dirs, HC_ARRAY_LEN(dirs), &fault), 0, "%s",
		     fault.message);
	cr_expect_eq(hc_types_count(types), HC_ARRAY_LEN(expected) + 2);
	type = hc_types_find(types, HC_STR("x.y"));
	cr_assert(type);
	cr_expect_str_eq(type->channel, "other");
	cr_expect_str_eq(type->domain, "x");
	cr_expect(hc_types_find(types, HC_STR("job.queued")));
	site_deinit(&site);
}

Test(types, a_type_of_one_file_clears_one_of_another)
{
	HC_CLEANUP(hc_types_freep) struct hc_types *types = NULL;
	struct hc_fault fault = HC_FAULT_NULL;
	struct site site;

	site_init(&site);
	site_write(&site, "a.json",
		   FILE_OF("\"x.on\":" KEYED("id", ",\"retained\":{\"key\":\"id\",\"cleared_by\":"
						   "[\"y.off\"]}")));
	site_write(&site, "b.json",
		   "{\"domain\":\"y\",\"channel\":\"ys\",\"description\":\"d\","
		   "\"types\":{\"y.off\":" KEYED("id", "") "}}");
	cr_assert_eq(load(&types, &site, &fault), 0, "%s at %s", fault.message, fault.pointer);
	cr_expect_eq(hc_types_find(types, HC_STR("y.off"))->clears,
		     hc_types_find(types, HC_STR("x.on")));
	site_deinit(&site);
}

struct broken_case {
	const char *a, *b; /* the files; NULL: none */
	const char *message, *pointer;
};

static const struct broken_case broken[] = {
	{ "{", NULL, "a.json:1: ", "" },
	{ "{\n\"domain\": 1,\n\"domain\": 2\n}", NULL, "a.json:3: duplicate object key", "" },
	{ "{}\nx", NULL, "a.json:2: ", "" },
	{ "[]", NULL, "a.json: a file of types is one object", "" },
	{ "{\"domain\":\"x\",\"chanel\":\"y\"}", NULL, "a.json: \"chanel\" is not a known key",
	  "/chanel" },
	{ "{\"channel\":\"y\"}", NULL, "\"domain\" is required", "/domain" },
	{ "{\"domain\":\"a b\"}", NULL, "\"domain\" must be words", "/domain" },
	{ "{\"domain\":\"x.*\"}", NULL, "\"domain\" must be words", "/domain" },
	{ "{\"domain\":\"x\",\"channel\":5}", NULL, "\"channel\" must be text", "/channel" },
	{ "{\"domain\":\"x\"}", NULL, "\"description\" is required", "/description" },
	{ "{\"domain\":\"x\",\"description\":\"\"}", NULL, "\"description\" must be text",
	  "/description" },
	{ "{\"domain\":\"x\",\"description\":\"d\"}", NULL, "\"types\" must be an object",
	  "/types" },
	{ "{\"domain\":\"x\",\"description\":\"d\",\"types\":[]}", NULL,
	  "\"types\" must be an object", "/types" },
	{ "{\"domain\":\"x\",\"description\":\"d\",\"$defs\":[]}", NULL,
	  "\"$defs\" must be an object", "/$defs" },
	{ "{\"domain\":\"x\",\"description\":\"d\",\"$defs\":{\"unused\":{\"type\":\"txt\"}}}",
	  NULL, "a type is one of", "/$defs/unused/type" },
	{ "{\"domain\":\"x\",\"description\":\"d\",\"types\":{\"x.y\":" TYPE("") "}}", NULL,
	  "neither the type nor its file has a \"channel\"", "/types/x.y/channel" },
	{ FILE_OF("\"y.x\":" TYPE("")), NULL, "the name of a type in this file begins with \"x.\"",
	  "/types/y.x" },
	{ FILE_OF("\"xx.y\":" TYPE("")), NULL, "begins with \"x.\"", "/types/xx.y" },
	{ FILE_OF("\"x.*\":" TYPE("")), NULL, "a type's name has at most 64 letters",
	  "/types/x.*" },
	{ FILE_OF("\"x..y\":" TYPE("")), NULL, "a type's name has", "/types/x..y" },
	{ FILE_OF("\"\":" TYPE("")), NULL, "a type's name has", "/types/" },
	{ FILE_OF("\"x.aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\":" TYPE(
		  "")),
	  NULL, "a type's name has",
	  "/types/x.aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" },
	{ FILE_OF("\"x.y\":1"), NULL, "a type is an object", "/types/x.y" },
	{ FILE_OF("\"x.y\":{}"), NULL, "\"description\" is required", "/types/x.y/description" },
	{ FILE_OF("\"x.y\":{\"description\":\"d\"}"), NULL, "\"payload\" is required",
	  "/types/x.y/payload" },
	{ FILE_OF("\"x.y\":{\"description\":\"d\",\"payload\":{\"type\":\"array\"}}"), NULL,
	  "the type of a payload is \"object\"", "/types/x.y/payload/type" },
	{ FILE_OF("\"x.y\":{\"description\":\"d\",\"payload\":{}}"), NULL,
	  "the type of a payload is \"object\"", "/types/x.y/payload/type" },
	{ FILE_OF("\"x.y\":{\"description\":\"d\",\"payload\":{\"type\":\"object\",\"properties\":"
		  "{\"a\":{\"pattern\":\"x\"}}}}"),
	  NULL, "a.json: keyword \"pattern\" is not supported",
	  "/types/x.y/payload/properties/a/pattern" },
	{ FILE_OF("\"x.y\":" TYPE(",\"retain\":{}")), NULL, "\"retain\" is not a known key",
	  "/types/x.y/retain" },
	{ FILE_OF("\"x.y\":" TYPE(",\"volatile\":1")), NULL, "must be true or false",
	  "/types/x.y/volatile" },
	{ FILE_OF("\"x.y\":" TYPE(",\"channel\":\"a b\"")), NULL, "\"channel\" must be words",
	  "/types/x.y/channel" },
	{ FILE_OF("\"x.y\":" TYPE(",\"retained\":true")), NULL, "\"retained\" must be an object",
	  "/types/x.y/retained" },
	{ FILE_OF("\"x.y\":" TYPE(",\"retained\":{}")), NULL, "\"key\" must be the name of a field",
	  "/types/x.y/retained/key" },
	{ FILE_OF("\"x.y\":" TYPE(",\"retained\":{\"key\":\"\",\"cleared\":[]}")), NULL,
	  "\"cleared\" is not a known key", "/types/x.y/retained/cleared" },
	{ FILE_OF("\"x.y\":" TYPE(",\"retained\":{\"key\":\"id\"}")), NULL,
	  "\"id\" must be a required field of the payload, a string or an integer",
	  "/types/x.y/retained/key" },
	{ FILE_OF("\"x.y\":" TYPE(",\"retained\":{\"key\":\"\",\"changed\":\"d\"}")), NULL,
	  "must be the name of a field that is an object", "/types/x.y/retained/changed" },
	{ FILE_OF("\"x.y\":{\"description\":\"d\",\"payload\":{\"type\":\"object\",\"properties\":"
		  "{\"d\":{\"type\":\"object\"}}},\"retained\":{\"key\":\"\",\"changed\":\"d\"}}"),
	  NULL, "the payload has no array \"changed\" for it", "/types/x.y/retained/changed" },
	{ FILE_OF("\"x.y\":" TYPE(",\"retained\":{\"key\":\"\",\"cleared_by\":\"x.z\"}")), NULL,
	  "must be an array of types", "/types/x.y/retained/cleared_by" },
	{ FILE_OF("\"x.y\":" TYPE(RETAINED("", "[1]"))), NULL, "must be names of types",
	  "/types/x.y/retained/cleared_by" },
	{ FILE_OF("\"x.y\":" TYPE(RETAINED("", "[\"x.z\"]"))), NULL,
	  "a.json: type \"x.z\" is in no file", "/types/x.y/retained/cleared_by" },
	{ FILE_OF("\"x.y\":" TYPE(RETAINED("", "[\"x.y\"]"))), NULL, "cannot clear itself",
	  "/types/x.y/retained/cleared_by" },
	{ FILE_OF("\"x.y\":" KEYED("id", RETAINED("id", "[\"x.z\"]")) ",\"x.z\":" TYPE("")), NULL,
	  "type \"x.z\" does not require the field that is the key",
	  "/types/x.y/retained/cleared_by" },
	{ FILE_OF("\"x.y\":" TYPE(RETAINED("", "[\"x.z\"]")) ",\"x.z\":" TYPE(
		  ",\"retained\":{\"key\":\"\"}")),
	  NULL, "type \"x.z\" is retained itself", "/types/x.y/retained/cleared_by" },
	{ FILE_OF("\"x.a\":" TYPE(RETAINED("", "[\"x.z\"]")) ",\"x.b\":" TYPE(
		  RETAINED("", "[\"x.z\"]")) ",\"x.z\":" TYPE("")),
	  NULL, "type \"x.z\" clears another type already", "/types/x.b/retained/cleared_by" },
	{ FILE_OF("\"x.y\":" TYPE("")), FILE_OF("\"x.y\":" TYPE("")), "type \"x.y\" is in ", "" },
	{ FILE_OF(""), "{\n\n}}", "b.json:3: ", "" },
};

Test(types, a_broken_registry_is_told_with_file_and_place)
{
	for (size_t i = 0; i < HC_ARRAY_LEN(broken); i++) {
		struct hc_fault fault = HC_FAULT_NULL;
		struct hc_types *types = NULL;
		struct site site;

		site_init(&site);
		site_write(&site, "a.json", broken[i].a);
		if (broken[i].b)
			site_write(&site, "b.json", broken[i].b);
		cr_expect_eq(load(&types, &site, &fault), -EINVAL, "%s", broken[i].a);
		cr_expect_null(types);
		cr_expect_eq(fault.code, HC_FAULT_SCHEMA);
		cr_expect(strstr(fault.message, broken[i].message), "%s: %s", broken[i].a,
			  fault.message);
		cr_expect(strstr(fault.message, site.dir), "%s", fault.message);
		cr_expect_str_eq(fault.pointer, broken[i].pointer);
		hc_types_free(types);
		site_deinit(&site);
	}
}

Test(types, the_first_directory_must_exist)
{
	static const char *const dirs[] = { "/nonexistent/types" };
	struct hc_fault fault = HC_FAULT_NULL;
	struct hc_types *types = NULL;

	cr_expect_eq(hc_types_load(&types, dirs, 1, &fault), -ENOENT);
	cr_expect_null(types);
	cr_expect_str_eq(fault.message, "/nonexistent/types: No such file or directory");
}

Test(types, a_file_that_cannot_be_read_is_named)
{
	struct hc_fault fault = HC_FAULT_NULL;
	struct hc_types *types = NULL;
	char path[128];
	struct site site;

	site_init(&site);
	(void)snprintf(path, sizeof(path), "%s/a.json", site.dir);
	cr_assert_eq(mkdir(path, 0700), 0);
	cr_expect_eq(load(&types, &site, &fault), -EINVAL);
	cr_expect(strstr(fault.message, path), "%s", fault.message);
	cr_expect_eq(rmdir(path), 0);
	site_deinit(&site);
}

Test(types, there_may_be_no_more_types_than_an_index_has_room_for)
{
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer text = HC_BUFFER_NULL;
	struct hc_fault fault = HC_FAULT_NULL;
	struct hc_types *types = NULL;
	struct site site;

	hc_buffer_printf(&text,
			 "{\"domain\":\"x\",\"channel\":\"xs\",\"description\":\"d\",\"types\":{");
	for (int i = 0; i <= HC_TYPES_MAX; i++)
		hc_buffer_printf(&text, "%s\"x.n%d\":%s", i ? "," : "", i, TYPE(""));
	hc_buffer_append(&text, "}}", 3);
	cr_assert_not(text.failed);
	site_init(&site);
	site_write(&site, "a.json", text.data);
	cr_expect_eq(load(&types, &site, &fault), -EINVAL);
	cr_expect(strstr(fault.message, "more than 1024 types"), "%s", fault.message);
	site_deinit(&site);
}

Test(types, free_takes_null)
{
	cr_expect_null(hc_types_free(NULL));
}
