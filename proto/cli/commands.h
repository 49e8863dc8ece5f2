/* SPDX-License-Identifier: MIT */
/*
 * The table of subcommands.
 */
#pragma once

#include <stddef.h>

struct hc_cli_command;

/**
 * hc_command_at() - the subcommand with that index, in the order of the help; NULL behind the last
 */
const struct hc_cli_command *hc_command_at(size_t index);

/** hc_command_find() - the subcommand of that name, or NULL */
const struct hc_cli_command *hc_command_find(const char *name);
