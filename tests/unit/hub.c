/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#include "proto/fault.h"
#include "proto/json.h"
#include "tests/unit/hub.h"
#include "ws/fanout/frame.h"
#include "ws/sessions/admission.h"
#include "ws/sessions/message.h"
#include "ws/sessions/question.h"
#include "ws/sessions/replay.h"

#define TURNS_MAX 1000000 /* of the loop until it settles: more, and something spins */

/* ---- records and batches ------------------------------------------------------------------ */

const struct hc_types *test_types(void)
{
	static const char *const dirs[] = { "proto/types" };
	static struct hc_types *types;
	struct hc_fault fault = HC_FAULT_NULL;

	if (!types)
		cr_assert_eq(hc_types_load(&types, dirs, 1, &fault), 0, "%s", fault.message);
	return types;
}

const struct hc_type *test_type(const char *name)
{
	const struct hc_type *type = hc_types_find(test_types(), hc_str(name));

	cr_assert(type, "the registry has no %s", name);
	return type;
}

struct hc_record *test_record(const struct hc_type *type, const char *to, const char *json)
{
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer packed = HC_BUFFER_NULL;
	msgpack_packer pk = hc_codec_packer(&packed);
	struct hc_fault fault = HC_FAULT_NULL;
	struct hc_event event = {
		.type = hc_str(type->name),
		.timestamp_unix_ms = INT64_C(1767225600000),
		.to = hc_str(to),
	};
	json_t *payload = hc_json_parse(hc_str(json), &fault);
	struct hc_record *record;
	msgpack_zone zone;

	cr_assert(payload, "%s", fault.message);
	hc_json_pack(&pk, payload);
	json_decref(payload);
	cr_assert(msgpack_zone_init(&zone, 1024));
	cr_assert_eq(hc_codec_unpack(&event.payload, &zone, packed.data, packed.len), 0);
	record = hc_record_new(&event, type);
	msgpack_zone_destroy(&zone);
	cr_assert(record);
	return record;
}

struct hc_record *test_record_sized(const struct hc_type *type, const char *to, size_t pad_len)
{
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer json = HC_BUFFER_NULL;
	char *pad;

	hc_buffer_append_str(&json, HC_STR("{\"pad\":\""));
	pad = hc_buffer_reserve(&json, pad_len);
	cr_assert(pad);
	memset(pad, 'x', pad_len);
	json.len += pad_len;
	hc_buffer_append(&json, "\"}", 3);
	cr_assert_not(json.failed);
	return test_record(type, to, json.data);
}

struct hc_batch *test_batch(struct hc_record *record, const char *key)
{
	struct hc_batch *batch = hc_batch_new(1);

	cr_assert(batch);
	batch->records[0] = record;
	if (key) {
		cr_assert_leq(strlen(key), HC_BATCH_KEY_MAX);
		strcpy(batch->key, key);
	}
	return batch;
}

static void set_text(char **text, const char *value)
{
	free(*text);
	*text = strdup(value);
	cr_assert(*text);
}

struct hc_conf *test_conf(void)
{
	struct hc_fault fault = HC_FAULT_NULL;
	struct hc_conf *conf = NULL;

	cr_assert_eq(hc_conf_load(&conf, NULL, &fault), 0, "%s", fault.message);
	set_text(&conf->hostcast.types_dir, "proto/types");
	set_text(&conf->hostcast.types_site_dir, "/nonexistent");
	set_text(&conf->auth.revocations_file, "");
	conf->hub.ring_bytes = 1024 * 1024;
	conf->log.durability = HC_DURABILITY_NONE;
	return conf;
}

char *test_dir(void)
{
	char *dir = strdup("/tmp/hostcast-unit-XXXXXX");

	cr_assert(dir && mkdtemp(dir));
	return dir;
}

void test_dir_remove(char *dir)
{
	DIR *stream = opendir(dir);
	const struct dirent *entry;

	cr_assert(stream);
	while ((entry = readdir(stream)))
		if (entry->d_type != DT_DIR)
			cr_expect_eq(unlinkat(dirfd(stream), entry->d_name, 0), 0);
	closedir(stream);
	cr_expect_eq(rmdir(dir), 0);
	free(dir);
}

uint64_t test_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

/* ---- the hub ------------------------------------------------------------------------------ */

