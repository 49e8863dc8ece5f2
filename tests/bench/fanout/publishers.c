/* SPDX-License-Identifier: MIT */
/*
 * With a rate, events are due at equal distances whatever the hub does; who is idle for longest
 * sends the next. A latency counts from when an event was due: waiting for an idle publisher is
 * part of it.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <time.h>

#include "proto/clock.h"
#include "proto/rpc.h"
#include "tests/bench/fanout/answers.h"
#include "tests/bench/fanout/latency.h"
#include "tests/bench/fanout/publishers.h"

#define HELLO_MS    5000
#define SECOND_NS   UINT64_C(1000000000)
#define PATIENCE_NS (10 * SECOND_NS) /* without any answer, then the run has failed */
#define READY_MAX   256

struct one {
	struct hc_rpc_client *client;
	struct one *next; /* of those that are idle */
	uint64_t asked_ns;
};

struct publishers {
	const struct publishers_options *options;
	struct one *list;
	struct one *idle, **idle_tail;
	size_t n_idle;
	int epoll_fd;
	struct hc_buffer params;
	uint64_t start_ns, end_ns;
	uint64_t n_sent, n_acknowledged;
	uint64_t last_ns; /* of the last answer */
	struct latency latency;
};

static void be_idle(struct publishers *publishers, struct one *one)
{
	one->next = NULL;
	*publishers->idle_tail = one;
	publishers->idle_tail = &one->next;
	publishers->n_idle++;
}

static bool ask(struct publishers *publishers, uint64_t asked_ns)
{
	struct one *one = publishers->idle;

	publishers->idle = one->next;
	if (!publishers->idle)
		publishers->idle_tail = &publishers->idle;
	publishers->n_idle--;
	publishers->n_sent++;
	one->asked_ns = asked_ns;
	if (!hc_rpc_client_request(one->client, "publish", &publishers->params, NULL))
		return true;
	fprintf(stderr, "load: a publisher cannot send\n");
	return false;
}

/* ---- preparing ---------------------------------------------------------------------------- */

/* About as much as an event of the other benchmarks: 200 bytes of JSON. */
static void pack_params(struct hc_buffer *params)
{
	msgpack_packer pk = hc_codec_packer(params);

	msgpack_pack_map(&pk, 1);
	hc_pack_key(&pk, "events");
	msgpack_pack_array(&pk, 1);
	msgpack_pack_map(&pk, 2);
	hc_pack_str_at(&pk, "type", HC_STR("job.progress"));
	hc_pack_key(&pk, "payload");
	msgpack_pack_map(&pk, 4);
	hc_pack_str_at(&pk, "message", HC_STR("00000000 of 1000 frames done"));
	hc_pack_str_at(&pk, "job_id", HC_STR("transcode-7"));
	hc_pack_str_at(&pk, "status", HC_STR("running"));
	hc_pack_u64_at(&pk, "percent", 42);
}

static bool open_one(struct publishers *publishers, struct one *one)
{
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = one };
	struct hc_fault fault = HC_FAULT_NULL;
	msgpack_object result;
	int r = hc_rpc_client_connect(&one->client, publishers->options->address);

	if (!r)
		r = hc_rpc_client_hello(one->client, "publisher", HELLO_MS, &result, &fault);
	if (!r &&
	    !epoll_ctl(publishers->epoll_fd, EPOLL_CTL_ADD, hc_rpc_client_fd(one->client), &event))
		return true;
	fprintf(stderr, "load: cannot publish to %s: %s %s\n", publishers->options->address,
		strerror(r < 0 ? -r : errno), fault.message);
	return false;
}

static bool open_all(struct publishers *publishers)
{
	publishers->list = calloc(publishers->options->n, sizeof(*publishers->list));
	publishers->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	publishers->idle_tail = &publishers->idle;
	pack_params(&publishers->params);
	if (!publishers->list || publishers->epoll_fd < 0 || publishers->params.failed)
		return false;
	for (size_t i = 0; i < publishers->options->n; i++) {
		if (!open_one(publishers, &publishers->list[i]))
			return false;
		be_idle(publishers, &publishers->list[i]);
	}
	return true;
}

