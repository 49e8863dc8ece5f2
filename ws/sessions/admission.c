/* SPDX-License-Identifier: MIT */
/*
 * Counting, all of it O(1) a connection: parties and users that are in are in two hashes, pending
 * guests in a list, oldest first.
 */
#include <errno.h>
#include <stdlib.h>
#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#include "conf/conf.h"
#include "proto/log.h"
#include "ws/sessions/admission.h"
#include "ws/sessions/bucket.h"
#include "ws/sessions/forwarded.h"
#include "ws/wire/reserve.h"
#include "ws/wire/wire.h"

#define PATIENCE_MS 1000 /* a guest has at least this for its handshake */
#define LOOK_MS	    10	 /* how soon to look again whether one has done its handshake */
#define BURST_PART  10	 /* of a second's guests, let in at once */

/* ---- types -------------------------------------------------------------------------------- */

struct party {
	struct hc_address address; /* the key */
	size_t n;
	UT_hash_handle hh;
};

struct user {
	size_t n;
	UT_hash_handle hh;
	char name[]; /* the key */
};

struct hc_guest {
	struct hc_admission *admission;
	struct lws *wire;
	struct party *party; /* NULL: unknown, or not counted */
	struct hc_address address;
	struct hc_guest *next, **link; /* of the pending; link is NULL once it is settled */
	uint64_t entered_ms;
	enum hc_verdict verdict;
	bool is_surplus; /* counted as such: it was refused when it came */
};

struct hc_admission {
	size_t n_descriptors;
	struct hc_descriptors_share share;
	size_t max_per_address;
	size_t max_per_user;
	struct hc_bucket_rate rate;
	struct hc_bucket bucket;
	struct hc_network *trusted;
	size_t n_trusted;
	struct party *parties;
	struct user *users;
	struct hc_guest *pending, **pending_end; /* oldest first */
	size_t n_pending;
	size_t n_clients;
	size_t n_surplus;
	uint64_t n_refused[HC_VERDICT_MAX_];
	struct hc_log_limit log_limit;
};

/* ---- configuration ------------------------------------------------------------------------ */

static int read_networks(struct hc_network **ret, const struct hc_list *list)
{
	struct hc_network *networks = calloc(list->n + 1, sizeof(*networks));

	if (!networks)
		return -ENOMEM;
	for (size_t i = 0; i < list->n; i++)
		(void)hc_network_parse(&networks[i], hc_str(list->items[i])); /* was checked */
	*ret = networks;
	return 0;
}

static size_t share_of(size_t max, uint32_t wanted)
{
	if (wanted)
		return wanted;
	return max > 1 ? max / 2 : 1;
}

int hc_admission_configure(struct hc_admission *admission, const struct hc_conf *conf)
{
	uint32_t rate = conf->clients.accept_rate;
	struct hc_network *trusted = NULL;
	int r = read_networks(&trusted, &conf->clients.trusted_proxies);

	if (r < 0)
		return r;
	free(admission->trusted);
	admission->trusted = trusted;
	admission->n_trusted = conf->clients.trusted_proxies.n;
	admission->share = hc_descriptors_share(admission->n_descriptors, conf->clients.max);
	if (conf->clients.max > admission->share.max)
		hc_warn("[clients] max is %u, but %zu descriptors are enough for %zu: that many "
			"are let in",
			conf->clients.max, admission->n_descriptors, admission->share.max);
	admission->max_per_address = share_of(admission->share.max, conf->clients.max_per_address);
	admission->max_per_user = share_of(admission->share.max, conf->clients.max_per_user);
	admission->rate = (struct hc_bucket_rate){ rate, rate / BURST_PART + 1 };
	return 0;
}

int hc_admission_new(struct hc_admission **ret, size_t n_descriptors, const struct hc_conf *conf)
{
	HC_CLEANUP(hc_admission_freep)
	struct hc_admission *admission = calloc(1, sizeof(*admission));
	int r;

	if (!admission)
		return -ENOMEM;
	admission->n_descriptors = n_descriptors;
	admission->pending_end = &admission->pending;
	r = hc_admission_configure(admission, conf);
	if (r < 0)
		return r;
	*ret = hc_take(admission);
	return 0;
}

struct hc_admission *hc_admission_free(struct hc_admission *admission)
{
	if (!admission)
		return NULL;
	free(admission->trusted);
	free(admission);
	return NULL;
}

struct hc_admission_counts hc_admission_counts(const struct hc_admission *admission)
{
	struct hc_admission_counts counts = {
		.max = admission->share.max,
		.max_programs = admission->share.programs,
		.n_clients = admission->n_clients,
		.n_pending = admission->n_pending,
	};

