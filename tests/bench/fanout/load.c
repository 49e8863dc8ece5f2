/* SPDX-License-Identifier: MIT */
/*
 * The load generator: N WebSocket clients and one publisher against a server, one measurement a
 * run; the result is one line of JSON. fanout.py starts it.
 *
 *   burst    all events are due at once: deliveries a second, CPU time of the server a delivery
 *   paced    one event after the other at a rate: the same, and publish-to-client latencies
 *   stalled  paced for the healthy clients alone; then others join, read nothing, and a burst fills
 *            their sockets: latency of the healthy ones, memory, when the last stalled one is
 * closed idle     memory of the server a client that only listens
 *   acknowledged  no clients but many publishers, each with one event under way: how many are
 *            acknowledged a second, and how soon
 *   return   events are published; told so by a byte on its standard input, clients come that want
 *            all of them, and leave when they have them
 *
 * The time of publishing is taken when an event is given to the socket, or has to wait for it.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "proto/clock.h"
#include "proto/position.h"
#include "tests/bench/fanout/account.h"
#include "tests/bench/fanout/clients.h"
#include "tests/bench/fanout/publisher.h"
#include "tests/bench/fanout/publishers.h"
#include "tests/bench/fanout/tls.h"

#define SECOND_NS      UINT64_C(1000000000)
#define MS_NS	       UINT64_C(1000000)
#define CONNECTING_MAX 64		/* clients in the handshake at once */
#define SETTLE_NS      (300 * MS_NS)	/* before and after a measurement */
#define SAMPLE_NS      (20 * MS_NS)	/* between two looks at the server's memory */
#define REST_NS	       SECOND_NS	/* before memory is read */
#define PATIENCE_NS    (20 * SECOND_NS) /* without any delivery, then the run has failed */
#define WARM_CLIENTS   256		/* connected before memory is first read */
#define STALLED_RCVBUF 4096
#define STALLED_BURST  4000 /* events: more than all buffers of a connection hold */
#define STALLED_NS     (20 * SECOND_NS)
#define READY_MAX      1024 /* sockets a turn */

struct options {
	const char *mode;
	const char *publish;
	const char *path;
	const char *target;
	const char *filter;
	enum dialect dialect;
	uint16_t port;
	bool tls;
	size_t n_clients;
	size_t n_events;
	double rate;
	double seconds;
	struct account server;
};

struct load {
	const struct options *options;
	struct events events;
	struct clients clients;
	struct publisher publisher;
	bool publisher_polled_out;
	/* What is due: units up to due_end, one each interval_ns from start_ns on. */
	size_t due_first;
	size_t due_end;
	uint64_t start_ns;
	double interval_ns;
};

/* ---- the loop ----------------------------------------------------------------------------- */

static bool poll_publisher(struct load *load)
{
	bool out = publisher_waits(&load->publisher);
	struct epoll_event event = { .events = EPOLLIN | (out ? (uint32_t)EPOLLOUT : 0u) };

	if (out == load->publisher_polled_out)
		return true;
	load->publisher_polled_out = out;
	return !epoll_ctl(load->clients.epoll_fd, EPOLL_CTL_MOD, load->publisher.fd, &event);
}

static uint64_t next_due_ns(const struct load *load)
{
	size_t k = load->publisher.n_queued - load->due_first;

	if (load->publisher.n_queued == load->due_end)
		return UINT64_MAX;
	return load->start_ns + (uint64_t)((double)k * load->interval_ns);
}

static bool publish_due(struct load *load, uint64_t now_ns)
{
	if (!load->interval_ns && load->publisher.n_queued < load->due_end)
		return publisher_queue(&load->publisher, load->due_end - load->publisher.n_queued,
				       now_ns);
	while (next_due_ns(load) <= now_ns)
		if (!publisher_queue(&load->publisher, 1, now_ns))
			return false;
	return true;
}

