/* SPDX-License-Identifier: MIT */
/*
 * Positions at random, against a model of what a client is owed: every event it wants that is
 * logged behind its position either reaches it, once and in order, or is announced as missed before
 * what follows it; and announced is only what the log has forgotten.
 *
 * Clients block, come back, resume wherever they like, and want more for a while, while events
 * come, ring and log trim.
 */
#include <criterion/criterion.h>

#include "tests/unit/store.h"
#include "ws/sessions/resume.h"

#define N_EVENTS  1500
#define N_CLIENTS 8

struct world {
	struct test_hub test;
	uint64_t random;
	const struct hc_type *types[N_EVENTS + 1]; /* by sequence */
	bool addressed[N_EVENTS + 1];
	struct test_client clients[N_CLIENTS];
	struct hc_filter filters[N_CLIENTS]; /* what they want all the time */
	struct hc_filter wider[N_CLIENTS];   /* and what they want now and then */
	uint64_t sinces[N_CLIENTS];
};

static bool may_come(const struct world *world, size_t client, uint64_t sequence)
{
	return !world->addressed[sequence] &&
	       hc_filter_has(&world->wider[client], world->types[sequence]);
}

static bool is_wanted(const struct world *world, size_t client, uint64_t sequence)
{
	return !world->addressed[sequence] &&
	       hc_filter_has(&world->filters[client], world->types[sequence]);
}

/* The first wanted sequence behind @after, or N_EVENTS + 1. */
static uint64_t next_wanted(const struct world *world, size_t client, uint64_t after)
{
	uint64_t sequence = after + 1;

	while (sequence <= N_EVENTS &&
	       (!world->types[sequence] || !is_wanted(world, client, sequence)))
		sequence++;
	return sequence;
}

/* ---- the audit ---------------------------------------------------------------------------- */

static uint64_t sequence_at(const json_t *payload, const char *key)
{
	const char *text = json_string_value(json_object_get(payload, key));
	struct hc_position position;

	cr_assert(text && hc_position_parse(&position, hc_str(text)), "%s", key);
	return position.sequence;
}

/* What is said to be replayed of @after up to @to; volatile events may be among it. */
static void audit_count(const struct world *world, size_t client, const json_t *payload,
			uint64_t after)
{
	uint64_t to = sequence_at(payload, "to");
	json_int_t n = 0;

	for (uint64_t at = next_wanted(world, client, after); at <= to;
	     at = next_wanted(world, client, at))
		n++;
	cr_assert_geq(json_integer_value(json_object_get(payload, "replayed")), n, "behind %llu",
		      (unsigned long long)after);
}

/* Takes a connection.resumed message; returns up to where all is accounted for now. */
static uint64_t audit_resumed(const struct world *world, size_t client, const json_t *payload,
			      uint64_t accounted)
{
	const char *reason = json_string_value(json_object_get(payload, "reason"));
	uint64_t from = sequence_at(payload, "from"), missed_to;

	if (json_is_true(json_object_get(payload, "complete"))) {
		audit_count(world, client, payload, from);
		return from;
	}
	cr_assert(reason && (!strcmp(reason, "lagged") || !strcmp(reason, "trimmed")));
	cr_assert_eq(sequence_at(payload, "missed_from"), from + 1);
	missed_to = sequence_at(payload, "missed_to");
	cr_assert_gt(missed_to, from);
	cr_assert_lt(missed_to, world->test.hub.store->oldest, "what is still kept is not missed");
	if (!strcmp(reason, "lagged")) /* it did not ask to go elsewhere */
		cr_assert_gt(next_wanted(world, client, accounted), from,
			     "a gap before what is said to be missed");
	else
		audit_count(world, client, payload, missed_to);
	return missed_to;
}

