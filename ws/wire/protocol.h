/* SPDX-License-Identifier: MIT */
/*
 * The WebSocket protocol as libwebsockets does it for us: handshake, frames in, close.
 *
 * We accept the connections and hand them over; it parses, and calls back.
 */
#pragma once

#include "ws/hub.h"

struct hc_protocol;
struct hc_tls;

/** hc_protocol_new() - a libwebsockets context on the hub's loop */
int hc_protocol_new(struct hc_protocol **ret, struct hc_hub *hub, struct hc_fault *fault);

/**
 * hc_protocol_adopt() - take over an accepted connection
 * @fd:     consumed
 * @is_tls: [tls] listen is set, and it came from there
 */
void hc_protocol_adopt(struct hc_protocol *protocol, int fd, bool is_tls);

/** hc_protocol_tls() - the certificate that new connections are shown; NULL without TLS */
const struct hc_tls *hc_protocol_tls(const struct hc_protocol *protocol);

/**
 * hc_protocol_reconfigure() - the hub has another configuration
 * @tls: the certificate for new connections, consumed; NULL: as before
 */
void hc_protocol_reconfigure(struct hc_protocol *protocol, struct hc_tls *tls);

/** hc_protocol_free() - drop all connections; their sessions are closed before it returns */
struct hc_protocol *hc_protocol_free(struct hc_protocol *protocol);
HC_DEFINE_CLEANUP(struct hc_protocol *, hc_protocol_free);
