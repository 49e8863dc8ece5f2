/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "proto/clock.h"
#include "ws/log/batch.h"

struct hc_batch *hc_batch_new(size_t n)
{
	struct hc_batch *batch = calloc(1, sizeof(*batch) + n * sizeof(batch->records[0]));

	if (!batch)
		return NULL;
	batch->n = n;
	batch->now_unix_ms = hc_now_unix_ms();
	return batch;
}

struct hc_batch *hc_batch_of_consumer(const struct hc_consumer_row *row)
{
	HC_CLEANUP(hc_batch_freep) struct hc_batch *batch = hc_batch_new(0);

	if (!batch)
		return NULL;
	batch->consumer = malloc(sizeof(*row));
	if (!batch->consumer)
		return NULL;
	batch->kind = HC_BATCH_CONSUMER;
	*batch->consumer = *row;
	return hc_take(batch);
}

struct hc_batch *hc_batch_free(struct hc_batch *batch)
{
	if (!batch)
		return NULL;
	for (size_t i = 0; i < batch->n; i++)
		(void)hc_record_unref(batch->records[i]);
	for (size_t i = 0; i < batch->n_guesses; i++) {
		(void)hc_record_unref(batch->guesses[i].upon);
		(void)hc_record_unref(batch->guesses[i].other);
	}
	free(batch->guesses);
	free(batch->consumer);
	free(batch);
	return NULL;
}

bool hc_batch_is_logged(const struct hc_batch *batch)
{
	if (batch->kind != HC_BATCH_EVENTS)
		return true;
	for (size_t i = 0; i < batch->n; i++)
		if (hc_record_is_logged(batch->records[i]))
			return true;
	return false;
}

bool hc_batch_replace(struct hc_batch *batch, size_t index, struct hc_record *record,
		      struct hc_record *upon)
{
	struct hc_batch_guess *guesses;

	if (!upon) {
		(void)hc_record_unref(batch->records[index]);
		batch->records[index] = record;
		return true;
	}
	guesses = reallocarray(batch->guesses, batch->n_guesses + 1, sizeof(*guesses));
	if (!guesses)
		return false;
	guesses[batch->n_guesses++] = (struct hc_batch_guess){
		.index = index,
		.upon = hc_record_ref(upon),
		.other = batch->records[index],
	};
	batch->guesses = guesses;
	batch->records[index] = record;
	return true;
}

static void set_taken(struct hc_batch *batch, bool is_taken)
{
	for (size_t i = 0; i < batch->n; i++)
		batch->records[i]->is_taken = is_taken;
	for (size_t i = 0; i < batch->n_guesses; i++)
		batch->guesses[i].other->is_taken = is_taken;
}

void hc_batch_take(struct hc_batch *batch)
{
	for (size_t i = 0; i < batch->n_guesses; i++) {
		struct hc_batch_guess *guess = &batch->guesses[i];
		struct hc_record *record = batch->records[guess->index];

		if (guess->upon->is_taken)
			continue;
		batch->records[guess->index] = guess->other;
		guess->other = record;
	}
	set_taken(batch, true);
}

void hc_batch_lose(struct hc_batch *batch)
{
	set_taken(batch, false);
}

void hc_batch_repeat(struct hc_batch *batch, struct hc_str digest, uint64_t first)
{
	batch->result = HC_BATCH_E_CONFLICT;
	if (digest.len != sizeof(batch->digest) || memcmp(digest.s, batch->digest, digest.len) != 0)
		return;
	batch->result = HC_BATCH_REPEATED;
	for (size_t i = 0; i < batch->n; i++)
		if (hc_record_is_logged(batch->records[i]))
			batch->records[i]->sequence = first++;
}
