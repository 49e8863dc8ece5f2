/* SPDX-License-Identifier: MIT */
#include <cap-ng.h>
#include <errno.h>
#include <sys/prctl.h>

#include "bpf/privilege.h"

int hc_privilege_drop(bool keep_admin)
{
	const unsigned int wanted[] = { CAP_DAC_OVERRIDE, CAP_SYS_ADMIN };
	const size_t n_wanted = keep_admin ? 2 : 1;
	bool has[HC_ARRAY_LEN(wanted)] = { false };
	size_t i;

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -errno;
	if (capng_get_caps_process())
		return -EIO;
	for (i = 0; i < n_wanted; i++)
		has[i] = capng_have_capability(CAPNG_PERMITTED, wanted[i]);
	capng_clear(CAPNG_SELECT_CAPS);
	for (i = 0; i < n_wanted; i++) {
		if (has[i])
			(void)capng_update(CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED, wanted[i]);
	}
	return capng_apply(CAPNG_SELECT_CAPS) ? -EPERM : 0;
}
