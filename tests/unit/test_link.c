/* SPDX-License-Identifier: MIT */
/* The loader's connection, against a hub that is a socket and a reader in this very process. */
#include <criterion/criterion.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "bpf/link.h"
#include "proto/event.h"
#include "proto/rpc.h"

#define WAIT_STEPS 15000 /* of a millisecond: a failing test ends, too */

struct bench {
	uv_loop_t loop;
	struct hc_spool *spool;
	struct hc_link *link;
	char path[64];
	int listen_fd;
	int fd; /* the hub's end of the connection */
	struct hc_rpc_reader reader;
	unsigned int n_connected, n_idle, n_state;
	bool enabled;
};

static void on_connected(void *context)
{
	((struct bench *)context)->n_connected++;
}

static void on_idle(void *context)
{
	((struct bench *)context)->n_idle++;
}

static void on_state(void *context, const msgpack_object *events)
{
	((struct bench *)context)->n_state += events->via.array.size;
}

static void on_detector(void *context, const bool *enabled, struct hc_buffer *result)
{
	struct bench *bench = context;
	msgpack_packer pk = hc_codec_packer(result);

	if (enabled)
		bench->enabled = *enabled;
	msgpack_pack_map(&pk, 1);
	hc_pack_bool_at(&pk, "monitoring_enabled", bench->enabled);
}

static void append_gap(struct hc_buffer *event, uint64_t n_lost)
{
	msgpack_packer pk = hc_codec_packer(event);

	msgpack_pack_map(&pk, 1);
	hc_pack_u64_at(&pk, "gap", n_lost);
}

static void listen_again(struct bench *bench)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", bench->path);
	bench->listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	cr_assert_eq(bind(bench->listen_fd, (struct sockaddr *)&address, sizeof(address)), 0);
	cr_assert_eq(listen(bench->listen_fd, 4), 0);
}

static void bench_init(struct bench *bench)
{
	*bench = (struct bench){ .fd = -1, .listen_fd = -1 };
	(void)snprintf(bench->path, sizeof(bench->path), "/tmp/hostcast-link-%d.sock", getpid());
	cr_assert_eq(uv_loop_init(&bench->loop), 0);
	bench->spool = hc_spool_new(append_gap);
	cr_assert_eq(
		hc_link_new(&bench->link, &(struct hc_link_options){ .loop = &bench->loop,
								     .path = bench->path,
								     .spool = bench->spool,
								     .context = bench,
								     .connected = on_connected,
								     .idle = on_idle,
								     .state = on_state,
								     .detector = on_detector }),
		0);
	listen_again(bench);
	hc_link_start(bench->link);
}

static void bench_deinit(struct bench *bench)
{
	hc_link_close(bench->link);
	(void)uv_run(&bench->loop, UV_RUN_DEFAULT);
	cr_expect_eq(uv_loop_close(&bench->loop), 0, "every handle is closed");
	hc_link_free(bench->link);
	hc_spool_free(bench->spool);
	hc_rpc_reader_deinit(&bench->reader);
	hc_closep(&bench->fd);
	hc_closep(&bench->listen_fd);
	unlink(bench->path);
}

/* Runs the loop until @fd can be read. */
static void wait_for(struct bench *bench, int fd)
{
	struct pollfd poll_fd = { .fd = fd, .events = POLLIN };

	for (int i = 0; i < WAIT_STEPS; i++) {
		(void)uv_run(&bench->loop, UV_RUN_NOWAIT);
		if (poll(&poll_fd, 1, 1) > 0)
			return;
	}
	cr_assert_fail("nothing came");
}

static void run_until(struct bench *bench, const unsigned int *counter, unsigned int wanted)
{
	for (int i = 0; i < WAIT_STEPS && *counter < wanted; i++) {
		(void)uv_run(&bench->loop, UV_RUN_NOWAIT);
		(void)poll(NULL, 0, 1);
	}
	cr_assert_geq(*counter, wanted);
}

static struct hc_rpc_message next_message(struct bench *bench)
{
	struct hc_rpc_message message;
	struct hc_fault fault = HC_FAULT_NULL;
	int r;

	while ((r = hc_rpc_reader_next(&bench->reader, &message, &fault)) == HC_RPC_E_MORE) {
		wait_for(bench, bench->fd);
		cr_assert_gt(hc_rpc_reader_fill(&bench->reader, bench->fd, 1 << 20), 0);
	}
	cr_assert_eq(r, 0, "%s", fault.message);
	return message;
}

