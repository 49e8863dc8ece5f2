/* SPDX-License-Identifier: MIT */
/*
 * What is wrong with something that came from outside: the error that its sender gets.
 *
 * On the UNIX socket a fault is the error of a MessagePack-RPC answer,
 * {"code","message","details"}; the REST program turns the code into an HTTP status. Text in it is
 * safe to show: valid UTF-8.
 */
#pragma once

#include "proto/base.h"

#define HC_FAULT_MESSAGE_MAX 256 /* bytes with the NUL; longer text is cut at a character */
#define HC_FAULT_POINTER_MAX 256 /* bytes with the NUL; an RFC 6901 JSON Pointer */

enum hc_fault_code {
	HC_FAULT_NONE,
	HC_FAULT_MALFORMED, /* the bytes are not msgpack or JSON, or not a message of this protocol
			     */
	HC_FAULT_TOO_LARGE, /* a frame, a body, a nesting or a count beyond its limit */
	HC_FAULT_UNKNOWN_METHOD, /* no such RPC method */
	HC_FAULT_INVALID_PARAMS, /* a parameter is missing, of the wrong type or out of range */
	HC_FAULT_UNKNOWN_TYPE,	 /* no such event type in the registry */
	HC_FAULT_SCHEMA,	 /* the payload does not match the schema of its type */
	HC_FAULT_UNAUTHORIZED,	 /* no token, or one that is not valid */
	HC_FAULT_FORBIDDEN,	 /* whoever asks is known, and may not */
	HC_FAULT_NOT_FOUND,	 /* the thing asked for does not exist */
	HC_FAULT_CONFLICT,	 /* the same idempotency key with another body */
	HC_FAULT_RATE_LIMITED,	 /* too many requests: later */
	HC_FAULT_UNAVAILABLE,	 /* cannot tell whether it was done: again, with the same key */
	HC_FAULT_STORAGE_FULL,	 /* not stored: no space */
	HC_FAULT_INTERNAL,	 /* our own mistake, or no memory */
	HC_FAULT_MAX_
};

struct hc_fault {
	enum hc_fault_code code;
	char message[HC_FAULT_MESSAGE_MAX];
	char pointer[HC_FAULT_POINTER_MAX]; /* where in the message, or "" if it has no place */
};

#define HC_FAULT_NULL ((struct hc_fault){ 0 })

/**
 * hc_fault_set() - record a fault
 * @fault:  may be NULL, then nothing happens
 * @format: what is wrong and what to do about it; control characters and invalid UTF-8 in the
 *          formatted text become U+FFFD
 *
 * The pointer is left as it is: set it before or after with hc_fault_at().
 */
void hc_fault_set(struct hc_fault *fault, enum hc_fault_code code, const char *format, ...)
	HC_PRINTF(3, 4);

/**
 * hc_fault_at() - prefix the pointer with one reference token
 * @token: a member name; "~" and "/" in it are escaped (RFC 6901 section 3)
 *
 * Called from the inside out, as a validator returns through its levels.
 */
void hc_fault_at(struct hc_fault *fault, struct hc_str token);

/** hc_fault_at_index() - the same, for an element of an array */
void hc_fault_at_index(struct hc_fault *fault, size_t index);

/** hc_fault_name() - the code as it stands on the wire, "unknown_type" */
const char *hc_fault_name(enum hc_fault_code code);

/** hc_fault_from_name() - the code of a name, HC_FAULT_INTERNAL for one that is not known */
enum hc_fault_code hc_fault_from_name(struct hc_str name);