static bool handle(struct load *load, const struct epoll_event *event)
{
	if (event->data.ptr) {
		clients_read(&load->clients, event->data.ptr);
		return !load->clients.failed && publish_due(load, load->clients.last_ns);
	}
	if (event->events & EPOLLOUT && !publisher_send(&load->publisher))
		return false;
	return !(event->events & ~(uint32_t)EPOLLOUT) || publisher_receive(&load->publisher);
}

/* One turn; waits until @until_ns at most. */
static bool turn(struct load *load, uint64_t until_ns)
{
	static struct epoll_event ready[READY_MAX];
	uint64_t now_ns = hc_monotonic_ns(), due_ns;
	struct timespec timeout = { 0 };
	int n;

	if (load->publisher.fd >= 0 && (!publish_due(load, now_ns) || !poll_publisher(load)))
		return false;
	due_ns = load->publisher.fd >= 0 ? next_due_ns(load) : UINT64_MAX;
	if (due_ns < until_ns)
		until_ns = due_ns;
	if (until_ns > now_ns) {
		timeout.tv_sec = (time_t)((until_ns - now_ns) / SECOND_NS);
		timeout.tv_nsec = (long)((until_ns - now_ns) % SECOND_NS);
	}
	n = epoll_pwait2(load->clients.epoll_fd, ready, READY_MAX, &timeout, NULL);
	for (int i = 0; i < n; i++)
		if (!handle(load, &ready[i]))
			return false;
	return n >= 0 || errno == EINTR;
}

static bool rest(struct load *load, uint64_t ns)
{
	uint64_t until_ns = hc_monotonic_ns() + ns;

	while (hc_monotonic_ns() < until_ns)
		if (!turn(load, until_ns))
			return false;
	return true;
}

/* Until all clients have all events and all are acknowledged. */
static bool deliver_all(struct load *load)
{
	uint64_t n_before = load->clients.n_received, since_ns = hc_monotonic_ns();

	while (load->clients.n_left || load->publisher.n_queued != load->due_end ||
	       !publisher_is_done(&load->publisher)) {
		uint64_t now_ns = hc_monotonic_ns();

		if (!turn(load, now_ns + SECOND_NS))
			return false;
		if (n_before != load->clients.n_received) {
			n_before = load->clients.n_received;
			since_ns = now_ns;
		} else if (now_ns > since_ns + PATIENCE_NS) {
			fprintf(stderr, "load: %llu deliveries are missing, none came for %d s\n",
				(unsigned long long)load->clients.n_left,
				(int)(PATIENCE_NS / SECOND_NS));
			return false;
		}
	}
	return true;
}

/* ---- preparing ---------------------------------------------------------------------------- */

/* A filter of its own: another set of types for each of 1,023 clients. "common" is one of those
 * with half of the types, so that both want the same share on average. */
static uint32_t filter_of(const struct options *options, size_t client)
{
	if (!strcmp(options->filter, "own"))
		return (uint32_t)(client % ((1u << EVENT_TYPES) - 1)) + 1;
	return !strcmp(options->filter, "common") ? 0x155 : EVENT_EVERY;
}

static bool connect_clients(struct load *load, size_t from, size_t to, int rcvbuf)
{
	struct clients *clients = &load->clients;
	uint64_t deadline_ns = hc_monotonic_ns() + PATIENCE_NS;
	size_t next = from, n_before = clients->n_ready;

	while (clients->n_ready - n_before < to - from) {
		while (next < to && next - from - (clients->n_ready - n_before) < CONNECTING_MAX) {
			if (!clients_connect(clients, &clients->list[next],
					     filter_of(load->options, next), rcvbuf))
				return false;
			next++;
		}
		if (!turn(load, hc_monotonic_ns() + SECOND_NS) || clients->failed)
			return false;
		if (hc_monotonic_ns() > deadline_ns) {
			fprintf(stderr, "load: only %zu of %zu clients are connected\n",
				clients->n_ready, to);
			return false;
		}
	}
	return true;
}

static bool open_publisher(struct load *load)
{
	struct epoll_event event = { .events = EPOLLIN };

	if (publisher_open(&load->publisher, &load->events, load->options->publish) < 0)
		return false;
	return !epoll_ctl(load->clients.epoll_fd, EPOLL_CTL_ADD, load->publisher.fd, &event);
}

