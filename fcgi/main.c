/* SPDX-License-Identifier: MIT */
/*
 * hostcast-fcgi: the REST program, run by a web server through FastCGI. See hostcast-fcgi(8).
 *
 * One request at a time: mod_fcgid gives a process no more, and starts more processes instead.
 * Signals come through a descriptor beside the listening socket, so that a request in progress is
 * finished and none is lost between a look at a flag and accept(2).
 *
 * A configuration that cannot be read does not end the program, which the web server would only
 * start again, forever: it answers every request with what is wrong instead.
 */
#include <errno.h>
#include <fcgiapp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <sys/socket.h>

#include "conf/arguments.h"
#include "conf/conf.h"
#include "fcgi/dispatch.h"
#include "fcgi/problem.h"
#include "fcgi/request.h"
#include "proto/log.h"

#define PROGRAM		      "hostcast-fcgi"
#define LISTEN_FD	      0	    /* FCGI_LISTENSOCK_FILENO */
#define BODY_MAX_WITHOUT_CONF 65536 /* bytes; the body is not looked at then */

struct service {
	struct hc_conf *conf; /* NULL: not valid, conf_fault says why */
	struct hc_fault conf_fault;
	struct hc_hub_client *hub;
	struct hc_request request;
	struct hc_response response;
	int signal_fd;
};

static bool is_listening(int fd)
{
	socklen_t len = sizeof(int);
	int listening = 0;

	return !getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &len) && listening;
}

static int open_signals(void)
{
	sigset_t mask;
	int fd;

	sigemptyset(&mask);
	sigaddset(&mask, SIGTERM);
	sigaddset(&mask, SIGUSR1);
	sigaddset(&mask, SIGHUP);
	sigaddset(&mask, SIGINT);
	if (sigprocmask(SIG_BLOCK, &mask, NULL) < 0 || signal(SIGPIPE, SIG_IGN) == SIG_ERR)
		return -errno;
	fd = signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK);
	return fd < 0 ? -errno : fd;
}

/* ---- the service -------------------------------------------------------------------------- */

static int set_up_conf(struct service *service, const char *path)
{
	const char *socket_path = getenv("HOSTCAST_SOCKET");
	int r = hc_conf_load(&service->conf, path, &service->conf_fault);

	if (r < 0) {
		hc_err("%s; answering every request with 500", service->conf_fault.message);
		return 0;
	}
	hc_log_init(PROGRAM, (enum hc_log_level)service->conf->hostcast.log_level);
	if (!socket_path || !*socket_path)
		socket_path = service->conf->hostcast.socket;
	return hc_hub_client_new(&service->hub, socket_path, (int)service->conf->rest.timeout_ms);
}

static void tear_down(struct service *service)
{
	hc_hub_client_free(service->hub);
	hc_conf_free(service->conf);
	hc_request_deinit(&service->request);
	hc_response_deinit(&service->response);
	hc_closep(&service->signal_fd);
}

static void serve_one(struct service *service, FCGX_Request *fcgx)
{
	struct hc_exchange exchange = {
		.request = &service->request,
		.hub = service->hub,
		.response = &service->response,
	};

	hc_request_read(&service->request, fcgx,
			service->conf ? service->conf->rest.body_max_bytes : BODY_MAX_WITHOUT_CONF);
	hc_response_reset(&service->response);
	if (service->conf)
		hc_rest_dispatch(&exchange);
	else
		hc_problem_set(&service->response, HC_PROBLEM_CONFIGURATION, "",
			       "the configuration file has a mistake; the server's log says where");
	hc_request_answer(&service->request, fcgx, &service->response);
}

static int serve(struct service *service)
{
	struct pollfd fds[] = { { .fd = LISTEN_FD, .events = POLLIN },
				{ .fd = service->signal_fd, .events = POLLIN } };
	FCGX_Request fcgx;

	if (FCGX_Init() || FCGX_InitRequest(&fcgx, LISTEN_FD, 0)) {
		hc_err("FastCGI cannot be initialised; exiting");
		return -EIO;
	}
	for (;;) {
		FCGX_Finish_r(&fcgx); /* before poll(2): it is what sends the previous answer */
		if (poll(fds, HC_ARRAY_LEN(fds), -1) < 0) {
			if (errno == EINTR)
				continue;
			return -errno;
		}
		if (fds[1].revents)
			break;
		if (FCGX_Accept_r(&fcgx) < 0)
			break;
		serve_one(service, &fcgx);
	}
	FCGX_Free(&fcgx, 1);
	return 0;
}

static int run(const char *config)
{
	struct service service = {
		.request = HC_REQUEST_NULL,
		.response = HC_RESPONSE_NULL,
		.signal_fd = open_signals(),
	};
	int r = service.signal_fd < 0 ? service.signal_fd : set_up_conf(&service, config);

	if (!r)
		r = serve(&service);
	tear_down(&service);
	if (r < 0)
		hc_err("%s; exiting", strerror(-r));
	return r;
}

static int check(const struct hc_arguments *arguments)
{
	HC_CLEANUP(hc_conf_freep) struct hc_conf *conf = NULL;
	struct hc_fault fault = HC_FAULT_NULL;

	if (!hc_conf_load(&conf, arguments->config, &fault))
		return hc_arguments_checked(arguments);
	hc_err("%s", fault.message);
	return HC_EXIT_USAGE;
}

int main(int argc, char **argv)
{
	struct hc_arguments arguments;
	int status = hc_arguments_read(&arguments, PROGRAM,
				       "The REST interface of hostcast; started by a web server.",
				       argc, argv);

	if (status >= 0)
		return status;
	hc_log_init(PROGRAM, HC_LOG_NOTICE);
	if (arguments.check)
		return check(&arguments);
	if (!is_listening(LISTEN_FD)) {
		fprintf(stderr, PROGRAM ": standard input is not a FastCGI socket: a web server "
					"starts this program, see " PROGRAM "(8)\n");
		return HC_EXIT_USAGE;
	}
	return run(arguments.config) < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
