/* SPDX-License-Identifier: MIT */
/*
 * The log's database: the one connection that writes and checkpoints it. Of the writer thread; all
 * functions block. They return SQLite codes.
 *
 * SQLite before 3.51.3 can corrupt a database that two connections checkpoint (sqlite.org/wal.html,
 * "The WAL-reset bug"): readers never do, and nobody else opens it.
 */
#pragma once

#include "ws/log/age.h"
#include "ws/log/batch.h"
#include "ws/log/keys.h"
#include "ws/log/migration.h"
#include "ws/log/statements.h"

struct hc_database {
	struct sqlite3 *db; /* NULL: not open */
	struct hc_statements statements;
	char epoch[HC_EPOCH_LEN + 1];
	uint64_t base;	 /* the sequence before the oldest event kept */
	uint64_t newest; /* sequence */
	struct hc_keys keys;
	struct hc_age age;
	uint64_t page_bytes;
	bool can_shrink;	/* one that an older version has made cannot */
	unsigned int wal_pages; /* after the last commit */
};

struct hc_database_options {
	bool sync;	      /* each commit reaches the disk before it returns */
	uint64_t keep_age_ms; /* how old events may become; 0: any age */
};

/**
 * hc_database_open() - open it, create or migrate its tables, read its bounds
 * @start: what a new one begins with
 *
 * Return: SQLITE_SCHEMA for one of a newer version. After a failure it may be half open: close it.
 */
int hc_database_open(struct hc_database *database, const char *path,
		     const struct hc_database_options *options, const struct hc_log_start *start);
void hc_database_close(struct hc_database *database);

/** hc_database_abandon() - close it and leave its files as they are: they are evidence */
void hc_database_abandon(struct hc_database *database);

/** hc_database_renew() - go on with another epoch */
int hc_database_renew(struct hc_database *database, const char *epoch);

/**
 * hc_database_append() - commit batches in one transaction, see hc_store_append(); all or nothing
 */
int hc_database_append(struct hc_database *database, struct hc_batch **batches, size_t n);

/** hc_database_trim() - forget the events up to a sequence */
int hc_database_trim(struct hc_database *database, uint64_t until);

/** hc_database_cut() - forget the events behind a sequence, which nobody was told of */
int hc_database_cut(struct hc_database *database, uint64_t newest);

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
