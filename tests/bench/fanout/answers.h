/* SPDX-License-Identifier: MIT */
/*
 * What the hub answers to those who publish.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct hc_rpc_client;

/**
 * answers_take() - read what has come
 * @n: acknowledged requests are added to it
 *
 * Return: false, with the reason on stderr, if one was refused or the connection has ended.
 */
bool answers_take(struct hc_rpc_client *client, size_t *n);
