/* SPDX-License-Identifier: MIT */
/*
 * A reload: the configuration is read anew, checked as a whole with the files it names, and then
 * taken over or refused. Nobody is disconnected by it but who may not stay where an endpoint has
 * become another (entry.h).
 */
#pragma once

#include "conf/conf.h"

struct hc_buffer;
struct hc_fault;
struct hc_hub;
struct hc_protocol;

/**
 * hc_reload() - take another configuration
 * @conf:   the one in use, replaced and freed if the new one is good
 * @path:   of the file, or NULL: the defaults
 * @ret:    appended to: what has changed but needs a restart
 * @fault:  file and line, or what is wrong with a key or a certificate; nothing has changed then
 *
 * Return: 0 or -errno.
 */
int hc_reload(struct hc_hub *hub, struct hc_protocol *protocol, struct hc_conf **conf,
	      const char *path, struct hc_buffer *ret, struct hc_fault *fault);
