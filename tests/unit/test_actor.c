/* SPDX-License-Identifier: MIT */
/* Who did it: records and claims in the orders in which they can meet. */
#include <criterion/criterion.h>
#include <linux/mount.h>
#include <stdio.h>
#include <stdlib.h>

#include "bpf/actor.h"

#define MS_REMOUNT_ 32
#define MS_BIND_    4096
#define MS_MOVE_    8192
#define MS_REC_	    16384
#define MS_SHARED_  (1 << 20)

struct world {
	struct hc_actors *actors;
	struct hc_claim claims[32];
	size_t n_claims;
	uint32_t pid;
	uint64_t scan;
	uint64_t now;
	char brief[512];
};

static void world_init(struct world *world)
{
	*world = (struct world){ .actors = hc_actors_new(), .pid = 100, .now = 1000 };
	cr_assert_not_null(world->actors);
}

static bool record(struct world *world, enum hc_record_kind kind, uint64_t flags,
		   const char *source, const char *target)
{
	struct hc_record record = { .kind = kind, .flags = flags, .pid = world->pid++ };

	record.boot_ns = record.pid;
	record.source_len = source ? (int)strlen(source) : HC_RECORD_UNREADABLE;
	record.target_len = target ? (int)strlen(target) : HC_RECORD_UNREADABLE;
	(void)snprintf(record.source, sizeof(record.source), "%s", source ? source : "");
	(void)snprintf(record.target, sizeof(record.target), "%s", target ? target : "");
	(void)snprintf(record.comm, sizeof(record.comm), "p%u", record.pid);
	return hc_actors_add(world->actors, &record, world->now);
}

static void mounts(struct world *world, const char *source, const char *target)
{
	cr_assert(record(world, HC_RECORD_MOUNT, 0, source, target));
}

static void umounts(struct world *world, const char *target)
{
	cr_assert(record(world, HC_RECORD_UMOUNT, 0, NULL, target));
}

static void scan(struct world *world)
{
	hc_actors_settle(world->actors, ++world->scan);
}

static struct hc_claim *claim(struct world *world, enum hc_claim_kind kind, const char *path,
			      const char *source)
{
	struct hc_claim *claim = &world->claims[world->n_claims++];

	*claim = (struct hc_claim){ .kind = kind,
				    .path = path,
				    .source = source,
				    .device = world->n_claims,
				    .scan = world->scan,
				    .late_ns = world->now + HC_ACTOR_WAIT_NS };
	if (world->n_claims > 1)
		claim[-1].next = claim;
	return claim;
}

static void match(struct world *world)
{
	(void)hc_actors_match(world->actors, world->claims, world->now);
}

static void note_brief(void *context, const struct hc_record *mounted,
		       const struct hc_record *unmounted)
{
	struct world *world = context;
	size_t len = strlen(world->brief);

	(void)snprintf(world->brief + len, sizeof(world->brief) - len, "%s:%u-%u ", mounted->target,
		       mounted->pid, unmounted->pid);
}

static const char *briefs(struct world *world)
{
	world->brief[0] = '\0';
	hc_actors_brief(world->actors, world->n_claims ? world->claims : NULL, world->now,
			note_brief, world);
	return world->brief;
}

static void expect_actor(const struct hc_claim *claim, uint32_t pid)
{
	char comm[HC_RECORD_COMM_MAX];

	(void)snprintf(comm, sizeof(comm), "p%u", pid);
	cr_assert(claim->matched, "%s has no actor", claim->path);
	cr_expect_eq(claim->actor.pid, pid, "%s: %u, not %u", claim->path, claim->actor.pid, pid);
	cr_expect_str_eq(claim->actor.comm, comm);
}

Test(actor, record_and_change_meet_in_either_order)
{
	struct world world;
	struct hc_claim *first, *second;

	world_init(&world);
	mounts(&world, "s", "/a");
	scan(&world);
	first = claim(&world, HC_CLAIM_ATTACH, "/a", "s");
	match(&world);
	expect_actor(first, 100);
	scan(&world);
	second = claim(&world, HC_CLAIM_DETACH, "/a", "s");
	match(&world);
	cr_expect_not(second->matched);
	umounts(&world, "/a");
	match(&world);
	expect_actor(second, 101);
	cr_expect_str_eq(briefs(&world), "");
	hc_actors_free(world.actors);
}

