/* SPDX-License-Identifier: MIT */
/*
 * Preloaded into a program, lets the n-th allocation from now fail: n is the first word of the file
 * that SHORT_MEMORY names, mapped and counted down; 0 lets all succeed. The second word counts
 * those that have failed.
 *
 * Allocations that libwebsockets makes itself always succeed: version 4.1.6 follows a NULL pointer
 * in its accept path when one does not.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *old, size_t size);

static struct words {
	_Atomic int64_t left;
	_Atomic int64_t n_failed;
} * words;

__attribute__((constructor)) static void map_words(void)
{
	const char *path = getenv("SHORT_MEMORY");
	int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
	void *map =
		fd < 0 ? MAP_FAILED : mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (map == MAP_FAILED)
		_exit(126); /* a test that fails nothing must not pass */
	close(fd);
	words = map;
}

static bool is_exempt(const void *caller)
{
	Dl_info info;

	return dladdr(caller, &info) && info.dli_fname && strstr(info.dli_fname, "libwebsockets");
}

static bool fails(const void *caller)
{
	if (!words || words->left <= 0 || is_exempt(caller))
		return false;
	if (atomic_fetch_sub(&words->left, 1) != 1)
		return false;
	words->n_failed++;
	errno = ENOMEM;
	return true;
}

void *malloc(size_t size)
{
	return fails(__builtin_return_address(0)) ? NULL : __libc_malloc(size);
}

void *calloc(size_t n, size_t size)
{
	return fails(__builtin_return_address(0)) ? NULL : __libc_calloc(n, size);
}

void *realloc(void *old, size_t size)
{
	return fails(__builtin_return_address(0)) ? NULL : __libc_realloc(old, size);
}