	memcpy(counts.n_refused, admission->n_refused, sizeof(counts.n_refused));
	return counts;
}

/* ---- pending ------------------------------------------------------------------------------ */

static void append_pending(struct hc_guest *guest)
{
	struct hc_admission *admission = guest->admission;

	guest->link = admission->pending_end;
	*guest->link = guest;
	admission->pending_end = &guest->next;
	admission->n_pending++;
}

static void remove_pending(struct hc_guest *guest)
{
	struct hc_admission *admission = guest->admission;

	if (!guest->link)
		return;
	*guest->link = guest->next;
	if (guest->next)
		guest->next->link = guest->link;
	else
		admission->pending_end = guest->link;
	guest->next = NULL;
	guest->link = NULL;
	admission->n_pending--;
}

/* How long until there is room for one handshake more. */
static uint64_t pending_wait_ms(struct hc_admission *admission, uint64_t now_ms)
{
	struct hc_guest *oldest = admission->pending;

	if (admission->n_pending < admission->share.pending)
		return 0;
	if (now_ms < oldest->entered_ms + PATIENCE_MS)
		return LOOK_MS;
	remove_pending(oldest);
	if (oldest->wire)
		hc_wire_kill(oldest->wire);
	return 0;
}

uint64_t hc_admission_wait_ms(struct hc_admission *admission, uint64_t now_ms)
{
	uint64_t wait_ms = hc_bucket_wait_ms(&admission->bucket, admission->rate, now_ms);

	return wait_ms ? wait_ms : pending_wait_ms(admission, now_ms);
}

/* ---- parties ------------------------------------------------------------------------------ */

static struct party *find_party(const struct hc_admission *admission,
				const struct hc_address *address)
{
	struct hc_address key = hc_address_party(address);
	struct party *party;

	HASH_FIND(hh, admission->parties, &key, sizeof(key), party);
	return party;
}

static bool is_full_party(const struct hc_admission *admission, const struct hc_address *address)
{
	const struct party *party = find_party(admission, address);

	return party && party->n >= admission->max_per_address;
}

/* Without memory, and with an address that is not known, it is not counted: the limit of all still
 * holds. */
static void join_party(struct hc_guest *guest)
{
	struct hc_admission *admission = guest->admission;
	struct party *party;

	if (!hc_address_is_known(&guest->address))
		return;
	party = find_party(admission, &guest->address);
	if (!party) {
		party = calloc(1, sizeof(*party));
		if (!party)
			return;
		party->address = hc_address_party(&guest->address);
		HASH_ADD(hh, admission->parties, address, sizeof(party->address), party);
		if (!party->hh.tbl) {
			free(party);
			return;
		}
	}
	party->n++;
	guest->party = party;
}

static void leave_party(struct hc_guest *guest)
{
	struct party *party = guest->party;

	guest->party = NULL;
	if (!party || --party->n)
		return;
	HASH_DEL(guest->admission->parties, party);
	free(party);
}

static void refuse(struct hc_guest *guest, enum hc_verdict verdict)
{
	struct hc_admission *admission = guest->admission;
	char address[HC_ADDRESS_TEXT_MAX];

	guest->verdict = verdict;
	admission->n_refused[verdict]++;
	if (!hc_log_limited(&admission->log_limit))
		return;
	hc_address_format(address, &guest->address);
	if (verdict == HC_VERDICT_FULL)
		hc_warn("a client (%s) is refused: there are %zu, as many as may be ([clients] "
			"max)",
			address, admission->n_clients);
	else
		hc_warn("a client (%s) is refused: there are %zu from its address, as many as may "
			"be ([clients] max_per_address)",
			address, admission->max_per_address);
}

/* ---- guests ------------------------------------------------------------------------------- */

static bool is_trusted(const struct hc_admission *admission, const struct hc_address *address)
{
	for (size_t i = 0; i < admission->n_trusted; i++)
		if (hc_network_has(&admission->trusted[i], address))
			return true;
	return false;
}

static void turn_away(struct hc_admission *admission, bool has_room)
{
	admission->n_refused[HC_VERDICT_FULL]++;
	if (!hc_log_limited(&admission->log_limit))
		return;
	if (has_room)
		hc_warn("connections are turned away: there is no memory for another client");
	else
		hc_warn("connections are turned away: there are %zu clients, as many as may be "
			"([clients] max), and %zu to be refused",
			admission->n_clients, admission->n_surplus);
}

/* A proxy is not counted: it will tell for whom it has come. */
static enum hc_verdict judge(const struct hc_admission *admission, const struct hc_address *address)
{
	if (admission->n_clients >= admission->share.max)
		return HC_VERDICT_FULL;
	if (!is_trusted(admission, address) && is_full_party(admission, address))
		return HC_VERDICT_ADDRESS;
	return HC_VERDICT_WELCOME;
}

