/* SPDX-License-Identifier: MIT */
/*
 * In memory a hash by kind and name, in the order of insertion (uthash). In the file:
 *
 *   {"version":1,"revocations":[{"jti":"...","since":unix
 * s},{"sub":"...","since":...,"until":...}]}
 */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#include "proto/clock.h"
#include "proto/fault.h"
#include "proto/json.h"
#include "ws/auth/grant.h"
#include "ws/auth/revocations.h"

#define VERSION	 1
#define FILE_MAX (64 * 1024 * 1024) /* bytes; HC_REVOCATIONS_MAX with escaped names need less */

static const char *const of_names[HC_REVOCATION_MAX_] = {
	[HC_REVOCATION_JTI] = "jti",
	[HC_REVOCATION_SUB] = "sub",
};

struct entry {
	UT_hash_handle hh;
	int64_t since_unix_s;
	int64_t until_unix_s; /* 0: for ever */
	size_t key_len;
	char key[]; /* one byte: its kind; then the name */
};

struct hc_revocations {
	char *path; /* "": kept nowhere */
	struct entry *all;
};

const char *hc_revocation_of_name(enum hc_revocation_of of)
{
	return of_names[of];
}

/* ---- in memory ----------------------------------------------------------------------------- */

static bool is_over(const struct entry *entry, int64_t now_unix_s)
{
	return entry->until_unix_s && entry->until_unix_s <= now_unix_s;
}

static struct entry *find(const struct hc_revocations *revocations, enum hc_revocation_of of,
			  struct hc_str name)
{
	char key[1 + HC_GRANT_NAME_MAX];
	struct entry *found;

	if (name.len > HC_GRANT_NAME_MAX)
		return NULL; /* nor can one be added */
	key[0] = (char)of;
	memcpy(key + 1, name.s, name.len);
	HASH_FIND(hh, revocations->all, key, 1 + name.len, found);
	return found;
}

static void drop(struct hc_revocations *revocations, struct entry *entry)
{
	HASH_DEL(revocations->all, entry);
	free(entry);
}

void hc_revocations_drop_over(struct hc_revocations *revocations)
{
	int64_t now_unix_s = hc_now_unix_ms() / 1000;

	for (struct entry *entry = revocations->all, *next; entry; entry = next) {
		next = entry->hh.next;
		if (is_over(entry, now_unix_s))
			drop(revocations, entry);
	}
}

static int insert(struct hc_revocations *revocations, const struct hc_revocation *revocation)
{
	size_t key_len = 1 + revocation->name.len;
	struct entry *entry = calloc(1, sizeof(*entry) + key_len);

	if (!entry)
		return -ENOMEM;
	entry->since_unix_s = revocation->since_unix_s;
	entry->until_unix_s = revocation->until_unix_s;
	entry->key_len = key_len;
	entry->key[0] = (char)revocation->of;
	memcpy(entry->key + 1, revocation->name.s, revocation->name.len);
	HASH_ADD_KEYPTR(hh, revocations->all, entry->key, key_len, entry);
	if (entry->hh.tbl)
		return 0;
	free(entry);
	return -ENOMEM;
}

static void extend(struct entry *entry, const struct hc_revocation *revocation)
{
	if (entry->since_unix_s < revocation->since_unix_s)
		entry->since_unix_s = revocation->since_unix_s;
	if (!revocation->until_unix_s)
		entry->until_unix_s = 0;
	else if (entry->until_unix_s && entry->until_unix_s < revocation->until_unix_s)
		entry->until_unix_s = revocation->until_unix_s;
}

int hc_revocations_add(struct hc_revocations *revocations, const struct hc_revocation *revocation)
{
	struct entry *entry;

	hc_revocations_drop_over(revocations);
	entry = find(revocations, revocation->of, revocation->name);
	if (entry) {
		extend(entry, revocation);
		return 0;
	}
	if (HASH_COUNT(revocations->all) >= HC_REVOCATIONS_MAX)
		return HC_REVOCATIONS_E_FULL;
	return insert(revocations, revocation);
}

