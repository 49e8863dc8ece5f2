/* SPDX-License-Identifier: MIT */
/*
 * Subscription patterns: which event types a subscriber wants.
 *
 *   *              every type
 *   alert.*        every type whose name begins with "alert."; never "alert" itself nor "alerts.x"
 *   job.progress   that type only
 *
 * A star stands only at the end, alone or behind a dot: anything else is invalid, so that a typing
 * mistake is told instead of matching nothing.
 */
#pragma once

#include "proto/base.h"

struct hc_fault;

#define HC_PATTERN_LEN_MAX 128 /* bytes */

/**
 * hc_pattern_check() - whether @pattern follows the grammar above
 * @fault: gets HC_FAULT_INVALID_PARAMS and why; may be NULL
 *
 * A name is one or more words of [A-Za-z0-9_-] joined by dots.
 */
bool hc_pattern_check(struct hc_str pattern, struct hc_fault *fault);

/** hc_pattern_matches() - whether an event of type @type is wanted; @pattern must be valid */
bool hc_pattern_matches(struct hc_str pattern, struct hc_str type);
