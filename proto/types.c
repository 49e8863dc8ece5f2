/* SPDX-License-Identifier: MIT */
/*
 * The registry: all files are read, their types sorted by name, and only then is resolved who
 * clears whom, so that a type may name one of another file. Looking up is a binary search.
 *
 * Every text and schema is borrowed from the JSON documents, which live as long as the registry.
 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "proto/event.h"
#include "proto/fault.h"
#include "proto/pattern.h"
#include "proto/schema.h"
#include "proto/types.h"

#define SUFFIX ".json"

struct entry {
	struct hc_type type;
	struct hc_schema *schema; /* owned; what type.schema shows */
	const char *path;	  /* of its file */
	const json_t *cleared_by; /* names, or NULL */
};

struct hc_types {
	struct entry *entries;
	size_t n;
	json_t *keep; /* owned: documents, paths and payload schemas, which the entries borrow from
		       */
};

/* What is being read. */
struct reader {
	struct hc_types *types;
	struct hc_fault *fault;
	const char *path;
	const char *domain, *channel;
	const json_t *defs;
};

#define reject(reader, ...) \
	({ \
		hc_fault_set((reader)->fault, HC_FAULT_SCHEMA, __VA_ARGS__); \
		-EINVAL; \
	})

static int reject_at(struct reader *reader, const char *token, int error)
{
	hc_fault_at(reader->fault, hc_str(token));
	return error;
}

/* Puts the file before the message, once its pointer is complete. */
static int reject_in_file(struct hc_fault *fault, const char *path, int error)
{
	char message[HC_FAULT_MESSAGE_MAX];

	if (!fault || error != -EINVAL)
		return error;
	memcpy(message, fault->message, sizeof(message));
	hc_fault_set(fault, HC_FAULT_SCHEMA, "%s: %s", path, message);
	return error;
}

/* ---- the pieces of a file ----------------------------------------------------------------- */

static int check_keys(struct reader *reader, const json_t *object, const char *const *known)
{
	const char *key;
	json_t *ignored;
	size_t i;

	json_object_foreach((json_t *)object, key, ignored)
	{
		for (i = 0; known[i] && strcmp(known[i], key); i++)
			;
		if (!known[i])
			return reject_at(reader, key,
					 reject(reader, "\"%s\" is not a known key", key));
	}
	return 0;
}

/* A text that must be there and not empty. */
static int read_text(const char **ret, struct reader *reader, const json_t *object, const char *key)
{
	const json_t *text = json_object_get(object, key);

	if (!text)
		return reject_at(reader, key, reject(reader, "\"%s\" is required", key));
	if (!json_is_string(text) || !json_string_length(text))
		return reject_at(reader, key,
				 reject(reader, "\"%s\" must be text, not empty", key));
	*ret = json_string_value(text);
	return 0;
}

/* Words of [A-Za-z0-9_-] joined by dots: a pattern without a star. */
static bool is_name(const char *text)
{
	struct hc_str name = hc_str(text);

	return hc_pattern_check(name, NULL) && name.s[name.len - 1] != '*';
}

static int read_name(const char **ret, struct reader *reader, const json_t *object, const char *key)
{
	const char *name;
	int r = read_text(&name, reader, object, key);

	if (r)
		return r;
	if (!is_name(name))
		return reject_at(reader, key,
				 reject(reader,
					"\"%s\" must be words of letters, digits, \"_\" and "
					"\"-\", joined by dots",
					key));
	*ret = name;
	return 0;
}

static int check_type_name(struct reader *reader, const char *name)
{
	const char *dot = strchr(name, '.');
	size_t domain_len = strlen(reader->domain);

	if (!is_name(name) || strlen(name) > HC_EVENT_TYPE_MAX)
		return reject(reader,
			      "a type's name has at most %d letters, digits, \"_\", \"-\", in "
			      "words joined by dots",
			      HC_EVENT_TYPE_MAX);
	/* The few names without a dot are those of older systems. */
	if (dot && (strncmp(name, reader->domain, domain_len) || name[domain_len] != '.'))
		return reject(reader, "the name of a type in this file begins with \"%s.\"",
			      reader->domain);
	return 0;
}

