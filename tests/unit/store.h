/* SPDX-License-Identifier: MIT */
/* Stores for tests: a place on disk, and what it must hold. What goes wrong fails the test. */
#pragma once

#include "tests/unit/hub.h"

/** struct store_place - a directory for a store, and the configuration that opens it */
struct store_place {
	char *dir;
	struct hc_conf *conf;
};

struct store_place store_place(enum hc_durability durability);
void store_place_remove(struct store_place *place);

struct hc_store *store_open_at(const struct store_place *place);

/** store_execute() - SQL in its database, which must not be open */
void store_execute(const struct store_place *place, const char *sql);

/** store_settle() - tend it until there is nothing more to do */
void store_settle(struct hc_store *store);

/** store_append() - commit one batch, and give it back */
struct hc_batch *store_append(struct hc_store *store, struct hc_batch *batch);

/** store_log() - commit one event, which must succeed; its sequence */
uint64_t store_log(struct hc_store *store, const char *type, const char *payload);

/** store_log_many() - commit @n events, one by one, each with that many bytes of text */
void store_log_many(struct hc_store *store, size_t n, size_t pad_len);

/** store_keyed() - a batch of @n events with an idempotency key; the second is volatile */
struct hc_batch *store_keyed(const char *key, char digest, size_t n);

/**
 * store_expect_answer() - what became of it, and free it
 * @first: the sequence of its first event; 0: none has one
 */
void store_expect_answer(struct hc_batch *batch, enum hc_batch_result result, uint64_t first);

/** store_expect_rows() - the rows behind @after, as "1 job.progress ;2 task.update alice;" */
void store_expect_rows(struct hc_store *store, uint64_t after, size_t n_max, const char *wanted);

/** store_expect_dense() - all rows from @first to @last are there, and no others */
void store_expect_dense(struct hc_store *store, uint64_t first, uint64_t last);

/** store_expect_retained() - the retained events, in the same words */
void store_expect_retained(struct hc_store *store, const char *wanted);

/** store_has_set_aside() - whether there is a database that was damaged */
bool store_has_set_aside(const struct store_place *place);
