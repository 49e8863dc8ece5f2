/* SPDX-License-Identifier: MIT */
/*
 * What a client has subscribed to: patterns of event types, and channels.
 *
 * A client without a subscription gets everything its endpoint has; the first subscribe makes one,
 * and from then on it gets what is in it, which may be nothing.
 */
#pragma once

#include "ws/fanout/filter.h"

struct hc_subscription;

/** enum hc_subscribed_by - the two dialects */
enum hc_subscribed_by {
	HC_BY_PATTERN,
	HC_BY_CHANNEL,
};

/** hc_subscription_new() - an empty one: nothing */
struct hc_subscription *hc_subscription_new(void);
struct hc_subscription *hc_subscription_free(struct hc_subscription *subscription);
HC_DEFINE_CLEANUP(struct hc_subscription *, hc_subscription_free);

/** hc_subscription_add() - add a pattern or channel, once; returns whether there was memory */
bool hc_subscription_add(struct hc_subscription *subscription, enum hc_subscribed_by by,
			 struct hc_str text);

/** hc_subscription_remove() - take one out, if it is there */
void hc_subscription_remove(struct hc_subscription *subscription, enum hc_subscribed_by by,
			    struct hc_str text);

/** hc_subscription_clear() - take all patterns, or all channels, out */
void hc_subscription_clear(struct hc_subscription *subscription, enum hc_subscribed_by by);

/** hc_subscription_has() - whether it is in it */
bool hc_subscription_has(const struct hc_subscription *subscription, enum hc_subscribed_by by,
			 struct hc_str text);

size_t hc_subscription_count(const struct hc_subscription *subscription);

/** hc_subscription_at() - one of them, in the order in which they were added; borrowed */
struct hc_str hc_subscription_at(const struct hc_subscription *subscription, size_t index,
				 enum hc_subscribed_by *ret_by);

/** hc_subscription_filter() - what it all lets through */
struct hc_filter hc_subscription_filter(const struct hc_subscription *subscription,
					const struct hc_types *types);
