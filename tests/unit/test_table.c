/* SPDX-License-Identifier: MIT */
/* Mount tables: what is seen at a path, what is a bind mount, and what turns one table into
 * another. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "bpf/table.h"

struct row {
	unsigned int id, parent;
	const char *path;
	unsigned int minor;
	const char *root, *source, *fstype;
};

static struct hc_table *make(bool unique_ids, const struct row *rows, size_t n)
{
	struct hc_table *table = hc_table_new(unique_ids);

	for (size_t i = 0; i < n; i++) {
		struct hc_mount *mount = hc_mount_new(
			&(struct hc_mount_row){ .id = rows[i].id,
						.parent_id = rows[i].parent,
						.major = 8,
						.minor = rows[i].minor,
						.path = rows[i].path,
						.root = rows[i].root ? rows[i].root : "/",
						.source = rows[i].source ? rows[i].source : "src",
						.fstype = rows[i].fstype ? rows[i].fstype : "ext4",
						.options = "rw" });

		cr_assert_not_null(mount);
		cr_assert_eq(hc_table_add(table, mount), 0);
		hc_mount_unref(mount);
	}
	cr_assert_eq(hc_table_seal(table), 0);
	return table;
}

#define MAKE(unique_ids, ...) \
	make(unique_ids, (const struct row[]){ __VA_ARGS__ }, \
	     HC_ARRAY_LEN(((const struct row[]){ __VA_ARGS__ })))

/* "-/a:3 +/b:3<" - gone, new, ^revealed; path and id; "<" where it was moved; "!" where it is not
 * told. */
static void describe(char *text, size_t size, const struct hc_differences *differences)
{
	size_t len = 0;

	*text = '\0';
	for (size_t i = 0; i < differences->n && len < size; i++) {
		const struct hc_difference *item = &differences->items[i];

		len += (size_t)snprintf(text + len, size - len, "%s%c%s:%u%s%s", i ? " " : "",
					"-+^"[item->kind], item -> mount -> row.path,
					(unsigned int)item->mount->row.id, item->moved ? "<" : "",
					item->told ? "" : "!");
	}
}

static void expect_diff(struct hc_table *old, struct hc_table *new, hc_told_fn told,
			const char *wanted)
{
	struct hc_differences differences;
	char text[1024];

	cr_assert_eq(hc_table_diff(&differences, old, new, told, NULL), 0);
	describe(text, sizeof(text), &differences);
	cr_expect_str_eq(text, wanted);
	hc_differences_deinit(&differences);
	hc_table_unref(old);
	hc_table_unref(new);
}

#define ROOT \
	{ \
		1, 0, "/", 1, NULL, NULL, NULL \
	}
#define AT(id, parent, path, minor) \
	{ \
		id, parent, path, minor, NULL, NULL, NULL \
	}

Test(table, an_empty_difference_is_empty)
{
	expect_diff(MAKE(true, ROOT, AT(2, 1, "/a", 2)), MAKE(true, ROOT, AT(2, 1, "/a", 2)), NULL,
		    "");
}

Test(table, a_tree_goes_children_first_and_comes_parents_first)
{
	expect_diff(MAKE(true, ROOT, AT(2, 1, "/a", 2), AT(3, 2, "/a/b", 3), AT(4, 3, "/a/b/c", 4)),
		    MAKE(true, ROOT), NULL, "-/a/b/c:4 -/a/b:3 -/a:2");
	expect_diff(MAKE(true, ROOT),
		    MAKE(true, ROOT, AT(9, 1, "/a", 2), AT(3, 9, "/a/b", 3), AT(4, 3, "/a/b/c", 4)),
		    NULL, "+/a:9 +/a/b:3 +/a/b/c:4");
}

Test(table, a_move_is_one_gone_and_one_new)
{
	expect_diff(MAKE(true, ROOT, AT(2, 1, "/a", 2), AT(3, 2, "/a/b", 3)),
		    MAKE(true, ROOT, AT(2, 1, "/d", 2), AT(3, 2, "/d/b", 3)), NULL,
		    "-/a/b:3< -/a:2< +/d:2< +/d/b:3<");
}

