/* SPDX-License-Identifier: MIT */
/*
 * A growable run of bytes.
 *
 * An append that finds no memory sets `failed` and leaves the bytes as they were; every later
 * append does nothing. So a writer appends freely and asks once, at the end.
 */
#pragma once

#include <stddef.h>

#include "proto/base.h"

struct hc_buffer {
	char *data; /* owned; NULL while cap is 0 */
	size_t len;
	size_t cap;
	bool failed; /* an allocation failed: the content is incomplete */
};

#define HC_BUFFER_NULL ((struct hc_buffer){ 0 })

/** hc_buffer_deinit() - free the bytes; the buffer is then empty and usable again */
void hc_buffer_deinit(struct hc_buffer *buffer);

/** hc_buffer_reset() - forget the content and any failure, keep the memory for reuse */
void hc_buffer_reset(struct hc_buffer *buffer);

/**
 * hc_buffer_reserve() - make room behind the content
 * @len: bytes the caller may write at the returned address
 *
 * Return: where the next byte goes, or NULL when there is no memory (buffer->failed is then set).
 */
char *hc_buffer_reserve(struct hc_buffer *buffer, size_t len);

/** hc_buffer_append() - copy @len bytes to the end */
void hc_buffer_append(struct hc_buffer *buffer, const void *data, size_t len);

/** hc_buffer_append_str() - copy a slice to the end */
void hc_buffer_append_str(struct hc_buffer *buffer, struct hc_str text);

/** hc_buffer_printf() - append formatted text, without the terminating NUL */
void hc_buffer_printf(struct hc_buffer *buffer, const char *format, ...) HC_PRINTF(2, 3);

/** hc_buffer_write() - write all of it to a file, however many calls that takes; 0 or -errno */
int hc_buffer_write(const struct hc_buffer *buffer, int fd);

/** hc_buffer_consume() - drop @len bytes from the front, move the rest there */
void hc_buffer_consume(struct hc_buffer *buffer, size_t len);
