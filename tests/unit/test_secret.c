/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>

#include "proto/cli/secret.h"

/* Writes @content into a new file and reads it as a secret. */
static int read_back(struct hc_buffer *secret, const char *content, size_t len)
{
	char path[] = "/tmp/hc-unit-XXXXXX";
	int r, fd = mkstemp(path);

	cr_assert_geq(fd, 0);
	cr_assert_eq(write(fd, content, len), (ssize_t)len);
	close(fd);
	r = hc_secret_read(secret, path);
	unlink(path);
	return r;
}

Test(secret, one_newline_at_the_end_is_not_part_of_it)
{
	static const struct {
		const char *content;
		const char *secret;
	} cases[] = {
		{ "abc", "abc" }, { "abc\n", "abc" }, { "abc\n\n", "abc\n" }, { "a\nb", "a\nb" },
		{ "\n", "" },	  { "", "" },	      { " a \n", " a " },     { "a\r\n", "a\r" },
	};

	for (size_t i = 0; i < HC_ARRAY_LEN(cases); i++) {
		HC_CLEANUP(hc_buffer_deinit) struct hc_buffer secret = HC_BUFFER_NULL;

		cr_assert_eq(read_back(&secret, cases[i].content, strlen(cases[i].content)), 0);
		cr_assert_eq(secret.len, strlen(cases[i].secret));
		cr_assert_str_eq(secret.data, cases[i].secret);
	}
}

Test(secret, what_is_too_long_for_one_is_refused)
{
	static char content[HC_SECRET_MAX + 1];
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer whole = HC_BUFFER_NULL;
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer more = HC_BUFFER_NULL;

	memset(content, 'x', sizeof(content));
	cr_assert_eq(read_back(&whole, content, HC_SECRET_MAX), 0);
	cr_assert_eq(whole.len, HC_SECRET_MAX);
	cr_assert_eq(read_back(&more, content, HC_SECRET_MAX + 1), -EFBIG);
}

Test(secret, a_file_that_cannot_be_read_is_an_error)
{
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer secret = HC_BUFFER_NULL;

	cr_assert_eq(hc_secret_read(&secret, "/nonexistent"), -ENOENT);
	cr_assert_eq(hc_secret_read(&secret, "/"), -EISDIR);
}
