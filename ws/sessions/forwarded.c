/* SPDX-License-Identifier: MIT */
#include "ws/sessions/forwarded.h"

/* Cuts the last element off the list. */
static struct hc_str cut_last(struct hc_str *list)
{
	static const char blank[] = " \t";
	struct hc_str last;
	size_t begin;

	while (list->len && strchr(blank, list->s[list->len - 1]))
		list->len--;
	begin = list->len;
	while (begin && list->s[begin - 1] != ',')
		begin--;
	last = (struct hc_str){ list->s + begin, list->len - begin };
	list->len = begin ? begin - 1 : 0;
	while (last.len && strchr(blank, *last.s)) {
		last.s++;
		last.len--;
	}
	return last;
}

/* Some proxies tell the port as well: 192.0.2.1:4711, [2001:db8::1]:4711. */
static struct hc_str without_port(struct hc_str text)
{
	const char *end = text.s + text.len, *stop;

	if (text.len && *text.s == '[') {
		stop = memchr(text.s, ']', text.len);
		return stop ? (struct hc_str){ text.s + 1, (size_t)(stop - text.s) - 1 } : text;
	}
	stop = text.len ? memchr(text.s, ':', text.len) : NULL;
	if (!stop || memchr(stop + 1, ':', (size_t)(end - stop) - 1))
		return text; /* it is IPv6 */
	return (struct hc_str){ text.s, (size_t)(stop - text.s) };
}

bool hc_forwarded_take_last(struct hc_address *ret, struct hc_str *list)
{
	return list->len && hc_address_parse(ret, without_port(cut_last(list)));
}