bool hc_revocations_has(const struct hc_revocations *revocations, const struct hc_grant *grant,
			int64_t now_unix_s)
{
	int64_t issued_unix_ms = hc_grant_issued_unix_ms(grant);
	const struct entry *entry = NULL;

	if (hc_grant_id(grant))
		entry = find(revocations, HC_REVOCATION_JTI, hc_str(hc_grant_id(grant)));
	if (entry && !is_over(entry, now_unix_s))
		return true;
	entry = find(revocations, HC_REVOCATION_SUB, hc_str(hc_grant_subject(grant)));
	return entry && !is_over(entry, now_unix_s) &&
	       (issued_unix_ms == INT64_MIN || issued_unix_ms / 1000 <= entry->since_unix_s);
}

size_t hc_revocations_count(const struct hc_revocations *revocations)
{
	return HASH_COUNT(revocations->all);
}

static struct hc_revocation describe(const struct entry *entry)
{
	return (struct hc_revocation){
		.of = (enum hc_revocation_of)entry->key[0],
		.name = { entry->key + 1, entry->key_len - 1 },
		.since_unix_s = entry->since_unix_s,
		.until_unix_s = entry->until_unix_s,
	};
}

size_t hc_revocations_read(const struct hc_revocations *revocations, struct hc_revocation *ret,
			   size_t skip, size_t n)
{
	size_t at = 0;

	for (const struct entry *entry = revocations->all; entry; entry = entry->hh.next, at++)
		if (at >= skip && at - skip < n)
			ret[at - skip] = describe(entry);
	return at <= skip ? 0 : at - skip < n ? at - skip : n;
}

/* ---- the file, written --------------------------------------------------------------------- */

static void write_entry(struct hc_buffer *json, const struct entry *entry)
{
	struct hc_revocation revocation = describe(entry);

	hc_buffer_printf(json, "{\"%s\":", of_names[revocation.of]);
	hc_json_write_str(json, revocation.name);
	hc_buffer_printf(json, ",\"since\":%lld", (long long)revocation.since_unix_s);
	if (revocation.until_unix_s)
		hc_buffer_printf(json, ",\"until\":%lld", (long long)revocation.until_unix_s);
	hc_buffer_append(json, "}", 1);
}

void hc_revocations_format(const struct hc_revocations *revocations, struct hc_buffer *json)
{
	hc_buffer_printf(json, "{\"version\":%d,\"revocations\":[", VERSION);
	for (const struct entry *entry = revocations->all; entry; entry = entry->hh.next) {
		hc_buffer_append_str(json,
				     entry == revocations->all ? HC_STR("\n") : HC_STR(",\n"));
		write_entry(json, entry);
	}
	hc_buffer_append_str(json, HC_STR("\n]}\n"));
}

/* The new name of the file is on the disk once its directory is. */
static int sync_directory(const char *path)
{
	char copy[PATH_MAX];
	HC_CLEANUP(hc_closep) int fd = -1;

	(void)snprintf(copy, sizeof(copy), "%s", path);
	fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 || fsync(fd) < 0 ? -errno : 0;
}

