/* SPDX-License-Identifier: MIT */
/*
 * The configuration: one INI file for all programs, one row an option (conf.c).
 *
 * Values are checked as they are read: an unknown section or key, a key given twice, a value that
 * is not of its type or out of range is an error with file and line. Every option has a default, so
 * no file at all is a valid configuration.
 */
#pragma once

#include "conf/endpoint.h"
#include "proto/base.h"

struct hc_fault;

enum hc_durability {
	HC_DURABILITY_DISK,    /* acknowledged events survive a power cut */
	HC_DURABILITY_PROCESS, /* they survive the hub being killed */
	HC_DURABILITY_NONE,    /* they live in memory */
};

enum hc_rest_access {
	HC_REST_TOKEN, /* a token that grants the type is needed */
	HC_REST_OPEN,  /* none is, except for publishing device.*, detector.*, file.* */
};

enum hc_bpf_use {
	HC_BPF_AUTO, /* where the kernel allows it */
	HC_BPF_OFF,
};

enum hc_table_source {
	HC_TABLE_AUTO,
	HC_TABLE_STATMOUNT, /* Linux 6.8 */
	HC_TABLE_LIBMOUNT,
};

struct hc_conf {
	struct {		      /* [hostcast]: what all programs share */
		int log_level;	      /* enum hc_log_level */
		char *socket;	      /* of the hub, MessagePack-RPC */
		char *types_dir;      /* the shipped registry */
		char *types_site_dir; /* the site's own types; may be missing */
	} hostcast;
	struct {		  /* [hub] */
		char *listen;	  /* address for WebSocket; "" = none */
		uint16_t port;	  /* 0: any free one; it is logged */
		char *web_socket; /* UNIX socket that Apache proxies to; "" = none */
		char *prefix;	  /* before every endpoint, "/latest"; "" = none */
		uint64_t ring_bytes;
		uint32_t drain_ms; /* over which clients are sent away */
	} hub;
	struct {		   /* [tls]: a listener of the hub's own */
		char *listen;	   /* address; "" = none */
		uint16_t port;	   /* 0: any free one; it is logged */
		char *certificate; /* PEM, with its chain */
		char *key;	   /* PEM */
	} tls;
	struct { /* [log] */
		char *path;
		enum hc_durability durability;
		uint64_t keep_age_ms; /* 0: no limit, as below */
		uint32_t keep_events;
		uint64_t keep_bytes;
		uint32_t consumers_max;
	} log;
	struct {				/* [clients] */
		uint32_t max;			/* in all; 0: what descriptors allow */
		uint32_t max_per_address;	/* an IPv6 /64 is one; 0: half of all */
		uint32_t max_per_user;		/* 0: half of all */
		uint32_t accept_rate;		/* new ones a second; 0: no limit */
		struct hc_list trusted_proxies; /* networks whose X-Forwarded-For is believed */
		uint64_t send_buffer_bytes;
		uint64_t message_max_bytes;
		uint32_t stall_timeout_ms;
		uint32_t heartbeat_ms;
		uint32_t pong_timeout_ms;
		uint32_t patterns_max;
		struct hc_list origins; /* of web pages that may connect, "same", "*" */
		uint32_t message_rate;	/* a second, of one client; 0: no limit */
		uint32_t fragments_max;
		int compression; /* bool */
		uint64_t compression_min_bytes;
	} clients;
	struct {			  /* [auth] */
		struct hc_list key_files; /* secrets and public keys; none: no token is valid */
		char *audience;		  /* that a token with "aud" must name */
		char *issuer;		  /* that a token must come from; "" = any */
		char *revocations_file;
		enum hc_rest_access publish;
		enum hc_rest_access read; /* history and state */
		int query_token;	  /* bool: ?token= is taken */
		uint32_t timeout_ms;	  /* for the token in a first message */
	} auth;
	struct {		       /* [mounts] */
		char *mount_namespace; /* "host", "self" or a process id */
		enum hc_bpf_use bpf;
		enum hc_table_source table;
		struct hc_list filesystems; /* types worth telling; "*" = all but the excluded */
		struct hc_list exclude_filesystems; /* types never told */
		struct hc_list exclude_paths;	    /* glob(7) of mount paths never told */
		char *state_file; /* the table, kept across a restart of the loader */
		uint32_t reconcile_ms;
	} mounts;
	struct {		     /* [rest] */
		uint32_t timeout_ms; /* for one question to the hub */
		uint64_t body_max_bytes;
	} rest;
	struct {		      /* [health] */
		uint32_t interval_ms; /* 0: none is told */
	} health;
	struct hc_conf_endpoints endpoints; /* [endpoint PATH] */
};

/**
 * struct hc_conf_option - what the table knows of one option: for the sample, the manual, messages
 */
struct hc_conf_option {
	const char *section;
	const char *key;
	const char *value; /* the default, as it would stand in the file */
	const char *help;  /* one line */
	bool reloadable;   /* taken over on SIGHUP; others need a restart */
};

/** hc_conf_option_at() - the option with that index, in the order of the sample; NULL behind the
 * last */
const struct hc_conf_option *hc_conf_option_at(size_t index);

/**
 * hc_conf_load() - read the configuration
 * @ret:   new configuration, owned by the caller; untouched on failure
 * @path:  of the file, or NULL: the defaults alone
 * @fault: HC_FAULT_INVALID_PARAMS with "file:line: [section] key: what is wrong" as the message
 *
 * Return: 0, -EINVAL (see @fault), -errno of opening the file (also in @fault), -ENOMEM.
 */
int hc_conf_load(struct hc_conf **ret, const char *path, struct hc_fault *fault);
struct hc_conf *hc_conf_free(struct hc_conf *conf);
HC_DEFINE_CLEANUP(struct hc_conf *, hc_conf_free);
