/* SPDX-License-Identifier: MIT */
/* It is never written to, so it costs addresses and no pages. */
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "ws/wire/reserve.h"

#define RESERVE_BYTES (1024 * 1024) /* for the requests of those who are being let in */

static _Atomic(void *) reserve; /* NULL: used */

bool hc_reserve_fill(void)
{
	void *none = NULL, *more;

	if (atomic_load(&reserve))
		return true;
	more = malloc(RESERVE_BYTES);
	if (!more)
		return false;
	if (!atomic_compare_exchange_strong(&reserve, &none, more))
		free(more); /* somebody was faster */
	return true;
}

void hc_reserve_free(void)
{
	free(atomic_exchange(&reserve, NULL));
}

void *hc_reserve_realloc(void *old, size_t size)
{
	void *new;

	if (!size) {
		free(old);
		return NULL;
	}
	new = realloc(old, size);
	if (new || !atomic_load(&reserve))
		return new;
	hc_reserve_free();
	return realloc(old, size);
}

static void *allocate(size_t size)
{
	return hc_reserve_realloc(NULL, size ? size : 1);
}

static void *allocate_zeroed(size_t n, size_t size)
{
	size_t bytes;
	void *new;

	if (__builtin_mul_overflow(n, size, &bytes))
		return NULL;
	new = allocate(bytes);
	return new ? memset(new, 0, bytes) : NULL;
}

void hc_reserve_serve_uv(void)
{
	/* It fails without a function to call only. */
	(void)uv_replace_allocator(allocate, hc_reserve_realloc, allocate_zeroed, free);
}
