/* SPDX-License-Identifier: MIT */
/*
 * Subscription patterns. A pattern is used as it stands: matching is one memcmp.
 *
 *   accepted: *   alert.*   job.progress   job_progress   a.b.c   a.b.*   scene-change.x
 *   rejected: (empty)   *x   a*   a.*.b   **   .a   a.   a..b   .*   "a b"   more than 128 bytes
 */
#include "proto/fault.h"
#include "proto/log.h"
#include "proto/pattern.h"

static bool is_word_char(unsigned char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '_' || c == '-';
}

/* Why @pattern does not follow the grammar, or NULL if it does. */
static const char *find_mistake(struct hc_str pattern)
{
	bool in_word = false;

	if (!pattern.len)
		return "is empty";
	if (pattern.len > HC_PATTERN_LEN_MAX)
		return "is too long";
	for (size_t i = 0; i < pattern.len; i++) {
		if (pattern.s[i] == '*') {
			if (i + 1 < pattern.len || in_word)
				return "has a star elsewhere than at its end, alone or behind a dot";
			return NULL;
		}
		if (pattern.s[i] == '.') {
			if (!in_word)
				return "has a dot without a word before it";
			in_word = false;
			continue;
		}
		if (!is_word_char((unsigned char)pattern.s[i]))
			return "has a character other than letters, digits, \"_\", \"-\" and \".\"";
		in_word = true;
	}
	return in_word ? NULL : "ends in a dot";
}

bool hc_pattern_check(struct hc_str pattern, struct hc_fault *fault)
{
	const char *mistake = find_mistake(pattern);
	char quoted[HC_LOG_QUOTE_MAX];

	if (!mistake)
		return true;
	if (pattern.len > HC_PATTERN_LEN_MAX)
		hc_fault_set(fault, HC_FAULT_INVALID_PARAMS,
			     "a pattern has %zu bytes, at most %d are allowed", pattern.len,
			     HC_PATTERN_LEN_MAX);
	else
		hc_fault_set(fault, HC_FAULT_INVALID_PARAMS, "pattern %s %s",
			     hc_log_quote(quoted, pattern), mistake);
	return false;
}

bool hc_pattern_matches(struct hc_str pattern, struct hc_str type)
{
	size_t prefix_len;

	if (pattern.s[pattern.len - 1] != '*')
		return hc_str_equal(pattern, type);
	prefix_len = pattern.len - 1; /* with its dot, or nothing */
	return type.len > prefix_len && !memcmp(pattern.s, type.s, prefix_len);
}
