/* SPDX-License-Identifier: MIT */
/*
 * One row an option. The default is text and goes through the same parser as a value from a file,
 * so a row cannot promise what the parser would refuse.
 *
 * inih reads the file: [section], key = value or key: value, comments behind ";" or "#" at the
 * start of a line and behind " ;" anywhere. An indented line continues the value above it; only
 * lists may be continued. Debian builds inih without line numbers, so the reader we give it counts
 * lines: inih calls the handler before it asks for the next one.
 *
 * Only the first fault is told; the ones behind it may be its children.
 */
#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <ini.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/un.h>

#include "conf/conf.h"
#include "conf/value.h"
#include "proto/fault.h"
#include "proto/log.h"

#define FILE_BYTES_MAX \
	(1024 * 1024)	    /* a configuration that is larger is another file, given by mistake */
#define LINE_BYTES_MAX 4096 /* inih's own limit is 200: too short for PATH_MAX */
#define EXPECTED_MAX   128  /* bytes of "a duration from 100ms to 1h" */

enum kind {
	KIND_ADDRESS,	/* IPv4 or IPv6, or empty */
	KIND_PREFIX,	/* of a URL path, or empty */
	KIND_NAMESPACE, /* "host", "self", or a process id */
	KIND_PATH,
	KIND_SOCKET, /* a path that fits struct sockaddr_un */
	KIND_U16,
	KIND_U32,
	KIND_BYTES,
	KIND_DURATION, /* uint32_t, milliseconds */
	KIND_CHOICE,   /* an enum */
	KIND_LIST,
};

struct choice {
	const char *name; /* NULL ends the table */
	int value;
};

struct row {
	struct hc_conf_option option;
	enum kind kind;
	size_t offset; /* in struct hc_conf */
	uint64_t min,
		max; /* numbers: both included; text: 1 as min means that it may not be empty */
	const struct choice *choices;
};

static const struct choice log_levels[] = {
	{ "err", HC_LOG_ERR },	 { "warning", HC_LOG_WARNING }, { "notice", HC_LOG_NOTICE },
	{ "info", HC_LOG_INFO }, { "debug", HC_LOG_DEBUG },	{ NULL, 0 },
};

static const struct choice durabilities[] = {
	{ "disk", HC_DURABILITY_DISK },
	{ "process", HC_DURABILITY_PROCESS },
	{ "none", HC_DURABILITY_NONE },
	{ NULL, 0 },
};

static const struct choice publish_policies[] = {
	{ "token", HC_PUBLISH_TOKEN },
	{ "open", HC_PUBLISH_OPEN },
	{ NULL, 0 },
};

static const struct choice bpf_uses[] = {
	{ "auto", HC_BPF_AUTO },
	{ "off", HC_BPF_OFF },
	{ NULL, 0 },
};

static const struct choice table_sources[] = {
	{ "auto", HC_TABLE_AUTO },
	{ "statmount", HC_TABLE_STATMOUNT },
	{ "libmount", HC_TABLE_LIBMOUNT },
	{ NULL, 0 },
};

#define RELOAD	   true
#define RESTART	   false
#define AT(member) offsetof(struct hc_conf, member)
#define KIB	   (UINT64_C(1) << 10)
#define MIB	   (UINT64_C(1) << 20)
#define GIB	   (UINT64_C(1) << 30)
#define SECOND	   UINT64_C(1000)
#define HOUR	   (3600 * SECOND)

