/* SPDX-License-Identifier: MIT */
/*
 * The statements that the connection which writes the log runs over and over: prepared once, each
 * run by its name. Whoever binds values does so in the order of the question marks.
 */
#pragma once

#include "proto/base.h"

struct sqlite3;
struct sqlite3_stmt;

enum hc_statement {
	HC_STATEMENT_BEGIN,
	HC_STATEMENT_COMMIT,
	HC_STATEMENT_ROLLBACK,
	HC_STATEMENT_INSERT_EVENT,
	HC_STATEMENT_SET_RETAINED,
	HC_STATEMENT_CLEAR_RETAINED,
	HC_STATEMENT_CLEAR_STATE,
	HC_STATEMENT_FIND_KEY,
	HC_STATEMENT_INSERT_KEY,
	HC_STATEMENT_DELETE_KEYS,
	HC_STATEMENT_SET_CONSUMER,
	HC_STATEMENT_DELETE_CONSUMER,
	HC_STATEMENT_INSERT_MARK,
	HC_STATEMENT_FIND_MARK,
	HC_STATEMENT_DELETE_MARKS,
	HC_STATEMENT_DELETE_EVENTS,
	HC_STATEMENT_SET_BASE,
	HC_STATEMENT_SET_CLOCK,
	HC_STATEMENT_COUNT_PAGES,
	HC_STATEMENT_COUNT_FREE_PAGES,
	HC_STATEMENT_SHRINK,
	HC_STATEMENTS_
};

struct hc_statements {
	struct sqlite3_stmt *all[HC_STATEMENTS_]; /* NULL: not prepared */
};

/** hc_statements_prepare() - all of them; an SQLite code, as of the functions that follow */
int hc_statements_prepare(struct hc_statements *statements, struct sqlite3 *db);
void hc_statements_finalize(struct hc_statements *statements);

/** hc_statements_run() - one that returns no rows */
int hc_statements_run(struct hc_statements *statements, enum hc_statement which);

/** hc_statements_run_with() - the same, with its first value */
int hc_statements_run_with(struct hc_statements *statements, enum hc_statement which,
			   uint64_t value);

/** hc_statements_ask() - the first column of the first row, a number */
int hc_statements_ask(struct hc_statements *statements, enum hc_statement which, uint64_t *ret);

/**
 * hc_statements_end() - end a transaction well or, if something in it has failed, not at all
 * @r: what became of it so far
 */
int hc_statements_end(struct hc_statements *statements, int r);

/** hc_statements_roll_back() - undo the transaction, if there is one still */
void hc_statements_roll_back(struct hc_statements *statements);
