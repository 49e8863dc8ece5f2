/* SPDX-License-Identifier: MIT */
/*
 * The table, and how text becomes a value of its type. A default is text and goes through the same
 * parser as a value from a file, so a row cannot promise what the parser would refuse.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/un.h>

#include "conf/network.h"
#include "conf/option.h"
#include "conf/value.h"
#include "proto/log.h"
#include "proto/pattern.h"

static const struct hc_choice log_levels[] = {
	{ "err", HC_LOG_ERR },	 { "warning", HC_LOG_WARNING }, { "notice", HC_LOG_NOTICE },
	{ "info", HC_LOG_INFO }, { "debug", HC_LOG_DEBUG },	{ NULL, 0 },
};

static const struct hc_choice durabilities[] = {
	{ "disk", HC_DURABILITY_DISK },
	{ "process", HC_DURABILITY_PROCESS },
	{ "none", HC_DURABILITY_NONE },
	{ NULL, 0 },
};

static const struct hc_choice rest_accesses[] = {
	{ "token", HC_REST_TOKEN },
	{ "open", HC_REST_OPEN },
	{ NULL, 0 },
};

static const struct hc_choice yes_no[] = {
	{ "yes", true },
	{ "no", false },
	{ NULL, 0 },
};

static const struct hc_choice off_on[] = {
	{ "off", false },
	{ "on", true },
	{ NULL, 0 },
};

static const struct hc_choice bpf_uses[] = {
	{ "auto", HC_BPF_AUTO },
	{ "off", HC_BPF_OFF },
	{ NULL, 0 },
};

static const struct hc_choice table_sources[] = {
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
const struct hc_option hc_options[] = {
	{ { "hostcast", "log_level", "notice",
	    "What is logged: err, warning, notice, info (a line an event) or debug.", RELOAD },
	  HC_OPTION_CHOICE, AT(hostcast.log_level), 0, 0, log_levels },
	{ { "hostcast", "socket", "/run/hostcast/hub.sock",
	    "UNIX socket of the hub, for the loader, the REST program and the hostcast command.", RESTART },
	  HC_OPTION_SOCKET, AT(hostcast.socket), 1, 0, NULL },
	{ { "hostcast", "types_dir", HC_DATADIR "/types",
	    "Directory of the event types that came with the programs.", RESTART },
	  HC_OPTION_PATH, AT(hostcast.types_dir), 1, 0, NULL },
	{ { "hostcast", "types_site_dir", HC_SYSCONFDIR "/hostcast/types.d",
	    "Directory of your own event types; it may be missing.", RESTART },
	  HC_OPTION_PATH, AT(hostcast.types_site_dir), 0, 0, NULL },

	{ { "hub", "listen", "127.0.0.1",
	    "Address for WebSocket connections; empty: none but through Apache.", RESTART },
	  HC_OPTION_ADDRESS, AT(hub.listen), 0, 0, NULL },
	{ { "hub", "port", "8090",
	    "Port on that address; 0: any free one, which is logged.", RESTART },
	  HC_OPTION_U16, AT(hub.port), 0, UINT16_MAX, NULL },
	{ { "hub", "web_socket", "/run/hostcast/ws.sock",
	    "UNIX socket that Apache sends WebSocket connections to; empty: none.", RESTART },
	  HC_OPTION_SOCKET, AT(hub.web_socket), 0, 0, NULL },
	{ { "hub", "prefix", "",
	    "Put before every endpoint: with /latest, /ws/events becomes /latest/ws/events.", RESTART },
	  HC_OPTION_PREFIX, AT(hub.prefix), 0, 0, NULL },
	{ { "hub", "ring_bytes", "64M",
	    "Memory for the newest events and their ready frames.", RESTART },
	  HC_OPTION_BYTES, AT(hub.ring_bytes), MIB, 4 * GIB, NULL },
	{ { "hub", "drain_seconds", "10s",
	    "Over this time clients are sent away at a stop, and asked to come back.", RELOAD },
	  HC_OPTION_DURATION, AT(hub.drain_ms), 0, HOUR, NULL },

	{ { "tls", "listen", "",
	    "Address for WebSocket connections over TLS; empty: none.", RESTART },
	  HC_OPTION_ADDRESS, AT(tls.listen), 0, 0, NULL },
	{ { "tls", "port", "8444",
	    "Port on that address; 0: any free one, which is logged.", RESTART },
	  HC_OPTION_U16, AT(tls.port), 0, UINT16_MAX, NULL },
	{ { "tls", "certificate", "",
	    "Certificate, and those that lead from it to a root: a PEM file.", RELOAD },
	  HC_OPTION_PATH, AT(tls.certificate), 0, 0, NULL },
	{ { "tls", "key", "",
	    "Key of the certificate, a PEM file that nobody else may read.", RELOAD },
	  HC_OPTION_PATH, AT(tls.key), 0, 0, NULL },

	{ { "log", "path", "/var/lib/hostcast/events.db",
	    "The event log; its directory must be writable by the hub.", RESTART },
	  HC_OPTION_PATH, AT(log.path), 1, 0, NULL },
	{ { "log", "durability", "disk",
	    "What acknowledged events survive: disk (a power cut), process (a crash), none.", RESTART },
	  HC_OPTION_CHOICE, AT(log.durability), 0, 0, durabilities },
	{ { "log", "keep_age", "30d",
	    "How long events are kept; 0: for ever.", RESTART },
	  HC_OPTION_AGE, AT(log.keep_age_ms), 0, 36500 * 24 * HOUR, NULL },
	{ { "log", "keep_events", "0",
	    "How many events are kept; 0: any number.", RESTART },
	  HC_OPTION_U32, AT(log.keep_events), 0, UINT32_MAX, NULL },
	{ { "log", "keep_bytes", "1G",
	    "How large the log may grow; 0: without limit.", RESTART },
	  HC_OPTION_BYTES, AT(log.keep_bytes), 0, 65536 * GIB, NULL },
	{ { "log", "consumers_max", "64",
	    "How many durable consumers there may be.", RESTART },
	  HC_OPTION_U32, AT(log.consumers_max), 0, 2000, NULL },

	{ { "clients", "max", "0",
	    "Clients in all; 0: as many as there are file descriptors for.", RELOAD },
	  HC_OPTION_U32, AT(clients.max), 0, 1000000, NULL },
	{ { "clients", "max_per_address", "0",
	    "Clients from one address, or one IPv6 /64; 0: half of all.", RELOAD },
	  HC_OPTION_U32, AT(clients.max_per_address), 0, 1000000, NULL },
	{ { "clients", "max_per_user", "0",
	    "Clients with tokens of one user; 0: half of all.", RELOAD },
	  HC_OPTION_U32, AT(clients.max_per_user), 0, 1000000, NULL },
	{ { "clients", "accept_rate", "1000",
	    "New clients a second, the others wait; 0: any number.", RELOAD },
	  HC_OPTION_U32, AT(clients.accept_rate), 0, 1000000, NULL },
	{ { "clients", "trusted_proxies", "",
	    "Addresses or networks of proxies that connect over TCP and whose X-Forwarded-For is believed.", RELOAD },
	  HC_OPTION_NETWORKS, AT(clients.trusted_proxies), 0, 0, NULL },
	{ { "clients", "send_buffer", "64K",
	    "Socket buffer of a client: all the memory that a stalled one costs.", RELOAD },
	  HC_OPTION_BYTES, AT(clients.send_buffer_bytes), 4 * KIB, 16 * MIB, NULL },
	{ { "clients", "message_max", "64K",
	    "Longest message a client may send.", RELOAD },
	  HC_OPTION_BYTES, AT(clients.message_max_bytes), KIB, MIB, NULL },
	{ { "clients", "stall_timeout", "10s",
	    "A client that takes nothing for so long is closed with 4008.", RELOAD },
	  HC_OPTION_DURATION, AT(clients.stall_timeout_ms), 100, HOUR, NULL },
	{ { "clients", "heartbeat", "30s",
	    "A client that got nothing for so long is sent {\"type\":\"ping\"}.", RELOAD },
	  HC_OPTION_DURATION, AT(clients.heartbeat_ms), 100, HOUR, NULL },
	{ { "clients", "pong_timeout", "45s",
	    "A client that answers no ping for so long is taken for dead.", RELOAD },
	  HC_OPTION_DURATION, AT(clients.pong_timeout_ms), 100, HOUR, NULL },
	{ { "clients", "patterns_max", "64",
	    "Patterns and channels one client may subscribe to.", RELOAD },
	  HC_OPTION_U32, AT(clients.patterns_max), 1, 4096, NULL },
	{ { "clients", "origins", "same",
	    "Web pages that may connect: their origins, same (of the host they connect to) or * (any).", RELOAD },
	  HC_OPTION_ORIGINS, AT(clients.origins), 0, 0, NULL },
	{ { "clients", "message_rate", "20",
	    "Messages a second that a client may send, two seconds' worth at once; 0: any number.", RELOAD },
	  HC_OPTION_U32, AT(clients.message_rate), 0, 1000000, NULL },
	{ { "clients", "fragments_max", "64",
	    "Frames that one message of a client may be cut into.", RELOAD },
	  HC_OPTION_U32, AT(clients.fragments_max), 1, 65536, NULL },
	{ { "clients", "compression", "off",
	    "Whether messages are deflated for clients that offer it (permessage-deflate): off or on.", RELOAD },
	  HC_OPTION_CHOICE, AT(clients.compression), 0, 0, off_on },
	{ { "clients", "compression_min", "1K",
	    "Events from that length on are deflated, shorter ones go as they are.", RESTART },
	  HC_OPTION_BYTES, AT(clients.compression_min_bytes), 64, MIB, NULL },

	{ { "auth", "key_file", "",
	    "Files with the keys of tokens: an HS256 secret or a public key each; empty: no token is valid.", RELOAD },
	  HC_OPTION_PATHS, AT(auth.key_files), 0, 0, NULL },
	{ { "auth", "audience", "hostcast",
	    "What a token that has an audience (aud) must name.", RELOAD },
	  HC_OPTION_TEXT, AT(auth.audience), 1, 0, NULL },
	{ { "auth", "issuer", "",
	    "Who must have issued a token (iss); empty: anybody who has the key.", RELOAD },
	  HC_OPTION_TEXT, AT(auth.issuer), 0, 0, NULL },
	{ { "auth", "revocations_file", "/var/lib/hostcast/revocations.json",
	    "Where revoked tokens are remembered; its directory must be writable by the hub.", RESTART },
	  HC_OPTION_PATH, AT(auth.revocations_file), 1, 0, NULL },
	{ { "auth", "publish", "token",
	    "Who may publish over REST: token (one that grants the type) or open (anybody).", RELOAD },
	  HC_OPTION_CHOICE, AT(auth.publish), 0, 0, rest_accesses },
	{ { "auth", "read", "open",
	    "Who may read history and state over REST: token (one that grants the type) or open (anybody).", RELOAD },
	  HC_OPTION_CHOICE, AT(auth.read), 0, 0, rest_accesses },
	{ { "auth", "query_token", "yes",
	    "Whether a token may stand in the URL (?token=): yes or no.", RELOAD },
	  HC_OPTION_CHOICE, AT(auth.query_token), 0, 0, yes_no },
	{ { "auth", "timeout", "10s",
	    "How long a client that needs a token may take to send it as its first message.", RELOAD },
	  HC_OPTION_DURATION, AT(auth.timeout_ms), 100, HOUR, NULL },

	{ { "mounts", "namespace", "host",
	    "Whose mounts are told: host, self, or the process id of someone in that namespace.", RESTART },
	  HC_OPTION_NAMESPACE, AT(mounts.mount_namespace), 0, 0, NULL },
	{ { "mounts", "bpf", "auto",
	    "auto: ask the kernel who mounted, where it allows that; off: read the table only.", RESTART },
	  HC_OPTION_CHOICE, AT(mounts.bpf), 0, 0, bpf_uses },
	{ { "mounts", "table", "auto",
	    "How the table is read: statmount (Linux 6.8), libmount, or auto.", RESTART },
	  HC_OPTION_CHOICE, AT(mounts.table), 0, 0, table_sources },
	{ { "mounts", "filesystems", "*",
	    "File system types worth telling; *: all but the excluded.", RESTART },
	  HC_OPTION_LIST, AT(mounts.filesystems), 1, 0, NULL },
	{ { "mounts", "exclude_filesystems",
	    "autofs binfmt_misc bpf cgroup cgroup2 configfs debugfs devpts devtmpfs efivarfs fusectl "
	    "hugetlbfs mqueue nsfs proc pstore ramfs rpc_pipefs securityfs squashfs sysfs tracefs",
	    "File system types never told: the kernel's own, and snaps.", RESTART },
	  HC_OPTION_LIST, AT(mounts.exclude_filesystems), 0, 0, NULL },
	{ { "mounts", "exclude_paths",
	    "/run/user/* /run/credentials/* /run/containerd/* /var/lib/docker/* /var/lib/containers/* /snap/*",
	    "Mount paths never told, as glob(7) patterns.", RESTART },
	  HC_OPTION_LIST, AT(mounts.exclude_paths), 0, 0, NULL },
	{ { "mounts", "state", "/run/hostcast/mounts",
	    "The table as it was told last: with it, monitoring that is switched off stays so over a restart.", RESTART },
	  HC_OPTION_PATH, AT(mounts.state_file), 1, 0, NULL },
	{ { "mounts", "reconcile", "60s",
	    "How often the whole table is compared, whatever was noticed.", RESTART },
	  HC_OPTION_DURATION, AT(mounts.reconcile_ms), 100, 24 * HOUR, NULL },

	{ { "rest", "timeout", "5s",
	    "How long one question to the hub may take.", RELOAD },
	  HC_OPTION_DURATION, AT(rest.timeout_ms), 100, 60 * SECOND, NULL },
	{ { "rest", "body_max", "1M",
	    "Longest request body; Apache's FcgidMaxRequestLen must be above it.", RELOAD },
	  HC_OPTION_BYTES, AT(rest.body_max_bytes), KIB, 64 * MIB, NULL },

	{ { "health", "interval", "30s",
	    "How often system.health is told; 0: never.", RESTART },
	  HC_OPTION_DURATION, AT(health.interval_ms), 0, 24 * HOUR, NULL },
};
/* clang-format on */

