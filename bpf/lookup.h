/* SPDX-License-Identifier: MIT */
/*
 * Looking up devices without waiting for them: superblocks are read on libuv's workers, and whoever
 * wants the answer waits 300 ms for it at most.
 */
#pragma once

#include <uv.h>

#include "bpf/table.h"

#define HC_LOOKUP_WAIT_MS 300
#define HC_LOOKUPS_MAX	  64 /* reads under way; beyond it, labels stay unknown */

struct hc_lookup;

/** hc_lookup_fn - some device is no longer pending */
typedef void (*hc_lookup_fn)(void *context);

/** hc_lookup_new() - 0 or -ENOMEM */
int hc_lookup_new(struct hc_lookup **ret, uv_loop_t *loop, hc_lookup_fn fn, void *context);

/**
 * hc_lookup_mount() - give @mount its device
 * @table: that the mount is in: another mount of the same device has been looked up already
 *
 * Sets mount->device at once; device->pending tells whether label and uuid are still awaited. When
 * a read takes longer than HC_LOOKUP_WAIT_MS it is no longer awaited, but what it finds is kept for
 * later events. Return: 0 or -ENOMEM.
 */
int hc_lookup_mount(struct hc_lookup *lookup, const struct hc_table *table, struct hc_mount *mount);

/** hc_lookup_pending() - whether any device is */
bool hc_lookup_pending(const struct hc_lookup *lookup);

/** hc_lookup_running() - reads under way, those no longer awaited included */
unsigned int hc_lookup_running(const struct hc_lookup *lookup);

/** hc_lookup_close() - call no more; the loop must run once more before hc_lookup_free() */
void hc_lookup_close(struct hc_lookup *lookup);
struct hc_lookup *hc_lookup_free(struct hc_lookup *lookup);
