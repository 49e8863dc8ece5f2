/* SPDX-License-Identifier: MIT */
#include "conf/revision.h"
#include "conf/option.h"
#include "proto/buffer.h"

static bool is_read(const char *const *sections, const char *section)
{
	while (*sections && strcmp(*sections, section) != 0)
		sections++;
	return *sections;
}

static void name(struct hc_buffer *ret, const char *section, const char *key)
{
	hc_buffer_printf(ret, "%s[%s] %s", ret->len ? ", " : "", section, key);
}

void hc_conf_keep(struct hc_conf *conf, struct hc_conf *before, const char *const *sections,
		  struct hc_buffer *ret)
{
	for (size_t i = 0; i < hc_options_count; i++) {
		const struct hc_option *option = &hc_options[i];
		const char *section = option->about.section;

		if (option->about.reloadable)
			continue;
		if (is_read(sections, section) && !hc_option_same(option, conf, before))
			name(ret, section, option->about.key);
		hc_option_swap(option, conf, before);
	}
}
