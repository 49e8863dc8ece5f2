/* SPDX-License-Identifier: MIT */
/* Tickets: good once, for 30 s, from the origin they were made for. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "proto/fault.h"
#include "tests/unit/hub.h"
#include "tests/unit/jwt.h"
#include "ws/auth/revocations.h"
#include "ws/auth/tickets.h"

#define NOW_MS UINT64_C(5000000)
#define ORIGIN HC_STR("https://app.example")

struct office {
	struct hc_conf *conf;
	struct hc_auth *auth;
	struct hc_tickets *tickets;
};

static void office_init(struct office *office)
{
	*office = (struct office){ .conf = test_conf() };
	cr_assert_eq(hc_auth_new(&office->auth, office->conf, NULL), 0);
	cr_assert_eq(hc_tickets_new(&office->tickets, office->auth), 0);
}

static void office_deinit(struct office *office)
{
	(void)hc_tickets_free(office->tickets);
	(void)hc_auth_free(office->auth);
	(void)hc_conf_free(office->conf);
}

static struct hc_grant *grant_of(const char *subject, long long expires)
{
	const struct hc_grant_wants wants = { .audience = "", .issuer = "", .now_unix_ms = 0 };
	json_t *claims = json_pack("{s:s,s:I}", "sub", subject, "exp", (json_int_t)expires);
	struct hc_grant *grant = hc_grant_new(claims, &wants, NULL);

	cr_assert(grant);
	json_decref(claims);
	return grant;
}

static void issue(struct office *office, struct hc_str origin, uint64_t now_ms, char *ret)
{
	HC_CLEANUP(hc_grant_unrefp) struct hc_grant *grant = grant_of("carol", 9999999999);

	cr_assert_eq(hc_tickets_issue(office->tickets, grant, origin, now_ms, ret), 0);
	cr_expect_eq(strlen(ret), HC_TICKET_LEN);
	cr_expect_eq(
		strspn(ret, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"),
		HC_TICKET_LEN);
}

static bool redeems(struct office *office, const char *ticket, struct hc_str origin,
		    uint64_t now_ms)
{
	HC_CLEANUP(hc_grant_unrefp) struct hc_grant *grant = NULL;
	struct hc_fault fault = HC_FAULT_NULL;

	grant = hc_tickets_redeem(office->tickets, hc_str(ticket), origin, now_ms, &fault);
	cr_expect_eq(fault.code, grant ? HC_FAULT_NONE : HC_FAULT_UNAUTHORIZED);
	cr_expect(!grant || !strcmp(hc_grant_subject(grant), "carol"));
	return grant;
}

Test(tickets, a_ticket_is_good_once)
{
	HC_CLEANUP(office_deinit) struct office office;
	char ticket[HC_TICKET_LEN + 1], other[HC_TICKET_LEN + 1];

	office_init(&office);
	issue(&office, ORIGIN, NOW_MS, ticket);
	issue(&office, ORIGIN, NOW_MS, other);
	cr_expect_str_neq(ticket, other);
	cr_expect(redeems(&office, ticket, ORIGIN, NOW_MS));
	cr_expect_not(redeems(&office, ticket, ORIGIN, NOW_MS));
	cr_expect(redeems(&office, other, ORIGIN, NOW_MS));
	cr_expect_eq(hc_tickets_count(office.tickets), 0);
}

Test(tickets, a_ticket_lives_for_30_s)
{
	HC_CLEANUP(office_deinit) struct office office;
	char ticket[HC_TICKET_LEN + 1], other[HC_TICKET_LEN + 1];

	office_init(&office);
	issue(&office, ORIGIN, NOW_MS, ticket);
	issue(&office, ORIGIN, NOW_MS, other);
	cr_expect(redeems(&office, ticket, ORIGIN, NOW_MS + HC_TICKET_LIFETIME_MS - 1));
	cr_expect_not(redeems(&office, other, ORIGIN, NOW_MS + HC_TICKET_LIFETIME_MS));
	cr_expect_eq(hc_tickets_count(office.tickets), 0, "the expired one is kept");
}

Test(tickets, a_ticket_is_good_at_its_origin_only_and_used_up_at_another)
{
	static const struct hc_str others[] = {
		HC_STR(""),
		HC_STR("http://app.example"),
		HC_STR("https://app.example/"),
		HC_STR("https://app.example.evil"),
		HC_STR("https://app.exampl"),
		HC_STR("https://App.example"),
		HC_STR("null"),
	};
	HC_CLEANUP(office_deinit) struct office office;
	char ticket[HC_TICKET_LEN + 1];

	office_init(&office);
	for (size_t i = 0; i < HC_ARRAY_LEN(others); i++) {
		issue(&office, ORIGIN, NOW_MS, ticket);
		cr_expect_not(redeems(&office, ticket, others[i], NOW_MS), "%s", others[i].s);
		cr_expect_not(redeems(&office, ticket, ORIGIN, NOW_MS), "%s", others[i].s);
	}
	issue(&office, (struct hc_str){ 0 }, NOW_MS, ticket);
	cr_expect(redeems(&office, ticket, ORIGIN, NOW_MS), "one without origin is bound to none");
}

Test(tickets, anything_else_is_refused)
{
	HC_CLEANUP(office_deinit) struct office office;
	char ticket[HC_TICKET_LEN + 1], wrong[HC_TICKET_LEN + 3];

	office_init(&office);
	issue(&office, ORIGIN, NOW_MS, ticket);
	(void)snprintf(wrong, sizeof(wrong), "%sA", ticket);
	cr_expect_not(redeems(&office, wrong, ORIGIN, NOW_MS));
	wrong[HC_TICKET_LEN - 1] = '\0';
	cr_expect_not(redeems(&office, wrong, ORIGIN, NOW_MS));
	cr_expect_not(redeems(&office, "", ORIGIN, NOW_MS));
	for (size_t i = 0; i < HC_TICKET_LEN; i++) {
		memcpy(wrong, ticket, sizeof(ticket));
		wrong[i] = wrong[i] == 'A' ? 'B' : 'A';
		cr_expect_not(redeems(&office, wrong, ORIGIN, NOW_MS), "at %zu", i);
	}
	cr_expect(redeems(&office, ticket, ORIGIN, NOW_MS));
}

Test(tickets, a_ticket_of_a_token_that_is_no_longer_good_is_refused)
{
	HC_CLEANUP(hc_grant_unrefp) struct hc_grant *expired = grant_of("carol", 1000000000);
	const struct hc_revocation revocation = { .of = HC_REVOCATION_SUB,
						  .name = HC_STR("carol"),
						  .since_unix_s = 1 };
	HC_CLEANUP(office_deinit) struct office office;
	char ticket[HC_TICKET_LEN + 1];

	office_init(&office);
	cr_assert_eq(hc_tickets_issue(office.tickets, expired, ORIGIN, NOW_MS, ticket), 0);
	cr_expect_not(redeems(&office, ticket, ORIGIN, NOW_MS));
	issue(&office, ORIGIN, NOW_MS, ticket);
	cr_assert_eq(hc_revocations_add(hc_auth_revocations(office.auth), &revocation), 0);
	cr_expect_not(redeems(&office, ticket, ORIGIN, NOW_MS));
}

Test(tickets, nobody_can_have_more_than_there_is_room_for)
{
	HC_CLEANUP(hc_grant_unrefp) struct hc_grant *greedy = grant_of("greedy", 9999999999);
	HC_CLEANUP(office_deinit) struct office office;
	char ticket[HC_TICKET_LEN + 1];
	char name[16];
	size_t n = 0;

	office_init(&office);
	while (!hc_tickets_issue(office.tickets, greedy, ORIGIN, NOW_MS, ticket))
		n++;
	cr_expect_eq(n, HC_TICKETS_USER_MAX);
	issue(&office, ORIGIN, NOW_MS, ticket);
	for (int r = 0; !r; n += !r) {
		HC_CLEANUP(hc_grant_unrefp) struct hc_grant *grant = NULL;

		(void)snprintf(name, sizeof(name), "user%zu", n % 50);
		grant = grant_of(name, 9999999999);
		r = hc_tickets_issue(office.tickets, grant, ORIGIN, NOW_MS, ticket);
		cr_assert_geq(r, 0);
	}
	cr_expect_eq(hc_tickets_count(office.tickets), HC_TICKETS_MAX);
	issue(&office, ORIGIN, NOW_MS + HC_TICKET_LIFETIME_MS, ticket);
	cr_expect_eq(hc_tickets_count(office.tickets), 1, "expired ones take room");
}