Test(table, what_lay_below_is_revealed)
{
	expect_diff(MAKE(true, ROOT, AT(2, 1, "/a", 2), AT(3, 2, "/a", 3)),
		    MAKE(true, ROOT, AT(2, 1, "/a", 2)), NULL, "-/a:3 ^/a:2");
	/* The lower one goes: the upper one is still what is seen. */
	expect_diff(MAKE(true, ROOT, AT(2, 1, "/a", 2), AT(3, 2, "/a", 3)),
		    MAKE(true, ROOT, AT(3, 1, "/a", 3)), NULL, "-/a:2 ^/a:3");
	/* Mounted beneath (move_mount with MOVE_MOUNT_BENEATH). */
	expect_diff(MAKE(true, ROOT, AT(2, 1, "/a", 2)),
		    MAKE(true, ROOT, AT(3, 1, "/a", 3), AT(2, 3, "/a", 2)), NULL, "+/a:3 ^/a:2");
}

Test(table, what_is_uncovered_is_revealed_though_nothing_was_mounted_there)
{
	/* 4 is seen at /a/b, because 3 lies over the way to 5; then 3 and 4 are moved away. */
	expect_diff(MAKE(true, ROOT, AT(5, 1, "/a/b", 5), AT(3, 1, "/a", 3), AT(4, 3, "/a/b", 4)),
		    MAKE(true, ROOT, AT(5, 1, "/a/b", 5), AT(3, 1, "/c", 3), AT(4, 3, "/c/b", 4)),
		    NULL, "-/a/b:4< -/a:3< +/c:3< +/c/b:4< ^/a/b:5");
}

static bool is_not_b(const struct hc_mount_row *row, const void *context)
{
	(void)context;
	return strcmp(row->source, "b") != 0;
}

Test(table, what_is_not_told_is_marked_and_neither_reveals_nor_is_revealed)
{
	struct row below = { 2, 1, "/a", 2, NULL, "b", NULL }, upper = AT(3, 2, "/a", 3);

	expect_diff(MAKE(true, ROOT, below, upper), MAKE(true, ROOT, below), is_not_b, "-/a:3");
	expect_diff(MAKE(true, ROOT, below), MAKE(true, ROOT), is_not_b, "-/a:2!");
	below.source = "a";
	upper.source = "b";
	expect_diff(MAKE(true, ROOT, below, upper), MAKE(true, ROOT, below), is_not_b, "-/a:3!");
}

Test(table, a_unique_id_tells_two_mounts_apart_that_look_the_same)
{
	expect_diff(MAKE(true, ROOT, AT(2, 1, "/a", 2)), MAKE(true, ROOT, AT(3, 1, "/a", 2)), NULL,
		    "-/a:2 +/a:3");
}

Test(table, a_reused_id_is_another_mount_if_anything_else_differs)
{
	const struct row was = { 2, 1, "/a", 2, "/", "x", "ext4" };
	struct row is = was;

	expect_diff(MAKE(false, ROOT, was), MAKE(false, ROOT, is), NULL, "");
	is.minor = 3;
	expect_diff(MAKE(false, ROOT, was), MAKE(false, ROOT, is), NULL, "-/a:2 +/a:2");
	is = was;
	is.source = "y";
	expect_diff(MAKE(false, ROOT, was), MAKE(false, ROOT, is), NULL, "-/a:2 +/a:2");
	is = was;
	is.fstype = "vfat";
	expect_diff(MAKE(false, ROOT, was), MAKE(false, ROOT, is), NULL, "-/a:2 +/a:2");
	is = was;
	is.root = "/sub";
	expect_diff(MAKE(false, ROOT, was), MAKE(false, ROOT, is), NULL, "-/a:2 +/a:2");
}

