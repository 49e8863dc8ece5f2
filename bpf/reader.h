/* SPDX-License-Identifier: MIT */
/*
 * Reading the mount table of one namespace: chooses between statmount and libmount, once.
 */
#pragma once

#include "bpf/namespace.h"
#include "bpf/table.h"
#include "conf/conf.h"

struct hc_reader {
	unsigned int pid; /* whose mountinfo; 0: our own */
	uint64_t ns_id;	  /* for statmount; 0: our own */
	bool is_own;
	bool uses_statmount;
};

/**
 * hc_reader_init() - choose
 * @wanted:  what the configuration says
 * @reasons: gets why it is not statmount
 *
 * Return: 0, or -errno if statmount is wanted and not to be had.
 */
int hc_reader_init(struct hc_reader *reader, const struct hc_namespace *ns,
		   enum hc_table_source wanted, struct hc_reasons *reasons);

/** hc_reader_name() - "statmount" or "libmount" */
const char *hc_reader_name(const struct hc_reader *reader);

/** hc_reader_needs_admin() - whether each snapshot asks for CAP_SYS_ADMIN */
bool hc_reader_needs_admin(const struct hc_reader *reader);

/** hc_reader_open() - mountinfo, to be polled for POLLPRI; the descriptor or -errno */
int hc_reader_open(const struct hc_reader *reader);

/** hc_reader_read() - take a snapshot; a new sealed table for the caller; 0 or -errno */
int hc_reader_read(const struct hc_reader *reader, struct hc_table **ret);
