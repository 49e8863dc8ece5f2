/* SPDX-License-Identifier: MIT */
/*
 * msgpack: bounded decoding with msgpack-c, and the few helpers for maps that everybody needs.
 *
 * msgpack-c allocates what a header announces: five bytes (dd 10 00 00 00) make it ask for 6.4 GB.
 * So hc_codec_skim() walks the bytes first, allocating nothing, and only what it lets through is
 * unpacked.
 */
#pragma once

#include <msgpack.h>

#include "proto/buffer.h"

struct hc_fault;

#define HC_CODEC_DEPTH_MAX    24    /* nested arrays and maps; msgpack-c itself stops at 32 */
#define HC_CODEC_ELEMENTS_MAX 65536 /* values in one frame, keys counted */

enum {
	HC_CODEC_OK_,
	HC_CODEC_E_MORE,    /* the bytes end inside the value */
	HC_CODEC_E_INVALID, /* not msgpack (the byte 0xc1) */
	HC_CODEC_E_LIMIT,   /* deeper or with more values than the limits above, or longer than
			       len_max */
};

/** struct hc_codec_skim - how far a value has been walked; start with { 0 } */
struct hc_codec_skim {
	size_t pos;	   /* bytes walked */
	size_t n_elements; /* values announced so far */
	unsigned int depth;
	uint32_t left[HC_CODEC_DEPTH_MAX]; /* values still missing, per open container */
};

/**
 * hc_codec_skim() - find the end of one msgpack value without allocating
 * @skim:    where the last call stopped, so that a value that trickles in is walked once, not once
 * a read
 * @data:    the value from its first byte on; borrowed
 * @len_max: bytes the value may have
 *
 * An announced length beyond @len_max is refused at once, not waited for. O(values).
 * Return: 0 with the value's length in skim->pos, or HC_CODEC_E_*.
 */
int hc_codec_skim(struct hc_codec_skim *skim, const void *data, size_t len, size_t len_max);

/**
 * hc_codec_unpack() - decode one value that hc_codec_skim() has let through
 * @zone: where arrays and maps are allocated; strings point into @data
 *
 * Return: 0, HC_CODEC_E_INVALID (also for bytes behind the value) or -ENOMEM.
 */
int hc_codec_unpack(msgpack_object *ret, msgpack_zone *zone, const void *data, size_t len);

/**
 * hc_codec_check_json() - whether a value can be shown as JSON, whatever its source
 * @fault: gets HC_FAULT_MALFORMED with the pointer of the offending place; may be NULL
 *
 * Refused: binary and extension values, map keys that are not strings, a key twice in one map, text
 * that is not UTF-8, NaN and infinity.
 */
bool hc_codec_check_json(const msgpack_object *value, struct hc_fault *fault);

/** hc_codec_packer() - a packer that appends to @buffer; ask buffer->failed when done */
msgpack_packer hc_codec_packer(struct hc_buffer *buffer);

static inline struct hc_str hc_object_str(const msgpack_object *object)
{
	return (struct hc_str){ object->via.str.ptr, object->via.str.size };
}

/** hc_map_get() - the value of @key, or NULL if it is absent, nil, or @map is not a map */
const msgpack_object *hc_map_get(const msgpack_object *map, const char *key);

/* Typed look-ups: false, and *ret untouched, if the key is absent or its value of another type. */
bool hc_map_get_str(struct hc_str *ret, const msgpack_object *map, const char *key);
bool hc_map_get_u64(uint64_t *ret, const msgpack_object *map, const char *key);
bool hc_map_get_bool(bool *ret, const msgpack_object *map, const char *key);

/* Packing: one value each; the hc_pack_<type>_at() pack a key of a map, then its value. */
void hc_pack_str(msgpack_packer *pk, struct hc_str text);
void hc_pack_key(msgpack_packer *pk, const char *key);
void hc_pack_str_at(msgpack_packer *pk, const char *key, struct hc_str text);
void hc_pack_u64_at(msgpack_packer *pk, const char *key, uint64_t value);
void hc_pack_bool_at(msgpack_packer *pk, const char *key, bool value);

/**
 * hc_pack_sorted() - pack a value with the keys of all its maps in order
 * @pk:    of hc_codec_packer()
 * @value: one that hc_codec_check_json() has let through
 *
 * What JSON takes for equal has equal bytes then, 1 and 1.0 apart.
 */
void hc_pack_sorted(msgpack_packer *pk, const msgpack_object *value);
