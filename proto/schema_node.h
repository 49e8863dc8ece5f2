/* SPDX-License-Identifier: MIT */
/*
 * A compiled schema, as schema_compile.c builds it and schema.c reads it. No other file includes
 * it.
 *
 * A schema is a tree of nodes, one allocation each and a few for their tables; "$ref" points across
 * it into the definitions, which are compiled once and hang on the root.
 *
 * Invariant: no chain of "$ref" and "anyOf" leads back to its beginning, so every round of the
 * checking recursion goes one level deeper into the value, whose depth the codec bounds.
 */
#pragma once

#include "proto/schema.h"

#define HC_SCHEMA_REQUIRED_MAX 64 /* names in one "required": bits of a mask */

/* What a value is, as bits; hc_schema_type_names has the same order. */
enum {
	TYPE_BOOLEAN = 1 << 0,
	TYPE_INTEGER = 1 << 1,
	TYPE_NUMBER = 1 << 2,
	TYPE_STRING = 1 << 3,
	TYPE_ARRAY = 1 << 4,
	TYPE_OBJECT = 1 << 5,
	TYPE_NULL = 1 << 6,
};

#define HC_SCHEMA_N_TYPES 7

struct hc_schema_type_name {
	const char *name;  /* in a schema */
	const char *shown; /* in a message */
};

extern const struct hc_schema_type_name hc_schema_type_names[HC_SCHEMA_N_TYPES];

/*
 * A number of either side. Where long double has 64 bits of mantissa (x86, and more on arm64),
 * every integer of msgpack and of jansson is exact in it.
 */
struct bound {
	bool set;
	long double value;
};

/* A value of "enum" or "const". */
struct constant {
	unsigned int type; /* one of TYPE_NULL, TYPE_BOOLEAN, TYPE_NUMBER, TYPE_STRING */
	bool boolean;
	long double number;
	struct hc_str text; /* owned */
};

struct property {
	struct hc_str name;	  /* owned */
	struct hc_schema *schema; /* owned; NULL if it is only in "required" */
	uint64_t required_bit;	  /* 0 if it may be absent */
};

struct hc_schema {
	unsigned int types; /* 0: any */
	struct property *properties;
	size_t n_properties;
	uint64_t required;
	bool is_closed;		      /* "additionalProperties": false */
	struct hc_schema *additional; /* owned; of the properties that are not named */
	struct constant *constants;
	size_t n_constants;
	struct bound minimum, maximum, exclusive_minimum, exclusive_maximum;
	struct bound min_length, max_length; /* characters */
	struct bound min_items, max_items;
	bool is_date_time;
	struct hc_schema *items;   /* owned */
	struct hc_schema **any_of; /* owned */
	size_t n_any_of;
	const struct hc_schema *ref; /* into the definitions of the root */

	char *def_name;		    /* owned; of a definition */
	struct hc_schema *next_def; /* owned; on the root and on definitions */
	unsigned char loop;	    /* a mark of the search for loops, schema_compile.c */
};
