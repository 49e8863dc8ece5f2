/* SPDX-License-Identifier: MIT */
/* Compression: offers of an extension, and payloads that say they were deflated. */
#include "tests/fuzz/fuzz.h"
#include "ws/fanout/compression.h"

#define TEXT_MAX 4096

static void check_offer(struct hc_str text)
{
	static const char name[] = HC_COMPRESSION_NAME;

	if (!hc_compression_accepts(text))
		return;
	while (text.len && (text.s[0] == ' ' || text.s[0] == '\t')) {
		text.s++;
		text.len--;
	}
	HC_FUZZ_CHECK(text.len >= sizeof(name) - 1 && !memcmp(text.s, name, sizeof(name) - 1));
	HC_FUZZ_CHECK(!memmem(text.s, text.len, ";;", 2) || memchr(text.s, ',', text.len));
}

static void check_payload(struct hc_str payload)
{
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer text = HC_BUFFER_NULL;
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer less = HC_BUFFER_NULL;
	int r = hc_compression_inflate(&text, payload, TEXT_MAX);

	HC_FUZZ_CHECK(r == HC_COMPRESSION_OK_ || r == HC_COMPRESSION_E_TOO_BIG ||
		      r == HC_COMPRESSION_E_DATA);
	HC_FUZZ_CHECK(text.len <= (r ? 0 : TEXT_MAX));
	if (r || !text.len)
		return;
	HC_FUZZ_CHECK(hc_compression_inflate(&less, payload, text.len) == HC_COMPRESSION_OK_);
	HC_FUZZ_CHECK(hc_compression_inflate(&less, payload, text.len - 1) ==
		      HC_COMPRESSION_E_TOO_BIG);
	HC_FUZZ_CHECK(less.len == text.len && !memcmp(less.data, text.data, text.len));
}

HC_FUZZ(compression)
{
	struct hc_str input = { (const char *)data, len };

	check_offer(input);
	check_payload(input);
	return 0;
}
