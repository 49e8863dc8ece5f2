/* SPDX-License-Identifier: MIT */
/*
 * Compiling a JSON Schema: a walk over it by a table of keywords. Whatever the table does not know,
 * and whatever could never be checked, is an error here, with its pointer.
 */
#include <errno.h>
#include <stdlib.h>

#include "proto/fault.h"
#include "proto/log.h"
#include "proto/schema_node.h"

#define DEPTH_MAX 64 /* levels of a schema; ours have 8 */

enum { /* hc_schema.loop */
       LOOP_UNKNOWN,
       LOOP_SEARCHING,
       LOOP_NONE,
};

const struct hc_schema_type_name hc_schema_type_names[HC_SCHEMA_N_TYPES] = {
	{ "boolean", "true or false" },
	{ "integer", "an integer" },
	{ "number", "a number" },
	{ "string", "a string" },
	{ "array", "an array" },
	{ "object", "an object" },
	{ "null", "null" },
};

struct compiler {
	const json_t *defs;
	struct hc_schema *root;
	struct hc_fault *fault;
	int depth;
};

struct keyword {
	const char *name;
	int (*compile)(struct compiler *compiler, struct hc_schema *node, const json_t *value,
		       const struct keyword *keyword);
	size_t at; /* of the struct bound */
};

static int compile_node(struct hc_schema **ret, struct compiler *compiler, const json_t *schema);

#define reject(compiler, ...) \
	({ \
		hc_fault_set((compiler)->fault, HC_FAULT_SCHEMA, __VA_ARGS__); \
		-EINVAL; \
	})

/* Prefixes the pointer of a fault that a deeper level has set, and hands its error up. */
static int reject_at(struct compiler *compiler, const char *token, int error)
{
	hc_fault_at(compiler->fault, hc_str(token));
	return error;
}

static int reject_at_index(struct compiler *compiler, size_t index, int error)
{
	hc_fault_at_index(compiler->fault, index);
	return error;
}

static int copy_text(struct hc_str *ret, const char *text, size_t len)
{
	char *copy = malloc(len + 1);

	if (!copy)
		return -ENOMEM;
	memcpy(copy, text, len);
	copy[len] = '\0';
	ret->s = copy;
	ret->len = len;
	return 0;
}

static int compile_type_name(struct compiler *compiler, struct hc_schema *node, const json_t *name)
{
	for (size_t i = 0; json_is_string(name) && i < HC_SCHEMA_N_TYPES; i++) {
		if (strcmp(json_string_value(name), hc_schema_type_names[i].name))
			continue;
		node->types |= 1u << i;
		return 0;
	}
	return reject(compiler, "a type is one of null, boolean, integer, number, string, array, "
				"object, or an array of them");
}

static int compile_type(struct compiler *compiler, struct hc_schema *node, const json_t *value,
			const struct keyword *keyword)
{
	int r;

	(void)keyword;
	if (!json_is_array(value))
		return compile_type_name(compiler, node, value);
	if (!json_array_size(value))
		return reject(compiler, "an empty list of types allows nothing");
	for (size_t i = 0; i < json_array_size(value); i++) {
		r = compile_type_name(compiler, node, json_array_get(value, i));
		if (r)
			return reject_at_index(compiler, i, r);
	}
	return 0;
}

static int compile_properties(struct compiler *compiler, struct hc_schema *node,
			      const json_t *value, const struct keyword *keyword)
{
	struct property *property;
	const char *name;
	json_t *schema;
	int r;

	(void)keyword;
	if (!json_is_object(value))
		return reject(compiler, "must be an object of schemas");
	node->properties = calloc(json_object_size(value) + 1, sizeof(*property));
	if (!node->properties)
		return -ENOMEM;
	json_object_foreach((json_t *)value, name, schema)
	{
		property = &node->properties[node->n_properties];
		r = copy_text(&property->name, name, strlen(name));
		if (r)
			return r;
		node->n_properties++;
		r = compile_node(&property->schema, compiler, schema);
		if (r)
			return reject_at(compiler, name, r);
	}
	return 0;
}