Test(actor, what_no_snapshot_showed_comes_out_in_pairs)
{
	struct world world;

	world_init(&world);
	mounts(&world, "x", "/a");
	umounts(&world, "/a");
	mounts(&world, "y", "/b");
	mounts(&world, "z", "/a");
	umounts(&world, "/a");
	cr_expect_str_eq(briefs(&world), "", "nothing is known of them before a scan");
	scan(&world);
	cr_expect_str_eq(briefs(&world), "/a:100-101 /a:103-104 ");
	umounts(&world, "/b");
	scan(&world);
	cr_expect_str_eq(briefs(&world), "/b:102-105 ");
	cr_expect_str_eq(briefs(&world), "", "each pair once");
	hc_actors_free(world.actors);
}

Test(actor, in_a_storm_at_one_path_each_change_has_its_own_record)
{
	struct world world;
	struct hc_claim *gone, *new;

	world_init(&world);
	umounts(&world, "/a");	   /* 100: of what had been there */
	mounts(&world, "1", "/a"); /* 101, 102: brief */
	umounts(&world, "/a");
	mounts(&world, "2", "/a"); /* 103: what the snapshot shows */
	scan(&world);
	umounts(&world, "/a"); /* 104 and on: later than the snapshot */
	mounts(&world, "3", "/a");
	gone = claim(&world, HC_CLAIM_DETACH, "/a", "0");
	new = claim(&world, HC_CLAIM_ATTACH, "/a", "2");
	match(&world);
	expect_actor(gone, 100);
	expect_actor(new, 103);
	cr_expect_str_eq(briefs(&world), "/a:101-102 ");
	scan(&world);
	gone = claim(&world, HC_CLAIM_DETACH, "/a", "2");
	new = claim(&world, HC_CLAIM_ATTACH, "/a", "3");
	match(&world);
	expect_actor(gone, 104);
	expect_actor(new, 105);
	cr_expect_str_eq(briefs(&world), "");
	hc_actors_free(world.actors);
}

Test(actor, records_that_come_after_the_change_are_replayed_until_they_fit)
{
	struct world world;
	struct hc_claim *new;

	world_init(&world);
	scan(&world);
	new = claim(&world, HC_CLAIM_ATTACH, "/a", "2");
	mounts(&world, "1", "/a");
	umounts(&world, "/a");
	match(&world);
	cr_expect_not(new->matched, "another source");
	cr_expect_str_eq(briefs(&world), "", "the pair may yet belong to the change");
	mounts(&world, "2", "/a");
	umounts(&world, "/a");
	match(&world);
	expect_actor(new, 102);
	cr_expect_str_eq(briefs(&world), "/a:100-101 ");
	hc_actors_free(world.actors);
}

Test(actor, a_late_change_takes_any_record_that_might_fit)
{
	struct world world;
	struct hc_claim *gone, *new;

	world_init(&world);
	/* The umount's record was overtaken by that of the mount. */
	mounts(&world, "n", "/a");
	umounts(&world, "/a");
	scan(&world);
	gone = claim(&world, HC_CLAIM_DETACH, "/a", "o");
	new = claim(&world, HC_CLAIM_ATTACH, "/a", "n");
	match(&world);
	cr_expect_not(gone->matched);
	world.now += HC_ACTOR_WAIT_NS;
	match(&world);
	expect_actor(gone, 101);
	expect_actor(new, 100);
	cr_expect_str_eq(briefs(&world), "");
	hc_actors_free(world.actors);
}

Test(actor, one_lazy_umount_explains_a_whole_tree)
{
	struct world world;
	struct hc_claim *claims[3];

	world_init(&world);
	umounts(&world, "/a");
	scan(&world);
	claims[0] = claim(&world, HC_CLAIM_DETACH, "/a/b/c", "x");
	claims[1] = claim(&world, HC_CLAIM_DETACH, "/a/b", "y");
	claims[2] = claim(&world, HC_CLAIM_DETACH, "/a", "z");
	match(&world);
	for (size_t i = 0; i < 3; i++)
		expect_actor(claims[i], 100);
	hc_actors_free(world.actors);
}

