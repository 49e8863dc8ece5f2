/* SPDX-License-Identifier: MIT */
/*
 * The rows that are written for what is in a batch: events, retained events, durable consumers.
 * Within a transaction; readers.h reads them. All functions return an SQLite code.
 */
#pragma once

#include "ws/log/batch.h"
#include "ws/log/statements.h"

/** hc_rows_insert_event() - an event that has its sequence, and what it does to the retained ones
 */
int hc_rows_insert_event(struct hc_statements *statements, const struct hc_record *record);

/** hc_rows_replace_state() - the events of a batch take the place of all that are retained */
int hc_rows_replace_state(struct hc_statements *statements, const struct hc_batch *batch);

/** hc_rows_set_consumer() - set a durable consumer, or delete one that is gone */
int hc_rows_set_consumer(struct hc_statements *statements, const struct hc_consumer_row *row);
