/* SPDX-License-Identifier: MIT */
#include "ws/check.h"
#include "proto/fault.h"
#include "proto/log.h"
#include "proto/types.h"
#include "ws/hub.h"
#include "ws/wire/tls.h"

static int check_endpoints(const struct hc_conf *conf, struct hc_fault *fault)
{
	HC_CLEANUP(hc_types_freep) struct hc_types *types = NULL;
	HC_CLEANUP(hc_endpoints_unrefp) struct hc_endpoints *endpoints = NULL;
	int r = hc_hub_load_types(&types, conf, fault);

	if (!r)
		r = hc_endpoints_new(&endpoints, types, &conf->endpoints, conf->hub.prefix);
	return r;
}

static int check_auth(const struct hc_conf *conf, struct hc_fault *fault)
{
	HC_CLEANUP(hc_auth_freep) struct hc_auth *auth = NULL;

	return hc_auth_new(&auth, conf, fault);
}

static int check_tls(const struct hc_conf *conf, struct hc_fault *fault)
{
	HC_CLEANUP(hc_tls_freep) struct hc_tls *tls = NULL;
	int r;

	if (!conf->tls.listen[0])
		return 0;
	r = hc_tls_new(&tls, conf->tls.certificate, conf->tls.key, fault);
	if (!r && hc_tls_has_expired(tls))
		hc_warn("[tls] certificate: %s has expired: clients will refuse it",
			conf->tls.certificate);
	return r;
}

int hc_check(const struct hc_conf *conf, struct hc_fault *fault)
{
	int r = check_endpoints(conf, fault);

	if (!r)
		r = check_auth(conf, fault);
	if (!r)
		r = check_tls(conf, fault);
	if (r < 0 && !fault->message[0])
		hc_fault_set(fault, HC_FAULT_INTERNAL, "%s", strerror(-r));
	return r;
}