/* The payload with the definitions of its file, so that it can be read alone. */
static int keep_payload(const json_t **ret, struct reader *reader, const json_t *payload)
{
	json_t *copy = json_copy((json_t *)payload);

	if (!copy || json_array_append_new(reader->types->keep, copy))
		return -ENOMEM;
	if (reader->defs && json_object_set(copy, "$defs", (json_t *)reader->defs))
		return -ENOMEM;
	*ret = copy;
	return 0;
}

static int read_payload(struct entry *entry, struct reader *reader, const json_t *object)
{
	const json_t *payload = json_object_get(object, "payload");
	const char *type = json_string_value(json_object_get(payload, "type"));
	int r;

	if (!payload)
		return reject_at(reader, "payload", reject(reader, "\"payload\" is required"));
	r = hc_schema_new(&entry->schema, payload, reader->defs, reader->fault);
	if (!r && (!type || strcmp(type, "object")))
		r = reject_at(reader, "type",
			      reject(reader, "the type of a payload is \"object\""));
	if (r)
		return reject_at(reader, "payload", r);
	entry->type.schema = entry->schema;
	return keep_payload(&entry->type.payload, reader, payload);
}

static bool is_key_type(const json_t *type)
{
	return json_is_string(type) && (!strcmp(json_string_value(type), "string") ||
					!strcmp(json_string_value(type), "integer"));
}

/* Whether every payload of that schema has @key, as text or an integer: only then is it a key. */
static bool has_key_field(const json_t *payload, const char *key)
{
	const json_t *field = json_object_get(json_object_get(payload, "properties"), key);
	const json_t *name;
	size_t i;

	json_array_foreach(json_object_get(payload, "required"), i, name)
	{
		if (!strcmp(json_string_value(name), key))
			return is_key_type(json_object_get(field, "type"));
	}
	return false;
}

static bool is_of_type(const json_t *payload, const char *field, const char *name)
{
	const json_t *type = json_object_get(
		json_object_get(json_object_get(payload, "properties"), field), "type");
	const json_t *one;
	size_t i;

	if (json_is_string(type))
		return !strcmp(json_string_value(type), name);
	json_array_foreach(type, i, one)
	{
		if (json_is_string(one) && !strcmp(json_string_value(one), name))
			return true;
	}
	return false;
}

static int read_changed(struct entry *entry, struct reader *reader, const json_t *changed)
{
	if (!changed)
		return 0;
	if (!json_is_string(changed) ||
	    !is_of_type(entry->type.payload, json_string_value(changed), "object"))
		return reject_at(reader, "changed",
				 reject(reader, "must be the name of a field that is an object"));
	if (!is_of_type(entry->type.payload, "changed", "array"))
		return reject_at(reader, "changed",
				 reject(reader, "the payload has no array \"changed\" for it"));
	entry->type.changed_field = json_string_value(changed);
	return 0;
}

static int read_retained(struct entry *entry, struct reader *reader, const json_t *retained)
{
	static const char *const known[] = { "key", "cleared_by", "changed", NULL };
	const json_t *key = json_object_get(retained, "key");
	const json_t *name;
	size_t i;
	int r;

	if (!json_is_object(retained))
		return reject(reader, "\"retained\" must be an object");
	r = check_keys(reader, retained, known);
	if (r)
		return r;
	if (!json_is_string(key))
		return reject_at(reader, "key",
				 reject(reader, "\"key\" must be the name of a field, or \"\""));
	entry->type.retained_key = json_string_value(key);
	if (json_string_length(key) && !has_key_field(entry->type.payload, json_string_value(key)))
		return reject_at(reader, "key",
				 reject(reader,
					"\"%s\" must be a required field of the payload, "
					"a string or an integer",
					json_string_value(key)));
	entry->cleared_by = json_object_get(retained, "cleared_by");
	if (entry->cleared_by && !json_is_array(entry->cleared_by))
		return reject_at(reader, "cleared_by", reject(reader, "must be an array of types"));
	json_array_foreach(entry->cleared_by, i, name)
	{
		if (!json_is_string(name))
			return reject_at(reader, "cleared_by",
					 reject(reader, "must be names of types"));
	}
	return read_changed(entry, reader, json_object_get(retained, "changed"));
}

