/* SPDX-License-Identifier: MIT */
/*
 * The loader as the hub sees it: questions to it are forwarded, and when it goes away, that is
 * told.
 */
#pragma once

#include "ws/rpc/peer.h"

struct hc_detector;

int hc_detector_new(struct hc_detector **ret, struct hc_hub *hub);
/** hc_detector_free() - run the loop once more */
struct hc_detector *hc_detector_free(struct hc_detector *detector);

/** hc_detector_attach() - a loader has said hello; it takes the place of an earlier one */
void hc_detector_attach(struct hc_detector *detector, struct hc_peer *loader);

/** hc_detector_look() - events can be told again: tell what could not be; @detector may be NULL */
void hc_detector_look(struct hc_detector *detector);

/** hc_detector_forget() - a peer is gone, the loader perhaps, or somebody who asked it */
void hc_detector_forget(struct hc_detector *detector, struct hc_peer *peer);

/** hc_detector_answer() - the loader has answered a forwarded question */
void hc_detector_answer(struct hc_detector *detector, struct hc_peer *peer,
			const struct hc_rpc_message *message);

/** hc_detector_is_running() - whether a loader is connected */
bool hc_detector_is_running(const struct hc_detector *detector);

/** hc_detector_was_running() - whether one has ever been */
bool hc_detector_was_running(const struct hc_detector *detector);

/**
 * hc_detector_pack_status() - the payload of the last detector.status, true to what is known now
 */
void hc_detector_pack_status(struct hc_detector *detector, msgpack_packer *pk);
