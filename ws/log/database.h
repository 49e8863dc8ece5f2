/* SPDX-License-Identifier: MIT */
/*
 * The log's database: the one connection that writes and checkpoints it. Of the writer thread; all
 * functions block. They return SQLite codes.
 *
 * SQLite before 3.51.3 can corrupt a database that two connections checkpoint (sqlite.org/wal.html,
 * "The WAL-reset bug"): readers never do, and nobody else opens it.
 */
#pragma once

#include "ws/log/batch.h"
#include "ws/log/migration.h"

struct sqlite3;
struct sqlite3_stmt;

enum hc_database_statement {
	HC_DATABASE_BEGIN,
	HC_DATABASE_COMMIT,
	HC_DATABASE_ROLLBACK,
	HC_DATABASE_INSERT_EVENT,
	HC_DATABASE_SET_RETAINED,
	HC_DATABASE_CLEAR_RETAINED,
	HC_DATABASE_CLEAR_STATE,
	HC_DATABASE_FIND_KEY,
	HC_DATABASE_INSERT_KEY,
	HC_DATABASE_DELETE_KEYS,
	HC_DATABASE_SET_CONSUMER,
	HC_DATABASE_DELETE_CONSUMER,
	HC_DATABASE_INSERT_MARK,
	HC_DATABASE_FIND_MARK,
	HC_DATABASE_DELETE_MARKS,
	HC_DATABASE_DELETE_EVENTS,
	HC_DATABASE_SET_BASE,
	HC_DATABASE_SET_CLOCK,
	HC_DATABASE_COUNT_PAGES,
	HC_DATABASE_COUNT_FREE_PAGES,
	HC_DATABASE_SHRINK,
	HC_DATABASE_STATEMENTS_
};

struct hc_database {
	struct sqlite3 *db; /* NULL: not open */
	struct sqlite3_stmt *stmts[HC_DATABASE_STATEMENTS_];
	char epoch[HC_EPOCH_LEN + 1];
	uint64_t base;	 /* the sequence before the oldest event kept */
	uint64_t newest; /* sequence */
	uint64_t n_keys;
	uint64_t page_bytes;
	bool can_shrink;	/* one that an older version has made cannot */
	unsigned int wal_pages; /* after the last commit */
	/* The age of what is kept is counted on a clock of the log's own, in milliseconds. */
	int64_t clock_began_ms;
	uint64_t clock_began_boot_ms;
	int64_t clock_set_ms; /* when it was noted last */
	uint64_t mark_every_ms;
	uint64_t marked; /* the newest sequence that a mark covers */
	int64_t marked_clock_ms;
};

#define HC_DATABASE_NULL ((struct hc_database){ 0 })

/**
 * hc_database_open() - open it, create or migrate its tables, read its bounds
 * @sync:  each commit reaches the disk before it returns
 * @start: what a new one begins with
 *
 * Return: SQLITE_SCHEMA for one of a newer version. After a failure it may be half open: close it.
 */
int hc_database_open(struct hc_database *database, const char *path, bool sync,
		     const struct hc_log_start *start);
void hc_database_close(struct hc_database *database);

/** hc_database_abandon() - close it and leave its files as they are: they are evidence */
void hc_database_abandon(struct hc_database *database);

/** hc_database_renew() - go on with another epoch */
int hc_database_renew(struct hc_database *database, const char *epoch);

/** hc_database_error() - what went wrong last, as text */
const char *hc_database_error(const struct hc_database *database, int code);

/** hc_database_cause() - SQLITE_IOERR_READ where SQLite calls damaged what the disk did not read */
int hc_database_cause(struct sqlite3 *db, int code);

/** hc_database_is_full() - whether a failure is for want of space */
bool hc_database_is_full(const struct hc_database *database, int code);

/**
 * hc_database_append() - commit batches in one transaction, see hc_store_append(); all or nothing
 */
int hc_database_append(struct hc_database *database, struct hc_batch **batches, size_t n);

/** hc_database_trim() - forget the events up to a sequence */
int hc_database_trim(struct hc_database *database, uint64_t until);

/** hc_database_cut() - forget the events behind a sequence, which nobody was told of */
int hc_database_cut(struct hc_database *database, uint64_t newest);

/**
 * hc_database_aged() - the sequence up to which everything is older than @age_ms; 0 if nothing is
 */
int hc_database_aged(struct hc_database *database, uint64_t age_ms, uint64_t *ret_sequence);

/** hc_database_mark() - note how old the newest events are, and the clock, if it is time to */
int hc_database_mark(struct hc_database *database);

/** hc_database_set_clock() - note it now: of the time until it is open again little is believed */
int hc_database_set_clock(struct hc_database *database);

/**
 * hc_database_forget_keys() - drop some idempotency keys that are old; @ret_more: there are more
 */
int hc_database_forget_keys(struct hc_database *database, bool *ret_more);

/** hc_database_bytes() - of its pages, those that are free not counted, nor those of the keys */
int hc_database_bytes(struct hc_database *database, uint64_t *ret);

/**
 * hc_database_shrink() - give some free pages back, if very many are; @ret_more: there are more
 *
 * A checkpoint makes the file shorter then.
 */
int hc_database_shrink(struct hc_database *database, bool *ret_more);

/**
 * hc_database_checkpoint() - move what was written beside it into it; @all: and empty that file
 *
 * Does not wait: SQLITE_BUSY if somebody reads what is in there.
 */
int hc_database_checkpoint(struct hc_database *database, bool all);

/** hc_database_try() - whether a transaction can begin; does not wait for who has it locked */
int hc_database_try(struct hc_database *database);

/** hc_database_try_to_write() - whether there is room for so many bytes; nothing of them stays */
int hc_database_try_to_write(struct hc_database *database, size_t len);

enum hc_database_move {
	HC_DATABASE_STAYS,
	HC_DATABASE_MOVED,   /* deleted or replaced */
	HC_DATABASE_WIDOWED, /* what was written beside it was deleted */
};

/** hc_database_has_moved() - whether its files were taken away from under us */
enum hc_database_move hc_database_has_moved(struct hc_database *database);

/**
 * hc_database_check() - look for damage, for @ms_max at most; SQLITE_INTERRUPT if that was short
 */
int hc_database_check(struct hc_database *database, uint64_t ms_max);
