/* SPDX-License-Identifier: MIT */
/* A growable run of bytes: doubling, so n appended bytes cost O(n). */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "proto/buffer.h"

#define CAP_MIN 256 /* bytes; fewer reallocations for the common small message */

void hc_buffer_deinit(struct hc_buffer *buffer)
{
	free(buffer->data);
	*buffer = HC_BUFFER_NULL;
}

void hc_buffer_reset(struct hc_buffer *buffer)
{
	buffer->len = 0;
	buffer->failed = false;
}

char *hc_buffer_reserve(struct hc_buffer *buffer, size_t len)
{
	size_t cap = buffer->cap ? buffer->cap : CAP_MIN;
	char *data;

	if (buffer->failed)
		return NULL;
	if (buffer->cap - buffer->len >= len && buffer->data)
		return buffer->data + buffer->len;
	while (cap - buffer->len < len) {
		if (cap > SIZE_MAX / 2) {
			buffer->failed = true;
			return NULL;
		}
		cap *= 2;
	}
	data = realloc(buffer->data, cap);
	if (!data) {
		buffer->failed = true;
		return NULL;
	}
	buffer->data = data;
	buffer->cap = cap;
	return data + buffer->len;
}

void hc_buffer_append(struct hc_buffer *buffer, const void *data, size_t len)
{
	char *to = hc_buffer_reserve(buffer, len);

	if (!to || !len)
		return;
	memcpy(to, data, len);
	buffer->len += len;
}

void hc_buffer_append_str(struct hc_buffer *buffer, struct hc_str text)
{
	hc_buffer_append(buffer, text.s, text.len);
}

void hc_buffer_printf(struct hc_buffer *buffer, const char *format, ...)
{
	va_list args;
	char *to;
	int len;

	va_start(args, format);
	len = vsnprintf(NULL, 0, format, args);
	va_end(args);
	if (len < 0) {
		buffer->failed = true;
		return;
	}
	to = hc_buffer_reserve(buffer, (size_t)len + 1);
	if (!to)
		return;
	va_start(args, format);
	(void)vsnprintf(to, (size_t)len + 1, format, args);
	va_end(args);
	buffer->len += (size_t)len;
}

int hc_buffer_write(const struct hc_buffer *buffer, int fd)
{
	size_t done = 0;

	while (done < buffer->len) {
		ssize_t n = write(fd, buffer->data + done, buffer->len - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		done += (size_t)n;
	}
	return 0;
}

void hc_buffer_consume(struct hc_buffer *buffer, size_t len)
{
	if (!len)
		return;
	buffer->len -= len;
	memmove(buffer->data, buffer->data + len, buffer->len);
}
