/* SPDX-License-Identifier: MIT */
/*
 * inih reads the file: [section], key = value or key: value, comments behind ";" or "#" at the
 * start of a line and behind " ;" anywhere. An indented line continues the value above it; only
 * lists may be continued. Debian builds inih without line numbers, so the reader we give it counts
 * lines: inih calls the handler before it asks for the next one.
 *
 * Only the first fault is told; the ones behind it may be its children.
 */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <ini.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "conf/conf.h"
#include "conf/option.h"
#include "conf/path.h"
#include "proto/fault.h"
#include "proto/log.h"

#define FILE_BYTES_MAX \
	(1024 * 1024) /* a configuration that is larger is another file, given by mistake */
#define ENDPOINT_SECTION "endpoint "
#define LINE_BYTES_MAX	 4096 /* inih's own limit is 200: too short for PATH_MAX */
#define SECTION_LEN_MAX	 49   /* inih keeps no more of a name, and does not tell */

struct source {
	const char *path;
	struct hc_conf *conf;
	struct hc_fault *fault;
	const char *rest;	      /* what inih has not asked for yet */
	unsigned int line;	      /* the one it works on, from 1 */
	bool indented;		      /* that line begins with white space */
	unsigned int *lines;	      /* where each option was set; 0: not yet */
	unsigned int *endpoint_lines; /* the same for each endpoint, one behind the other */
	size_t n_endpoint_lines;
	int r; /* 0 until the first fault */
	unsigned int fault_line;
};

static void HC_PRINTF(2, 3) fail(struct source *source, const char *format, ...)
{
	char text[HC_FAULT_MESSAGE_MAX];
	va_list args;

	if (source->r)
		return;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	hc_fault_set(source->fault, HC_FAULT_INVALID_PARAMS, "%s:%u: %s", source->path,
		     source->line, text);
	source->fault_line = source->line;
	source->r = -EINVAL;
}

/* Appends the keys of a section, or, for section NULL, the sections. */
static void name_known(char *text, size_t size, const char *section)
{
	const char *last = "", *name;
	size_t len = 0;

	text[0] = '\0';
	for (size_t i = 0; i < hc_options_count; i++) {
		const struct hc_conf_option *about = &hc_options[i].about;

		if (section && strcmp(about->section, section))
			continue;
		name = section ? about->key : about->section;
		if (!strcmp(name, last))
			continue;
		last = name;
		len += (size_t)snprintf(text + len, size - len, "%s%s", len ? ", " : "", name);
		assert(len < size);
	}
}

static void fail_unknown(struct source *source, const char *section, const char *key)
{
	char known[HC_FAULT_MESSAGE_MAX], quoted[HC_LOG_QUOTE_MAX];
	const struct hc_option *elsewhere = hc_option_find(NULL, key);

	if (!*section) {
		fail(source, "%s: an option before any [section]",
		     hc_log_quote(quoted, hc_str(key)));
		return;
	}
	name_known(known, sizeof(known), section);
	if (!*known) {
		name_known(known, sizeof(known), NULL);
		fail(source, "[%.64s]: no such section; there are %s, endpoint PATH", section,
		     known);
	} else if (elsewhere) {
		fail(source, "[%s] %s: unknown key here; it belongs in [%s]", section, key,
		     elsewhere->about.section);
	} else {
		fail(source, "[%s] %.64s: unknown key; there are %s", section, key, known);
	}
}

static void fail_value(struct source *source, const char *section, const struct hc_option *option,
		       const char *value)
{
	char expected[HC_OPTION_EXPECTED_MAX];

	hc_option_expect(expected, option);
	if (*value)
		fail(source, "[%s] %s: \"%.80s\" is not valid, expected %s", section,
		     option->about.key, value, expected);
	else
		fail(source, "[%s] %s: has no value, expected %s", section, option->about.key,
		     expected);
}

/* Takes a value for an option of @base; @line is where that option was set before, or 0. */
static void set(struct source *source, const char *section, const struct hc_option *option,
		void *base, const char *value, unsigned int *line)
{
	/* An indented line right below a [section] is not a continuation: nothing is above it. */
	bool more = source->indented && *line;
	int r;

	if (more && option->kind < HC_OPTION_LIST) {
		fail(source,
		     "[%s] %s: an indented line continues the value above, and only lists may be",
		     section, option->about.key);
		return;
	}
	if (*line && !more) {
		fail(source, "[%s] %s: given twice, first in line %u", section, option->about.key,
		     *line);
		return;
	}
	*line = source->line;
	r = hc_option_store(option, base, value, more);
	if (r == -EINVAL)
		fail_value(source, section, option, value);
	else if (r)
		source->r = r;
}

