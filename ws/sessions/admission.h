/* SPDX-License-Identifier: MIT */
/*
 * Admission: who may come in.
 *
 * Each connection of a client is a guest, from accept(2) until it is closed. There are places for
 * [clients] max of them; a few more are let in as far as the handshake, where they are told that
 * there is no room, and beyond those they are turned away at once. All together they are always
 * fewer than the descriptors that the process may have, so that database, listeners and programs
 * keep theirs.
 *
 *   accepted ──> pending ──handshake done──> settled ──> gone
 *                   └──silent while others wait──────────^
 *
 * Guests that do not finish their handshake hold no more than a share of the places: the oldest of
 * them makes room when one more comes.
 */
#pragma once

#include "conf/network.h"
#include "ws/sessions/descriptors.h"

struct hc_admission;
struct hc_conf;
struct hc_guest;
struct lws;

enum hc_verdict {
	HC_VERDICT_WELCOME,
	HC_VERDICT_FULL,    /* as many clients as may be */
	HC_VERDICT_ADDRESS, /* as many from its address as may be */
	HC_VERDICT_USER,    /* as many of its user as may be */
	HC_VERDICT_MAX_
};

/** struct hc_admission_counts - what there is now */
struct hc_admission_counts {
	size_t max;
	size_t max_programs; /* whom peer.h counts */
	size_t n_clients;    /* guests that have or may get a place */
	size_t n_pending;
	uint64_t n_refused[HC_VERDICT_MAX_]; /* since the start; turned away ones are FULL */
};

/**
 * hc_admission_new() - an empty house
 * @n_descriptors: that the process may have
 */
int hc_admission_new(struct hc_admission **ret, size_t n_descriptors, const struct hc_conf *conf);
/** hc_admission_free() - all guests must be gone */
struct hc_admission *hc_admission_free(struct hc_admission *admission);
HC_DEFINE_CLEANUP(struct hc_admission *, hc_admission_free);

/** hc_admission_configure() - take the limits of @conf from now on; whoever is in stays */
int hc_admission_configure(struct hc_admission *admission, const struct hc_conf *conf);

/**
 * hc_admission_wait_ms() - how long the next one has to wait in the kernel's backlog, where it
 * costs nothing; 0: accept it
 *
 * May drop the oldest guest whose handshake does not come to its end.
 */
uint64_t hc_admission_wait_ms(struct hc_admission *admission, uint64_t now_ms);

/**
 * hc_admission_enter() - a connection was accepted
 * @address: of its peer; unknown for one through a UNIX socket
 *
 * Return: the guest, who may be surplus, see hc_guest_verdict(); or NULL: turn it away.
 */
struct hc_guest *hc_admission_enter(struct hc_admission *admission,
				    const struct hc_address *address, uint64_t now_ms);

/** hc_admission_counts() - for status and metrics */
struct hc_admission_counts hc_admission_counts(const struct hc_admission *admission);

/** hc_guest_seat() - the wire it came by, to be cut if it has to make room */
void hc_guest_seat(struct hc_guest *guest, struct lws *wire);

/**
 * hc_guest_forwarded() - a proxy says for whom it has connected
 * @list: the value of X-Forwarded-For, or empty
 *
 * It is believed if the proxy came through a UNIX socket or is in [clients] trusted_proxies. The
 * last element counts, as it is what the proxy itself has seen; if that is one of trusted_proxies,
 * the one before it, and so on.
 */
void hc_guest_forwarded(struct hc_guest *guest, struct hc_str list);

/** hc_guest_verdict() - may it stay? To be asked when its request is there */
enum hc_verdict hc_guest_verdict(const struct hc_guest *guest);

/** hc_guest_address() - whose it is, as far as that is known */
const struct hc_address *hc_guest_address(const struct hc_guest *guest);

/** hc_guest_settle() - its handshake is done */
void hc_guest_settle(struct hc_guest *guest);

/** hc_guest_leave() - its connection is closed; NULL is nobody */
struct hc_guest *hc_guest_leave(struct hc_guest *guest);

/**
 * hc_admission_take_user() - one client more of a user, after its authentication
 * @user: "" for nobody in particular: always welcome
 *
 * Return: HC_VERDICT_WELCOME, and then hc_admission_release_user() when it goes; or
 * HC_VERDICT_USER.
 */
enum hc_verdict hc_admission_take_user(struct hc_admission *admission, const char *user);
void hc_admission_release_user(struct hc_admission *admission, const char *user);