static uint64_t audit_message(const struct world *world, size_t client, const json_t *message,
			      uint64_t accounted)
{
	const json_t *sequence = json_object_get(message, "sequence");
	const char *type = json_string_value(json_object_get(message, "type"));
	uint64_t at;

	if (!strcmp(type, "connection.resumed"))
		return audit_resumed(world, client, json_object_get(message, "payload"), accounted);
	if (!sequence) /* volatile */
		return accounted;
	at = (uint64_t)json_integer_value(sequence);
	cr_assert(may_come(world, client, at));
	if (is_wanted(world, client, at))
		cr_assert_eq(at, next_wanted(world, client, accounted), "behind %llu",
			     (unsigned long long)accounted);
	else
		cr_assert(accounted < at && at < next_wanted(world, client, accounted));
	return at;
}

/* The retained events that follow a gap are older than what comes behind them. */
static void audit_state(const struct world *world, size_t client, const json_t *message,
			uint64_t accounted)
{
	uint64_t sequence = (uint64_t)json_integer_value(json_object_get(message, "sequence"));

	cr_assert_leq(sequence, accounted);
	if (!sequence) /* volatile */
		return;
	cr_assert(world->types[sequence] && world->types[sequence]->retained_key);
	cr_assert(may_come(world, client, sequence));
}

static uint64_t n_state_of(const json_t *message)
{
	return (uint64_t)json_integer_value(
		json_object_get(json_object_get(message, "payload"), "state"));
}

static void audit(struct world *world, size_t client)
{
	uint64_t accounted = world->sinces[client], n_state = 0;
	size_t n_messages = 0;
	json_t *message;

	for (; (message = client_next(&world->clients[client])); n_messages++) {
		if (n_state) {
			audit_state(world, client, message, accounted);
			n_state--;
		} else {
			accounted = audit_message(world, client, message, accounted);
			n_state = n_state_of(message);
		}
		json_decref(message);
	}
	cr_assert_eq(n_state, 0);
	cr_assert_gt(n_messages, 0);
	cr_assert_gt(next_wanted(world, client, accounted), world->test.hub.store->newest,
		     "it was not given everything");
}

/* ---- what happens ------------------------------------------------------------------------- */

/* Any type but those that say something of the connection itself. */
static const struct hc_type *some_type(struct world *world)
{
	const struct hc_types *types = test_types();
	const struct hc_type *type;

	do
		type = hc_types_at(types, test_random(&world->random) % hc_types_count(types));
	while (!strcmp(type->domain, "connection"));
	return type;
}

static void publish(struct world *world)
{
	const struct hc_type *type = some_type(world);
	uint64_t sequence = world->test.hub.store->newest + 1;
	bool addressed = test_random(&world->random) % 8 == 0;

	if (!type->is_volatile) {
		world->types[sequence] = type;
		world->addressed[sequence] = addressed;
	}
	test_hub_log(&world->test, test_record_sized(type, addressed ? "alice" : NULL,
						     test_random(&world->random) % 2000));
}

/* What one turn brings is shown before anything else happens. */
static void turn(struct world *world)
{
	for (uint64_t n = 1 + test_random(&world->random) % 4;
	     n && world->test.hub.store->newest < N_EVENTS; n--)
		publish(world);
	test_hub_show(&world->test);
	(void)hc_store_tend(world->test.hub.store, false);
}

static struct hc_position somewhere(struct world *world)
{
	struct hc_position position = { .sequence = test_random(&world->random) %
						    (world->test.hub.store->newest + 1) };

	strcpy(position.epoch, world->test.hub.store->epoch);
	return position;
}

static void choose_filter(struct world *world, size_t i)
{
	uint64_t sparse = test_random(&world->random) % 3;

	if (i % 4 == 1 || i % 4 == 2) { /* some want the same, and share what they ask for */
		world->filters[i] = world->filters[i - 1];
		world->wider[i] = world->wider[i - 1];
		return;
	}
	for (size_t j = 0; j < HC_FILTER_WORDS; j++) {
		world->filters[i].bits[j] = test_random(&world->random);
		if (sparse == 0)
			world->filters[i].bits[j] |= ~test_random(&world->random);
		if (sparse == 1)
			world->filters[i].bits[j] &= test_random(&world->random);
		world->wider[i].bits[j] = world->filters[i].bits[j] | test_random(&world->random);
	}
}

