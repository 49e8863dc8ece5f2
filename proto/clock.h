/* SPDX-License-Identifier: MIT */
/*
 * Time: the monotonic clock orders and limits, the wall clock only labels (RFC 3339).
 */
#pragma once

#include "proto/base.h"

#define HC_TIMESTAMP_LEN 24 /* bytes of "2026-01-31T23:59:59.999Z" */

/** hc_monotonic_ns() - CLOCK_MONOTONIC in nanoseconds */
uint64_t hc_monotonic_ns(void);

/** hc_boottime_ns() - CLOCK_BOOTTIME in nanoseconds, which BPF programs stamp their records with */
uint64_t hc_boottime_ns(void);

/** hc_now_unix_ms() - CLOCK_REALTIME in milliseconds since 1970 */
int64_t hc_now_unix_ms(void);

/**
 * hc_timestamp_format() - RFC 3339, UTC, milliseconds
 * @unix_ms: years 0000 to 9999; others are clamped
 */
void hc_timestamp_format(char ret[static HC_TIMESTAMP_LEN], int64_t unix_ms);

/**
 * hc_timestamp_parse() - read an RFC 3339 date-time
 *
 * Accepts any offset and any number of fractional digits (cut to milliseconds), "T" or "t", "Z" or
 * "z", and the leap second ":60", which becomes the next second. Rejects a missing offset, a space
 * for "T", days a month does not have, and anything behind the offset.
 *
 * Source: RFC 3339 section 5.6.
 * Return: whether @text is one; *ret_unix_ms is set only then.
 */
bool hc_timestamp_parse(int64_t *ret_unix_ms, struct hc_str text);
