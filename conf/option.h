/* SPDX-License-Identifier: MIT */
/*
 * The options: one row each, with type, range, default, unit and whether a reload takes it over.
 */
#pragma once

#include "conf/conf.h"

#define HC_OPTION_EXPECTED_MAX 128 /* bytes of "a duration from 100ms to 1h" with the NUL */

enum hc_option_kind {
	HC_OPTION_ADDRESS,   /* IPv4 or IPv6, or empty */
	HC_OPTION_PREFIX,    /* of a URL path, or empty */
	HC_OPTION_NAMESPACE, /* "host", "self", or a process id */
	HC_OPTION_TEXT,
	HC_OPTION_PATH,
	HC_OPTION_SOCKET, /* a path that fits struct sockaddr_un */
	HC_OPTION_U16,
	HC_OPTION_U32,
	HC_OPTION_BYTES,
	HC_OPTION_DURATION, /* uint32_t, milliseconds */
	HC_OPTION_AGE,	    /* uint64_t, milliseconds */
	HC_OPTION_CHOICE,   /* an enum */
	HC_OPTION_LIST,
	HC_OPTION_PATHS,     /* a list of absolute paths */
	HC_OPTION_PATTERNS,  /* a list of subscription patterns */
	HC_OPTION_ENDPOINTS, /* a list of endpoint paths */
	HC_OPTION_ORIGINS,   /* a list of web origins, "same" or "*" */
	HC_OPTION_NETWORKS,  /* a list of addresses and networks */
};

struct hc_choice {
	const char *name; /* NULL ends the table */
	int value;
};

struct hc_option {
	struct hc_conf_option about;
	enum hc_option_kind kind;
	size_t offset; /* in struct hc_conf, or whatever the table is about */
	uint64_t min,
		max; /* numbers: both included; text: 1 as min means that it may not be empty */
	const struct hc_choice *choices;
};

extern const struct hc_option hc_options[];
extern const size_t hc_options_count;

/* The options of an [endpoint PATH] section, in struct hc_conf_endpoint. */
extern const struct hc_option hc_endpoint_options[];
extern const size_t hc_endpoint_options_count;

/**
 * hc_option_find() - the option of that name; @section NULL: of any section; NULL if there is none
 */
const struct hc_option *hc_option_find(const char *section, const char *key);

/**
 * hc_option_store() - read a value into its place
 * @base: the struct that the option is a member of; zeroed, or filled by earlier calls
 * @more: add to a list instead of replacing it
 *
 * Return: 0, -EINVAL for a value that does not fit the option, or -ENOMEM.
 */
int hc_option_store(const struct hc_option *option, void *base, const char *text, bool more);

/** hc_option_same() - whether it has the same value in both structs */
bool hc_option_same(const struct hc_option *option, const void *a, const void *b);

/** hc_option_swap() - give each of the structs the value of the other */
void hc_option_swap(const struct hc_option *option, void *a, void *b);

/** hc_option_clear() - free what the option holds in @base */
void hc_option_clear(const struct hc_option *option, void *base);

/** hc_option_expect() - what a valid value is, in words that let the reader write one at once */
void hc_option_expect(char ret[static HC_OPTION_EXPECTED_MAX], const struct hc_option *option);
