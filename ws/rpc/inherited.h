/* SPDX-License-Identifier: MIT */
/*
 * Listening sockets that were there before us: those of a service manager, sd_listen_fds(3). It
 * keeps them open while we are away, so that whoever connects then waits in their backlog.
 *
 * Each is known by the address it is bound to, which must be one that the configuration names.
 */
#pragma once

#include <sys/socket.h>

#include "proto/base.h"

struct hc_fault;
struct hc_inherited;

/**
 * hc_inherited_new() - take over descriptors
 * @first: the lowest
 * @n:     how many; 0 is no error
 * @fault: which of them is not a listening stream socket
 */
int hc_inherited_new(struct hc_inherited **ret, int first, size_t n, struct hc_fault *fault);

/**
 * hc_inherited_take() - the socket with that address
 * @inherited: NULL has none
 *
 * Return: a descriptor, non-blocking and owned by the caller; or -1.
 */
int hc_inherited_take(struct hc_inherited *inherited, const struct sockaddr *address);

/**
 * hc_inherited_check() - all of them were taken
 * @fault: which was not: whoever connects there would wait for ever
 *
 * Return: 0 or -EINVAL.
 */
int hc_inherited_check(const struct hc_inherited *inherited, struct hc_fault *fault);

/** hc_inherited_free() - close those that are left */
struct hc_inherited *hc_inherited_free(struct hc_inherited *inherited);
HC_DEFINE_CLEANUP(struct hc_inherited *, hc_inherited_free);
