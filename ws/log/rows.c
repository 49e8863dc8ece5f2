/* SPDX-License-Identifier: MIT */
#include <sqlite3.h>

#include "ws/log/checksum.h"
#include "ws/log/rows.h"
#include "ws/log/sql.h"

static uint32_t checksum(const struct hc_record *record, struct hc_str to)
{
	return hc_checksum(record->sequence, hc_str(record->type->name), to, record->body);
}

static int log_event(struct hc_statements *statements, const struct hc_record *record)
{
	sqlite3_stmt *stmt = statements->all[HC_STATEMENT_INSERT_EVENT];

	sqlite3_bind_int64(stmt, 1, (sqlite3_int64)record->sequence);
	hc_sql_bind_text(stmt, 2, hc_str(record->type->name));
	if (record->to.len)
		hc_sql_bind_text(stmt, 3, record->to);
	else
		sqlite3_bind_null(stmt, 3);
	hc_sql_bind_blob(stmt, 4, record->body);
	sqlite3_bind_int64(stmt, 5, checksum(record, record->to));
	return hc_statements_run(statements, HC_STATEMENT_INSERT_EVENT);
}

static int retain(struct hc_statements *statements, const struct hc_record *record)
{
	sqlite3_stmt *stmt = statements->all[HC_STATEMENT_SET_RETAINED];

	hc_sql_bind_text(stmt, 1, hc_str(record->type->name));
	hc_sql_bind_text(stmt, 2, record->state_key);
	sqlite3_bind_int64(stmt, 3, (sqlite3_int64)record->sequence);
	hc_sql_bind_blob(stmt, 4, record->body);
	sqlite3_bind_int64(stmt, 5, checksum(record, HC_STR("")));
	return hc_statements_run(statements, HC_STATEMENT_SET_RETAINED);
}

static int clear_retained(struct hc_statements *statements, const struct hc_record *record)
{
	sqlite3_stmt *stmt = statements->all[HC_STATEMENT_CLEAR_RETAINED];

	hc_sql_bind_text(stmt, 1, hc_str(record->type->clears->name));
	hc_sql_bind_text(stmt, 2, record->state_key);
	return hc_statements_run(statements, HC_STATEMENT_CLEAR_RETAINED);
}

int hc_rows_insert_event(struct hc_statements *statements, const struct hc_record *record)
{
	int r = log_event(statements, record);

	if (r || record->to.len)
		return r;
	if (record->type->retained_key)
		r = retain(statements, record);
	if (!r && record->type->clears)
		r = clear_retained(statements, record);
	return r;
}

int hc_rows_replace_state(struct hc_statements *statements, const struct hc_batch *batch)
{
	int r = hc_statements_run(statements, HC_STATEMENT_CLEAR_STATE);

	for (size_t i = 0; i < batch->n && !r; i++)
		if (hc_record_is_logged(batch->records[i]))
			r = retain(statements, batch->records[i]);
	return r;
}

static int delete_consumer(struct hc_statements *statements, const struct hc_consumer_row *row)
{
	hc_sql_bind_text(statements->all[HC_STATEMENT_DELETE_CONSUMER], 1, hc_str(row->name));
	return hc_statements_run(statements, HC_STATEMENT_DELETE_CONSUMER);
}

int hc_rows_set_consumer(struct hc_statements *statements, const struct hc_consumer_row *row)
{
	sqlite3_stmt *stmt = statements->all[HC_STATEMENT_SET_CONSUMER];

	if (row->is_gone)
		return delete_consumer(statements, row);
	hc_sql_bind_text(stmt, 1, hc_str(row->name));
	hc_sql_bind_text(stmt, 2, hc_str(row->owner));
	hc_sql_bind_text(stmt, 3, hc_str(row->position.epoch));
	sqlite3_bind_int64(stmt, 4, (sqlite3_int64)row->position.sequence);
	sqlite3_bind_int64(stmt, 5, row->created_unix_ms);
	sqlite3_bind_int64(stmt, 6, row->acknowledged_unix_ms);
	return hc_statements_run(statements, HC_STATEMENT_SET_CONSUMER);
}
