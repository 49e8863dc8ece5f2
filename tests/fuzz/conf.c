/* SPDX-License-Identifier: MIT */
/* The configuration file, from memory. */
#include <errno.h>
#include <sys/mman.h>

#include "conf/conf.h"
#include "tests/fuzz/fuzz.h"

HC_FUZZ(conf)
{
	HC_CLEANUP(hc_closep) int fd = memfd_create("conf", MFD_CLOEXEC);
	HC_CLEANUP(hc_conf_freep) struct hc_conf *conf = NULL;
	struct hc_fault fault = HC_FAULT_NULL;
	char path[32];
	int r;

	HC_FUZZ_CHECK(fd >= 0);
	HC_FUZZ_CHECK(write(fd, data, len) == (ssize_t)len);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	r = hc_conf_load(&conf, path, &fault);
	HC_FUZZ_CHECK(!r == !!conf);
	if (r == -EINVAL)
		fuzz_check_fault(&fault);
	return 0;
}
