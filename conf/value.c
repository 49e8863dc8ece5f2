/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "conf/conf.h"
#include "conf/value.h"

struct unit {
	const char *name;
	uint64_t factor;
};

/* Ascending, so that formatting from the end finds the largest one that divides. */
static const struct unit byte_units[] = {
	{ "", 1 },
	{ "K", 1 << 10 },
	{ "M", 1 << 20 },
	{ "G", 1 << 30 },
};

static const struct unit duration_units[] = {
	{ "ms", 1 },
	{ "s", 1000 },
	{ "m", 60 * 1000 },
	{ "h", 60 * 60 * 1000 },
	{ "d", 24 * 60 * 60 * 1000 },
};

/* strtoull() would take a sign, leading space, and wrap "-1" into a huge number. */
static bool read_digits(uint64_t *ret, const char *text, const char **ret_end)
{
	uint64_t value = 0;
	const char *at = text;

	for (; *at >= '0' && *at <= '9'; at++) {
		if (__builtin_mul_overflow(value, 10, &value) ||
		    __builtin_add_overflow(value, (uint64_t)(*at - '0'), &value))
			return false;
	}
	if (at == text)
		return false;
	*ret = value;
	*ret_end = at;
	return true;
}

bool hc_value_number(uint64_t *ret, const char *text)
{
	const char *end;
	uint64_t value;

	if (!read_digits(&value, text, &end) || *end)
		return false;
	*ret = value;
	return true;
}

static bool read_scaled(uint64_t *ret, const char *text, const struct unit *units, size_t n_units,
			uint64_t bare_factor)
{
	uint64_t value, factor = 0;
	const char *end;

	if (!read_digits(&value, text, &end))
		return false;
	if (!*end)
		factor = bare_factor;
	for (size_t i = 0; i < n_units && !factor; i++) {
		if (!strcmp(end, units[i].name))
			factor = units[i].factor;
	}
	return factor && !__builtin_mul_overflow(value, factor, ret);
}

bool hc_value_bytes(uint64_t *ret, const char *text)
{
	uint64_t value;

	if (!read_scaled(&value, text, byte_units, HC_ARRAY_LEN(byte_units), 1))
		return false;
	*ret = value;
	return true;
}

bool hc_value_duration(uint64_t *ret_ms, const char *text)
{
	uint64_t value;

	if (!read_scaled(&value, text, duration_units, HC_ARRAY_LEN(duration_units), 1000))
		return false;
	*ret_ms = value;
	return true;
}

static void format_scaled(char *ret, uint64_t value, const struct unit *units, size_t n_units)
{
	size_t i = n_units - 1;

	while (i && (!value || value % units[i].factor))
		i--;
	snprintf(ret, HC_VALUE_TEXT_MAX, "%" PRIu64 "%s", value / units[i].factor, units[i].name);
}

void hc_value_format_bytes(char ret[static HC_VALUE_TEXT_MAX], uint64_t bytes)
{
	format_scaled(ret, bytes, byte_units, HC_ARRAY_LEN(byte_units));
}

void hc_value_format_duration(char ret[static HC_VALUE_TEXT_MAX], uint64_t ms)
{
	format_scaled(ret, ms, duration_units, HC_ARRAY_LEN(duration_units));
}

static int list_add(struct hc_list *list, const char *word, size_t len)
{
	char **items = reallocarray(list->items, list->n + 1, sizeof(*items));

	if (!items)
		return -ENOMEM;
	list->items = items;
	items[list->n] = strndup(word, len);
	if (!items[list->n])
		return -ENOMEM;
	list->n++;
	return 0;
}

int hc_list_append(struct hc_list *list, const char *text)
{
	static const char separators[] = " \t,";
	size_t len;
	int r;

	for (;; text += len) {
		text += strspn(text, separators);
		len = strcspn(text, separators);
		if (!len)
			return 0;
		r = list_add(list, text, len);
		if (r)
			return r;
	}
}

void hc_list_deinit(struct hc_list *list)
{
	for (size_t i = 0; i < list->n; i++)
		free(list->items[i]);
	free(list->items);
	*list = (struct hc_list){ 0 };
}
