/* SPDX-License-Identifier: MIT */
/*
 * Publishers mostly keep the order of their keys: so each is looked for at its own index first, and
 * a comparison is O(leaves). The depth of a value is bounded by the codec.
 */
#include "ws/state/change.h"

struct search {
	msgpack_zone *zone;
	msgpack_object paths[HC_CHANGE_PATHS_MAX];
	size_t n;
	size_t n_bytes;
	size_t n_steps;
	bool failed;
	char path[HC_CHANGE_PATH_MAX];
	size_t len;
};

static void compare(struct search *search, const msgpack_object *before,
		    const msgpack_object *after);

static bool is_map(const msgpack_object *value)
{
	return value && value->type == MSGPACK_OBJECT_MAP;
}

static bool has_leaves(const msgpack_object *value)
{
	return is_map(value) && value->via.map.size;
}

static bool is_float(const msgpack_object *value)
{
	return value->type == MSGPACK_OBJECT_FLOAT32 || value->type == MSGPACK_OBJECT_FLOAT64;
}

static bool is_number(const msgpack_object *value)
{
	return is_float(value) || value->type == MSGPACK_OBJECT_POSITIVE_INTEGER ||
	       value->type == MSGPACK_OBJECT_NEGATIVE_INTEGER;
}

static long double number_of(const msgpack_object *value)
{
	if (is_float(value))
		return value->via.f64;
	if (value->type == MSGPACK_OBJECT_NEGATIVE_INTEGER)
		return value->via.i64;
	return value->via.u64;
}

/* As JSON has it: 1 and 1.0 are the same number. */
static bool is_equal(const msgpack_object *a, const msgpack_object *b)
{
	if (is_number(a) && is_number(b))
		return number_of(a) == number_of(b);
	return msgpack_object_equal(*a, *b);
}

/* ---- paths -------------------------------------------------------------------------------- */

static void add_path(struct search *search)
{
	char *text;

	search->n_bytes += search->len;
	if (search->n == HC_CHANGE_PATHS_MAX || search->n_bytes > HC_CHANGE_BYTES_MAX ||
	    !search->len) {
		search->failed = true;
		return;
	}
	text = msgpack_zone_malloc_no_align(search->zone, search->len);
	if (!text) {
		search->failed = true;
		return;
	}
	memcpy(text, search->path, search->len);
	search->paths[search->n++] = (msgpack_object){
		.type = MSGPACK_OBJECT_STR,
		.via.str = { .size = (uint32_t)search->len, .ptr = text },
	};
}

/* Appends a key to the path. Returns whether the path can be read back. */
static bool push(struct search *search, struct hc_str key)
{
	size_t dot = search->len ? 1 : 0;

	if (!key.len || memchr(key.s, '.', key.len) ||
	    search->len + dot + key.len > sizeof(search->path))
		return false;
	if (dot)
		search->path[search->len++] = '.';
	memcpy(search->path + search->len, key.s, key.len);
	search->len += key.len;
	return true;
}

/* ---- maps --------------------------------------------------------------------------------- */

/* The value of @key; it is probably at @hint. */
static const msgpack_object *find(struct search *search, const msgpack_object *map,
				  struct hc_str key, uint32_t hint)
{
	uint32_t size = has_leaves(map) ? map->via.map.size : 0;

	for (uint32_t i = 0; i < size; i++) {
		const msgpack_object_kv *kv = &map->via.map.ptr[(hint + i) % size];

		if (++search->n_steps > HC_CHANGE_STEPS_MAX)
			search->failed = true;
		if (search->failed)
			return NULL;
		if (hc_str_equal(hc_object_str(&kv->key), key))
			return &kv->val;
	}
	return NULL;
}

/*
 * Returns whether something differs at a key that no path can name: then all of the map around it
 * goes by one name.
 */
static bool compare_at(struct search *search, struct hc_str key, const msgpack_object *before,
		       const msgpack_object *after)
{
	size_t len = search->len;

	if (!push(search, key))
		return !before || !after || !is_equal(before, after);
	compare(search, before, after);
	search->len = len;
	return false;
}

static void compare_maps(struct search *search, const msgpack_object *before,
			 const msgpack_object *after)
{
	size_t n = search->n, n_bytes = search->n_bytes;
	bool is_coarse = false;

	for (uint32_t i = 0; has_leaves(after) && i < after->via.map.size; i++) {
		const msgpack_object_kv *kv = &after->via.map.ptr[i];
		struct hc_str key = hc_object_str(&kv->key);

		is_coarse |= compare_at(search, key, find(search, before, key, i), &kv->val);
	}
	for (uint32_t i = 0; has_leaves(before) && i < before->via.map.size; i++) {
		const msgpack_object_kv *kv = &before->via.map.ptr[i];
		struct hc_str key = hc_object_str(&kv->key);

		if (!find(search, after, key, i))
			is_coarse |= compare_at(search, key, &kv->val, NULL);
	}
	if (!is_coarse || search->failed)
		return;
	search->n = n;
	search->n_bytes = n_bytes;
	add_path(search);
}

/* Either may be NULL: absent. */
static void compare(struct search *search, const msgpack_object *before,
		    const msgpack_object *after)
{
	if (search->failed)
		return;
	if ((has_leaves(before) || has_leaves(after)) && (!before || is_map(before)) &&
	    (!after || is_map(after)))
		compare_maps(search, before, after);
	else if (!before || !after || !is_equal(before, after))
		add_path(search);
}

bool hc_change_find(msgpack_object *ret, const msgpack_object *before, const msgpack_object *after,
		    msgpack_zone *zone)
{
	struct search search = { .zone = zone };
	msgpack_object *paths;

	if (!is_map(before) || !is_map(after))
		return false;
	compare_maps(&search, before, after);
	if (search.failed)
		return false;
	paths = msgpack_zone_malloc(zone, (search.n ? search.n : 1) * sizeof(*paths));
	if (!paths)
		return false;
	memcpy(paths, search.paths, search.n * sizeof(*paths));
	*ret = (msgpack_object){
		.type = MSGPACK_OBJECT_ARRAY,
		.via.array = { .size = (uint32_t)search.n, .ptr = paths },
	};
	return true;
}
