/* SPDX-License-Identifier: MIT */
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdio.h>

#include "proto/base.h"
#include "tests/bench/fanout/tls.h"

static bool upgrade(BIO *bio, uint16_t port, const char *path)
{
	char answer[4096];
	int len;

	if (BIO_printf(bio,
		       "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%u\r\nUpgrade: websocket\r\n"
		       "Connection: Upgrade\r\nSec-WebSocket-Key: aG9zdGNhc3QgYmVuY2ggMQ==\r\n"
		       "Sec-WebSocket-Version: 13\r\n\r\n",
		       path, port) <= 0)
		return false;
	len = BIO_read(bio, answer, sizeof(answer));
	return len > 12 && !strncmp(answer, "HTTP/1.1 101", 12);
}

/* The connection is kept: it ends with the process. */
static bool connect_one(SSL_CTX *context, uint16_t port, const char *path)
{
	BIO *bio = BIO_new_ssl_connect(context);
	char address[32];

	(void)snprintf(address, sizeof(address), "127.0.0.1:%u", port);
	if (!bio || BIO_set_conn_hostname(bio, address) <= 0)
		return false;
	return BIO_do_connect(bio) > 0 && upgrade(bio, port, path);
}

bool tls_connect(uint16_t port, const char *path, size_t n)
{
	SSL_CTX *context = SSL_CTX_new(TLS_client_method());

	for (size_t i = 0; i < n; i++) {
		if (!context || !connect_one(context, port, path)) {
			fprintf(stderr, "load: TLS client %zu cannot connect\n", i);
			ERR_print_errors_fp(stderr);
			return false;
		}
	}
	return true;
}
