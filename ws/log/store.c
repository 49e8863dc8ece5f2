/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "ws/log/store.h"

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

uint64_t hc_store_tend(struct hc_store *store, bool busy)
{
	return store->ops->tend(store, busy);
}

int hc_store_read(struct hc_store *store, uint64_t after, hc_row_fn *fn, void *context)
{
	return store->ops->read(store, after, fn, context);
}

int hc_store_read_retained(struct hc_store *store, hc_row_fn *fn, void *context)
{
	return store->ops->read_retained(store, fn, context);
}

int hc_store_read_consumers(struct hc_store *store, hc_consumer_row_fn *fn, void *context)
{
	return store->ops->read_consumers(store, fn, context);
}

uint64_t hc_store_bytes(struct hc_store *store)
{
	return store->ops->bytes(store);
}

void hc_store_look(struct hc_store *store, struct hc_store_health *ret)
{
	pthread_mutex_lock(&store->lock);
	*ret = store->health;
	pthread_mutex_unlock(&store->lock);
}

bool hc_store_renew(struct hc_store *store)
{
	const char *before = store->epoch;

	pthread_mutex_lock(&store->lock);
	store->epoch = store->epochs->text;
	pthread_mutex_unlock(&store->lock);
	return store->epoch != before;
}

/* ---- for backends ------------------------------------------------------------------------- */

int hc_store_init(struct hc_store *store, const struct hc_store_ops *ops)
{
	store->ops = ops;
	store->oldest = 1;
	return -pthread_mutex_init(&store->lock, NULL);
}

void hc_store_deinit(struct hc_store *store)
{
	while (store->epochs) {
		struct hc_epoch *epoch = store->epochs;

		store->epochs = epoch->next;
		free(epoch);
	}
	pthread_mutex_destroy(&store->lock);
}

int hc_store_begin_epoch(struct hc_store *store, const char *text)
{
	struct hc_epoch *epoch = calloc(1, sizeof(*epoch));

	if (!epoch)
		return -ENOMEM;
	memcpy(epoch->text, text, HC_EPOCH_LEN);
	pthread_mutex_lock(&store->lock);
	epoch->next = store->epochs;
	store->epochs = epoch;
	if (!store->epoch)
		store->epoch = epoch->text;
	pthread_mutex_unlock(&store->lock);
	return 0;
}

void hc_store_report(struct hc_store *store, const char *reason)
{
	struct hc_store_health *health = &store->health;

	pthread_mutex_lock(&store->lock);
	if (health->is_degraded != !!reason || (reason && strcmp(health->reason, reason) != 0))
		health->n_turns++;
	health->is_degraded = reason;
	(void)snprintf(health->reason, sizeof(health->reason), "%s", reason ? reason : "");
	pthread_mutex_unlock(&store->lock);
}

void hc_store_want_state(struct hc_store *store, bool wants)
{
	pthread_mutex_lock(&store->lock);
	store->health.n_turns += store->health.wants_state != wants;
	store->health.wants_state = wants;
	pthread_mutex_unlock(&store->lock);
}
