/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>

#include "bpf/resync.h"
#include "proto/utf8.h"

/* A mount that the hub should retain. Its path is compared as it is published: cleaned. */
struct wanted {
	struct hc_mount *mount;
	struct hc_buffer path;
	bool is_there;
	bool is_foreign; /* somebody else has published something for this path */
};

struct wanted_list {
	struct wanted *items;
	size_t n;
};

static void wanted_list_deinit(struct wanted_list *list)
{
	size_t i;

	for (i = 0; i < list->n; i++)
		hc_buffer_deinit(&list->items[i].path);
	free(list->items);
}

static int compare_text(struct hc_str a, struct hc_str b)
{
	size_t len = a.len < b.len ? a.len : b.len;
	int r = len ? memcmp(a.s, b.s, len) : 0;

	return r ? r : (a.len > b.len) - (a.len < b.len);
}

static struct hc_str path_of(const struct wanted *wanted)
{
	return (struct hc_str){ wanted->path.data, wanted->path.len };
}

static int compare_wanted(const void *a, const void *b)
{
	return compare_text(path_of(a), path_of(b));
}

/* The uppermost told mount of each path. */
static int list_wanted(struct wanted_list *list, const struct hc_table *table, hc_told_fn told,
		       const void *context)
{
	size_t i;

	list->items = calloc(table->n ? table->n : 1, sizeof(*list->items));
	if (!list->items)
		return -ENOMEM;
	for (i = 0; i < table->n; i++) {
		struct hc_mount *mount = table->by_path[i];
		struct wanted *wanted = &list->items[list->n];

		if (hc_table_top(table, mount->row.path, told, context) != mount)
			continue;
		*wanted = (struct wanted){ .mount = mount, .path = HC_BUFFER_NULL };
		(void)hc_utf8_clean(&wanted->path,
				    hc_str(mount->row.path)); /* as it is published */
		list->n++;
		if (wanted->path.failed)
			return -ENOMEM;
	}
	qsort(list->items, list->n, sizeof(*list->items), compare_wanted);
	return 0;
}

static struct wanted *find_wanted(const struct wanted_list *list, struct hc_str path)
{
	struct wanted key = { .path = { .data = (char *)path.s, .len = path.len } };

	return list->n ? bsearch(&key, list->items, list->n, sizeof(key), compare_wanted) : NULL;
}

static char *copy_field(const msgpack_object *payload, const char *key)
{
	struct hc_str text;

	return hc_map_get_str(&text, payload, key) ? strndup(text.s, text.len) : strdup("");
}

static char *text_or_null(char *text)
{
	return text && *text ? text : NULL;
}

/* All that is still known of it is what the hub says. */
static int tell_gone(const msgpack_object *payload, uint64_t id, const struct hc_resync_fns *fns)
{
	char *node = copy_field(payload, "device_node"), *path = copy_field(payload, "mount_path"),
	     *fstype = copy_field(payload, "fstype"), *label = copy_field(payload, "label"),
	     *uuid = copy_field(payload, "uuid"), *model = copy_field(payload, "model");
	struct hc_device device = { .node = node,
				    .label = text_or_null(label),
				    .uuid = text_or_null(uuid),
				    .model = text_or_null(model) };
	struct hc_mount_row row = {
		.id = id, .path = path, .root = "/", .source = node, .fstype = fstype, .options = ""
	};
	int r = node && path && fstype && label && uuid && model ? 0 : -ENOMEM;

	(void)hc_map_get_bool(&device.removable, payload, "removable"); /* else: false */
	if (!r)
		fns->gone(fns->context, &row, &device);
	free(node);
	free(path);
	free(fstype);
	free(label);
	free(uuid);
	free(model);
	return r;
}

static int compare_event(const struct wanted_list *list, const msgpack_object *event,
			 const struct hc_resync_fns *fns)
{
	const msgpack_object *payload = hc_map_get(event, "payload");
	struct wanted *wanted;
	struct hc_str path;
	uint64_t id;

	if (!payload || !hc_map_get_str(&path, payload, "mount_path"))
		return 0;
	wanted = find_wanted(list, path);
	if (!hc_map_get_u64(&id, payload, "mount_id")) {
		if (wanted)
			wanted->is_foreign = true;
		return 0;
	}
	if (wanted && wanted->mount->row.id == id) {
		wanted->is_there = true;
		return 0;
	}
	return tell_gone(payload, id, fns);
}

int hc_resync(const msgpack_object *events, const struct hc_table *table, hc_told_fn told,
	      const void *told_context, const struct hc_resync_fns *fns)
{
	HC_CLEANUP(wanted_list_deinit) struct wanted_list list = { 0 };
	size_t i;
	int r;

	r = list_wanted(&list, table, told, told_context);
	for (i = 0; !r && i < events->via.array.size; i++)
		r = compare_event(&list, &events->via.array.ptr[i], fns);
	if (r)
		return r;
	for (i = 0; i < list.n; i++) {
		if (!list.items[i].is_there && !list.items[i].is_foreign)
			fns->missing(fns->context, list.items[i].mount);
	}
	return 0;
}
