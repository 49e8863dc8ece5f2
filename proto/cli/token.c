/* SPDX-License-Identifier: MIT */
/*
 * A token is as good as its key: whoever can read the key file can make one. So this asks nobody.
 */
#include <getopt.h>
#include <jansson.h>
#include <jwt.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "conf/conf.h"
#include "conf/value.h"
#include "proto/cli/cli.h"
#include "proto/cli/secret.h"
#include "proto/clock.h"
#include "proto/fault.h"
#include "proto/pattern.h"

#define KEY_MIN		   32 /* bytes; RFC 7518 section 3.2: at least the length of the hash */
#define DAY_MS		   (24 * 60 * 60 * UINT64_C(1000))
#define EXPIRES_DEFAULT_MS DAY_MS
#define EXPIRES_MAX_MS	   (36500 * DAY_MS) /* beyond it is a typing mistake */

struct token {
	const char *sub;
	const char *key_file;
	struct hc_list publish;
	struct hc_list subscribe;
	uint64_t expires_ms;
	bool admin;
};

/* A duration of the configuration, or days, "365d". */
static bool read_expires(uint64_t *ret_ms, const char *text)
{
	size_t digits = strspn(text, "0123456789");
	char days[8];
	uint64_t n;

	if (!strcmp(text + digits, "d") && digits < sizeof(days)) {
		memcpy(days, text, digits);
		days[digits] = '\0';
		if (!hc_value_number(&n, days))
			return false;
		n *= DAY_MS;
	} else if (!hc_value_duration(&n, text)) {
		return false;
	}
	if (n < 1000 || n > EXPIRES_MAX_MS)
		return false;
	*ret_ms = n;
	return true;
}

static int take_patterns(struct hc_list *list, const struct hc_cli *cli, const char *text)
{
	struct hc_fault fault = HC_FAULT_NULL;

	if (hc_list_append(list, text) < 0)
		return hc_cli_fail(cli, "out of memory");
	for (size_t i = 0; i < list->n; i++)
		if (!hc_pattern_check(hc_str(list->items[i]), &fault))
			return hc_cli_usage(cli, "\"%s\": %s", list->items[i], fault.message);
	return -1;
}

/* Returns -1 to go on, else the exit status. */
static int take_option(struct token *token, const struct hc_cli *cli, int c)
{
	switch (c) {
	case 's':
		token->sub = optarg;
		return -1;
	case 'p':
		return take_patterns(&token->publish, cli, optarg);
	case 'r':
		return take_patterns(&token->subscribe, cli, optarg);
	case 'a':
		token->admin = true;
		return -1;
	case 'e':
		if (read_expires(&token->expires_ms, optarg))
			return -1;
		return hc_cli_usage(cli, "--expires must be a duration such as 90s, 24h or 30d");
	case 'k':
		token->key_file = optarg;
		return -1;
	case 'h':
		return hc_cli_help(cli);
	default:
		return hc_cli_usage(cli, NULL);
	}
}

static int parse_args(struct token *token, const struct hc_cli *cli, int argc, char **argv)
{
	static const struct option options[] = {
		{ "sub", required_argument, NULL, 's' },
		{ "publish", required_argument, NULL, 'p' },
		{ "subscribe", required_argument, NULL, 'r' },
		{ "admin", no_argument, NULL, 'a' },
		{ "expires", required_argument, NULL, 'e' },
		{ "key-file", required_argument, NULL, 'k' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	int c, r = -1;

	while (r < 0 && (c = getopt_long(argc, argv, "h", options, NULL)) != -1)
		r = take_option(token, cli, c);
	if (r >= 0)
		return r;
	if (optind < argc)
		return hc_cli_usage(cli, "there is no argument but options");
	if (!token->sub || !*token->sub)
		return hc_cli_usage(cli, "--sub is missing: whom is the token for?");
	return -1;
}

/* ---- the claims --------------------------------------------------------------------------- */

static json_t *pattern_array(const struct hc_list *list)
{
	json_t *array = json_array();

	for (size_t i = 0; array && i < list->n; i++)
		json_array_append_new(array, json_string(list->items[i]));
	return array;
}

/* The claims as JSON text, to be freed; NULL if there is no memory or the name is not UTF-8. */
static char *make_claims(const struct token *token)
{
	json_int_t now = (json_int_t)(hc_now_unix_ms() / 1000);
	json_t *claims;
	char *text;

	claims = json_pack("{s:s,s:I,s:I,s:{s:o,s:o,s:b}}", "sub", token->sub, "iat", now, "exp",
			   now + (json_int_t)(token->expires_ms / 1000), "hostcast", "subscribe",
			   pattern_array(&token->subscribe), "publish",
			   pattern_array(&token->publish), "admin", token->admin);
	text = json_dumps(claims, JSON_COMPACT);
	json_decref(claims);
	return text;
}

static int print_token(const struct hc_cli *cli, const struct hc_buffer *key, const char *claims)
{
	jwt_t *jwt = NULL;
	char *text = NULL;

	if (!jwt_new(&jwt) && !jwt_add_grants_json(jwt, claims) &&
	    !jwt_set_alg(jwt, JWT_ALG_HS256, (const unsigned char *)key->data, (int)key->len))
		text = jwt_encode_str(jwt);
	jwt_free(jwt);
	if (!text)
		return hc_cli_fail(cli, "the token cannot be made: %m");
	puts(text);
	free(text);
	return HC_CLI_OK;
}

/* ---- the key ------------------------------------------------------------------------------ */

static const char *key_path(struct hc_cli *cli, const struct token *token)
{
	const struct hc_conf *conf;

	if (token->key_file)
		return token->key_file;
	conf = hc_cli_conf(cli);
	if (!conf)
		return NULL;
	if (conf->auth.key_files.n)
		return conf->auth.key_files.items[0];
	hc_cli_fail(cli, "the configuration names no key ([auth] key_file); give --key-file");
	return NULL;
}

static int read_key(struct hc_cli *cli, struct hc_buffer *key, const char *path)
{
	struct stat st;
	int r = hc_secret_read(key, path);

	if (r < 0)
		return hc_cli_fail(cli, "cannot read the key in %s: %s", path, strerror(-r));
	if (key->len < KEY_MIN)
		return hc_cli_fail(cli, "the key in %s has %zu bytes; at least %d are needed", path,
				   key->len, KEY_MIN);
	if (!stat(path, &st) && st.st_mode & S_IROTH)
		fprintf(stderr, "hostcast token: everybody can read %s, and make tokens with it\n",
			path);
	return HC_CLI_OK;
}

static int make_token(struct hc_cli *cli, const struct token *token)
{
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer key = HC_BUFFER_NULL;
	const char *path = key_path(cli, token);
	char *claims;
	int r = path ? read_key(cli, &key, path) : HC_CLI_FAILED;

	if (r)
		return r;
	claims = make_claims(token);
	if (!claims)
		return hc_cli_fail(cli, "the claims cannot be written: is the name UTF-8?");
	r = print_token(cli, &key, claims);
	free(claims);
	return r;
}

int hc_cli_token(struct hc_cli *cli, int argc, char **argv)
{
	struct token token = { .expires_ms = EXPIRES_DEFAULT_MS };
	int r;

	r = parse_args(&token, cli, argc, argv);
	if (r < 0)
		r = make_token(cli, &token);
	hc_list_deinit(&token.publish);
	hc_list_deinit(&token.subscribe);
	return r;
}