static int read_optional(struct entry *entry, struct reader *reader, const json_t *object)
{
	const json_t *retained = json_object_get(object, "retained");
	const json_t *is_volatile = json_object_get(object, "volatile");
	int r;

	if (is_volatile && !json_is_boolean(is_volatile))
		return reject_at(reader, "volatile", reject(reader, "must be true or false"));
	entry->type.is_volatile = json_is_true(is_volatile);
	if (!retained)
		return 0;
	r = read_retained(entry, reader, retained);
	return r ? reject_at(reader, "retained", r) : 0;
}

static int read_channel(struct entry *entry, struct reader *reader, const json_t *object)
{
	entry->type.channel = reader->channel;
	if (json_object_get(object, "channel"))
		return read_name(&entry->type.channel, reader, object, "channel");
	if (!reader->channel)
		return reject_at(reader, "channel",
				 reject(reader, "neither the type nor its file has a \"channel\""));
	return 0;
}

static int read_type(struct reader *reader, const char *name, const json_t *object)
{
	static const char *const known[] = { "description", "payload",	"channel",
					     "retained",    "volatile", NULL };
	struct entry *entry;
	int r;

	if (reader->types->n >= HC_TYPES_MAX)
		return reject(reader, "there are more than %d types", HC_TYPES_MAX);
	entry = &reader->types->entries[reader->types->n++];
	*entry = (struct entry){
		.type = { .name = name, .domain = reader->domain },
		.path = reader->path,
	};
	r = check_type_name(reader, name);
	if (r)
		return r;
	if (!json_is_object(object))
		return reject(reader, "a type is an object");
	r = check_keys(reader, object, known);
	if (!r)
		r = read_text(&entry->type.description, reader, object, "description");
	if (!r)
		r = read_channel(entry, reader, object);
	if (!r)
		r = read_payload(entry, reader, object);
	if (!r)
		r = read_optional(entry, reader, object);
	return r;
}

/* Each definition on its own, so that a mistake in one is told where it stands, and one nobody
 * uses. */
static int check_defs(struct reader *reader)
{
	const char *name;
	json_t *schema;
	int r;

	if (!reader->defs)
		return 0;
	if (!json_is_object(reader->defs))
		return reject(reader, "\"$defs\" must be an object of schemas");
	json_object_foreach((json_t *)reader->defs, name, schema)
	{
		HC_CLEANUP(hc_schema_freep) struct hc_schema *ignored = NULL;

		r = hc_schema_new(&ignored, schema, reader->defs, reader->fault);
		if (r)
			return reject_at(reader, name, r);
	}
	return 0;
}

static int read_document(struct reader *reader, const json_t *document)
{
	static const char *const known[] = { "domain", "channel", "description",
					     "$defs",  "types",	  NULL };
	const char *description, *name;
	json_t *types, *type;
	int r;

	if (!json_is_object(document))
		return reject(reader, "a file of types is one object");
	r = check_keys(reader, document, known);
	if (!r)
		r = read_name(&reader->domain, reader, document, "domain");
	if (!r && json_object_get(document, "channel"))
		r = read_name(&reader->channel, reader, document, "channel");
	if (!r)
		r = read_text(&description, reader, document, "description");
	if (r)
		return r;
	reader->defs = json_object_get(document, "$defs");
	r = check_defs(reader);
	if (r)
		return reject_at(reader, "$defs", r);
	types = json_object_get(document, "types");
	if (!json_is_object(types))
		return reject_at(reader, "types", reject(reader, "\"types\" must be an object"));
	json_object_foreach(types, name, type)
	{
		r = read_type(reader, name, type);
		if (r)
			return reject_at(reader, "types", reject_at(reader, name, r));
	}
	return 0;
}