/* The property of that name, added if there is none. */
static int property_for_name(struct property **ret, struct hc_schema *node, const json_t *name)
{
	struct hc_str text = { json_string_value(name), json_string_length(name) };
	struct property *properties;
	int r;

	for (size_t i = 0; i < node->n_properties; i++) {
		if (!hc_str_equal(node->properties[i].name, text))
			continue;
		*ret = &node->properties[i];
		return 0;
	}
	properties = reallocarray(node->properties, node->n_properties + 1, sizeof(*properties));
	if (!properties)
		return -ENOMEM;
	node->properties = properties;
	properties[node->n_properties] = (struct property){ 0 };
	r = copy_text(&properties[node->n_properties].name, text.s, text.len);
	if (r)
		return r;
	*ret = &properties[node->n_properties++];
	return 0;
}

/* Runs after compile_properties(): the table of keywords has that order. */
static int compile_required(struct compiler *compiler, struct hc_schema *node, const json_t *value,
			    const struct keyword *keyword)
{
	struct property *property;
	const json_t *name;
	int r;

	(void)keyword;
	if (!json_is_array(value) || json_array_size(value) > HC_SCHEMA_REQUIRED_MAX)
		return reject(compiler, "must be an array of at most %d names",
			      HC_SCHEMA_REQUIRED_MAX);
	for (size_t i = 0; i < json_array_size(value); i++) {
		name = json_array_get(value, i);
		if (!json_is_string(name))
			return reject_at_index(compiler, i,
					       reject(compiler, "must be the name of a field"));
		r = property_for_name(&property, node, name);
		if (r)
			return r;
		if (property->required_bit)
			return reject_at_index(compiler, i, reject(compiler, "is there twice"));
		property->required_bit = UINT64_C(1) << i;
		node->required |= property->required_bit;
	}
	return 0;
}

static int compile_additional(struct compiler *compiler, struct hc_schema *node,
			      const json_t *value, const struct keyword *keyword)
{
	(void)keyword;
	if (!json_is_boolean(value))
		return compile_node(&node->additional, compiler, value);
	node->is_closed = json_is_false(value);
	return 0;
}

static int compile_constant(struct compiler *compiler, struct constant *constant,
			    const json_t *value)
{
	switch (json_typeof(value)) {
	case JSON_NULL:
		constant->type = TYPE_NULL;
		return 0;
	case JSON_TRUE:
	case JSON_FALSE:
		constant->type = TYPE_BOOLEAN;
		constant->boolean = json_is_true(value);
		return 0;
	case JSON_INTEGER:
		constant->type = TYPE_NUMBER;
		constant->number = (long double)json_integer_value(value);
		return 0;
	case JSON_REAL:
		constant->type = TYPE_NUMBER;
		constant->number = json_real_value(value);
		return 0;
	case JSON_STRING:
		constant->type = TYPE_STRING;
		return copy_text(&constant->text, json_string_value(value),
				 json_string_length(value));
	default:
		return reject(compiler, "must be null, true, false, a number or a string");
	}
}

static int compile_const(struct compiler *compiler, struct hc_schema *node, const json_t *value,
			 const struct keyword *keyword)
{
	(void)keyword;
	if (node->constants)
		return reject(compiler, "cannot stand beside \"enum\"");
	node->constants = calloc(1, sizeof(*node->constants));
	if (!node->constants)
		return -ENOMEM;
	node->n_constants = 1;
	return compile_constant(compiler, &node->constants[0], value);
}

static int compile_enum(struct compiler *compiler, struct hc_schema *node, const json_t *value,
			const struct keyword *keyword)
{
	int r;

	(void)keyword;
	if (!json_is_array(value) || !json_array_size(value))
		return reject(compiler, "must be an array of values, not empty");
	node->constants = calloc(json_array_size(value), sizeof(*node->constants));
	if (!node->constants)
		return -ENOMEM;
	node->n_constants = json_array_size(value);
	for (size_t i = 0; i < node->n_constants; i++) {
		r = compile_constant(compiler, &node->constants[i], json_array_get(value, i));
		if (r)
			return reject_at_index(compiler, i, r);
	}
	return 0;
}

static int compile_bound(struct compiler *compiler, struct hc_schema *node, const json_t *value,
			 const struct keyword *keyword)
{
	struct bound *bound = (struct bound *)((char *)node + keyword->at);

	if (!json_is_number(value))
		return reject(compiler, "must be a number");
	bound->set = true;
	bound->value = json_is_integer(value) ? (long double)json_integer_value(value)
					      : (long double)json_real_value(value);
	return 0;
}

