/* SPDX-License-Identifier: MIT */
/*
 * A hash of tickets, which uthash keeps in the order of issue; all live equally long, so the
 * expired ones are at its head.
 */
#include <assert.h>
#include <errno.h>
#include <openssl/rand.h>
#include <stdlib.h>
#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#include "proto/base64url.h"
#include "proto/fault.h"
#include "ws/auth/auth.h"
#include "ws/auth/tickets.h"

#define RANDOM_LEN 32 /* bytes */

_Static_assert(HC_BASE64URL_LEN(RANDOM_LEN) == HC_TICKET_LEN, "a ticket is its random bytes");

struct ticket {
	UT_hash_handle hh;
	char text[HC_TICKET_LEN + 1];
	struct hc_grant *grant; /* a reference */
	uint64_t expires_ms;
	size_t origin_len;
	char origin[];
};

struct hc_tickets {
	const struct hc_auth *auth;
	struct ticket *all;
};

static void ticket_free(struct ticket *ticket)
{
	if (!ticket)
		return;
	(void)hc_grant_unref(ticket->grant);
	free(ticket);
}

static void ticket_freep(struct ticket **ticket)
{
	ticket_free(*ticket);
}

int hc_tickets_new(struct hc_tickets **ret, const struct hc_auth *auth)
{
	struct hc_tickets *tickets = calloc(1, sizeof(*tickets));

	if (!tickets)
		return -ENOMEM;
	tickets->auth = auth;
	*ret = tickets;
	return 0;
}

static void drop(struct hc_tickets *tickets, struct ticket *ticket)
{
	HASH_DEL(tickets->all, ticket);
	ticket_free(ticket);
}

struct hc_tickets *hc_tickets_free(struct hc_tickets *tickets)
{
	if (!tickets)
		return NULL;
	while (tickets->all)
		drop(tickets, tickets->all);
	free(tickets);
	return NULL;
}

static void drop_expired(struct hc_tickets *tickets, uint64_t now_ms)
{
	while (tickets->all && tickets->all->expires_ms <= now_ms)
		drop(tickets, tickets->all);
}

static bool is_full(const struct hc_tickets *tickets, const char *subject)
{
	size_t n_of_user = 0;

	if (HASH_COUNT(tickets->all) >= HC_TICKETS_MAX)
		return true;
	if (HASH_COUNT(tickets->all) < HC_TICKETS_USER_MAX)
		return false;
	for (const struct ticket *ticket = tickets->all; ticket; ticket = ticket->hh.next)
		n_of_user += !strcmp(hc_grant_subject(ticket->grant), subject);
	return n_of_user >= HC_TICKETS_USER_MAX;
}

static struct ticket *ticket_new(struct hc_grant *grant, struct hc_str origin, uint64_t now_ms)
{
	struct ticket *ticket = calloc(1, sizeof(*ticket) + origin.len);

	if (!ticket)
		return NULL;
	ticket->grant = hc_grant_ref(grant);
	ticket->expires_ms = now_ms + HC_TICKET_LIFETIME_MS;
	ticket->origin_len = origin.len;
	if (origin.len)
		memcpy(ticket->origin, origin.s, origin.len);
	return ticket;
}

int hc_tickets_issue(struct hc_tickets *tickets, struct hc_grant *grant, struct hc_str origin,
		     uint64_t now_ms, char ret[static HC_TICKET_LEN + 1])
{
	HC_CLEANUP(ticket_freep) struct ticket *ticket = NULL;
	unsigned char bytes[RANDOM_LEN];

	assert(origin.len <= HC_TICKET_ORIGIN_MAX);
	drop_expired(tickets, now_ms);
	if (is_full(tickets, hc_grant_subject(grant)))
		return HC_TICKETS_E_FULL;
	ticket = ticket_new(grant, origin, now_ms);
	if (!ticket)
		return -ENOMEM;
	if (RAND_bytes(bytes, sizeof(bytes)) != 1)
		return -EIO;
	hc_base64url_encode(ticket->text, bytes, sizeof(bytes));
	HASH_ADD(hh, tickets->all, text, HC_TICKET_LEN, ticket);
	if (!ticket->hh.tbl)
		return -ENOMEM;
	memcpy(ret, ticket->text, sizeof(ticket->text));
	(void)hc_take(ticket);
	return 0;
}

static bool fits(const struct hc_tickets *tickets, const struct ticket *ticket,
		 struct hc_str origin, struct hc_fault *fault)
{
	struct hc_str wanted = { ticket->origin, ticket->origin_len };

	if (wanted.len && !hc_str_equal(wanted, origin)) {
		hc_fault_set(fault, HC_FAULT_UNAUTHORIZED, "the ticket is of another origin");
		return false;
	}
	return hc_auth_check_again(tickets->auth, ticket->grant, fault);
}

struct hc_grant *hc_tickets_redeem(struct hc_tickets *tickets, struct hc_str ticket,
				   struct hc_str origin, uint64_t now_ms, struct hc_fault *fault)
{
	HC_CLEANUP(ticket_freep) struct ticket *found = NULL;

	drop_expired(tickets, now_ms);
	if (ticket.len == HC_TICKET_LEN)
		HASH_FIND(hh, tickets->all, ticket.s, HC_TICKET_LEN, found);
	if (!found) {
		hc_fault_set(fault, HC_FAULT_UNAUTHORIZED,
			     "the ticket is not valid: used, expired, or none of ours");
		return NULL;
	}
	HASH_DEL(tickets->all, found);
	return fits(tickets, found, origin, fault) ? hc_grant_ref(found->grant) : NULL;
}

size_t hc_tickets_count(const struct hc_tickets *tickets)
{
	return HASH_COUNT(tickets->all);
}
