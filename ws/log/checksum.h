/* SPDX-License-Identifier: MIT */
/*
 * The checksum of a row: SQLite finds damage to its own structures, but not within an event.
 */
#pragma once

#include "proto/base.h"

/** hc_checksum() - CRC-32 of an event as it is stored */
uint32_t hc_checksum(uint64_t sequence, struct hc_str type, struct hc_str to, struct hc_str body);
