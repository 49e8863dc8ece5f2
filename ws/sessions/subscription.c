/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "ws/sessions/subscription.h"

struct item {
	enum hc_subscribed_by by;
	struct hc_str text; /* s is owned */
};

struct hc_subscription {
	struct item *items;
	size_t n;
};

struct hc_subscription *hc_subscription_new(void)
{
	return calloc(1, sizeof(struct hc_subscription));
}

struct hc_subscription *hc_subscription_free(struct hc_subscription *subscription)
{
	if (!subscription)
		return NULL;
	for (size_t i = 0; i < subscription->n; i++)
		free((char *)(uintptr_t)subscription->items[i].text.s);
	free(subscription->items);
	free(subscription);
	return NULL;
}

static size_t find(const struct hc_subscription *subscription, enum hc_subscribed_by by,
		   struct hc_str text)
{
	size_t i = 0;

	while (i < subscription->n && !(subscription->items[i].by == by &&
					hc_str_equal(subscription->items[i].text, text)))
		i++;
	return i;
}

bool hc_subscription_add(struct hc_subscription *subscription, enum hc_subscribed_by by,
			 struct hc_str text)
{
	struct item *items;
	char *copy;

	if (find(subscription, by, text) < subscription->n)
		return true;
	items = reallocarray(subscription->items, subscription->n + 1, sizeof(*items));
	if (!items)
		return false;
	subscription->items = items;
	copy = malloc(text.len + 1);
	if (!copy)
		return false;
	memcpy(copy, text.s, text.len);
	copy[text.len] = '\0';
	items[subscription->n++] = (struct item){ by, { copy, text.len } };
	return true;
}

static void remove_at(struct hc_subscription *subscription, size_t i)
{
	free((char *)(uintptr_t)subscription->items[i].text.s);
	subscription->n--;
	memmove(&subscription->items[i], &subscription->items[i + 1],
		(subscription->n - i) * sizeof(subscription->items[0]));
}

void hc_subscription_remove(struct hc_subscription *subscription, enum hc_subscribed_by by,
			    struct hc_str text)
{
	size_t i = find(subscription, by, text);

	if (i < subscription->n)
		remove_at(subscription, i);
}

void hc_subscription_clear(struct hc_subscription *subscription, enum hc_subscribed_by by)
{
	for (size_t i = subscription->n; i-- > 0;)
		if (subscription->items[i].by == by)
			remove_at(subscription, i);
}

bool hc_subscription_has(const struct hc_subscription *subscription, enum hc_subscribed_by by,
			 struct hc_str text)
{
	return find(subscription, by, text) < subscription->n;
}

size_t hc_subscription_count(const struct hc_subscription *subscription)
{
	return subscription->n;
}

struct hc_str hc_subscription_at(const struct hc_subscription *subscription, size_t index,
				 enum hc_subscribed_by *ret_by)
{
	*ret_by = subscription->items[index].by;
	return subscription->items[index].text;
}

struct hc_filter hc_subscription_filter(const struct hc_subscription *subscription,
					const struct hc_types *types)
{
	struct hc_filter filter = HC_FILTER_NONE;

	for (size_t i = 0; i < subscription->n; i++) {
		const struct item *item = &subscription->items[i];

		if (item->by == HC_BY_PATTERN)
			(void)hc_filter_add_pattern(&filter, types, item->text);
		else
			(void)hc_filter_add_channel(&filter, types, item->text);
	}
	return filter;
}
