/* SPDX-License-Identifier: MIT */
/* Listeners: who gets through, and what is told when one cannot listen. */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "proto/fault.h"
#include "tests/unit/hub.h"
#include "ws/rpc/listener.h"

struct taken {
	int fds[64];
	size_t n;
};

static void take(void *context, int fd)
{
	struct taken *taken = context;

	cr_assert_lt(taken->n, HC_ARRAY_LEN(taken->fds));
	taken->fds[taken->n++] = fd;
}

static void close_taken(struct taken *taken)
{
	while (taken->n)
		close(taken->fds[--taken->n]);
}

static int listen_tcp(struct hc_listener **ret, uv_loop_t *loop, struct taken *taken,
		      const char *address, uint16_t port, struct hc_fault *fault)
{
	const struct hc_listener_options options = { .loop = loop, .fn = take, .context = taken };

	return hc_listener_tcp(ret, &options, address, port, fault);
}

static int listen_unix(struct hc_listener **ret, uv_loop_t *loop, struct taken *taken,
		       const char *path, struct hc_fault *fault)
{
	const struct hc_listener_options options = { .loop = loop, .fn = take, .context = taken };

	return hc_listener_unix(ret, &options, path, fault);
}

static int connect_tcp(uint16_t port)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_port = htons(port),
				       .sin_addr = { htonl(INADDR_LOOPBACK) } };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	cr_assert_geq(fd, 0);
	cr_assert_eq(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	cr_assert_eq(write(fd, "?", 1), 1); /* who says nothing is not let through at once */
	return fd;
}

