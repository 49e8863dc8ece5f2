/* SPDX-License-Identifier: MIT */
#include "proto/cli/cli.h"
#include "proto/cli/commands.h"

#define HELP_JSON "  -j, --json    print the hub's answer as JSON\n"

/* clang-format off */
static const struct hc_cli_command commands[] = {
	{ "status", "[--json]", "Show the hub: position, clients, log, detector", HELP_JSON,
	  hc_cli_status },
	{ "publish", "TYPE JSON|- [--to USER] [--correlation-id ID] [--key KEY] [--json]",
	  "Publish one event and print its position",
	  "  JSON                      the payload, an object; - reads it from standard input\n"
	  "  --to USER                 only this user's connections get the event\n"
	  "  --correlation-id ID       handed through to the subscribers\n"
	  "  --key KEY                 publishing again with the same key publishes nothing twice\n"
	  HELP_JSON, hc_cli_publish },
	{ "events", "[--after POSITION | --consumer NAME [--from oldest|now]] [--limit N]\n"
	  "                      [--type PATTERN]... [--channel NAME] [--json]",
	  "List logged events, oldest first",
	  "  --after POSITION    begin behind this position or sequence\n"
	  "  --limit N           at most N events, 1 to 1000 (100)\n"
	  "  --type PATTERN      only these types, such as device.*; may be repeated\n"
	  "  --channel NAME      only this channel\n"
	  "  --consumer NAME     what that durable consumer has not acknowledged; it is made if need be\n"
	  "  --from oldest|now   where a new one begins (oldest)\n"
	  HELP_JSON, hc_cli_events },
	{ "consumer", "[list [--json] | ack NAME POSITION | delete NAME]",
	  "List durable consumers, acknowledge what one has processed, delete one", HELP_JSON,
	  hc_cli_consumer },
	{ "follow", "[--since POSITION] [--type PATTERN]...",
	  "Print events as they happen, one JSON text a line; reconnects and resumes by itself",
	  "  --since POSITION    begin behind this position instead of now\n"
	  "  --type PATTERN      only these types, such as device.*; may be repeated\n",
	  hc_cli_follow },
	{ "devices", "[--json]", "Show what is mounted now", HELP_JSON, hc_cli_devices },
	{ "state", "[TYPE]", "Print the retained events, of one type or all, one JSON text a line", "",
	  hc_cli_state },
	{ "detector", "[status|start|stop] [--json]", "Show the mount detector, or switch it on or off",
	  HELP_JSON, hc_cli_detector },
	{ "types", "[TYPE] [--json]", "List the event types, or show one with its schema", HELP_JSON,
	  hc_cli_types },
	{ "connections", "[--json]", "Show who is connected to the hub", HELP_JSON,
	  hc_cli_connections },
	{ "metrics", "", "Print what the hub counts, in the text format of Prometheus", "",
	  hc_cli_metrics },
	{ "token", "--sub NAME [--publish PATTERNS] [--subscribe PATTERNS] [--admin]\n"
	  "                      [--expires DURATION] [--jti ID] [--audience NAME] [--issuer NAME]\n"
	  "                      [--key-file FILE]",
	  "Make a token (JWT) and print it",
	  "  --sub NAME              whom it is for\n"
	  "  --publish PATTERNS      event types it may publish, \"job.*,alert.*\"; may be repeated\n"
	  "  --subscribe PATTERNS    event types it may receive; may be repeated; else all\n"
	  "  --admin                 it may see connections, revoke tokens, switch the detector\n"
	  "  --expires DURATION      good for so long: 90s, 24h, 30d (24h)\n"
	  "  --jti ID                its own name, to revoke it by; else a random one\n"
	  "  --audience NAME         only for hubs of this name\n"
	  "  --issuer NAME           who made it\n"
	  "  --key-file FILE         a secret, or a private key in PEM (RSA, EC P-256, Ed25519);\n"
	  "                          else the first key of the configuration that can sign\n",
	  hc_cli_token },
	{ "revoke", "--jti ID|--sub NAME [--until TIME]",
	  "Make tokens worthless before they expire",
	  "  --jti ID        the token of that name\n"
	  "  --sub NAME      the tokens of that user that were issued until now\n"
	  "  --until TIME    forget it then: 2027-01-31T00:00:00Z, 30d from now, or seconds since 1970;\n"
	  "                  else it is kept for ever\n",
	  hc_cli_revoke },
	{ "revocations", "[--json]", "List what was revoked", HELP_JSON, hc_cli_revocations },
	{ "check-config", "[FILE]", "Read the configuration and say whether it is valid", "",
	  hc_cli_check_config },
};
/* clang-format on */

const struct hc_cli_command *hc_command_at(size_t index)
{
	return index < HC_ARRAY_LEN(commands) ? &commands[index] : NULL;
}

const struct hc_cli_command *hc_command_find(const char *name)
{
	for (size_t i = 0; i < HC_ARRAY_LEN(commands); i++)
		if (!strcmp(commands[i].name, name))
			return &commands[i];
	return NULL;
}
