/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "proto/clock.h"
#include "ws/batch.h"

struct hc_batch *hc_batch_new(size_t n)
{
	struct hc_batch *batch = calloc(1, sizeof(*batch) + n * sizeof(batch->records[0]));

	if (!batch)
		return NULL;
	batch->n = n;
	batch->now_unix_ms = hc_now_unix_ms();
	return batch;
}

struct hc_batch *hc_batch_free(struct hc_batch *batch)
{
	if (!batch)
		return NULL;
	for (size_t i = 0; i < batch->n; i++)
		(void)hc_record_unref(batch->records[i]);
	free(batch);
	return NULL;
}

bool hc_batch_is_logged(const struct hc_batch *batch)
{
	for (size_t i = 0; i < batch->n; i++)
		if (hc_record_is_logged(batch->records[i]))
			return true;
	return false;
}
