/* SPDX-License-Identifier: MIT */
/*
 * Messages from a client, in both dialects, and the answers to them:
 *
 *   {"action":"subscribe","events":["alert.*"]}       {"action":"subscribed","events":[...]}
 *   {"action":"unsubscribe","events":["alert.*"]}     {"action":"unsubscribed","events":[...]}
 *   {"action":"unsubscribe"}                          the same, with all that were subscribed
 *   {"action":"resume","since":"<position>"}          a connection.resumed message
 *   {"action":"authenticate","token":"<JWT>"}         {"action":"authenticated","expires_at":"..."}
 *   {"type":"subscribe","channel":"media_updates"}    {"type":"subscribed","channel":"..."}
 *   {"type":"unsubscribe","channel":"..."}            {"type":"unsubscribed","channel":"..."}
 *   {"type":"ping"}                                   {"type":"pong"}
 *   {"type":"pong"}                                   nothing
 *
 * Anything else is answered with an "error" message, and the connection lives on.
 */
#pragma once

#include "proto/base.h"

struct hc_session;

/** hc_message_handle() - take one whole text message of a client and answer it */
void hc_message_handle(struct hc_session *session, struct hc_str text);
