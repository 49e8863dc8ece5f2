/* SPDX-License-Identifier: MIT */
/* Sockets of a service manager: each is known by its address, and none is left unheard. */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "proto/fault.h"
#include "tests/unit/hub.h"
#include "ws/rpc/inherited.h"
#include "ws/rpc/listener.h"

#define FIRST 200 /* above whatever a test has open; the others follow it */

static struct sockaddr_in v4_of(const char *address, uint16_t port)
{
	struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_port = htons(port) };

	cr_assert_eq(inet_pton(AF_INET, address, &v4.sin_addr), 1);
	return v4;
}

static struct sockaddr_un unix_of(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	return address;
}

/* Blocking and kept over exec, as a service manager hands it over. */
static void listen_at(int fd, int type, const void *address, socklen_t len)
{
	int own = socket(((const struct sockaddr *)address)->sa_family, type, 0);

	cr_assert_geq(own, 0);
	cr_assert_eq(bind(own, address, len), 0);
	if (type == SOCK_STREAM)
		cr_assert_eq(listen(own, 8), 0);
	cr_assert_eq(dup2(own, fd), fd);
	close(own);
}

static uint16_t port_of(int fd)
{
	struct sockaddr_in v4;
	socklen_t len = sizeof(v4);

	cr_assert_eq(getsockname(fd, (struct sockaddr *)&v4, &len), 0);
	return ntohs(v4.sin_port);
}

static struct hc_inherited *inherit(size_t n)
{
	struct hc_inherited *inherited = NULL;
	struct hc_fault fault = HC_FAULT_NULL;

	cr_assert_eq(hc_inherited_new(&inherited, FIRST, n, &fault), 0, "%s", fault.message);
	return inherited;
}

Test(inherited, each_is_found_by_its_address_once)
{
	char *dir = test_dir(), path[64];
	struct sockaddr_un own, other;
	struct sockaddr_in any = v4_of("127.0.0.1", 0), v4, wrong;
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_ANY_INIT };
	struct hc_fault fault = HC_FAULT_NULL;
	struct hc_inherited *inherited;

	(void)snprintf(path, sizeof(path), "%s/a", dir);
	own = unix_of(path);
	(void)snprintf(path, sizeof(path), "%s/b", dir);
	other = unix_of(path);
	listen_at(FIRST, SOCK_STREAM, &own, sizeof(own));
	listen_at(FIRST + 1, SOCK_STREAM, &any, sizeof(any));
	inherited = inherit(2);
	v4 = v4_of("127.0.0.1", port_of(FIRST + 1));
	wrong = v4_of("127.0.0.2", port_of(FIRST + 1));
	v6.sin6_port = v4.sin_port;

	cr_expect_eq(hc_inherited_take(NULL, (struct sockaddr *)&v4), -1);
	cr_expect_eq(hc_inherited_take(inherited, (struct sockaddr *)&other), -1);
	cr_expect_eq(hc_inherited_take(inherited, (struct sockaddr *)&any), -1);
	cr_expect_eq(hc_inherited_take(inherited, (struct sockaddr *)&wrong), -1);
	cr_expect_eq(hc_inherited_take(inherited, (struct sockaddr *)&v6), -1);
	cr_expect_eq(hc_inherited_take(inherited, (struct sockaddr *)&v4), FIRST + 1);
	cr_expect_eq(hc_inherited_take(inherited, (struct sockaddr *)&v4), -1);
	cr_expect_eq(hc_inherited_check(inherited, &fault), -EINVAL);
	cr_expect(strstr(fault.message, own.sun_path), "%s", fault.message);
	cr_expect_eq(hc_inherited_take(inherited, (struct sockaddr *)&own), FIRST);
	cr_expect_eq(hc_inherited_check(inherited, &fault), 0);
	for (int fd = FIRST; fd < FIRST + 2; fd++) {
		cr_expect(fcntl(fd, F_GETFL) & O_NONBLOCK);
		cr_expect(fcntl(fd, F_GETFD) & FD_CLOEXEC);
		close(fd);
	}
	(void)hc_inherited_free(inherited);
	test_dir_remove(dir);
}

