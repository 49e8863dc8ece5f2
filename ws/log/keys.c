/* SPDX-License-Identifier: MIT */
/*
 * How long the hub was away is not believed at all: no key is forgotten before the hub has run for
 * as long as every key is kept.
 */
#include <sqlite3.h>

#include "ws/log/keys.h"
#include "ws/log/sql.h"

#define KEPT_MS	    (60 * 60 * 1000) /* for which one is remembered */
#define KEPT_MS_MIN (10 * 60 * 1000) /* and if there are more than N_MAX */
#define N_MAX	    200000
#define N_STEP	    500 /* which are dropped at once */
#define KEY_BYTES   256 /* of pages, roughly: measured 210 to 260 */

int hc_keys_answer(const struct hc_keys *keys, struct hc_batch *batch, bool *ret_known)
{
	sqlite3_stmt *stmt = keys->statements->all[HC_STATEMENT_FIND_KEY];
	int r;

	*ret_known = false;
	if (!batch->key[0])
		return SQLITE_OK;
	hc_sql_bind_text(stmt, 1, hc_str(batch->key));
	r = sqlite3_step(stmt);
	if (r == SQLITE_ROW) {
		*ret_known = true;
		hc_batch_repeat(batch, hc_sql_column(stmt, 0),
				(uint64_t)sqlite3_column_int64(stmt, 1));
	}
	sqlite3_reset(stmt);
	return r == SQLITE_ROW || r == SQLITE_DONE ? SQLITE_OK : r;
}

int hc_keys_insert(const struct hc_keys *keys, const struct hc_batch *batch, uint64_t first,
		   int64_t clock_ms)
{
	sqlite3_stmt *stmt = keys->statements->all[HC_STATEMENT_INSERT_KEY];

	hc_sql_bind_text(stmt, 1, hc_str(batch->key));
	hc_sql_bind_blob(stmt, 2,
			 (struct hc_str){ (const char *)batch->digest, sizeof(batch->digest) });
	sqlite3_bind_int64(stmt, 3, (sqlite3_int64)first);
	sqlite3_bind_int64(stmt, 4, clock_ms);
	return hc_statements_run(keys->statements, HC_STATEMENT_INSERT_KEY);
}

int hc_keys_forget(struct hc_keys *keys, const struct hc_age *age, bool *ret_more)
{
	sqlite3_stmt *stmt = keys->statements->all[HC_STATEMENT_DELETE_KEYS];
	int64_t now_ms = hc_age_now_ms(age), kept_ms = KEPT_MS;
	uint64_t n;
	int r;

	*ret_more = false;
	if (keys->n > N_MAX)
		kept_ms = KEPT_MS_MIN; /* nor do they become ever more if the hub keeps dying */
	else if (!keys->n || now_ms - age->began_ms < KEPT_MS_MIN)
		return SQLITE_OK;
	sqlite3_bind_int64(stmt, 1, now_ms - kept_ms);
	sqlite3_bind_int64(stmt, 2, N_STEP);
	r = hc_statements_run(keys->statements, HC_STATEMENT_DELETE_KEYS);
	if (r)
		return r;
	n = (uint64_t)sqlite3_changes(sqlite3_db_handle(stmt));
	keys->n -= n < keys->n ? n : keys->n;
	*ret_more = n == N_STEP;
	return SQLITE_OK;
}

uint64_t hc_keys_bytes(const struct hc_keys *keys)
{
	return keys->n * KEY_BYTES;
}
