/* SPDX-License-Identifier: MIT */
/*
 * Why the loader does less than it could: plain sentences for the log and for detector.status.
 */
#pragma once

#include "proto/base.h"

#define HC_REASONS_MAX 8
#define HC_REASON_LEN  320 /* bytes with the NUL; longer text is cut */

struct hc_reasons {
	char items[HC_REASONS_MAX][HC_REASON_LEN];
	size_t n;
};

/** hc_reasons_add() - note a reason; one that is there already, or too many, are left out */
void hc_reasons_add(struct hc_reasons *reasons, const char *format, ...) HC_PRINTF(2, 3);
