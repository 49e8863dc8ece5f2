/* SPDX-License-Identifier: MIT */
/* Growable bytes: growth, failure that sticks, consuming. */
#include <criterion/criterion.h>
#include <errno.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "proto/buffer.h"

static void expect_content(const struct hc_buffer *buffer, const char *wanted)
{
	cr_expect_eq(buffer->len, strlen(wanted));
	cr_expect_arr_eq(buffer->data, wanted, buffer->len);
}

Test(buffer, appends_bytes_slices_and_formatted_text)
{
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer buffer = HC_BUFFER_NULL;

	hc_buffer_append(&buffer, "ab", 2);
	hc_buffer_append_str(&buffer, HC_STR("cd"));
	hc_buffer_append_str(&buffer, (struct hc_str){ NULL, 0 });
	hc_buffer_printf(&buffer, "%d-%s", 7, "x");
	cr_expect_not(buffer.failed);
	expect_content(&buffer, "abcd7-x");
}

Test(buffer, keeps_every_byte_while_it_grows)
{
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer buffer = HC_BUFFER_NULL;
	const size_t n = 100000;

	for (size_t i = 0; i < n; i++) {
		char byte = (char)(i * 31);

		hc_buffer_append(&buffer, &byte, 1);
	}
	cr_assert_eq(buffer.len, n);
	for (size_t i = 0; i < n; i++)
		cr_assert_eq(buffer.data[i], (char)(i * 31), "byte %zu", i);
	cr_expect_leq(buffer.cap, 2 * n);
}

Test(buffer, an_append_that_finds_no_memory_stops_all_later_ones)
{
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer buffer = HC_BUFFER_NULL;

	hc_buffer_append(&buffer, "ab", 2);
	cr_expect_null(hc_buffer_reserve(&buffer, SIZE_MAX / 2));
	cr_expect(buffer.failed);
	hc_buffer_append(&buffer, "c", 1);
	hc_buffer_printf(&buffer, "d");
	expect_content(&buffer, "ab");
	hc_buffer_reset(&buffer);
	hc_buffer_append(&buffer, "e", 1);
	cr_expect_not(buffer.failed);
	expect_content(&buffer, "e");
}

Test(buffer, a_reset_keeps_the_memory)
{
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer buffer = HC_BUFFER_NULL;
	const char *data;

	hc_buffer_append(&buffer, "abc", 3);
	data = buffer.data;
	hc_buffer_reset(&buffer);
	cr_expect_eq(buffer.len, 0);
	hc_buffer_append(&buffer, "d", 1);
	cr_expect_eq(buffer.data, data);
}

Test(buffer, consuming_moves_the_rest_to_the_front)
{
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer buffer = HC_BUFFER_NULL;

	hc_buffer_append(&buffer, "abcdef", 6);
	hc_buffer_consume(&buffer, 2);
	expect_content(&buffer, "cdef");
	hc_buffer_consume(&buffer, 4);
	expect_content(&buffer, "");
}

Test(buffer, is_usable_after_deinit)
{
	struct hc_buffer buffer = HC_BUFFER_NULL;

	hc_buffer_deinit(&buffer);
	hc_buffer_append(&buffer, "a", 1);
	hc_buffer_deinit(&buffer);
	cr_expect_null(buffer.data);
	cr_expect_eq(buffer.cap, 0);
	hc_buffer_append(&buffer, "b", 1);
	expect_content(&buffer, "b");
	hc_buffer_deinit(&buffer);
}

static void write_text(int fd, const char *text, int result)
{
	struct hc_buffer buffer = HC_BUFFER_NULL;

	hc_buffer_append(&buffer, text, strlen(text));
	cr_expect_eq(hc_buffer_write(&buffer, fd), result, "%s", text);
	hc_buffer_deinit(&buffer);
}

/* The first write then takes a part and says so, the next one nothing. */
Test(buffer, what_a_file_takes_only_in_part_is_not_taken_for_written)
{
	int fd = memfd_create("buffer", MFD_CLOEXEC);
	char text[8] = "";

	cr_assert_geq(fd, 0);
	(void)signal(SIGXFSZ, SIG_IGN);
	cr_assert_eq(setrlimit(RLIMIT_FSIZE, &(struct rlimit){ 5, 5 }), 0);
	write_text(fd, "abc", 0);
	write_text(fd, "defg", -EFBIG);
	cr_expect_eq(pread(fd, text, sizeof(text), 0), 5);
	cr_expect_str_eq(text, "abcde");
	close(fd);
	write_text(fd, "h", -EBADF);
}