static int replace(const char *path, const struct hc_buffer *json)
{
	HC_CLEANUP(hc_closep) int fd = -1;
	char new[PATH_MAX];
	int r;

	if (snprintf(new, sizeof(new), "%s.new", path) >= (int)sizeof(new))
		return -ENAMETOOLONG;
	fd = open(new, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return -errno;
	r = hc_buffer_write(json, fd);
	if (!r && fsync(fd) < 0)
		r = -errno;
	if (!r && rename(new, path) < 0)
		r = -errno;
	if (!r)
		return sync_directory(path);
	(void)unlink(new); /* the failure itself is what is told */
	return r;
}

int hc_revocations_write(const struct hc_revocations *revocations, const struct hc_buffer *json)
{
	if (json->failed)
		return -ENOMEM;
	return revocations->path[0] ? replace(revocations->path, json) : 0;
}

/* ---- the file, read ------------------------------------------------------------------------ */

static void json_freep(json_t **value)
{
	json_decref(*value);
}

static int refuse(struct hc_fault *fault, const char *path, const char *why)
{
	hc_fault_set(fault, HC_FAULT_INVALID_PARAMS,
		     "the revocations in %s cannot be read: %s; restore the file from a backup, or "
		     "remove it, which lets every revoked token in again",
		     path, why);
	return -EINVAL;
}

static bool read_time(int64_t *ret, const json_t *value)
{
	*ret = json_integer_value(value);
	return json_is_integer(value) && *ret > 0;
}

/* Every member is one of ours, and of its type. */
static bool read_entry(struct hc_revocation *ret, const json_t *object)
{
	const json_t *jti = json_object_get(object, of_names[HC_REVOCATION_JTI]);
	const json_t *sub = json_object_get(object, of_names[HC_REVOCATION_SUB]);
	const json_t *name = jti ? jti : sub, *until = json_object_get(object, "until");

	*ret = (struct hc_revocation){ .of = jti ? HC_REVOCATION_JTI : HC_REVOCATION_SUB };
	if (!json_is_string(name) || (jti && sub) || json_object_size(object) != (until ? 3 : 2))
		return false;
	ret->name = (struct hc_str){ json_string_value(name), json_string_length(name) };
	return ret->name.len && ret->name.len <= HC_GRANT_NAME_MAX &&
	       read_time(&ret->since_unix_s, json_object_get(object, "since")) &&
	       (!until || read_time(&ret->until_unix_s, until));
}

static int read_list(struct hc_revocations *revocations, const json_t *list, struct hc_fault *fault)
{
	struct hc_revocation revocation;

	if (!json_is_array(list))
		return refuse(fault, revocations->path, "there is no list of revocations");
	for (size_t i = 0; i < json_array_size(list); i++) {
		if (!read_entry(&revocation, json_array_get(list, i)))
			return refuse(fault, revocations->path, "an entry is not a revocation");
		if (find(revocations, revocation.of, revocation.name))
			return refuse(fault, revocations->path, "an entry is there twice");
		if (insert(revocations, &revocation) < 0)
			return -ENOMEM;
	}
	return 0;
}

static int read_document(struct hc_revocations *revocations, struct hc_str text,
			 struct hc_fault *fault)
{
	struct hc_fault wrong = HC_FAULT_NULL;
	HC_CLEANUP(json_freep) json_t *document = hc_json_parse(text, &wrong);
	const json_t *version = json_object_get(document, "version");

	if (!document)
		return refuse(fault, revocations->path, wrong.message);
	if (!json_is_integer(version) || json_integer_value(version) != VERSION)
		return refuse(fault, revocations->path, "it is not of version 1");
	return read_list(revocations, json_object_get(document, "revocations"), fault);
}

static int read_file(struct hc_revocations *revocations, struct hc_fault *fault)
{
	HC_CLEANUP(hc_buffer_deinit) struct hc_buffer text = HC_BUFFER_NULL;
	HC_CLEANUP(hc_closep) int fd = open(revocations->path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	ssize_t n = 0;
	char *to;

	if (fd < 0 && errno == ENOENT)
		return 0;
	if (fd < 0 || fstat(fd, &st) < 0)
		return refuse(fault, revocations->path, strerror(errno));
	if (!S_ISREG(st.st_mode) || st.st_size > FILE_MAX)
		return refuse(fault, revocations->path, "it is not a file of ours");
	while ((to = hc_buffer_reserve(&text, 65536)) && (n = read(fd, to, 65536)) > 0)
		text.len += (size_t)n;
	if (!to)
		return -ENOMEM;
	if (n < 0)
		return refuse(fault, revocations->path, strerror(errno));
	return read_document(revocations, (struct hc_str){ text.data, text.len }, fault);
}

/* ---- life ---------------------------------------------------------------------------------- */

int hc_revocations_open(struct hc_revocations **ret, const char *path, struct hc_fault *fault)
{
	HC_CLEANUP(hc_revocations_freep)
	struct hc_revocations *revocations = calloc(1, sizeof(*revocations));
	int r;

	if (!revocations)
		return -ENOMEM;
	revocations->path = strdup(path);
	if (!revocations->path)
		return -ENOMEM;
	r = path[0] ? read_file(revocations, fault) : 0;
	if (r < 0)
		return r;
	hc_revocations_drop_over(revocations);
	*ret = hc_take(revocations);
	return 0;
}

struct hc_revocations *hc_revocations_free(struct hc_revocations *revocations)
{
	if (!revocations)
		return NULL;
	while (revocations->all)
		drop(revocations, revocations->all);
	free(revocations->path);
	free(revocations);
	return NULL;
}
