/* SPDX-License-Identifier: MIT */
/*
 * The mount table from /proc/<pid>/mountinfo, parsed by libmount: for kernels without statmount(2),
 * and for other namespaces.
 */
#pragma once

#include <stdio.h>

#include "bpf/table.h"

/**
 * hc_libmount_read() - take a snapshot
 * @ret: new sealed table, owned by the caller; untouched on failure
 * @pid: whose mount namespace; 0: our own
 *
 * Return: 0 or -errno.
 */
int hc_libmount_read(struct hc_table **ret, unsigned int pid);

/**
 * hc_libmount_parse() - the same from a text of that format
 * @stream: read to its end
 * @name:   for libmount's own messages
 *
 * Lines that do not follow the format are left out. Return: 0 or -errno.
 */
int hc_libmount_parse(struct hc_table **ret, FILE *stream, const char *name);
