/* SPDX-License-Identifier: MIT */
/*
 * Revocations: tokens that are good no more before they expire, by their own name (jti) or by their
 * user (sub): then all that were issued up to that moment, and those that do not say when.
 *
 * Kept in a small JSON file, replaced as a whole (written beside it, fsync, rename). One that
 * cannot be read stops the start: what was forgotten would open doors.
 */
#pragma once

#include "proto/buffer.h"

struct hc_fault;
struct hc_grant;
struct hc_revocations;

#define HC_REVOCATIONS_MAX 65536 /* at a time */

enum {
	HC_REVOCATIONS_OK_,
	HC_REVOCATIONS_E_FULL, /* HC_REVOCATIONS_MAX are in force */
};

enum hc_revocation_of {
	HC_REVOCATION_JTI, /* one token */
	HC_REVOCATION_SUB, /* the tokens of a user */
	HC_REVOCATION_MAX_
};

/** struct hc_revocation - one of them; its name is borrowed */
struct hc_revocation {
	enum hc_revocation_of of;
	struct hc_str name; /* at most HC_GRANT_NAME_MAX bytes */
	int64_t since_unix_s;
	int64_t until_unix_s; /* 0: for ever */
};

/** hc_revocation_of_name() - "jti" or "sub", in the file and on the wire */
const char *hc_revocation_of_name(enum hc_revocation_of of);

/**
 * hc_revocations_open() - read the file
 * @path:  it may be missing: nothing is revoked. "": there is none, and nothing is kept
 * @fault: what is wrong with it
 *
 * Return: 0 or -errno.
 */
int hc_revocations_open(struct hc_revocations **ret, const char *path, struct hc_fault *fault);
struct hc_revocations *hc_revocations_free(struct hc_revocations *revocations);
HC_DEFINE_CLEANUP(struct hc_revocations *, hc_revocations_free);

/**
 * hc_revocations_add() - from now on; it is in the file after hc_revocations_write()
 *
 * The same name again: the later times of both hold.
 * Return: 0, HC_REVOCATIONS_E_FULL, or -ENOMEM.
 */
int hc_revocations_add(struct hc_revocations *revocations, const struct hc_revocation *revocation);

/** hc_revocations_has() - whether the token behind @grant is revoked */
bool hc_revocations_has(const struct hc_revocations *revocations, const struct hc_grant *grant,
			int64_t now_unix_s);

/** hc_revocations_drop_over() - forget those whose time is over; adding does that too */
void hc_revocations_drop_over(struct hc_revocations *revocations);

/** hc_revocations_count() - those that are kept, some of them perhaps over */
size_t hc_revocations_count(const struct hc_revocations *revocations);

/**
 * hc_revocations_read() - those that are kept, in the order they were made
 * @ret:  room for @n
 * @skip: so many first
 *
 * Return: how many there are at @ret.
 */
size_t hc_revocations_read(const struct hc_revocations *revocations, struct hc_revocation *ret,
			   size_t skip, size_t n);

/** hc_revocations_format() - append the file as it should be now */
void hc_revocations_format(const struct hc_revocations *revocations, struct hc_buffer *json);

/**
 * hc_revocations_write() - replace the file by that text
 *
 * Blocks until it is on the disk. May be called from another thread, one at a time.
 * Return: 0 or -errno.
 */
int hc_revocations_write(const struct hc_revocations *revocations, const struct hc_buffer *json);
