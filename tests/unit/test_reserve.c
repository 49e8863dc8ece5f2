/* SPDX-License-Identifier: MIT */
/* What is kept for others is theirs when there is nothing else, and is kept again afterwards. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "ws/wire/reserve.h"

#define ASKED_BYTES (600 * 1024)

static void limit_memory(rlim_t bytes)
{
	cr_assert_eq(setrlimit(RLIMIT_AS, &(struct rlimit){ bytes, RLIM_INFINITY }), 0);
}

static rlim_t mapped_bytes(void)
{
	unsigned long pages = 0;
	FILE *file = fopen("/proc/self/statm", "re");

	cr_assert(file);
	cr_assert_eq(fscanf(file, "%lu", &pages), 1);
	(void)fclose(file);
	return pages * (rlim_t)sysconf(_SC_PAGESIZE);
}

Test(reserve, is_given_when_there_is_no_other_memory)
{
#if defined(__SANITIZE_ADDRESS__)
	cr_skip("a sanitizer ends the program instead");
#endif
	void *given;

	cr_assert(hc_reserve_fill());
	limit_memory(mapped_bytes());
	cr_expect_null(malloc(ASKED_BYTES));
	given = hc_reserve_realloc(NULL, ASKED_BYTES);
	cr_expect(given);
	cr_expect_null(hc_reserve_realloc(NULL, ASKED_BYTES));
	cr_expect_not(hc_reserve_fill());
	limit_memory(RLIM_INFINITY);
	cr_expect(hc_reserve_fill());
	cr_expect_null(hc_reserve_realloc(given, 0));
	hc_reserve_free();
}