Test(actor, one_recursive_bind_explains_what_is_below_and_a_plain_one_does_not)
{
	struct world world;
	struct hc_claim *top, *below;

	world_init(&world);
	cr_assert(record(&world, HC_RECORD_MOUNT, MS_BIND_ | MS_REC_, "/s", "/a"));
	scan(&world);
	top = claim(&world, HC_CLAIM_ATTACH, "/a", "x");
	below = claim(&world, HC_CLAIM_ATTACH, "/a/b", "y");
	match(&world);
	expect_actor(top, 100);
	expect_actor(below, 100);
	cr_assert(record(&world, HC_RECORD_MOUNT, MS_BIND_, "/s", "/c"));
	scan(&world);
	top = claim(&world, HC_CLAIM_ATTACH, "/c", "x");
	below = claim(&world, HC_CLAIM_ATTACH, "/c/b", "y");
	match(&world);
	expect_actor(top, 101);
	cr_expect_not(below->matched);
	hc_actors_free(world.actors);
}

Test(actor, a_copy_by_propagation_has_the_actor_of_the_original)
{
	struct world world;
	struct hc_claim *original, *copy;

	world_init(&world);
	mounts(&world, "s", "/a/x");
	scan(&world);
	original = claim(&world, HC_CLAIM_ATTACH, "/a/x", "s");
	copy = claim(&world, HC_CLAIM_ATTACH, "/peer/x", "s");
	copy->device = original->device;
	match(&world);
	expect_actor(original, 100);
	expect_actor(copy, 100);
	hc_actors_free(world.actors);
}

Test(actor, a_move_is_known_by_where_it_went)
{
	struct world world;
	struct hc_claim *claims[3];

	world_init(&world);
	cr_assert(record(&world, HC_RECORD_MOUNT, MS_MOVE_, "/a", "/b"));
	cr_assert(record(&world, HC_RECORD_MOVE_MOUNT, 0, "/c", "/d"));
	scan(&world);
	claims[0] = claim(&world, HC_CLAIM_MOVE, "/b", "x");
	claims[1] = claim(&world, HC_CLAIM_MOVE, "/b/below", "x");
	claims[2] = claim(&world, HC_CLAIM_MOVE, "/d", "x");
	match(&world);
	expect_actor(claims[0], 100);
	expect_actor(claims[1], 100);
	expect_actor(claims[2], 101);
	hc_actors_free(world.actors);
}

Test(actor, pivot_root_explains_any_move)
{
	struct world world;
	struct hc_claim *moved;

	world_init(&world);
	cr_assert(record(&world, HC_RECORD_PIVOT_ROOT, 0, ".", "."));
	scan(&world);
	moved = claim(&world, HC_CLAIM_MOVE, "/old/proc", "x");
	match(&world);
	expect_actor(moved, 100);
	hc_actors_free(world.actors);
}

Test(actor, the_new_mount_api_attaches_from_a_descriptor)
{
	struct world world;
	struct hc_claim *new;

	world_init(&world);
	cr_assert(record(&world, HC_RECORD_MOVE_MOUNT, MOVE_MOUNT_F_EMPTY_PATH, "", "/a"));
	scan(&world);
	new = claim(&world, HC_CLAIM_ATTACH, "/a", "none");
	match(&world);
	expect_actor(new, 100);
	hc_actors_free(world.actors);
}

static const struct {
	const char *target, *path;
} spellings[] = {
	{ "stick", "/media/stick" },
	{ "../media/stick", "/media/stick" },
	{ "/var/run/x", "/run/x" },
	{ "/proc/self/fd/7", "/container/rootfs" },
	{ "/media/stick/", "/media/stick" },
	{ "/link", "/where/it/leads" },
	{ NULL, "/media/stick" },
};

