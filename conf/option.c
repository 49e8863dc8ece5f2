/* SPDX-License-Identifier: MIT */
/*
 * How the text of an option becomes a value of its kind, and what can be done with such values.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/un.h>

#include "conf/network.h"
#include "conf/option.h"
#include "conf/path.h"
#include "conf/value.h"
#include "proto/log.h"
#include "proto/pattern.h"

static bool is_address(const char *text)
{
	struct in6_addr address;

	return inet_pton(AF_INET, text, &address) == 1 || inet_pton(AF_INET6, text, &address) == 1;
}

static bool is_namespace(const char *text)
{
	uint64_t pid;

	return !strcmp(text, "host") || !strcmp(text, "self") ||
	       (hc_value_number(&pid, text) && pid >= 1 && pid <= INT32_MAX);
}

static bool text_fits(const struct hc_option *option, const char *text)
{
	if (!*text)
		return !option->min && option->kind != HC_OPTION_NAMESPACE;
	switch (option->kind) {
	case HC_OPTION_ADDRESS:
		return is_address(text);
	case HC_OPTION_PREFIX:
		return hc_path_is_prefix(text);
	case HC_OPTION_NAMESPACE:
		return is_namespace(text);
	case HC_OPTION_PATH:
		return text[0] == '/';
	case HC_OPTION_SOCKET:
		return text[0] == '/' &&
		       strlen(text) < sizeof(((struct sockaddr_un *)NULL)->sun_path);
	default:
		return true;
	}
}

static bool is_text(const struct hc_option *option)
{
	return option->kind <= HC_OPTION_SOCKET;
}

static bool read_number(uint64_t *ret, const struct hc_option *option, const char *text)
{
	uint64_t value;
	bool valid;

	if (option->kind == HC_OPTION_BYTES)
		valid = hc_value_bytes(&value, text);
	else if (option->kind == HC_OPTION_DURATION || option->kind == HC_OPTION_AGE)
		valid = hc_value_duration(&value, text);
	else
		valid = hc_value_number(&value, text);
	if (!valid || value < option->min || value > option->max)
		return false;
	*ret = value;
	return true;
}

static void *slot(void *base, const struct hc_option *option)
{
	return (char *)base + option->offset;
}

static bool is_list(const struct hc_option *option)
{
	return option->kind >= HC_OPTION_LIST;
}

/* As a browser writes it: scheme, host, perhaps a port; RFC 6454 section 6.2. */
static bool is_origin(const char *text)
{
	static const char authority[] = "abcdefghijklmnopqrstuvwxyz0123456789-._~:[]";
	const char *host = strstr(text, "://");

	return host && host > text &&
	       strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789+-.") == (size_t)(host - text) &&
	       host[3] && !host[3 + strspn(host + 3, authority)];
}

static bool item_fits(const struct hc_option *option, const char *item)
{
	switch (option->kind) {
	case HC_OPTION_PATHS:
		return item[0] == '/';
	case HC_OPTION_PATTERNS:
		return hc_pattern_check(hc_str(item), NULL);
	case HC_OPTION_ENDPOINTS:
		return hc_path_is_valid(item);
	case HC_OPTION_ORIGINS:
		return !strcmp(item, "same") || !strcmp(item, "*") || is_origin(item);
	case HC_OPTION_NETWORKS:
		return hc_network_parse(&(struct hc_network){ 0 }, hc_str(item));
	default:
		return true;
	}
}

static int store_text(char **at, const char *text)
{
	char *copy = strdup(text);

	if (!copy)
		return -ENOMEM;
	free(*at);
	*at = copy;
	return 0;
}

static bool store_choice(void *base, const struct hc_option *option, const char *text)
{
	for (const struct hc_choice *at = option->choices; at->name; at++) {
		if (strcmp(at->name, text))
			continue;
		*(int *)slot(base, option) = at->value;
		return true;
	}
	return false;
}

static void store_number(void *base, const struct hc_option *option, uint64_t value)
{
	if (option->kind == HC_OPTION_U16)
		*(uint16_t *)slot(base, option) = (uint16_t)value;
	else if (option->kind == HC_OPTION_BYTES || option->kind == HC_OPTION_AGE)
		*(uint64_t *)slot(base, option) = value;
	else
		*(uint32_t *)slot(base, option) = (uint32_t)value;
}

static int store_list(struct hc_list *list, const struct hc_option *option, const char *text,
		      bool more)
{
	int r;

	if (!more)
		hc_list_deinit(list);
	r = hc_list_append(list, text);
	if (r)
		return r;
	for (size_t i = 0; i < list->n; i++)
		if (!item_fits(option, list->items[i]))
			return -EINVAL;
	return option->min && !list->n ? -EINVAL : 0;
}

