/* SPDX-License-Identifier: MIT */
/* Paths to what differs: examples, limits, and that patching by them gives the new snapshot. */
#include <criterion/criterion.h>
#include <jansson.h>
#include <stdio.h>

#include "proto/json.h"
#include "tests/unit/hub.h"
#include "ws/state/change.h"

static msgpack_object packed(const json_t *value, struct hc_buffer *buffer, msgpack_zone *zone)
{
	msgpack_packer pk = hc_codec_packer(buffer);
	msgpack_object object;

	hc_json_pack(&pk, value);
	cr_assert_eq(hc_codec_unpack(&object, zone, buffer->data, buffer->len), 0);
	return object;
}

/* The paths, as JSON, or NULL if they cannot be told. */
static json_t *change(const json_t *before, const json_t *after)
{
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer a = HC_BUFFER_NULL;
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer b = HC_BUFFER_NULL;
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer text = HC_BUFFER_NULL;
	msgpack_object was, is, paths;
	json_t *result = NULL;
	msgpack_zone zone;

	cr_assert(msgpack_zone_init(&zone, MSGPACK_ZONE_CHUNK_SIZE));
	was = packed(before, &a, &zone);
	is = packed(after, &b, &zone);
	if (hc_change_find(&paths, &was, &is, &zone)) {
		hc_json_write(&text, &paths);
		result = hc_json_parse((struct hc_str){ text.data, text.len }, NULL);
		cr_assert(result);
	}
	msgpack_zone_destroy(&zone);
	return result;
}

Test(change, names_the_leaves_that_differ)
{
	static const struct {
		const char *before, *after;
		const char *paths; /* NULL: cannot be told */
	} cases[] = {
		{ "{}", "{}", "[]" },
		{ "{'a':1}", "{'a':1}", "[]" },
		{ "{'a':1}", "{'a':2}", "['a']" },
		{ "{'a':1}", "{'a':1.0}", "[]" },
		{ "{'a':-1}", "{'a':-1.5}", "['a']" },
		{ "{'a':1}", "{'a':'1'}", "['a']" },
		{ "{'a':null}", "{}", "['a']" },
		{ "{}", "{'a':null}", "['a']" },
		{ "{'a':true,'b':1}", "{'b':1,'a':true}", "[]" },
		{ "{'a':{'b':{'c':1,'d':2}}}", "{'a':{'b':{'d':2,'c':3}}}", "['a.b.c']" },
		{ "{'a':{}}", "{'a':{'b':{'c':1}}}", "['a.b.c']" },
		{ "{}", "{'a':{'b':1,'c':{}}}", "['a.b','a.c']" },
		{ "{'a':{'b':1,'c':2}}", "{}", "['a.b','a.c']" },
		{ "{'a':{'b':1}}", "{'a':5}", "['a']" },
		{ "{'a':null}", "{'a':{'b':1,'c':1}}", "['a']" },
		{ "{'a':[1,2,{'x':1}]}", "{'a':[1,2,{'x':2}]}", "['a']" },
		{ "{'a':[1]}", "{'a':[1]}", "[]" },
		{ "{'x':1,'y':1,'z':1}", "{'z':2,'n':0,'x':1}", "['z','n','y']" },
		/* A key that no path can name: what is around it is named. */
		{ "{'a':{'b.c':1,'d':1}}", "{'a':{'b.c':1,'d':2}}", "['a.d']" },
		{ "{'a':{'b.c':1,'d':1}}", "{'a':{'b.c':2,'d':2}}", "['a']" },
		{ "{'a':{'':1},'e':1}", "{'a':{},'e':2}", "['a','e']" },
		{ "{'a':{'b':{'1.2':{'x':1}}}}", "{'a':{'b':{'1.2':{'x':2}}}}", "['a.b']" },
		{ "{'b.c':1}", "{'b.c':2}", NULL },
		{ "{'b.c':1,'a':1}", "{'b.c':1,'a':2}", "['a']" },
		/* Not maps. */
		{ "[]", "{}", NULL },
		{ "{}", "[]", NULL },
	};

	for (size_t i = 0; i < HC_ARRAY_LEN(cases); i++) {
		char text[3][128];
		json_t *json[3], *got;

		for (int j = 0; j < 3; j++) {
			const char *from = j == 0   ? cases[i].before
					   : j == 1 ? cases[i].after
						    : cases[i].paths;

			(void)snprintf(text[j], sizeof(text[j]), "%s", from ? from : "0");
			for (char *at = text[j]; *at; at++)
				if (*at == '\'')
					*at = '"';
			json[j] = json_loads(text[j], JSON_DECODE_ANY, NULL);
			cr_assert(json[j], "%s", text[j]);
		}
		got = change(json[0], json[1]);
		cr_expect(cases[i].paths ? json_equal(got, json[2]) : !got, "%s to %s: %s", text[0],
			  text[1], got ? json_dumps(got, 0) : "nothing");
		json_decref(got);
		for (int j = 0; j < 3; j++)
			json_decref(json[j]);
	}
}

