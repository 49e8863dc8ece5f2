/* SPDX-License-Identifier: MIT */
/*
 * The tables of the log's database, and how those of an older version become them: step by step,
 * all in one transaction.
 */
#pragma once

#include "proto/position.h"

struct sqlite3;

#define HC_MIGRATION_VERSION 3 /* of the tables that this program works with */

/** struct hc_log_start - what a new log begins with */
struct hc_log_start {
	char epoch[HC_EPOCH_LEN + 1];
	uint64_t base; /* sequences up to this one were given out before */
};

/**
 * hc_migration_look() - whose database it is, before anything in it is touched; 0: it is empty
 *
 * Return: an SQLite code; SQLITE_SCHEMA if a newer program has written it, SQLITE_MISMATCH if
 * another one has.
 */
int hc_migration_look(struct sqlite3 *db, int *ret_version);

/**
 * hc_migrate() - bring the tables up to date; an empty database gets all of them
 * @start: what an empty one begins with
 *
 * Return: an SQLite code, those of hc_migration_look() among them.
 */
int hc_migrate(struct sqlite3 *db, const struct hc_log_start *start);
