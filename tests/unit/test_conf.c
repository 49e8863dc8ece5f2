/* SPDX-License-Identifier: MIT */
/*
 * Files are memfds, read as /proc/self/fd/N: nothing to clean up, nothing shared between tests.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "conf/conf.h"
#include "conf/option.h"
#include "conf/value.h"
#include "proto/buffer.h"
#include "proto/fault.h"
#include "proto/log.h"

#define SAMPLE "conf/hostcast.conf"
#define MANUAL "conf/hostcast.conf.5"

static int load_bytes(struct hc_conf **ret, const char *data, size_t len, struct hc_fault *fault)
{
	HC_CLEANUP(hc_closep) int fd = memfd_create("conf", MFD_CLOEXEC);
	char path[32];

	cr_assert_geq(fd, 0);
	cr_assert_eq(write(fd, data, len), (ssize_t)len);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return hc_conf_load(ret, path, fault);
}

static int load_text(struct hc_conf **ret, const char *text, struct hc_fault *fault)
{
	return load_bytes(ret, text, strlen(text), fault);
}

/* The message without the path: "2: [hub] port: ..." */
static const char *without_path(const struct hc_fault *fault)
{
	const char *colon = strchr(fault->message, ':');

	cr_assert_not_null(colon, "no path in \"%s\"", fault->message);
	return colon + 1;
}

static void assert_refused(const char *text, const char *message)
{
	struct hc_fault fault = HC_FAULT_NULL;
	struct hc_conf *conf = NULL;

	cr_assert_eq(load_text(&conf, text, &fault), -EINVAL, "taken: %s", text);
	cr_assert_null(conf);
	cr_assert_eq(fault.code, HC_FAULT_INVALID_PARAMS);
	cr_assert_str_eq(without_path(&fault), message);
}

static char *read_text(const char *path)
{
	char *text = NULL;
	size_t size = 0;
	FILE *file = fopen(path, "re");

	cr_assert_not_null(file, "%s: %m", path);
	cr_assert_gt(getdelim(&text, &size, '\0', file), 0);
	fclose(file);
	return text;
}

static void assert_lists_equal(const struct hc_list *a, const struct hc_list *b, const char *key)
{
	cr_assert_eq(a->n, b->n, "%s: %zu and %zu words", key, a->n, b->n);
	for (size_t i = 0; i < a->n; i++)
		cr_assert_str_eq(a->items[i], b->items[i], "%s: word %zu", key, i);
}

static size_t number_size(enum hc_option_kind kind)
{
	switch (kind) {
	case HC_OPTION_U16:
		return sizeof(uint16_t);
	case HC_OPTION_BYTES:
	case HC_OPTION_AGE:
		return sizeof(uint64_t);
	default:
		return sizeof(uint32_t);
	}
}

static void assert_equal(const struct hc_conf *a, const struct hc_conf *b)
{
	for (size_t i = 0; i < hc_options_count; i++) {
		const struct hc_option *option = &hc_options[i];
		const char *at_a = (const char *)a + option->offset;
		const char *at_b = (const char *)b + option->offset;

		if (option->kind >= HC_OPTION_LIST)
			assert_lists_equal((const struct hc_list *)at_a,
					   (const struct hc_list *)at_b, option->about.key);
		else if (option->kind <= HC_OPTION_SOCKET)
			cr_assert_str_eq(*(char *const *)at_a, *(char *const *)at_b);
		else
			cr_assert(!memcmp(at_a, at_b, number_size(option->kind)), "%s differs",
				  option->about.key);
	}
}