static void answer(struct bench *bench, uint32_t id, const struct hc_fault *fault)
{
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer response = HC_BUFFER_NULL;
	msgpack_packer pk = hc_codec_packer(&response);

	if (fault) {
		hc_rpc_pack_error(&pk, id, fault);
	} else {
		hc_rpc_pack_result(&pk, id);
		msgpack_pack_map(&pk, 1);
		hc_pack_key(&pk, "events");
		msgpack_pack_array(&pk, 2);
		msgpack_pack_nil(&pk);
		msgpack_pack_nil(&pk);
	}
	cr_assert_eq(write(bench->fd, response.data, response.len), (ssize_t)response.len);
}

/* Accepts the connection and says hello. */
static void accept_link(struct bench *bench)
{
	struct hc_rpc_message message;
	struct hc_str role;
	unsigned int n = bench->n_connected;

	if (bench->fd >= 0) {
		close(bench->fd);
		hc_rpc_reader_deinit(&bench->reader);
	}
	wait_for(bench, bench->listen_fd);
	bench->fd = accept4(bench->listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	cr_assert_geq(bench->fd, 0);
	cr_assert_eq(hc_rpc_reader_init(&bench->reader), 0);
	message = next_message(bench);
	cr_assert(hc_str_is(message.method, "hello"));
	cr_expect(hc_map_get_str(&role, &message.params, "role") && hc_str_is(role, "loader"));
	answer(bench, message.id, NULL);
	run_until(bench, &bench->n_connected, n + 1);
}

static void push(struct bench *bench, unsigned int number)
{
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer event = HC_BUFFER_NULL;
	msgpack_packer pk = hc_codec_packer(&event);

	msgpack_pack_map(&pk, 1);
	hc_pack_u64_at(&pk, "n", number);
	hc_spool_push(bench->spool, &event);
}

/* Expects a publish of the events first .. first + n - 1; returns its id. */
static uint32_t expect_batch(struct bench *bench, unsigned int first, unsigned int n, char key[64])
{
	struct hc_rpc_message message = next_message(bench);
	const msgpack_object *events;
	struct hc_str text;

	cr_assert(hc_str_is(message.method, "publish"));
	cr_assert(hc_map_get_str(&text, &message.params, "key"));
	(void)snprintf(key, 64, "%.*s", (int)text.len, text.s);
	events = hc_map_get(&message.params, "events");
	cr_assert_not_null(events);
	cr_assert_eq(events->via.array.size, n, "%u events", events->via.array.size);
	for (unsigned int i = 0; i < n; i++) {
		uint64_t number;

		cr_assert(hc_map_get_u64(&number, &events->via.array.ptr[i], "n"));
		cr_expect_eq(number, first + i);
	}
	return message.id;
}

Test(link, what_is_spooled_is_sent_in_batches_of_256)
{
	struct bench bench;
	char key[64], other[64];
	unsigned int n_idle;

	bench_init(&bench);
	for (unsigned int i = 0; i < 300; i++)
		push(&bench, i);
	accept_link(&bench);
	answer(&bench, expect_batch(&bench, 0, HC_EVENT_BATCH_MAX, key), NULL);
	n_idle = bench.n_idle;
	answer(&bench, expect_batch(&bench, 256, 44, other), NULL);
	run_until(&bench, &bench.n_idle, n_idle + 1);
	cr_expect_str_neq(key, other);
	cr_expect(hc_link_is_idle(bench.link));
	bench_deinit(&bench);
}

Test(link, a_batch_without_answer_is_sent_again_under_its_key)
{
	struct bench bench;
	char key[64], again[64];

	bench_init(&bench);
	accept_link(&bench);
	push(&bench, 0);
	push(&bench, 1);
	hc_link_kick(bench.link);
	(void)expect_batch(&bench, 0, 2, key);
	push(&bench, 2);
	hc_link_kick(bench.link);
	cr_expect_not(hc_link_is_idle(bench.link));
	shutdown(bench.fd, SHUT_RDWR);
	accept_link(&bench);
	answer(&bench, expect_batch(&bench, 0, 2, again), NULL);
	cr_expect_str_eq(key, again);
	answer(&bench, expect_batch(&bench, 2, 1, again), NULL);
	cr_expect_str_neq(key, again);
	bench_deinit(&bench);
}

Test(link, it_comes_back_to_a_hub_that_was_not_there)
{
	struct bench bench;
	char key[64];

	bench_init(&bench);
	close(bench.listen_fd);
	unlink(bench.path);
	push(&bench, 0);
	for (int i = 0; i < 3; i++)
		(void)uv_run(&bench.loop, UV_RUN_NOWAIT);
	cr_expect_not(hc_link_is_up(bench.link));
	listen_again(&bench);
	accept_link(&bench);
	answer(&bench, expect_batch(&bench, 0, 1, key), NULL);
	bench_deinit(&bench);
}

Test(link, one_bad_event_costs_itself_only)
{
	struct hc_fault bad = HC_FAULT_NULL;
	struct bench bench;
	char key[64];
	unsigned int n_idle;

	hc_fault_set(&bad, HC_FAULT_SCHEMA, "not like that");
	bench_init(&bench);
	for (unsigned int i = 0; i < 4; i++)
		push(&bench, i);
	accept_link(&bench);
	answer(&bench, expect_batch(&bench, 0, 4, key), &bad);
	answer(&bench, expect_batch(&bench, 0, 2, key), NULL);
	answer(&bench, expect_batch(&bench, 2, 2, key), &bad);
	answer(&bench, expect_batch(&bench, 2, 1, key), &bad); /* this is the one */
	answer(&bench, expect_batch(&bench, 3, 1, key), NULL);
	n_idle = bench.n_idle;
	cr_expect_eq(hc_spool_lost(bench.spool), 1);
	answer(&bench, next_message(&bench).id, NULL); /* the gap */
	run_until(&bench, &bench.n_idle, n_idle + 1);
	bench_deinit(&bench);
}

Test(link, what_the_hub_cannot_take_now_is_offered_again)
{
	struct hc_fault full = HC_FAULT_NULL;
	struct bench bench;
	char key[64], again[64];

	hc_fault_set(&full, HC_FAULT_STORAGE_FULL, "no space");
	bench_init(&bench);
	push(&bench, 0);
	accept_link(&bench);
	answer(&bench, expect_batch(&bench, 0, 1, key), &full);
	answer(&bench, expect_batch(&bench, 0, 1, again), NULL);
	cr_expect_str_eq(key, again);
	cr_expect_eq(hc_spool_lost(bench.spool), 0);
	bench_deinit(&bench);
}

Test(link, the_state_is_asked_for_when_nothing_is_under_way)
{
	struct bench bench;
	struct hc_rpc_message message;

	bench_init(&bench);
	cr_expect_not(hc_link_ask_state(bench.link, "device.mounted"));
	accept_link(&bench);
	cr_assert(hc_link_ask_state(bench.link, "device.mounted"));
	cr_expect_not(hc_link_ask_state(bench.link, "device.mounted"), "once at a time");
	message = next_message(&bench);
	cr_expect(hc_str_is(message.method, "state"));
	answer(&bench, message.id, NULL);
	run_until(&bench, &bench.n_state, 2);
	bench_deinit(&bench);
}

static void ask_detector(struct bench *bench, const char *method, int enabled)
{
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer request = HC_BUFFER_NULL;
	msgpack_packer pk = hc_codec_packer(&request);

	hc_rpc_pack_request(&pk, 77, method);
	msgpack_pack_map(&pk, enabled == -1 ? 0 : 1);
	if (enabled == 2)
		hc_pack_u64_at(&pk, "monitoring_enabled", 2);
	else if (enabled >= 0)
		hc_pack_bool_at(&pk, "monitoring_enabled", enabled);
	cr_assert_eq(write(bench->fd, request.data, request.len), (ssize_t)request.len);
}

Test(link, the_hubs_questions_are_answered)
{
	struct bench bench;
	struct hc_rpc_message message;
	struct hc_fault fault;
	bool enabled = false;

	bench_init(&bench);
	accept_link(&bench);
	ask_detector(&bench, "detector", 1);
	message = next_message(&bench);
	cr_expect_eq(message.id, 77);
	cr_expect(hc_map_get_bool(&enabled, &message.result, "monitoring_enabled") && enabled);
	ask_detector(&bench, "detector", -1);
	message = next_message(&bench);
	cr_expect(hc_map_get_bool(&enabled, &message.result, "monitoring_enabled") && enabled);
	ask_detector(&bench, "detector", 2);
	message = next_message(&bench);
	hc_rpc_read_fault(&fault, &message.error);
	cr_expect_eq(fault.code, HC_FAULT_INVALID_PARAMS);
	cr_expect_str_eq(fault.pointer, "/monitoring_enabled");
	ask_detector(&bench, "reboot", -1);
	message = next_message(&bench);
	hc_rpc_read_fault(&fault, &message.error);
	cr_expect_eq(fault.code, HC_FAULT_UNKNOWN_METHOD);
	bench_deinit(&bench);
}

Test(link, a_hub_that_talks_nonsense_is_left_and_tried_again)
{
	struct bench bench;
	char key[64];

	bench_init(&bench);
	accept_link(&bench);
	push(&bench, 0);
	hc_link_kick(bench.link);
	(void)expect_batch(&bench, 0, 1, key);
	cr_assert_eq(write(bench.fd, "\xc1\xc1\xc1", 3), 3);
	accept_link(&bench);
	answer(&bench, expect_batch(&bench, 0, 1, key), NULL);
	bench_deinit(&bench);
}