const size_t hc_options_count = HC_ARRAY_LEN(hc_options);

const struct hc_conf_option *hc_conf_option_at(size_t index)
{
	return index < hc_options_count ? &hc_options[index].about : NULL;
}

const struct hc_option *hc_option_find(const char *section, const char *key)
{
	for (size_t i = 0; i < hc_options_count; i++) {
		const struct hc_conf_option *about = &hc_options[i].about;

		if ((!section || !strcmp(about->section, section)) && !strcmp(about->key, key))
			return &hc_options[i];
	}
	return NULL;
}

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

static bool text_fits(const struct hc_option *option, const char *text)
{
	if (!*text)
		return !option->min && option->kind != HC_OPTION_NAMESPACE;
	switch (option->kind) {
	case HC_OPTION_ADDRESS:
		return is_address(text);
	case HC_OPTION_PREFIX:
		return is_prefix(text);
	case HC_OPTION_NAMESPACE:
		return is_namespace(text);
	case HC_OPTION_PATH:
		return text[0] == '/';
	case HC_OPTION_SOCKET:
		return text[0] == '/' &&
		       strlen(text) < sizeof(((struct sockaddr_un *)NULL)->sun_path);
	default:
		return true;
	}
}

static bool is_text(const struct hc_option *option)
{
	return option->kind <= HC_OPTION_SOCKET;
}

