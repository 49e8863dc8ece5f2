/* SPDX-License-Identifier: MIT */
#include <sys/resource.h>

#include "ws/sessions/descriptors.h"

#define DESCRIPTORS_MAX (1u << 20) /* libwebsockets keeps a pointer for each that might be */
#define KEPT_MIN	32	   /* for ourselves: log, loop, listeners, and a few programs */
#define KEPT_PART	16	   /* of all, for programs at the UNIX socket */
#define KEPT_PART_MAX	256
#define PROGRAMS_MIN	4 /* of KEPT_MIN; the hub itself has 28 */
#define SURPLUS_PART	8
#define SURPLUS_MIN	4
#define SURPLUS_MAX	64
#define PENDING_MIN	4

static size_t between(size_t low, size_t value, size_t high)
{
	if (value < low)
		return low;
	return value > high ? high : value;
}

struct hc_descriptors_share hc_descriptors_share(size_t n_descriptors, size_t wanted)
{
	size_t for_programs = between(0, n_descriptors / KEPT_PART, KEPT_PART_MAX);
	size_t kept = KEPT_MIN + for_programs;
	size_t places = n_descriptors > kept ? n_descriptors - kept : 0;
	size_t surplus = between(SURPLUS_MIN, places / SURPLUS_PART, SURPLUS_MAX);
	size_t max = places > surplus ? places - surplus : 1;

	if (wanted && wanted < max)
		max = wanted;
	return (struct hc_descriptors_share){
		.max = max,
		.surplus = surplus,
		.pending = between(PENDING_MIN, max / 2, HC_DESCRIPTORS_PENDING_MAX),
		.programs = PROGRAMS_MIN + for_programs,
	};
}

size_t hc_descriptors_raise(void)
{
	struct rlimit limit;
	rlim_t before;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return 0;
	before = limit.rlim_cur;
	limit.rlim_cur = limit.rlim_max < DESCRIPTORS_MAX ? limit.rlim_max : DESCRIPTORS_MAX;
	if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
		limit.rlim_cur = before;
	return limit.rlim_cur < DESCRIPTORS_MAX ? (size_t)limit.rlim_cur : DESCRIPTORS_MAX;
}
