/* SPDX-License-Identifier: MIT */
/* What the hub retains against what is mounted. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "bpf/resync.h"
#include "proto/json.h"

static char said[1024];

static void note_gone(void *context, const struct hc_mount_row *row, const struct hc_device *device)
{
	size_t len = strlen(said);

	(void)context;
	(void)snprintf(said + len, sizeof(said) - len, "-%s:%u:%s%s%s ", row->path,
		       (unsigned int)row->id, device->node, device->label ? ":" : "",
		       device->label ? device->label : "");
}

static void note_missing(void *context, struct hc_mount *mount)
{
	size_t len = strlen(said);

	(void)context;
	(void)snprintf(said + len, sizeof(said) - len, "+%s:%u ", mount->row.path,
		       (unsigned int)mount->row.id);
}

static bool is_told(const struct hc_mount_row *row, const void *context)
{
	(void)context;
	return strcmp(row->fstype, "proc") != 0;
}

static struct hc_table *make_table(void)
{
	static const struct hc_mount_row rows[] = {
		{ 1, 0, 8, 1, "/", "/", "s", "ext4", "rw" },
		{ 2, 1, 8, 2, "/a", "/", "s", "ext4", "rw" },
		{ 3, 2, 8, 3, "/a", "/", "s", "ext4", "rw" },
		{ 4, 1, 8, 4, "/p", "/", "s", "proc", "rw" },
		{ 5, 1, 8, 5, "/x\xff", "/", "s", "ext4", "rw" },
	};
	struct hc_table *table = hc_table_new(true);

	for (size_t i = 0; i < HC_ARRAY_LEN(rows); i++) {
		struct hc_mount *mount = hc_mount_new(&rows[i]);

		cr_assert_eq(hc_table_add(table, mount), 0);
		hc_mount_unref(mount);
	}
	cr_assert_eq(hc_table_seal(table), 0);
	return table;
}

static const struct {
	const char *name, *events, *wanted;
} cases[] = {
	{ "the hub knows nothing", "[]", "+/:1 +/a:3 +/x\xff:5 " },
	{ "the hub knows all, hidden and untold mounts aside",
	  "[{\"payload\":{\"mount_path\":\"/\",\"mount_id\":1}},"
	  "{\"payload\":{\"mount_path\":\"/a\",\"mount_id\":3}},"
	  "{\"payload\":{\"mount_path\":\"/x\xef\xbf\xbd\",\"mount_id\":5}}]",
	  "" },
	{ "the hub knows too much, and another one at a path",
	  "[{\"payload\":{\"mount_path\":\"/\",\"mount_id\":1}},"
	  "{\"payload\":{\"mount_path\":\"/a\",\"mount_id\":2,\"device_node\":\"/dev/x\","
	  "\"label\":\"L\"}},"
	  "{\"payload\":{\"mount_path\":\"/gone\",\"mount_id\":9,\"device_node\":\"/dev/y\"}},"
	  "{\"payload\":{\"mount_path\":\"/x\xef\xbf\xbd\",\"mount_id\":5}}]",
	  "-/a:2:/dev/x:L -/gone:9:/dev/y +/a:3 " },
	{ "what others have published is left alone",
	  "[{\"payload\":{\"mount_path\":\"/\",\"mount_id\":1}},"
	  "{\"payload\":{\"mount_path\":\"/a\",\"device_node\":\"/dev/theirs\"}},"
	  "{\"payload\":{\"mount_path\":\"/theirs\",\"mount_id\":null}},"
	  "{\"payload\":{\"mount_path\":\"/x\xef\xbf\xbd\",\"mount_id\":5}}]",
	  "" },
	{ "what is no such event is passed over",
	  "[7,{},{\"payload\":3},{\"payload\":{\"mount_path\":5,\"mount_id\":1}},"
	  "{\"payload\":{\"mount_path\":\"/\",\"mount_id\":1}}]",
	  "+/a:3 +/x\xff:5 " },
};

Test(resync, the_difference_is_told)
{
	const struct hc_resync_fns fns = { note_gone, note_missing, NULL };
	struct hc_table *table = make_table();

	for (size_t i = 0; i < HC_ARRAY_LEN(cases); i++) {
		HC_CLEANUP(hc_buffer_deinit) struct hc_buffer packed = HC_BUFFER_NULL;
		msgpack_packer pk = hc_codec_packer(&packed);
		json_t *json = hc_json_parse(hc_str(cases[i].events), NULL);
		msgpack_object events;
		msgpack_zone zone;

		cr_assert_not_null(json, "%s", cases[i].name);
		hc_json_pack(&pk, json);
		json_decref(json);
		cr_assert(msgpack_zone_init(&zone, MSGPACK_ZONE_CHUNK_SIZE));
		cr_assert_eq(hc_codec_unpack(&events, &zone, packed.data, packed.len), 0);
		said[0] = '\0';
		cr_expect_eq(hc_resync(&events, table, is_told, NULL, &fns), 0);
		cr_expect_str_eq(said, cases[i].wanted, "%s", cases[i].name);
		msgpack_zone_destroy(&zone);
	}
	hc_table_unref(table);
}
