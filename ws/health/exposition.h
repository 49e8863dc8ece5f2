/* SPDX-License-Identifier: MIT */
/*
 * The Prometheus text format 0.0.4: families of samples, each with its help and its type.
 *
 * Source: prometheus.io/docs/instrumenting/exposition_formats/
 */
#pragma once

#include "proto/buffer.h"
#include "ws/health/histogram.h"

/** struct hc_label - one label of a sample; the value may be any UTF-8, it is escaped */
struct hc_label {
	const char *name; /* NULL: no label */
	const char *value;
};

#define HC_LABEL_NONE ((struct hc_label){ NULL, NULL })

/**
 * hc_exposition_family() - begin a family; its samples follow
 * @type: "counter", "gauge" or "histogram"
 * @help: one line of plain text
 */
void hc_exposition_family(struct hc_buffer *text, const char *name, const char *type,
			  const char *help);

/** hc_exposition_count() - one sample that is a whole number */
void hc_exposition_count(struct hc_buffer *text, const char *name, struct hc_label label,
			 uint64_t value);

/** hc_exposition_value() - one sample that is none */
void hc_exposition_value(struct hc_buffer *text, const char *name, struct hc_label label,
			 double value);

/** hc_exposition_histogram() - the samples of a histogram */
void hc_exposition_histogram(struct hc_buffer *text, const char *name,
			     const struct hc_buckets *buckets,
			     const struct hc_histogram *histogram);
