/* SPDX-License-Identifier: MIT */
/*
 * An epoll set in an epoll set: libuv sees one descriptor, which is readable when one of ours is.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "proto/base.h"
#include "ws/wire/lookout.h"

#define EVENTS_MAX 64 /* a turn; the rest comes with the next */

struct hc_lookout {
	hc_lookout_fn *fn;
	int epoll_fd;
	uv_poll_t poll;
};

static void on_readable(uv_poll_t *poll, int status, int events)
{
	struct hc_lookout *lookout = hc_container_of(poll, struct hc_lookout, poll);
	struct epoll_event ready[EVENTS_MAX];
	int n = epoll_wait(lookout->epoll_fd, ready, EVENTS_MAX, 0);

	(void)status; /* an epoll set has no errors */
	(void)events;
	for (int i = 0; i < n; i++)
		lookout->fn(ready[i].data.ptr);
}

int hc_lookout_new(struct hc_lookout **ret, uv_loop_t *loop, hc_lookout_fn *fn)
{
	struct hc_lookout *lookout = calloc(1, sizeof(*lookout));
	int r;

	if (!lookout)
		return -ENOMEM;
	lookout->fn = fn;
	lookout->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	r = lookout->epoll_fd < 0 ? -errno : uv_poll_init(loop, &lookout->poll, lookout->epoll_fd);
	if (r < 0) {
		if (lookout->epoll_fd >= 0)
			close(lookout->epoll_fd);
		free(lookout);
		return r;
	}
	(void)uv_poll_start(&lookout->poll, UV_READABLE, on_readable); /* cannot fail */
	*ret = lookout;
	return 0;
}

static void on_closed(uv_handle_t *handle)
{
	free(hc_container_of((uv_poll_t *)handle, struct hc_lookout, poll));
}

struct hc_lookout *hc_lookout_free(struct hc_lookout *lookout)
{
	if (!lookout)
		return NULL;
	uv_close((uv_handle_t *)&lookout->poll, on_closed);
	close(lookout->epoll_fd);
	return NULL;
}

int hc_lookout_add(struct hc_lookout *lookout, int fd, void *whom)
{
	struct epoll_event event = {
		.events = EPOLLIN | EPOLLRDHUP | EPOLLONESHOT,
		.data.ptr = whom,
	};

	return epoll_ctl(lookout->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0 ? -errno : 0;
}

void hc_lookout_remove(struct hc_lookout *lookout, int fd)
{
	(void)epoll_ctl(lookout->epoll_fd, EPOLL_CTL_DEL, fd, NULL); /* it may be gone already */
}