Test(conf, no_file_gives_the_defaults)
{
	HC_CLEANUP(hc_conf_freep) struct hc_conf *conf = NULL;

	cr_assert_eq(hc_conf_load(&conf, NULL, NULL), 0);
	cr_assert_eq(conf->hostcast.log_level, HC_LOG_NOTICE);
	cr_assert_str_eq(conf->hostcast.socket, "/run/hostcast/hub.sock");
	cr_assert_str_eq(conf->hostcast.types_dir, HC_DATADIR "/types");
	cr_assert_str_eq(conf->hub.listen, "127.0.0.1");
	cr_assert_eq(conf->hub.port, 8090);
	cr_assert_str_eq(conf->hub.prefix, "");
	cr_assert_eq(conf->hub.ring_bytes, 64 << 20);
	cr_assert_eq(conf->log.durability, HC_DURABILITY_DISK);
	cr_assert_eq(conf->clients.send_buffer_bytes, 65536);
	cr_assert_eq(conf->clients.stall_timeout_ms, 10000);
	cr_assert_eq(conf->clients.heartbeat_ms, 30000);
	cr_assert_eq(conf->clients.pong_timeout_ms, 45000);
	cr_assert_eq(conf->clients.patterns_max, 64);
	cr_assert_eq(conf->auth.key_files.n, 0);
	cr_assert_str_eq(conf->auth.audience, "hostcast");
	cr_assert_str_eq(conf->auth.issuer, "");
	cr_assert_eq(conf->auth.publish, HC_REST_TOKEN);
	cr_assert_str_eq(conf->mounts.mount_namespace, "host");
	cr_assert_eq(conf->mounts.filesystems.n, 1);
	cr_assert_str_eq(conf->mounts.filesystems.items[0], "*");
	cr_assert_eq(conf->mounts.exclude_paths.n, 6);
	cr_assert_eq(conf->mounts.reconcile_ms, 60000);
	cr_assert_eq(conf->rest.body_max_bytes, 1 << 20);
}

Test(conf, an_empty_file_gives_the_defaults)
{
	HC_CLEANUP(hc_conf_freep) struct hc_conf *conf = NULL, *defaults = NULL;
	struct hc_fault fault = HC_FAULT_NULL;

	cr_assert_eq(load_text(&conf, "", &fault), 0, "%s", fault.message);
	cr_assert_eq(hc_conf_load(&defaults, NULL, NULL), 0);
	assert_equal(conf, defaults);
}

Test(conf, every_kind_of_value_is_read)
{
	HC_CLEANUP(hc_conf_freep) struct hc_conf *conf = NULL;
	struct hc_fault fault = HC_FAULT_NULL;
	const char *text = "\xef\xbb\xbf# a comment\r\n"
			   "[hostcast]\r\n"
			   "log_level=debug\r\n"
			   "socket : /tmp/a b.sock\r\n"
			   "\r\n"
			   "; another\r\n"
			   "[hub]\n"
			   "listen = ::1 ; behind a value\n"
			   "port = 0\n"
			   "prefix = /latest/v1\n"
			   "web_socket =\n"
			   "ring_bytes = 4G\n"
			   "[log]\n"
			   "durability = none\n"
			   "[hub] # a section may come twice\n"
			   "[clients]\n"
			   "message_max = 4096\n"
			   "stall_timeout = 500ms\n"
			   "heartbeat = 20\n"
			   "pong_timeout = 2m\n"
			   "[auth]\n"
			   "publish = open\n"
			   "[mounts]\n"
			   "  namespace = 4711\n"
			   "table = statmount\n"
			   "filesystems = ext4,vfat  , exfat\n"
			   "# a comment within a list\n"
			   "\txfs btrfs\n"
			   "\n"
			   "    ntfs3\n"
			   "exclude_filesystems =\n"
			   "reconcile = 1h";

	cr_assert_eq(load_text(&conf, text, &fault), 0, "%s", fault.message);
	cr_assert_eq(conf->hostcast.log_level, HC_LOG_DEBUG);
	cr_assert_str_eq(conf->hostcast.socket, "/tmp/a b.sock");
	cr_assert_str_eq(conf->hub.listen, "::1");
	cr_assert_eq(conf->hub.port, 0);
	cr_assert_str_eq(conf->hub.prefix, "/latest/v1");
	cr_assert_str_eq(conf->hub.web_socket, "");
	cr_assert_eq(conf->hub.ring_bytes, UINT64_C(4) << 30);
	cr_assert_eq(conf->log.durability, HC_DURABILITY_NONE);
	cr_assert_eq(conf->clients.message_max_bytes, 4096);
	cr_assert_eq(conf->clients.stall_timeout_ms, 500);
	cr_assert_eq(conf->clients.heartbeat_ms, 20000);
	cr_assert_eq(conf->clients.pong_timeout_ms, 120000);
	cr_assert_eq(conf->auth.publish, HC_REST_OPEN);
	cr_assert_str_eq(conf->mounts.mount_namespace, "4711");
	cr_assert_eq(conf->mounts.table, HC_TABLE_STATMOUNT);
	cr_assert_eq(conf->mounts.filesystems.n, 6);
	cr_assert_str_eq(conf->mounts.filesystems.items[2], "exfat");
	cr_assert_str_eq(conf->mounts.filesystems.items[5], "ntfs3");
	cr_assert_eq(conf->mounts.exclude_filesystems.n, 0);
	cr_assert_eq(conf->mounts.reconcile_ms, 3600000);
}

