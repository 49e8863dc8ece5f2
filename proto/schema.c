/* SPDX-License-Identifier: MIT */
/*
 * Checking a value against a compiled schema: once for every event, without allocating.
 *
 * O(values) for flat schemas: every entry of a map looks for its property from where the last one
 * was found, because publishers mostly write the fields in the order of the schema.
 */
#include <stdarg.h>
#include <stdio.h>

#include "proto/clock.h"
#include "proto/fault.h"
#include "proto/schema_node.h"

#define NAME_SHOWN 64 /* bytes of a field's name in a message */

/* Where the checking is, for messages. */
struct place {
	struct hc_str name; /* of the innermost field; empty at the root */
	bool is_element;    /* of the array in that field */
};

static bool check(const struct hc_schema *node, const msgpack_object *value,
		  const struct place *place, struct hc_fault *fault);

/* Says that the value at @place "must ...". Return: false. */
static bool complain(struct hc_fault *fault, const struct place *place, const char *format, ...)
	HC_PRINTF(3, 4);

static bool complain(struct hc_fault *fault, const struct place *place, const char *format, ...)
{
	int shown = place->name.len < NAME_SHOWN ? (int)place->name.len : NAME_SHOWN;
	char text[HC_FAULT_MESSAGE_MAX];
	va_list args;

	if (!fault)
		return false;
	va_start(args, format);
	if (vsnprintf(text, sizeof(text), format, args) < 0)
		text[0] = '\0';
	va_end(args);
	if (shown)
		hc_fault_set(fault, HC_FAULT_SCHEMA, "%s\"%.*s\" %s",
			     place->is_element ? "each element of " : "", shown, place->name.s,
			     text);
	else
		hc_fault_set(fault, HC_FAULT_SCHEMA, "%s %s",
			     place->is_element ? "each element" : "the value", text);
	return false;
}

static bool is_number(const msgpack_object *value, long double *ret)
{
	switch (value->type) {
	case MSGPACK_OBJECT_POSITIVE_INTEGER:
		*ret = value->via.u64;
		return true;
	case MSGPACK_OBJECT_NEGATIVE_INTEGER:
		*ret = value->via.i64;
		return true;
	case MSGPACK_OBJECT_FLOAT32:
	case MSGPACK_OBJECT_FLOAT64:
		*ret = value->via.f64;
		return true;
	default:
		return false;
	}
}

/* 3.0 is an integer; beyond 2^53 a double has no fraction. */
static bool is_whole(double number)
{
	const double limit = 9007199254740992.0;

	if (number != number || number - number != 0) /* NaN, infinite */
		return false;
	return number >= limit || number <= -limit || (double)(int64_t)number == number;
}

static unsigned int types_of(const msgpack_object *value)
{
	switch (value->type) {
	case MSGPACK_OBJECT_NIL:
		return TYPE_NULL;
	case MSGPACK_OBJECT_BOOLEAN:
		return TYPE_BOOLEAN;
	case MSGPACK_OBJECT_POSITIVE_INTEGER:
	case MSGPACK_OBJECT_NEGATIVE_INTEGER:
		return TYPE_INTEGER | TYPE_NUMBER;
	case MSGPACK_OBJECT_FLOAT32:
	case MSGPACK_OBJECT_FLOAT64:
		return is_whole(value->via.f64) ? TYPE_INTEGER | TYPE_NUMBER : TYPE_NUMBER;
	case MSGPACK_OBJECT_STR:
		return TYPE_STRING;
	case MSGPACK_OBJECT_ARRAY:
		return TYPE_ARRAY;
	case MSGPACK_OBJECT_MAP:
		return TYPE_OBJECT;
	default: /* binary and extensions have no place in JSON */
		return 0;
	}
}

static bool complain_types(unsigned int types, const struct place *place, struct hc_fault *fault)
{
	char text[128] = "";
	size_t len = 0;

	for (size_t i = 0; i < HC_SCHEMA_N_TYPES; i++) {
		if (!(types & 1u << i))
			continue;
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%s", len ? " or " : "",
					hc_schema_type_names[i].shown);
	}
	return complain(fault, place, "must be %s", text);
}

static bool constant_equals(const struct constant *constant, const msgpack_object *value)
{
	long double number;

	switch (constant->type) {
	case TYPE_NULL:
		return value->type == MSGPACK_OBJECT_NIL;
	case TYPE_BOOLEAN:
		return value->type == MSGPACK_OBJECT_BOOLEAN &&
		       value->via.boolean == constant->boolean;
	case TYPE_NUMBER:
		return is_number(value, &number) && number == constant->number;
	default:
		return value->type == MSGPACK_OBJECT_STR &&
		       hc_str_equal(hc_object_str(value), constant->text);
	}
}

