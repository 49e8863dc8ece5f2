/* SPDX-License-Identifier: MIT */
/*
 * The store behind the log: append, read after a sequence, bounds, and the retained events.
 *
 * One thread appends (the writer); any thread may read; nobody else touches the files. Backends:
 * SQLite (store_sqlite.c) and memory (store_memory.c).
 */
#pragma once

#include "conf/conf.h"
#include "proto/position.h"
#include "ws/batch.h"

struct hc_fault;
struct hc_store;

/** struct hc_row - an event as it is stored; borrowed for one call of hc_row_fn */
struct hc_row {
	uint64_t sequence;
	struct hc_str type;
	struct hc_str to;
	struct hc_str body; /* msgpack, without sequence and channel */
};

/** hc_row_fn - takes one row; false ends the reading */
typedef bool hc_row_fn(void *context, const struct hc_row *row);

/** struct hc_store_ops - what a backend does */
struct hc_store_ops {
	const char *name;
	struct hc_store *(*free)(struct hc_store *store);
	void (*append)(struct hc_store *store, struct hc_batch **batches, size_t n);
	int (*read)(struct hc_store *store, uint64_t after, hc_row_fn *fn, void *context);
	int (*read_retained)(struct hc_store *store, hc_row_fn *fn, void *context);
	uint64_t (*bytes)(struct hc_store *store);
};

/** struct hc_store - the part that all backends share; they embed it first */
struct hc_store {
	const struct hc_store_ops *ops;
	char epoch[HC_EPOCH_LEN + 1];
	_Atomic uint64_t
		oldest; /* sequence of the oldest event kept; newest + 1 if there is none */
	_Atomic uint64_t newest; /* sequence of the newest; 0 if there never was one */
};

/**
 * hc_store_open() - open the store that the configuration asks for
 * @fault: what is wrong, with the path, and what to do
 *
 * A database that is damaged is set aside and a new one, with a new epoch, begun; that is logged.
 * Return: 0 or -errno.
 */
int hc_store_open(struct hc_store **ret, const struct hc_conf *conf, struct hc_fault *fault);
struct hc_store *hc_store_free(struct hc_store *store);
HC_DEFINE_CLEANUP(struct hc_store *, hc_store_free);

/**
 * hc_store_append() - commit some batches together
 *
 * Sets the result of each batch, and the sequence of each record of those that succeed. All that
 * are new succeed or fail together; each is answered by its own result. Volatile records are left
 * alone. Backends call hc_batch_take() for each batch that is new, before they look at its records,
 * and hc_batch_lose() for each that fails.
 */
void hc_store_append(struct hc_store *store, struct hc_batch **batches, size_t n);

/**
 * hc_store_read() - read events in order, beginning behind @after
 *
 * Return: 0 or -EIO.
 */
int hc_store_read(struct hc_store *store, uint64_t after, hc_row_fn *fn, void *context);

/** hc_store_read_retained() - read the retained events, oldest first */
int hc_store_read_retained(struct hc_store *store, hc_row_fn *fn, void *context);

/** hc_store_bytes() - how much room it takes now, on disk or in memory; any thread, no waiting */
uint64_t hc_store_bytes(struct hc_store *store);

int hc_store_sqlite_open(struct hc_store **ret, const struct hc_conf *conf, struct hc_fault *fault);
int hc_store_memory_open(struct hc_store **ret, const struct hc_conf *conf);
