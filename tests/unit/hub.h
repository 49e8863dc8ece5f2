/* SPDX-License-Identifier: MIT */
/*
 * A hub without sockets: registry, log in memory, ring and audiences as ws/hub.c puts them
 * together, with clients on wires to nobody (wire.h). Events go through it when a test says so, on
 * the test's own thread. What has no memory or does not open fails the test.
 */
#pragma once

#include <jansson.h>

#include "tests/unit/wire.h"
#include "ws/sessions/session.h"

/* ---- records and batches ---- */

/** test_types() - the shipped registry, read once a process */
const struct hc_types *test_types(void);

/** test_type() - one of its types, which must exist */
const struct hc_type *test_type(const char *name);

/** test_record() - a record with that payload; @to may be NULL */
struct hc_record *test_record(const struct hc_type *type, const char *to, const char *json);

/** test_record_sized() - a record whose payload has about @pad_len bytes */
struct hc_record *test_record_sized(const struct hc_type *type, const char *to, size_t pad_len);

/** test_batch() - a batch of one record, consumed; @key may be NULL */
struct hc_batch *test_batch(struct hc_record *record, const char *key);

/** test_conf() - the defaults, with a small ring and a registry that is there */
struct hc_conf *test_conf(void);

/** test_dir() - a new directory under /tmp, removed with what is in it by test_dir_remove() */
char *test_dir(void);
void test_dir_remove(char *dir);

/** test_random() - the next number of a sequence that begins with any *state but 0 (xorshift64) */
uint64_t test_random(uint64_t *state);

/* ---- the hub ---- */

struct test_hub {
	uv_loop_t loop;
	struct hc_conf *conf;
	struct hc_hub hub;
};

/**
 * test_hub_open() - a hub with nothing in it
 * @ring_bytes: of the ring
 * @log_bytes:  above which the log forgets its oldest
 */
void test_hub_open(struct test_hub *test, uint64_t ring_bytes, uint64_t log_bytes);

/** test_hub_open_with() - the same with another store, consumed */
void test_hub_open_with(struct test_hub *test, uint64_t ring_bytes, struct hc_store *store);
void test_hub_close(struct test_hub *test);

/** test_hub_log() - commit an event and put it into the ring; @record is consumed */
void test_hub_log(struct test_hub *test, struct hc_record *record);

/** test_hub_show() - the end of a turn: clients that are up to date get what is new */
void test_hub_show(struct test_hub *test);

/** test_hub_publish() - both */
void test_hub_publish(struct test_hub *test, struct hc_record *record);

/** test_hub_settle() - run the loop and the wires until nothing moves any more */
void test_hub_settle(struct test_hub *test);

/* ---- its clients ---- */

struct test_client {
	struct lws wire;
	struct hc_session session;
	size_t n_read; /* bytes of wire.sent that client_next() has taken */
};

/** client_open() - connect to an endpoint; @since is a position, or NULL */
void client_open(struct test_client *client, struct test_hub *test, const char *path,
		 const struct hc_position *since);
void client_close(struct test_client *client);

/** client_say() - a message from the client */
void client_say(struct test_client *client, const char *text);

/** client_next() - the next message it was sent, owned by the caller; NULL if there is none */
json_t *client_next(struct test_client *client);

/** client_expect() - the next message must be that one; "*" stands for any text of a field */
void client_expect(struct test_client *client, const char *json);

/** client_expect_complete() - next is the connection.resumed of one that has missed nothing */
void client_expect_complete(struct test_client *client, uint64_t from, uint64_t to,
			    uint64_t replayed);

/** client_expect_sequences() - the next @n messages must be events @first, @first + 1, ... */
void client_expect_sequences(struct test_client *client, uint64_t first, size_t n);

/** client_expect_close() - next and last is a close frame */
void client_expect_close(struct test_client *client, uint16_t code, const char *reason);

/** client_expect_nothing() - all it was sent has been taken */
void client_expect_nothing(struct test_client *client);
