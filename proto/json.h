/* SPDX-License-Identifier: MIT */
/*
 * JSON at the edges: text in becomes msgpack (read by jansson), msgpack becomes text (written here,
 * because the hub does it for every event and jansson would allocate for every value).
 */
#pragma once

#include <jansson.h>

#include "proto/codec.h"

struct hc_fault;

/**
 * hc_json_parse() - read JSON text
 * @fault: HC_FAULT_MALFORMED with line and column, or HC_FAULT_INTERNAL without memory; may be NULL
 *
 * Duplicate keys, NUL in text and anything behind the value are refused.
 * Return: a new reference, or NULL.
 */
json_t *hc_json_parse(struct hc_str text, struct hc_fault *fault);

/** hc_json_pack() - pack a JSON value as msgpack */
void hc_json_pack(msgpack_packer *pk, const json_t *value);

/** hc_json_write() - append a msgpack value as compact JSON; it must pass hc_codec_check_json() */
void hc_json_write(struct hc_buffer *buffer, const msgpack_object *value);

/** hc_json_write_str() - append @text as a JSON string with its quotes; @text must be UTF-8 */
void hc_json_write_str(struct hc_buffer *buffer, struct hc_str text);

/** hc_json_write_u64() - append an unsigned integer */
void hc_json_write_u64(struct hc_buffer *buffer, uint64_t value);