static int compile_count(struct compiler *compiler, struct hc_schema *node, const json_t *value,
			 const struct keyword *keyword)
{
	if (!json_is_integer(value) || json_integer_value(value) < 0)
		return reject(compiler, "must be an integer, not negative");
	return compile_bound(compiler, node, value, keyword);
}

static int compile_items(struct compiler *compiler, struct hc_schema *node, const json_t *value,
			 const struct keyword *keyword)
{
	(void)keyword;
	return compile_node(&node->items, compiler, value);
}

static int compile_any_of(struct compiler *compiler, struct hc_schema *node, const json_t *value,
			  const struct keyword *keyword)
{
	int r;

	(void)keyword;
	if (!json_is_array(value) || !json_array_size(value))
		return reject(compiler, "must be an array of schemas, not empty");
	node->any_of = calloc(json_array_size(value), sizeof(struct hc_schema *));
	if (!node->any_of)
		return -ENOMEM;
	for (size_t i = 0; i < json_array_size(value); i++) {
		r = compile_node(&node->any_of[i], compiler, json_array_get(value, i));
		if (r)
			return reject_at_index(compiler, i, r);
		node->n_any_of++;
	}
	return 0;
}

static int compile_format(struct compiler *compiler, struct hc_schema *node, const json_t *value,
			  const struct keyword *keyword)
{
	(void)keyword;
	if (!json_is_string(value) || strcmp(json_string_value(value), "date-time"))
		return reject(compiler, "the only format that is checked here is \"date-time\"");
	node->is_date_time = true;
	return 0;
}

/*
 * A definition becomes known before it is compiled, so that one that refers to itself (a tree of
 * values) finds itself.
 */
static int compile_definition(const struct hc_schema **ret, struct compiler *compiler,
			      const char *name, const json_t *schema);

static int compile_ref(struct compiler *compiler, struct hc_schema *node, const json_t *value,
		       const struct keyword *keyword)
{
	static const char prefix[] = "#/$defs/";
	const char *name = json_string_value(value);
	const json_t *schema;

	(void)keyword;
	if (!name || strncmp(name, prefix, sizeof(prefix) - 1))
		return reject(compiler, "must be \"#/$defs/\" and the name of a definition");
	name += sizeof(prefix) - 1;
	schema = json_object_get(compiler->defs, name);
	if (!schema)
		return reject(compiler, "there is no definition of that name in \"$defs\"");
	return compile_definition(&node->ref, compiler, name, schema);
}

static int compile_annotation(struct compiler *compiler, struct hc_schema *node,
			      const json_t *value, const struct keyword *keyword)
{
	(void)compiler, (void)node, (void)value, (void)keyword;
	return 0;
}

#define BOUND(member) offsetof(struct hc_schema, member)

static const struct keyword keywords[] = {
	{ "type", compile_type, 0 },
	{ "properties", compile_properties, 0 },
	{ "required", compile_required, 0 },
	{ "additionalProperties", compile_additional, 0 },
	{ "enum", compile_enum, 0 },
	{ "const", compile_const, 0 },
	{ "minimum", compile_bound, BOUND(minimum) },
	{ "maximum", compile_bound, BOUND(maximum) },
	{ "exclusiveMinimum", compile_bound, BOUND(exclusive_minimum) },
	{ "exclusiveMaximum", compile_bound, BOUND(exclusive_maximum) },
	{ "minLength", compile_count, BOUND(min_length) },
	{ "maxLength", compile_count, BOUND(max_length) },
	{ "items", compile_items, 0 },
	{ "minItems", compile_count, BOUND(min_items) },
	{ "maxItems", compile_count, BOUND(max_items) },
	{ "anyOf", compile_any_of, 0 },
	{ "$ref", compile_ref, 0 },
	{ "format", compile_format, 0 },
	{ "title", compile_annotation, 0 },
	{ "description", compile_annotation, 0 },
	{ "default", compile_annotation, 0 },
	{ "examples", compile_annotation, 0 },
	{ "$comment", compile_annotation, 0 },
};

static bool is_keyword(const char *name)
{
	for (size_t i = 0; i < HC_ARRAY_LEN(keywords); i++) {
		if (!strcmp(name, keywords[i].name))
			return true;
	}
	return false;
}

