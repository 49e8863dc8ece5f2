/* SPDX-License-Identifier: MIT */
/*
 * msgpack with bounds.
 *
 * The skimmer keeps, for every open container, how many values it still wants; a value is over when
 * no container is open. It refuses a header that announces more than the frame may hold, so neither
 * it nor msgpack-c after it ever does work that the bytes have not paid for.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "proto/codec.h"
#include "proto/fault.h"
#include "proto/utf8.h"

/* ---- skimming ----------------------------------------------------------------------------- */

/* What a first byte announces: a head of so many bytes, then a body or so many values. */
struct head {
	size_t head_len; /* bytes, the first one counted; 0 = not msgpack */
	size_t body_len; /* bytes behind the head, for scalars and text */
	uint64_t n_values;
	bool is_container;
};

static uint64_t read_big_endian(const unsigned char *p, size_t len)
{
	uint64_t value = 0;

	for (size_t i = 0; i < len; i++)
		value = value << 8 | p[i];
	return value;
}

/* Heads whose length depends on the first byte only, 0xc0 to 0xdf: {bytes of length, kind}. */
enum head_kind { SCALAR, TEXT, EXTENSION, ARRAY, MAP, INVALID };

static const struct {
	unsigned char kind;
	unsigned char len; /* SCALAR: bytes of the body; others: bytes of the announced length */
} heads[32] = {
	{ SCALAR, 0 },	  { INVALID, 0 },   { SCALAR, 0 }, { SCALAR, 0 },    /* nil - false true */
	{ TEXT, 1 },	  { TEXT, 2 },	    { TEXT, 4 },   { EXTENSION, 1 }, /* bin8.. ext8 */
	{ EXTENSION, 2 }, { EXTENSION, 4 }, { SCALAR, 4 }, { SCALAR, 8 },    /* ext float */
	{ SCALAR, 1 },	  { SCALAR, 2 },    { SCALAR, 4 }, { SCALAR, 8 },    /* uint */
	{ SCALAR, 1 },	  { SCALAR, 2 },    { SCALAR, 4 }, { SCALAR, 8 },    /* int */
	{ SCALAR, 2 },	  { SCALAR, 3 },    { SCALAR, 5 }, { SCALAR, 9 },    /* fixext1.. */
	{ SCALAR, 17 },	  { TEXT, 1 },	    { TEXT, 2 },   { TEXT, 4 },	     /* fixext16 str8.. */
	{ ARRAY, 2 },	  { ARRAY, 4 },	    { MAP, 2 },	   { MAP, 4 },
};

/* Returns false if the head itself is not all there yet. */
static bool read_head(struct head *ret, const unsigned char *p, size_t len)
{
	unsigned char first = p[0];
	uint64_t announced;
	size_t n;

	*ret = (struct head){ .head_len = 1 };
	if (first <= 0x7f || first >= 0xe0)
		return true;
	if (first <= 0x9f) {
		ret->is_container = true;
		ret->n_values = (first & 0x0f) * (first <= 0x8f ? 2u : 1u);
		return true;
	}
	if (first <= 0xbf) {
		ret->body_len = first & 0x1f;
		return true;
	}
	n = heads[first - 0xc0].len;
	switch (heads[first - 0xc0].kind) {
	case INVALID:
		ret->head_len = 0;
		return true;
	case SCALAR:
		ret->body_len = n;
		return true;
	default:
		break;
	}
	if (len < 1 + n)
		return false;
	announced = read_big_endian(p + 1, n);
	ret->head_len = 1 + n;
	switch (heads[first - 0xc0].kind) {
	case TEXT:
		ret->body_len = announced;
		break;
	case EXTENSION:
		ret->body_len = announced + 1; /* the type byte */
		break;
	default:
		ret->is_container = true;
		ret->n_values = announced * (heads[first - 0xc0].kind == MAP ? 2 : 1);
	}
	return true;
}

/* One value less is missing; containers that are complete now close, from the inside out. */
static void close_value(struct hc_codec_skim *skim)
{
	while (skim->depth && --skim->left[skim->depth - 1] == 0)
		skim->depth--;
}

static int skim_one(struct hc_codec_skim *skim, const unsigned char *data, size_t len,
		    size_t len_max)
{
	struct head head;

	if (skim->pos == len || !read_head(&head, data + skim->pos, len - skim->pos))
		return len >= len_max ? HC_CODEC_E_LIMIT : HC_CODEC_E_MORE;
	if (!head.head_len)
		return HC_CODEC_E_INVALID;
	/* Each value has a byte at least. */
	if (head.body_len > len_max || head.n_values > len_max ||
	    skim->pos + head.head_len + head.body_len + head.n_values > len_max)
		return HC_CODEC_E_LIMIT;
	if (head.is_container && skim->depth == HC_CODEC_DEPTH_MAX)
		return HC_CODEC_E_LIMIT; /* an empty one too: msgpack-c and our walkers go in */
	skim->n_elements += head.n_values;
	if (skim->n_elements > HC_CODEC_ELEMENTS_MAX)
		return HC_CODEC_E_LIMIT;
	if (skim->pos + head.head_len + head.body_len > len) {
		skim->n_elements -= head.n_values;
		return HC_CODEC_E_MORE;
	}
	skim->pos += head.head_len + head.body_len;
	if (!head.is_container || !head.n_values) {
		close_value(skim);
		return 0;
	}
	skim->left[skim->depth++] = (uint32_t)head.n_values;
	return 0;
}

