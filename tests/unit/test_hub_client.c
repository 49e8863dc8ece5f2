/* SPDX-License-Identifier: MIT */
/*
 * The REST program's connection to the hub, against a stand-in that answers as told.
 */
#include <criterion/criterion.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "fcgi/hub_client.h"
#include "proto/fault.h"
#include "proto/log.h"
#include "proto/rpc.h"

#define TIMEOUT_MS 20000

/* What the stand-in does with a question that is not "hello". */
enum reaction {
	ANSWER, /* {"n": how many questions there were} */
	REFUSE, /* with a fault */
	HANG_UP,
	ANSWER_AND_HANG_UP,
	SILENCE,
};

struct stand_in {
	char path[sizeof(((struct sockaddr_un *)NULL)->sun_path)];
	int fd;
	pthread_t thread;
	const enum reaction *reactions; /* one a question */
	size_t n_reactions;
	size_t n_questions;   /* read after stop() */
	size_t n_connections; /* read after stop() */
	int stop_fds[2];
};

static void listen_at(struct stand_in *hub)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	char directory[] = "/tmp/hc-unit-XXXXXX";

	cr_assert(mkdtemp(directory));
	snprintf(hub->path, sizeof(hub->path), "%s/hub.sock", directory);
	strcpy(address.sun_path, hub->path);
	hub->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	cr_assert_eq(bind(hub->fd, (struct sockaddr *)&address, sizeof(address)), 0);
	cr_assert_eq(listen(hub->fd, 8), 0);
}

static void send_answer(int fd, uint32_t id, enum reaction reaction, size_t n)
{
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer out = HC_BUFFER_NULL;
	msgpack_packer pk = hc_codec_packer(&out);
	struct hc_fault fault = HC_FAULT_NULL;

	if (reaction == REFUSE) {
		hc_fault_set(&fault, HC_FAULT_CONFLICT, "told to refuse");
		hc_rpc_pack_error(&pk, id, &fault);
	} else {
		hc_rpc_pack_result(&pk, id);
		msgpack_pack_map(&pk, 1);
		hc_pack_u64_at(&pk, "n", n);
	}
	(void)!send(fd, out.data, out.len, MSG_NOSIGNAL);
}

/* Whether the connection goes on. */
static bool react(struct stand_in *hub, int fd, const struct hc_rpc_message *message)
{
	enum reaction reaction = ANSWER;

	if (!hc_str_is(message->method, "hello")) {
		reaction = hub->n_questions < hub->n_reactions ? hub->reactions[hub->n_questions]
							       : ANSWER;
		hub->n_questions++;
	}
	if (reaction == ANSWER || reaction == REFUSE || reaction == ANSWER_AND_HANG_UP)
		send_answer(fd, message->id, reaction, hub->n_questions);
	return reaction != HANG_UP && reaction != ANSWER_AND_HANG_UP;
}

/* Waits for @fd; false when the test is over. */
static bool wait_for(const struct stand_in *hub, int fd)
{
	struct pollfd fds[] = { { .fd = fd, .events = POLLIN },
				{ .fd = hub->stop_fds[0], .events = POLLIN } };

	while (poll(fds, 2, -1) < 0)
		;
	return !fds[1].revents;
}

static void serve(struct stand_in *hub, int fd)
{
	struct hc_rpc_reader reader;
	struct hc_rpc_message message;
	bool open = true;

	cr_assert_eq(hc_rpc_reader_init(&reader), 0);
	while (open && wait_for(hub, fd) && hc_rpc_reader_fill(&reader, fd, 65536) >= 0)
		while (open && !hc_rpc_reader_next(&reader, &message, NULL))
			open = react(hub, fd, &message);
	hc_rpc_reader_deinit(&reader);
}

static void *run(void *context)
{
	struct stand_in *hub = context;

	while (wait_for(hub, hub->fd)) {
		HC_CLEANUP(hc_closep)
		int fd = accept4(hub->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

		hub->n_connections++;
		serve(hub, fd);
	}
	return NULL;
}

static void start(struct stand_in *hub, const enum reaction *reactions, size_t n)
{
	*hub = (struct stand_in){ .reactions = reactions, .n_reactions = n };
	listen_at(hub);
	cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, hub->stop_fds), 0);
	cr_assert_eq(pthread_create(&hub->thread, NULL, run, hub), 0);
}

static void stop(struct stand_in *hub)
{
	close(hub->stop_fds[1]);
	cr_assert_eq(pthread_join(hub->thread, NULL), 0);
	close(hub->stop_fds[0]);
	close(hub->fd);
	unlink(hub->path);
	*strrchr(hub->path, '/') = '\0';
	rmdir(hub->path);
}

static bool ask(struct hc_hub_client *client, uint64_t *ret_n, struct hc_fault *fault)
{
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer params = HC_BUFFER_NULL;
	msgpack_packer pk = hc_codec_packer(&params);
	msgpack_object result;

	hc_log_init("test", HC_LOG_ERR);
	msgpack_pack_map(&pk, 0);
	if (!hc_hub_client_call(client, "status", &params, &result, fault))
		return false;
	cr_assert(hc_map_get_u64(ret_n, &result, "n"));
	return true;
}

