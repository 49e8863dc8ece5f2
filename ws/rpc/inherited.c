/* SPDX-License-Identifier: MIT */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/un.h>

#include "proto/fault.h"
#include "ws/rpc/inherited.h"

#define ADDRESS_TEXT_MAX 128 /* bytes; a path of sun_path, or brackets, an address and a port */

struct hc_inherited {
	size_t n;
	int fds[]; /* -1 once it was taken */
};

/* Zeroed beyond what the kernel writes: a path of full length ends there. */
union address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
	struct sockaddr_un path;
	char room[sizeof(struct sockaddr_un) + 1];
};

static void get_address(union address *ret, int fd)
{
	socklen_t len = sizeof(*ret);

	memset(ret, 0, sizeof(*ret));
	if (getsockname(fd, &ret->any, &len) < 0)
		ret->any.sa_family = AF_UNSPEC;
}

static bool is_same(const union address *one, const struct sockaddr *address)
{
	const struct sockaddr_in *v4 = (const struct sockaddr_in *)address;
	const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)address;
	const struct sockaddr_un *path = (const struct sockaddr_un *)address;

	if (one->any.sa_family != address->sa_family)
		return false;
	switch (address->sa_family) {
	case AF_INET:
		return one->v4.sin_port == v4->sin_port &&
		       one->v4.sin_addr.s_addr == v4->sin_addr.s_addr;
	case AF_INET6:
		return one->v6.sin6_port == v6->sin6_port &&
		       !memcmp(&one->v6.sin6_addr, &v6->sin6_addr, sizeof(v6->sin6_addr));
	case AF_UNIX:
		return !strcmp(one->path.sun_path, path->sun_path);
	}
	return false;
}

static void format(char ret[static ADDRESS_TEXT_MAX], int fd)
{
	char text[INET6_ADDRSTRLEN] = "?";
	union address address;

	get_address(&address, fd);
	switch (address.any.sa_family) {
	case AF_INET:
		(void)inet_ntop(AF_INET, &address.v4.sin_addr, text, sizeof(text));
		(void)snprintf(ret, ADDRESS_TEXT_MAX, "%s port %u", text,
			       ntohs(address.v4.sin_port));
		break;
	case AF_INET6:
		(void)inet_ntop(AF_INET6, &address.v6.sin6_addr, text, sizeof(text));
		(void)snprintf(ret, ADDRESS_TEXT_MAX, "%s port %u", text,
			       ntohs(address.v6.sin6_port));
		break;
	case AF_UNIX:
		(void)snprintf(ret, ADDRESS_TEXT_MAX, "%s", address.path.sun_path);
		break;
	default:
		(void)snprintf(ret, ADDRESS_TEXT_MAX, "an address of family %d",
			       address.any.sa_family);
	}
}

static bool has(int fd, int option, int value)
{
	socklen_t len = sizeof(int);
	int is = 0;

	return getsockopt(fd, SOL_SOCKET, option, &is, &len) == 0 && is == value;
}

int hc_inherited_new(struct hc_inherited **ret, int first, size_t n, struct hc_fault *fault)
{
	HC_CLEANUP(hc_inherited_freep)
	struct hc_inherited *inherited = malloc(sizeof(*inherited) + n * sizeof(int));

	if (!inherited)
		return -ENOMEM;
	inherited->n = n;
	for (size_t i = 0; i < n; i++)
		inherited->fds[i] = first + (int)i;
	for (size_t i = 0; i < n; i++) {
		int fd = inherited->fds[i];

		if (!has(fd, SO_TYPE, SOCK_STREAM) || !has(fd, SO_ACCEPTCONN, 1)) {
			hc_fault_set(fault, HC_FAULT_INVALID_PARAMS,
				     "descriptor %d of LISTEN_FDS is not a listening stream "
				     "socket: a socket unit needs ListenStream= and Accept=no",
				     fd);
			return -EINVAL;
		}
		/* A service manager hands out blocking ones; this cannot fail. */
		(void)fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
		(void)fcntl(fd, F_SETFD, FD_CLOEXEC);
	}
	*ret = hc_take(inherited);
	return 0;
}

int hc_inherited_take(struct hc_inherited *inherited, const struct sockaddr *address)
{
	for (size_t i = 0; inherited && i < inherited->n; i++) {
		union address own;
		int fd = inherited->fds[i];

		if (fd < 0)
			continue;
		get_address(&own, fd);
		if (!is_same(&own, address))
			continue;
		inherited->fds[i] = -1;
		return fd;
	}
	return -1;
}

int hc_inherited_check(const struct hc_inherited *inherited, struct hc_fault *fault)
{
	char text[ADDRESS_TEXT_MAX];

	for (size_t i = 0; i < inherited->n; i++) {
		if (inherited->fds[i] < 0)
			continue;
		format(text, inherited->fds[i]);
		hc_fault_set(fault, HC_FAULT_INVALID_PARAMS,
			     "a socket for %s was handed over, but nothing in the configuration "
			     "listens there: make ListenStream= of the socket unit and the "
			     "configuration say the same",
			     text);
		return -EINVAL;
	}
	return 0;
}

struct hc_inherited *hc_inherited_free(struct hc_inherited *inherited)
{
	if (!inherited)
		return NULL;
	for (size_t i = 0; i < inherited->n; i++)
		hc_closep(&inherited->fds[i]);
	free(inherited);
	return NULL;
}
