/* SPDX-License-Identifier: MIT */
/*
 * A token is as good as its key: whoever can read the key file can make one. So this asks nobody.
 */
#include <getopt.h>
#include <jansson.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>

#include "conf/conf.h"
#include "conf/value.h"
#include "proto/base64url.h"
#include "proto/cli/cli.h"
#include "proto/cli/signer.h"
#include "proto/clock.h"
#include "proto/fault.h"
#include "proto/pattern.h"

#define NAME_MAX_LEN	   256	/* bytes of sub and jti that the hub takes */
#define TOKEN_MAX	   4096 /* bytes that the hub takes */
#define ID_RANDOM	   16	/* bytes: no two tokens are called the same */
#define DAY_MS		   (24 * 60 * 60 * UINT64_C(1000))
#define EXPIRES_DEFAULT_MS DAY_MS
#define EXPIRES_MAX_MS	   (36500 * DAY_MS) /* beyond it is a typing mistake */

struct token {
	const char *sub;
	const char *key_file;
	const char *id;	      /* NULL: a random one */
	const char *audience; /* NULL: for whoever takes it */
	const char *issuer;   /* NULL: the configuration's, if the key is */
	struct hc_list publish;
	struct hc_list subscribe;
	bool limits_subscribe; /* even if there is no pattern */
	uint64_t expires_ms;
	bool admin;
};

static bool read_expires(uint64_t *ret_ms, const char *text)
{
	uint64_t ms;

	if (!hc_value_duration(&ms, text) || ms < 1000 || ms > EXPIRES_MAX_MS)
		return false;
	*ret_ms = ms;
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
		token->limits_subscribe = true;
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
	case 'j':
		token->id = optarg;
		return -1;
	case 'A':
		token->audience = optarg;
		return -1;
	case 'i':
		token->issuer = optarg;
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
		{ "jti", required_argument, NULL, 'j' },
		{ "audience", required_argument, NULL, 'A' },
		{ "issuer", required_argument, NULL, 'i' },
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
	if (token->id && !*token->id)
		return hc_cli_usage(cli, "--jti is empty: without it, it is a random one");
	if (strlen(token->sub) > NAME_MAX_LEN || (token->id && strlen(token->id) > NAME_MAX_LEN))
		return hc_cli_usage(cli, "a name may have %d bytes", NAME_MAX_LEN);
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

static json_t *make_rights(const struct token *token)
{
	json_t *rights = json_pack("{s:o,s:b}", "publish", pattern_array(&token->publish), "admin",
				   token->admin);

	if (token->limits_subscribe)
		(void)json_object_set_new(rights, "subscribe", pattern_array(&token->subscribe));
	return rights;
}

/*
 * The claims as JSON text, to be freed; NULL if there is no memory or a name is not UTF-8.
 * Setting a member of NULL, or to NULL, fails: so the text is asked for once, at the end.
 */
static char *make_claims(const struct token *token, const char *id)
{
	json_int_t now = (json_int_t)(hc_now_unix_ms() / 1000);
	json_t *claims;
	char *text;

	claims = json_pack("{s:s,s:s,s:I,s:I,s:o}", "sub", token->sub, "jti", id, "iat", now, "exp",
			   now + (json_int_t)(token->expires_ms / 1000), "hostcast",
			   make_rights(token));
	if ((token->audience &&
	     json_object_set_new(claims, "aud", json_string(token->audience)) < 0) ||
	    (token->issuer && json_object_set_new(claims, "iss", json_string(token->issuer)) < 0)) {
		json_decref(claims);
		return NULL;
	}
	text = json_dumps(claims, JSON_COMPACT);
	json_decref(claims);
	return text;
}

/* ---- the key ------------------------------------------------------------------------------ */

/* The first key of the configuration that can sign: public ones cannot. */
static int load_configured(struct hc_signer **ret, struct hc_cli *cli, struct token *token)
{
	const struct hc_conf *conf = hc_cli_conf(cli);
	struct hc_fault fault = HC_FAULT_NULL;

	if (!conf)
		return HC_CLI_FAILED;
	if (!token->issuer && conf->auth.issuer[0])
		token->issuer = conf->auth.issuer;
	for (size_t i = 0; i < conf->auth.key_files.n; i++)
		if (!hc_signer_load(ret, conf->auth.key_files.items[i], &fault))
			return HC_CLI_OK;
	if (conf->auth.key_files.n)
		return hc_cli_fail(cli, "%s; give --key-file", fault.message);
	return hc_cli_fail(cli,
			   "the configuration names no key ([auth] key_file); give --key-file");
}

static int load_signer(struct hc_signer **ret, struct hc_cli *cli, struct token *token)
{
	struct hc_fault fault = HC_FAULT_NULL;

	if (!token->key_file)
		return load_configured(ret, cli, token);
	if (hc_signer_load(ret, token->key_file, &fault) < 0)
		return hc_cli_fail(cli, "%s", fault.message);
	if (hc_signer_is_exposed(*ret))
		fprintf(stderr, "hostcast token: everybody can read %s, and make tokens with it\n",
			token->key_file);
	return HC_CLI_OK;
}

/* ---- the token ---------------------------------------------------------------------------- */

static int print_token(const struct hc_cli *cli, const struct hc_signer *signer, const char *claims)
{
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer text = HC_BUFFER_NULL;

	if (!hc_signer_sign(signer, &text, hc_str(claims)))
		return hc_cli_fail(cli, "the token cannot be signed");
	if (text.len > TOKEN_MAX)
		return hc_cli_fail(cli, "the token has %zu bytes; the hub takes %d: fewer patterns",
				   text.len, TOKEN_MAX);
	printf("%.*s\n", (int)text.len, text.data);
	return HC_CLI_OK;
}

static int make_token(struct hc_cli *cli, struct token *token)
{
	HC_CLEANUP(hc_signer_freep) struct hc_signer *signer = NULL;
	char id[HC_BASE64URL_LEN(ID_RANDOM) + 1], *claims;
	unsigned char bytes[ID_RANDOM];
	int r = load_signer(&signer, cli, token);

	if (r)
		return r;
	if (RAND_bytes(bytes, sizeof(bytes)) != 1)
		return hc_cli_fail(cli, "there are no random numbers");
	hc_base64url_encode(id, bytes, sizeof(bytes));
	claims = make_claims(token, token->id ? token->id : id);
	if (!claims)
		return hc_cli_fail(cli, "the claims cannot be written: are the names UTF-8?");
	r = print_token(cli, signer, claims);
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
