/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>

#include "tests/unit/hub.h"
#include "ws/sessions/admission.h"

#define DESCRIPTORS 1000
#define NOW_MS	    UINT64_C(100000)
#define PATIENCE_MS 1000

struct house {
	struct hc_conf *conf;
	struct hc_admission *admission;
};

static const struct hc_address from_unix_socket;

static struct house house_open(uint32_t max)
{
	struct house house = { .conf = test_conf() };

	house.conf->clients.max = max;
	house.conf->clients.max_per_address = max;
	house.conf->clients.accept_rate = 0;
	cr_assert_eq(hc_admission_new(&house.admission, DESCRIPTORS, house.conf), 0);
	return house;
}

static void reconfigure(struct house *house)
{
	cr_assert_eq(hc_admission_configure(house->admission, house->conf), 0);
}

static void house_close(struct house *house)
{
	struct hc_admission_counts counts = hc_admission_counts(house->admission);

	cr_expect_eq(counts.n_clients, 0);
	cr_expect_eq(counts.n_pending, 0);
	(void)hc_admission_free(house->admission);
	(void)hc_conf_free(house->conf);
}

static struct hc_address address_of(const char *text)
{
	struct hc_address address;

	cr_assert(hc_address_parse(&address, hc_str(text)), "%s", text);
	return address;
}

static struct hc_guest *enter(struct house *house, const char *address)
{
	struct hc_address from = address_of(address);

	return hc_admission_enter(house->admission, &from, NOW_MS);
}

static void trust(struct house *house, const char *network)
{
	char *item = (char *)(uintptr_t)network;
	struct hc_list ours = house->conf->clients.trusted_proxies;

	house->conf->clients.trusted_proxies = (struct hc_list){ &item, 1 };
	reconfigure(house);
	house->conf->clients.trusted_proxies = ours;
}

/* ---- all together ------------------------------------------------------------------------- */

Test(admission, the_first_are_welcome_then_some_are_refused_then_the_rest_turned_away)
{
	struct house house = house_open(10);
	size_t surplus = hc_descriptors_share(DESCRIPTORS, 10).surplus;
	struct hc_guest *guests[10 + 64];

	for (size_t i = 0; i < 10 + surplus; i++) {
		guests[i] = enter(&house, "10.0.0.1");
		cr_assert(guests[i]);
		cr_expect_eq(hc_guest_verdict(guests[i]),
			     i < 10 ? HC_VERDICT_WELCOME : HC_VERDICT_FULL);
	}
	for (size_t i = 0; i < 100; i++)
		cr_expect_null(enter(&house, "10.0.0.1"));
	cr_expect_eq(hc_admission_counts(house.admission).n_refused[HC_VERDICT_FULL],
		     surplus + 100);

	(void)hc_guest_leave(guests[0]);
	guests[0] = enter(&house, "10.0.0.1");
	cr_expect_eq(hc_guest_verdict(guests[0]), HC_VERDICT_WELCOME);
	for (size_t i = 0; i < 10 + surplus; i++)
		(void)hc_guest_leave(guests[i]);
	house_close(&house);
}

Test(admission, lowering_the_limit_leaves_those_who_are_in)
{
	struct house house = house_open(3);
	struct hc_guest *guests[3], *late;

	for (size_t i = 0; i < 3; i++)
		guests[i] = enter(&house, "10.0.0.1");
	house.conf->clients.max = 2;
	reconfigure(&house);
	for (size_t i = 0; i < 3; i++)
		cr_expect_eq(hc_guest_verdict(guests[i]), HC_VERDICT_WELCOME);
	late = enter(&house, "10.0.0.2");
	cr_expect_eq(hc_guest_verdict(late), HC_VERDICT_FULL);
	(void)hc_guest_leave(late);
	(void)hc_guest_leave(guests[0]);
	late = enter(&house, "10.0.0.2");
	cr_expect_eq(hc_guest_verdict(late), HC_VERDICT_FULL);
	(void)hc_guest_leave(late);
	(void)hc_guest_leave(guests[1]);
	late = enter(&house, "10.0.0.2");
	cr_expect_eq(hc_guest_verdict(late), HC_VERDICT_WELCOME);
	(void)hc_guest_leave(late);
	(void)hc_guest_leave(guests[2]);
	house_close(&house);
}

