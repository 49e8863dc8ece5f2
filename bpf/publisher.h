/* SPDX-License-Identifier: MIT */
/*
 * The publishing side of the loader: events to the hub, the state file, monitoring on and off, and
 * the comparison with what the hub retains.
 */
#pragma once

#include <uv.h>

#include "bpf/report.h"
#include "bpf/state.h"
#include "bpf/table.h"

struct hc_conf;
struct hc_publisher;

/** struct hc_publisher_options - copied; all pointers borrowed for the publisher's life */
struct hc_publisher_options {
	uv_loop_t *loop;
	const struct hc_conf *conf;
	void *context; /* for the functions below */

	/* Fill in what the publisher does not know itself. */
	void (*describe)(void *context, struct hc_status *status);
	/* What is mounted; borrowed. */
	struct hc_table *(*table)(void *context);
	/* Whether nothing is on its way from the table to here. */
	bool (*is_quiet)(void *context);
	/* Monitoring is switched on again: tell what has changed since @old. */
	void (*enabled)(void *context, const struct hc_table *old);
};

/** hc_publisher_new() - 0 or -ENOMEM */
int hc_publisher_new(struct hc_publisher **ret, const struct hc_publisher_options *options);

/**
 * hc_publisher_restore() - go on as the state file says
 * @of: of this boot, namespace and kind of ids; copied
 *
 * If monitoring was switched off, it still is, and what was mounted then is what has been told.
 * Otherwise the hub knows better than the file what was told: what it lacks, or has too much, is
 * told once it has been asked.
 */
void hc_publisher_restore(struct hc_publisher *publisher, const struct hc_state_of *of);

/** hc_publisher_start() - connect to the hub, and keep the state file */
void hc_publisher_start(struct hc_publisher *publisher);

/** hc_publisher_enabled() - whether monitoring is on; else no device.* is published */
bool hc_publisher_enabled(const struct hc_publisher *publisher);

/**
 * hc_publisher_mount() - queue device.mounted or device.unmounted; dropped while monitoring is off
 */
void hc_publisher_mount(struct hc_publisher *publisher, const struct hc_mount_report *report);

/**
 * hc_publisher_ring_lost() - queue detector.gap for records that found no space in the ring buffer
 *
 * While the spool is full they are added up: what it cannot keep is counted as lost there, and a
 * count that is lost would be a silent gap.
 */
void hc_publisher_ring_lost(struct hc_publisher *publisher, uint64_t count);

/** hc_publisher_missed() - queue detector.gap for changes that were found, not told as they came */
void hc_publisher_missed(struct hc_publisher *publisher, uint64_t count);

/** hc_publisher_send() - send what is queued, save the state soon, compare with the hub if it is
 * time */
void hc_publisher_send(struct hc_publisher *publisher);

/** hc_publisher_distrust() - compare with the hub again, as soon as nothing is on its way */
void hc_publisher_distrust(struct hc_publisher *publisher);

/** hc_publisher_dirty() - the table has changed in a way that no event tells */
void hc_publisher_dirty(struct hc_publisher *publisher);

/** hc_publisher_stop() - save a last time; what is queued may still be delivered */
void hc_publisher_stop(struct hc_publisher *publisher);

/** hc_publisher_delivered() - whether the hub has acknowledged everything, or is not there */
bool hc_publisher_delivered(const struct hc_publisher *publisher);

/**
 * hc_publisher_close() - close the handles; the loop must run once more before hc_publisher_free()
 */
void hc_publisher_close(struct hc_publisher *publisher);
struct hc_publisher *hc_publisher_free(struct hc_publisher *publisher);