/* Where the options of an endpoint were set. */
static unsigned int *endpoint_lines(struct source *source, const struct hc_conf_endpoint *endpoint)
{
	const struct hc_conf_endpoints *endpoints = &source->conf->endpoints;
	size_t n = endpoints->n * hc_endpoint_options_count;
	unsigned int *lines;

	if (n > source->n_endpoint_lines) {
		lines = reallocarray(source->endpoint_lines, n, sizeof(*lines));
		if (!lines)
			return NULL;
		memset(lines + source->n_endpoint_lines, 0,
		       (n - source->n_endpoint_lines) * sizeof(*lines));
		source->endpoint_lines = lines;
		source->n_endpoint_lines = n;
	}
	return source->endpoint_lines +
	       (size_t)(endpoint - endpoints->items) * hc_endpoint_options_count;
}

/* The endpoint of a section, which is there from its head on. */
static struct hc_conf_endpoint *need_endpoint(struct source *source, const char *section)
{
	const char *path = section + strlen(ENDPOINT_SECTION);
	struct hc_conf_endpoint *endpoint;

	if (!hc_path_is_valid(path)) {
		fail(source, "[%.64s]: not a path, expected such as /ws/events or /ws/{user_id}",
		     section);
		return NULL;
	}
	endpoint = hc_conf_endpoints_need(&source->conf->endpoints, path);
	if (!endpoint)
		source->r = -ENOMEM;
	return endpoint;
}

static void set_of_endpoint(struct source *source, const char *section, const char *key,
			    const char *value)
{
	struct hc_conf_endpoint *endpoint = need_endpoint(source, section);
	unsigned int *lines;
	size_t i = 0;

	if (!endpoint)
		return;
	while (i < hc_endpoint_options_count && strcmp(hc_endpoint_options[i].about.key, key) != 0)
		i++;
	if (i == hc_endpoint_options_count) {
		fail(source,
		     "[%.64s] %.64s: unknown key; there are events, envelope, timestamps, auth, "
		     "start, always, addressed, aliases, sse, enabled",
		     section, key);
		return;
	}
	lines = endpoint_lines(source, endpoint);
	if (lines)
		set(source, section, &hc_endpoint_options[i], endpoint, value, &lines[i]);
	else
		source->r = -ENOMEM;
}

/* ini_handler. Always 1: what inih counts as errors is then its own, the syntax. */
static int handle(void *user, const char *section, const char *key, const char *value)
{
	struct source *source = user;
	const struct hc_option *option = hc_option_find(section, key);

	if (source->r)
		return 1;
	if (!strncmp(section, ENDPOINT_SECTION, strlen(ENDPOINT_SECTION)))
		set_of_endpoint(source, section, key, value);
	else if (option)
		set(source, section, option, source->conf, value,
		    &source->lines[option - hc_options]);
	else
		fail_unknown(source, section, key);
	return 1;
}

/* inih does not tell of a section without options, but such an endpoint is one, too. */
static void note_endpoint(struct source *source, const char *line)
{
	char section[SECTION_LEN_MAX + 1];
	size_t len = strcspn(line, "]\n");

	if (line[0] != '[' || line[len] != ']' ||
	    strncmp(line + 1, ENDPOINT_SECTION, strlen(ENDPOINT_SECTION)) != 0)
		return;
	memcpy(section, line + 1, len - 1);
	section[len - 1] = '\0';
	(void)need_endpoint(source, section);
}

/* ini_reader: one line, as fgets(). Comments become empty lines, so they may be of any length. */
static char *next_line(char *buffer, int size, void *user)
{
	struct source *source = user;
	size_t len;

	if (source->r || !*source->rest)
		return NULL;
	source->line++;
	len = strcspn(source->rest, "\n");
	len += source->rest[len] == '\n';
	source->indented = *source->rest == ' ' || *source->rest == '\t';
	if (strchr("#;", *source->rest)) {
		snprintf(buffer, (size_t)size, "\n");
	} else if (*source->rest == '[' && strcspn(source->rest, "]\n") > SECTION_LEN_MAX + 1) {
		fail(source, "section name too long, expected at most %d bytes", SECTION_LEN_MAX);
		return NULL;
	} else if (len + 1 > (size_t)size) {
		fail(source, "line too long, expected at most %d bytes", size - 2);
		return NULL;
	} else {
		memcpy(buffer, source->rest, len);
		buffer[len] = '\0';
		note_endpoint(source, buffer);
	}
	source->rest += len;
	return buffer;
}

/* inih goes on behind a line it cannot read and returns the number of the first. */
static void fail_syntax(struct source *source, const char *text, unsigned int line)
{
	char quoted[HC_LOG_QUOTE_MAX];
	struct hc_str at = { text, 0 };

	for (unsigned int i = 1; i < line; i++)
		at.s += strcspn(at.s, "\n") + 1;
	at.len = strcspn(at.s, "\r\n");
	if (at.len > 80)
		at.len = 80;
	source->r = 0;
	source->line = line;
	fail(source, "%s is not valid, expected [section], key = value or # comment",
	     hc_log_quote(quoted, at));
}

static void freep(void *p)
{
	free(*(void **)p);
}

static int fail_file(struct hc_fault *fault, const char *path, int error)
{
	hc_fault_set(fault, HC_FAULT_INVALID_PARAMS, "%s: cannot be read: %s", path,
		     strerror(-error));
	return error;
}

