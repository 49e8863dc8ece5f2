/* SPDX-License-Identifier: MIT */
/*
 * Retained events: the last one of each type and key, for types that the registry retains. What is
 * mounted now, the last status, the last health.
 */
#pragma once

#include "ws/log/record.h"

struct hc_state;

struct hc_state *hc_state_new(void);
struct hc_state *hc_state_free(struct hc_state *state);
HC_DEFINE_CLEANUP(struct hc_state *, hc_state_free);

/**
 * hc_state_apply() - take note of a committed event: retain it, or clear what it clears
 *
 * Events to one user are not retained: what is retained is for everybody.
 *
 * Return: whether there was memory.
 */
bool hc_state_apply(struct hc_state *state, struct hc_record *record);

/** hc_state_find() - the retained event of a type without key, or NULL; borrowed */
struct hc_record *hc_state_find(const struct hc_state *state, const struct hc_type *type);

/** hc_state_get() - the retained event of a type and a key, or NULL; borrowed */
struct hc_record *hc_state_get(const struct hc_state *state, const struct hc_type *type,
			       struct hc_str key);

typedef void hc_state_fn(void *context, struct hc_record *record);

/** hc_state_each() - every retained event, or those of @type if it is not NULL; oldest first */
void hc_state_each(const struct hc_state *state, const struct hc_type *type, hc_state_fn *fn,
		   void *context);

/** hc_state_count() - retained events of @type, or all for NULL */
size_t hc_state_count(const struct hc_state *state, const struct hc_type *type);
