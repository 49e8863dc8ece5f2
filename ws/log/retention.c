/* SPDX-License-Identifier: MIT */
#include <sqlite3.h>

#include "proto/clock.h"
#include "ws/log/retention.h"

#define STEP_NS_MIN   1000000 /* below which the next step takes more rows, as far as it may */
#define STEP_NS_MAX   5000000 /* and above which less */
#define STEP_ROWS_MIN 16
#define STEP_ROWS_MAX 4096
#define EXCESS_ROWS   2048 /* above which trimming does not wait for a pause */
#define EXCESS_BYTES  (4 * 1024 * 1024)

/* How many of the oldest rows take about that part of all bytes; the newest stays. */
static uint64_t rows_of(uint64_t part, uint64_t bytes, uint64_t n)
{
	uint64_t rows = (uint64_t)((double)n * (double)part / (double)bytes) + 1;

	return rows < n ? rows : n - !!n;
}

static int find_excess(const struct hc_retention *retention, struct hc_database *database,
		       bool busy, uint64_t *ret_until)
{
	uint64_t n = database->newest - database->base, until = 0, bytes = 0, rows = 0;
	int r = SQLITE_OK;

	if (retention->age_ms)
		r = hc_age_find(&database->age, retention->age_ms, &until);
	if (busy && until < database->base + EXCESS_ROWS)
		until = 0;
	if (retention->n_events && n > retention->n_events + (busy ? EXCESS_ROWS : 0) &&
	    database->newest - retention->n_events > until)
		until = database->newest - retention->n_events;
	if (!r && retention->bytes)
		r = hc_database_bytes(database, &bytes);
	if (retention->bytes && bytes > retention->bytes + (busy ? EXCESS_BYTES : 0))
		rows = rows_of(bytes - retention->bytes, bytes, n);
	*ret_until = until > database->base + rows ? until : database->base + rows;
	return r;
}

static void adapt(struct hc_retention *retention, uint64_t took_ns)
{
	if (took_ns > STEP_NS_MAX && retention->n_rows > STEP_ROWS_MIN)
		retention->n_rows /= 2;
	else if (took_ns < STEP_NS_MIN && retention->n_rows < STEP_ROWS_MAX)
		retention->n_rows *= 2;
}

int hc_retention_trim(struct hc_retention *retention, struct hc_database *database, bool busy,
		      bool *ret_more)
{
	uint64_t until, began_ns, step;
	int r = find_excess(retention, database, busy, &until);

	if (r || until <= database->base)
		return r;
	if (!retention->n_rows)
		retention->n_rows = STEP_ROWS_MIN;
	step = database->base + retention->n_rows;
	*ret_more = true;
	began_ns = hc_monotonic_ns();
	r = hc_database_trim(database, until < step ? until : step);
	adapt(retention, hc_monotonic_ns() - began_ns);
	return r;
}
