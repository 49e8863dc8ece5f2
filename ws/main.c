/* SPDX-License-Identifier: MIT */
/* hostcast-ws: the hub. Arguments, configuration, listeners, the loop, and the way out. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <systemd/sd-daemon.h>

#include "conf/arguments.h"
#include "proto/buffer.h"
#include "proto/clock.h"
#include "proto/fault.h"
#include "proto/log.h"
#include "ws/check.h"
#include "ws/hub.h"
#include "ws/reload.h"
#include "ws/rpc/inherited.h"
#include "ws/rpc/listener.h"
#include "ws/sessions/admission.h"
#include "ws/sessions/drain.h"
#include "ws/sessions/session.h"
#include "ws/wire/protocol.h"
#include "ws/wire/reserve.h"

/* ---- while it runs ------------------------------------------------------------------------ */

struct server {
	uv_loop_t loop;
	struct hc_conf *conf;
	const char *config; /* its file, or NULL */
	struct hc_hub *hub;
	struct hc_protocol *protocol;
	struct hc_listener *tcp;
	struct hc_listener *tls;
	struct hc_listener *web;
	uv_signal_t terminated;
	uv_signal_t interrupted;
	uv_signal_t hung_up;
	uv_timer_t watchdog;
	uv_work_t first_work;
	unsigned int n_signals; /* to stop */
};

static void on_client(void *context, int fd)
{
	struct server *server = context;

	hc_protocol_adopt(server->protocol, fd, false);
}

static void on_tls_client(void *context, int fd)
{
	struct server *server = context;

	hc_protocol_adopt(server->protocol, fd, true);
}

static uint64_t on_gate(void *context)
{
	struct server *server = context;

	return hc_admission_wait_ms(server->hub->admission, uv_now(&server->loop));
}

static void on_signal(uv_signal_t *signal, int number)
{
	struct server *server = signal->data;

	(void)number;
	server->n_signals++;
	uv_stop(signal->loop);
}

static void reload(struct server *server)
{
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer unchanged = HC_BUFFER_NULL;
	struct hc_fault fault = HC_FAULT_NULL;

	if (hc_reload(server->hub, server->protocol, &server->conf, server->config, &unchanged,
		      &fault) < 0)
		hc_err("not reloaded, everything stays as it is: %s", fault.message);
	else if (unchanged.len && !unchanged.failed)
		hc_notice("reloaded; only a restart changes %.*s", (int)unchanged.len,
			  unchanged.data);
	else
		hc_notice("reloaded");
}

static void on_hangup(uv_signal_t *signal, int number)
{
	const struct server *server = signal->data;

	(void)number;
	if (server->n_signals)
		return; /* it stops already */
	(void)sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%llu",
			 (unsigned long long)(hc_monotonic_ns() / 1000));
	reload(signal->data);
	(void)sd_notify(0, "READY=1");
}

static void on_watchdog(uv_timer_t *timer)
{
	(void)timer;
	(void)sd_notify(0, "WATCHDOG=1");
}

static void start_watchdog(struct server *server)
{
	uint64_t usec = 0;

	(void)uv_timer_init(&server->loop, &server->watchdog);
	uv_unref((uv_handle_t *)&server->watchdog);
	if (sd_watchdog_enabled(0, &usec) > 0)
		(void)uv_timer_start(&server->watchdog, on_watchdog, usec / 2000, usec / 2000);
}

static void do_nothing(uv_work_t *work)
{
	(void)work;
}

/* libuv starts its threads with the first work and aborts if there is no memory for them: that is
 * now, before there are clients to lose. */
static void start_workers(struct server *server)
{
	sigset_t ours, before;

	/* They take no signal: at the end one that finds no handler any more would kill us. */
	(void)sigemptyset(&ours);
	(void)sigaddset(&ours, SIGTERM);
	(void)sigaddset(&ours, SIGINT);
	(void)sigaddset(&ours, SIGHUP);
	(void)pthread_sigmask(SIG_BLOCK, &ours, &before);
	/* It fails without a function to call only. */
	(void)uv_queue_work(&server->loop, &server->first_work, do_nothing, NULL);
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
}

