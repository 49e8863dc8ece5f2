/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>

#include "proto/cli/secret.h"

int hc_secret_read(struct hc_buffer *secret, const char *path)
{
	HC_CLEANUP(hc_closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	ssize_t n;

	if (fd < 0)
		return -errno;
	do {
		char *at = hc_buffer_reserve(secret, HC_SECRET_MAX + 1);

		if (!at)
			return -ENOMEM;
		n = read(fd, at, HC_SECRET_MAX + 1);
		if (n < 0)
			return -errno;
		secret->len += (size_t)n;
	} while (n > 0 && secret->len <= HC_SECRET_MAX);
	if (secret->len > HC_SECRET_MAX)
		return -EFBIG;
	if (secret->len && secret->data[secret->len - 1] == '\n')
		secret->len--;
	secret->data[secret->len] = '\0';
	return 0;
}