/* One broken configuration a row, with the whole message behind "path:". */
static const struct {
	const char *text;
	const char *message;
} broken[] = {
	/* the shape of the file */
	{ "port = 1\n", "1: \"port\": an option before any [section]" },
	{ "[hub\nport = 1\n",
	  "1: \"[hub\" is not valid, expected [section], key = value or # comment" },
	{ "[hub]\nport\n",
	  "2: \"port\" is not valid, expected [section], key = value or # comment" },
	{ "[hub]\n\n# fine\nport 8090\r\n[log]\n",
	  "4: \"port 8090\" is not valid, expected [section], key = value or # comment" },
	{ "[hub]\nnonsense\nport = x\n",
	  "2: \"nonsense\" is not valid, expected [section], key = value or # comment" },
	{ "[hub]\nport = x\nnonsense\n",
	  "2: [hub] port: \"x\" is not valid, expected a number from 0 to 65535" },
	{ "[hub]\nport = 1\nport = 2\n", "3: [hub] port: given twice, first in line 2" },
	{ "[hub]\nport = 1\n[log]\n[hub]\nport = 1\n",
	  "5: [hub] port: given twice, first in line 2" },
	{ "[hub]\nport = 1\n  prefix = /a\n",
	  "3: [hub] port: an indented line continues the value above, and only lists may be" },

	/* names */
	{ "[hubb]\nport = 1\n",
	  "2: [hubb]: no such section; there are "
	  "hostcast, hub, tls, log, clients, auth, mounts, rest, health, endpoint PATH" },
	{ "[Hub]\nport = 1\n",
	  "2: [Hub]: no such section; there are "
	  "hostcast, hub, tls, log, clients, auth, mounts, rest, health, endpoint PATH" },
	{ "[]\nport = 1\n", "2: \"port\": an option before any [section]" },
	{ "[hub]\nprot = 1\n",
	  "2: [hub] prot: unknown key; there are listen, port, web_socket, prefix, ring_bytes, "
	  "drain_seconds" },
	{ "[hub]\nPort = 1\n",
	  "2: [hub] Port: unknown key; there are listen, port, web_socket, prefix, ring_bytes, "
	  "drain_seconds" },
	{ "[log]\nport = 1\n", "2: [log] port: unknown key here; it belongs in [hub]" },
	{ "[rest]\n = 1\n", "2: [rest] : unknown key; there are timeout, body_max" },
	{ "[rest]\nbody_max_bytes = 64K\n",
	  "2: [rest] body_max_bytes: unknown key; there are timeout, body_max" },

	/* numbers */
	{ "[hub]\nport =\n", "2: [hub] port: has no value, expected a number from 0 to 65535" },
	{ "[hub]\nport = 65536\n",
	  "2: [hub] port: \"65536\" is not valid, expected a number from 0 to 65535" },
	{ "[hub]\nport = -1\n",
	  "2: [hub] port: \"-1\" is not valid, expected a number from 0 to 65535" },
	{ "[hub]\nport = +1\n",
	  "2: [hub] port: \"+1\" is not valid, expected a number from 0 to 65535" },
	{ "[hub]\nport = 0x10\n",
	  "2: [hub] port: \"0x10\" is not valid, expected a number from 0 to 65535" },
	{ "[hub]\nport = 80 90\n",
	  "2: [hub] port: \"80 90\" is not valid, expected a number from 0 to 65535" },
	{ "[hub]\nport = 80 # no comment starts here\n",
	  "2: [hub] port: \"80 # no comment starts here\" is not valid, "
	  "expected a number from 0 to 65535" },
	{ "[hub]\nport = 99999999999999999999\n",
	  "2: [hub] port: \"99999999999999999999\" is not valid, "
	  "expected a number from 0 to 65535" },
	{ "[clients]\npatterns_max = 0\n",
	  "2: [clients] patterns_max: \"0\" is not valid, expected a number from 1 to 4096" },
	{ "[clients]\npatterns_max = 4097\n",
	  "2: [clients] patterns_max: \"4097\" is not valid, expected a number from 1 to 4096" },
	{ "[clients]\npatterns_max = many\n",
	  "2: [clients] patterns_max: \"many\" is not valid, expected a number from 1 to 4096" },

	/* sizes */
	{ "[hub]\nring_bytes = 1023K\n",
	  "2: [hub] ring_bytes: \"1023K\" is not valid, expected a size from 1M to 4G" },
	{ "[hub]\nring_bytes = 5G\n",
	  "2: [hub] ring_bytes: \"5G\" is not valid, expected a size from 1M to 4G" },
	{ "[hub]\nring_bytes = 64 M\n",
	  "2: [hub] ring_bytes: \"64 M\" is not valid, expected a size from 1M to 4G" },
	{ "[hub]\nring_bytes = 64m\n",
	  "2: [hub] ring_bytes: \"64m\" is not valid, expected a size from 1M to 4G" },
	{ "[hub]\nring_bytes = 64MB\n",
	  "2: [hub] ring_bytes: \"64MB\" is not valid, expected a size from 1M to 4G" },
	{ "[hub]\nring_bytes = 1.5G\n",
	  "2: [hub] ring_bytes: \"1.5G\" is not valid, expected a size from 1M to 4G" },
	{ "[hub]\nring_bytes = M\n",
	  "2: [hub] ring_bytes: \"M\" is not valid, expected a size from 1M to 4G" },
	{ "[clients]\nsend_buffer = 17179869185G\n",
	  "2: [clients] send_buffer: \"17179869185G\" is not valid, "
	  "expected a size from 4K to 16M" },
	{ "[rest]\nbody_max = 1\n",
	  "2: [rest] body_max: \"1\" is not valid, expected a size from 1K to 64M" },

	/* durations */
	{ "[clients]\nheartbeat = 0\n",
	  "2: [clients] heartbeat: \"0\" is not valid, expected a duration from 100ms to 1h" },
	{ "[clients]\nheartbeat = 99ms\n",
	  "2: [clients] heartbeat: \"99ms\" is not valid, expected a duration from 100ms to 1h" },
	{ "[clients]\nheartbeat = 61m\n",
	  "2: [clients] heartbeat: \"61m\" is not valid, expected a duration from 100ms to 1h" },
	{ "[clients]\nheartbeat = 10sec\n",
	  "2: [clients] heartbeat: \"10sec\" is not valid, expected a duration from 100ms to 1h" },
	{ "[rest]\ntimeout = 2m\n",
	  "2: [rest] timeout: \"2m\" is not valid, expected a duration from 100ms to 1m" },
	{ "[mounts]\nreconcile = never\n",
	  "2: [mounts] reconcile: \"never\" is not valid, expected a duration from 100ms to 1d" },

	/* words */
	{ "[hostcast]\nlog_level = loud\n", "2: [hostcast] log_level: \"loud\" is not valid, "
					    "expected err, warning, notice, info or debug" },
	{ "[hostcast]\nlog_level =\n",
	  "2: [hostcast] log_level: has no value, expected err, warning, notice, info or debug" },
	{ "[log]\ndurability = DISK\n",
	  "2: [log] durability: \"DISK\" is not valid, expected disk, process or none" },
	{ "[auth]\npublish = no\n",
	  "2: [auth] publish: \"no\" is not valid, expected token or open" },
	{ "[mounts]\nbpf = on\n", "2: [mounts] bpf: \"on\" is not valid, expected auto or off" },
	{ "[mounts]\ntable = proc\n",
	  "2: [mounts] table: \"proc\" is not valid, expected auto, statmount or libmount" },

	/* paths, addresses and the like */
	{ "[hostcast]\nsocket = hub.sock\n", "2: [hostcast] socket: \"hub.sock\" is not valid, "
					     "expected an absolute path of at most 107 bytes" },
	{ "[hostcast]\nsocket =\n",
	  "2: [hostcast] socket: has no value, expected an absolute path of at most 107 bytes" },
	{ "[log]\npath = events.db\n",
	  "2: [log] path: \"events.db\" is not valid, expected an absolute path" },
	{ "[log]\npath = ~/events.db\n",
	  "2: [log] path: \"~/events.db\" is not valid, expected an absolute path" },
	{ "[hub]\nlisten = localhost\n", "2: [hub] listen: \"localhost\" is not valid, "
					 "expected an IPv4 or IPv6 address, or nothing" },
	{ "[hub]\nlisten = 127.0.0.1:8090\n", "2: [hub] listen: \"127.0.0.1:8090\" is not valid, "
					      "expected an IPv4 or IPv6 address, or nothing" },
	{ "[hub]\nlisten = [::1]\n", "2: [hub] listen: \"[::1]\" is not valid, "
				     "expected an IPv4 or IPv6 address, or nothing" },
	{ "[hub]\nprefix = latest\n",
	  "2: [hub] prefix: \"latest\" is not valid, "
	  "expected a path such as /latest, without a slash at its end" },
	{ "[hub]\nprefix = /latest/\n",
	  "2: [hub] prefix: \"/latest/\" is not valid, "
	  "expected a path such as /latest, without a slash at its end" },
	{ "[hub]\nprefix = /a//b\n",
	  "2: [hub] prefix: \"/a//b\" is not valid, "
	  "expected a path such as /latest, without a slash at its end" },
	{ "[hub]\nprefix = /a?b\n", "2: [hub] prefix: \"/a?b\" is not valid, "
				    "expected a path such as /latest, without a slash at its end" },
	{ "[mounts]\nnamespace = container\n", "2: [mounts] namespace: \"container\" is not valid, "
					       "expected host, self or a process id" },
	{ "[mounts]\nnamespace = 0\n", "2: [mounts] namespace: \"0\" is not valid, "
				       "expected host, self or a process id" },
	{ "[mounts]\nnamespace =\n",
	  "2: [mounts] namespace: has no value, expected host, self or a process id" },
	{ "[mounts]\nfilesystems =\n",
	  "2: [mounts] filesystems: has no value, expected one or more words" },
	{ "[mounts]\nfilesystems = , ,\n",
	  "2: [mounts] filesystems: \", ,\" is not valid, expected one or more words" },
};

