/* SPDX-License-Identifier: MIT */
/*
 * A feed: what a peer on the UNIX socket has subscribed to. Like a session it is a cursor; it gets
 * the events as notifications, [2, "event", [{standard event}]]. Before an event that follows a gap
 * it is told what is missing: [2, "gap", [{"reason","missed_from","missed_to"}]].
 */
#pragma once

#include "ws/rpc/peer.h"

struct hc_feed;

/** hc_feed_new() - begin behind @sequence, in the log if the ring does not reach back that far */
struct hc_feed *hc_feed_new(struct hc_peer *peer, const struct hc_filter *filter,
			    uint64_t sequence);
struct hc_feed *hc_feed_free(struct hc_feed *feed);

/** hc_feed_begin_anew() - the log is another one: tell what is lost of the old one, and go on */
void hc_feed_begin_anew(struct hc_feed *feed, const char *epoch_before);

/** hc_feed_has_more() - there is something to send as soon as the peer's socket takes it */
bool hc_feed_has_more(const struct hc_feed *feed);

/** hc_feed_pump() - send what there is, as far as the peer reads it */
void hc_feed_pump(struct hc_feed *feed);