Test(actor, a_path_may_be_spelt_otherwise)
{
	for (size_t i = 0; i < HC_ARRAY_LEN(spellings); i++) {
		struct world world;
		struct hc_claim *new, *gone;

		world_init(&world);
		cr_assert(record(&world, HC_RECORD_MOUNT, 0, "s", spellings[i].target));
		scan(&world);
		new = claim(&world, HC_CLAIM_ATTACH, spellings[i].path, "s");
		match(&world);
		expect_actor(new, 100);
		umounts(&world, spellings[i].target ? spellings[i].target : "x");
		scan(&world);
		gone = claim(&world, HC_CLAIM_DETACH, spellings[i].path, "s");
		match(&world);
		expect_actor(gone, 101);
		cr_expect_str_eq(briefs(&world), "");
		hc_actors_free(world.actors);
	}
}

Test(actor, a_cut_path_is_compared_as_far_as_it_goes)
{
	struct world world;
	struct hc_claim *new;
	char path[400];

	memset(path, 'x', sizeof(path));
	path[0] = '/';
	path[sizeof(path) - 1] = '\0';
	world_init(&world);
	{
		struct hc_record cut = { .kind = HC_RECORD_MOUNT,
					 .pid = 100,
					 .source_len = 1,
					 .target_len = HC_RECORD_TEXT_MAX - 1,
					 .source = "s",
					 .comm = "p100" };

		memcpy(cut.target, path, HC_RECORD_TEXT_MAX - 1);
		cr_assert(hc_actors_add(world.actors, &cut, world.now));
	}
	scan(&world);
	new = claim(&world, HC_CLAIM_ATTACH, path, "s");
	match(&world);
	expect_actor(new, 100);
	hc_actors_free(world.actors);
}

Test(actor, what_attaches_nothing_is_not_kept)
{
	struct world world;

	world_init(&world);
	cr_expect_not(record(&world, HC_RECORD_MOUNT, MS_REMOUNT_, "s", "/a"));
	cr_expect_not(record(&world, HC_RECORD_MOUNT, MS_REMOUNT_ | MS_BIND_, "s", "/a"));
	cr_expect_not(record(&world, HC_RECORD_MOUNT, MS_SHARED_, "s", "/a"));
	cr_expect_not(record(&world, HC_RECORD_MOUNT, MS_SHARED_ | MS_REC_, "s", "/a"));
	cr_expect_not(record(&world, 77, 0, "s", "/a"), "of no kind that we know");
	cr_expect(record(&world, HC_RECORD_MOUNT, 0xc0ed0000, "s", "/a"), "the old magic");
	cr_expect_eq(hc_actors_waiting(world.actors), 1);
	hc_actors_free(world.actors);
}

Test(actor, a_replaced_mount_is_found_without_unique_ids)
{
	struct world world;

	world_init(&world);
	umounts(&world, "/a");
	mounts(&world, "s", "/a");
	umounts(&world, "rel");
	mounts(&world, "s", "rel");
	scan(&world);
	cr_expect_str_eq(briefs(&world), "");
	hc_actors_replaced(world.actors, NULL, world.now, note_brief, &world);
	cr_expect_str_eq(world.brief, "/a:101-100 ");
	hc_actors_free(world.actors);
}

Test(actor, records_that_belong_to_nothing_are_forgotten)
{
	struct world world;
	struct hc_claim *new;

	world_init(&world);
	mounts(&world, "s", "/a");
	scan(&world);
	world.now += HC_ACTOR_KEEP_NS;
	cr_expect_str_eq(briefs(&world), "");
	new = claim(&world, HC_CLAIM_ATTACH, "/a", "s");
	match(&world);
	cr_expect_not(new->matched);
	hc_actors_free(world.actors);
}

Test(actor, too_many_records_cost_the_oldest)
{
	struct world world;
	struct hc_claim *new;
	char path[32];

	world_init(&world);
	for (size_t i = 0; i < 3 * HC_ACTOR_RECORDS_MAX; i++) {
		(void)snprintf(path, sizeof(path), "/%zu", i);
		mounts(&world, "s", path);
	}
	cr_expect_leq(hc_actors_waiting(world.actors), HC_ACTOR_RECORDS_MAX);
	scan(&world);
	new = claim(&world, HC_CLAIM_ATTACH, path, "s");
	match(&world);
	expect_actor(new, world.pid - 1);
	hc_actors_free(world.actors);
}
