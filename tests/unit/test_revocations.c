/* SPDX-License-Identifier: MIT */
/* Revocations: which tokens they stop, until when, and that no restart forgets them. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "proto/clock.h"
#include "proto/fault.h"
#include "tests/unit/hub.h"
#include "tests/unit/jwt.h"
#include "ws/auth/grant.h"
#include "ws/auth/revocations.h"

#define NOW_S INT64_C(1800000000)

static struct hc_revocations *open_at(const char *path)
{
	struct hc_revocations *revocations = NULL;
	struct hc_fault fault = HC_FAULT_NULL;

	cr_assert_eq(hc_revocations_open(&revocations, path, &fault), 0, "%s", fault.message);
	return revocations;
}

static void add(struct hc_revocations *revocations, enum hc_revocation_of of, const char *name,
		int64_t until)
{
	const struct hc_revocation revocation = {
		.of = of, .name = hc_str(name), .since_unix_s = NOW_S, .until_unix_s = until
	};

	cr_assert_eq(hc_revocations_add(revocations, &revocation), 0);
}

static void save(struct hc_revocations *revocations)
{
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer json = HC_BUFFER_NULL;

	hc_revocations_format(revocations, &json);
	cr_assert_eq(hc_revocations_write(revocations, &json), 0);
}

static bool has(const struct hc_revocations *revocations, const char *claims, int64_t now_unix_s)
{
	const struct hc_grant_wants wants = { .audience = "",
					      .issuer = "",
					      .now_unix_ms = NOW_S * 1000 };
	json_t *json = json_loads(claims, 0, NULL);
	HC_CLEANUP(hc_grant_unrefp) struct hc_grant *grant = hc_grant_new(json, &wants, NULL);

	json_decref(json);
	cr_assert(grant, "%s", claims);
	return hc_revocations_has(revocations, grant, now_unix_s);
}

Test(revocations, a_token_is_revoked_by_its_own_name)
{
	HC_CLEANUP(hc_revocations_freep) struct hc_revocations *all = open_at("");

	add(all, HC_REVOCATION_JTI, "t1", 0);
	cr_expect(has(all, "{\"sub\":\"a\",\"jti\":\"t1\",\"exp\":9999999999}", NOW_S));
	cr_expect_not(has(all, "{\"sub\":\"a\",\"jti\":\"t2\",\"exp\":9999999999}", NOW_S));
	cr_expect_not(has(all, "{\"sub\":\"a\",\"jti\":\"t\",\"exp\":9999999999}", NOW_S));
	cr_expect_not(has(all, "{\"sub\":\"a\",\"exp\":9999999999}", NOW_S));
	cr_expect_not(has(all, "{\"sub\":\"t1\",\"exp\":9999999999}", NOW_S));
}

Test(revocations, all_tokens_of_a_user_up_to_now_are_revoked)
{
	HC_CLEANUP(hc_revocations_freep) struct hc_revocations *all = open_at("");

	add(all, HC_REVOCATION_SUB, "carol", 0);
	cr_expect(has(all, "{\"sub\":\"carol\",\"exp\":9999999999}", NOW_S));
	cr_expect(has(all, "{\"sub\":\"carol\",\"iat\":1799999999,\"exp\":9999999999}", NOW_S));
	cr_expect(has(all, "{\"sub\":\"carol\",\"iat\":1800000000,\"exp\":9999999999}", NOW_S));
	cr_expect_not(has(all, "{\"sub\":\"carol\",\"iat\":1800000001,\"exp\":9999999999}", NOW_S));
	cr_expect_not(has(all, "{\"sub\":\"carla\",\"exp\":9999999999}", NOW_S));
	cr_expect_not(has(all, "{\"sub\":\"a\",\"jti\":\"carol\",\"exp\":9999999999}", NOW_S));
}

Test(revocations, one_ends_when_its_time_is_over)
{
	HC_CLEANUP(hc_revocations_freep) struct hc_revocations *all = open_at("");
	static const char claims[] = "{\"sub\":\"carol\",\"exp\":9999999999}";

	add(all, HC_REVOCATION_SUB, "carol", NOW_S + 10);
	cr_expect(has(all, claims, NOW_S + 9));
	cr_expect_not(has(all, claims, NOW_S + 10));
	add(all, HC_REVOCATION_SUB, "carol", NOW_S + 20);
	cr_expect(has(all, claims, NOW_S + 19));
	add(all, HC_REVOCATION_SUB, "carol", NOW_S + 5);
	cr_expect(has(all, claims, NOW_S + 19), "a second one made it shorter");
	add(all, HC_REVOCATION_SUB, "carol", 0);
	cr_expect(has(all, claims, INT64_MAX));
	add(all, HC_REVOCATION_SUB, "carol", NOW_S + 5);
	cr_expect(has(all, claims, INT64_MAX), "a second one made it shorter");
	cr_expect_eq(hc_revocations_count(all), 1);
}

Test(revocations, they_are_listed_in_pages)
{
	HC_CLEANUP(hc_revocations_freep) struct hc_revocations *all = open_at("");
	struct hc_revocation page[3];
	char name[32];

	add(all, HC_REVOCATION_JTI, "over", 1);
	for (int i = 0; i <= 10; i++) {
		(void)snprintf(name, sizeof(name), "t%d", i);
		add(all, HC_REVOCATION_JTI, name, 0);
	}
	hc_revocations_drop_over(all);
	cr_expect_eq(hc_revocations_count(all), 11);
	cr_expect_eq(hc_revocations_read(all, page, 0, 3), 3);
	cr_expect(hc_str_is(page[0].name, "t0"));
	cr_expect_eq(hc_revocations_read(all, page, 9, 3), 2);
	cr_expect(hc_str_is(page[1].name, "t10"));
	cr_expect_eq(hc_revocations_read(all, page, 11, 3), 0);
	cr_expect_eq(hc_revocations_read(all, page, SIZE_MAX, 3), 0);
}

Test(revocations, there_is_room_for_so_many_and_those_that_are_over_make_room)
{
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer json = HC_BUFFER_NULL;
	const struct hc_revocation known = { .of = HC_REVOCATION_JTI,
					     .name = HC_STR("t0"),
					     .since_unix_s = 1 };
	struct hc_revocation more = known;
	char *dir = test_dir(), *path;
	struct hc_revocations *all;

	hc_buffer_printf(&json, "{\"version\":1,\"revocations\":[");
	for (int i = 0; i < HC_REVOCATIONS_MAX; i++)
		hc_buffer_printf(&json, "%s{\"jti\":\"t%d\",\"since\":1%s}", i ? "," : "", i,
				 i == 7 ? ",\"until\":1" : "");
	hc_buffer_printf(&json, "]}");
	cr_assert_not(json.failed);
	path = test_file(dir, "revocations", (struct hc_str){ json.data, json.len }, 0600);
	all = open_at(path);
	cr_expect_eq(hc_revocations_count(all), HC_REVOCATIONS_MAX - 1);
	more.name = HC_STR("last");
	cr_expect_eq(hc_revocations_add(all, &more), 0);
	more.name = HC_STR("one too many");
	cr_expect_eq(hc_revocations_add(all, &more), HC_REVOCATIONS_E_FULL);
	cr_expect_eq(hc_revocations_add(all, &known), 0, "one that is there needs no room");
	(void)hc_revocations_free(all);
	free(path);
	test_dir_remove(dir);
}

Test(revocations, a_restart_forgets_nothing)
{
	char *dir = test_dir(), *path = NULL;
	struct hc_revocations *all;

	cr_assert_gt(asprintf(&path, "%s/revocations.json", dir), 0);
	all = open_at(path);
	cr_expect_eq(hc_revocations_count(all), 0, "a file that is missing is none");
	add(all, HC_REVOCATION_JTI, "t \"1\"\n\xc3\xa4", 0);
	add(all, HC_REVOCATION_SUB, "carol", 9999999999);
	add(all, HC_REVOCATION_SUB, "over", 1);
	save(all);
	(void)hc_revocations_free(all);

	all = open_at(path);
	cr_expect_eq(hc_revocations_count(all), 2);
	cr_expect(has(all, "{\"sub\":\"a\",\"jti\":\"t \\\"1\\\"\\n\\u00e4\",\"exp\":9999999999}",
		      NOW_S));
	cr_expect(has(all, "{\"sub\":\"carol\",\"exp\":9999999999}", 9999999998));
	cr_expect_not(has(all, "{\"sub\":\"carol\",\"exp\":9999999999}", 9999999999));
	cr_expect_not(has(all, "{\"sub\":\"carol\",\"iat\":1800000001,\"exp\":9999999999}", NOW_S));
	(void)hc_revocations_free(all);
	free(path);
	test_dir_remove(dir);
}

Test(revocations, what_cannot_be_written_is_told_and_leaves_the_file_alone)
{
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer json = HC_BUFFER_NULL;
	char *dir = test_dir(), *path = NULL, *new = NULL;
	struct hc_revocations *all;

	cr_assert_gt(asprintf(&path, "%s/revocations", dir), 0);
	cr_assert_gt(asprintf(&new, "%s.new", path), 0);
	all = open_at(path);
	add(all, HC_REVOCATION_JTI, "t1", 0);
	save(all);
	add(all, HC_REVOCATION_JTI, "t2", 0);
	hc_revocations_format(all, &json);
	cr_assert_eq(mkdir(new, 0700), 0);
	cr_expect_eq(hc_revocations_write(all, &json), -EISDIR);
	json.failed = true;
	cr_expect_eq(hc_revocations_write(all, &json), -ENOMEM);
	cr_assert_eq(rmdir(new), 0);
	(void)hc_revocations_free(all);
	all = open_at(path);
	cr_expect_eq(hc_revocations_count(all), 1);
	(void)hc_revocations_free(all);
	free(new);
	free(path);
	test_dir_remove(dir);
}

Test(revocations, a_damaged_file_is_refused)
{
	static const char *const damaged[] = {
		"",
		"{",
		"{}",
		"[]",
		"{\"version\":2,\"revocations\":[]}",
		"{\"version\":\"1\",\"revocations\":[]}",
		"{\"version\":1}",
		"{\"version\":1,\"revocations\":{}}",
		"{\"version\":1,\"revocations\":[],\"revocations\":[]}",
		"{\"version\":1,\"revocations\":[7]}",
		"{\"version\":1,\"revocations\":[{}]}",
		"{\"version\":1,\"revocations\":[{\"since\":1}]}",
		"{\"version\":1,\"revocations\":[{\"jti\":\"a\"}]}",
		"{\"version\":1,\"revocations\":[{\"jti\":\"\",\"since\":1}]}",
		"{\"version\":1,\"revocations\":[{\"jti\":7,\"since\":1}]}",
		"{\"version\":1,\"revocations\":[{\"jti\":\"a\",\"sub\":\"b\",\"since\":1}]}",
		"{\"version\":1,\"revocations\":[{\"jti\":\"a\",\"since\":\"1\"}]}",
		"{\"version\":1,\"revocations\":[{\"jti\":\"a\",\"since\":0}]}",
		"{\"version\":1,\"revocations\":[{\"jti\":\"a\",\"since\":1,\"until\":null}]}",
		"{\"version\":1,\"revocations\":[{\"jti\":\"a\",\"since\":1,\"untl\":2}]}",
		"{\"version\":1,\"revocations\":[{\"jti\":\"a\",\"since\":1},{\"jti\":\"a\","
		"\"since\":2}]}",
		"{\"version\":1,\"revocations\":[{\"jti\":\"a\",\"since\":1}]",
	};
	char *dir = test_dir();

	for (size_t i = 0; i < HC_ARRAY_LEN(damaged); i++) {
		char *path = test_file(dir, "revocations", hc_str(damaged[i]), 0600);
		struct hc_revocations *all = NULL;
		struct hc_fault fault = HC_FAULT_NULL;

		cr_expect_lt(hc_revocations_open(&all, path, &fault), 0, "%s", damaged[i]);
		cr_expect_null(all);
		cr_expect(strstr(fault.message, path) && strstr(fault.message, "backup"), "%s: %s",
			  damaged[i], fault.message);
		free(path);
	}
	test_dir_remove(dir);
}

Test(revocations, a_name_of_any_length_is_looked_up_safely)
{
	HC_CLEANUP(hc_revocations_freep) struct hc_revocations *all = open_at("");
	char name[HC_GRANT_NAME_MAX + 1], *claims = NULL;

	memset(name, 'n', HC_GRANT_NAME_MAX);
	name[HC_GRANT_NAME_MAX] = '\0';
	add(all, HC_REVOCATION_SUB, name, 0);
	cr_assert_gt(asprintf(&claims, "{\"sub\":\"%s\",\"exp\":9999999999}", name), 0);
	cr_expect(has(all, claims, NOW_S));
	claims[strcspn(claims, "n")] = 'm';
	cr_expect_not(has(all, claims, NOW_S));
	free(claims);
}
