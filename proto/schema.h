/* SPDX-License-Identifier: MIT */
/*
 * JSON Schema, the part that our event types use, compiled once and checked against msgpack.
 *
 * Keywords: type (one name or several), properties, required, additionalProperties, enum, const
 * (null, booleans, numbers, text), minimum, maximum, exclusiveMinimum, exclusiveMaximum, minLength,
 * maxLength, items (one schema), minItems, maxItems, anyOf, $ref to "#/$defs/<name>" of the same
 * file, format "date-time"; and the annotations title, description, default, examples, $comment,
 * which check nothing. Any other keyword is an error when the file is read: a schema must not
 * promise what nobody checks.
 *
 * No C library for it is in Debian 12. Source: JSON Schema 2020-12.
 */
#pragma once

#include <jansson.h>

#include "proto/codec.h"

struct hc_fault;
struct hc_schema;

/**
 * hc_schema_new() - compile a schema
 * @ret:    new schema, owned by the caller; untouched on failure
 * @schema: borrowed for the call
 * @defs:   the "$defs" of its file, or NULL; borrowed for the call
 * @fault:  HC_FAULT_SCHEMA, what is wrong with the schema and where
 *
 * Return: 0, -EINVAL or -ENOMEM.
 */
int hc_schema_new(struct hc_schema **ret, const json_t *schema, const json_t *defs,
		  struct hc_fault *fault);
struct hc_schema *hc_schema_free(struct hc_schema *schema);
HC_DEFINE_CLEANUP(struct hc_schema *, hc_schema_free);

/**
 * hc_schema_validate() - check a value
 * @fault: HC_FAULT_SCHEMA with the pointer of the first field that does not fit; may be NULL
 *
 * Allocates nothing. An integer is also a number; 3.0 is an integer (JSON Schema section 6.1.1).
 */
bool hc_schema_validate(const struct hc_schema *schema, const msgpack_object *value,
			struct hc_fault *fault);