/* ---- files and directories ---------------------------------------------------------------- */

static int read_file(struct hc_types *types, const char *path, struct hc_fault *fault)
{
	struct reader reader = { .types = types, .fault = fault };
	json_error_t error;
	json_t *document, *kept_path;

	document = json_load_file(path, JSON_REJECT_DUPLICATES, &error);
	if (!document && error.line > 0) {
		hc_fault_set(fault, HC_FAULT_SCHEMA, "%s:%d: %s", path, error.line, error.text);
		return -EINVAL;
	}
	if (!document) {
		hc_fault_set(fault, HC_FAULT_SCHEMA, "%s: cannot be read: %s", path, error.text);
		return -EINVAL;
	}
	if (json_array_append_new(types->keep, document))
		return -ENOMEM;
	kept_path = json_string(path);
	if (!kept_path || json_array_append_new(types->keep, kept_path))
		return -ENOMEM;
	reader.path = json_string_value(kept_path);
	if (fault)
		fault->pointer[0] = '\0';
	return reject_in_file(fault, path, read_document(&reader, document));
}

static int is_type_file(const struct dirent *entry)
{
	size_t len = strlen(entry->d_name), suffix_len = sizeof(SUFFIX) - 1;

	return entry->d_name[0] != '.' && len > suffix_len &&
	       !strcmp(entry->d_name + len - suffix_len, SUFFIX);
}

static int by_file_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name); /* in every locale the same */
}

static int read_listed(struct hc_types *types, const char *dir, const char *name,
		       struct hc_fault *fault)
{
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer path = HC_BUFFER_NULL;

	hc_buffer_printf(&path, "%s/%s", dir, name);
	hc_buffer_append(&path, "", 1);
	return path.failed ? -ENOMEM : read_file(types, path.data, fault);
}

static int read_dir(struct hc_types *types, const char *dir, bool is_optional,
		    struct hc_fault *fault)
{
	struct dirent **names;
	int n = scandir(dir, &names, is_type_file, by_file_name);
	int r = 0;

	if (n < 0) {
		r = -errno;
		if (r == -ENOENT && is_optional)
			return 0;
		hc_fault_set(fault, HC_FAULT_SCHEMA, "%s: %s", dir, strerror(-r));
		return r;
	}
	for (int i = 0; i < n; i++) {
		if (!r)
			r = read_listed(types, dir, names[i]->d_name, fault);
		free(names[i]);
	}
	free(names);
	return r;
}

/* ---- the whole ---------------------------------------------------------------------------- */

static int by_type_name(const void *a, const void *b)
{
	return strcmp(((const struct entry *)a)->type.name, ((const struct entry *)b)->type.name);
}

static int sort(struct hc_types *types, struct hc_fault *fault)
{
	const struct entry *here, *before;

	qsort(types->entries, types->n, sizeof(*types->entries), by_type_name);
	for (size_t i = 0; i < types->n; i++) {
		types->entries[i].type.index = (uint16_t)i;
		if (!i)
			continue;
		here = &types->entries[i];
		before = &types->entries[i - 1];
		if (strcmp(here->type.name, before->type.name))
			continue;
		hc_fault_set(fault, HC_FAULT_SCHEMA, "%s: type \"%s\" is in %s too", here->path,
			     here->type.name, before->path);
		return -EINVAL;
	}
	return 0;
}

static int fault_in_cleared_by(struct hc_fault *fault, const struct entry *entry, const char *name,
			       const char *mistake)
{
	static const char *const tokens[] = { "cleared_by", "retained" };

	hc_fault_set(fault, HC_FAULT_SCHEMA, "%s: type \"%s\" %s", entry->path, name, mistake);
	for (size_t i = 0; i < HC_ARRAY_LEN(tokens); i++)
		hc_fault_at(fault, hc_str(tokens[i]));
	hc_fault_at(fault, hc_str(entry->type.name));
	hc_fault_at(fault, HC_STR("types"));
	return -EINVAL;
}

