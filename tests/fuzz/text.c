/* SPDX-License-Identifier: MIT */
/* The small grammars, all on the same text: UTF-8, log words, times, positions, patterns. */
#include "proto/clock.h"
#include "proto/log.h"
#include "proto/pattern.h"
#include "proto/position.h"
#include "tests/fuzz/fuzz.h"

#define YEAR_0000_UNIX_MS  (-62167219200000ll)
#define YEAR_10000_UNIX_MS 253402300800000ll

static void check_utf8(struct hc_str text)
{
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer clean = HC_BUFFER_NULL;
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer again = HC_BUFFER_NULL;
	char quoted[HC_LOG_QUOTE_MAX];
	struct hc_str cleaned;
	bool replaced = hc_utf8_clean(&clean, text);

	cleaned = (struct hc_str){ clean.data, clean.len };
	HC_FUZZ_CHECK(hc_utf8_valid(cleaned));
	HC_FUZZ_CHECK(replaced == !hc_str_equal(cleaned, text));
	HC_FUZZ_CHECK(replaced || hc_utf8_valid(text));
	HC_FUZZ_CHECK(!hc_utf8_clean(&again, cleaned));
	(void)hc_log_quote(quoted, text);
	for (const char *c = quoted; *c; c++)
		HC_FUZZ_CHECK(*c >= 0x20 && *c < 0x7f);
}

static void check_timestamp(struct hc_str text)
{
	char formatted[HC_TIMESTAMP_LEN];
	int64_t unix_ms, again;

	if (!hc_timestamp_parse(&unix_ms, text))
		return;
	hc_timestamp_format(formatted, unix_ms);
	HC_FUZZ_CHECK(hc_timestamp_parse(&again, (struct hc_str){ formatted, sizeof(formatted) }));
	/* An offset may lead out of the years that have four digits. */
	if (unix_ms >= YEAR_0000_UNIX_MS && unix_ms < YEAR_10000_UNIX_MS)
		HC_FUZZ_CHECK(again == unix_ms);
}

static void check_position(struct hc_str text)
{
	struct hc_position position;
	char formatted[HC_POSITION_MAX];
	size_t len;

	if (!hc_position_parse(&position, text))
		return;
	len = hc_position_format(formatted, position.epoch, position.sequence);
	HC_FUZZ_CHECK(hc_str_equal(text, (struct hc_str){ formatted, len }));
}

static void check_pattern(struct hc_str text)
{
	struct hc_fault fault = HC_FAULT_NULL;

	if (!hc_pattern_check(text, &fault)) {
		fuzz_check_fault(&fault);
		return;
	}
	HC_FUZZ_CHECK(text.len && text.len <= HC_PATTERN_LEN_MAX);
	if (text.s[text.len - 1] == '*') {
		HC_FUZZ_CHECK(hc_pattern_matches(text, HC_STR("a.b")) ==
			      (text.len == 1 || hc_str_is(text, "a.*")));
		return;
	}
	HC_FUZZ_CHECK(hc_pattern_matches(text, text));
	HC_FUZZ_CHECK(!hc_pattern_matches(text, (struct hc_str){ text.s, text.len - 1 }));
}

static void check_fault_text(struct hc_str text)
{
	struct hc_fault fault = HC_FAULT_NULL;

	hc_fault_at(&fault, text);
	hc_fault_at_index(&fault, text.len);
	hc_fault_at(&fault, text);
	hc_fault_set(&fault, HC_FAULT_SCHEMA, "not %.*s", (int)text.len, text.s);
	fuzz_check_fault(&fault);
}

HC_FUZZ(text)
{
	/* A copy of its own, so that a byte read behind it is found. */
	char *copy = malloc(len + !len);
	struct hc_str text = { copy, len };

	HC_FUZZ_CHECK(copy);
	if (len)
		memcpy(copy, data, len);
	check_utf8(text);
	check_timestamp(text);
	check_position(text);
	check_pattern(text);
	check_fault_text(text);
	free(copy);
	return 0;
}
