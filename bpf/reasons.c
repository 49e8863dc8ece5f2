/* SPDX-License-Identifier: MIT */
#include <stdarg.h>
#include <stdio.h>

#include "bpf/reasons.h"

void hc_reasons_add(struct hc_reasons *reasons, const char *format, ...)
{
	va_list args;
	size_t i;

	if (reasons->n == HC_REASONS_MAX)
		return;
	va_start(args, format);
	(void)vsnprintf(reasons->items[reasons->n], HC_REASON_LEN, format, args);
	va_end(args);
	for (i = 0; i < reasons->n; i++) {
		if (!strcmp(reasons->items[i], reasons->items[reasons->n]))
			return;
	}
	reasons->n++;
}
