/* SPDX-License-Identifier: MIT */
/* Durable consumers: by name, in order, and on their way through the log. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "tests/unit/store.h"
#include "ws/consumers.h"

struct fixture {
	struct test_hub test;
	struct store_place place;
	struct hc_consumers *consumers;
	size_t n_done;
	enum hc_batch_result result;
};

static void on_shown(void *context)
{
	(void)context;
}

static void setup(struct fixture *f)
{
	struct hc_hub *hub = &f->test.hub;

	f->place = store_place(HC_DURABILITY_PROCESS);
	test_hub_open_with(&f->test, 100000, store_open_at(&f->place));
	cr_assert_eq(hc_writer_new(&hub->writer, hub->loop, hub->store, on_shown, NULL), 0);
	cr_assert_eq(hc_consumers_new(&f->consumers, hub), 0);
	f->n_done = 0;
}

static void teardown(struct fixture *f)
{
	f->consumers = hc_consumers_free(f->consumers);
	f->test.hub.writer = hc_writer_free(f->test.hub.writer);
	test_hub_close(&f->test);
	store_place_remove(&f->place);
}

static struct hc_consumer_row row_of(const char *name, uint64_t sequence)
{
	struct hc_consumer_row row = { .position = { "0123456789abcdef", sequence },
				       .created_unix_ms = 1,
				       .acknowledged_unix_ms = 2 };

	(void)snprintf(row.name, sizeof(row.name), "%s", name);
	(void)snprintf(row.owner, sizeof(row.owner), "owner of %s", name);
	return row;
}

static void on_done(struct hc_batch *batch)
{
	struct fixture *f = batch->owner;

	f->n_done++;
	f->result = batch->result;
	(void)hc_batch_free(batch);
}

static void commit(struct fixture *f, const struct hc_consumer_row *row)
{
	cr_assert(hc_consumers_commit(f->consumers, row, on_done, f, 0));
}

static void settle(struct fixture *f, size_t n)
{
	while (f->n_done < n)
		(void)uv_run(&f->test.loop, UV_RUN_ONCE);
	cr_expect_eq(f->result, HC_BATCH_OK_);
}

static void print(void *context, const struct hc_consumer_row *row)
{
	hc_buffer_printf(context, "%s(%s) %llu;", row->name, row->owner,
			 (unsigned long long)row->position.sequence);
}

static void expect_all(const struct hc_consumers *consumers, const char *wanted)
{
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer text = HC_BUFFER_NULL;

	hc_consumers_each(consumers, print, &text);
	cr_expect(hc_str_is((struct hc_str){ text.data, text.len }, wanted), "%.*s", (int)text.len,
		  text.data);
}

Test(consumers, are_known_at_once_and_stored_in_the_end)
{
	struct hc_consumer_row b = row_of("b", 7), a = row_of("a", 1), gone = row_of("c", 1);
	struct hc_consumers *again = NULL;
	struct fixture f;

	setup(&f);
	commit(&f, &b);
	commit(&f, &a);
	commit(&f, &gone);
	expect_all(f.consumers, "a(owner of a) 1;b(owner of b) 7;c(owner of c) 1;");
	gone.is_gone = true;
	commit(&f, &gone);
	b.position.sequence = 9;
	commit(&f, &b);
	expect_all(f.consumers, "a(owner of a) 1;b(owner of b) 9;");
	cr_expect_eq(hc_consumers_count(f.consumers), 2);
	settle(&f, 5);
	cr_assert_eq(hc_consumers_new(&again, &f.test.hub), 0);
	cr_expect_eq(hc_consumers_load(again), 0);
	expect_all(again, "a(owner of a) 1;b(owner of b) 9;");
	cr_expect_str_eq(hc_consumers_find(again, HC_STR("a"))->position.epoch, "0123456789abcdef");
	cr_expect_eq(hc_consumers_find(again, HC_STR("a"))->created_unix_ms, 1);
	cr_expect_eq(hc_consumers_find(again, HC_STR("a"))->acknowledged_unix_ms, 2);
	cr_expect_null(hc_consumers_find(again, HC_STR("c")));
	(void)hc_consumers_free(again);
	cr_expect_null(hc_consumers_free(NULL));
	teardown(&f);
}

Test(consumers, have_names_that_can_stand_in_a_path)
{
	static const struct {
		const char *name;
		bool good;
	} names[] = {
		{ "a", true },	  { "A-1.b_c", true },	 { "", false },	  { "a b", false },
		{ "a/b", false }, { "\xc3\xa4", false }, { ".a", false }, { "a%", false },
	};
	char longest[HC_CONSUMER_NAME_MAX + 2];

	for (size_t i = 0; i < HC_ARRAY_LEN(names); i++)
		cr_expect_eq(hc_consumers_is_name(hc_str(names[i].name)), names[i].good, "%s",
			     names[i].name);
	memset(longest, 'x', sizeof(longest));
	cr_expect(hc_consumers_is_name((struct hc_str){ longest, HC_CONSUMER_NAME_MAX }));
	cr_expect_not(hc_consumers_is_name((struct hc_str){ longest, HC_CONSUMER_NAME_MAX + 1 }));
	cr_expect_not(hc_consumers_is_name((struct hc_str){ "a\0b", 3 }));
}
