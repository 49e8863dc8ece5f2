/* SPDX-License-Identifier: MIT */
/*
 * The line has always the same length and is written in place, after each commit and without a
 * sync: it survives the hub, and after a power cut it is as old as it happens to be, which is on
 * the safe side: it says less.
 *
 * Whether the system has been down in between is told by the moment when it came up, as the clocks
 * have it: it stays the same while it is up, unless the clock is set.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "proto/clock.h"
#include "ws/log/witness.h"

#define LINE_LEN_MAX 100       /* bytes */
#define APART_NS_MAX 100000000 /* of two looks at clocks: we may be stopped in between */
#define UNCERTAIN_MS 2000      /* of that moment; no system is down and up again within that */

static int64_t came_up_unix_ms(void)
{
	uint64_t before_ns, after_ns;
	int64_t now_unix_ms;

	do {
		before_ns = hc_boottime_ns();
		now_unix_ms = hc_now_unix_ms();
		after_ns = hc_boottime_ns();
	} while (after_ns - before_ns > APART_NS_MAX);
	return now_unix_ms - (int64_t)(after_ns / 1000000);
}

static void read_line(struct hc_witness *witness)
{
	char line[LINE_LEN_MAX + 1] = "", epoch[HC_EPOCH_LEN + 1], sync[8], state[8];
	uint64_t newest;

	if (pread(witness->fd, line, LINE_LEN_MAX, 0) <= 0 ||
	    sscanf(line, "%16[0-9a-f]-%20" SCNu64 " %7s %7s %" SCNd64, epoch, &newest, sync, state,
		   &witness->came_up_unix_ms) != 5 ||
	    strlen(epoch) != HC_EPOCH_LEN)
		return;
	memcpy(witness->said.epoch, epoch, sizeof(epoch));
	witness->said.sequence = newest;
	witness->was_synced = !strcmp(sync, "disk");
	witness->was_open = !strcmp(state, "open");
}

static void write_line(const struct hc_witness *witness, bool is_open)
{
	char line[LINE_LEN_MAX];
	int len = snprintf(line, sizeof(line), "%s-%020" PRIu64 " %-7s %-6s %020" PRId64 "\n",
			   witness->said.epoch, witness->said.sequence,
			   witness->is_synced ? "disk" : "process", is_open ? "open" : "closed",
			   came_up_unix_ms());

	(void)!pwrite(witness->fd, line, (size_t)len, 0); /* what it said before was true as well */
}

int hc_witness_open(struct hc_witness *witness, const char *path, bool sync)
{
	char name[PATH_MAX];

	*witness = HC_WITNESS_NULL;
	witness->is_synced = sync;
	if (snprintf(name, sizeof(name), "%s.lock", path) >= (int)sizeof(name))
		return -ENAMETOOLONG;
	witness->fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (witness->fd < 0)
		return -errno;
	if (flock(witness->fd, LOCK_EX | LOCK_NB) < 0)
		return errno == EWOULDBLOCK ? HC_WITNESS_E_IN_USE : -errno;
	read_line(witness);
	return 0;
}

void hc_witness_close(struct hc_witness *witness)
{
	if (witness->has_begun) {
		write_line(witness, false);
		(void)fdatasync(witness->fd);
	}
	hc_closep(&witness->fd);
}

int hc_witness_hear(const struct hc_witness *witness, const char *epoch, uint64_t newest)
{
	if (strcmp(witness->said.epoch, epoch) != 0)
		return HC_WITNESS_OK_;
	if (newest < witness->said.sequence)
		return HC_WITNESS_E_LOST;
	if (witness->was_open && !witness->was_synced &&
	    llabs(came_up_unix_ms() - witness->came_up_unix_ms) > UNCERTAIN_MS)
		return HC_WITNESS_E_DOUBT;
	return HC_WITNESS_OK_;
}

void hc_witness_begin(struct hc_witness *witness, const char *epoch, uint64_t newest)
{
	witness->has_begun = true;
	hc_witness_tell(witness, epoch, newest);
	(void)fdatasync(witness->fd);
}

void hc_witness_tell(struct hc_witness *witness, const char *epoch, uint64_t newest)
{
	memcpy(witness->said.epoch, epoch, sizeof(witness->said.epoch));
	witness->said.sequence = newest;
	write_line(witness, true);
}
