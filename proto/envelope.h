/* SPDX-License-Identifier: MIT */
/*
 * Envelopes: the outer JSON shape of an event, which belongs to the endpoint.
 *
 *   standard     {"type","payload","timestamp","sequence","channel","correlation_id"}
 *   data         {"type","data","timestamp"}
 *   spread       {"type", and the payload's own fields}
 *   cloudevents  CloudEvents 1.0, structured JSON
 */
#pragma once

#include "proto/event.h"

enum hc_envelope {
	HC_ENVELOPE_STANDARD,
	HC_ENVELOPE_DATA,
	HC_ENVELOPE_SPREAD,
	HC_ENVELOPE_CLOUDEVENTS,
	HC_ENVELOPE_MAX_
};

enum hc_time_format {
	HC_TIME_RFC3339,
	HC_TIME_UNIX, /* seconds as a number, with a fraction */
	HC_TIME_MAX_
};

/** struct hc_envelope_origin - what CloudEvents wants to know besides the event; borrowed */
struct hc_envelope_origin {
	const char *epoch;  /* "id" is <epoch>-<sequence>, or <epoch>-volatile-<serial> */
	const char *source; /* a URI reference, "/hostcast/<host name>" */
};

/** hc_envelope_name() - "standard", "data", "spread", "cloudevents" */
const char *hc_envelope_name(enum hc_envelope envelope);

/** hc_envelope_from_name() - the envelope of a name, or -1 */
int hc_envelope_from_name(struct hc_str name);

/**
 * hc_envelope_write() - append @event as JSON text
 * @origin: needed for HC_ENVELOPE_CLOUDEVENTS only
 *
 * Unset fields are left out. In the spread envelope a payload field named "type" gives way to the
 * event's own.
 */
void hc_envelope_write(struct hc_buffer *buffer, enum hc_envelope envelope,
		       enum hc_time_format time, const struct hc_event *event,
		       const struct hc_envelope_origin *origin);