/* @n_clients: places, which need not be connected at once */
static bool prepare(struct load *load, size_t n_clients, size_t n_events, size_t unit_events)
{
	const struct options *options = load->options;
	bool is_filtered = strcmp(options->filter, "none") != 0;

	load->publisher.fd = -1;
	if (events_init(&load->events, options->dialect, n_events, is_filtered ? EVENT_TYPES : 1,
			unit_events, options->target) < 0 ||
	    clients_init(&load->clients, &load->events, n_clients) < 0) {
		fprintf(stderr, "load: out of memory\n");
		return false;
	}
	load->clients.path = options->path;
	load->clients.port = options->port;
	load->clients.nats = options->dialect == DIALECT_NATS;
	load->clients.subscribes = is_filtered;
	return true;
}

/* Units from the next one on, @n of them, at a rate; 0: at once. */
static void make_due(struct load *load, size_t n, double rate)
{
	load->due_first = load->publisher.n_queued;
	load->due_end = load->due_first + n;
	load->start_ns = hc_monotonic_ns();
	load->interval_ns = rate > 0 ? (double)SECOND_NS / rate : 0;
}

/* ---- burst, paced ------------------------------------------------------------------------- */

static uint64_t own_cpu_ns(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (uint64_t)now.tv_sec * SECOND_NS + (uint64_t)now.tv_nsec;
}

static void print_result(const struct load *load, uint64_t server_ns, uint64_t load_ns)
{
	const struct clients *clients = &load->clients;
	double n = (double)clients->n_received;
	double seconds = (double)(clients->last_ns - load->start_ns) / 1e9;

	printf("{\"clients\":%zu,\"events\":%zu,\"deliveries\":%.0f,\"text_bytes\":%.1f,"
	       "\"seconds\":%.4f,\"deliveries_per_second\":%.0f,\"cpu_us\":%.4f,"
	       "\"load_cpu_us\":%.4f,\"reads_per_delivery\":%.4f,\"p50_ms\":%.3f,\"p99_ms\":%.3f,"
	       "\"max_ms\":%.3f}\n",
	       clients->n, load->events.n, n, (double)clients->bytes / n, seconds, n / seconds,
	       (double)server_ns / 1e3 / n, (double)load_ns / 1e3 / n, (double)clients->n_reads / n,
	       latency_percentile_ms(&clients->latency, 0.5),
	       latency_percentile_ms(&clients->latency, 0.99),
	       (double)clients->latency.max_ns / 1e6);
}

static bool measure(struct load *load, size_t unit_events, double rate)
{
	const struct options *options = load->options;
	uint64_t server_ns, load_ns;

	if (!prepare(load, options->n_clients, options->n_events, unit_events) ||
	    !connect_clients(load, 0, options->n_clients, 0) || !open_publisher(load) ||
	    !rest(load, SETTLE_NS))
		return false;
	clients_expect(&load->clients, 0, load->events.n);
	load->clients.n_reads = 0;
	server_ns = account_cpu_ns(&options->server);
	load_ns = own_cpu_ns();
	make_due(load, load->events.n_units, rate);
	if (!deliver_all(load))
		return false;
	load_ns = own_cpu_ns() - load_ns;
	/* What the server still does for these events belongs to them. */
	if (!rest(load, SETTLE_NS))
		return false;
	print_result(load, account_cpu_ns(&options->server) - server_ns, load_ns);
	return true;
}

static bool measure_burst(struct load *load)
{
	return measure(load, 256, 0);
}

static bool measure_paced(struct load *load)
{
	return measure(load, 1, load->options->rate);
}

/* ---- stalled ------------------------------------------------------------------------------ */

