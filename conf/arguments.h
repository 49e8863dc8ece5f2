/* SPDX-License-Identifier: MIT */
/*
 * The command line of a daemon: which configuration, whether to check it only, help, version.
 */
#pragma once

#include "proto/base.h"

#define HC_EXIT_USAGE 2 /* also for a configuration that is not valid */

struct hc_arguments {
	const char *config; /* its file, or NULL: the defaults alone; borrowed from argv */
	bool check;	    /* say whether it is valid, and do nothing else */
};

/**
 * hc_arguments_read() - read a daemon's command line
 * @program: its name
 * @about:   one sentence of help
 *
 * The configuration is the file that -c or the environment variable HOSTCAST_CONF names, which must
 * exist; else the usual one if it is there.
 *
 * Help and version go to standard output, complaints to standard error.
 * Return: -1 to go on, or the exit status.
 */
int hc_arguments_read(struct hc_arguments *ret, const char *program, const char *about, int argc,
		      char **argv);

/** hc_arguments_checked() - say that the configuration is valid; the exit status */
int hc_arguments_checked(const struct hc_arguments *arguments);