static bool read_number(uint64_t *ret, const struct hc_option *option, const char *text)
{
	uint64_t value;
	bool valid;

	if (option->kind == HC_OPTION_BYTES)
		valid = hc_value_bytes(&value, text);
	else if (option->kind == HC_OPTION_DURATION || option->kind == HC_OPTION_AGE)
		valid = hc_value_duration(&value, text);
	else
		valid = hc_value_number(&value, text);
	if (!valid || value < option->min || value > option->max)
		return false;
	*ret = value;
	return true;
}

static void *slot(void *base, const struct hc_option *option)
{
	return (char *)base + option->offset;
}

static bool is_list(const struct hc_option *option)
{
	return option->kind >= HC_OPTION_LIST;
}

/* As a browser writes it: scheme, host, perhaps a port; RFC 6454 section 6.2. */
static bool is_origin(const char *text)
{
	static const char authority[] = "abcdefghijklmnopqrstuvwxyz0123456789-._~:[]";
	const char *host = strstr(text, "://");

	return host && host > text &&
	       strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789+-.") == (size_t)(host - text) &&
	       host[3] && !host[3 + strspn(host + 3, authority)];
}

static bool item_fits(const struct hc_option *option, const char *item)
{
	switch (option->kind) {
	case HC_OPTION_PATHS:
		return item[0] == '/';
	case HC_OPTION_PATTERNS:
		return hc_pattern_check(hc_str(item), NULL);
	case HC_OPTION_ENDPOINTS:
		return hc_endpoint_path_is_valid(item);
	case HC_OPTION_ORIGINS:
		return !strcmp(item, "same") || !strcmp(item, "*") || is_origin(item);
	case HC_OPTION_NETWORKS:
		return hc_network_parse(&(struct hc_network){ 0 }, hc_str(item));
	default:
		return true;
	}
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

static bool store_choice(void *base, const struct hc_option *option, const char *text)
{
	for (const struct hc_choice *at = option->choices; at->name; at++) {
		if (strcmp(at->name, text))
			continue;
		*(int *)slot(base, option) = at->value;
		return true;
	}
	return false;
}

static void store_number(void *base, const struct hc_option *option, uint64_t value)
{
	if (option->kind == HC_OPTION_U16)
		*(uint16_t *)slot(base, option) = (uint16_t)value;
	else if (option->kind == HC_OPTION_BYTES || option->kind == HC_OPTION_AGE)
		*(uint64_t *)slot(base, option) = value;
	else
		*(uint32_t *)slot(base, option) = (uint32_t)value;
}

static int store_list(struct hc_list *list, const struct hc_option *option, const char *text,
		      bool more)
{
	int r;

	if (!more)
		hc_list_deinit(list);
	r = hc_list_append(list, text);
	if (r)
		return r;
	for (size_t i = 0; i < list->n; i++)
		if (!item_fits(option, list->items[i]))
			return -EINVAL;
	return option->min && !list->n ? -EINVAL : 0;
}

int hc_option_store(const struct hc_option *option, void *base, const char *text, bool more)
{
	uint64_t value;

	if (is_list(option))
		return store_list(slot(base, option), option, text, more);
	if (option->kind == HC_OPTION_CHOICE)
		return store_choice(base, option, text) ? 0 : -EINVAL;
	if (is_text(option))
		return text_fits(option, text) ? store_text(slot(base, option), text) : -EINVAL;
	if (!read_number(&value, option, text))
		return -EINVAL;
	store_number(base, option, value);
	return 0;
}

static size_t size_of(const struct hc_option *option)
{
	if (is_text(option))
		return sizeof(char *);
	if (is_list(option))
		return sizeof(struct hc_list);
	switch (option->kind) {
	case HC_OPTION_U16:
		return sizeof(uint16_t);
	case HC_OPTION_BYTES:
		return sizeof(uint64_t);
	case HC_OPTION_CHOICE:
		return sizeof(int);
	default:
		return sizeof(uint32_t);
	}
}

static bool are_same_lists(const struct hc_list *a, const struct hc_list *b)
{
	if (a->n != b->n)
		return false;
	for (size_t i = 0; i < a->n; i++)
		if (strcmp(a->items[i], b->items[i]) != 0)
			return false;
	return true;
}

bool hc_option_same(const struct hc_option *option, const void *a, const void *b)
{
	const void *at_a = (const char *)a + option->offset;
	const void *at_b = (const char *)b + option->offset;

	if (is_text(option))
		return !strcmp(*(char *const *)at_a, *(char *const *)at_b);
	if (is_list(option))
		return are_same_lists(at_a, at_b);
	return !memcmp(at_a, at_b, size_of(option));
}

void hc_option_swap(const struct hc_option *option, void *a, void *b)
{
	char kept[sizeof(struct hc_list)];
	size_t size = size_of(option);

	memcpy(kept, slot(a, option), size);
	memcpy(slot(a, option), slot(b, option), size);
	memcpy(slot(b, option), kept, size);
}

void hc_option_clear(const struct hc_option *option, void *base)
{
	if (is_list(option))
		hc_list_deinit(slot(base, option));
	else if (is_text(option))
		free(*(char **)slot(base, option));
}

void hc_option_expect(char ret[static HC_OPTION_EXPECTED_MAX], const struct hc_option *option)
{
	static const char *const texts[] = {
		[HC_OPTION_ADDRESS] = "an IPv4 or IPv6 address, or nothing",
		[HC_OPTION_PREFIX] = "a path such as /latest, without a slash at its end",
		[HC_OPTION_NAMESPACE] = "host, self or a process id",
		[HC_OPTION_TEXT] = "text",
		[HC_OPTION_PATH] = "an absolute path",
		[HC_OPTION_SOCKET] = "an absolute path of at most 107 bytes",
		[HC_OPTION_LIST] = "one or more words",
		[HC_OPTION_PATHS] = "absolute paths",
		[HC_OPTION_PATTERNS] = "patterns of event types, such as alert.* job.progress",
		[HC_OPTION_ORIGINS] = "same, *, or origins such as https://example.org:8443",
		[HC_OPTION_NETWORKS] = "addresses or networks such as 10.0.0.0/8",
		[HC_OPTION_ENDPOINTS] = "paths such as /ws/events or /ws/{user_id}",
	};
	char min[HC_VALUE_TEXT_MAX], max[HC_VALUE_TEXT_MAX];
	size_t len = 0;

	switch (option->kind) {
	case HC_OPTION_U16:
	case HC_OPTION_U32:
		snprintf(ret, HC_OPTION_EXPECTED_MAX, "a number from %u to %u",
			 (unsigned int)option->min, (unsigned int)option->max);
		break;
	case HC_OPTION_BYTES:
		hc_value_format_bytes(min, option->min);
		hc_value_format_bytes(max, option->max);
		snprintf(ret, HC_OPTION_EXPECTED_MAX, "a size from %s to %s", min, max);
		break;
	case HC_OPTION_DURATION:
	case HC_OPTION_AGE:
		hc_value_format_duration(min, option->min);
		hc_value_format_duration(max, option->max);
		snprintf(ret, HC_OPTION_EXPECTED_MAX, "a duration from %s to %s", min, max);
		break;
	case HC_OPTION_CHOICE:
		for (const struct hc_choice *at = option->choices; at->name; at++)
			len += (size_t)snprintf(ret + len, HC_OPTION_EXPECTED_MAX - len, "%s%s",
						!len	     ? ""
						: at[1].name ? ", "
							     : " or ",
						at->name);
		break;
	default:
		snprintf(ret, HC_OPTION_EXPECTED_MAX, "%s", texts[option->kind]);
	}
}
