/* SPDX-License-Identifier: MIT */
/*
 * Which mounts are worth telling: section [mounts] of the configuration.
 */
#pragma once

#include "bpf/table.h"

struct hc_conf;

/**
 * hc_filter_tells() - whether the configuration wants this mount told
 * @context: a struct hc_conf; the form is that of hc_told_fn
 *
 * Types and paths are glob(7) patterns in which a star also matches slashes. What is excluded is
 * not told, whatever `filesystems` says. An empty type (a brief mount of which only the path is
 * known) is judged by its path alone.
 */
bool hc_filter_tells(const struct hc_mount_row *row, const void *context);
