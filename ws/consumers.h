/* SPDX-License-Identifier: MIT */
/*
 * Durable consumers: named positions that the hub keeps for programs that process each event once,
 * in order, also after a crash. What is read stays unread until it is acknowledged.
 *
 * A consumer belongs to the subject of the token that it was made with; one made by root has no
 * owner. It keeps no event: what the log has forgotten it is told of, as anybody who resumes.
 */
#pragma once

#include "ws/log/batch.h"

struct hc_consumers;
struct hc_hub;

int hc_consumers_new(struct hc_consumers **ret, struct hc_hub *hub);
struct hc_consumers *hc_consumers_free(struct hc_consumers *consumers);

/** hc_consumers_load() - read them from the store; 0 or -errno. Blocks: at the start only */
int hc_consumers_load(struct hc_consumers *consumers);

/**
 * hc_consumers_commit() - pass one through the log, to be set there or, if it is gone, deleted
 * @row:  copied
 * @done: answers and frees the batch, whose consumer is @row
 *
 * What is known here changes at once: what follows is judged by it, and committed after it.
 * Return: whether there was memory; else nothing has changed.
 */
bool hc_consumers_commit(struct hc_consumers *consumers, const struct hc_consumer_row *row,
			 hc_batch_done_fn *done, void *owner, uint32_t request_id);

/** hc_consumers_note_stored() - one was committed, as @row has it */
void hc_consumers_note_stored(struct hc_consumers *consumers, const struct hc_consumer_row *row);

/**
 * hc_consumers_is_stored() - whether it is certain that the store has one with that position
 *
 * Then nothing need be written: programs that poll acknowledge the same again and again.
 */
bool hc_consumers_is_stored(const struct hc_consumers *consumers,
			    const struct hc_consumer_row *row);

/** hc_consumers_restore() - pass all of them to a store that has begun anew */
void hc_consumers_restore(struct hc_consumers *consumers);

/** hc_consumers_is_name() - letters, digits, dots (not first), dashes, underscores */
bool hc_consumers_is_name(struct hc_str name);

size_t hc_consumers_count(const struct hc_consumers *consumers);

/** hc_consumers_find() - NULL if there is none; borrowed */
const struct hc_consumer_row *hc_consumers_find(const struct hc_consumers *consumers,
						struct hc_str name);

/** hc_consumers_set() - remember one, or forget one that is gone; whether there was memory */
bool hc_consumers_set(struct hc_consumers *consumers, const struct hc_consumer_row *row);

typedef void hc_consumers_fn(void *context, const struct hc_consumer_row *row);

/** hc_consumers_each() - all of them, by name */
void hc_consumers_each(const struct hc_consumers *consumers, hc_consumers_fn *fn, void *context);