static void enter(struct world *world, size_t i)
{
	struct test_client *client = &world->clients[i];
	struct hc_position since = somewhere(world);

	choose_filter(world, i);
	world->sinces[i] = since.sequence;
	client_open(client, &world->test, "/ws/events", NULL);
	cr_assert(hc_session_set_filter(&client->session, &world->filters[i]));
	hc_resume(&client->session, &since);
}

static void do_something(struct world *world, size_t i)
{
	struct test_client *client = &world->clients[i];
	struct hc_position since;

	switch (test_random(&world->random) % 8) {
	case 0:
		client->wire.room = test_random(&world->random) % 5000;
		break;
	case 1:
	case 2:
		client->wire.blocked = false;
		client->wire.room = test_random(&world->random) % 300000;
		break;
	case 3:
		if (test_random(&world->random) % 20)
			break;
		since = somewhere(world);
		hc_resume(&client->session, &since);
		break;
	case 4:
		test_hub_settle(&world->test);
		break;
	case 5:
		cr_assert(hc_session_set_filter(&client->session, test_random(&world->random) % 2
									  ? &world->filters[i]
									  : &world->wider[i]));
		break;
	default:
		break;
	}
}

static void live(struct world *world)
{
	while (world->test.hub.store->newest < N_EVENTS) {
		turn(world);
		do_something(world, test_random(&world->random) % N_CLIENTS);
	}
	for (size_t i = 0; i < N_CLIENTS; i++) {
		world->clients[i].wire.blocked = false;
		world->clients[i].wire.room = SIZE_MAX;
	}
	test_hub_settle(&world->test);
}

static void run_through(struct world *world)
{
	while (world->test.hub.store->newest < 200)
		turn(world);
	for (size_t i = 0; i < N_CLIENTS; i++)
		enter(world, i);
	live(world);
	for (size_t i = 0; i < N_CLIENTS; i++) {
		audit(world, i);
		client_close(&world->clients[i]);
	}
	test_hub_close(&world->test);
}

static struct world world; /* too large for the stack */

static void run(uint64_t seed, uint64_t ring_bytes, uint64_t log_bytes)
{
	world = (struct world){ .random = seed };
	test_hub_open(&world.test, ring_bytes, log_bytes);
	run_through(&world);
}

/* On disk, where jobs read on threads of their own while it is trimmed. */
static void run_on_disk(uint64_t seed, uint32_t keep_events)
{
	struct store_place place = store_place(HC_DURABILITY_PROCESS);

	place.conf->log.keep_events = keep_events;
	world = (struct world){ .random = seed };
	test_hub_open_with(&world.test, 20000, store_open_at(&place));
	run_through(&world);
	store_place_remove(&place);
}

Test(resume, nothing_is_lost_silently_with_a_long_log_and_a_short_ring)
{
	for (uint64_t seed = 1; seed <= 4; seed++)
		run(seed, 20000, UINT64_C(1) << 30);
}

Test(resume, nothing_is_lost_silently_while_the_log_is_trimmed)
{
	for (uint64_t seed = 11; seed <= 16; seed++)
		run(seed, 20000, 100000);
}

Test(resume, nothing_is_lost_silently_with_a_log_as_short_as_the_ring)
{
	for (uint64_t seed = 21; seed <= 26; seed++)
		run(seed, 30000, 30000);
}

Test(resume, nothing_is_lost_silently_with_a_ring_that_has_it_all)
{
	for (uint64_t seed = 31; seed <= 32; seed++)
		run(seed, UINT64_C(1) << 30, UINT64_C(1) << 30);
}

Test(resume, nothing_is_lost_silently_while_a_log_on_disk_is_trimmed)
{
	for (uint64_t seed = 41; seed <= 44; seed++)
		run_on_disk(seed, seed % 2 ? 100 : 20);
}