Test(conf, a_broken_file_is_refused_with_line_and_reason)
{
	for (size_t i = 0; i < HC_ARRAY_LEN(broken); i++)
		assert_refused(broken[i].text, broken[i].message);
}

Test(conf, a_message_begins_with_the_path)
{
	struct hc_fault fault = HC_FAULT_NULL;
	struct hc_conf *conf = NULL;

	cr_assert_eq(load_text(&conf, "[hub]\nport = x\n", &fault), -EINVAL);
	cr_assert(!strncmp(fault.message, "/proc/self/fd/", 14));
}

Test(conf, a_missing_file_is_named)
{
	struct hc_fault fault = HC_FAULT_NULL;
	struct hc_conf *conf = NULL;

	cr_assert_eq(hc_conf_load(&conf, "/nonexistent/hostcast.conf", &fault), -ENOENT);
	cr_assert_null(conf);
	cr_assert_str_eq(fault.message, "/nonexistent/hostcast.conf: cannot be read: "
					"No such file or directory");
}

Test(conf, a_directory_is_refused)
{
	struct hc_fault fault = HC_FAULT_NULL;
	struct hc_conf *conf = NULL;

	cr_assert_eq(hc_conf_load(&conf, "/", &fault), -EISDIR);
	cr_assert_str_eq(fault.message, "/: cannot be read: Is a directory");
}

