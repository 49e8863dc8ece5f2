/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include "conf/revision.h"
#include "proto/buffer.h"
#include "proto/fault.h"
#include "proto/log.h"
#include "ws/hub.h"
#include "ws/reload.h"
#include "ws/sessions/admission.h"
#include "ws/sessions/session.h"
#include "ws/wire/protocol.h"
#include "ws/wire/tls.h"

/* Of the configuration file, what this program reads. */
static const char *const sections[] = { "hostcast", "hub",  "tls",    "log",
					"clients",  "auth", "health", NULL };

/* What is made of a configuration before it is taken over. */
struct preparation {
	struct hc_tls *tls;
	struct hc_endpoints *endpoints;
};

/*
 * Whether TLS is served at all, only a restart changes: until then a certificate for it is read to
 * tell what is wrong with it. One that has expired is better than none, but not better than one
 * that has not.
 */
static int prepare_tls(struct hc_tls **ret, const struct hc_tls *before, const struct hc_conf *conf,
		       struct hc_fault *fault)
{
	HC_CLEANUP(hc_tls_freep) struct hc_tls *tls = NULL;
	int r;

	if (!conf->tls.listen[0])
		return 0;
	r = hc_tls_new(&tls, conf->tls.certificate, conf->tls.key, fault);
	if (r < 0)
		return r;
	if (!before)
		return 0;
	if (hc_tls_has_expired(tls) && !hc_tls_has_expired(before)) {
		hc_fault_set(fault, HC_FAULT_INVALID_PARAMS,
			     "[tls] certificate: %s has expired, and the one in use has not",
			     conf->tls.certificate);
		return -EINVAL;
	}
	*ret = hc_take(tls);
	return 0;
}

/* Whatever can fail, in an order that can be undone. */
static int prepare(struct hc_hub *hub, const struct hc_conf *conf, const struct hc_tls *before,
		   struct preparation *ret, struct hc_fault *fault)
{
	HC_CLEANUP(hc_tls_freep) struct hc_tls *tls = NULL;
	HC_CLEANUP(hc_endpoints_unrefp) struct hc_endpoints *endpoints = NULL;
	int r;

	r = hc_endpoints_new(&endpoints, hub->types, &conf->endpoints, hub->conf->hub.prefix);
	if (r < 0)
		return r;
	r = prepare_tls(&tls, before, conf, fault);
	if (!r)
		r = hc_admission_configure(hub->admission, conf);
	if (r < 0)
		return r;
	r = hc_auth_reload(hub->auth, conf, fault);
	if (r < 0) {
		(void)hc_admission_configure(hub->admission, hub->conf);
		return r;
	}
	ret->tls = hc_take(tls);
	ret->endpoints = hc_take(endpoints);
	return 0;
}

/* Clients that may not go on with what their endpoint has become are closed by this. */
static void set_endpoints(struct hc_hub *hub, struct hc_endpoints *endpoints)
{
	hc_endpoints_inherit(endpoints, hub->endpoints);
	hc_sessions_move(hub->sessions, endpoints);
	(void)hc_endpoints_unref(hub->endpoints);
	hub->endpoints = endpoints;
}

int hc_reload(struct hc_hub *hub, struct hc_protocol *protocol, struct hc_conf **conf,
	      const char *path, struct hc_buffer *ret, struct hc_fault *fault)
{
	HC_CLEANUP(hc_conf_freep) struct hc_conf *revised = NULL;
	struct hc_conf *before = *conf;
	struct preparation prepared = { 0 };
	int r = hc_conf_load(&revised, path, fault);

	if (!r)
		r = prepare(hub, revised, hc_protocol_tls(protocol), &prepared, fault);
	if (r < 0) {
		if (!fault->message[0])
			hc_fault_set(fault, HC_FAULT_INTERNAL, "%s", strerror(-r));
		return r;
	}
	hc_conf_keep(revised, before, sections, ret);
	*conf = hc_take(revised);
	hub->conf = *conf;
	hc_protocol_reconfigure(protocol, prepared.tls);
	set_endpoints(hub, prepared.endpoints);
	hc_log_init("hostcast-ws", (enum hc_log_level)hub->conf->hostcast.log_level);
	(void)hc_conf_free(before);
	return 0;
}
