/* SPDX-License-Identifier: MIT */
#include "ws/health/exposition.h"

void hc_exposition_family(struct hc_buffer *text, const char *name, const char *type,
			  const char *help)
{
	hc_buffer_printf(text, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void append_escaped(struct hc_buffer *text, const char *value)
{
	for (; *value; value++) {
		if (*value == '\n')
			hc_buffer_append(text, "\\n", 2);
		else if (*value == '\\' || *value == '"')
			hc_buffer_printf(text, "\\%c", *value);
		else
			hc_buffer_append(text, value, 1);
	}
}

static void begin(struct hc_buffer *text, const char *name, struct hc_label label)
{
	hc_buffer_append_str(text, hc_str(name));
	if (label.name) {
		hc_buffer_printf(text, "{%s=\"", label.name);
		append_escaped(text, label.value);
		hc_buffer_append(text, "\"}", 2);
	}
	hc_buffer_append(text, " ", 1);
}

void hc_exposition_count(struct hc_buffer *text, const char *name, struct hc_label label,
			 uint64_t value)
{
	begin(text, name, label);
	hc_buffer_printf(text, "%llu\n", (unsigned long long)value);
}

void hc_exposition_value(struct hc_buffer *text, const char *name, struct hc_label label,
			 double value)
{
	begin(text, name, label);
	hc_buffer_printf(text, "%.15g\n", value);
}

void hc_exposition_histogram(struct hc_buffer *text, const char *name,
			     const struct hc_buckets *buckets, const struct hc_histogram *histogram)
{
	unsigned long long n = 0;

	for (size_t i = 0; i < buckets->n; i++) {
		n += histogram->counts[i];
		hc_buffer_printf(text, "%s_bucket{le=\"%.15g\"} %llu\n", name,
				 (double)buckets->bounds[i] * buckets->unit, n);
	}
	n += histogram->counts[buckets->n];
	hc_buffer_printf(text, "%s_bucket{le=\"+Inf\"} %llu\n", name, n);
	hc_buffer_printf(text, "%s_sum %.15g\n", name, (double)histogram->sum * buckets->unit);
	hc_buffer_printf(text, "%s_count %llu\n", name, n);
}