static void take_place(struct hc_guest *guest)
{
	struct hc_admission *admission = guest->admission;

	guest->is_surplus = guest->verdict != HC_VERDICT_WELCOME;
	if (guest->is_surplus) {
		admission->n_surplus++;
		refuse(guest, guest->verdict);
		return;
	}
	admission->n_clients++;
	if (!is_trusted(admission, &guest->address))
		join_party(guest);
}

struct hc_guest *hc_admission_enter(struct hc_admission *admission,
				    const struct hc_address *address, uint64_t now_ms)
{
	enum hc_verdict verdict = judge(admission, address);
	bool has_room =
		verdict == HC_VERDICT_WELCOME || admission->n_surplus < admission->share.surplus;
	struct hc_guest *guest = NULL;

	(void)hc_bucket_take(&admission->bucket, admission->rate, now_ms);
	if (has_room && hc_reserve_fill())
		guest = calloc(1, sizeof(*guest));
	if (!guest) {
		turn_away(admission, has_room);
		return NULL;
	}
	guest->admission = admission;
	guest->address = *address;
	guest->entered_ms = now_ms;
	guest->verdict = verdict;
	append_pending(guest);
	take_place(guest);
	return guest;
}

void hc_guest_seat(struct hc_guest *guest, struct lws *wire)
{
	guest->wire = wire;
}

/* Whether its address is still that of a proxy, or not known at all. */
static bool may_speak_for_others(const struct hc_guest *guest)
{
	return !guest->party && (!hc_address_is_known(&guest->address) ||
				 is_trusted(guest->admission, &guest->address));
}

void hc_guest_forwarded(struct hc_guest *guest, struct hc_str list)
{
	const struct hc_admission *admission = guest->admission;
	struct hc_address address, believed = { 0 };

	if (!may_speak_for_others(guest))
		return;
	while (hc_forwarded_take_last(&address, &list)) {
		believed = address;
		if (!is_trusted(admission, &address))
			break;
	}
	if (!hc_address_is_known(&believed))
		return;
	guest->address = believed;
	if (guest->is_surplus)
		return;
	if (is_full_party(admission, &believed))
		refuse(guest, HC_VERDICT_ADDRESS);
	else
		join_party(guest);
}

enum hc_verdict hc_guest_verdict(const struct hc_guest *guest)
{
	return guest->verdict;
}

const struct hc_address *hc_guest_address(const struct hc_guest *guest)
{
	return &guest->address;
}

void hc_guest_settle(struct hc_guest *guest)
{
	remove_pending(guest);
}

struct hc_guest *hc_guest_leave(struct hc_guest *guest)
{
	if (!guest)
		return NULL;
	remove_pending(guest);
	leave_party(guest);
	if (guest->is_surplus)
		guest->admission->n_surplus--;
	else
		guest->admission->n_clients--;
	free(guest);
	return NULL;
}

/* ---- users -------------------------------------------------------------------------------- */

static struct user *add_user(struct hc_admission *admission, const char *name)
{
	size_t len = strlen(name);
	struct user *user = calloc(1, sizeof(*user) + len + 1);

	if (!user)
		return NULL;
	memcpy(user->name, name, len);
	HASH_ADD_KEYPTR(hh, admission->users, user->name, len, user);
	if (user->hh.tbl)
		return user;
	free(user);
	return NULL;
}

enum hc_verdict hc_admission_take_user(struct hc_admission *admission, const char *name)
{
	struct user *user;

	if (!*name)
		return HC_VERDICT_WELCOME;
	HASH_FIND_STR(admission->users, name, user);
	if (user && user->n >= admission->max_per_user) {
		char quoted[HC_LOG_QUOTE_MAX];

		admission->n_refused[HC_VERDICT_USER]++;
		if (hc_log_limited(&admission->log_limit))
			hc_warn("a client of the user %s is refused: there are %zu, as many as "
				"may be ([clients] max_per_user)",
				hc_log_quote(quoted, hc_str(name)), user->n);
		return HC_VERDICT_USER;
	}
	if (!user)
		user = add_user(admission, name);
	if (!user)
		return HC_VERDICT_USER; /* no memory: it could not be released */
	user->n++;
	return HC_VERDICT_WELCOME;
}

void hc_admission_release_user(struct hc_admission *admission, const char *name)
{
	struct user *user;

	HASH_FIND_STR(admission->users, name, user);
	if (!user || --user->n)
		return;
	HASH_DEL(admission->users, user);
	free(user);
}