static void close_all(struct publishers *publishers)
{
	for (size_t i = 0; publishers->list && i < publishers->options->n; i++)
		hc_rpc_client_free(publishers->list[i].client);
	free(publishers->list);
	hc_closep(&publishers->epoll_fd);
	hc_buffer_deinit(&publishers->params);
}

/* ---- the loop ----------------------------------------------------------------------------- */

static uint64_t due_ns(const struct publishers *publishers)
{
	return publishers->start_ns +
	       (uint64_t)((double)publishers->n_sent * 1e9 / publishers->options->rate);
}

static bool ask_what_is_due(struct publishers *publishers, uint64_t now_ns)
{
	if (now_ns >= publishers->end_ns)
		return true;
	while (publishers->idle) {
		uint64_t asked_ns = now_ns;

		if (publishers->options->rate > 0) {
			asked_ns = due_ns(publishers);
			if (asked_ns > now_ns)
				break;
		}
		if (!ask(publishers, asked_ns))
			return false;
	}
	return true;
}

static bool take_answers(struct publishers *publishers, struct one *one)
{
	size_t n = 0;
	bool taken = answers_take(one->client, &n);

	for (; n; n--) {
		publishers->last_ns = hc_monotonic_ns();
		latency_count(&publishers->latency, publishers->last_ns - one->asked_ns);
		publishers->n_acknowledged++;
		be_idle(publishers, one);
	}
	return taken;
}

static bool turn(struct publishers *publishers)
{
	struct epoll_event ready[READY_MAX];
	uint64_t now_ns = hc_monotonic_ns(), until_ns = now_ns + SECOND_NS;
	struct timespec timeout = { 0 };
	int n;

	if (!ask_what_is_due(publishers, now_ns))
		return false;
	if (publishers->options->rate > 0 && publishers->idle && due_ns(publishers) < until_ns)
		until_ns = due_ns(publishers);
	if (until_ns > now_ns) {
		timeout.tv_sec = (time_t)((until_ns - now_ns) / SECOND_NS);
		timeout.tv_nsec = (long)((until_ns - now_ns) % SECOND_NS);
	}
	n = epoll_pwait2(publishers->epoll_fd, ready, READY_MAX, &timeout, NULL);
	for (int i = 0; i < n; i++)
		if (!take_answers(publishers, ready[i].data.ptr))
			return false;
	return n >= 0 || errno == EINTR;
}

static bool run(struct publishers *publishers)
{
	publishers->start_ns = publishers->last_ns = hc_monotonic_ns();
	publishers->end_ns = publishers->start_ns + (uint64_t)(publishers->options->seconds * 1e9);
	while (hc_monotonic_ns() < publishers->end_ns ||
	       publishers->n_idle < publishers->options->n) {
		if (!turn(publishers))
			return false;
		if (hc_monotonic_ns() > publishers->last_ns + PATIENCE_NS) {
			fprintf(stderr, "load: no answer for %d s\n",
				(int)(PATIENCE_NS / SECOND_NS));
			return false;
		}
	}
	return true;
}

static void print_result(const struct publishers *publishers, uint64_t cpu_ns)
{
	double n = (double)publishers->n_acknowledged;
	double seconds = (double)(publishers->last_ns - publishers->start_ns) / 1e9;

	printf("{\"publishers\":%zu,\"acknowledged\":%.0f,\"seconds\":%.3f,"
	       "\"acknowledged_per_second\":%.0f,\"cpu_us\":%.3f,\"p50_ms\":%.3f,"
	       "\"p99_ms\":%.3f,\"max_ms\":%.3f}\n",
	       publishers->options->n, n, seconds, n / seconds, (double)cpu_ns / 1e3 / n,
	       latency_percentile_ms(&publishers->latency, 0.5),
	       latency_percentile_ms(&publishers->latency, 0.99),
	       (double)publishers->latency.max_ns / 1e6);
}

bool publishers_measure(const struct publishers_options *options)
{
	struct publishers publishers = { .options = options,
					 .epoll_fd = -1,
					 .params = HC_BUFFER_NULL };
	uint64_t cpu_ns;
	bool done = open_all(&publishers);

	if (done) {
		cpu_ns = account_cpu_ns(options->server);
		done = run(&publishers);
		if (done)
			print_result(&publishers, account_cpu_ns(options->server) - cpu_ns);
	}
	close_all(&publishers);
	return done;
}
