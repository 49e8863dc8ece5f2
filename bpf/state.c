/* SPDX-License-Identifier: MIT */
/*
 * A head, then one msgpack value a mount: so the limits of the decoder are those of a mount, not of
 * a table.
 *
 *   {"version":1, "boot_id":text, "namespace":n, "unique_ids":bool, "enabled":bool, "mounts":n}
 *   [id, parent_id, major, minor, path, root, source, fstype, options,
 *    node, label, uuid, model, removable]       the last five nil where the device is not known
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "bpf/state.h"
#include "proto/codec.h"

#define VERSION	     1
#define FILE_MAX     (64 * 1024 * 1024) /* bytes; 100,000 mounts, the kernel's own limit, need less */
#define VALUE_MAX    (128 * 1024)	/* bytes; five paths of 4096 and the longest options */
#define N_MOUNT	     14
#define N_NUMBERS    4
#define N_ROW_TEXTS  5
#define FIRST_DEVICE (N_NUMBERS + N_ROW_TEXTS)

int hc_state_boot_id(char ret[static HC_BOOT_ID_LEN + 1])
{
	HC_CLEANUP(hc_closep)
	int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	ssize_t len;

	if (fd < 0)
		return -errno;
	len = read(fd, ret, HC_BOOT_ID_LEN);
	if (len < 0)
		return -errno;
	ret[len] = '\0';
	return len == HC_BOOT_ID_LEN ? 0 : -EIO;
}

/* ---- writing ------------------------------------------------------------------------------ */

static void pack_text(msgpack_packer *pk, const char *text)
{
	if (text)
		hc_pack_str(pk, hc_str(text)); /* raw bytes: only our own decoder reads them */
	else
		msgpack_pack_nil(pk);
}

static void pack_mount(msgpack_packer *pk, const struct hc_mount *mount)
{
	const struct hc_mount_row *row = &mount->row;
	const struct hc_device *device = mount->device;

	msgpack_pack_array(pk, N_MOUNT);
	msgpack_pack_uint64(pk, row->id);
	msgpack_pack_uint64(pk, row->parent_id);
	msgpack_pack_uint32(pk, row->major);
	msgpack_pack_uint32(pk, row->minor);
	pack_text(pk, row->path);
	pack_text(pk, row->root);
	pack_text(pk, row->source);
	pack_text(pk, row->fstype);
	pack_text(pk, row->options);
	pack_text(pk, device ? device->node : NULL);
	pack_text(pk, device ? device->label : NULL);
	pack_text(pk, device ? device->uuid : NULL);
	pack_text(pk, device ? device->model : NULL);
	if (!device)
		msgpack_pack_nil(pk);
	else if (device->removable)
		msgpack_pack_true(pk);
	else
		msgpack_pack_false(pk);
}

static void pack_state(struct hc_buffer *buffer, const struct hc_state_of *of,
		       const struct hc_table *table, bool enabled)
{
	msgpack_packer pk = hc_codec_packer(buffer);
	size_t i;

	msgpack_pack_map(&pk, 6);
	hc_pack_u64_at(&pk, "version", VERSION);
	hc_pack_str_at(&pk, "boot_id", hc_str(of->boot_id));
	hc_pack_u64_at(&pk, "namespace", of->mount_namespace);
	hc_pack_bool_at(&pk, "unique_ids", of->unique_ids);
	hc_pack_bool_at(&pk, "enabled", enabled);
	hc_pack_u64_at(&pk, "mounts", table->n);
	for (i = 0; i < table->n; i++)
		pack_mount(&pk, table->mounts[i]);
}

