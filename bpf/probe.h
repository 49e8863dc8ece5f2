/* SPDX-License-Identifier: MIT */
/*
 * What this kernel allows, and in plain words what it does not. By trying, not by version.
 */
#pragma once

#include "bpf/reasons.h"

/**
 * hc_probe_bpf() - whether loading the BPF programs is worth a try
 * @reasons: gets what is missing: BTF, tracefs
 */
bool hc_probe_bpf(struct hc_reasons *reasons);

/**
 * hc_probe_explain_load() - why the kernel refused the programs
 * @error: negative errno
 */
void hc_probe_explain_load(struct hc_reasons *reasons, int error);
