/* SPDX-License-Identifier: MIT */
/* Labels are from fixed lists: a client must not be able to make up new ones. */
#include "ws/health/stats.h"

#define CODE_ABNORMAL 1006 /* RFC 6455 section 7.4.1: gone without a close frame */

static const uint16_t codes[HC_STATS_CODES] = {
	1000, 1001, 1002, 1003, CODE_ABNORMAL, 1007, 1008, 1009, 1011, 1012,
	1013, 4000, 4001, 4008, 4010,	       4029, 4053, 4500, 4503, 0,
};

static const char *const refusals[HC_STATS_REFUSALS] = {
	"malformed",	    "invalid_params",	  "unauthorized", "forbidden",
	"not_found",	    "too_large",	  "unavailable",  "internal",
	"upgrade_required", "method_not_allowed", "other",
};

static const char *const resumes[HC_STATS_RESUMES] = {
	"complete", "trimmed", "epoch", "future", "lagged",
};

static const char *const publishes[HC_PUBLISH_MAX_] = {
	[HC_BATCH_OK_] = "ok",
	[HC_BATCH_REPEATED] = "repeated",
	[HC_BATCH_E_CONFLICT] = "conflict",
	[HC_BATCH_E_FULL] = "full",
	[HC_BATCH_E_UNAVAILABLE] = "unavailable",
	[HC_PUBLISH_REFUSED] = "refused",
};

/* The index of @name; the last one for a name that is not in the list. */
static size_t find(const char *const *names, size_t n, const char *name)
{
	size_t i = 0;

	while (i < n - 1 && strcmp(names[i], name) != 0)
		i++;
	return i;
}

void hc_stats_close(struct hc_stats *stats, uint16_t code)
{
	size_t i = 0;

	if (!code)
		code = CODE_ABNORMAL;
	while (codes[i] && codes[i] != code)
		i++;
	stats->closes[i]++;
}

void hc_stats_refusal(struct hc_stats *stats, const char *code)
{
	stats->refusals[find(refusals, HC_STATS_REFUSALS, code)]++;
}

void hc_stats_resume(struct hc_stats *stats, const char *reason)
{
	stats->resumes[reason ? find(resumes, HC_STATS_RESUMES, reason) : 0]++;
}

uint16_t hc_stats_close_code(size_t index)
{
	return codes[index];
}

const char *hc_stats_refusal_name(size_t index)
{
	return refusals[index];
}

const char *hc_stats_resume_name(size_t index)
{
	return resumes[index];
}

const char *hc_stats_publish_name(size_t index)
{
	return publishes[index];
}
