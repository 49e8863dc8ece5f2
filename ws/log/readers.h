/* SPDX-License-Identifier: MIT */
/*
 * The connections that only read the log's database, for whichever thread wants one. Each read is
 * one short transaction, which neither the writer nor a checkpoint has to wait for.
 */
#pragma once

#include "ws/log/store.h"

struct hc_readers;

int hc_readers_new(struct hc_readers **ret, const char *path);
struct hc_readers *hc_readers_free(struct hc_readers *readers);
HC_DEFINE_CLEANUP(struct hc_readers *, hc_readers_free);

/**
 * hc_readers_open() - open all anew; also those that are open
 *
 * Waits for the reads that run. Return: an SQLite code; then none is open.
 */
int hc_readers_open(struct hc_readers *readers);

/** hc_readers_close() - close all; reads fail until they are opened */
void hc_readers_close(struct hc_readers *readers);

/*
 * Between these two nobody reads: whoever comes waits. For a checkpoint that must get through.
 */
void hc_readers_hold(struct hc_readers *readers);
void hc_readers_go_on(struct hc_readers *readers);

/** hc_readers_read() - events behind @after, in order; an SQLite code. May wait */
int hc_readers_read(struct hc_readers *readers, uint64_t after, hc_row_fn *fn, void *context);

/** hc_readers_read_retained() - the retained events, oldest first; an SQLite code. May wait */
int hc_readers_read_retained(struct hc_readers *readers, hc_row_fn *fn, void *context);

/** hc_readers_read_consumers() - the durable consumers; an SQLite code. May wait */
int hc_readers_read_consumers(struct hc_readers *readers, hc_consumer_row_fn *fn, void *context);