Test(admission, nobody_leaves_quietly)
{
	cr_expect_null(hc_guest_leave(NULL));
}

/* ---- addresses ---------------------------------------------------------------------------- */

Test(admission, one_address_has_its_share_and_no_more)
{
	static const struct {
		const char *first;
		const char *second;
		bool same;
	} cases[] = {
		{ "10.0.0.1", "10.0.0.1", true },
		{ "10.0.0.1", "10.0.0.2", false },
		{ "2001:db8::1", "2001:db8::2", true },
		{ "2001:db8::1", "2001:db8:0:1::1", false },
	};

	for (size_t i = 0; i < HC_ARRAY_LEN(cases); i++) {
		struct house house = house_open(10);
		struct hc_guest *a, *b;

		house.conf->clients.max_per_address = 1;
		reconfigure(&house);
		a = enter(&house, cases[i].first);
		b = enter(&house, cases[i].second);
		cr_expect_eq(hc_guest_verdict(a), HC_VERDICT_WELCOME);
		cr_expect_eq(hc_guest_verdict(b),
			     cases[i].same ? HC_VERDICT_ADDRESS : HC_VERDICT_WELCOME, "%s %s",
			     cases[i].first, cases[i].second);
		(void)hc_guest_leave(a);
		(void)hc_guest_leave(b);
		a = enter(&house, cases[i].first);
		cr_expect_eq(hc_guest_verdict(a), HC_VERDICT_WELCOME, "its place is free again");
		(void)hc_guest_leave(a);
		house_close(&house);
	}
}

Test(admission, without_a_limit_of_its_own_an_address_has_half)
{
	struct house house = house_open(10);
	struct hc_guest *guests[7];

	house.conf->clients.max_per_address = 0;
	reconfigure(&house);
	for (size_t i = 0; i < 6; i++) {
		guests[i] = enter(&house, "10.0.0.1");
		cr_expect_eq(hc_guest_verdict(guests[i]),
			     i < 5 ? HC_VERDICT_WELCOME : HC_VERDICT_ADDRESS);
	}
	guests[6] = enter(&house, "10.0.0.2");
	cr_expect_eq(hc_guest_verdict(guests[6]), HC_VERDICT_WELCOME);
	for (size_t i = 0; i < 7; i++)
		(void)hc_guest_leave(guests[i]);
	house_close(&house);
}

/* ---- proxies ------------------------------------------------------------------------------ */