/* The line to name for an endpoint: where it was set, or, if it was shipped so, any other was. */
static unsigned int line_of(const struct source *source, const struct hc_conf_endpoint *endpoint)
{
	size_t own = (size_t)(endpoint - source->conf->endpoints.items) * hc_endpoint_options_count;

	for (size_t i = own; i < source->n_endpoint_lines; i++)
		if (source->endpoint_lines[i])
			return source->endpoint_lines[i];
	for (size_t i = 0; i < source->n_endpoint_lines; i++)
		if (source->endpoint_lines[i])
			return source->endpoint_lines[i];
	return source->line;
}

static void check_endpoints(struct source *source)
{
	const struct hc_conf_endpoint *endpoint;
	struct hc_fault why = HC_FAULT_NULL;

	if (source->r || hc_conf_endpoints_check(&source->conf->endpoints, &endpoint, &why))
		return;
	source->line = line_of(source, endpoint);
	fail(source, "[endpoint %.64s] %s", endpoint->path, why.message);
}

static int parse(struct hc_conf *conf, const char *path, const char *text, struct hc_fault *fault)
{
	HC_CLEANUP(freep) unsigned int *lines = calloc(hc_options_count, sizeof(*lines));
	struct source source = {
		.path = path, .conf = conf, .fault = fault, .rest = text, .lines = lines
	};
	int line;

	if (!lines)
		return fail_file(fault, path, -ENOMEM);
	ini_max_line = LINE_BYTES_MAX;
	line = ini_parse_stream(next_line, &source, handle, &source);
	if (!line)
		check_endpoints(&source);
	free(source.endpoint_lines);
	if (source.r == -ENOMEM || line == -2)
		return fail_file(fault, path, -ENOMEM);
	if (line > 0 && (!source.r || (unsigned int)line < source.fault_line))
		fail_syntax(&source, text, (unsigned int)line);
	return source.r;
}

static int check_text(const char *path, const char *text, size_t len, struct hc_fault *fault)
{
	unsigned int line = 1;

	if (len > FILE_BYTES_MAX) {
		hc_fault_set(fault, HC_FAULT_INVALID_PARAMS,
			     "%s:1: not a configuration, expected at most %d bytes", path,
			     FILE_BYTES_MAX);
		return -EINVAL;
	}
	if (strlen(text) == len)
		return 0;
	for (const char *at = text; *at; at++)
		line += *at == '\n';
	hc_fault_set(fault, HC_FAULT_INVALID_PARAMS, "%s:%u: a NUL byte, expected a text file",
		     path, line);
	return -EINVAL;
}

static int read_file(char **ret, const char *path, struct hc_fault *fault)
{
	HC_CLEANUP(hc_closep) int fd = open(path, O_RDONLY | O_CLOEXEC);
	HC_CLEANUP(freep) char *text = NULL;
	size_t len = 0;
	ssize_t n;
	int r;

	if (fd < 0)
		return fail_file(fault, path, -errno);
	/* One byte more than allowed, so that a file that is too large shows; one for the NUL. */
	text = malloc(FILE_BYTES_MAX + 2);
	if (!text)
		return fail_file(fault, path, -ENOMEM);
	while ((n = read(fd, text + len, FILE_BYTES_MAX + 1 - len)) > 0)
		len += (size_t)n;
	if (n < 0)
		return fail_file(fault, path, -errno);
	text[len] = '\0';
	r = check_text(path, text, len, fault);
	if (!r)
		*ret = hc_take(text);
	return r;
}

static int load_file(struct hc_conf *conf, const char *path, struct hc_fault *fault)
{
	HC_CLEANUP(freep) char *text = NULL;
	int r;

	r = read_file(&text, path, fault);
	return r ? r : parse(conf, path, text, fault);
}

static int store_defaults(struct hc_conf *conf)
{
	int r;

	for (size_t i = 0; i < hc_options_count; i++) {
		r = hc_option_store(&hc_options[i], conf, hc_options[i].about.value, false);
		assert(r != -EINVAL);
		if (r)
			return r;
	}
	return hc_conf_endpoints_init(&conf->endpoints);
}

int hc_conf_load(struct hc_conf **ret, const char *path, struct hc_fault *fault)
{
	HC_CLEANUP(hc_conf_freep) struct hc_conf *conf = calloc(1, sizeof(*conf));
	int r;

	if (!conf)
		return -ENOMEM;
	r = store_defaults(conf);
	if (r)
		return r;
	if (path) {
		r = load_file(conf, path, fault);
		if (r)
			return r;
	}
	*ret = hc_take(conf);
	return 0;
}

struct hc_conf *hc_conf_free(struct hc_conf *conf)
{
	if (!conf)
		return NULL;
	for (size_t i = 0; i < hc_options_count; i++)
		hc_option_clear(&hc_options[i], conf);
	hc_conf_endpoints_deinit(&conf->endpoints);
	free(conf);
	return NULL;
}
