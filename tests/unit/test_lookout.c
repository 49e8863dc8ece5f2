/* SPDX-License-Identifier: MIT */
/* The lookout: who speaks or goes is told, once, and nobody is read from. */
#include <criterion/criterion.h>
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proto/base.h"
#include "ws/wire/lookout.h"

#define N_MAX 200

struct peer {
	int ours, theirs;
	size_t n_told;
};

static uv_loop_t loop;
static struct hc_lookout *lookout;
static size_t n_told;

static void on_told(void *whom)
{
	((struct peer *)whom)->n_told++;
	n_told++;
}

static void open_lookout(void)
{
	cr_assert_eq(uv_loop_init(&loop), 0);
	cr_assert_eq(hc_lookout_new(&lookout, &loop, on_told), 0);
}

static void close_lookout(void)
{
	lookout = hc_lookout_free(lookout);
	while (uv_run(&loop, UV_RUN_DEFAULT))
		;
	cr_expect_eq(uv_loop_close(&loop), 0, "something is left on the loop");
}

static void connect_peer(struct peer *peer)
{
	int pair[2];

	cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	*peer = (struct peer){ .ours = pair[0], .theirs = pair[1] };
	cr_assert_eq(hc_lookout_add(lookout, peer->ours, peer), 0);
}

static void disconnect_peer(struct peer *peer)
{
	hc_lookout_remove(lookout, peer->ours);
	close(peer->ours);
	if (peer->theirs >= 0)
		close(peer->theirs);
}

static void run_until_told(size_t n)
{
	while (n_told < n)
		(void)uv_run(&loop, UV_RUN_ONCE);
	for (int i = 0; i < 5; i++) /* whatever else there may be */
		(void)uv_run(&loop, UV_RUN_NOWAIT);
	cr_expect_eq(n_told, n);
}

static void leave(struct peer *peer)
{
	close(peer->theirs);
	peer->theirs = -1;
}

static void half_close(struct peer *peer)
{
	cr_assert_eq(shutdown(peer->theirs, SHUT_WR), 0);
}

static void speak(struct peer *peer)
{
	cr_assert_eq(send(peer->theirs, "x", 1, 0), 1);
}

Test(lookout, tells_who_leaves_half_closes_or_speaks)
{
	void (*const acts[])(struct peer *) = { leave, half_close, speak };

	open_lookout();
	for (size_t i = 0; i < HC_ARRAY_LEN(acts); i++) {
		struct peer peer, other;

		n_told = 0;
		connect_peer(&peer);
		connect_peer(&other);
		acts[i](&peer);
		run_until_told(1);
		cr_expect_eq(peer.n_told, 1, "act %zu", i);
		cr_expect_eq(other.n_told, 0);
		disconnect_peer(&peer);
		disconnect_peer(&other);
	}
	close_lookout();
}

Test(lookout, reads_nothing_and_tells_once)
{
	struct peer peer;
	char byte;

	open_lookout();
	connect_peer(&peer);
	speak(&peer);
	run_until_told(1);
	speak(&peer);
	leave(&peer);
	run_until_told(1);
	cr_expect_eq(recv(peer.ours, &byte, 1, MSG_DONTWAIT), 1);
	disconnect_peer(&peer);
	close_lookout();
}

Test(lookout, sees_what_was_there_before)
{
	struct peer peer;

	open_lookout();
	connect_peer(&peer);
	hc_lookout_remove(lookout, peer.ours);
	speak(&peer);
	for (int i = 0; i < 5; i++)
		(void)uv_run(&loop, UV_RUN_NOWAIT);
	cr_expect_eq(n_told, 0);
	cr_assert_eq(hc_lookout_add(lookout, peer.ours, &peer), 0);
	run_until_told(1);
	disconnect_peer(&peer);
	close_lookout();
}

Test(lookout, many_at_once_are_all_told)
{
	static struct peer peers[N_MAX];

	open_lookout();
	for (size_t i = 0; i < N_MAX; i++)
		connect_peer(&peers[i]);
	for (size_t i = 0; i < N_MAX; i++)
		leave(&peers[i]);
	run_until_told(N_MAX);
	for (size_t i = 0; i < N_MAX; i++) {
		cr_expect_eq(peers[i].n_told, 1);
		disconnect_peer(&peers[i]);
	}
	close_lookout();
}

Test(lookout, a_descriptor_that_is_none_is_an_error)
{
	open_lookout();
	cr_expect_eq(hc_lookout_add(lookout, -1, NULL), -EBADF);
	hc_lookout_remove(lookout, -1);
	close_lookout();
}
