/* SPDX-License-Identifier: MIT */
/*
 * Faults. Nothing here allocates: that there is no memory must be tellable too.
 */
#include <stdarg.h>
#include <stdio.h>

#include "proto/fault.h"
#include "proto/utf8.h"

static const char *const names[HC_FAULT_MAX_] = {
	[HC_FAULT_NONE] = "none",
	[HC_FAULT_MALFORMED] = "malformed",
	[HC_FAULT_TOO_LARGE] = "too_large",
	[HC_FAULT_UNKNOWN_METHOD] = "unknown_method",
	[HC_FAULT_INVALID_PARAMS] = "invalid_params",
	[HC_FAULT_UNKNOWN_TYPE] = "unknown_type",
	[HC_FAULT_SCHEMA] = "schema",
	[HC_FAULT_UNAUTHORIZED] = "unauthorized",
	[HC_FAULT_FORBIDDEN] = "forbidden",
	[HC_FAULT_NOT_FOUND] = "not_found",
	[HC_FAULT_CONFLICT] = "conflict",
	[HC_FAULT_RATE_LIMITED] = "rate_limited",
	[HC_FAULT_UNAVAILABLE] = "unavailable",
	[HC_FAULT_STORAGE_FULL] = "storage_full",
	[HC_FAULT_INTERNAL] = "internal",
};

void hc_fault_set(struct hc_fault *fault, enum hc_fault_code code, const char *format, ...)
{
	char text[HC_FAULT_MESSAGE_MAX +
		  4]; /* a character cut at its end is never one that is shown */
	va_list args;

	if (!fault)
		return;
	va_start(args, format);
	if (vsnprintf(text, sizeof(text), format, args) < 0)
		text[0] = '\0';
	va_end(args);
	fault->code = code;
	(void)hc_utf8_clean_fixed(fault->message, sizeof(fault->message), hc_str(text));
}

/* "/" and the escaped token; returns its length, or 0 if it does not fit whole. */
static size_t pointer_part(char ret[static HC_FAULT_POINTER_MAX], struct hc_str token)
{
	size_t len = 1;

	ret[0] = '/';
	for (size_t i = 0; i < token.len; i++) {
		bool escaped = token.s[i] == '~' || token.s[i] == '/';

		if (len + 1 + escaped >= HC_FAULT_POINTER_MAX)
			return 0;
		ret[len++] = escaped ? '~' : token.s[i];
		if (escaped)
			ret[len++] = token.s[i] == '~' ? '0' : '1';
	}
	return len;
}

/*
 * A pointer that grows too long loses whole tokens at its end, never a part of one: it then names a
 * value around the faulty one instead of one that does not exist.
 */
void hc_fault_at(struct hc_fault *fault, struct hc_str token)
{
	char clean[HC_FAULT_POINTER_MAX], pointer[HC_FAULT_POINTER_MAX];
	size_t len = 0, tail_len;

	if (!fault)
		return;
	if (token.len < sizeof(clean)) {
		len = hc_utf8_clean_fixed(clean, sizeof(clean), token);
		len = pointer_part(pointer, (struct hc_str){ clean, len });
	}
	tail_len = len ? strlen(fault->pointer) : 0;
	if (len + tail_len >= sizeof(pointer)) {
		tail_len = sizeof(pointer) - 1 - len;
		while (tail_len && fault->pointer[tail_len] != '/')
			tail_len--;
	}
	memcpy(pointer + len, fault->pointer, tail_len);
	pointer[len + tail_len] = '\0';
	memcpy(fault->pointer, pointer, len + tail_len + 1);
}

void hc_fault_at_index(struct hc_fault *fault, size_t index)
{
	char text[24];
	int len = snprintf(text, sizeof(text), "%zu", index);

	hc_fault_at(fault, (struct hc_str){ text, (size_t)len });
}

const char *hc_fault_name(enum hc_fault_code code)
{
	return (unsigned int)code < HC_FAULT_MAX_ ? names[code] : names[HC_FAULT_INTERNAL];
}

enum hc_fault_code hc_fault_from_name(struct hc_str name)
{
	for (unsigned int code = 0; code < HC_FAULT_MAX_; code++) {
		if (hc_str_is(name, names[code]))
			return (enum hc_fault_code)code;
	}
	return HC_FAULT_INTERNAL;
}