/* Publishes until the hub has closed the stalled ones, who cannot be told: it has fewer sockets. */
static bool wait_for_closes(struct load *load, unsigned int fds_without, uint64_t *ret_rss_kib,
			    uint64_t *ret_tcp_kib, double *ret_seconds)
{
	const struct account *server = &load->options->server;
	uint64_t began_ns = hc_monotonic_ns(), now_ns = began_ns;

	*ret_seconds = -1;
	while (now_ns < began_ns + STALLED_NS) {
		uint64_t rss_kib = account_rss_kib(server), tcp_kib = account_tcp_kib();

		if (rss_kib > *ret_rss_kib)
			*ret_rss_kib = rss_kib;
		if (tcp_kib > *ret_tcp_kib)
			*ret_tcp_kib = tcp_kib;
		if (account_fds(server) <= fds_without) {
			*ret_seconds = (double)(now_ns - began_ns) / 1e9;
			return true;
		}
		if (!rest(load, 250 * MS_NS))
			return false;
		now_ns = hc_monotonic_ns();
	}
	return true;
}

static void count_latencies_from_here(struct load *load)
{
	load->clients.from = load->publisher.n_queued;
	memset(&load->clients.latency, 0, sizeof(load->clients.latency));
}

static bool join_stalled(struct load *load, size_t n_healthy)
{
	struct clients *clients = &load->clients;

	if (!connect_clients(load, n_healthy, clients->n, STALLED_RCVBUF))
		return false;
	for (size_t i = n_healthy; i < clients->n; i++)
		clients_stall(clients, &clients->list[i]);
	return rest(load, REST_NS);
}

static bool deliver(struct load *load, size_t n, double rate)
{
	size_t from = load->publisher.n_queued;

	clients_expect(&load->clients, from, from + n);
	make_due(load, n, rate);
	return deliver_all(load);
}

static bool measure_stalled(struct load *load)
{
	const struct options *options = load->options;
	size_t n_healthy = options->n_clients, n_alone = (size_t)(options->rate * options->seconds);
	size_t n_after = (size_t)(options->rate * (double)(STALLED_NS / SECOND_NS + 1));
	double p99_alone, p50_alone, closed_seconds;
	uint64_t rss_kib, tcp_kib, rss_max_kib = 0, tcp_max_kib = 0;
	unsigned int fds;
	bool done;

	/* A burst of the healthy ones alone comes first: what it leaves in the ring is the hub's
	 * own memory, and must not count as the stalled clients'. */
	if (!prepare(load, 2 * n_healthy, 2 * STALLED_BURST + n_alone + n_after, 1) ||
	    !connect_clients(load, 0, n_healthy, 0) || !open_publisher(load) ||
	    !deliver(load, STALLED_BURST, 0) || !rest(load, REST_NS))
		return false;
	count_latencies_from_here(load);
	if (!deliver(load, n_alone, options->rate))
		return false;
	p50_alone = latency_percentile_ms(&load->clients.latency, 0.5);
	p99_alone = latency_percentile_ms(&load->clients.latency, 0.99);
	fds = account_fds(&options->server);
	if (!join_stalled(load, n_healthy))
		return false;
	rss_kib = account_rss_kib(&options->server);
	tcp_kib = account_tcp_kib();
	if (!deliver(load, STALLED_BURST, 0))
		return false;
	count_latencies_from_here(load);
	clients_expect(&load->clients, load->publisher.n_queued,
		       load->publisher.n_queued + n_after);
	make_due(load, n_after, options->rate);
	done = wait_for_closes(load, fds, &rss_max_kib, &tcp_max_kib, &closed_seconds);
	if (!done)
		return false;
	printf("{\"healthy\":%zu,\"stalled\":%zu,\"p50_alone_ms\":%.3f,\"p99_alone_ms\":%.3f,"
	       "\"p50_ms\":%.3f,\"p99_ms\":%.3f,\"rss_kib_each\":%.2f,\"tcp_kib_each\":%.2f,"
	       "\"closed_seconds\":%.2f}\n",
	       n_healthy, n_healthy, p50_alone, p99_alone,
	       latency_percentile_ms(&load->clients.latency, 0.5),
	       latency_percentile_ms(&load->clients.latency, 0.99),
	       ((double)rss_max_kib - (double)rss_kib) / (double)n_healthy,
	       ((double)tcp_max_kib - (double)tcp_kib) / (double)n_healthy, closed_seconds);
	return true;
}

