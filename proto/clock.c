/* SPDX-License-Identifier: MIT */
/*
 * Time. The hub formats a timestamp for every event, so that is done by hand: strftime(3) and
 * gmtime(3) look at the time zone and take a lock. The calendar arithmetic is that of Howard
 * Hinnant, "chrono-Compatible Low-Level Date Algorithms" (days_from_civil, civil_from_days): years
 * begin in March, so that the leap day is the last of its year; an era is 400 years, 146097 days.
 */
#include <time.h>

#include "proto/clock.h"

#define DAY_MS	    86400000ll
#define ERA_DAYS    146097
#define EPOCH_DAYS  719468		/* 0000-03-01 to 1970-01-01 */
#define UNIX_MS_MIN (-62167219200000ll) /* 0000-01-01T00:00:00.000Z */
#define UNIX_MS_MAX 253402300799999ll	/* 9999-12-31T23:59:59.999Z */

uint64_t hc_monotonic_ns(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now); /* fails for unknown clocks only */
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

uint64_t hc_boottime_ns(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_BOOTTIME, &now); /* exists since Linux 2.6.39 */
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

int64_t hc_now_unix_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int64_t days_from_civil(int year, int month, int day)
{
	int from_march = (month + 9) % 12;
	int march_year = year - (month <= 2);
	int era = (march_year >= 0 ? march_year : march_year - 399) / 400;
	int year_of_era = march_year - era * 400;
	int day_of_year = (153 * from_march + 2) / 5 + day - 1;

	return (int64_t)era * ERA_DAYS + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 +
	       day_of_year - EPOCH_DAYS;
}

static void civil_from_days(int64_t days, int *year, int *month, int *day)
{
	int64_t since_march = days + EPOCH_DAYS;
	int64_t era = (since_march >= 0 ? since_march : since_march - ERA_DAYS + 1) / ERA_DAYS;
	int day_of_era = (int)(since_march - era * ERA_DAYS);
	int year_of_era =
		(day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
	int day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
	int from_march = (5 * day_of_year + 2) / 153;

	*day = day_of_year - (153 * from_march + 2) / 5 + 1;
	*month = from_march < 10 ? from_march + 3 : from_march - 9;
	*year = year_of_era + (int)era * 400 + (*month <= 2);
}

static void put_digits(char *to, int n, unsigned int value)
{
	while (n--) {
		to[n] = (char)('0' + value % 10);
		value /= 10;
	}
}

void hc_timestamp_format(char ret[static HC_TIMESTAMP_LEN], int64_t unix_ms)
{
	int year, month, day;
	unsigned int ms;
	int64_t days;

	if (unix_ms < UNIX_MS_MIN)
		unix_ms = UNIX_MS_MIN;
	if (unix_ms > UNIX_MS_MAX)
		unix_ms = UNIX_MS_MAX;
	days = (unix_ms >= 0 ? unix_ms : unix_ms - DAY_MS + 1) / DAY_MS;
	ms = (unsigned int)(unix_ms - days * DAY_MS);
	civil_from_days(days, &year, &month, &day);
	memcpy(ret, "0000-00-00T00:00:00.000Z", HC_TIMESTAMP_LEN);
	put_digits(ret, 4, (unsigned int)year);
	put_digits(ret + 5, 2, (unsigned int)month);
	put_digits(ret + 8, 2, (unsigned int)day);
	put_digits(ret + 11, 2, ms / 3600000);
	put_digits(ret + 14, 2, ms / 60000 % 60);
	put_digits(ret + 17, 2, ms / 1000 % 60);
	put_digits(ret + 20, 3, ms % 1000);
}

/* ---- reading: each take_*() consumes the front of @text, or returns false ---------------------
 */

static bool take_digits(struct hc_str *text, int n, int *ret)
{
	int value = 0;

	if (text->len < (size_t)n)
		return false;
	for (int i = 0; i < n; i++) {
		if (text->s[i] < '0' || text->s[i] > '9')
			return false;
		value = value * 10 + (text->s[i] - '0');
	}
	text->s += n;
	text->len -= (size_t)n;
	*ret = value;
	return true;
}

/* One byte out of @set, which becomes *ret if that is wanted. */
static bool take_any(struct hc_str *text, const char *set, char *ret)
{
	if (!text->len || !text->s[0] || !strchr(set, text->s[0]))
		return false;
	if (ret)
		*ret = text->s[0];
	text->s++;
	text->len--;
	return true;
}

static bool take_date(struct hc_str *text, int64_t *ret_days)
{
	static const int lengths[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	int year, month, day, length;

	if (!take_digits(text, 4, &year) || !take_any(text, "-", NULL) ||
	    !take_digits(text, 2, &month) || !take_any(text, "-", NULL) ||
	    !take_digits(text, 2, &day))
		return false;
	if (month < 1 || month > 12)
		return false;
	length = lengths[month - 1];
	if (month == 2 && year % 4 == 0 && (year % 100 || year % 400 == 0))
		length++;
	if (day < 1 || day > length)
		return false;
	*ret_days = days_from_civil(year, month, day);
	return true;
}

/* ".5" is 500, ".0009" is 0; no fraction at all is right as well. */
static bool take_fraction_ms(struct hc_str *text, int *ret)
{
	int ms = 0, scale = 100, digit;

	*ret = 0;
	if (!take_any(text, ".", NULL))
		return true;
	if (!take_digits(text, 1, &digit))
		return false;
	do {
		ms += digit * scale;
		scale /= 10;
	} while (take_digits(text, 1, &digit));
	*ret = ms;
	return true;
}

static bool take_offset_minutes(struct hc_str *text, int *ret)
{
	int hours, minutes;
	char sign;

	if (!take_any(text, "Zz+-", &sign))
		return false;
	*ret = 0;
	if (sign == 'Z' || sign == 'z')
		return true;
	if (!take_digits(text, 2, &hours) || !take_any(text, ":", NULL) ||
	    !take_digits(text, 2, &minutes) || hours > 23 || minutes > 59)
		return false;
	*ret = (hours * 60 + minutes) * (sign == '-' ? -1 : 1);
	return true;
}

bool hc_timestamp_parse(int64_t *ret_unix_ms, struct hc_str text)
{
	int hour, minute, second, ms, offset;
	int64_t days, minutes;

	if (!take_date(&text, &days) || !take_any(&text, "Tt", NULL) ||
	    !take_digits(&text, 2, &hour) || !take_any(&text, ":", NULL) ||
	    !take_digits(&text, 2, &minute) || !take_any(&text, ":", NULL) ||
	    !take_digits(&text, 2, &second) || !take_fraction_ms(&text, &ms) ||
	    !take_offset_minutes(&text, &offset) || text.len)
		return false;
	if (hour > 23 || minute > 59 || second > 60)
		return false;
	minutes = days * 1440 + hour * 60 + minute - offset;
	/* A leap second ends a day of UTC, nothing else (RFC 3339 appendix D). */
	if (second == 60 && ((minutes % 1440) + 1440) % 1440 != 1439)
		return false;
	*ret_unix_ms = (minutes * 60 + second) * 1000 + ms;
	return true;
}
