/* SPDX-License-Identifier: MIT */
/*
 * A position in the log: "<epoch>-<sequence>".
 *
 * The epoch is random, made when a log is created; the sequence counts from 1 within it. Two
 * positions compare only if their epochs are equal.
 */
#pragma once

#include "proto/base.h"

#define HC_EPOCH_LEN	16 /* bytes: 64 random bits in lower-case hexadecimal */
#define HC_POSITION_MAX 40 /* bytes with the NUL: 16 + "-" + 20 digits */

struct hc_position {
	char epoch[HC_EPOCH_LEN + 1];
	uint64_t sequence;
};

/** hc_epoch_random() - a new epoch from getrandom(2) */
void hc_epoch_random(char ret[static HC_EPOCH_LEN + 1]);

/** hc_position_format() - "<epoch>-<sequence>", NUL-terminated; returns its length */
size_t hc_position_format(char ret[static HC_POSITION_MAX], const char *epoch, uint64_t sequence);

/**
 * hc_position_parse() - read a position
 *
 * Strict: 16 lower-case hexadecimal digits, "-", decimal digits without sign or leading zeros, not
 * above 2^64 - 1.
 * Return: whether @text is one; *ret is set only then.
 */
bool hc_position_parse(struct hc_position *ret, struct hc_str text);
