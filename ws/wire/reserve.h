/* SPDX-License-Identifier: MIT */
/*
 * Memory for the libraries that cannot do without: where an allocation of its own fails, libuv
 * aborts, and libwebsockets 4.1.6 follows NULL pointers or leaks connections. They get what is kept
 * here, and as long as it is not whole again no client is let in.
 *
 * One of them a process, and not a part of struct hc_hub: neither library gives its allocator a
 * context.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/** hc_reserve_fill() - keep it, if it is not there; false: there is no memory for it */
bool hc_reserve_fill(void);

/** hc_reserve_free() - at the end */
void hc_reserve_free(void);

/** hc_reserve_realloc() - realloc(3), from the reserve if need be; @size 0 frees */
void *hc_reserve_realloc(void *old, size_t size);

/** hc_reserve_serve_uv() - let libuv allocate here; before anything else is done with it */
void hc_reserve_serve_uv(void);
