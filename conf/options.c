/* SPDX-License-Identifier: MIT */
/*
 * The options of the configuration, a row each. A default is text and goes through the same parser
 * as a value from a file, so a row cannot promise what the parser would refuse.
 */
#include "conf/option.h"
#include "proto/log.h"

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