Test(conf, a_nul_byte_is_refused)
{
	static const char data[] = "[hub]\n\nport = 80\0 90\n";
	struct hc_fault fault = HC_FAULT_NULL;
	struct hc_conf *conf = NULL;

	cr_assert_eq(load_bytes(&conf, data, sizeof(data) - 1, &fault), -EINVAL);
	cr_assert_str_eq(without_path(&fault), "3: a NUL byte, expected a text file");
}

Test(conf, a_huge_file_is_refused)
{
	HC_CLEANUP(hc_closep) int fd = memfd_create("conf", MFD_CLOEXEC);
	struct hc_fault fault = HC_FAULT_NULL;
	struct hc_conf *conf = NULL;
	char path[32];

	cr_assert_eq(ftruncate(fd, 1 << 30), 0);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	cr_assert_eq(hc_conf_load(&conf, path, &fault), -EINVAL);
	cr_assert_str_eq(without_path(&fault),
			 "1: not a configuration, expected at most 1048576 bytes");
}

/* "[log]\n" and a line of @len bytes, or a comment of that length */
static int load_long_line(struct hc_conf **ret, const char *start, size_t len,
			  struct hc_fault *fault)
{
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer text = HC_BUFFER_NULL;

	hc_buffer_printf(&text, "[log]\n%s", start);
	while (text.len < strlen("[log]\n") + len)
		hc_buffer_append(&text, "x", 1);
	hc_buffer_append(&text, "\n", 1);
	cr_assert(!text.failed);
	return load_bytes(ret, text.data, text.len, fault);
}