/* @n keys of @len digits. */
static json_t *numbers(int len, int n, int first)
{
	json_t *map = json_object();
	char key[HC_CHANGE_PATH_MAX + 100];

	for (int i = 0; i < n; i++) {
		(void)snprintf(key, sizeof(key), "%0*d", len, i);
		cr_assert_eq(json_object_set_new(map, key, json_integer(first + i)), 0);
	}
	return map;
}

static void expect_n_paths(int len, int n, int n_paths)
{
	json_t *before = numbers(len, n, 0), *after = numbers(len, n, 1);
	json_t *paths = change(before, after);

	cr_expect_eq(paths ? (int)json_array_size(paths) : -1, n_paths, "%d of %d bytes", n, len);
	json_decref(paths);
	json_decref(before);
	json_decref(after);
}

Test(change, has_limits_beyond_which_nothing_is_said)
{
	expect_n_paths(6, HC_CHANGE_PATHS_MAX, HC_CHANGE_PATHS_MAX);
	expect_n_paths(6, HC_CHANGE_PATHS_MAX + 1, -1);
	expect_n_paths(500, 32, 32);
	expect_n_paths(500, 33, -1);
	expect_n_paths(512, 1, 1);
	expect_n_paths(513, 1, -1);
}

Test(change, gives_up_on_large_maps_in_another_order)
{
	json_t *before = json_object(), *after = json_object(), *paths;
	char key[16];

	for (int i = 0; i < 4000; i++) {
		(void)snprintf(key, sizeof(key), "%d", i);
		(void)json_object_set_new(before, key, json_integer(1));
		(void)snprintf(key, sizeof(key), "%d", 3999 - i);
		(void)json_object_set_new(after, key, json_integer(1));
	}
	cr_expect_null(change(before, after));
	paths = change(before, before);
	cr_expect_eq(json_array_size(paths), 0);
	json_decref(paths);
	json_decref(before);
	json_decref(after);
}

/* ---- any snapshots ------------------------------------------------------------------------ */

static json_t *any_map(uint64_t *random, int depth);

static json_t *any_value(uint64_t *random, int depth)
{
	switch (test_random(random) % (depth ? 6 : 4)) {
	case 0:
		return json_integer((json_int_t)(test_random(random) % 3));
	case 1:
		return json_boolean(test_random(random) % 2);
	case 2:
		return json_pack("[i]", (int)(test_random(random) % 2));
	case 3:
		return json_null();
	default:
		return any_map(random, depth - 1);
	}
}

static json_t *any_map(uint64_t *random, int depth)
{
	static const char *const keys[] = { "a", "b", "c", "d", "e.f", "" };
	json_t *map = json_object();

	for (uint64_t n = test_random(random) % 5; n; n--)
		(void)json_object_set_new(map, keys[test_random(random) % HC_ARRAY_LEN(keys)],
					  any_value(random, depth));
	return map;
}

/* Takes the value at a path of one map over to the other. Returns whether they differed there. */
static bool patch(json_t *to, const json_t *from, const char *path)
{
	char copy[256], *rest = copy, *key;
	bool differed;

	(void)snprintf(copy, sizeof(copy), "%s", path);
	while ((key = strsep(&rest, ".")) && rest) {
		json_t *below = json_object_get(to, key);

		if (!json_is_object(below)) {
			below = json_object();
			cr_assert_eq(json_object_set_new(to, key, below), 0);
		}
		to = below;
		from = json_object_get(from, key);
	}
	differed = !json_equal(json_object_get(to, key), json_object_get(from, key));
	if (json_object_get(from, key))
		(void)json_object_set_new(to, key, json_deep_copy(json_object_get(from, key)));
	else
		(void)json_object_del(to, key);
	return differed;
}

/* Removes maps that are empty: a path to what has gone does not tell whether the map around it is
 * still there. */
static void prune(json_t *map)
{
	json_t *value;
	const char *key;
	void *next;

	json_object_foreach_safe(map, next, key, value)
	{
		if (!json_is_object(value))
			continue;
		prune(value);
		if (!json_object_size(value))
			(void)json_object_del(map, key);
	}
}

Test(change, patching_by_the_paths_gives_the_new_snapshot)
{
	uint64_t random = 4711;
	int n_told = 0;

	for (int i = 0; i < 20000; i++) {
		json_t *before = any_map(&random, 3), *after = any_map(&random, 3);
		json_t *paths = change(before, after), *path;
		size_t j;

		json_array_foreach(paths, j, path)
			cr_expect(patch(before, after, json_string_value(path)), "%s is the same",
				  json_string_value(path));
		prune(before);
		prune(after);
		cr_assert(!paths || json_equal(before, after), "%s is not %s",
			  json_dumps(before, 0), json_dumps(after, 0));
		n_told += paths != NULL;
		json_decref(paths);
		json_decref(before);
		json_decref(after);
	}
	cr_expect_gt(n_told, 2000, "%d", n_told);
}