int hc_codec_skim(struct hc_codec_skim *skim, const void *data, size_t len, size_t len_max)
{
	int r;

	do {
		r = skim_one(skim, data, len, len_max);
	} while (!r && skim->depth);
	return r;
}

/* ---- unpacking ---------------------------------------------------------------------------- */

int hc_codec_unpack(msgpack_object *ret, msgpack_zone *zone, const void *data, size_t len)
{
	size_t off = 0;

	switch (msgpack_unpack(data, len, &off, zone, ret)) {
	case MSGPACK_UNPACK_SUCCESS:
		return 0;
	case MSGPACK_UNPACK_NOMEM_ERROR:
		return -ENOMEM;
	default: /* EXTRA_BYTES: something behind the value */
		return HC_CODEC_E_INVALID;
	}
}

/* ---- what JSON can show ------------------------------------------------------------------- */

static int compare_keys(const void *a, const void *b)
{
	struct hc_str x = hc_object_str(&(*(const msgpack_object_kv *const *)a)->key);
	struct hc_str y = hc_object_str(&(*(const msgpack_object_kv *const *)b)->key);
	int r = x.len && y.len ? memcmp(x.s, y.s, x.len < y.len ? x.len : y.len) : 0;

	return r ? r : (x.len > y.len) - (x.len < y.len);
}

/* Above this many keys, sorting pointers to them is cheaper than comparing each with each. */
#define PAIRWISE_MAX 24

/* Pointers to what is in a map that is not empty, in the order of its keys; NULL without memory. */
static const msgpack_object_kv **sort(const msgpack_object_map *map)
{
	const msgpack_object_kv **sorted = malloc(map->size * sizeof(*sorted));

	if (!sorted)
		return NULL;
	for (uint32_t i = 0; i < map->size; i++)
		sorted[i] = &map->ptr[i];
	qsort(sorted, map->size, sizeof(*sorted), compare_keys);
	return sorted;
}

static const msgpack_object_kv *find_twice_sorted(const msgpack_object_map *map)
{
	const msgpack_object_kv **sorted = sort(map);
	const msgpack_object_kv *found = NULL;

	if (!sorted)
		return &map->ptr[0]; /* cannot tell: refuse */
	for (uint32_t i = 1; i < map->size && !found; i++)
		if (!compare_keys(&sorted[i - 1], &sorted[i]))
			found = sorted[i];
	free(sorted);
	return found;
}

static const msgpack_object_kv *find_twice(const msgpack_object_map *map)
{
	if (map->size > PAIRWISE_MAX)
		return find_twice_sorted(map);
	for (uint32_t i = 1; i < map->size; i++)
		for (uint32_t j = 0; j < i; j++)
			if (hc_str_equal(hc_object_str(&map->ptr[i].key),
					 hc_object_str(&map->ptr[j].key)))
				return &map->ptr[i];
	return NULL;
}

static bool refuse(struct hc_fault *fault, const char *why)
{
	hc_fault_set(fault, HC_FAULT_MALFORMED, "%s", why);
	return false;
}

static bool check_map(const msgpack_object *value, struct hc_fault *fault)
{
	const msgpack_object_kv *twice;

	for (uint32_t i = 0; i < value->via.map.size; i++) {
		const msgpack_object_kv *kv = &value->via.map.ptr[i];

		if (kv->key.type != MSGPACK_OBJECT_STR)
			return refuse(fault, "a key of a map must be text");
		if (!hc_utf8_valid(hc_object_str(&kv->key)))
			return refuse(fault, "a key of a map is not UTF-8");
		if (!hc_codec_check_json(&kv->val, fault)) {
			hc_fault_at(fault, hc_object_str(&kv->key));
			return false;
		}
	}
	twice = find_twice(&value->via.map);
	if (twice) {
		hc_fault_set(fault, HC_FAULT_MALFORMED, "a key stands twice in one map");
		hc_fault_at(fault, hc_object_str(&twice->key));
		return false;
	}
	return true;
}