static int compile_keywords(struct compiler *compiler, struct hc_schema *node, const json_t *schema)
{
	char quoted[HC_LOG_QUOTE_MAX];
	const json_t *value;
	const char *name;
	json_t *ignored;
	int r;

	json_object_foreach((json_t *)schema, name, ignored)
	{
		if (!is_keyword(name))
			return reject_at(compiler, name,
					 reject(compiler, "keyword %s is not supported",
						hc_log_quote(quoted, hc_str(name))));
	}
	for (size_t i = 0; i < HC_ARRAY_LEN(keywords); i++) {
		value = json_object_get(schema, keywords[i].name);
		if (!value)
			continue;
		r = keywords[i].compile(compiler, node, value, &keywords[i]);
		if (r)
			return reject_at(compiler, keywords[i].name, r);
	}
	return 0;
}

static int compile_into(struct hc_schema *node, struct compiler *compiler, const json_t *schema)
{
	int r;

	if (!json_is_object(schema))
		return reject(compiler, "a schema is an object");
	if (compiler->depth >= DEPTH_MAX)
		return reject(compiler, "the schema is nested deeper than %d levels", DEPTH_MAX);
	compiler->depth++;
	r = compile_keywords(compiler, node, schema);
	compiler->depth--;
	return r;
}

static int compile_node(struct hc_schema **ret, struct compiler *compiler, const json_t *schema)
{
	HC_CLEANUP(hc_schema_freep) struct hc_schema *node = calloc(1, sizeof(*node));
	int r;

	if (!node)
		return -ENOMEM;
	r = compile_into(node, compiler, schema);
	if (r)
		return r;
	*ret = hc_take(node);
	return 0;
}

static int compile_definition(const struct hc_schema **ret, struct compiler *compiler,
			      const char *name, const json_t *schema)
{
	struct hc_schema *node;
	int r;

	for (node = compiler->root->next_def; node; node = node->next_def) {
		if (strcmp(node->def_name, name))
			continue;
		*ret = node;
		return 0;
	}
	node = calloc(1, sizeof(*node));
	if (!node)
		return -ENOMEM;
	node->next_def = compiler->root->next_def;
	compiler->root->next_def = node;
	node->def_name = strdup(name);
	if (!node->def_name)
		return -ENOMEM;
	r = compile_into(node, compiler, schema);
	if (r)
		return r;
	*ret = node;
	return 0;
}

/* Whether @node can come back to itself without going deeper into the value: O(nodes) in all. */
static bool has_empty_loop(struct hc_schema *node)
{
	bool found = false;

	if (node->loop != LOOP_UNKNOWN)
		return node->loop == LOOP_SEARCHING;
	node->loop = LOOP_SEARCHING;
	if (node->ref)
		found = has_empty_loop((struct hc_schema *)node->ref);
	for (size_t i = 0; !found && i < node->n_any_of; i++)
		found = has_empty_loop(node->any_of[i]);
	node->loop = LOOP_NONE;
	return found;
}

int hc_schema_new(struct hc_schema **ret, const json_t *schema, const json_t *defs,
		  struct hc_fault *fault)
{
	HC_CLEANUP(hc_schema_freep) struct hc_schema *root = calloc(1, sizeof(*root));
	struct compiler compiler = { .defs = defs, .root = root, .fault = fault };
	int r;

	if (!root)
		return -ENOMEM;
	if (fault)
		fault->pointer[0] = '\0';
	r = compile_into(root, &compiler, schema);
	if (r)
		return r;
	for (struct hc_schema *def = root->next_def; def; def = def->next_def) {
		if (has_empty_loop(def))
			return reject(&compiler,
				      "definition \"%s\" refers to itself and nothing else",
				      def->def_name);
	}
	*ret = hc_take(root);
	return 0;
}

static void free_node(struct hc_schema *node)
{
	for (size_t i = 0; i < node->n_properties; i++) {
		free((char *)node->properties[i].name.s);
		hc_schema_free(node->properties[i].schema);
	}
	free(node->properties);
	for (size_t i = 0; i < node->n_constants; i++)
		free((char *)node->constants[i].text.s);
	free(node->constants);
	hc_schema_free(node->additional);
	hc_schema_free(node->items);
	for (size_t i = 0; i < node->n_any_of; i++)
		hc_schema_free(node->any_of[i]);
	free(node->any_of);
	free(node->def_name);
	free(node);
}

struct hc_schema *hc_schema_free(struct hc_schema *schema)
{
	struct hc_schema *next;

	for (; schema; schema = next) {
		next = schema->next_def;
		free_node(schema);
	}
	return NULL;
}