int hc_state_save(const char *path, const struct hc_state_of *of, const struct hc_table *table,
		  bool enabled)
{
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer buffer = HC_BUFFER_NULL;
	HC_CLEANUP(hc_closep) int fd = -1;
	char new[PATH_MAX];
	int r;

	if (snprintf(new, sizeof(new), "%s.new", path) >= (int)sizeof(new))
		return -ENAMETOOLONG;
	pack_state(&buffer, of, table, enabled);
	if (buffer.failed)
		return -ENOMEM;
	fd = open(new, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return -errno;
	r = hc_buffer_write(&buffer, fd);
	if (!r && rename(new, path) < 0)
		r = -errno;
	if (r)
		(void)unlink(new); /* the failure itself is what is told */
	return r;
}

/* ---- reading ------------------------------------------------------------------------------ */

struct values {
	const char *data;
	size_t len;
	size_t at;
	msgpack_zone zone; /* of the value read last */
};

static void values_deinit(struct values *values)
{
	msgpack_zone_destroy(&values->zone);
}

static int next_value(struct values *values, msgpack_object *ret)
{
	struct hc_codec_skim skim = { 0 };
	int r;

	if (hc_codec_skim(&skim, values->data + values->at, values->len - values->at, VALUE_MAX))
		return HC_STATE_E_INVALID;
	msgpack_zone_clear(&values->zone);
	r = hc_codec_unpack(ret, &values->zone, values->data + values->at, skim.pos);
	if (r)
		return r < 0 ? r : HC_STATE_E_INVALID;
	values->at += skim.pos;
	return 0;
}

static int read_head(struct values *values, const struct hc_state_of *of, bool *ret_enabled,
		     uint64_t *ret_n)
{
	uint64_t version, mount_namespace;
	struct hc_str boot_id;
	bool unique_ids;
	msgpack_object head;
	int r = next_value(values, &head);

	if (r)
		return r;
	if (!hc_map_get_u64(&version, &head, "version") || version != VERSION ||
	    !hc_map_get_str(&boot_id, &head, "boot_id") ||
	    !hc_map_get_u64(&mount_namespace, &head, "namespace") ||
	    !hc_map_get_bool(&unique_ids, &head, "unique_ids") ||
	    !hc_map_get_bool(ret_enabled, &head, "enabled") ||
	    !hc_map_get_u64(ret_n, &head, "mounts"))
		return HC_STATE_E_INVALID;
	if (!hc_str_is(boot_id, of->boot_id) || mount_namespace != of->mount_namespace ||
	    unique_ids != of->unique_ids)
		return HC_STATE_E_OTHER;
	return 0;
}

static bool copy_text(char **ret, const msgpack_object *value)
{
	if (value->type == MSGPACK_OBJECT_NIL)
		return true;
	if (value->type != MSGPACK_OBJECT_STR)
		return false;
	*ret = strndup(value->via.str.ptr, value->via.str.size);
	return *ret != NULL;
}

struct row_texts {
	char *items[N_MOUNT - N_NUMBERS - 1];
};

static void row_texts_deinit(struct row_texts *texts)
{
	size_t i;

	for (i = 0; i < HC_ARRAY_LEN(texts->items); i++)
		free(texts->items[i]);
}

static int add_mount(struct hc_table *table, const msgpack_object *value)
{
	HC_CLEANUP(row_texts_deinit) struct row_texts texts = { 0 };
	HC_CLEANUP(hc_mount_unrefp) struct hc_mount *mount = NULL;
	HC_CLEANUP(hc_device_unrefp) struct hc_device *device = NULL;
	const msgpack_object *items;
	size_t i;

	if (value->type != MSGPACK_OBJECT_ARRAY || value->via.array.size != N_MOUNT)
		return HC_STATE_E_INVALID;
	items = value->via.array.ptr;
	for (i = 0; i < N_NUMBERS; i++) {
		if (items[i].type != MSGPACK_OBJECT_POSITIVE_INTEGER)
			return HC_STATE_E_INVALID;
	}
	for (i = 0; i < HC_ARRAY_LEN(texts.items); i++) {
		if (!copy_text(&texts.items[i], &items[N_NUMBERS + i]) ||
		    (i < N_ROW_TEXTS && !texts.items[i]))
			return HC_STATE_E_INVALID;
	}
	mount = hc_mount_new(&(struct hc_mount_row){ .id = items[0].via.u64,
						     .parent_id = items[1].via.u64,
						     .major = (uint32_t)items[2].via.u64,
						     .minor = (uint32_t)items[3].via.u64,
						     .path = texts.items[0],
						     .root = texts.items[1],
						     .source = texts.items[2],
						     .fstype = texts.items[3],
						     .options = texts.items[4] });
	if (!mount)
		return -ENOMEM;
	if (items[N_MOUNT - 1].type == MSGPACK_OBJECT_BOOLEAN) {
		device = hc_device_new(texts.items[5], texts.items[6], texts.items[7],
				       texts.items[8], items[N_MOUNT - 1].via.boolean);
		if (!device)
			return -ENOMEM;
		hc_mount_set_device(mount, device);
	}
	return hc_table_add(table, mount);
}

static int read_file(struct hc_buffer *buffer, const char *path)
{
	HC_CLEANUP(hc_closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	ssize_t n;

	if (fd < 0)
		return errno == ENOENT ? HC_STATE_E_NONE : -errno;
	do {
		char *to = hc_buffer_reserve(buffer, 64 * 1024);

		if (!to)
			return -ENOMEM;
		n = read(fd, to, 64 * 1024);
		if (n < 0)
			return -errno;
		buffer->len += (size_t)n;
		if (buffer->len > FILE_MAX)
			return HC_STATE_E_INVALID;
	} while (n);
	return 0;
}

int hc_state_load(struct hc_table **ret, bool *ret_enabled, const char *path,
		  const struct hc_state_of *of)
{
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer buffer = HC_BUFFER_NULL;
	HC_CLEANUP(values_deinit) struct values values = { 0 };
	HC_CLEANUP(hc_table_unrefp) struct hc_table *table = NULL;
	msgpack_object value;
	uint64_t n_mounts, i;
	bool enabled;
	int r;

	if (!msgpack_zone_init(&values.zone, MSGPACK_ZONE_CHUNK_SIZE))
		return -ENOMEM;
	r = read_file(&buffer, path);
	if (r)
		return r;
	values.data = buffer.data;
	values.len = buffer.len;
	r = read_head(&values, of, &enabled, &n_mounts);
	if (r)
		return r;
	table = hc_table_new(of->unique_ids);
	if (!table)
		return -ENOMEM;
	for (i = 0; i < n_mounts; i++) {
		r = next_value(&values, &value);
		if (!r)
			r = add_mount(table, &value);
		if (r)
			return r;
	}
	if (values.at != values.len)
		return HC_STATE_E_INVALID;
	r = hc_table_seal(table);
	if (r)
		return r;
	*ret = hc_take(table);
	*ret_enabled = enabled;
	return 0;
}
