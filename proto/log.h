/* SPDX-License-Identifier: MIT */
/*
 * Log messages: one line each on stderr, with the priority prefix that journald reads
 * (sd-daemon(3)).
 *
 * Text that came from outside is passed through hc_log_quote() first. Whoever decides what to do
 * about a failure logs it, once; nothing in proto/ logs above HC_LOG_DEBUG.
 */
#pragma once

#include "proto/base.h"

enum hc_log_level {
	HC_LOG_ERR = 3, /* an operation failed */
	HC_LOG_WARNING =
		4, /* something is wrong, we go on: the text says "ignoring" or what follows */
	HC_LOG_NOTICE = 5, /* life cycle: started, connected, stopped */
	HC_LOG_INFO = 6,   /* an event each; off by default */
	HC_LOG_DEBUG = 7,
};

/**
 * hc_log_init() - name the program and choose what is written
 * @program: static text, put before each message when stderr is not the journal
 * @level:   messages above it are dropped
 */
void hc_log_init(const char *program, enum hc_log_level level);

/** hc_log_level_from_name() - "err", "warning", "notice", "info", "debug"; -1 for anything else */
int hc_log_level_from_name(const char *name);

void hc_log(enum hc_log_level level, const char *format, ...) HC_PRINTF(2, 3);

#define hc_err(...)    hc_log(HC_LOG_ERR, __VA_ARGS__)
#define hc_warn(...)   hc_log(HC_LOG_WARNING, __VA_ARGS__)
#define hc_notice(...) hc_log(HC_LOG_NOTICE, __VA_ARGS__)
#define hc_info(...)   hc_log(HC_LOG_INFO, __VA_ARGS__)
#define hc_debug(...)  hc_log(HC_LOG_DEBUG, __VA_ARGS__)

#define HC_LOG_QUOTE_MAX 320 /* bytes with the NUL */

/**
 * hc_log_quote() - untrusted text as one quoted, printable ASCII word
 * @buffer: at least HC_LOG_QUOTE_MAX bytes; longer text ends in "..."
 *
 * Return: @buffer.
 */
const char *hc_log_quote(char buffer[static HC_LOG_QUOTE_MAX], struct hc_str text);

/** struct hc_log_limit - lets one message a second through, and counts the rest */
struct hc_log_limit {
	uint64_t next_ns; /* CLOCK_MONOTONIC */
	unsigned int n_suppressed;
};

/**
 * hc_log_limited() - whether this message may be written now
 *
 * When it returns true after suppressing some, it has already said how many.
 */
bool hc_log_limited(struct hc_log_limit *limit);
