/* SPDX-License-Identifier: MIT */
/*
 * X-Forwarded-For: for whom a proxy has connected. Each proxy on the way has added whom it has
 * seen, so the last element is what the nearest one says.
 */
#pragma once

#include "conf/network.h"

/**
 * hc_forwarded_take_last() - cut the last element off the list
 * @ret:  its address; the port that some proxies add is passed over
 * @list: the value of the header; what is before that element is left of it
 *
 * Return: false if there is none, or it is no address.
 */
bool hc_forwarded_take_last(struct hc_address *ret, struct hc_str *list);