/* clang-format off */
static const struct row rows[] = {
	{ { "hostcast", "log_level", "notice",
	    "What is logged: err, warning, notice, info (a line an event) or debug.", RELOAD },
	  KIND_CHOICE, AT(hostcast.log_level), 0, 0, log_levels },
	{ { "hostcast", "socket", "/run/hostcast/hub.sock",
	    "UNIX socket of the hub, for the loader, the REST program and the hostcast command.", RESTART },
	  KIND_SOCKET, AT(hostcast.socket), 1, 0, NULL },
	{ { "hostcast", "types_dir", HC_DATADIR "/types",
	    "Directory of the event types that came with the programs.", RELOAD },
	  KIND_PATH, AT(hostcast.types_dir), 1, 0, NULL },
	{ { "hostcast", "types_site_dir", HC_SYSCONFDIR "/hostcast/types.d",
	    "Directory of your own event types; it may be missing.", RELOAD },
	  KIND_PATH, AT(hostcast.types_site_dir), 0, 0, NULL },

	{ { "hub", "listen", "127.0.0.1",
	    "Address for WebSocket connections; empty: none but through Apache.", RESTART },
	  KIND_ADDRESS, AT(hub.listen), 0, 0, NULL },
	{ { "hub", "port", "8090",
	    "Port on that address; 0: any free one, which is logged.", RESTART },
	  KIND_U16, AT(hub.port), 0, UINT16_MAX, NULL },
	{ { "hub", "web_socket", "/run/hostcast/ws.sock",
	    "UNIX socket that Apache sends WebSocket connections to; empty: none.", RESTART },
	  KIND_SOCKET, AT(hub.web_socket), 0, 0, NULL },
	{ { "hub", "prefix", "",
	    "Put before every endpoint: with /latest, /ws/events becomes /latest/ws/events.", RESTART },
	  KIND_PREFIX, AT(hub.prefix), 0, 0, NULL },
	{ { "hub", "ring_bytes", "64M",
	    "Memory for the newest events and their ready frames.", RESTART },
	  KIND_BYTES, AT(hub.ring_bytes), MIB, 4 * GIB, NULL },

	{ { "log", "path", "/var/lib/hostcast/events.db",
	    "The event log; its directory must be writable by the hub.", RESTART },
	  KIND_PATH, AT(log.path), 1, 0, NULL },
	{ { "log", "durability", "disk",
	    "What acknowledged events survive: disk (a power cut), process (a crash), none.", RESTART },
	  KIND_CHOICE, AT(log.durability), 0, 0, durabilities },

	{ { "clients", "send_buffer", "64K",
	    "Socket buffer of a client: all the memory that a stalled one costs.", RELOAD },
	  KIND_BYTES, AT(clients.send_buffer_bytes), 4 * KIB, 16 * MIB, NULL },
	{ { "clients", "message_max", "64K",
	    "Longest message a client may send.", RELOAD },
	  KIND_BYTES, AT(clients.message_max_bytes), KIB, MIB, NULL },
	{ { "clients", "stall_timeout", "10s",
	    "A client that takes nothing for so long is closed with 4008.", RELOAD },
	  KIND_DURATION, AT(clients.stall_timeout_ms), 100, HOUR, NULL },
	{ { "clients", "heartbeat", "30s",
	    "A client that got nothing for so long is sent {\"type\":\"ping\"}.", RELOAD },
	  KIND_DURATION, AT(clients.heartbeat_ms), 100, HOUR, NULL },
	{ { "clients", "pong_timeout", "45s",
	    "A client that answers no ping for so long is taken for dead.", RELOAD },
	  KIND_DURATION, AT(clients.pong_timeout_ms), 100, HOUR, NULL },
	{ { "clients", "patterns_max", "64",
	    "Patterns and channels one client may subscribe to.", RELOAD },
	  KIND_U32, AT(clients.patterns_max), 1, 4096, NULL },

	{ { "auth", "key_file", "",
	    "HS256 secret that tokens are signed with, 32 bytes or more; empty: no token is valid.", RELOAD },
	  KIND_PATH, AT(auth.key_file), 0, 0, NULL },
	{ { "auth", "publish", "token",
	    "Who may publish over REST: token (one that grants the type) or open (anybody).", RELOAD },
	  KIND_CHOICE, AT(auth.publish), 0, 0, publish_policies },

	{ { "mounts", "namespace", "host",
	    "Whose mounts are told: host, self, or the process id of someone in that namespace.", RESTART },
	  KIND_NAMESPACE, AT(mounts.mount_namespace), 0, 0, NULL },
	{ { "mounts", "bpf", "auto",
	    "auto: ask the kernel who mounted, where it allows that; off: read the table only.", RESTART },
	  KIND_CHOICE, AT(mounts.bpf), 0, 0, bpf_uses },
	{ { "mounts", "table", "auto",
	    "How the table is read: statmount (Linux 6.8), libmount, or auto.", RESTART },
	  KIND_CHOICE, AT(mounts.table), 0, 0, table_sources },
	{ { "mounts", "filesystems", "*",
	    "File system types worth telling; *: all but the excluded.", RESTART },
	  KIND_LIST, AT(mounts.filesystems), 1, 0, NULL },
	{ { "mounts", "exclude_filesystems",
	    "autofs binfmt_misc bpf cgroup cgroup2 configfs debugfs devpts devtmpfs efivarfs fusectl "
	    "hugetlbfs mqueue nsfs proc pstore ramfs rpc_pipefs securityfs squashfs sysfs tracefs",
	    "File system types never told: the kernel's own, and snaps.", RESTART },
	  KIND_LIST, AT(mounts.exclude_filesystems), 0, 0, NULL },
	{ { "mounts", "exclude_paths",
	    "/run/user/* /run/credentials/* /run/containerd/* /var/lib/docker/* /var/lib/containers/* /snap/*",
	    "Mount paths never told, as glob(7) patterns.", RESTART },
	  KIND_LIST, AT(mounts.exclude_paths), 0, 0, NULL },
	{ { "mounts", "state", "/run/hostcast/mounts",
	    "The table as it was told last: what changed while the loader was away is told on its return.", RESTART },
	  KIND_PATH, AT(mounts.state_file), 1, 0, NULL },
	{ { "mounts", "reconcile", "60s",
	    "How often the whole table is compared, whatever was noticed.", RESTART },
	  KIND_DURATION, AT(mounts.reconcile_ms), 100, 24 * HOUR, NULL },

	{ { "rest", "timeout", "5s",
	    "How long one question to the hub may take.", RELOAD },
	  KIND_DURATION, AT(rest.timeout_ms), 100, 60 * SECOND, NULL },
	{ { "rest", "body_max", "1M",
	    "Longest request body; Apache's FcgidMaxRequestLen must be above it.", RELOAD },
	  KIND_BYTES, AT(rest.body_max_bytes), KIB, 64 * MIB, NULL },
};
/* clang-format on */