Test(inherited, one_that_nobody_takes_is_told_with_its_address_and_closed)
{
	struct sockaddr_in any = v4_of("127.0.0.1", 0);
	struct hc_fault fault = HC_FAULT_NULL;
	struct hc_inherited *inherited;
	char text[64];

	listen_at(FIRST, SOCK_STREAM, &any, sizeof(any));
	(void)snprintf(text, sizeof(text), "127.0.0.1 port %u ", port_of(FIRST));
	inherited = inherit(1);
	cr_expect_eq(hc_inherited_check(inherited, &fault), -EINVAL);
	cr_expect(strstr(fault.message, text), "%s", fault.message);
	(void)hc_inherited_free(inherited);
	cr_expect_eq(fcntl(FIRST, F_GETFD), -1);
}

Test(inherited, what_does_not_listen_is_refused)
{
	struct sockaddr_in any = v4_of("127.0.0.1", 0);
	int pair[2];

	cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	for (size_t i = 0; i < 3; i++) {
		struct hc_inherited *inherited = NULL;
		struct hc_fault fault = HC_FAULT_NULL;

		if (i == 0)
			cr_assert_eq(dup2(pair[0], FIRST), FIRST);
		else if (i == 1)
			listen_at(FIRST, SOCK_DGRAM, &any, sizeof(any));
		else
			cr_assert_eq(dup2(STDIN_FILENO, FIRST), FIRST);
		cr_expect_eq(hc_inherited_new(&inherited, FIRST, 1, &fault), -EINVAL);
		cr_expect_null(inherited);
		cr_expect(strstr(fault.message, "descriptor 200 of LISTEN_FDS"), "%s",
			  fault.message);
		cr_expect_eq(fcntl(FIRST, F_GETFD), -1);
	}
	close(pair[0]);
	close(pair[1]);
}

static void take(void *context, int fd)
{
	*(int *)context = fd;
}

Test(inherited, a_listener_takes_who_came_before_it_and_leaves_the_socket_there)
{
	char *dir = test_dir(), path[64];
	struct sockaddr_un address;
	struct hc_inherited *inherited;
	struct hc_listener *listener = NULL;
	struct hc_fault fault = HC_FAULT_NULL;
	int client, taken = -1, kept;
	uv_loop_t loop;

	(void)snprintf(path, sizeof(path), "%s/sock", dir);
	address = unix_of(path);
	listen_at(FIRST, SOCK_STREAM, &address, sizeof(address));
	kept = dup(FIRST); /* the service manager's */
	cr_assert_eq(chmod(path, 0600), 0);
	client = socket(AF_UNIX, SOCK_STREAM, 0);
	cr_assert_eq(connect(client, (struct sockaddr *)&address, sizeof(address)), 0);
	inherited = inherit(1);

	cr_assert_eq(uv_loop_init(&loop), 0);
	cr_assert_eq(hc_listener_unix(&listener,
				      &(struct hc_listener_options){ .loop = &loop,
								     .inherited = inherited,
								     .fn = take,
								     .context = &taken },
				      path, &fault),
		     0, "%s", fault.message);
	cr_expect_eq(hc_inherited_check(inherited, &fault), 0);
	(void)hc_inherited_free(inherited);
	while (taken < 0)
		(void)uv_run(&loop, UV_RUN_ONCE);
	(void)hc_listener_free(listener);
	while (uv_run(&loop, UV_RUN_NOWAIT))
		;
	cr_expect_eq(uv_loop_close(&loop), 0);
	cr_expect_eq(access(path, F_OK), 0);
	close(client);
	client = socket(AF_UNIX, SOCK_STREAM, 0);
	cr_expect_eq(connect(client, (struct sockaddr *)&address, sizeof(address)), 0);
	close(client);
	close(taken);
	close(kept);
	test_dir_remove(dir);
}