static void show_number(char *ret, size_t size, long double number)
{
	bool is_exact = number > -1e18L && number < 1e18L && number == (long double)(int64_t)number;

	(void)snprintf(ret, size, is_exact ? "%.0Lf" : "%.15Lg", number);
}

static void show_constant(char *ret, size_t size, const struct constant *constant)
{
	if (constant->type == TYPE_NUMBER)
		show_number(ret, size, constant->number);
	else
		(void)snprintf(ret, size, "%s",
			       constant->type == TYPE_NULL     ? "null"
			       : constant->type == TYPE_STRING ? constant->text.s
			       : constant->boolean	       ? "true"
							       : "false");
}

static bool complain_constants(const struct hc_schema *node, const struct place *place,
			       struct hc_fault *fault)
{
	char list[160] = "", one[48];
	size_t len = 0;

	if (!fault)
		return false;
	for (size_t i = 0; i < node->n_constants; i++) {
		show_constant(one, sizeof(one), &node->constants[i]);
		if (len + strlen(one) + sizeof(", ...") > sizeof(list)) {
			(void)snprintf(list + len, sizeof(list) - len, ", ...");
			break;
		}
		len += (size_t)snprintf(list + len, sizeof(list) - len, "%s%s", len ? ", " : "",
					one);
	}
	return complain(fault, place, "must be %s%s", node->n_constants > 1 ? "one of " : "", list);
}

static bool check_constants(const struct hc_schema *node, const msgpack_object *value,
			    const struct place *place, struct hc_fault *fault)
{
	for (size_t i = 0; i < node->n_constants; i++) {
		if (constant_equals(&node->constants[i], value))
			return true;
	}
	return complain_constants(node, place, fault);
}

/* Says that the value "must be" or "must have" @relation, then the bound, then the @unit if any. */
static bool complain_bound(const struct bound *bound, const char *relation, const char *unit,
			   const struct place *place, struct hc_fault *fault)
{
	const char *plural = *unit && bound->value != 1 ? "s" : "";
	char number[32];

	show_number(number, sizeof(number), bound->value);
	return complain(fault, place, "must %s %s%s%s", relation, number, unit, plural);
}

/* NaN is in no range. */
static bool check_number(const struct hc_schema *node, long double number,
			 const struct place *place, struct hc_fault *fault)
{
	if (node->minimum.set && !(number >= node->minimum.value))
		return complain_bound(&node->minimum, "be at least", "", place, fault);
	if (node->maximum.set && !(number <= node->maximum.value))
		return complain_bound(&node->maximum, "be at most", "", place, fault);
	if (node->exclusive_minimum.set && !(number > node->exclusive_minimum.value))
		return complain_bound(&node->exclusive_minimum, "be more than", "", place, fault);
	if (node->exclusive_maximum.set && !(number < node->exclusive_maximum.value))
		return complain_bound(&node->exclusive_maximum, "be less than", "", place, fault);
	return true;
}

/* Characters, not bytes (JSON Schema Validation section 6.3.1): all but the continuation bytes. */
static size_t count_characters(struct hc_str text)
{
	size_t n = 0;

	for (size_t i = 0; i < text.len; i++)
		n += ((unsigned char)text.s[i] & 0xc0) != 0x80;
	return n;
}

static bool check_text(const struct hc_schema *node, struct hc_str text, const struct place *place,
		       struct hc_fault *fault)
{
	int64_t ignored;
	size_t n;

	if (node->is_date_time && !hc_timestamp_parse(&ignored, text))
		return complain(fault, place,
				"must be a date and time such as 2026-01-31T23:59:59.999Z");
	if (!node->min_length.set && !node->max_length.set)
		return true;
	n = count_characters(text);
	if (node->min_length.set && n < node->min_length.value)
		return complain_bound(&node->min_length, "have at least", " character", place,
				      fault);
	if (node->max_length.set && n > node->max_length.value)
		return complain_bound(&node->max_length, "have at most", " character", place,
				      fault);
	return true;
}

static bool check_array(const struct hc_schema *node, const msgpack_object_array *array,
			const struct place *place, struct hc_fault *fault)
{
	struct place inner = { place->name, true };

	if (node->min_items.set && array->size < node->min_items.value)
		return complain_bound(&node->min_items, "have at least", " element", place, fault);
	if (node->max_items.set && array->size > node->max_items.value)
		return complain_bound(&node->max_items, "have at most", " element", place, fault);
	for (uint32_t i = 0; node->items && i < array->size; i++) {
		if (check(node->items, &array->ptr[i], &inner, fault))
			continue;
		hc_fault_at_index(fault, i);
		return false;
	}
	return true;
}

