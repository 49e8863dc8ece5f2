/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "bpf/mount.h"

struct hc_device *hc_device_new(const char *node, const char *label, const char *uuid,
				const char *model, bool removable)
{
	HC_CLEANUP(hc_device_unrefp) struct hc_device *device = calloc(1, sizeof(*device));

	if (!device)
		return NULL;
	device->n_refs = 1;
	device->removable = removable;
	if ((node && !(device->node = strdup(node))) ||
	    (label && !(device->label = strdup(label))) ||
	    (uuid && !(device->uuid = strdup(uuid))) || (model && !(device->model = strdup(model))))
		return NULL;
	return hc_take(device);
}

struct hc_device *hc_device_ref(struct hc_device *device)
{
	if (device)
		device->n_refs++;
	return device;
}

struct hc_device *hc_device_unref(struct hc_device *device)
{
	if (!device || --device->n_refs)
		return NULL;
	free(device->node);
	free(device->label);
	free(device->uuid);
	free(device->model);
	free(device);
	return NULL;
}

static const char *copy_text(char **at, const char *text)
{
	size_t size = strlen(text) + 1;
	char *copy = *at;

	memcpy(copy, text, size);
	*at += size;
	return copy;
}

struct hc_mount *hc_mount_new(const struct hc_mount_row *row)
{
	size_t text_size = strlen(row->path) + strlen(row->root) + strlen(row->source) +
			   strlen(row->fstype) + strlen(row->options) + 5;
	struct hc_mount *mount = malloc(sizeof(*mount) + text_size);
	char *at;

	if (!mount)
		return NULL;
	*mount = (struct hc_mount){ .n_refs = 1, .row = *row };
	at = (char *)(mount + 1);
	mount->row.path = copy_text(&at, row->path);
	mount->row.root = copy_text(&at, row->root);
	mount->row.source = copy_text(&at, row->source);
	mount->row.fstype = copy_text(&at, row->fstype);
	mount->row.options = copy_text(&at, row->options);
	return mount;
}

struct hc_mount *hc_mount_ref(struct hc_mount *mount)
{
	if (mount)
		mount->n_refs++;
	return mount;
}

struct hc_mount *hc_mount_unref(struct hc_mount *mount)
{
	if (!mount || --mount->n_refs)
		return NULL;
	hc_device_unref(mount->device);
	free(mount);
	return NULL;
}

void hc_mount_set_device(struct hc_mount *mount, struct hc_device *device)
{
	struct hc_device *old = mount->device;

	mount->device = hc_device_ref(device);
	hc_device_unref(old);
}

bool hc_path_covers(const char *top, const char *path)
{
	size_t len = strlen(top);

	if (len == 1 && top[0] == '/')
		return path[0] == '/';
	return len && !strncmp(top, path, len) && (!path[len] || path[len] == '/');
}
