/* SPDX-License-Identifier: MIT */
/*
 * What the hub counts: plain numbers of the loop thread, which cost an addition where something
 * happens and are put into words by whoever asks (metrics.h).
 */
#pragma once

#include "proto/types.h"
#include "ws/health/histogram.h"
#include "ws/log/batch.h"

/** struct hc_sent - what went out to clients */
struct hc_sent {
	uint64_t deliveries; /* events, once for each client */
	uint64_t bytes;	     /* frames and whatever else, before TLS */
};

#define HC_STATS_CODES	  20 /* close codes that are told apart, and one for all others */
#define HC_STATS_REFUSALS 11 /* reasons of refused handshakes, likewise */
#define HC_STATS_RESUMES  5  /* outcomes of a resume */

enum hc_publish_result { /* those of hc_batch_result, and one more */
			 HC_PUBLISH_REFUSED = HC_BATCH_E_UNAVAILABLE + 1,
			 HC_PUBLISH_MAX_
};

struct hc_stats {
	struct hc_sent sent; /* to clients one by one; see hc_audiences_sent() for the rest */
	uint64_t events[HC_TYPES_MAX]; /* shown, by index of the type */
	uint64_t publishes[HC_PUBLISH_MAX_];
	uint64_t closes[HC_STATS_CODES];
	uint64_t refusals[HC_STATS_REFUSALS];
	uint64_t resumes[HC_STATS_RESUMES];
	struct hc_histogram publish_to_client;
	struct hc_histogram kernel_to_client;
	uint64_t fcgi_seen_unix_ms; /* when a REST program said hello last; 0: never */
};

/** hc_stats_close() - count a connection that ended with that close code; 0: without one */
void hc_stats_close(struct hc_stats *stats, uint16_t code);

/** hc_stats_refusal() - count a handshake refused with that problem code, "not_found" */
void hc_stats_refusal(struct hc_stats *stats, const char *code);

/** hc_stats_resume() - count what became of a position; NULL: complete, else why it was not */
void hc_stats_resume(struct hc_stats *stats, const char *reason);

/* The labels of the counters above, by index. The last code is 0: all others. */
uint16_t hc_stats_close_code(size_t index);
const char *hc_stats_refusal_name(size_t index);
const char *hc_stats_resume_name(size_t index);
const char *hc_stats_publish_name(size_t index);