Test(conf, long_lines_are_read_up_to_the_limit_and_then_refused)
{
	HC_CLEANUP(hc_conf_freep) struct hc_conf *conf = NULL, *comment = NULL;
	struct hc_fault fault = HC_FAULT_NULL;
	struct hc_conf *none = NULL;

	cr_assert_eq(load_long_line(&conf, "path=/", 4094, &fault), 0, "%s", fault.message);
	cr_assert_eq(strlen(conf->log.path), 4094 - strlen("path="));
	cr_assert_eq(load_long_line(&none, "path=/", 4095, &fault), -EINVAL);
	cr_assert_str_eq(without_path(&fault), "2: line too long, expected at most 4094 bytes");
	cr_assert_eq(load_long_line(&comment, "# ", 100000, &fault), 0, "%s", fault.message);
}

Test(conf, a_socket_path_fits_sockaddr_un)
{
	char text[256], path[109];
	HC_CLEANUP(hc_conf_freep) struct hc_conf *conf = NULL;
	struct hc_fault fault = HC_FAULT_NULL;
	struct hc_conf *none = NULL;

	memset(path, 'x', sizeof(path));
	path[0] = '/';
	path[107] = '\0';
	snprintf(text, sizeof(text), "[hostcast]\nsocket=%s\n", path);
	cr_assert_eq(load_text(&conf, text, &fault), 0, "%s", fault.message);
	path[107] = 'x';
	path[108] = '\0';
	snprintf(text, sizeof(text), "[hostcast]\nsocket=%s\n", path);
	cr_assert_eq(load_text(&none, text, &fault), -EINVAL);
}

/* Appends @text with the directories of a default build replaced by those of this one. */
static void append_installed(struct hc_buffer *out, const char *text)
{
	static const char *const from[] = { "/usr/local/share/hostcast", "/etc/hostcast" };
	static const char *const to[] = { HC_DATADIR, HC_SYSCONFDIR "/hostcast" };

	while (*text) {
		size_t i = 0;

		while (i < HC_ARRAY_LEN(from) && strncmp(text, from[i], strlen(from[i])))
			i++;
		if (i < HC_ARRAY_LEN(from)) {
			hc_buffer_append_str(out, hc_str(to[i]));
			text += strlen(from[i]);
		} else {
			hc_buffer_append(out, text++, 1);
		}
	}
}

/* Takes the "#" off the lines "#key = value" and "#<tab>more"; "# text" stays a comment. */
static char *uncomment(const char *sample)
{
	struct hc_buffer out = HC_BUFFER_NULL;
	bool at_start = true;

	for (const char *at = sample; *at; at++) {
		if (!at_start || *at != '#' || at[1] == ' ' || at[1] == '\n')
			hc_buffer_append(&out, at, 1);
		at_start = *at == '\n';
	}
	hc_buffer_append(&out, "", 1);
	cr_assert(!out.failed);
	return out.data;
}

static void assert_endpoints_equal(const struct hc_conf_endpoints *a,
				   const struct hc_conf_endpoints *b)
{
	cr_assert_eq(a->n, b->n);
	for (size_t i = 0; i < a->n; i++) {
		const struct hc_conf_endpoint *x = &a->items[i], *y = &b->items[i];

		cr_assert_str_eq(x->path, y->path);
		assert_lists_equal(&x->events, &y->events, x->path);
		assert_lists_equal(&x->always, &y->always, x->path);
		assert_lists_equal(&x->aliases, &y->aliases, x->path);
		assert_lists_equal(&x->sse, &y->sse, x->path);
		cr_assert_eq(x->envelope, y->envelope, "%s", x->path);
		cr_assert_eq(x->timestamps, y->timestamps, "%s", x->path);
		cr_assert_eq(x->auth, y->auth, "%s", x->path);
		cr_assert_eq(x->start, y->start, "%s", x->path);
		cr_assert_eq(x->addressed, y->addressed, "%s", x->path);
		cr_assert_eq(x->enabled, y->enabled, "%s", x->path);
	}
}

Test(conf, the_sample_as_shipped_changes_nothing)
{
	HC_CLEANUP(hc_conf_freep) struct hc_conf *sample = NULL, *defaults = NULL;
	struct hc_fault fault = HC_FAULT_NULL;

	cr_assert_eq(hc_conf_load(&sample, SAMPLE, &fault), 0, "%s", fault.message);
	cr_assert_eq(hc_conf_load(&defaults, NULL, NULL), 0);
	assert_equal(sample, defaults);
	assert_endpoints_equal(&sample->endpoints, &defaults->endpoints);
}

