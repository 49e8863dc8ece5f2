/* SPDX-License-Identifier: MIT */
/*
 * What the fuzz targets share. A target is HC_FUZZ(name) { ... } over `data` and `len`: for
 * libFuzzer (tests/fuzz/run) its entry point, for the replay of the corpus in the unit tests
 * (tests/unit/test_corpus.c) a function fuzz_<name>().
 *
 * A target checks more than that nothing crashes: HC_FUZZ_CHECK() states what must hold for every
 * input.
 */
#pragma once

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "proto/codec.h"
#include "proto/fault.h"
#include "proto/utf8.h"

#ifdef HC_FUZZ_REPLAY
#define HC_FUZZ(name) static int fuzz_##name(const uint8_t *data, size_t len)
#else
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);
#define HC_FUZZ(name) int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
#endif

#define HC_FUZZ_CHECK(condition) \
	do { \
		if (!(condition)) { \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition); \
			abort(); \
		} \
	} while (0)

/* What fault.h promises for every fault. */
static inline void fuzz_check_fault(const struct hc_fault *fault)
{
	HC_FUZZ_CHECK(fault->code > HC_FAULT_NONE && fault->code < HC_FAULT_MAX_);
	HC_FUZZ_CHECK(fault->message[0]);
	HC_FUZZ_CHECK(strnlen(fault->message, sizeof(fault->message)) < sizeof(fault->message));
	HC_FUZZ_CHECK(strnlen(fault->pointer, sizeof(fault->pointer)) < sizeof(fault->pointer));
	HC_FUZZ_CHECK(hc_utf8_valid(hc_str(fault->message)));
	HC_FUZZ_CHECK(hc_utf8_valid(hc_str(fault->pointer)));
}
