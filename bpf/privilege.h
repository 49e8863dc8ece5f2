/* SPDX-License-Identifier: MIT */
/*
 * Giving up what is not needed once the programs are attached.
 */
#pragma once

#include "proto/base.h"

/**
 * hc_privilege_drop() - drop capabilities, for good and for all children
 * @keep_admin: keep CAP_SYS_ADMIN: statmount(2) of another mount namespace asks for it each time
 *
 * Kept is CAP_DAC_OVERRIDE: the hub's socket, the directory of the state file and the block devices
 * may belong to somebody else. Call it before there are threads: capabilities are a thread's.
 * Return: 0 or -errno.
 */
int hc_privilege_drop(bool keep_admin);
