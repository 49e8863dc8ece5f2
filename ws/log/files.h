/* SPDX-License-Identifier: MIT */
/*
 * The files of the log's database: where they are, whether they can be used, and how they are set
 * aside. SQLite has them open in between, and closing another descriptor of the same file would
 * take its locks away: none of these opens a file while a connection is open.
 */
#pragma once

#include <limits.h>

#include "proto/base.h"

struct hc_fault;

/**
 * hc_files_find() - see that the database is there and can be written; creates an empty one
 * @ret_path: where it really is, behind symbolic links; the caller frees it
 * @fault:    what is wrong, with the path, and what to do
 *
 * SQLite would open for reading what it may not write, create what others can read, and tell of
 * all other errors in the same words.
 */
int hc_files_find(char **ret_path, const char *path, struct hc_fault *fault);

/**
 * hc_files_ready() - the same for what is beside it, once no other hub has it open
 *
 * SQLite would delete a -wal that has lost its database.
 */
int hc_files_ready(const char *path, struct hc_fault *fault);

/** hc_files_create() - an empty database; -EEXIST if there is one, or another -errno */
int hc_files_create(const char *path);

/**
 * hc_files_set_aside() - rename what there is, to names that nothing has yet
 * @why:       "is damaged" or the like, for the line that is logged
 * @ret_aside: what the database is called now, if there was one
 */
int hc_files_set_aside(const char *path, const char *why, char ret_aside[static PATH_MAX]);

/**
 * hc_files_mount() - which mount they are on, or the nearest directory above that is there
 *
 * Return: its number, which a file system that is mounted again does not get again; 0: unknown,
 * as with kernels before 5.8.
 */
uint64_t hc_files_mount(const char *path);

/** hc_files_remove() - of a log that could not be begun */
void hc_files_remove(const char *path);

/** hc_files_bytes() - the length of all; any thread */
uint64_t hc_files_bytes(const char *path);
