/* SPDX-License-Identifier: MIT
 *
 * The calendar is computed here, with years that begin in March, so that a leap day is a year's last day:
 * mktime() would look at time zones.
 */
#include "edge/http/json_time.h"

#define DAY          86400
#define SECONDS_MIN  INT64_C(-62135596800) /* 0001-01-01T00:00:00Z */
#define SECONDS_MAX  INT64_C(253402300799) /* 9999-12-31T23:59:59Z */
#define ERA_DAYS     146097                /* days of 400 years */
#define EPOCH_DAYS   719468                /* from 0000-03-01 to 1970-01-01 */
#define NANOS_DIGITS 9

struct date {
    int year, month, day;
};

static int64_t days_from_date(struct date date)
{
    int year = date.year - (date.month <= 2), era = (year >= 0 ? year : year - 399) / 400;
    int of_era = year - era * 400,
        of_year = (153 * (date.month + (date.month > 2 ? -3 : 9)) + 2) / 5 + date.day - 1;
    return (int64_t)era * ERA_DAYS + of_era * 365 + of_era / 4 - of_era / 100 + of_year - EPOCH_DAYS;
}

/* The date of a day within the years 1 to 9999, counted from 1970-01-01. */
static struct date date_from_days(int64_t days)
{
    days += EPOCH_DAYS;
    int era = (int)(days / ERA_DAYS), day = (int)(days % ERA_DAYS);
    int of_era = (day - day / 1460 + day / 36524 - day / 146096) / 365;
    int of_year = day - (365 * of_era + of_era / 4 - of_era / 100), month = (5 * of_year + 2) / 153;
    struct date date = { .day = of_year - (153 * month + 2) / 5 + 1,
                         .month = month < 10 ? month + 3 : month - 9 };
    date.year = of_era + era * 400 + (date.month <= 2);
    return date;
}

static int days_of_month(int year, int month)
{
    static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    return days[month - 1] + (month == 2 && leap);
}

struct cursor {
    const char *at, *end;
};

/* Reads exactly n digits, a number between low and high. */
static bool take_number(struct cursor *c, int n, int low, int high, int *number)
{
    *number = 0;
    if (c->end - c->at < n)
        return false;
    for (; n; n--, c->at++) {
        if (*c->at < '0' || *c->at > '9')
            return false;
        *number = *number * 10 + (*c->at - '0');
    }
    return *number >= low && *number <= high;
}

static bool take(struct cursor *c, char wanted)
{
    bool there = c->at < c->end && *c->at == wanted;
    c->at += there;
    return there;
}

static bool take_fraction(struct cursor *c, int32_t *nanos)
{
    *nanos = 0;
    if (!take(c, '.'))
        return true;
    int n = 0;
    for (; n < NANOS_DIGITS && c->at < c->end && *c->at >= '0' && *c->at <= '9'; n++, c->at++)
        *nanos = *nanos * 10 + (*c->at - '0');
    if (n == 0)
        return false;
    for (; n < NANOS_DIGITS; n++)
        *nanos *= 10;
    return true;
}

/* Reads Z or an offset: by how many seconds the text's clock is ahead of UTC. */
static bool take_offset(struct cursor *c, int *seconds)
{
    int hours, minutes;
    *seconds = 0;
    if (take(c, 'Z'))
        return true;
    bool ahead = take(c, '+');
    if (!ahead && !take(c, '-'))
        return false;
    if (!take_number(c, 2, 0, 23, &hours) || !take(c, ':') || !take_number(c, 2, 0, 59, &minutes))
        return false;
    *seconds = (hours * 60 + minutes) * (ahead ? 60 : -60);
    return true;
}

bool json_time_parse(const char *text, size_t len, int64_t *seconds, int32_t *nanos)
{
    struct cursor c = { text, text + len };
    struct date date;
    int hour, minute, second, offset;
    if (!take_number(&c, 4, 0, 9999, &date.year) || !take(&c, '-') ||
        !take_number(&c, 2, 1, 12, &date.month) || !take(&c, '-') ||
        !take_number(&c, 2, 1, days_of_month(date.year, date.month), &date.day))
        return false;
    if (!take(&c, 'T') || !take_number(&c, 2, 0, 23, &hour) || !take(&c, ':') ||
        !take_number(&c, 2, 0, 59, &minute) || !take(&c, ':') || !take_number(&c, 2, 0, 59, &second))
        return false;
    if (!take_fraction(&c, nanos) || !take_offset(&c, &offset) || c.at != c.end)
        return false;
    *seconds = days_from_date(date) * DAY + hour * 3600 + minute * 60 + second - offset;
    return *seconds >= SECONDS_MIN && *seconds <= SECONDS_MAX;
}

static char *put_digits(char *at, int number, int n)
{
    for (int i = n; i > 0; number /= 10)
        at[--i] = (char)('0' + number % 10);
    return at + n;
}

/* Writes a number of n digits and the character that follows it. */
static char *put_part(char *at, int number, int n, char mark)
{
    at = put_digits(at, number, n);
    *at = mark;
    return at + 1;
}

size_t json_time_print(int64_t seconds, int32_t nanos, char text[static JSON_TIME_SIZE])
{
    if (seconds < SECONDS_MIN || seconds > SECONDS_MAX || nanos < 0 || nanos > 999999999)
        return 0;
    int64_t days = seconds / DAY - (seconds % DAY < 0);
    int of_day = (int)(seconds - days * DAY);
    struct date date = date_from_days(days);
    char *at = put_part(text, date.year, 4, '-');
    at = put_part(at, date.month, 2, '-');
    at = put_part(at, date.day, 2, 'T');
    at = put_part(at, of_day / 3600, 2, ':');
    at = put_part(at, of_day / 60 % 60, 2, ':');
    at = put_part(at, of_day % 60, 2, nanos ? '.' : 'Z');
    if (nanos) {
        int digits = nanos % 1000000 == 0 ? 3 : nanos % 1000 == 0 ? 6 : 9;
        put_digits(at, nanos, NANOS_DIGITS);
        at[digits] = 'Z';
        at += digits + 1;
    }
    *at = '\0';
    return (size_t)(at - text);
}
