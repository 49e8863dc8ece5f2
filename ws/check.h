/* SPDX-License-Identifier: MIT */
/*
 * The check of a configuration before the hub is started with it: what it names and what is only
 * read, as a start would read it. No log and no socket is touched, so a hub may run beside it.
 */
#pragma once

struct hc_conf;
struct hc_fault;

/**
 * hc_check() - read event types, keys, revocations and the certificate
 * @fault: which of them is wrong, and how; what is only doubtful is logged
 *
 * Return: 0 or -errno.
 */
int hc_check(const struct hc_conf *conf, struct hc_fault *fault);
