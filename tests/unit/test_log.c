/* SPDX-License-Identifier: MIT */
/* Log messages: what reaches stderr, in both forms, and how untrusted text is shown. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "proto/clock.h"
#include "proto/log.h"

/* Every test is a process of its own: what it does to stderr ends with it. */
static int take_stderr(void)
{
	int fd = memfd_create("stderr", MFD_CLOEXEC);

	cr_assert_geq(fd, 0);
	cr_assert_eq(dup2(fd, STDERR_FILENO), STDERR_FILENO);
	return fd;
}

static void expect_written(int fd, const char *wanted)
{
	char text[8192];
	ssize_t len = pread(fd, text, sizeof(text) - 1, 0);

	cr_assert_geq(len, 0);
	text[len] = '\0';
	cr_expect_str_eq(text, wanted);
}

Test(log, a_line_names_program_and_level)
{
	int fd = take_stderr();

	hc_log_init("hostcast-test", HC_LOG_INFO);
	hc_err("one %d", 1);
	hc_info("two");
	expect_written(fd, "hostcast-test: err: one 1\nhostcast-test: info: two\n");
}

Test(log, messages_above_the_level_are_dropped)
{
	int fd = take_stderr();

	hc_log_init("t", HC_LOG_WARNING);
	hc_notice("no");
	hc_info("no");
	hc_debug("no");
	hc_warn("yes");
	expect_written(fd, "t: warning: yes\n");
}

static void set_journal_stream(const struct stat *st, int ino_more)
{
	char stream[64];

	(void)snprintf(stream, sizeof(stream), "%llu:%llu", (unsigned long long)st->st_dev,
		       (unsigned long long)st->st_ino + (unsigned int)ino_more);
	cr_assert_eq(setenv("JOURNAL_STREAM", stream, 1), 0);
}

Test(log, the_journal_gets_the_priority_instead)
{
	int fd = take_stderr();
	struct stat st;

	cr_assert_eq(fstat(fd, &st), 0);
	set_journal_stream(&st, 0);
	hc_log_init("t", HC_LOG_INFO);
	hc_err("one");
	hc_info("two");
	expect_written(fd, "<3>one\n<6>two\n");
}

Test(log, an_inherited_journal_variable_does_not_make_stderr_the_journal)
{
	int fd = take_stderr();
	struct stat st;

	cr_assert_eq(fstat(fd, &st), 0);
	set_journal_stream(&st, 1);
	hc_log_init("t", HC_LOG_INFO);
	hc_err("one");
	expect_written(fd, "t: err: one\n");
}

Test(log, a_message_is_one_line_whatever_is_in_it)
{
	int fd = take_stderr();

	hc_log_init("t", HC_LOG_INFO);
	hc_err("a\nb\x1b[0m\tc\r\x7f");
	expect_written(fd, "t: err: a b [0m c  \n");
}

Test(log, a_message_that_is_too_long_ends_in_dots)
{
	int fd = take_stderr();
	char text[8192];
	ssize_t len;

	hc_log_init("t", HC_LOG_INFO);
	hc_err("%*s", 5000, "x");
	len = pread(fd, text, sizeof(text), 0);
	cr_assert_gt(len, 1000);
	cr_assert_lt(len, 4096);
	cr_expect_arr_eq(text + len - 4, "...\n", 4);
}

Test(log, errno_can_be_shown_and_is_left_alone)
{
	int fd = take_stderr();

	hc_log_init("t", HC_LOG_INFO);
	errno = ENOENT;
	hc_err("open: %m");
	cr_expect_eq(errno, ENOENT);
	expect_written(fd, "t: err: open: No such file or directory\n");
}

Test(log, a_closed_stderr_does_no_harm)
{
	cr_assert_eq(close(STDERR_FILENO), 0);
	errno = 0;
	hc_err("nobody hears this");
	cr_expect_eq(errno, 0);
}

Test(log, level_names_are_read_exactly)
{
	static const struct {
		const char *name;
		int level;
	} cases[] = {
		{ "err", HC_LOG_ERR },
		{ "warning", HC_LOG_WARNING },
		{ "notice", HC_LOG_NOTICE },
		{ "info", HC_LOG_INFO },
		{ "debug", HC_LOG_DEBUG },
		{ "", -1 },
		{ "Err", -1 },
		{ "error", -1 },
		{ "warn", -1 },
		{ "info ", -1 },
		{ "6", -1 },
	};

	for (size_t i = 0; i < HC_ARRAY_LEN(cases); i++)
		cr_expect_eq(hc_log_level_from_name(cases[i].name), cases[i].level, "\"%s\"",
			     cases[i].name);
}

Test(log, quoted_text_is_printable_ascii)
{
	static const struct {
		struct hc_str text;
		const char *wanted;
	} cases[] = {
		{ { "", 0 }, "\"\"" },
		{ { NULL, 0 }, "\"\"" },
		{ { "plain text", 10 }, "\"plain text\"" },
		{ { "say \"hi\" \\o/", 12 }, "\"say \\\"hi\\\" \\\\o/\"" },
		{ { "a\n\r\tb", 5 }, "\"a\\n\\r\\tb\"" },
		{ { "\0\x1b\x7f\xff", 4 }, "\"\\x00\\x1b\\x7f\\xff\"" },
		{ { "caf\xc3\xa9", 5 }, "\"caf\\xc3\\xa9\"" },
	};
	char buffer[HC_LOG_QUOTE_MAX];

	for (size_t i = 0; i < HC_ARRAY_LEN(cases); i++)
		cr_expect_str_eq(hc_log_quote(buffer, cases[i].text), cases[i].wanted);
}

/* At every length around the limit, and never half an escape before the dots. */
Test(log, quoted_text_that_is_too_long_ends_in_dots)
{
	char text[2 * HC_LOG_QUOTE_MAX], buffer[HC_LOG_QUOTE_MAX];
	size_t n_cut = 0;

	for (size_t len = HC_LOG_QUOTE_MAX / 4 - 8; len < HC_LOG_QUOTE_MAX / 4 + 8; len++) {
		const char *quoted;
		size_t quoted_len;

		memset(text, '\x01', len);
		quoted = hc_log_quote(buffer, (struct hc_str){ text, len });
		quoted_len = strlen(quoted);
		cr_assert_lt(quoted_len, HC_LOG_QUOTE_MAX);
		if (quoted[quoted_len - 1] == '"') {
			cr_expect_eq(quoted_len, 4 * len + 2);
			continue;
		}
		n_cut++;
		cr_expect_str_eq(quoted + quoted_len - 8, "\\x01\"...");
	}
	cr_expect_gt(n_cut, 0);
}

Test(log, a_limited_message_passes_once_and_then_waits)
{
	struct hc_log_limit limit = { 0 };
	int fd = take_stderr();

	hc_log_init("t", HC_LOG_INFO);
	cr_expect(hc_log_limited(&limit));
	for (int i = 0; i < 5; i++)
		cr_expect_not(hc_log_limited(&limit));
	cr_expect_eq(limit.n_suppressed, 5);
	limit.next_ns = hc_monotonic_ns(); /* as if the second had passed */
	cr_expect(hc_log_limited(&limit));
	cr_expect_eq(limit.n_suppressed, 0);
	expect_written(fd, "t: warning: 5 messages like the next one were suppressed\n");
}
