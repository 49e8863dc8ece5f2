/* SPDX-License-Identifier: MIT */
/*
 * What every file may use: cleanup attributes, ownership helpers, text slices.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#define HC_VERSION	    "0.1.0" /* of all programs */
#define HC_PROTOCOL_VERSION 1	    /* what "hello" carries as "version" */

#define HC_CLEANUP(fn)		      __attribute__((cleanup(fn)))
#define HC_PRINTF(format_at, args_at) __attribute__((format(printf, format_at, args_at)))

/* Defines fn##p(), the form of a destructor that HC_CLEANUP() wants. */
#define HC_DEFINE_CLEANUP(type, fn) \
	static inline void fn##p(type *p) \
	{ \
		if (*p) \
			fn(*p); \
	} \
	struct hc_swallow_semicolon_

#define HC_ARRAY_LEN(array) (sizeof(array) / sizeof((array)[0]))

/* Hands an owned pointer over and leaves NULL behind, so that its cleanup does nothing. */
#define hc_take(pointer) \
	({ \
		__auto_type taken_ = (pointer); \
		(pointer) = NULL; \
		taken_; \
	})

#define hc_container_of(pointer, type, member) ((type *)((char *)(pointer)-offsetof(type, member)))

/* Closes a descriptor that leaves scope; -1 means there is none. */
static inline void hc_closep(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

/* Text of known length: borrowed, not NUL-terminated, possibly empty, s may be NULL if len is 0. */
struct hc_str {
	const char *s;
	size_t len;
};

#define HC_STR(literal) ((struct hc_str){ "" literal, sizeof(literal) - 1 })

static inline struct hc_str hc_str(const char *text)
{
	return (struct hc_str){ text, text ? strlen(text) : 0 };
}

static inline bool hc_str_equal(struct hc_str a, struct hc_str b)
{
	return a.len == b.len && (!a.len || !memcmp(a.s, b.s, a.len));
}

static inline bool hc_str_is(struct hc_str a, const char *text)
{
	return hc_str_equal(a, hc_str(text));
}