/* *hint is where to begin, and becomes the property behind the one that was found. */
static const struct property *find_property(const struct hc_schema *node, struct hc_str name,
					    size_t *hint)
{
	const struct property *property;
	size_t at = *hint;

	for (size_t i = 0; i < node->n_properties; i++, at++) {
		if (at >= node->n_properties)
			at = 0;
		property = &node->properties[at];
		if (!hc_str_equal(property->name, name))
			continue;
		*hint = at + 1;
		return property;
	}
	return NULL;
}

static bool check_required(const struct hc_schema *node, uint64_t seen, struct hc_fault *fault)
{
	uint64_t missing = node->required & ~seen;
	struct place place = { 0 };

	if (!missing)
		return true;
	missing &= -missing; /* the first in the order of "required" */
	for (size_t i = 0; i < node->n_properties; i++) {
		if (node->properties[i].required_bit == missing)
			place.name = node->properties[i].name;
	}
	complain(fault, &place, "is required");
	hc_fault_at(fault, place.name);
	return false;
}

/* One entry of a map, whose name is that of @place. */
static bool check_field(const struct hc_schema *node, const struct property *property,
			const msgpack_object *value, const struct place *place,
			struct hc_fault *fault)
{
	const struct hc_schema *schema = property ? property->schema : node->additional;

	if (!property && node->is_closed)
		return complain(fault, place, "is not a field that is known here");
	return !schema || check(schema, value, place, fault);
}

static bool check_map(const struct hc_schema *node, const msgpack_object_map *map,
		      const struct place *place, struct hc_fault *fault)
{
	const struct property *property;
	struct place inner = { 0 };
	uint64_t seen = 0;
	size_t hint = 0;

	for (uint32_t i = 0; i < map->size; i++) {
		if (map->ptr[i].key.type != MSGPACK_OBJECT_STR)
			return complain(fault, place, "must have text as the names of its fields");
		inner.name = hc_object_str(&map->ptr[i].key);
		property = find_property(node, inner.name, &hint);
		if (!check_field(node, property, &map->ptr[i].val, &inner, fault)) {
			hc_fault_at(fault, inner.name);
			return false;
		}
		if (property)
			seen |= property->required_bit;
	}
	return check_required(node, seen, fault);
}

static bool allows_type_of(const struct hc_schema *node, const msgpack_object *value)
{
	while (!node->types && node->ref)
		node = node->ref;
	return !node->types || node->types & types_of(value);
}

/* "null or that": what is wrong is told by the one alternative that is of the value's type. */
static bool complain_any_of(const struct hc_schema *node, const msgpack_object *value,
			    const struct place *place, struct hc_fault *fault)
{
	const struct hc_schema *meant = NULL;
	size_t n = 0;

	if (!fault)
		return false;
	for (size_t i = 0; i < node->n_any_of; i++) {
		if (!allows_type_of(node->any_of[i], value))
			continue;
		meant = node->any_of[i];
		n++;
	}
	if (n == 1)
		return check(meant, value, place, fault);
	return complain(fault, place, "has none of the forms that are allowed here");
}

static bool check_any_of(const struct hc_schema *node, const msgpack_object *value,
			 const struct place *place, struct hc_fault *fault)
{
	for (size_t i = 0; i < node->n_any_of; i++) {
		if (check(node->any_of[i], value, place, NULL))
			return true;
	}
	return complain_any_of(node, value, place, fault);
}

static bool check_kind(const struct hc_schema *node, const msgpack_object *value,
		       const struct place *place, struct hc_fault *fault)
{
	long double number;

	switch (value->type) {
	case MSGPACK_OBJECT_STR:
		return check_text(node, hc_object_str(value), place, fault);
	case MSGPACK_OBJECT_ARRAY:
		return check_array(node, &value->via.array, place, fault);
	case MSGPACK_OBJECT_MAP:
		return check_map(node, &value->via.map, place, fault);
	default:
		return !is_number(value, &number) || check_number(node, number, place, fault);
	}
}

static bool check(const struct hc_schema *node, const msgpack_object *value,
		  const struct place *place, struct hc_fault *fault)
{
	if (node->types && !(node->types & types_of(value)))
		return complain_types(node->types, place, fault);
	if (node->n_constants && !check_constants(node, value, place, fault))
		return false;
	if (!check_kind(node, value, place, fault))
		return false;
	if (node->ref && !check(node->ref, value, place, fault))
		return false;
	return !node->n_any_of || check_any_of(node, value, place, fault);
}

bool hc_schema_validate(const struct hc_schema *schema, const msgpack_object *value,
			struct hc_fault *fault)
{
	const struct place root = { 0 };

	if (fault)
		fault->pointer[0] = '\0';
	return check(schema, value, &root, fault);
}
