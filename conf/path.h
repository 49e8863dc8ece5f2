/* SPDX-License-Identifier: MIT */
/*
 * Paths of URLs as a configuration has them: segments of unreserved characters (RFC 3986 section
 * 2.3), each behind a slash. The path of an endpoint may have one segment that is a name in braces
 * and stands for any: /ws/{user_id}.
 */
#pragma once

#include <stdbool.h>

/** hc_path_is_valid() - whether it can be the path of an endpoint */
bool hc_path_is_valid(const char *path);

/** hc_path_is_prefix() - whether it can stand before such a path: empty, or segments, no braces */
bool hc_path_is_prefix(const char *path);

/** hc_path_is_same() - whether two valid paths stand for the same requests, whatever the names are
 */
bool hc_path_is_same(const char *a, const char *b);