Test(admission, a_proxy_is_believed_only_if_it_is_trusted)
{
	static const struct {
		const char *peer; /* NULL: a UNIX socket */
		const char *list;
		const char *believed;
	} cases[] = {
		{ NULL, "6.6.6.6", "6.6.6.6" },
		{ NULL, "6.6.6.6, 10.1.1.1", "10.1.1.1" },
		{ NULL, "6.6.6.6,10.1.1.1 ", "10.1.1.1" },
		{ NULL, " 2001:db8::1\t", "2001:db8::1" },
		{ NULL, "", "" },
		{ NULL, "unknown", "" },
		{ NULL, "6.6.6.6, unknown", "" },
		{ NULL, "6.6.6.6,", "" },
		{ NULL, ",,,", "" },
		{ NULL, "1.2.3.4, 192.0.2.9", "1.2.3.4" },
		{ NULL, "6.6.6.6, 1.2.3.4, 192.0.2.9, 192.0.2.1", "1.2.3.4" },
		{ NULL, "192.0.2.9, 192.0.2.1", "192.0.2.9" },
		{ "10.0.0.1", "6.6.6.6", "10.0.0.1" },
		{ "10.0.0.1", "", "10.0.0.1" },
		{ "192.0.2.1", "6.6.6.6", "6.6.6.6" },
		{ "192.0.2.1", "", "192.0.2.1" },
		{ "192.0.2.1", "nonsense", "192.0.2.1" },
		{ "192.0.2.1", "9.9.9.9:1, 6.6.6.6:4711", "6.6.6.6" }, /* some tell the port too */
		{ "192.0.2.1", "1.2.3.4:1, 192.0.2.9:2", "1.2.3.4" },
		{ "192.0.2.1", "[2001:db8::1]:443", "2001:db8::1" },
		{ "192.0.2.1", "[2001:db8::1]", "2001:db8::1" },
		{ "192.0.2.1", "[2001:db8::1", "192.0.2.1" },
		{ "192.0.2.1", ":80", "192.0.2.1" },
	};

	for (size_t i = 0; i < HC_ARRAY_LEN(cases); i++) {
		struct house house = house_open(10);
		char believed[HC_ADDRESS_TEXT_MAX];
		struct hc_guest *guest;

		trust(&house, "192.0.2.0/24");
		guest = cases[i].peer
				? enter(&house, cases[i].peer)
				: hc_admission_enter(house.admission, &from_unix_socket, NOW_MS);
		hc_guest_forwarded(guest, hc_str(cases[i].list));
		hc_address_format(believed, hc_guest_address(guest));
		cr_expect_str_eq(believed, cases[i].believed, "%s", cases[i].list);
		(void)hc_guest_leave(guest);
		house_close(&house);
	}
}

Test(admission, what_was_told_first_is_believed)
{
	struct house house = house_open(10);
	struct hc_guest *guest = hc_admission_enter(house.admission, &from_unix_socket, NOW_MS);
	struct hc_address first = address_of("10.0.0.1");

	hc_guest_forwarded(guest, HC_STR("10.0.0.1"));
	hc_guest_forwarded(guest, HC_STR("10.0.0.2"));
	cr_expect(!memcmp(hc_guest_address(guest), &first, sizeof(first)));
	(void)hc_guest_leave(guest);
	house_close(&house);
}

Test(admission, clients_behind_a_proxy_are_counted_by_their_own_address)
{
	struct house house = house_open(10);
	struct hc_guest *guests[4];
	static const char *const lists[] = { "10.0.0.1", "10.0.0.2", "10.0.0.1", "" };

	house.conf->clients.max_per_address = 1;
	reconfigure(&house);
	for (size_t i = 0; i < 4; i++) {
		guests[i] = hc_admission_enter(house.admission, &from_unix_socket, NOW_MS);
		hc_guest_forwarded(guests[i], hc_str(lists[i]));
		cr_expect_eq(hc_guest_verdict(guests[i]),
			     i == 2 ? HC_VERDICT_ADDRESS : HC_VERDICT_WELCOME, "%zu", i);
	}
	for (size_t i = 0; i < 4; i++)
		(void)hc_guest_leave(guests[i]);
	house_close(&house);
}

/* ---- the handshake ------------------------------------------------------------------------ */

Test(admission, the_oldest_unfinished_handshake_makes_room_after_a_second)
{
	struct house house = house_open(20);
	size_t pending = hc_descriptors_share(DESCRIPTORS, 20).pending;
	struct lws wires[10] = { 0 };
	struct hc_guest *guests[10];

	cr_assert_eq(pending, 10);
	for (size_t i = 0; i < pending; i++) {
		cr_assert_eq(hc_admission_wait_ms(house.admission, NOW_MS), 0);
		guests[i] = enter(&house, "10.0.0.1");
		hc_guest_seat(guests[i], &wires[i]);
	}
	for (uint64_t ms = 0; ms < PATIENCE_MS; ms += 100) {
		uint64_t wait_ms = hc_admission_wait_ms(house.admission, NOW_MS + ms);

		cr_expect(wait_ms > 0 && wait_ms <= 100);
	}
	cr_expect_not(wires[0].killed);
	cr_expect_eq(hc_admission_wait_ms(house.admission, NOW_MS + PATIENCE_MS), 0);
	cr_expect(wires[0].killed);
	cr_expect_not(wires[1].killed);

	/* One that settles makes room as well, and is not cut for it. */
	hc_guest_settle(guests[1]);
	cr_expect_eq(hc_admission_counts(house.admission).n_pending, pending - 2);
	cr_expect_eq(hc_admission_wait_ms(house.admission, NOW_MS), 0);
	cr_expect_not(wires[2].killed);
	for (size_t i = 0; i < pending; i++)
		(void)hc_guest_leave(guests[i]);
	house_close(&house);
}

