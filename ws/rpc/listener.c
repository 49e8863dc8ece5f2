/* SPDX-License-Identifier: MIT */
/*
 * accept4(2) until it would block, a bounded number a turn. When descriptors are used up the
 * listener rests for a moment: the connection waits in the backlog, and the loop does not spin on a
 * socket that stays readable.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "proto/buffer.h"
#include "proto/fault.h"
#include "proto/log.h"
#include "ws/rpc/inherited.h"
#include "ws/rpc/listener.h"

#define BACKLOG	   4096 /* connections; the kernel cuts it to net.core.somaxconn */
#define ACCEPT_MAX 64	/* connections a turn, so that a storm leaves room for the others */
#define REST_MS	   200	/* after running out of descriptors */

struct hc_listener {
	int fd;
	int lock_fd;
	char *path; /* of the UNIX socket to remove, or NULL */
	uv_poll_t poll;
	uv_timer_t rest;
	hc_listener_fn *fn;
	hc_listener_gate_fn *gate;
	void *context;
	unsigned int n_handles; /* not yet closed */
	struct hc_log_limit out_of_fds;
};

static void on_readable(uv_poll_t *poll, int status, int events);

static void on_rested(uv_timer_t *timer)
{
	struct hc_listener *listener = timer->data;

	(void)uv_poll_start(&listener->poll, UV_READABLE, on_readable);
}

static void rest(struct hc_listener *listener, uint64_t ms)
{
	(void)uv_poll_stop(&listener->poll);
	(void)uv_timer_start(&listener->rest, on_rested, ms, 0);
}

static void rest_after_error(struct hc_listener *listener)
{
	if (hc_log_limited(&listener->out_of_fds))
		hc_warn("cannot accept a connection: %s: trying again in %d ms", strerror(errno),
			REST_MS);
	rest(listener, REST_MS);
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
	struct hc_listener *listener = poll->data;

	(void)status;
	(void)events;
	for (int i = 0; i < ACCEPT_MAX; i++) {
		uint64_t wait_ms = listener->gate ? listener->gate(listener->context) : 0;
		int fd;

		if (wait_ms) {
			rest(listener, wait_ms);
			return;
		}
		fd = accept4(listener->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
		if (fd >= 0) {
			listener->fn(listener->context, fd);
			continue;
		}
		if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
			rest_after_error(listener);
		if (errno != ECONNABORTED && errno != EINTR)
			return;
	}
}

static void on_closed(uv_handle_t *handle)
{
	struct hc_listener *listener = handle->data;

	if (--listener->n_handles)
		return;
	free(listener->path);
	free(listener);
}

struct hc_listener *hc_listener_free(struct hc_listener *listener)
{
	if (!listener)
		return NULL;
	if (listener->path)
		(void)unlink(listener->path); /* the next start would replace it anyway */
	uv_close((uv_handle_t *)&listener->rest, on_closed);
	uv_close((uv_handle_t *)&listener->poll, on_closed);
	hc_closep(&listener->fd); /* behind uv_close(), which takes it out of epoll */
	hc_closep(&listener->lock_fd);
	return NULL;
}

/* Takes over the descriptors; closes them on failure. */
static int start(struct hc_listener **ret, const struct hc_listener_options *options, int fd,
		 int lock_fd, const char *path)
{
	struct hc_listener *listener = calloc(1, sizeof(*listener));

	if (listener && path)
		listener->path = strdup(path);
	if (!listener || (path && !listener->path)) {
		free(listener);
		hc_closep(&fd);
		hc_closep(&lock_fd);
		return -ENOMEM;
	}
	listener->fd = fd;
	listener->lock_fd = lock_fd;
	listener->fn = options->fn;
	listener->gate = options->gate;
	listener->context = options->context;
	listener->n_handles = 2;
	/* Neither can fail for a fresh socket that nobody polls yet. */
	(void)uv_timer_init(options->loop, &listener->rest);
	(void)uv_poll_init(options->loop, &listener->poll, fd);
	listener->rest.data = listener;
	listener->poll.data = listener;
	(void)uv_poll_start(&listener->poll, UV_READABLE, on_readable);
	*ret = listener;
	return 0;
}

/* ---- TCP ---------------------------------------------------------------------------------- */

static socklen_t parse_address(struct sockaddr_storage *ret, const char *address, uint16_t port)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)ret;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)ret;

	*ret = (struct sockaddr_storage){ 0 };
	if (inet_pton(AF_INET, address, &v4->sin_addr) == 1) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons(port);
		return sizeof(*v4);
	}
	if (inet_pton(AF_INET6, address, &v6->sin6_addr) == 1) {
		v6->sin6_family = AF_INET6;
		v6->sin6_port = htons(port);
		return sizeof(*v6);
	}
	return 0;
}

static int bind_tcp(const struct sockaddr_storage *storage, socklen_t len)
{
	HC_CLEANUP(hc_closep) int fd = -1;
	int on = 1, r;

	fd = socket(storage->ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	(void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)); /* fails on IPv4 */
	if (bind(fd, (const struct sockaddr *)storage, len) < 0 || listen(fd, BACKLOG) < 0)
		return -errno;
	r = fd;
	fd = -1;
	return r;
}

