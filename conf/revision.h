/* SPDX-License-Identifier: MIT */
/*
 * A revision of the configuration of a running program: what it takes over, and what it must keep
 * until it is started again.
 */
#pragma once

#include "conf/conf.h"

struct hc_buffer;

/**
 * hc_conf_keep() - keep what needs a restart
 * @conf:     the new configuration; its options that need a restart get the values of @before, in
 *            place, so that whoever has borrowed one of them may go on
 * @before:   the one in use; gets theirs, and is good for hc_conf_free() only
 * @sections: NULL-terminated: those that the program reads
 * @ret:      appended to: the options of @sections that have changed but need a restart, such as
 *            "[hub] port, [log] path"; nothing if there are none
 */
void hc_conf_keep(struct hc_conf *conf, struct hc_conf *before, const char *const *sections,
		  struct hc_buffer *ret);