Test(admission, the_pending_may_leave_in_any_order)
{
	static const size_t orders[][4] = {
		{ 0, 1, 2, 3 }, { 3, 2, 1, 0 }, { 1, 3, 0, 2 }, { 2, 0, 3, 1 }
	};

	for (size_t i = 0; i < HC_ARRAY_LEN(orders); i++) {
		struct house house = house_open(10);
		struct hc_guest *guests[4], *last;

		for (size_t j = 0; j < 4; j++)
			guests[j] = enter(&house, "10.0.0.1");
		for (size_t j = 0; j < 3; j++)
			(void)hc_guest_leave(guests[orders[i][j]]);
		last = enter(&house, "10.0.0.1");
		cr_expect_eq(hc_admission_counts(house.admission).n_pending, 2);
		(void)hc_guest_leave(last);
		(void)hc_guest_leave(guests[orders[i][3]]);
		house_close(&house);
	}
}

Test(admission, new_ones_come_at_the_rate_that_is_set)
{
	struct house house = house_open(0);
	uint64_t now_ms = NOW_MS;
	size_t n = 0;

	house.conf->clients.accept_rate = 100;
	reconfigure(&house);
	while (now_ms < NOW_MS + 5000) {
		uint64_t wait_ms = hc_admission_wait_ms(house.admission, now_ms);

		now_ms += wait_ms;
		if (wait_ms)
			continue;
		(void)hc_guest_leave(
			hc_admission_enter(house.admission, &from_unix_socket, now_ms));
		n++;
	}
	cr_expect(n >= 495 && n <= 515, "%zu", n);
	house_close(&house);
}

/* ---- users -------------------------------------------------------------------------------- */

Test(admission, one_user_has_its_share_and_no_more)
{
	struct house house = house_open(10);

	house.conf->clients.max_per_user = 2;
	reconfigure(&house);
	for (int round = 0; round < 3; round++) {
		cr_expect_eq(hc_admission_take_user(house.admission, "ann"), HC_VERDICT_WELCOME);
		cr_expect_eq(hc_admission_take_user(house.admission, "ann"), HC_VERDICT_WELCOME);
		cr_expect_eq(hc_admission_take_user(house.admission, "ann"), HC_VERDICT_USER);
		cr_expect_eq(hc_admission_take_user(house.admission, "an"), HC_VERDICT_WELCOME);
		hc_admission_release_user(house.admission, "ann");
		cr_expect_eq(hc_admission_take_user(house.admission, "ann"), HC_VERDICT_WELCOME);
		hc_admission_release_user(house.admission, "ann");
		hc_admission_release_user(house.admission, "ann");
		hc_admission_release_user(house.admission, "an");
	}
	cr_expect_eq(hc_admission_counts(house.admission).n_refused[HC_VERDICT_USER], 3);
	house_close(&house);
}

Test(admission, nobody_in_particular_is_always_welcome)
{
	struct house house = house_open(10);

	house.conf->clients.max_per_user = 1;
	reconfigure(&house);
	for (int i = 0; i < 100; i++)
		cr_expect_eq(hc_admission_take_user(house.admission, ""), HC_VERDICT_WELCOME);
	hc_admission_release_user(house.admission, "");
	hc_admission_release_user(house.admission, "who never came");
	house_close(&house);
}