int hc_listener_tcp(struct hc_listener **ret, const struct hc_listener_options *options,
		    const char *address, uint16_t port, struct hc_fault *fault)
{
	struct sockaddr_storage storage;
	socklen_t len = parse_address(&storage, address, port);
	int fd, on = 1;

	if (!len) {
		hc_fault_set(fault, HC_FAULT_INVALID_PARAMS,
			     "listen: \"%s\" is not an IPv4 or IPv6 address", address);
		return -EINVAL;
	}
	fd = hc_inherited_take(options->inherited, (struct sockaddr *)&storage);
	if (fd < 0)
		fd = bind_tcp(&storage, len);
	if (fd < 0) {
		hc_fault_set(fault, HC_FAULT_UNAVAILABLE,
			     "cannot listen on %s port %u: %s: set another listen or port", address,
			     port, strerror(-fd));
		return fd;
	}
	/* One that says nothing waits in the kernel for that many seconds, tcp(7). */
	(void)setsockopt(fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, &on, sizeof(on));
	return start(ret, options, fd, -1, NULL);
}

uint16_t hc_listener_port(const struct hc_listener *listener)
{
	struct sockaddr_storage storage;
	socklen_t len = sizeof(storage);

	if (getsockname(listener->fd, (struct sockaddr *)&storage, &len) < 0)
		return 0;
	if (storage.ss_family == AF_INET6)
		return ntohs(((struct sockaddr_in6 *)&storage)->sin6_port);
	return ntohs(((struct sockaddr_in *)&storage)->sin_port);
}

/* ---- UNIX --------------------------------------------------------------------------------- */

static int take_lock(const char *path, struct hc_fault *fault)
{
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer lock_path = HC_BUFFER_NULL;
	HC_CLEANUP(hc_closep) int fd = -1;
	int r;

	hc_buffer_printf(&lock_path, "%s.lock%c", path, '\0');
	if (lock_path.failed)
		return -ENOMEM;
	fd = open(lock_path.data, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0) {
		r = -errno;
		hc_fault_set(fault, HC_FAULT_UNAVAILABLE,
			     "cannot open %s: %s: its directory must exist and be writable",
			     lock_path.data, strerror(-r));
		return r;
	}
	if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		hc_fault_set(fault, HC_FAULT_UNAVAILABLE,
			     "another hub is serving %s: stop it, or use another socket", path);
		return -EADDRINUSE;
	}
	r = fd;
	fd = -1;
	return r;
}

/* A socket that a killed hub left behind goes: we hold its lock. Anything else is somebody's. */
static int remove_stale(const char *path, struct hc_fault *fault)
{
	struct stat st;

	if (lstat(path, &st) < 0)
		return 0; /* if there is more to it, bind() will tell */
	if (S_ISSOCK(st.st_mode))
		return unlink(path) < 0 ? -errno : 0;
	hc_fault_set(fault, HC_FAULT_UNAVAILABLE,
		     "%s is there and is not a socket: move it away, or use another path", path);
	return -EEXIST;
}

static int parse_path(struct sockaddr_un *ret, const char *path, struct hc_fault *fault)
{
	*ret = (struct sockaddr_un){ .sun_family = AF_UNIX };
	if (strlen(path) >= sizeof(ret->sun_path)) {
		hc_fault_set(fault, HC_FAULT_INVALID_PARAMS,
			     "the socket path %s has more than %zu bytes", path,
			     sizeof(ret->sun_path) - 1);
		return -ENAMETOOLONG;
	}
	strcpy(ret->sun_path, path);
	return 0;
}

static int bind_unix(const struct sockaddr_un *address, struct hc_fault *fault)
{
	const char *path = address->sun_path;
	HC_CLEANUP(hc_closep) int fd = -1;
	int r;

	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	r = remove_stale(path, fault);
	if (r < 0)
		return r;
	if (bind(fd, (const struct sockaddr *)address, sizeof(*address)) < 0 ||
	    chmod(path, 0660) < 0 || listen(fd, BACKLOG) < 0) {
		r = -errno;
		hc_fault_set(fault, HC_FAULT_UNAVAILABLE, "cannot listen on %s: %s", path,
			     strerror(-r));
		return r;
	}
	r = fd;
	fd = -1;
	return r;
}

int hc_listener_unix(struct hc_listener **ret, const struct hc_listener_options *options,
		     const char *path, struct hc_fault *fault)
{
	HC_CLEANUP(hc_closep) int lock_fd = -1;
	struct sockaddr_un address;
	int r = parse_path(&address, path, fault), fd, lock;
	bool is_ours;

	if (r < 0)
		return r;
	lock_fd = take_lock(path, fault);
	if (lock_fd < 0)
		return lock_fd;
	fd = hc_inherited_take(options->inherited, (struct sockaddr *)&address);
	is_ours = fd < 0;
	if (is_ours)
		fd = bind_unix(&address, fault);
	if (fd < 0)
		return fd;
	lock = lock_fd;
	lock_fd = -1;
	return start(ret, options, fd, lock, is_ours ? path : NULL);
}