Test(hub_client, the_connection_is_kept_between_questions)
{
	HC_CLEANUP(hc_hub_client_freep) struct hc_hub_client *client = NULL;
	struct hc_fault fault = HC_FAULT_NULL;
	struct stand_in hub;
	uint64_t n;

	start(&hub, NULL, 0);
	cr_assert_eq(hc_hub_client_new(&client, hub.path, TIMEOUT_MS), 0);
	for (uint64_t i = 1; i <= 5; i++) {
		cr_assert(ask(client, &n, &fault), "%s", fault.message);
		cr_assert_eq(n, i);
	}
	stop(&hub);
	cr_assert_eq(hub.n_connections, 1);
}

Test(hub_client, a_fault_is_handed_on_and_the_connection_kept)
{
	static const enum reaction reactions[] = { REFUSE, ANSWER };
	HC_CLEANUP(hc_hub_client_freep) struct hc_hub_client *client = NULL;
	struct hc_fault fault = HC_FAULT_NULL;
	struct stand_in hub;
	uint64_t n;

	start(&hub, reactions, HC_ARRAY_LEN(reactions));
	cr_assert_eq(hc_hub_client_new(&client, hub.path, TIMEOUT_MS), 0);
	cr_assert_not(ask(client, &n, &fault));
	cr_assert_eq(fault.code, HC_FAULT_CONFLICT);
	cr_assert_str_eq(fault.message, "told to refuse");
	cr_assert(ask(client, &n, &fault));
	stop(&hub);
	cr_assert_eq(hub.n_connections, 1);
}

Test(hub_client, a_connection_that_was_closed_meanwhile_is_made_again)
{
	static const enum reaction reactions[] = { ANSWER_AND_HANG_UP, ANSWER };
	HC_CLEANUP(hc_hub_client_freep) struct hc_hub_client *client = NULL;
	struct hc_fault fault = HC_FAULT_NULL;
	struct stand_in hub;
	uint64_t n;

	start(&hub, reactions, HC_ARRAY_LEN(reactions));
	cr_assert_eq(hc_hub_client_new(&client, hub.path, TIMEOUT_MS), 0);
	cr_assert(ask(client, &n, &fault));
	cr_assert(ask(client, &n, &fault), "%s", fault.message);
	cr_assert_eq(n, 2);
	stop(&hub);
	cr_assert_eq(hub.n_connections, 2);
}

Test(hub_client, a_question_whose_hub_died_is_asked_once_more)
{
	static const enum reaction reactions[] = { HANG_UP, ANSWER };
	HC_CLEANUP(hc_hub_client_freep) struct hc_hub_client *client = NULL;
	struct hc_fault fault = HC_FAULT_NULL;
	struct stand_in hub;
	uint64_t n;

	start(&hub, reactions, HC_ARRAY_LEN(reactions));
	cr_assert_eq(hc_hub_client_new(&client, hub.path, TIMEOUT_MS), 0);
	cr_assert(ask(client, &n, &fault), "%s", fault.message);
	cr_assert_eq(n, 2);
	stop(&hub);
	cr_assert_eq(hub.n_connections, 2);
}

Test(hub_client, a_question_is_not_asked_a_third_time)
{
	static const enum reaction reactions[] = { HANG_UP, HANG_UP, ANSWER };
	HC_CLEANUP(hc_hub_client_freep) struct hc_hub_client *client = NULL;
	struct hc_fault fault = HC_FAULT_NULL;
	struct stand_in hub;
	uint64_t n;

	start(&hub, reactions, HC_ARRAY_LEN(reactions));
	cr_assert_eq(hc_hub_client_new(&client, hub.path, TIMEOUT_MS), 0);
	cr_assert_not(ask(client, &n, &fault));
	cr_assert_eq(fault.code, HC_FAULT_UNAVAILABLE);
	stop(&hub);
	cr_assert_eq(hub.n_questions, 2);
}

Test(hub_client, a_silent_hub_is_unavailable_when_the_time_is_up)
{
	static const enum reaction reactions[] = { SILENCE, ANSWER };
	HC_CLEANUP(hc_hub_client_freep) struct hc_hub_client *client = NULL;
	struct hc_fault fault = HC_FAULT_NULL;
	struct stand_in hub;
	uint64_t n;

	start(&hub, reactions, HC_ARRAY_LEN(reactions));
	cr_assert_eq(hc_hub_client_new(&client, hub.path, 50), 0);
	cr_assert_not(ask(client, &n, &fault));
	cr_assert_eq(fault.code, HC_FAULT_UNAVAILABLE);
	stop(&hub);
	cr_assert_eq(hub.n_questions, 1);
}

Test(hub_client, no_hub_is_unavailable_at_once)
{
	HC_CLEANUP(hc_hub_client_freep) struct hc_hub_client *client = NULL;
	struct hc_fault fault = HC_FAULT_NULL;
	uint64_t n;

	cr_assert_eq(hc_hub_client_new(&client, "/nonexistent/hub.sock", TIMEOUT_MS), 0);
	cr_assert_not(ask(client, &n, &fault));
	cr_assert_eq(fault.code, HC_FAULT_UNAVAILABLE);
	cr_assert(strstr(fault.message, "No such file"), "%s", fault.message);
}
