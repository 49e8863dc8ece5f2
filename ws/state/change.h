/* SPDX-License-Identifier: MIT */
/*
 * What has changed between two snapshots: dotted paths to the leaves that differ,
 * "motors.turntable.busy".
 *
 * A leaf is whatever is not a map, arrays included, or a map that is empty; one that only one of
 * both has counts as different. Where a map has become something else, or the other way round, that
 * place alone is named. A path with a dot or nothing between two dots could not be read
 * back: the map around such a key is named instead.
 */
#pragma once

#include "proto/codec.h"

#define HC_CHANGE_PATHS_MAX 256	      /* that can be told; beyond, everything may have changed */
#define HC_CHANGE_PATH_MAX  512	      /* bytes of one path; a longer one ends at the map before */
#define HC_CHANGE_BYTES_MAX 16384     /* of all paths together */
#define HC_CHANGE_STEPS_MAX (1 << 17) /* keys looked at: O(n^2) where their order has changed */

/**
 * hc_change_find() - the paths at which two maps differ
 * @ret:  an array of text, in @zone; empty if nothing differs
 * @zone: for the array and its texts
 *
 * Return: false if it cannot be told: one is not a map, a limit above is reached, no memory.
 */
bool hc_change_find(msgpack_object *ret, const msgpack_object *before, const msgpack_object *after,
		    msgpack_zone *zone);