static int start_listeners(struct server *server, const struct hc_conf *conf,
			   struct hc_inherited *inherited, struct hc_fault *fault)
{
	struct hc_listener_options options = {
		.loop = &server->loop,
		.inherited = inherited,
		.fn = on_client,
		.gate = on_gate,
		.context = server,
	};
	int r = 0;

	if (conf->hub.listen[0])
		r = hc_listener_tcp(&server->tcp, &options, conf->hub.listen, conf->hub.port,
				    fault);
	if (!r && conf->hub.web_socket[0])
		r = hc_listener_unix(&server->web, &options, conf->hub.web_socket, fault);
	options.fn = on_tls_client;
	if (!r && conf->tls.listen[0])
		r = hc_listener_tcp(&server->tls, &options, conf->tls.listen, conf->tls.port,
				    fault);
	return r ? r : hc_inherited_check(inherited, fault);
}

static int inherit(struct hc_inherited **ret, struct hc_fault *fault)
{
	int n = sd_listen_fds(1);

	if (n < 0) {
		hc_fault_set(fault, HC_FAULT_INVALID_PARAMS, "LISTEN_FDS cannot be understood: %s",
			     strerror(-n));
		return n;
	}
	return hc_inherited_new(ret, SD_LISTEN_FDS_START, (size_t)n, fault);
}

static int start(struct server *server, const struct hc_conf *conf, struct hc_fault *fault)
{
	HC_CLEANUP(hc_inherited_freep) struct hc_inherited *inherited = NULL;
	int r = inherit(&inherited, fault);

	if (!r)
		r = hc_hub_new(&server->hub, &server->loop, conf, inherited, fault);
	if (!r)
		r = hc_protocol_new(&server->protocol, server->hub, fault);
	if (!r)
		r = start_listeners(server, conf, inherited, fault);
	return r;
}

static void name_port(char *ret, size_t size, const char *address,
		      const struct hc_listener *listener)
{
	if (listener)
		(void)snprintf(ret, size, "%s port %u", address, hc_listener_port(listener));
	else
		(void)snprintf(ret, size, "no address");
}

static void announce(const struct server *server, const struct hc_conf *conf)
{
	char position[HC_POSITION_MAX], plain[80], tls[80];

	hc_hub_head(server->hub, position);
	name_port(plain, sizeof(plain), conf->hub.listen, server->tcp);
	name_port(tls, sizeof(tls), conf->tls.listen, server->tls);
	hc_notice("ready: position %s, programs at %s, clients at %s, with TLS at %s, and at %s",
		  position, conf->hostcast.socket, plain, tls,
		  server->web ? conf->hub.web_socket : "no socket");
	(void)sd_notify(0, "READY=1");
}

/* ---- the way out -------------------------------------------------------------------------- */

/* Beyond the drain, for the last commits and for closing the log. */
#define STOP_EXTRA_MS 5000

/* A second signal ends the wait, and whatever is not done then. */
static bool is_urgent(const struct server *server)
{
	return server->n_signals > 1;
}

/* What was taken until now, and not what comes meanwhile: publishers may never pause. */
static void commit(struct server *server)
{
	const struct hc_writer *writer = server->hub->writer;
	uint64_t last = hc_writer_done(writer) + hc_writer_waiting(writer);

	while (hc_writer_done(writer) < last && !is_urgent(server))
		(void)uv_run(&server->loop, UV_RUN_ONCE);
}

/* Programs that are connected are served until the clients have gone, and then no more. */
static void drain(struct server *server)
{
	struct hc_hub *hub = server->hub;
	struct hc_drain drain;

	hc_hub_stop_taking(hub);
	commit(server);
	hc_drain_start(&drain, hub, hub->conf->hub.drain_ms);
	while (!hc_drain_is_over(&drain) && !is_urgent(server))
		(void)uv_run(&server->loop, UV_RUN_ONCE);
	hc_hub_stop_listening(hub);
	while (!hc_hub_is_idle(hub) && !is_urgent(server))
		(void)uv_run(&server->loop, UV_RUN_ONCE);
	if (is_urgent(server)) {
		hc_notice("told again to stop: sending %zu clients away at once", hub->sessions->n);
		hc_drain_hurry(&drain);
	}
	hc_drain_stop(&drain);
	(void)uv_run(&server->loop, UV_RUN_NOWAIT); /* the handle lives on this stack */
}

