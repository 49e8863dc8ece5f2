/* SPDX-License-Identifier: MIT */
/*
 * A batch: the events of one publish on their way through the log, and what became of them.
 *
 * The loop thread makes it, the writer thread commits it, the loop thread answers and frees it.
 */
#pragma once

#include "proto/position.h"
#include "ws/log/record.h"

#define HC_KEY_LEN_MAX	       128 /* bytes of an idempotency key */
#define HC_BATCH_KEY_MAX       (HC_CONSUMER_OWNER_MAX + 1 + HC_KEY_LEN_MAX)
#define HC_BATCH_KEY_OWNER_END '\x1f' /* which no key has */
#define HC_BATCH_DIGEST_LEN    32     /* bytes: SHA-256 of what was published */
#define HC_CONSUMER_OWNER_MAX  256    /* bytes; HC_GRANT_NAME_MAX */
#define HC_CONSUMER_NAME_MAX   64     /* bytes */

enum hc_batch_result {
	HC_BATCH_OK_,
	HC_BATCH_REPEATED,	/* the key is known, with the same events: sequences are the first
				   answer's */
	HC_BATCH_E_CONFLICT,	/* the key is known, with other events */
	HC_BATCH_E_FULL,	/* no space: not stored */
	HC_BATCH_E_UNAVAILABLE, /* the log failed: unknown whether stored */
};

/**
 * struct hc_batch_guess - a record that was made in the belief that another one comes before it
 *
 * If that one is not taken, which is known only when the batch is committed, @other is right.
 */
struct hc_batch_guess {
	size_t index;		 /* of the record */
	struct hc_record *upon;	 /* a reference of the batch's own */
	struct hc_record *other; /* likewise */
};

enum hc_batch_kind {
	HC_BATCH_EVENTS,
	HC_BATCH_STATE,	   /* the retained events, which take the place of those that are stored */
	HC_BATCH_CONSUMER, /* a durable consumer, as it is to be stored */
};

/** struct hc_consumer_row - a durable consumer as it is stored; see consumers.h */
struct hc_consumer_row {
	char name[HC_CONSUMER_NAME_MAX + 1];
	char owner[HC_CONSUMER_OWNER_MAX + 1]; /* the subject of a token; "": root */
	struct hc_position position;	       /* acknowledged */
	int64_t created_unix_ms;
	int64_t acknowledged_unix_ms;
	bool is_gone; /* to be deleted */
};

struct hc_batch;
typedef void hc_batch_done_fn(struct hc_batch *batch);

struct hc_batch {
	struct hc_batch *next; /* in the queue it is in */
	enum hc_batch_kind kind;
	struct hc_consumer_row *consumer; /* of that kind; owned */
	hc_batch_done_fn *done;		  /* called on the loop thread, frees the batch */
	void *owner;
	uint32_t request_id;
	/*
	 * "" = none; else the subject of a token, HC_BATCH_KEY_OWNER_END, and the idempotency key;
	 * without a token the key alone.
	 */
	char key[HC_BATCH_KEY_MAX + 1];
	unsigned char digest[HC_BATCH_DIGEST_LEN];
	int64_t now_unix_ms;
	enum hc_batch_result result;
	char error[128]; /* why, for the last two results */
	struct hc_batch_guess *guesses;
	size_t n_guesses;
	size_t n;
	struct hc_record *records[]; /* each with a reference of the batch's own */
};

/** hc_batch_new() - an empty batch with room for @n records */
struct hc_batch *hc_batch_new(size_t n);

/** hc_batch_of_consumer() - a batch that is to store a durable consumer; @row is copied */
struct hc_batch *hc_batch_of_consumer(const struct hc_consumer_row *row);
struct hc_batch *hc_batch_free(struct hc_batch *batch);
HC_DEFINE_CLEANUP(struct hc_batch *, hc_batch_free);

/**
 * hc_batch_replace() - put another record in the place of one
 * @record: consumed if there is memory
 * @upon:   what @record is made upon: if that is not taken, the old one is to be committed; NULL:
 *          @record is right in any case
 *
 * Return: whether there was memory; else everything is as before.
 */
bool hc_batch_replace(struct hc_batch *batch, size_t index, struct hc_record *record,
		      struct hc_record *upon);

/**
 * hc_batch_take() - a store begins to commit a batch that is new: decide which records
 *
 * On the thread that commits, batch after batch in the order of the log.
 */
void hc_batch_take(struct hc_batch *batch);

/** hc_batch_lose() - the commit has failed: nothing may be built upon its records, now and later */
void hc_batch_lose(struct hc_batch *batch);

/**
 * hc_batch_repeat() - answer a batch whose key is known
 * @digest: of what was published with that key
 * @first:  the sequence of the first event of it that was logged
 *
 * HC_BATCH_REPEATED, with the sequences of then, or HC_BATCH_E_CONFLICT.
 */
void hc_batch_repeat(struct hc_batch *batch, struct hc_str digest, uint64_t first);

/** hc_batch_is_logged() - whether it goes to the log, or any of its records does */
bool hc_batch_is_logged(const struct hc_batch *batch);