/* ---- idle --------------------------------------------------------------------------------- */

static bool connect_idle(struct load *load, size_t from, size_t to)
{
	bool connected = load->options->tls
				 ? tls_connect(load->options->port, load->options->path, to - from)
				 : connect_clients(load, from, to, 0);

	return connected && rest(load, REST_NS);
}

static bool measure_idle(struct load *load)
{
	size_t n = load->options->n_clients;
	struct account_memory before, after;

	if (!prepare(load, WARM_CLIENTS + n, 1, 1) || !connect_idle(load, 0, WARM_CLIENTS))
		return false;
	before = account_memory(&load->options->server);
	if (!connect_idle(load, WARM_CLIENTS, WARM_CLIENTS + n))
		return false;
	after = account_memory(&load->options->server);
	printf("{\"clients\":%zu,\"rss_kib\":%llu,\"rss_kib_each\":%.3f,\"pss_kib_each\":%.3f}\n",
	       n, (unsigned long long)after.rss_kib,
	       ((double)after.rss_kib - (double)before.rss_kib) / (double)n,
	       ((double)after.pss_kib - (double)before.pss_kib) / (double)n);
	return true;
}

/* ---- acknowledged ------------------------------------------------------------------------- */

static bool measure_acknowledged(struct load *load)
{
	const struct options *options = load->options;
	const struct publishers_options wanted = {
		.address = options->publish,
		.n = options->n_clients,
		.seconds = options->seconds,
		.rate = options->rate,
		.server = &options->server,
	};

	load->publisher.fd = -1;
	return publishers_measure(&wanted);
}

/* ---- return ------------------------------------------------------------------------------- */

/* Publishes everything to nobody; sets the path that asks for it, and gives the word. */
static bool publish_and_wait(struct load *load, char *path, size_t size)
{
	char position[HC_POSITION_MAX];
	char go;

	if (!open_publisher(load))
		return false;
	(void)hc_position_format(position, load->publisher.epoch, load->publisher.sequence);
	(void)snprintf(path, size, "%s?since=%s", load->options->path, position);
	load->clients.path = path;
	make_due(load, load->events.n_units, 0);
	if (!deliver_all(load))
		return false;
	printf("published\n");
	return !fflush(stdout) && read(STDIN_FILENO, &go, 1) == 1;
}

static bool measure_return(struct load *load)
{
	const struct options *options = load->options;
	uint64_t rss_kib, rss_max_kib, began_ns, since_ns, n_before = 0;
	char path[256];

	if (!prepare(load, options->n_clients, options->n_events, 256) ||
	    !publish_and_wait(load, path, sizeof(path)))
		return false;
	rss_kib = rss_max_kib = account_rss_kib(&options->server);
	began_ns = since_ns = hc_monotonic_ns();
	load->clients.leave = true;
	load->clients.n_left = options->n_clients * load->events.n;
	if (!connect_clients(load, 0, options->n_clients, 0))
		return false;
	while (load->clients.n_left) {
		uint64_t now_kib = account_rss_kib(&options->server);

		if (now_kib > rss_max_kib)
			rss_max_kib = now_kib;
		if (!rest(load, SAMPLE_NS) || load->clients.failed)
			return false;
		if (n_before != load->clients.n_received)
			since_ns = hc_monotonic_ns();
		n_before = load->clients.n_received;
		if (hc_monotonic_ns() > since_ns + PATIENCE_NS) {
			fprintf(stderr, "load: the returning clients get nothing any more\n");
			return false;
		}
	}
	printf("{\"clients\":%zu,\"behind\":%zu,\"seconds\":%.3f,\"rss_kib\":%.0f,"
	       "\"deliveries_per_second\":%.0f}\n",
	       options->n_clients, load->events.n, (double)(load->clients.last_ns - began_ns) / 1e9,
	       (double)rss_max_kib - (double)rss_kib,
	       (double)load->clients.n_received * 1e9 / (double)(load->clients.last_ns - began_ns));
	return true;
}