int hc_option_store(const struct hc_option *option, void *base, const char *text, bool more)
{
	uint64_t value;

	if (is_list(option))
		return store_list(slot(base, option), option, text, more);
	if (option->kind == HC_OPTION_CHOICE)
		return store_choice(base, option, text) ? 0 : -EINVAL;
	if (is_text(option))
		return text_fits(option, text) ? store_text(slot(base, option), text) : -EINVAL;
	if (!read_number(&value, option, text))
		return -EINVAL;
	store_number(base, option, value);
	return 0;
}

static size_t size_of(const struct hc_option *option)
{
	if (is_text(option))
		return sizeof(char *);
	if (is_list(option))
		return sizeof(struct hc_list);
	switch (option->kind) {
	case HC_OPTION_U16:
		return sizeof(uint16_t);
	case HC_OPTION_BYTES:
	case HC_OPTION_AGE:
		return sizeof(uint64_t);
	case HC_OPTION_CHOICE:
		return sizeof(int);
	default:
		return sizeof(uint32_t);
	}
}

static bool are_same_lists(const struct hc_list *a, const struct hc_list *b)
{
	if (a->n != b->n)
		return false;
	for (size_t i = 0; i < a->n; i++)
		if (strcmp(a->items[i], b->items[i]) != 0)
			return false;
	return true;
}

bool hc_option_same(const struct hc_option *option, const void *a, const void *b)
{
	const void *at_a = (const char *)a + option->offset;
	const void *at_b = (const char *)b + option->offset;

	if (is_text(option))
		return !strcmp(*(char *const *)at_a, *(char *const *)at_b);
	if (is_list(option))
		return are_same_lists(at_a, at_b);
	return !memcmp(at_a, at_b, size_of(option));
}

void hc_option_swap(const struct hc_option *option, void *a, void *b)
{
	char kept[sizeof(struct hc_list)];
	size_t size = size_of(option);

	memcpy(kept, slot(a, option), size);
	memcpy(slot(a, option), slot(b, option), size);
	memcpy(slot(b, option), kept, size);
}

void hc_option_clear(const struct hc_option *option, void *base)
{
	if (is_list(option))
		hc_list_deinit(slot(base, option));
	else if (is_text(option))
		free(*(char **)slot(base, option));
}

void hc_option_expect(char ret[static HC_OPTION_EXPECTED_MAX], const struct hc_option *option)
{
	static const char *const texts[] = {
		[HC_OPTION_ADDRESS] = "an IPv4 or IPv6 address, or nothing",
		[HC_OPTION_PREFIX] = "a path such as /latest, without a slash at its end",
		[HC_OPTION_NAMESPACE] = "host, self or a process id",
		[HC_OPTION_TEXT] = "text",
		[HC_OPTION_PATH] = "an absolute path",
		[HC_OPTION_SOCKET] = "an absolute path of at most 107 bytes",
		[HC_OPTION_LIST] = "one or more words",
		[HC_OPTION_PATHS] = "absolute paths",
		[HC_OPTION_PATTERNS] = "patterns of event types, such as alert.* job.progress",
		[HC_OPTION_ORIGINS] = "same, *, or origins such as https://example.org:8443",
		[HC_OPTION_NETWORKS] = "addresses or networks such as 10.0.0.0/8",
		[HC_OPTION_ENDPOINTS] = "paths such as /ws/events or /ws/{user_id}",
	};
	char min[HC_VALUE_TEXT_MAX], max[HC_VALUE_TEXT_MAX];
	size_t len = 0;

	switch (option->kind) {
	case HC_OPTION_U16:
	case HC_OPTION_U32:
		snprintf(ret, HC_OPTION_EXPECTED_MAX, "a number from %u to %u",
			 (unsigned int)option->min, (unsigned int)option->max);
		break;
	case HC_OPTION_BYTES:
		hc_value_format_bytes(min, option->min);
		hc_value_format_bytes(max, option->max);
		snprintf(ret, HC_OPTION_EXPECTED_MAX, "a size from %s to %s", min, max);
		break;
	case HC_OPTION_DURATION:
	case HC_OPTION_AGE:
		hc_value_format_duration(min, option->min);
		hc_value_format_duration(max, option->max);
		snprintf(ret, HC_OPTION_EXPECTED_MAX, "a duration from %s to %s", min, max);
		break;
	case HC_OPTION_CHOICE:
		for (const struct hc_choice *at = option->choices; at->name; at++)
			len += (size_t)snprintf(ret + len, HC_OPTION_EXPECTED_MAX - len, "%s%s",
						!len	     ? ""
						: at[1].name ? ", "
							     : " or ",
						at->name);
		break;
	default:
		snprintf(ret, HC_OPTION_EXPECTED_MAX, "%s", texts[option->kind]);
	}
}