#define N_ROWS HC_ARRAY_LEN(rows)

const struct hc_conf_option *hc_conf_option_at(size_t index)
{
	return index < N_ROWS ? &rows[index].option : NULL;
}

/* ---- one value ---------------------------------------------------------------------------- */

static bool is_address(const char *text)
{
	struct in6_addr address;

	return inet_pton(AF_INET, text, &address) == 1 || inet_pton(AF_INET6, text, &address) == 1;
}

static bool is_prefix(const char *text)
{
	static const char segment[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";

	while (*text) {
		size_t len;

		if (*text++ != '/')
			return false;
		len = strspn(text, segment);
		if (!len)
			return false;
		text += len;
	}
	return true;
}

static bool is_namespace(const char *text)
{
	uint64_t pid;

	return !strcmp(text, "host") || !strcmp(text, "self") ||
	       (hc_value_number(&pid, text) && pid >= 1 && pid <= INT32_MAX);
}

static bool text_fits(const struct row *row, const char *text)
{
	if (!*text)
		return !row->min && row->kind != KIND_NAMESPACE;
	switch (row->kind) {
	case KIND_ADDRESS:
		return is_address(text);
	case KIND_PREFIX:
		return is_prefix(text);
	case KIND_NAMESPACE:
		return is_namespace(text);
	case KIND_PATH:
		return text[0] == '/';
	case KIND_SOCKET:
		return text[0] == '/' &&
		       strlen(text) < sizeof(((struct sockaddr_un *)NULL)->sun_path);
	default:
		return true;
	}
}

static bool is_text(const struct row *row)
{
	return row->kind <= KIND_SOCKET;
}

static bool read_number(uint64_t *ret, const struct row *row, const char *text)
{
	uint64_t value;
	bool valid;

	if (row->kind == KIND_BYTES)
		valid = hc_value_bytes(&value, text);
	else if (row->kind == KIND_DURATION)
		valid = hc_value_duration(&value, text);
	else
		valid = hc_value_number(&value, text);
	if (!valid || value < row->min || value > row->max)
		return false;
	*ret = value;
	return true;
}

/* What a message says was expected: it must let the reader write the right thing at once. */
static void expect(char ret[static EXPECTED_MAX], const struct row *row)
{
	static const char *const texts[] = {
		[KIND_ADDRESS] = "an IPv4 or IPv6 address, or nothing",
		[KIND_PREFIX] = "a path such as /latest, without a slash at its end",
		[KIND_NAMESPACE] = "host, self or a process id",
		[KIND_PATH] = "an absolute path",
		[KIND_SOCKET] = "an absolute path of at most 107 bytes",
		[KIND_LIST] = "one or more words",
	};
	char min[HC_VALUE_TEXT_MAX], max[HC_VALUE_TEXT_MAX];
	size_t len = 0;

	switch (row->kind) {
	case KIND_U16:
	case KIND_U32:
		snprintf(ret, EXPECTED_MAX, "a number from %u to %u", (unsigned int)row->min,
			 (unsigned int)row->max);
		break;
	case KIND_BYTES:
		hc_value_format_bytes(min, row->min);
		hc_value_format_bytes(max, row->max);
		snprintf(ret, EXPECTED_MAX, "a size from %s to %s", min, max);
		break;
	case KIND_DURATION:
		hc_value_format_duration(min, row->min);
		hc_value_format_duration(max, row->max);
		snprintf(ret, EXPECTED_MAX, "a duration from %s to %s", min, max);
		break;
	case KIND_CHOICE:
		for (const struct choice *at = row->choices; at->name; at++)
			len += (size_t)snprintf(ret + len, EXPECTED_MAX - len, "%s%s",
						!len	     ? ""
						: at[1].name ? ", "
							     : " or ",
						at->name);
		break;
	default:
		snprintf(ret, EXPECTED_MAX, "%s", texts[row->kind]);
	}
}

static void *slot(struct hc_conf *conf, const struct row *row)
{
	return (char *)conf + row->offset;
}

static int store_text(char **at, const char *text)
{
	char *copy = strdup(text);

	if (!copy)
		return -ENOMEM;
	free(*at);
	*at = copy;
	return 0;
}

static bool store_choice(struct hc_conf *conf, const struct row *row, const char *text)
{
	for (const struct choice *at = row->choices; at->name; at++) {
		if (strcmp(at->name, text))
			continue;
		*(int *)slot(conf, row) = at->value;
		return true;
	}
	return false;
}

static void store_number(struct hc_conf *conf, const struct row *row, uint64_t value)
{
	if (row->kind == KIND_U16)
		*(uint16_t *)slot(conf, row) = (uint16_t)value;
	else if (row->kind == KIND_BYTES)
		*(uint64_t *)slot(conf, row) = value;
	else
		*(uint32_t *)slot(conf, row) = (uint32_t)value;
}

static int store_list(struct hc_list *list, const struct row *row, const char *text, bool more)
{
	int r;

	if (!more)
		hc_list_deinit(list);
	r = hc_list_append(list, text);
	if (r)
		return r;
	return row->min && !list->n ? -EINVAL : 0;
}

/* Returns 0, -EINVAL for a value that does not fit its row, or -ENOMEM. */
static int store(struct hc_conf *conf, const struct row *row, const char *text, bool more)
{
	uint64_t value;

	if (row->kind == KIND_LIST)
		return store_list(slot(conf, row), row, text, more);
	if (row->kind == KIND_CHOICE)
		return store_choice(conf, row, text) ? 0 : -EINVAL;
	if (is_text(row))
		return text_fits(row, text) ? store_text(slot(conf, row), text) : -EINVAL;
	if (!read_number(&value, row, text))
		return -EINVAL;
	store_number(conf, row, value);
	return 0;
}

static int store_defaults(struct hc_conf *conf)
{
	int r;

	for (size_t i = 0; i < N_ROWS; i++) {
		r = store(conf, &rows[i], rows[i].option.value, false);
		assert(r != -EINVAL);
		if (r)
			return r;
	}
	return 0;
}

/* ---- the file ----------------------------------------------------------------------------- */

struct source {
	const char *path;
	struct hc_conf *conf;
	struct hc_fault *fault;
	const char *rest;	    /* what inih has not asked for yet */
	unsigned int line;	    /* the one it works on, from 1 */
	bool indented;		    /* that line begins with white space */
	unsigned int lines[N_ROWS]; /* where each option was set; 0: not yet */
	int r;			    /* 0 until the first fault */
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

static const struct row *find_row(const char *section, const char *key)
{
	for (size_t i = 0; i < N_ROWS; i++) {
		if ((!section || !strcmp(rows[i].option.section, section)) &&
		    !strcmp(rows[i].option.key, key))
			return &rows[i];
	}
	return NULL;
}

/* Appends the keys of a section, or, for section NULL, the sections. */
static void name_known(char *text, size_t size, const char *section)
{
	const char *last = "", *name;
	size_t len = 0;

	text[0] = '\0';
	for (size_t i = 0; i < N_ROWS; i++) {
		const struct hc_conf_option *option = &rows[i].option;

		if (section && strcmp(option->section, section))
			continue;
		name = section ? option->key : option->section;
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
	const struct row *elsewhere = find_row(NULL, key);

	if (!*section) {
		fail(source, "%s: an option before any [section]",
		     hc_log_quote(quoted, hc_str(key)));
		return;
	}
	name_known(known, sizeof(known), section);
	if (!*known) {
		name_known(known, sizeof(known), NULL);
		fail(source, "[%.64s]: no such section; there are %s", section, known);
	} else if (elsewhere) {
		fail(source, "[%s] %s: unknown key here; it belongs in [%s]", section, key,
		     elsewhere->option.section);
	} else {
		fail(source, "[%s] %.64s: unknown key; there are %s", section, key, known);
	}
}

static void fail_value(struct source *source, const struct row *row, const char *value)
{
	char expected[EXPECTED_MAX];

	expect(expected, row);
	if (*value)
		fail(source, "[%s] %s: \"%.80s\" is not valid, expected %s", row->option.section,
		     row->option.key, value, expected);
	else
		fail(source, "[%s] %s: has no value, expected %s", row->option.section,
		     row->option.key, expected);
}

/* ini_handler. Always 1: what inih counts as errors is then its own, the syntax. */
static int handle(void *user, const char *section, const char *key, const char *value)
{
	struct source *source = user;
	const struct row *row = find_row(section, key);
	bool more = source->indented;
	unsigned int *line;
	int r;

	if (source->r)
		return 1;
	if (!row) {
		fail_unknown(source, section, key);
		return 1;
	}
	line = &source->lines[row - rows];
	/* An indented line right below a [section] is not a continuation: nothing is above it. */
	more = more && *line;
	if (more && row->kind != KIND_LIST) {
		fail(source,
		     "[%s] %s: an indented line continues the value above, and only lists may be",
		     section, key);
		return 1;
	}
	if (*line && !more) {
		fail(source, "[%s] %s: given twice, first in line %u", section, key, *line);
		return 1;
	}
	*line = source->line;
	r = store(source->conf, row, value, more);
	if (r == -EINVAL)
		fail_value(source, row, value);
	else if (r)
		source->r = r;
	return 1;
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
	} else if (len + 1 > (size_t)size) {
		fail(source, "line too long, expected at most %d bytes", size - 2);
		return NULL;
	} else {
		memcpy(buffer, source->rest, len);
		buffer[len] = '\0';
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

static int parse(struct hc_conf *conf, const char *path, const char *text, struct hc_fault *fault)
{
	struct source source = { .path = path, .conf = conf, .fault = fault, .rest = text };
	int line;

	ini_max_line = LINE_BYTES_MAX;
	line = ini_parse_stream(next_line, &source, handle, &source);
	if (source.r == -ENOMEM || line == -2) {
		hc_fault_set(fault, HC_FAULT_INTERNAL, "%s: no memory", path);
		return -ENOMEM;
	}
	if (line > 0 && (!source.r || (unsigned int)line < source.fault_line))
		fail_syntax(&source, text, (unsigned int)line);
	return source.r;
}

static void freep(char **p)
{
	free(*p);
}

static int fail_file(struct hc_fault *fault, const char *path, int error)
{
	hc_fault_set(fault, HC_FAULT_INVALID_PARAMS, "%s: cannot be read: %s", path,
		     strerror(-error));
	return error;
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
	for (size_t i = 0; i < N_ROWS; i++) {
		if (rows[i].kind == KIND_LIST)
			hc_list_deinit(slot(conf, &rows[i]));
		else if (is_text(&rows[i]))
			free(*(char **)slot(conf, &rows[i]));
	}
	free(conf);
	return NULL;
}
