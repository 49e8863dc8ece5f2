/* SPDX-License-Identifier: MIT */
/*
 * Many publishers, each with one request of one event under way: how fast are they acknowledged?
 */
#pragma once

#include <stdbool.h>

#include "tests/bench/fanout/account.h"

struct publishers_options {
	const char *address; /* path of the hub's UNIX socket */
	size_t n;
	double seconds;
	double rate; /* events a second, of all together; 0: each asks again when it is answered */
	const struct account *server;
};

/** publishers_measure() - prints one line of JSON; false, with the reason on stderr, if it fails */
bool publishers_measure(const struct publishers_options *options);
