/* SPDX-License-Identifier: MIT */
/*
 * The command line of a daemon: which configuration, help, version.
 */
#pragma once

#define HC_EXIT_USAGE 2 /* also for a configuration that is not valid */

/**
 * hc_arguments_read() - read a daemon's command line
 * @ret_config: the file that -c or the environment variable HOSTCAST_CONF names, which must exist;
 * else the usual one if it is there, or NULL: the defaults alone. Borrowed from the arguments.
 * @program:    its name
 * @about:      one sentence of help
 *
 * Help and version go to standard output, complaints to standard error.
 * Return: -1 to go on, or the exit status.
 */
int hc_arguments_read(const char **ret_config, const char *program, const char *about, int argc,
		      char **argv);
