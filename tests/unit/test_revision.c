/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>
#include <stdio.h>
#include <sys/mman.h>

#include "conf/revision.h"
#include "conf/option.h"
#include "proto/buffer.h"
#include "proto/fault.h"

static const char *const all[] = { "hostcast", "hub",	 "tls",	 "log",	   "clients",
				   "auth",     "mounts", "rest", "health", NULL };
static const char *const some[] = { "hub", "clients", NULL };

static struct hc_conf *load(const char *text)
{
	HC_CLEANUP(hc_closep) int fd = memfd_create("conf", MFD_CLOEXEC);
	struct hc_fault fault = HC_FAULT_NULL;
	struct hc_conf *conf = NULL;
	char path[32];

	cr_assert_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	cr_assert_eq(hc_conf_load(&conf, path, &fault), 0, "%s", fault.message);
	return conf;
}

static void expect_kept(const char *before_text, const char *text, const char *const *sections,
			const char *named)
{
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer names = HC_BUFFER_NULL;
	HC_CLEANUP(hc_conf_freep) struct hc_conf *before = load(before_text);
	HC_CLEANUP(hc_conf_freep) struct hc_conf *reference = load(before_text);
	HC_CLEANUP(hc_conf_freep) struct hc_conf *conf = load(text);
	HC_CLEANUP(hc_conf_freep) struct hc_conf *wanted = load(text);

	hc_conf_keep(conf, before, sections, &names);
	hc_buffer_append(&names, "", 1);
	cr_expect_str_eq(names.data, named, "%s", text);
	for (size_t i = 0; i < hc_options_count; i++) {
		const struct hc_option *option = &hc_options[i];

		cr_expect(
			hc_option_same(option, conf, option->about.reloadable ? wanted : reference),
			"[%s] %s", option->about.section, option->about.key);
	}
}

Test(revision, what_is_reloadable_is_taken_and_the_rest_kept_and_named)
{
	static const struct {
		const char *before;
		const char *after;
		const char *named;
	} cases[] = {
		{ "", "", "" },
		{ "[clients]\nheartbeat = 1s\n", "[clients]\nheartbeat = 2s\nmax = 7\n", "" },
		{ "[hub]\nport = 1\n", "[hub]\nport = 1\ndrain_seconds = 1s\n", "" },
		{ "[hub]\nport = 1\n", "[hub]\nport = 2\n", "[hub] port" },
		{ "", "[hub]\nlisten = ::1\nring_bytes = 1M\n[log]\npath = /x\ndurability = none\n",
		  "[hub] listen, [hub] ring_bytes, [log] path, [log] durability" },
		{ "", "[mounts]\nfilesystems = ext4 xfs\n", "[mounts] filesystems" },
		{ "[mounts]\nfilesystems = ext4 xfs\n", "[mounts]\nfilesystems = ext4\n",
		  "[mounts] filesystems" },
		{ "[mounts]\nfilesystems = ext4 xfs\n", "[mounts]\nfilesystems = ext4, xfs\n", "" },
		{ "", "[clients]\norigins = https://a.example\n[auth]\npublish = open\n", "" },
		{ "", "[endpoint /ws/mine]\nevents = job.*\n", "" },
	};

	for (size_t i = 0; i < HC_ARRAY_LEN(cases); i++)
		expect_kept(cases[i].before, cases[i].after, all, cases[i].named);
}

Test(revision, what_is_not_ours_is_not_named)
{
	expect_kept("", "[hub]\nport = 2\n[mounts]\nbpf = off\n[log]\npath = /x\n", some,
		    "[hub] port");
	expect_kept("", "[endpoint /ws/mine]\nevents = job.*\n", some, "");
}

Test(revision, what_is_kept_stays_where_it_is)
{
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer names = HC_BUFFER_NULL;
	struct hc_conf *before = load("[log]\npath = /first\n");
	HC_CLEANUP(hc_conf_freep) struct hc_conf *conf = load("[log]\npath = /second\n");
	const char *borrowed = before->log.path;

	hc_conf_keep(conf, before, all, &names);
	(void)hc_conf_free(before);
	cr_expect_eq(conf->log.path, borrowed);
	cr_expect_str_eq(borrowed, "/first");
}

Test(revision, every_bit_of_an_age_counts)
{
	HC_CLEANUP(hc_conf_freep) struct hc_conf *a = load("[log]\nkeep_age = 0\n");
	HC_CLEANUP(hc_conf_freep) struct hc_conf *b = load("[log]\nkeep_age = 4294967296ms\n");
	const struct hc_option *option = hc_option_find("log", "keep_age");

	cr_expect_not(hc_option_same(option, a, b));
	hc_option_swap(option, a, b);
	cr_expect_eq(a->log.keep_age_ms, UINT64_C(1) << 32);
	cr_expect_eq(b->log.keep_age_ms, 0);
}
