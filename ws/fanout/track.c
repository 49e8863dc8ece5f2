/* SPDX-License-Identifier: MIT */
/*
 * Frames end to end in a doubly mapped ring.
 *
 * Offsets grow without end; the byte of offset o lies at memory[o & (cap - 1)]. ends[slot & mask]
 * is the offset behind the frame of that slot, so the frame of a slot begins where the one before
 * it ends.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "ws/fanout/track.h"

struct hc_track {
	struct hc_encoding encoding;
	char *memory; /* cap_bytes, mapped twice in a row */
	size_t cap_bytes;
	uint64_t *ends;
	size_t n_slots;
	uint64_t first; /* oldest slot that is still whole */
	uint64_t next;
	uint64_t first_offset; /* where the frame of `first` begins */
	uint64_t next_offset;
};

static int map_twice(char **ret, size_t cap_bytes)
{
	HC_CLEANUP(hc_closep) int fd = memfd_create("hostcast-track", MFD_CLOEXEC);
	char *memory;
	int r;

	if (fd < 0 || ftruncate(fd, (off_t)cap_bytes) < 0)
		return -errno;
	memory = mmap(NULL, 2 * cap_bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED)
		return -errno;
	for (int i = 0; i < 2; i++) {
		if (mmap(memory + (size_t)i * cap_bytes, cap_bytes, PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_FIXED, fd, 0) == MAP_FAILED) {
			r = -errno;
			(void)munmap(memory, 2 * cap_bytes); /* nothing to do about it */
			return r;
		}
	}
	*ret = memory;
	return 0;
}

int hc_track_new(struct hc_track **ret, struct hc_encoding encoding, size_t n_slots,
		 size_t cap_bytes, uint64_t next)
{
	struct hc_track *track = calloc(1, sizeof(*track));
	int r;

	if (!track)
		return -ENOMEM;
	track->encoding = encoding;
	track->n_slots = n_slots;
	track->cap_bytes = cap_bytes;
	track->ends = calloc(n_slots, sizeof(*track->ends));
	r = track->ends ? map_twice(&track->memory, cap_bytes) : -ENOMEM;
	if (r < 0) {
		(void)hc_track_free(track);
		return r;
	}
	hc_track_clear(track, next);
	*ret = track;
	return 0;
}

struct hc_track *hc_track_free(struct hc_track *track)
{
	if (!track)
		return NULL;
	if (track->memory)
		(void)munmap(track->memory, 2 * track->cap_bytes);
	free(track->ends);
	free(track);
	return NULL;
}

struct hc_encoding hc_track_encoding(const struct hc_track *track)
{
	return track->encoding;
}

static uint64_t *end_of(const struct hc_track *track, uint64_t slot)
{
	return &track->ends[slot & (track->n_slots - 1)];
}

static void drop_first(struct hc_track *track)
{
	track->first_offset = *end_of(track, track->first);
	track->first++;
}

void hc_track_append(struct hc_track *track, struct hc_str frame)
{
	while (track->first != track->next &&
	       (track->next - track->first == track->n_slots ||
		track->next_offset + frame.len - track->first_offset > track->cap_bytes))
		drop_first(track);
	if (frame.len)
		memcpy(track->memory + (track->next_offset & (track->cap_bytes - 1)), frame.s,
		       frame.len);
	track->next_offset += frame.len;
	*end_of(track, track->next) = track->next_offset;
	track->next++;
}

void hc_track_clear(struct hc_track *track, uint64_t next)
{
	track->first = next;
	track->next = next;
	track->first_offset = track->next_offset;
}

uint64_t hc_track_first(const struct hc_track *track)
{
	return track->first;
}

uint64_t hc_track_next(const struct hc_track *track)
{
	return track->next;
}

struct hc_str hc_track_frames(const struct hc_track *track, uint64_t from, uint64_t to)
{
	uint64_t begin = from == track->first ? track->first_offset : *end_of(track, from - 1);
	uint64_t end = to == from ? begin : *end_of(track, to - 1);

	return (struct hc_str){ track->memory + (begin & (track->cap_bytes - 1)), end - begin };
}