Test(table, a_device_is_carried_over_to_the_same_mount)
{
	struct hc_table *old = MAKE(true, ROOT, AT(2, 1, "/a", 2)),
			*new = MAKE(true, ROOT, AT(2, 1, "/b", 2));
	struct hc_device *device = hc_device_new("/dev/x", "L", NULL, NULL, true);
	struct hc_differences differences;

	hc_mount_set_device(hc_table_find(old, 2), device);
	cr_assert_eq(hc_table_diff(&differences, old, new, NULL, NULL), 0);
	cr_expect_eq(hc_table_find(new, 2)->device, device);
	hc_differences_deinit(&differences);
	hc_device_unref(device);
	hc_table_unref(old);
	hc_table_unref(new);
}

Test(table, the_mount_to_be_seen_is_the_one_whose_way_is_free)
{
	/* 2 and 3 are stacked at /a/b, but 4 covers /a and carries 5 at /a/b. */
	struct hc_table *table = MAKE(true, ROOT, AT(2, 1, "/a/b", 2), AT(3, 2, "/a/b", 3),
				      AT(4, 1, "/a", 4), AT(5, 4, "/a/b", 5), AT(6, 1, "/ab", 6));

	cr_expect_eq(hc_table_top(table, "/a/b", NULL, NULL)->row.id, 5);
	cr_expect_eq(hc_table_top(table, "/a", NULL, NULL)->row.id, 4);
	cr_expect_not(hc_table_find(table, 6)->is_hidden, "/a does not cover /ab");
	cr_expect(hc_table_find(table, 3)->is_hidden);
	cr_expect_null(hc_table_top(table, "/a/b/c", NULL, NULL));
	hc_table_unref(table);
}

Test(table, a_table_whose_mounts_are_their_own_parents_is_read_all_the_same)
{
	hc_table_unref(MAKE(true, AT(1, 1, "/", 1), AT(2, 3, "/a", 2), AT(3, 2, "/a/b", 3)));
}

static const struct {
	const char *name;
	struct row mount;
	const char *wanted; /* NULL: no bind mount */
} binds[] = {
	{ "the first mount", { 2, 1, "/m", 2, "/", NULL, NULL }, NULL },
	{ "a whole file system once more", { 4, 1, "/n", 2, "/", NULL, NULL }, "/m" },
	{ "a directory", { 4, 1, "/n", 2, "/x/y", NULL, NULL }, "/m/x/y" },
	{ "a directory of the root file system", { 4, 1, "/n", 1, "/srv", NULL, NULL }, "/srv" },
	{ "a directory of what is not mounted otherwise",
	  { 4, 1, "/n", 9, "/x", NULL, NULL },
	  "/x" },
	{ "another file system", { 4, 1, "/n", 9, "/", NULL, NULL }, NULL },
	{ "a btrfs subvolume", { 4, 1, "/n", 9, "/@home", NULL, "btrfs" }, NULL },
};

Test(table, a_bind_mount_is_told_from_an_ordinary_one)
{
	for (size_t i = 0; i < HC_ARRAY_LEN(binds); i++) {
		const struct row first = { 2, 1, "/m", 2, "/", NULL, NULL };
		struct hc_table *table = binds[i].mount.id == 2
						 ? MAKE(true, ROOT, binds[i].mount)
						 : MAKE(true, ROOT, first, binds[i].mount);
		char *text = NULL;
		int r = hc_table_bind_of(&text, table, hc_table_find(table, binds[i].mount.id));

		cr_expect_eq(r, binds[i].wanted ? 1 : 0, "%s", binds[i].name);
		if (r == 1 && binds[i].wanted)
			cr_expect_str_eq(text, binds[i].wanted, "%s", binds[i].name);
		free(text);
		hc_table_unref(table);
	}
}

Test(table, a_path_covers_itself_and_what_is_below_it)
{
	cr_expect(hc_path_covers("/", "/a"));
	cr_expect(hc_path_covers("/a", "/a"));
	cr_expect(hc_path_covers("/a", "/a/b"));
	cr_expect_not(hc_path_covers("/a", "/ab"));
	cr_expect_not(hc_path_covers("/a/b", "/a"));
	cr_expect_not(hc_path_covers("", "/a"));
	cr_expect_not(hc_path_covers("/", "a"));
}
