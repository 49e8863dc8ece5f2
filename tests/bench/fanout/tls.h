/* SPDX-License-Identifier: MIT */
/* WebSocket clients over TLS that connect and then only listen. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/**
 * tls_connect() - @n clients more, one after the other
 *
 * They stay connected until the process ends. The certificate is not checked.
 */
bool tls_connect(uint16_t port, const char *path, size_t n);