static void open_rooms(struct hc_hub *hub, uint64_t ring_bytes)
{
	cr_assert_eq(hc_auth_new(&hub->auth, hub->conf, NULL), 0);
	cr_assert_eq(hc_tickets_new(&hub->tickets, hub->auth), 0);
	hub->framing = (struct hc_framing_options){
		.origin = { .epoch = hub->store->epoch, .source = "/hostcast/x" },
		.deflate_min = 100,
	};
	hub->state = hc_state_new();
	hub->latest = hc_latest_new();
	cr_assert(hub->state && hub->latest);
	cr_assert_eq(hc_ring_new(&hub->ring, ring_bytes, &hub->framing, hub->store->newest), 0);
	cr_assert_eq(hc_audiences_new(&hub->audiences, hub->ring), 0);
	cr_assert_eq(hc_endpoints_new(&hub->endpoints, hub->types, &hub->conf->endpoints, ""), 0);
	cr_assert_eq(
		hc_catchup_new(&hub->catchup, hub->loop, hub->store, hub->types, &hub->framing), 0);
	cr_assert_eq(hc_questions_new(&hub->questions, hub), 0);
	cr_assert_eq(hc_admission_new(&hub->admission, 1024, hub->conf), 0);
	cr_assert_eq(hc_sessions_new(&hub->sessions, hub), 0);
	cr_assert_eq(hc_replay_new(&hub->replay, hub), 0);
}

void test_hub_open_with(struct test_hub *test, uint64_t ring_bytes, struct hc_store *store)
{
	struct hc_hub *hub = &test->hub;

	*test = (struct test_hub){ .conf = test_conf() };
	cr_assert_eq(uv_loop_init(&test->loop), 0);
	hub->loop = &test->loop;
	hub->conf = test->conf;
	hub->types = (struct hc_types *)(uintptr_t)test_types();
	test->conf->hub.ring_bytes = ring_bytes;
	hub->store = store;
	open_rooms(hub, ring_bytes);
}

void test_hub_open(struct test_hub *test, uint64_t ring_bytes, uint64_t log_bytes)
{
	struct hc_conf *conf = test_conf();
	struct hc_store *store = NULL;

	conf->hub.ring_bytes = log_bytes;
	cr_assert_eq(hc_store_memory_open(&store, conf), 0);
	(void)hc_conf_free(conf);
	test_hub_open_with(test, ring_bytes, store);
}

void test_hub_close(struct test_hub *test)
{
	struct hc_hub *hub = &test->hub;

	cr_expect_null(hub->sessions->head);
	hub->sessions = hc_sessions_free(hub->sessions);
	hub->replay = hc_replay_free(hub->replay);
	while (uv_run(&test->loop, UV_RUN_ONCE))
		;
	hub->catchup = hc_catchup_free(hub->catchup);
	hub->admission = hc_admission_free(hub->admission);
	hub->endpoints = hc_endpoints_unref(hub->endpoints);
	hub->audiences = hc_audiences_free(hub->audiences);
	hub->questions = hc_questions_free(hub->questions);
	hub->ring = hc_ring_free(hub->ring);
	hub->latest = hc_latest_free(hub->latest);
	hub->state = hc_state_free(hub->state);
	hub->store = hc_store_free(hub->store);
	hub->tickets = hc_tickets_free(hub->tickets);
	hub->auth = hc_auth_free(hub->auth);
	test->conf = hc_conf_free(test->conf);
	cr_expect_eq(uv_loop_close(&test->loop), 0, "something is left on the loop");
}

void test_hub_log(struct test_hub *test, struct hc_record *record)
{
	struct hc_batch *batch = test_batch(record, NULL);

	hc_store_append(test->hub.store, &batch, 1);
	cr_assert_eq(batch->result, HC_BATCH_OK_);
	hc_hub_admit(&test->hub, batch);
	(void)hc_batch_free(batch);
}

void test_hub_show(struct test_hub *test)
{
	hc_audiences_flush(test->hub.audiences, uv_now(&test->loop));
}

void test_hub_publish(struct test_hub *test, struct hc_record *record)
{
	test_hub_log(test, record);
	test_hub_show(test);
}

/* Calls back those whose wire takes more. Returns whether there was one. */
static bool turn_wires(struct hc_sessions *sessions)
{
	bool moved = false;

	for (struct hc_session *session = sessions->head; session; session = session->next) {
		struct lws *wire = session->wire;

		if (!wire->wants_write || wire->blocked || wire->closed)
			continue;
		wire->wants_write = false;
		hc_session_on_writable(session);
		moved = true;
	}
	return moved;
}

void test_hub_settle(struct test_hub *test)
{
	for (int i = 0; i < TURNS_MAX; i++) {
		if (hc_replay_turn(test->hub.replay) || turn_wires(test->hub.sessions))
			continue;
		if (hc_catchup_is_idle(test->hub.catchup))
			return;
		(void)uv_run(&test->loop, UV_RUN_ONCE);
	}
	cr_assert_fail("the hub does not come to rest");
}

/* ---- its clients -------------------------------------------------------------------------- */

