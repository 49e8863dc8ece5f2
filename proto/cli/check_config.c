/* SPDX-License-Identifier: MIT */
/*
 * The hub alone knows what the files must be that a configuration names: it is asked to check them,
 * in place of this program.
 */
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <unistd.h>

#include "conf/conf.h"
#include "proto/cli/cli.h"

#define HUB "hostcast-ws"

/* The one that was built or installed with this program; false if it is neither there. */
static bool find_beside(char ret[static PATH_MAX])
{
	ssize_t len = readlink("/proc/self/exe", ret, PATH_MAX - sizeof(HUB));
	char *name;

	if (len <= 0)
		return false;
	ret[len] = '\0';
	name = strrchr(ret, '/');
	if (!name)
		return false;
	strcpy(name + 1, HUB);
	return true;
}

static void become_hub(const char *config)
{
	char *const argv[] = { (char *)HUB, (char *)"--check", config ? (char *)"--config" : NULL,
			       (char *)(uintptr_t)config, NULL };
	char beside[PATH_MAX];

	if (find_beside(beside))
		(void)execv(beside, argv);
	(void)execv(HC_SBINDIR "/" HUB, argv);
}

int hc_cli_check_config(struct hc_cli *cli, int argc, char **argv)
{
	int r = hc_cli_options(cli, argc, argv, NULL, 1);

	if (r >= 0)
		return r;
	if (optind < argc)
		cli->conf_path = argv[optind];
	if (!hc_cli_conf(cli))
		return HC_CLI_FAILED;
	become_hub(cli->conf_path);
	printf("%s: ok, but " HUB " cannot be started to check the files it names: %m\n",
	       cli->conf_path ? cli->conf_path : "the defaults");
	return HC_CLI_OK;
}
