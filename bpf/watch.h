/* SPDX-License-Identifier: MIT */
/*
 * The watch: brings mount table, BPF records, devices and the hub together on one loop.
 *
 * A wake-up of mountinfo or a record leads to a scan: a snapshot, compared with the one before.
 * Each difference becomes an event as soon as it is known who did it, or that nobody will say.
 */
#pragma once

#include <uv.h>

#include "bpf/reasons.h"

struct hc_conf;
struct hc_watch;

/**
 * hc_watch_new() - set up what needs privileges: find the namespace, attach the programs
 * @conf: borrowed for the watch's life
 *
 * Return: 0 or -errno; the reason of a failure has been logged.
 */
int hc_watch_new(struct hc_watch **ret, uv_loop_t *loop, const struct hc_conf *conf);

/**
 * hc_watch_start() - take the first snapshot, watch, and connect to the hub as soon as the loop
 * runs
 *
 * Attached first and looked then, so that nothing falls between. It starts threads: privileges must
 * have been dropped before. Return: 0 or -errno, logged.
 */
int hc_watch_start(struct hc_watch *watch);

/** hc_watch_needs_admin() - whether its table asks for CAP_SYS_ADMIN at each snapshot */
bool hc_watch_needs_admin(const struct hc_watch *watch);

/** hc_watch_describe() - "bpf+mountinfo, statmount" */
void hc_watch_describe(const struct hc_watch *watch, char *text, size_t size);

/** hc_watch_reconcile() - compare everything now (SIGHUP) */
void hc_watch_reconcile(struct hc_watch *watch);

/** hc_watch_stop() - watch no more; what was found may still be delivered */
void hc_watch_stop(struct hc_watch *watch);

/** hc_watch_delivered() - whether the hub has acknowledged everything, or is not there */
bool hc_watch_delivered(const struct hc_watch *watch);

/** hc_watch_close() - close all handles; the loop must run until they are */
void hc_watch_close(struct hc_watch *watch);

/** hc_watch_busy() - whether a worker still waits for a device: then the process must not wait for
 * it */
bool hc_watch_busy(const struct hc_watch *watch);

struct hc_watch *hc_watch_free(struct hc_watch *watch);
HC_DEFINE_CLEANUP(struct hc_watch *, hc_watch_free);
