/* SPDX-License-Identifier: MIT */
/*
 * The store behind the log: append, read after a sequence, trim, bounds; the retained events and
 * the durable consumers with it.
 *
 * One thread appends and tends (the writer); any thread may read; the loop thread alone looks at
 * the epoch. Nobody else touches what the store is made of, and no caller knows what that is:
 * SQLite (store_sqlite.c), memory (store_memory.c), or what is to come; a log that is shared with
 * other hubs has all it needs here, with bounds that move by themselves. What may block says so.
 */
#pragma once

#include <pthread.h>

#include "conf/conf.h"
#include "proto/position.h"
#include "ws/log/batch.h"

struct hc_fault;
struct hc_store;

#define HC_STORE_REASON_MAX 200 /* bytes with the NUL */

/** struct hc_row - an event as it is stored; borrowed for one call of hc_row_fn */
struct hc_row {
	uint64_t sequence;
	struct hc_str type;
	struct hc_str to;
	struct hc_str body; /* msgpack, without sequence and channel */
};

/** hc_row_fn - takes one row; false ends the reading */
typedef bool hc_row_fn(void *context, const struct hc_row *row);

/** hc_consumer_row_fn - takes one durable consumer; false ends the reading */
typedef bool hc_consumer_row_fn(void *context, const struct hc_consumer_row *row);

/** struct hc_store_health - how a store is */
struct hc_store_health {
	bool is_degraded;     /* what is published is refused, or was at the last attempt */
	bool wants_state;     /* see hc_store_renew() */
	unsigned int n_turns; /* counts the changes of this */
	char reason[HC_STORE_REASON_MAX];
};

/** struct hc_store_ops - what a backend does; each is described at its hc_store_ function */
struct hc_store_ops {
	const char *name;
	struct hc_store *(*free)(struct hc_store *store);
	void (*append)(struct hc_store *store, struct hc_batch **batches, size_t n);
	uint64_t (*tend)(struct hc_store *store, bool busy);
	int (*read)(struct hc_store *store, uint64_t after, hc_row_fn *fn, void *context);
	int (*read_retained)(struct hc_store *store, hc_row_fn *fn, void *context);
	int (*read_consumers)(struct hc_store *store, hc_consumer_row_fn *fn, void *context);
	uint64_t (*bytes)(struct hc_store *store);
};

/** struct hc_store - the part that all backends share; they embed it first */
struct hc_store {
	const struct hc_store_ops *ops;
	const char *epoch; /* of the loop thread; it stays where it is when another one comes */
	_Atomic uint64_t
		oldest; /* sequence of the oldest event kept; newest + 1 if there is none */
	_Atomic uint64_t newest; /* sequence of the newest; 0 if there never was one */
	pthread_mutex_t lock;	 /* for what follows, never held for long */
	struct hc_store_health health;
	struct hc_epoch *epochs; /* the newest first */
};

/** struct hc_epoch - one that the log has or had; kept for whoever still reads it */
struct hc_epoch {
	struct hc_epoch *next;
	char text[HC_EPOCH_LEN + 1];
};

/**
 * hc_store_open() - open the store that the configuration asks for; may block
 * @fault: what is wrong, with the path, and what to do
 *
 * One that is damaged is set aside and a new one, with a new epoch, begun; that is logged.
 * Return: 0 or -errno.
 */
int hc_store_open(struct hc_store **ret, const struct hc_conf *conf, struct hc_fault *fault);
struct hc_store *hc_store_free(struct hc_store *store);
HC_DEFINE_CLEANUP(struct hc_store *, hc_store_free);

/**
 * hc_store_append() - commit some batches together; blocks, on the writer thread
 *
 * Sets the result of each batch, and the sequence of each record of those that succeed. All that
 * are new succeed or fail together; each is answered by its own result. Volatile records are left
 * alone. Backends call hc_batch_take() for each batch that is new, before they look at its records,
 * and hc_batch_lose() for each that fails.
 */
void hc_store_append(struct hc_store *store, struct hc_batch **batches, size_t n);

/**
 * hc_store_tend() - one step of what there is to do beside: forget the oldest events, tidy up, mend
 * what has failed; blocks, for some milliseconds as a rule, on the writer thread
 * @busy: more is likely to come at once: only what cannot wait
 *
 * Return: milliseconds after which it wants to be called again at the latest; 0: there is more to
 * do.
 */
uint64_t hc_store_tend(struct hc_store *store, bool busy);

/**
 * hc_store_read() - read events in order, beginning behind @after; may block
 *
 * Read little at once: some hundred rows.
 * Return: 0, -ENOMEM or -EIO.
 */
int hc_store_read(struct hc_store *store, uint64_t after, hc_row_fn *fn, void *context);

/** hc_store_read_retained() - read the retained events, oldest first; may block */
int hc_store_read_retained(struct hc_store *store, hc_row_fn *fn, void *context);

/** hc_store_read_consumers() - read the durable consumers; may block */
int hc_store_read_consumers(struct hc_store *store, hc_consumer_row_fn *fn, void *context);

/** hc_store_bytes() - how much room it takes now, on disk or in memory; any thread, no waiting */
uint64_t hc_store_bytes(struct hc_store *store);

/** hc_store_look() - how it is; any thread, no waiting */
void hc_store_look(struct hc_store *store, struct hc_store_health *ret);

/**
 * hc_store_renew() - take over the epoch that the store has begun, if it has; on the loop thread
 *
 * A store that had to begin anew, or cannot tell what of a failed commit it holds, wants the state:
 * health.wants_state. It refuses everything until a batch of kind HC_BATCH_STATE with the retained
 * events comes. Sequences go on in any case.
 *
 * Return: whether store->epoch is another one now.
 */
bool hc_store_renew(struct hc_store *store);

int hc_store_sqlite_open(struct hc_store **ret, const struct hc_conf *conf, struct hc_fault *fault);
int hc_store_memory_open(struct hc_store **ret, const struct hc_conf *conf);

/* ---- for backends ------------------------------------------------------------------------- */

/** hc_store_init() - the common part; hc_store_deinit() also after a failure */
int hc_store_init(struct hc_store *store, const struct hc_store_ops *ops);
void hc_store_deinit(struct hc_store *store);

/** hc_store_begin_epoch() - from hc_store_renew() on, or at once if there was none; 0 or -ENOMEM */
int hc_store_begin_epoch(struct hc_store *store, const char *epoch);

/** hc_store_report() - say how it is; @reason NULL: well */
void hc_store_report(struct hc_store *store, const char *reason);

/** hc_store_want_state() - say whether it wants the state */
void hc_store_want_state(struct hc_store *store, bool wants);