Test(conf, the_sample_shows_every_default)
{
	HC_CLEANUP(hc_conf_freep) struct hc_conf *sample = NULL, *defaults = NULL;
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer installed = HC_BUFFER_NULL;
	struct hc_fault fault = HC_FAULT_NULL;
	char *shipped = read_text(SAMPLE), *active = uncomment(shipped);
	const char *at = active;

	append_installed(&installed, active);
	cr_assert_eq(load_bytes(&sample, installed.data, installed.len, &fault), 0, "%s",
		     fault.message);
	cr_assert_eq(hc_conf_load(&defaults, NULL, NULL), 0);
	assert_equal(sample, defaults);
	for (size_t i = 0; i < hc_options_count; i++) {
		const struct hc_conf_option *about = hc_conf_option_at(i);
		char line[128];

		snprintf(line, sizeof(line), "\n%s =", about->key);
		at = strstr(at, line);
		cr_assert_not_null(at, "the sample lacks [%s] %s, or has it elsewhere",
				   about->section, about->key);
	}
	assert_endpoints_equal(&sample->endpoints, &defaults->endpoints);
	for (size_t i = 0; i < defaults->endpoints.n; i++) {
		char line[128];

		snprintf(line, sizeof(line), "\n[endpoint %s]\n",
			 defaults->endpoints.items[i].path);
		cr_assert_not_null(strstr(active, line), "the sample lacks %s", line);
	}
	free(active);
	free(shipped);
}

/* Each of the options has an item, in this order, from @at on. Returns where the last one is. */
static const char *assert_explained(const char *at, const struct hc_option *options, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const struct hc_conf_option *about = &options[i].about;
		const char *end, *reload;
		char line[128];

		snprintf(line, sizeof(line), "\n.It Cm %s\n", about->key);
		at = strstr(at, line);
		cr_assert_not_null(at, "the manual lacks [%s] %s, or has it elsewhere",
				   about->section, about->key);
		at += strlen(line);
		end = strstr(at, "\n.It Cm ");
		reload = strstr(at, "\nReloadable.\n");
		cr_assert_eq(about->reloadable, reload && (!end || reload < end), "[%s] %s: reload",
			     about->section, about->key);
	}
	return at;
}

Test(conf, the_manual_explains_every_option)
{
	char *manual = read_text(MANUAL);
	const char *at = assert_explained(manual, hc_options, hc_options_count);

	(void)assert_explained(at, hc_endpoint_options, hc_endpoint_options_count);
	free(manual);
}

/* ---- endpoints ---------------------------------------------------------------------------- */

Test(conf, endpoints_that_do_not_go_together_are_refused_with_line_and_reason)
{
	static const struct {
		const char *text, *message;
	} rows[] = {
		{ "[endpoint /a]\nauth = none\nauth = none\n",
		  "3: [endpoint /a] auth: given twice, first in line 2" },
		{ "[endpoint /a]\nauth = maybe\n",
		  "2: [endpoint /a] auth: \"maybe\" is not valid, expected none, token or user" },
		{ "[endpoint /a]\nevents = *.x\n",
		  "2: [endpoint /a] events: \"*.x\" is not valid, expected patterns of event types, "
		  "such as alert.* job.progress" },
		{ "[endpoint /a]\nevents =\n",
		  "2: [endpoint /a] events: has no value, expected patterns of event types, such as "
		  "alert.* job.progress" },
		{ "[endpoint /a]\ncolour = red\n",
		  "2: [endpoint /a] colour: unknown key; there are events, envelope, timestamps, "
		  "auth, start, always, addressed, aliases, sse, enabled" },
		{ "[endpoint a]\nauth = none\n",
		  "1: [endpoint a]: not a path, expected such as /ws/events or /ws/{user_id}" },
		{ "[endpoint /a/{b}/{c}]\nauth = none\n",
		  "1: [endpoint /a/{b}/{c}]: not a path, expected such as /ws/events or "
		  "/ws/{user_id}" },
		{ "[endpoint /a]\nauth = user\n",
		  "2: [endpoint /a] /a does not name the user that auth = user asks for, as "
		  "/ws/{user_id} does" },
		{ "[hub]\nport = 1\n[endpoint /ws/{name}]\nauth = none\n",
		  "4: [endpoint /ws/{user_id}] /ws/{user_id} stands for two endpoints, or twice for "
		  "one" },
		{ "[endpoint /a]\naliases = /b\n[endpoint /b]\nauth = none\n",
		  "2: [endpoint /a] /b stands for two endpoints, or twice for one" },
		{ "[endpoint /a]\naliases = /a\n",
		  "2: [endpoint /a] /a stands for two endpoints, or twice for one" },
		{ "[endpoint /a]\nsse = /events\n",
		  "2: [endpoint /ws/events] /events stands for two endpoints, or twice for one" },
		{ "[endpoint /aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa]\nauth = none\n",
		  "1: section name too long, expected at most 49 bytes" },
	};

	for (size_t i = 0; i < HC_ARRAY_LEN(rows); i++)
		assert_refused(rows[i].text, rows[i].message);
}