static int connect_unix(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	cr_assert_geq(fd, 0);
	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

static void finish(uv_loop_t *loop, struct hc_listener *listener)
{
	cr_expect_null(hc_listener_free(listener));
	while (uv_run(loop, UV_RUN_NOWAIT))
		;
	cr_expect_eq(uv_loop_close(loop), 0);
}

Test(listener, takes_every_connection_to_its_port)
{
	struct hc_fault fault = HC_FAULT_NULL;
	struct hc_listener *listener = NULL;
	struct taken taken = { .n = 0 };
	int clients[40];
	uv_loop_t loop;

	cr_assert_eq(uv_loop_init(&loop), 0);
	cr_assert_eq(listen_tcp(&listener, &loop, &taken, "127.0.0.1", 0, &fault), 0, "%s",
		     fault.message);
	cr_assert_neq(hc_listener_port(listener), 0);
	for (size_t i = 0; i < HC_ARRAY_LEN(clients); i++)
		clients[i] = connect_tcp(hc_listener_port(listener));
	while (taken.n < HC_ARRAY_LEN(clients))
		(void)uv_run(&loop, UV_RUN_ONCE);
	for (size_t i = 0; i < taken.n; i++) {
		cr_expect(fcntl(taken.fds[i], F_GETFL) & O_NONBLOCK);
		cr_expect(fcntl(taken.fds[i], F_GETFD) & FD_CLOEXEC);
		close(clients[i]);
	}
	close_taken(&taken);
	finish(&loop, listener);
}

static const struct {
	const char *address;
	int error;
	const char *told;
} bad_addresses[] = {
	{ "localhost", -EINVAL, "is not an IPv4 or IPv6 address" },
	{ "127.0.0.1.1", -EINVAL, "\"127.0.0.1.1\"" },
	{ "192.0.2.1", -EADDRNOTAVAIL, "cannot listen on 192.0.2.1" }, /* RFC 5737: nobody's */
};

Test(listener, an_address_that_is_not_ours_is_told)
{
	uv_loop_t loop;

	cr_assert_eq(uv_loop_init(&loop), 0);
	for (size_t i = 0; i < HC_ARRAY_LEN(bad_addresses); i++) {
		struct hc_fault fault = HC_FAULT_NULL;
		struct hc_listener *listener = NULL;

		cr_expect_eq(
			listen_tcp(&listener, &loop, NULL, bad_addresses[i].address, 0, &fault),
			bad_addresses[i].error, "%s", bad_addresses[i].address);
		cr_expect_null(listener);
		cr_expect(strstr(fault.message, bad_addresses[i].told), "%s", fault.message);
	}
	cr_expect_eq(uv_loop_close(&loop), 0);
}

Test(listener, a_port_in_use_is_told)
{
	struct hc_listener *listener = NULL, *second = NULL;
	struct hc_fault fault = HC_FAULT_NULL;
	uv_loop_t loop;

	cr_assert_eq(uv_loop_init(&loop), 0);
	cr_assert_eq(listen_tcp(&listener, &loop, NULL, "127.0.0.1", 0, &fault), 0);
	cr_expect_eq(
		listen_tcp(&second, &loop, NULL, "127.0.0.1", hc_listener_port(listener), &fault),
		-EADDRINUSE);
	cr_expect_null(second);
	cr_expect(strstr(fault.message, "another listen or port"), "%s", fault.message);
	finish(&loop, listener);
}

Test(listener, a_unix_socket_is_for_owner_and_group_and_goes_away)
{
	struct hc_fault fault = HC_FAULT_NULL;
	struct hc_listener *listener = NULL;
	struct taken taken = { .n = 0 };
	char *dir = test_dir(), path[64];
	struct stat st;
	uv_loop_t loop;
	int client;

	(void)snprintf(path, sizeof(path), "%s/sock", dir);
	cr_assert_eq(uv_loop_init(&loop), 0);
	cr_assert_eq(listen_unix(&listener, &loop, &taken, path, &fault), 0, "%s", fault.message);
	cr_assert_eq(stat(path, &st), 0);
	cr_expect_eq(st.st_mode & 0777, 0660);
	client = connect_unix(path);
	cr_assert_geq(client, 0);
	while (!taken.n)
		(void)uv_run(&loop, UV_RUN_ONCE);
	close(client);
	close_taken(&taken);
	finish(&loop, listener);
	cr_expect_eq(access(path, F_OK), -1);
	test_dir_remove(dir);
}

Test(listener, a_unix_socket_in_use_is_refused_one_left_behind_replaced)
{
	struct hc_listener *listener = NULL, *second = NULL;
	struct hc_fault fault = HC_FAULT_NULL;
	char *dir = test_dir(), path[64];
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int left = socket(AF_UNIX, SOCK_STREAM, 0), client;
	uv_loop_t loop;

	(void)snprintf(path, sizeof(path), "%s/sock", dir);
	strcpy(address.sun_path, path);
	cr_assert_eq(bind(left, (struct sockaddr *)&address, sizeof(address)), 0);
	close(left); /* as if killed: the file stays */
	cr_assert_eq(uv_loop_init(&loop), 0);
	cr_assert_eq(listen_unix(&listener, &loop, NULL, path, &fault), 0, "%s", fault.message);
	cr_expect_eq(listen_unix(&second, &loop, NULL, path, &fault), -EADDRINUSE);
	cr_expect_null(second);
	cr_expect(strstr(fault.message, "another hub is serving"), "%s", fault.message);
	client = connect_unix(path); /* the first one was left alone */
	cr_expect_geq(client, 0);
	close(client);
	finish(&loop, listener);
	test_dir_remove(dir);
}

Test(listener, a_path_that_cannot_be_is_told)
{
	struct hc_fault fault = HC_FAULT_NULL;
	struct hc_listener *listener = NULL;
	char *dir = test_dir(), path[256];
	uv_loop_t loop;

	cr_assert_eq(uv_loop_init(&loop), 0);
	cr_expect_eq(listen_unix(&listener, &loop, NULL, "/nonexistent/sock", &fault), -ENOENT);
	cr_expect(strstr(fault.message, "directory must exist"), "%s", fault.message);
	(void)snprintf(path, sizeof(path), "%s/%0110d", dir, 0);
	cr_expect_eq(listen_unix(&listener, &loop, NULL, path, &fault), -ENAMETOOLONG);
	cr_expect(strstr(fault.message, "more than 107 bytes"), "%s", fault.message);
	cr_expect_null(listener);
	cr_expect_eq(uv_loop_close(&loop), 0);
	test_dir_remove(dir);
}

Test(listener, connections_wait_while_descriptors_are_used_up)
{
	struct rlimit limit, none_left;
	struct hc_fault fault = HC_FAULT_NULL;
	struct hc_listener *listener = NULL;
	struct taken taken = { .n = 0 };
	uv_loop_t loop;
	int client;

	cr_assert_eq(uv_loop_init(&loop), 0);
	cr_assert_eq(listen_tcp(&listener, &loop, &taken, "127.0.0.1", 0, &fault), 0);
	client = connect_tcp(hc_listener_port(listener));
	cr_assert_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	none_left = (struct rlimit){ 0, limit.rlim_max };
	cr_assert_eq(setrlimit(RLIMIT_NOFILE, &none_left), 0);
	(void)uv_run(&loop, UV_RUN_ONCE); /* it is readable */
	cr_expect_eq(taken.n, 0);
	cr_expect_eq(uv_run(&loop, UV_RUN_NOWAIT), 1);
	cr_assert_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	while (!taken.n)
		(void)uv_run(&loop, UV_RUN_ONCE);
	close(client);
	close_taken(&taken);
	finish(&loop, listener);
}

/* ---- the gate ----------------------------------------------------------------------------- */

struct gated {
	struct taken taken; /* the first member: it is the context of take() too */
	uint64_t wait_ms;
	size_t n_asked;
};

static uint64_t ask(void *context)
{
	struct gated *gated = context;

	gated->n_asked++;
	return gated->wait_ms;
}

Test(listener, whoever_has_to_wait_is_not_accepted_and_nothing_spins)
{
	struct gated gated = { .wait_ms = 30 };
	uv_loop_t loop;
	const struct hc_listener_options options = {
		.loop = &loop, .fn = take, .gate = ask, .context = &gated
	};
	struct hc_fault fault = HC_FAULT_NULL;
	struct hc_listener *listener = NULL;
	uint64_t began_ms;
	int fd;

	cr_assert_eq(uv_loop_init(&loop), 0);
	cr_assert_eq(hc_listener_tcp(&listener, &options, "127.0.0.1", 0, &fault), 0);
	fd = connect_tcp(hc_listener_port(listener));
	began_ms = uv_now(&loop);
	while (gated.n_asked < 5)
		(void)uv_run(&loop, UV_RUN_ONCE);
	cr_expect_eq(gated.taken.n, 0);
	cr_expect_geq(uv_now(&loop) - began_ms, 4 * gated.wait_ms);

	gated.wait_ms = 0;
	while (!gated.taken.n)
		(void)uv_run(&loop, UV_RUN_ONCE);
	close(fd);
	close_taken(&gated.taken);
	finish(&loop, listener);
}
