/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include "conf/revision.h"
#include "proto/buffer.h"
#include "proto/fault.h"
#include "proto/log.h"
#include "ws/admission.h"
#include "ws/hub.h"
#include "ws/protocol.h"
#include "ws/reload.h"
#include "ws/tls.h"

/* Of the configuration file, what this program reads. */
static const char *const sections[] = { "hostcast", "hub",    "tls",	  "log", "clients",
					"auth",	    "health", "endpoint", NULL };

/* Whatever can fail, in an order that can be undone. */
static int prepare(struct hc_hub *hub, const struct hc_conf *conf, struct hc_tls **ret_tls,
		   struct hc_fault *fault)
{
	HC_CLEANUP(hc_tls_freep) struct hc_tls *tls = NULL;
	int r = 0;

	if (hub->conf->tls.listen[0]) /* as it is, not as it will be after a restart */
		r = hc_tls_new(&tls, conf->tls.certificate, conf->tls.key, fault);
	if (!r)
		r = hc_admission_configure(hub->admission, conf);
	if (r < 0)
		return r;
	r = hc_auth_reload(hub->auth, conf, fault);
	if (r < 0) {
		(void)hc_admission_configure(hub->admission, hub->conf);
		return r;
	}
	*ret_tls = hc_take(tls);
	return 0;
}

int hc_reload(struct hc_hub *hub, struct hc_protocol *protocol, struct hc_conf **conf,
	      const char *path, struct hc_buffer *ret, struct hc_fault *fault)
{
	HC_CLEANUP(hc_conf_freep) struct hc_conf *revised = NULL;
	struct hc_conf *before = *conf;
	struct hc_tls *tls = NULL;
	int r = hc_conf_load(&revised, path, fault);

	if (!r)
		r = prepare(hub, revised, &tls, fault);
	if (r < 0) {
		if (!fault->message[0])
			hc_fault_set(fault, HC_FAULT_INTERNAL, "%s", strerror(-r));
		return r;
	}
	hc_conf_keep(revised, before, sections, ret);
	*conf = hc_take(revised);
	hub->conf = *conf;
	hc_protocol_reconfigure(protocol, tls);
	hc_log_init("hostcast-ws", (enum hc_log_level)hub->conf->hostcast.log_level);
	(void)hc_conf_free(before);
	return 0;
}