/* ---- options ------------------------------------------------------------------------------ */

static const struct option long_options[] = {
	{ "mode", required_argument, NULL, 'm' },    { "publish", required_argument, NULL, 'p' },
	{ "dialect", required_argument, NULL, 'd' }, { "target", required_argument, NULL, 't' },
	{ "port", required_argument, NULL, 'P' },    { "path", required_argument, NULL, 'u' },
	{ "clients", required_argument, NULL, 'c' }, { "events", required_argument, NULL, 'e' },
	{ "rate", required_argument, NULL, 'r' },    { "seconds", required_argument, NULL, 's' },
	{ "filter", required_argument, NULL, 'f' },  { "pid", required_argument, NULL, 'i' },
	{ "tls", no_argument, NULL, 'T' },	     { NULL, 0, NULL, 0 },
};

static const char *const dialect_names[] = {
	[DIALECT_HOSTCAST] = "hostcast",
	[DIALECT_LINES] = "lines",
	[DIALECT_NATS] = "nats",
	[DIALECT_HTTP] = "http",
};

static bool read_dialect(enum dialect *ret, const char *name)
{
	for (size_t i = 0; i < HC_ARRAY_LEN(dialect_names); i++) {
		if (!strcmp(name, dialect_names[i])) {
			*ret = (enum dialect)i;
			return true;
		}
	}
	return false;
}

static bool read_option(struct options *options, int option, const char *value)
{
	switch (option) {
	case 'm':
		options->mode = value;
		return true;
	case 'p':
		options->publish = value;
		return true;
	case 'd':
		return read_dialect(&options->dialect, value);
	case 't':
		options->target = value;
		return true;
	case 'P':
		options->port = (uint16_t)atoi(value);
		return options->port;
	case 'u':
		options->path = value;
		return true;
	case 'c':
		options->n_clients = strtoul(value, NULL, 10);
		return options->n_clients;
	case 'e':
		options->n_events = strtoul(value, NULL, 10);
		return options->n_events;
	case 'r':
		options->rate = strtod(value, NULL);
		return options->rate >= 0;
	case 's':
		options->seconds = strtod(value, NULL);
		return options->seconds > 0;
	case 'f':
		options->filter = value;
		return !strcmp(value, "none") || !strcmp(value, "common") || !strcmp(value, "own");
	case 'i':
		if (options->server.n == ACCOUNT_PIDS_MAX)
			return false;
		options->server.pids[options->server.n++] = atoi(value);
		return true;
	case 'T':
		options->tls = true;
		return true;
	default:
		return false;
	}
}

static const struct {
	const char *name;
	bool (*run)(struct load *load);
} modes[] = {
	{ "burst", measure_burst },
	{ "paced", measure_paced },
	{ "stalled", measure_stalled },
	{ "idle", measure_idle },
	{ "acknowledged", measure_acknowledged },
	{ "return", measure_return },
};

/* As many descriptors as we may have: each client is one. */
static void raise_fd_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit))
		return;
	limit.rlim_cur = limit.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &limit); /* else connecting tells */
}

int main(int argc, char **argv)
{
	struct options options = { .mode = "burst",
				   .path = "/",
				   .target = "bench",
				   .filter = "none",
				   .n_clients = 1,
				   .n_events = 1,
				   .rate = 100,
				   .seconds = 1 };
	struct load load = { .options = &options };
	int option;

	while ((option = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
		if (!read_option(&options, option, optarg)) {
			fprintf(stderr, "load: bad option\n");
			return 2;
		}
	}
	raise_fd_limit();
	(void)prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL); /* so that pacing is exact */
	for (size_t i = 0; i < HC_ARRAY_LEN(modes); i++) {
		if (strcmp(options.mode, modes[i].name) != 0)
			continue;
		bool done = modes[i].run(&load);

		publisher_close(&load.publisher);
		clients_deinit(&load.clients);
		events_deinit(&load.events);
		return done && !load.clients.failed ? 0 : 1;
	}
	fprintf(stderr, "load: there is no mode %s\n", options.mode);
	return 2;
}
