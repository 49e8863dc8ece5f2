/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "conf/path.h"

/* The length of one segment, or 0 if it is not one. */
static size_t segment_len(const char *text)
{
	static const char letters[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
	size_t len;

	if (*text != '{')
		return strspn(text, letters);
	len = strspn(text + 1, letters);
	return len && text[1 + len] == '}' ? len + 2 : 0;
}

/* Segments to the end, of which at most @n_open_max are names in braces. */
static bool are_segments(const char *path, size_t n_open_max)
{
	size_t n_open = 0;

	while (*path) {
		size_t len;

		if (*path++ != '/')
			return false;
		len = segment_len(path);
		if (!len)
			return false;
		n_open += *path == '{';
		path += len;
	}
	return n_open <= n_open_max;
}

bool hc_path_is_valid(const char *path)
{
	return *path && are_segments(path, 1);
}

bool hc_path_is_prefix(const char *path)
{
	return are_segments(path, 0);
}

bool hc_path_is_same(const char *a, const char *b)
{
	while (*a && *a == *b) {
		if (*a == '{') {
			a = strchr(a, '}');
			b = strchr(b, '}');
		}
		a++;
		b++;
	}
	return !*a && !*b;
}
