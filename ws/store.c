/* SPDX-License-Identifier: MIT */
#include "ws/store.h"

int hc_store_open(struct hc_store **ret, const struct hc_conf *conf, struct hc_fault *fault)
{
	if (conf->log.durability == HC_DURABILITY_NONE)
		return hc_store_memory_open(ret, conf);
	return hc_store_sqlite_open(ret, conf, fault);
}

struct hc_store *hc_store_free(struct hc_store *store)
{
	return store ? store->ops->free(store) : NULL;
}

void hc_store_append(struct hc_store *store, struct hc_batch **batches, size_t n)
{
	store->ops->append(store, batches, n);
}

int hc_store_read(struct hc_store *store, uint64_t after, hc_row_fn *fn, void *context)
{
	return store->ops->read(store, after, fn, context);
}

int hc_store_read_retained(struct hc_store *store, hc_row_fn *fn, void *context)
{
	return store->ops->read_retained(store, fn, context);
}

uint64_t hc_store_bytes(struct hc_store *store)
{
	return store->ops->bytes(store);
}