void client_open(struct test_client *client, struct test_hub *test, const char *path,
		 const struct hc_position *since)
{
	struct hc_route route;

	*client = (struct test_client){ .wire = WIRE_NULL };
	cr_assert(hc_endpoints_find(&route, test->hub.endpoints, hc_str(path)), "no endpoint %s",
		  path);
	client->session.hub = &test->hub;
	client->session.wire = &client->wire;
	client->session.endpoint = route.endpoint;
	client->session.encoding = route.endpoint->encoding;
	hc_session_open(&client->session);
	cr_assert(hc_session_begin(&client->session, since));
}

void client_close(struct test_client *client)
{
	hc_session_close(&client->session);
	wire_deinit(&client->wire);
}

void client_say(struct test_client *client, const char *text)
{
	hc_message_handle(&client->session, hc_str(text));
}

static uint64_t number_at(const unsigned char *at, size_t n_bytes)
{
	uint64_t number = 0;

	for (size_t i = 0; i < n_bytes; i++)
		number = number << 8 | at[i];
	return number;
}

/* The text of the frame at @data; all writes are of whole frames. */
static struct hc_str frame_text(const unsigned char *data, size_t len)
{
	size_t n_len_bytes = 0;
	uint64_t text_len;

	cr_assert_geq(len, 2);
	cr_assert_eq(data[0], 0x81, "not a text frame");
	if (data[1] >= 126)
		n_len_bytes = data[1] == 126 ? 2 : 8;
	cr_assert_geq(len, 2 + n_len_bytes);
	text_len = n_len_bytes ? number_at(data + 2, n_len_bytes) : data[1];
	cr_assert_geq(len - 2 - n_len_bytes, text_len, "the frame is cut");
	return (struct hc_str){ (const char *)data + 2 + n_len_bytes, text_len };
}

json_t *client_next(struct test_client *client)
{
	const struct hc_buffer *sent = &client->wire.sent;
	struct hc_fault fault = HC_FAULT_NULL;
	struct hc_str text;
	json_t *message;

	if (client->n_read == sent->len)
		return NULL;
	text = frame_text((const unsigned char *)sent->data + client->n_read,
			  sent->len - client->n_read);
	client->n_read = (size_t)(text.s + text.len - sent->data);
	message = hc_json_parse(text, &fault);
	cr_assert(message, "%s: %.*s", fault.message, (int)text.len, text.s);
	return message;
}

/* Fields that are wanted as "*" may be any text. */
static void forget_any(json_t *message, json_t *wanted)
{
	const char *key;
	json_t *value;

	json_object_foreach(wanted, key, value)
	{
		if (!strcmp(json_string_value(value) ?: "", "*") &&
		    json_is_string(json_object_get(message, key)))
			(void)json_object_set(message, key, value);
	}
}

void client_expect(struct test_client *client, const char *json)
{
	json_t *wanted = json_loads(json, 0, NULL), *message = client_next(client);
	char *got;

	cr_assert(wanted, "the test's own JSON is wrong: %s", json);
	forget_any(message, wanted);
	got = message ? json_dumps(message, JSON_SORT_KEYS) : strdup("nothing");
	cr_expect(message && json_equal(message, wanted), "wanted %s, got %s", json, got);
	free(got);
	json_decref(message);
	json_decref(wanted);
}

void client_expect_complete(struct test_client *client, uint64_t from, uint64_t to,
			    uint64_t replayed)
{
	const char *epoch = client->session.hub->store->epoch;
	char json[512];

	(void)snprintf(json, sizeof(json),
		       "{\"type\":\"connection.resumed\",\"timestamp\":\"*\",\"payload\":{"
		       "\"from\":\"%s-%llu\",\"to\":\"%s-%llu\",\"replayed\":%llu,"
		       "\"complete\":true}}",
		       epoch, (unsigned long long)from, epoch, (unsigned long long)to,
		       (unsigned long long)replayed);
	client_expect(client, json);
}

void client_expect_sequences(struct test_client *client, uint64_t first, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		json_t *message = client_next(client);

		cr_assert(message, "event %llu is missing", (unsigned long long)(first + i));
		cr_assert_eq(json_integer_value(json_object_get(message, "sequence")), first + i,
			     "%s", json_string_value(json_object_get(message, "type")));
		json_decref(message);
	}
}

void client_expect_close(struct test_client *client, uint16_t code, const char *reason)
{
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer wanted = HC_BUFFER_NULL;
	const struct hc_buffer *sent = &client->wire.sent;
	struct hc_str rest = { sent->data + client->n_read, sent->len - client->n_read };

	hc_frame_append_close(&wanted, code, hc_str(reason));
	cr_expect(hc_str_equal(rest, (struct hc_str){ wanted.data, wanted.len }),
		  "%zu bytes that are not that close frame", rest.len);
	cr_expect(client->wire.closed);
	client->n_read = sent->len;
}

void client_expect_nothing(struct test_client *client)
{
	json_t *message = client_next(client);
	char *got = message ? json_dumps(message, 0) : NULL;

	cr_expect_null(message, "%s", got);
	free(got);
	json_decref(message);
}