bool hc_codec_check_json(const msgpack_object *value, struct hc_fault *fault)
{
	switch (value->type) {
	case MSGPACK_OBJECT_STR:
		return hc_utf8_valid(hc_object_str(value)) || refuse(fault, "text is not UTF-8");
	case MSGPACK_OBJECT_FLOAT32:
	case MSGPACK_OBJECT_FLOAT64:
		return isfinite(value->via.f64) || refuse(fault, "JSON has no NaN and no infinity");
	case MSGPACK_OBJECT_BIN:
	case MSGPACK_OBJECT_EXT:
		return refuse(fault,
			      "binary values have no JSON form: send text, base64 if need be");
	case MSGPACK_OBJECT_ARRAY:
		for (uint32_t i = 0; i < value->via.array.size; i++) {
			if (!hc_codec_check_json(&value->via.array.ptr[i], fault)) {
				hc_fault_at_index(fault, i);
				return false;
			}
		}
		return true;
	case MSGPACK_OBJECT_MAP:
		return check_map(value, fault);
	default:
		return true;
	}
}

/* ---- maps and packing --------------------------------------------------------------------- */

static int append(void *buffer, const char *data, size_t len)
{
	hc_buffer_append(buffer, data, len);
	return 0;
}

msgpack_packer hc_codec_packer(struct hc_buffer *buffer)
{
	msgpack_packer pk;

	msgpack_packer_init(&pk, buffer, append);
	return pk;
}

const msgpack_object *hc_map_get(const msgpack_object *map, const char *key)
{
	struct hc_str wanted = hc_str(key);

	if (map->type != MSGPACK_OBJECT_MAP)
		return NULL;
	for (uint32_t i = 0; i < map->via.map.size; i++) {
		const msgpack_object_kv *kv = &map->via.map.ptr[i];

		if (kv->key.type == MSGPACK_OBJECT_STR &&
		    hc_str_equal(hc_object_str(&kv->key), wanted))
			return kv->val.type == MSGPACK_OBJECT_NIL ? NULL : &kv->val;
	}
	return NULL;
}

bool hc_map_get_str(struct hc_str *ret, const msgpack_object *map, const char *key)
{
	const msgpack_object *value = hc_map_get(map, key);

	if (!value || value->type != MSGPACK_OBJECT_STR)
		return false;
	*ret = hc_object_str(value);
	return true;
}

bool hc_map_get_u64(uint64_t *ret, const msgpack_object *map, const char *key)
{
	const msgpack_object *value = hc_map_get(map, key);

	if (!value || value->type != MSGPACK_OBJECT_POSITIVE_INTEGER)
		return false;
	*ret = value->via.u64;
	return true;
}

bool hc_map_get_bool(bool *ret, const msgpack_object *map, const char *key)
{
	const msgpack_object *value = hc_map_get(map, key);

	if (!value || value->type != MSGPACK_OBJECT_BOOLEAN)
		return false;
	*ret = value->via.boolean;
	return true;
}

void hc_pack_str(msgpack_packer *pk, struct hc_str text)
{
	msgpack_pack_str(pk, text.len);
	msgpack_pack_str_body(pk, text.s, text.len);
}

void hc_pack_key(msgpack_packer *pk, const char *key)
{
	hc_pack_str(pk, hc_str(key));
}

void hc_pack_str_at(msgpack_packer *pk, const char *key, struct hc_str text)
{
	hc_pack_key(pk, key);
	hc_pack_str(pk, text);
}

void hc_pack_u64_at(msgpack_packer *pk, const char *key, uint64_t value)
{
	hc_pack_key(pk, key);
	msgpack_pack_uint64(pk, value);
}

void hc_pack_bool_at(msgpack_packer *pk, const char *key, bool value)
{
	hc_pack_key(pk, key);
	value ? msgpack_pack_true(pk) : msgpack_pack_false(pk);
}

static void pack_map_sorted(msgpack_packer *pk, const msgpack_object_map *map)
{
	const msgpack_object_kv **sorted = NULL;
	struct hc_buffer *buffer = pk->data;

	msgpack_pack_map(pk, map->size);
	if (map->size)
		sorted = sort(map);
	if (map->size && !sorted)
		buffer->failed = true;
	for (uint32_t i = 0; sorted && i < map->size; i++) {
		hc_pack_str(pk, hc_object_str(&sorted[i]->key));
		hc_pack_sorted(pk, &sorted[i]->val);
	}
	free(sorted);
}

void hc_pack_sorted(msgpack_packer *pk, const msgpack_object *value)
{
	if (value->type == MSGPACK_OBJECT_MAP) {
		pack_map_sorted(pk, &value->via.map);
		return;
	}
	if (value->type != MSGPACK_OBJECT_ARRAY) {
		msgpack_pack_object(pk, *value);
		return;
	}
	msgpack_pack_array(pk, value->via.array.size);
	for (uint32_t i = 0; i < value->via.array.size; i++)
		hc_pack_sorted(pk, &value->via.array.ptr[i]);
}