Test(conf, a_section_without_options_is_an_endpoint_too)
{
	HC_CLEANUP(hc_conf_freep) struct hc_conf *conf = NULL;
	struct hc_fault fault = HC_FAULT_NULL;

	cr_assert_eq(load_text(&conf, "[endpoint /a]\n# nothing\n[endpoint /b]", &fault), 0, "%s",
		     fault.message);
	cr_expect_str_eq(conf->endpoints.items[conf->endpoints.n - 2].path, "/a");
	cr_expect_str_eq(conf->endpoints.items[conf->endpoints.n - 1].path, "/b");
	cr_expect_str_eq(conf->endpoints.items[conf->endpoints.n - 1].events.items[0], "*");
}

Test(conf, an_endpoint_may_take_the_path_of_one_that_is_not_enabled)
{
	HC_CLEANUP(hc_conf_freep) struct hc_conf *conf = NULL;
	struct hc_fault fault = HC_FAULT_NULL;

	cr_assert_eq(load_text(&conf,
			       "[endpoint /ws/{user_id}]\nenabled = no\n"
			       "[endpoint /ws/{room}]\nauth = none\n"
			       "events = job.*\n  alert.*\n",
			       &fault),
		     0, "%s", fault.message);
	cr_expect_eq(conf->endpoints.items[conf->endpoints.n - 1].events.n, 2);
}

Test(conf, every_row_is_whole)
{
	cr_assert_gt(hc_options_count, 20);
	for (size_t i = 0; i < hc_options_count + hc_endpoint_options_count; i++) {
		const struct hc_option *option =
			i < hc_options_count ? &hc_options[i]
					     : &hc_endpoint_options[i - hc_options_count];
		char expected[HC_OPTION_EXPECTED_MAX] = "";

		hc_option_expect(expected, option);
		cr_assert_neq(expected[0], '\0', "%s", option->about.key);
		cr_assert_gt(strlen(option->about.help), 10, "%s", option->about.key);
		cr_assert(i >= hc_options_count || hc_option_find(option->about.section,
								  option->about.key) == option,
			  "%s stands twice", option->about.key);
	}
	cr_assert_null(hc_conf_option_at(hc_options_count));
}

Test(value, numbers_are_shown_in_the_largest_fitting_unit)
{
	static const struct {
		uint64_t value;
		const char *bytes, *duration;
	} rows[] = {
		{ 0, "0", "0ms" },
		{ 1, "1", "1ms" },
		{ 1000, "1000", "1s" },
		{ 1024, "1K", "1024ms" },
		{ 65536, "64K", "65536ms" },
		{ 90000, "90000", "90s" },
		{ 7200000, "7200000", "2h" },
		{ UINT64_C(31536000000), "30796875K", "365d" },
		{ UINT64_C(3) << 30, "3G", "3221225472ms" },
		{ UINT64_MAX, "18446744073709551615", "18446744073709551615ms" },
	};

	for (size_t i = 0; i < HC_ARRAY_LEN(rows); i++) {
		char text[HC_VALUE_TEXT_MAX];
		uint64_t back = 1;

		hc_value_format_bytes(text, rows[i].value);
		cr_assert_str_eq(text, rows[i].bytes);
		cr_assert(hc_value_bytes(&back, text));
		cr_assert_eq(back, rows[i].value);
		hc_value_format_duration(text, rows[i].value);
		cr_assert_str_eq(text, rows[i].duration);
		cr_assert(hc_value_duration(&back, text));
		cr_assert_eq(back, rows[i].value);
	}
}

Test(value, what_does_not_fit_64_bits_is_refused)
{
	static const char *const texts[] = { "18446744073709551616", "18446744073709551615K", "" };
	uint64_t value = 7;

	for (size_t i = 0; i < HC_ARRAY_LEN(texts); i++) {
		cr_assert(!hc_value_bytes(&value, texts[i]), "%s", texts[i]);
		cr_assert(!hc_value_duration(&value, texts[i]), "%s", texts[i]);
		cr_assert_eq(value, 7);
	}
}
