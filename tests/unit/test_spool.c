/* SPDX-License-Identifier: MIT */
/* The spool: order, bounds, and gaps that are told exactly. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "bpf/spool.h"

/* Events are texts here, each with a space behind it, so that a batch can be read. */
static void append_gap(struct hc_buffer *event, uint64_t n_lost)
{
	hc_buffer_printf(event, "gap%llu ", (unsigned long long)n_lost);
}

static void push(struct hc_spool *spool, const char *text)
{
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer event = HC_BUFFER_NULL;

	hc_buffer_printf(&event, "%s ", text);
	hc_spool_push(spool, &event);
}

static void expect_taken(struct hc_spool *spool, size_t n_max, const char *wanted)
{
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer events = HC_BUFFER_NULL;

	(void)hc_spool_take(spool, &events, n_max, 1000);
	hc_buffer_append(&events, "", 1);
	cr_expect_str_eq(events.data, wanted);
}

static size_t drain(struct hc_spool *spool)
{
	size_t n = 0, n_taken;

	do {
		HC_CLEANUP(hc_buffer_deinit) struct hc_buffer events = HC_BUFFER_NULL;

		n_taken = hc_spool_take(spool, &events, 256, 1 << 20);
		n += n_taken;
	} while (n_taken);
	return n;
}

Test(spool, events_leave_in_the_order_they_came)
{
	struct hc_spool *spool = hc_spool_new(append_gap);
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer status = HC_BUFFER_NULL;

	push(spool, "a");
	push(spool, "b");
	hc_buffer_printf(&status, "status ");
	hc_spool_push_front(spool, &status);
	push(spool, "c");
	cr_expect_eq(hc_spool_waiting(spool), 4);
	expect_taken(spool, 2, "status a ");
	expect_taken(spool, 9, "b c ");
	expect_taken(spool, 9, "");
	cr_expect_eq(hc_spool_pushed(spool), 4);
	cr_expect_eq(hc_spool_lost(spool), 0);
	hc_spool_free(spool);
}

Test(spool, a_batch_keeps_to_its_bytes)
{
	struct hc_spool *spool = hc_spool_new(append_gap);
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer events = HC_BUFFER_NULL;

	push(spool, "1234");
	push(spool, "1234");
	push(spool, "much longer than that");
	push(spool, "5");
	cr_expect_eq(hc_spool_take(spool, &events, 9, 9), 1);
	cr_expect_eq(hc_spool_take(spool, &events, 9, 10), 2, "what fits no batch is left out");
	cr_expect_eq(hc_spool_lost(spool), 1);
	expect_taken(spool, 9, "gap1 ");
	hc_spool_free(spool);
}

Test(spool, what_does_not_fit_becomes_one_gap_in_its_place)
{
	struct hc_spool *spool = hc_spool_new(append_gap);
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer events = HC_BUFFER_NULL;

	for (size_t i = 0; i < HC_SPOOL_EVENTS_MAX + 100; i++)
		push(spool, "x");
	cr_expect_eq(hc_spool_lost(spool), 100);
	cr_expect_eq(hc_spool_take(spool, &events, 3, 1000), 3);
	push(spool, "after");
	cr_expect_eq(hc_spool_lost(spool), 100);
	for (size_t n = HC_SPOOL_EVENTS_MAX - 3; n;) {
		hc_buffer_reset(&events);
		n -= hc_spool_take(spool, &events, n < 256 ? n : 256, 1 << 20);
	}
	expect_taken(spool, 9, "gap100 after ");
	cr_expect_eq(hc_spool_waiting(spool), 0);
	hc_spool_free(spool);
}

Test(spool, a_gap_is_told_even_if_nothing_follows)
{
	struct hc_spool *spool = hc_spool_new(append_gap);

	for (size_t i = 0; i < HC_SPOOL_EVENTS_MAX + 7; i++)
		push(spool, "x");
	cr_expect_eq(hc_spool_waiting(spool), HC_SPOOL_EVENTS_MAX + 1);
	cr_expect_eq(drain(spool), HC_SPOOL_EVENTS_MAX + 1);
	hc_spool_lose(spool, 3);
	expect_taken(spool, 9, "gap3 ");
	cr_expect_eq(hc_spool_lost(spool), 10);
	hc_spool_free(spool);
}

Test(spool, bytes_are_bounded_too)
{
	struct hc_spool *spool = hc_spool_new(append_gap);
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer large = HC_BUFFER_NULL;
	const size_t len = 65536, n_fit = HC_SPOOL_BYTES_MAX / len;

	cr_assert_not_null(hc_buffer_reserve(&large, len));
	memset(large.data, 'x', len);
	large.len = len;
	for (size_t i = 0; i < n_fit + 5; i++)
		hc_spool_push(spool, &large);
	cr_expect_eq(hc_spool_lost(spool), 5);
	cr_expect_not(hc_spool_offer(spool, &large), "there is no room for so many bytes");
	cr_expect_eq(hc_spool_lost(spool), 5, "and nothing is lost by asking");
	cr_expect_eq(drain(spool), n_fit + 1);
	cr_expect(hc_spool_offer(spool, &large));
	cr_expect_eq(drain(spool), 1);
	hc_spool_free(spool);
}
