/* SPDX-License-Identifier: MIT */
/*
 * Secrets in files: the key that tokens are signed with, a token.
 */
#pragma once

#include "proto/buffer.h"

#define HC_SECRET_MAX 16384 /* bytes: longer than any token that a request's header can carry */

/**
 * hc_secret_read() - the bytes of a file, without one newline at their end
 * @secret: HC_BUFFER_NULL; gets a NUL behind its content
 *
 * Return: 0, -EFBIG above HC_SECRET_MAX, -ENOMEM, or -errno.
 */
int hc_secret_read(struct hc_buffer *secret, const char *path);