static int resolve_clearing(const struct hc_types *types, const struct entry *entry,
			    const char *name, struct hc_fault *fault)
{
	struct hc_type *clearing = (struct hc_type *)hc_types_find(types, hc_str(name));
	const char *key = entry->type.retained_key;

	if (!clearing)
		return fault_in_cleared_by(fault, entry, name, "is in no file");
	if (clearing == &entry->type)
		return fault_in_cleared_by(fault, entry, name, "cannot clear itself");
	/* One event would then mean two things for what is retained. */
	if (clearing->retained_key)
		return fault_in_cleared_by(fault, entry, name, "is retained itself");
	if (clearing->clears)
		return fault_in_cleared_by(fault, entry, name, "clears another type already");
	if (*key && !has_key_field(clearing->payload, key))
		return fault_in_cleared_by(fault, entry, name,
					   "does not require the field that is the key");
	clearing->clears = &entry->type;
	return 0;
}

static int resolve(struct hc_types *types, struct hc_fault *fault)
{
	const struct entry *entry;
	const json_t *name;
	size_t j;
	int r;

	for (size_t i = 0; i < types->n; i++) {
		entry = &types->entries[i];
		json_array_foreach(entry->cleared_by, j, name)
		{
			r = resolve_clearing(types, entry, json_string_value(name), fault);
			if (r)
				return r;
		}
	}
	return 0;
}

static struct hc_types *types_new(void)
{
	struct hc_types *types = calloc(1, sizeof(*types));

	if (!types)
		return NULL;
	types->keep = json_array();
	types->entries = calloc(HC_TYPES_MAX, sizeof(*types->entries));
	return types->keep && types->entries ? types : hc_types_free(types);
}

int hc_types_load(struct hc_types **ret, const char *const *dirs, size_t n_dirs,
		  struct hc_fault *fault)
{
	HC_CLEANUP(hc_types_freep) struct hc_types *types = types_new();
	int r = types ? 0 : -ENOMEM;

	for (size_t i = 0; !r && i < n_dirs; i++)
		r = read_dir(types, dirs[i], i > 0, fault);
	if (!r)
		r = sort(types, fault);
	if (!r)
		r = resolve(types, fault);
	if (r == -ENOMEM)
		hc_fault_set(fault, HC_FAULT_INTERNAL, "no memory for the registry");
	if (r)
		return r;
	*ret = hc_take(types);
	return 0;
}

struct hc_types *hc_types_free(struct hc_types *types)
{
	if (!types)
		return NULL;
	for (size_t i = 0; i < types->n; i++)
		hc_schema_free(types->entries[i].schema);
	free(types->entries);
	json_decref(types->keep);
	free(types);
	return NULL;
}

/* ---- looking up --------------------------------------------------------------------------- */

size_t hc_types_count(const struct hc_types *types)
{
	return types->n;
}

const struct hc_type *hc_types_at(const struct hc_types *types, size_t index)
{
	return &types->entries[index].type;
}

/* The order of strcmp() for a name that is no C string. */
static int compare(const void *key, const void *element)
{
	const struct hc_str *name = key;
	const char *other = ((const struct entry *)element)->type.name;
	size_t other_len = strlen(other);
	size_t len = name->len < other_len ? name->len : other_len;
	int r = len ? memcmp(name->s, other, len) : 0;

	return r ? r : (name->len > other_len) - (name->len < other_len);
}

const struct hc_type *hc_types_find(const struct hc_types *types, struct hc_str name)
{
	const struct entry *entry =
		bsearch(&name, types->entries, types->n, sizeof(*types->entries), compare);

	return entry ? &entry->type : NULL;
}

bool hc_types_has_channel(const struct hc_types *types, struct hc_str channel)
{
	for (size_t i = 0; i < types->n; i++) {
		if (hc_str_is(channel, types->entries[i].type.channel))
			return true;
	}
	return false;
}

bool hc_type_validate(const struct hc_type *type, const msgpack_object *payload,
		      struct hc_fault *fault)
{
	return hc_schema_validate(type->schema, payload, fault);
}
