/* SPDX-License-Identifier: MIT */
/*
 * The registry of event types: which there are, their channel, schema, and how the hub keeps them.
 *
 * One JSON file a domain: proto/types/<domain>.json, and a site's own in types.d. Its shape:
 *
 *   { "domain": "device", "channel": "devices", "description": "...", "$defs": { ... },
 *     "types": { "device.mounted": { "description": "...", "payload": { schema },
 *                                    "channel": "...",       (optional: other than the domain's)
 *                                    "retained": { "key": "mount_path",
 *                                                  "cleared_by": ["device.unmounted"],
 *                                                  "changed": "device" },
 *                                    "volatile": true } } }  (both optional)
 *
 * "changed" names a field of the payload, an object: the hub compares it with that of the last
 * event of the same key, and adds what differs as the field "changed" if the publisher did not.
 */
#pragma once

#include <jansson.h>

#include "proto/codec.h"

struct hc_fault;
struct hc_schema;
struct hc_types;

#define HC_TYPES_MAX 1024 /* event types in all; an index fits 16 bits */

struct hc_type {
	const char *name;
	const char *domain;
	const char *channel;
	const char *description;
	const struct hc_schema *schema;
	const json_t *payload;	   /* the schema as it stands in the file, its $defs within */
	const char *retained_key;  /* payload field; "" = one for the type; NULL = not retained */
	const char *changed_field; /* payload field, an object, that is compared; or NULL */
	const struct hc_type
		*clears;  /* an event of this type clears the retained one of that type */
	uint16_t index;	  /* 0 .. hc_types_count() - 1, in the order of names */
	bool is_volatile; /* broadcast, not logged */
};

/**
 * hc_types_load() - read every *.json of some directories
 * @ret:   new registry, owned by the caller; untouched on failure
 * @dirs:  read in order; one that does not exist is skipped unless it is the first
 * @fault: HC_FAULT_SCHEMA: file, line or pointer, and what is wrong
 *
 * A type that is defined twice, an unknown key, a bad schema: all are errors.
 * Return: 0, -EINVAL (see @fault), -errno.
 */
int hc_types_load(struct hc_types **ret, const char *const *dirs, size_t n_dirs,
		  struct hc_fault *fault);
struct hc_types *hc_types_free(struct hc_types *types);
HC_DEFINE_CLEANUP(struct hc_types *, hc_types_free);

size_t hc_types_count(const struct hc_types *types);

/** hc_types_at() - the type with that index */
const struct hc_type *hc_types_at(const struct hc_types *types, size_t index);

/** hc_types_find() - the type of that name, or NULL; O(log n), no allocation */
const struct hc_type *hc_types_find(const struct hc_types *types, struct hc_str name);

/** hc_types_has_channel() - whether some type has that channel */
bool hc_types_has_channel(const struct hc_types *types, struct hc_str channel);

/** hc_type_validate() - check a payload; see hc_schema_validate() */
bool hc_type_validate(const struct hc_type *type, const msgpack_object *payload,
		      struct hc_fault *fault);
