/* SPDX-License-Identifier: MIT */
/*
 * The events that the loader publishes, as msgpack: device.mounted, device.unmounted,
 * detector.status, detector.gap. What their fields mean: hostcast-bpf(8), FIELDS.
 */
#pragma once

#include "bpf/actor.h"
#include "bpf/mount.h"
#include "bpf/reasons.h"
#include "proto/buffer.h"

/** struct hc_mount_report - what to tell of a mount; all borrowed */
struct hc_mount_report {
	bool is_mounted; /* else it has gone */
	const struct hc_mount_row *row;
	bool has_id; /* row->id is the kernel's: not for brief mounts */
	const struct hc_device
		*device;	/* NULL: the source stands for the node, nothing else is known */
	const char *bind_of;	/* NULL: it is no bind mount */
	const char *moved_from; /* NULL: it was not moved */
	const struct hc_actor *actor; /* NULL: not known */
	bool reconciled;	      /* found by comparing, not as it happened */
	bool revealed;		      /* it was there before, below another mount */
	bool brief; /* mounted and unmounted again before the table could be read */
	int64_t timestamp_unix_ms;
	uint64_t boot_ns; /* CLOCK_BOOTTIME when the call returned; 0: not known. Not shown: the hub
			     measures with it how long the event took */
};

/** hc_report_mount() - append the event */
void hc_report_mount(struct hc_buffer *event, const struct hc_mount_report *report);

struct hc_counters {
	uint64_t events;  /* device.* that were published */
	uint64_t records; /* from the BPF programs */
	uint64_t dropped; /* by them, for want of room */
	uint64_t filtered_failed;
	uint64_t filtered_namespace;
	uint64_t reconciled; /* events that were found by comparing only */
	uint64_t spool_lost;
};

/** struct hc_status - the payload of detector.status */
struct hc_status {
	bool monitoring_enabled;
	const char *mode;  /* "bpf+mountinfo" or "mountinfo" */
	const char *table; /* "statmount" or "libmount" */
	const struct hc_reasons *reasons;
	const char *kernel;
	const char *mount_namespace; /* as it was configured */
	uint32_t pid;
	struct hc_counters counters;
};

/** hc_report_status_payload() - append the payload alone: the answer to the hub's question */
void hc_report_status_payload(struct hc_buffer *payload, const struct hc_status *status);

/** hc_report_status() - append the event */
void hc_report_status(struct hc_buffer *event, const struct hc_status *status);

/**
 * hc_report_gap() - append a detector.gap event
 * @stage: where events were lost: "ring" or "spool"
 */
void hc_report_gap(struct hc_buffer *event, const char *stage, uint64_t count);