/* A drain may be longer than what the service manager would wait for. */
static void announce_stop(const struct server *server)
{
	uint64_t ms = server->conf->hub.drain_ms + HC_DRAIN_ANSWER_MS + STOP_EXTRA_MS;

	(void)sd_notifyf(0, "STOPPING=1\nEXTEND_TIMEOUT_USEC=%llu", (unsigned long long)ms * 1000);
}

static void stop(struct server *server)
{
	sigset_t all;

	announce_stop(server);
	server->tcp = hc_listener_free(server->tcp);
	server->tls = hc_listener_free(server->tls);
	server->web = hc_listener_free(server->web);
	if (server->protocol)
		drain(server);
	server->protocol = hc_protocol_free(server->protocol);
	server->hub = hc_hub_free(server->hub);
	/* Last, and with none let through: one more signal would kill it while it closes the log.
	 */
	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_BLOCK, &all, NULL);
	uv_close((uv_handle_t *)&server->hung_up, NULL);
	uv_close((uv_handle_t *)&server->terminated, NULL);
	uv_close((uv_handle_t *)&server->interrupted, NULL);
	uv_close((uv_handle_t *)&server->watchdog, NULL);
	while (uv_run(&server->loop, UV_RUN_NOWAIT))
		;
	(void)uv_loop_close(&server->loop);
	hc_reserve_free();
}

static void watch(struct server *server, uv_signal_t *handle, uv_signal_cb action, int number)
{
	(void)uv_signal_init(&server->loop, handle); /* these fail without memory only */
	handle->data = server;
	(void)uv_signal_start(handle, action, number);
	/* It keeps no loop alive: a start that fails runs it until everything else is closed. */
	uv_unref((uv_handle_t *)handle);
}

static int serve(struct server *server)
{
	struct hc_fault fault = HC_FAULT_NULL;
	int r;

	hc_reserve_serve_uv();
	(void)hc_reserve_fill(); /* else nobody is let in */
	r = uv_loop_init(&server->loop);

	if (r < 0) {
		hc_err("cannot start the loop: %s", uv_strerror(r));
		return EXIT_FAILURE;
	}
	watch(server, &server->terminated, on_signal, SIGTERM);
	watch(server, &server->interrupted, on_signal, SIGINT);
	start_watchdog(server);
	start_workers(server);
	r = start(server, server->conf, &fault);
	watch(server, &server->hung_up, on_hangup, SIGHUP);
	if (r < 0) {
		hc_err("%s", fault.message[0] ? fault.message : strerror(-r));
	} else {
		announce(server, server->conf);
		(void)uv_run(&server->loop, UV_RUN_DEFAULT);
		hc_notice("stopping: sending %zu clients away", server->hub->sessions->n);
	}
	stop(server);
	return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

static int check(const struct server *server, const struct hc_arguments *arguments)
{
	struct hc_fault fault = HC_FAULT_NULL;

	if (!hc_check(server->conf, &fault))
		return hc_arguments_checked(arguments);
	hc_err("%s", fault.message);
	return HC_EXIT_USAGE;
}

int main(int argc, char **argv)
{
	struct server server = { 0 };
	struct hc_fault fault = HC_FAULT_NULL;
	struct hc_arguments arguments;
	int status = hc_arguments_read(
		&arguments, "hostcast-ws",
		"The hub of hostcast: logs events and sends them to WebSocket clients.", argc,
		argv);

	if (status >= 0)
		return status;
	hc_log_init("hostcast-ws", HC_LOG_NOTICE);
	server.config = arguments.config;
	if (hc_conf_load(&server.conf, server.config, &fault) < 0) {
		hc_err("%s", fault.message);
		return HC_EXIT_USAGE;
	}
	hc_log_init("hostcast-ws", (enum hc_log_level)server.conf->hostcast.log_level);
	(void)signal(SIGPIPE, SIG_IGN);
	(void)signal(SIGXFSZ, SIG_IGN); /* a file that may not grow is an error like others */
	(void)signal(SIGHUP, SIG_IGN);	/* until there is something to reload */
	status = arguments.check ? check(&server, &arguments) : serve(&server);
	(void)hc_conf_free(server.conf);
	return status;
}
