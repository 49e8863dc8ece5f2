/* SPDX-License-Identifier: MIT */
/*
 * hostcast-bpf: tells the hub what is mounted and unmounted on this host. See hostcast-bpf(8).
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <systemd/sd-daemon.h>
#include <uv.h>

#include "bpf/privilege.h"
#include "bpf/watch.h"
#include "conf/arguments.h"
#include "conf/conf.h"
#include "proto/fault.h"
#include "proto/log.h"

#define PROGRAM "hostcast-bpf"

#define DELIVER_MS	300 /* after SIGTERM, for what the hub has not acknowledged yet */
#define DELIVER_STEP_MS 10

struct program {
	uv_loop_t loop;
	uv_signal_t sigterm, sigint, sighup;
	uv_timer_t watchdog; /* of systemd */
	uv_timer_t deliver;
	unsigned int deliver_left_ms;
	struct hc_conf *conf;
	struct hc_watch *watch;
};

/* ---- leaving -------------------------------------------------------------------------------- */

static void close_handles(struct program *program)
{
	hc_watch_close(program->watch);
	uv_close((uv_handle_t *)&program->sigterm, NULL);
	uv_close((uv_handle_t *)&program->sigint, NULL);
	uv_close((uv_handle_t *)&program->sighup, NULL);
	uv_close((uv_handle_t *)&program->watchdog, NULL);
	uv_close((uv_handle_t *)&program->deliver, NULL);
	uv_stop(&program->loop);
}

static void deliver_fired(uv_timer_t *timer)
{
	struct program *program = hc_container_of(timer, struct program, deliver);

	program->deliver_left_ms -= DELIVER_STEP_MS;
	if (hc_watch_delivered(program->watch) || !program->deliver_left_ms)
		close_handles(program);
}

static void leave(uv_signal_t *handle, int number)
{
	struct program *program = handle->data;

	if (program->deliver_left_ms)
		return; /* on our way already */
	hc_notice("stopping on signal %d", number);
	(void)sd_notify(0, "STOPPING=1");
	hc_watch_stop(program->watch);
	program->deliver_left_ms = DELIVER_MS;
	if (hc_watch_delivered(program->watch))
		close_handles(program);
	else
		(void)uv_timer_start(&program->deliver, deliver_fired, DELIVER_STEP_MS,
				     DELIVER_STEP_MS); /* fails only when closing */
}

static void reconcile(uv_signal_t *handle, int number)
{
	struct program *program = handle->data;

	(void)number;
	if (!program->deliver_left_ms)
		hc_watch_reconcile(program->watch);
}

/* ---- running -------------------------------------------------------------------------------- */

static void watchdog_fired(uv_timer_t *timer)
{
	(void)timer;
	(void)sd_notify(0, "WATCHDOG=1");
}

static int init_signal(struct program *program, uv_signal_t *handle, uv_signal_cb fn, int number)
{
	int r = uv_signal_init(&program->loop, handle);

	handle->data = program;
	return r ? r : uv_signal_start(handle, fn, number);
}

static int init_handles(struct program *program)
{
	uint64_t watchdog_us = 0;
	int r;

	(void)uv_timer_init(&program->loop, &program->deliver); /* timers cannot fail */
	(void)uv_timer_init(&program->loop, &program->watchdog);
	if (sd_watchdog_enabled(0, &watchdog_us) > 0)
		(void)uv_timer_start(&program->watchdog, watchdog_fired, 0, watchdog_us / 3000 + 1);
	r = init_signal(program, &program->sigterm, leave, SIGTERM);
	if (!r)
		r = init_signal(program, &program->sigint, leave, SIGINT);
	return r ? r : init_signal(program, &program->sighup, reconcile, SIGHUP);
}

static int set_up(struct program *program)
{
	char text[128];
	int r;

	r = uv_loop_init(&program->loop);
	if (!r)
		r = init_handles(program);
	if (r) {
		hc_err("the event loop cannot be set up: %s", uv_strerror(r));
		return r;
	}
	r = hc_watch_new(&program->watch, &program->loop, program->conf);
	if (r)
		return r;
	r = hc_privilege_drop(hc_watch_needs_admin(program->watch));
	if (r)
		hc_warn("privileges cannot be dropped (%s), going on with them", strerror(-r));
	r = hc_watch_start(program->watch);
	if (r)
		return r;
	hc_watch_describe(program->watch, text, sizeof(text));
	hc_notice("watching the mounts of \"%s\": %s", program->conf->mounts.mount_namespace, text);
	(void)sd_notify(0, "READY=1");
	return 0;
}

static int run(struct program *program)
{
	bool is_busy;

	(void)uv_run(&program->loop, UV_RUN_DEFAULT); /* until close_handles() */
	is_busy = hc_watch_busy(program->watch);
	if (is_busy) {
		/* A dying disk holds a worker, and libuv would wait for it. */
		hc_warn("a device still does not answer, leaving without waiting for it");
		_exit(EXIT_SUCCESS);
	}
	(void)uv_run(&program->loop, UV_RUN_DEFAULT); /* the callbacks of closing */
	program->watch = hc_watch_free(program->watch);
	(void)uv_loop_close(&program->loop); /* nothing is open any more */
	return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
	HC_CLEANUP(hc_conf_freep) struct hc_conf *conf = NULL;
	struct hc_fault fault = HC_FAULT_NULL;
	struct program program = { 0 };
	struct hc_arguments arguments;
	int status = hc_arguments_read(&arguments, PROGRAM,
				       "Tells the hub of hostcast what is mounted and unmounted.",
				       argc, argv);

	if (status >= 0)
		return status;
	hc_log_init(PROGRAM, HC_LOG_NOTICE);
	if (hc_conf_load(&conf, arguments.config, &fault)) {
		hc_err("%s", fault.message);
		return HC_EXIT_USAGE;
	}
	if (arguments.check)
		return hc_arguments_checked(&arguments);
	hc_log_init(PROGRAM, (enum hc_log_level)conf->hostcast.log_level);
	if (signal(SIGPIPE, SIG_IGN) == SIG_ERR)
		hc_warn("SIGPIPE cannot be ignored: %s", strerror(errno));
	(void)signal(SIGXFSZ, SIG_IGN); /* a file that may not grow is an error like others */
	program.conf = conf;
	/* After a failure the process ends, and what was set up with it. */
	if (set_up(&program))
		return EXIT_FAILURE;
	return run(&program);
}
