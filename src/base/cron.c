/* SPDX-License-Identifier: MIT
 *
 * The search first tries one day after the other, then the minutes of the day found. All in UTC, so there are
 * no missing or repeated hours to care about.
 */
#include "base/cron.h"

#include <string.h>
#include <time.h>
#include <uv.h>

#define MINUTE_S 60
#define HOUR_S   3600
#define DAY_S    86400

/* The rarest schedule, 29 February on a certain weekday, recurs after at most 40 years. */
#define SEARCH_DAYS (40 * 366 + 1)

/* ---- reading ---- */

/* Digits at *text, which is moved past them; -1 if there are none or the number is above `max`. */
static int read_number(const char **text, int max)
{
    int number = 0;
    const char *digits = *text;
    while (**text >= '0' && **text <= '9') {
        number = number * 10 + (*(*text)++ - '0');
        if (number > max)
            return -1;
    }
    return *text == digits ? -1 : number;
}

/* Reads one entry of a field's list, up to the next comma or the field's end. */
static int read_entry(const char **text, int min, int max, uint64_t *bits)
{
    int first = min, last = max, step = 1;
    if (**text == '*') {
        (*text)++;
    } else {
        first = last = read_number(text, max);
        if (**text == '-') {
            (*text)++;
            last = read_number(text, max);
        } else if (**text == '/') {
            last = max;
        }
    }
    if (**text == '/') {
        (*text)++;
        step = read_number(text, max);
    }
    if (first < min || last < first || step < 1)
        return UV_EINVAL;
    for (int value = first; value <= last; value += step)
        *bits |= UINT64_C(1) << value;
    return 0;
}

/* Reads the field at *text, which is moved to the next field. */
static int read_field(const char **text, int min, int max, uint64_t *bits)
{
    *bits = 0;
    for (;;) {
        int rc = read_entry(text, min, max, bits);
        if (rc)
            return rc;
        if (**text != ',')
            break;
        (*text)++;
    }
    size_t blanks = strspn(*text, " \t");
    if (!blanks && **text)
        return UV_EINVAL;
    *text += blanks;
    return 0;
}

static bool day_matches(const struct cron *cron, int64_t day)
{
    struct tm tm;
    time_t start = (time_t)(day * DAY_S);
    if (!gmtime_r(&start, &tm) || !(cron->months >> (tm.tm_mon + 1) & 1))
        return false;
    bool day_fits = cron->days >> tm.tm_mday & 1, weekday_fits = cron->weekdays >> tm.tm_wday & 1;
    return cron->either_day ? day_fits || weekday_fits : day_fits && weekday_fits;
}

/* The nearest day that matches, from `day` on in steps of +1 or -1; INT64_MIN: none. */
static int64_t find_day(const struct cron *cron, int64_t day, int step)
{
    for (int i = 0; i < SEARCH_DAYS; i++, day += step)
        if (day_matches(cron, day))
            return day;
    return INT64_MIN;
}

int cron_parse(struct cron *cron, const char *text)
{
    static const struct {
        int min, max;
    } ranges[5] = { { 0, 59 }, { 0, 23 }, { 1, 31 }, { 1, 12 }, { 0, 7 } };
    uint64_t bits[5];
    bool starred[5];
    struct cron parsed = { 0 };
    size_t len = strlen(text);
    if (len >= sizeof parsed.text)
        return UV_EINVAL;
    memcpy(parsed.text, text, len);
    text += strspn(text, " \t");
    for (size_t i = 0; i < 5; i++) {
        starred[i] = *text == '*';
        if (read_field(&text, ranges[i].min, ranges[i].max, &bits[i]))
            return UV_EINVAL;
    }
    parsed.minutes = bits[0];
    parsed.hours = (uint32_t)bits[1];
    parsed.days = (uint32_t)bits[2];
    parsed.months = (uint16_t)bits[3];
    parsed.weekdays = (uint8_t)((bits[4] | bits[4] >> 7) & 0x7f);
    parsed.either_day = !starred[2] && !starred[4];
    if (*text || find_day(&parsed, 0, 1) == INT64_MIN)
        return UV_EINVAL;
    *cron = parsed;
    return 0;
}

/* ---- finding times ---- */

static int64_t floor_to(int64_t value, int64_t unit)
{
    int64_t rest = value % unit;
    return value - (rest < 0 ? rest + unit : rest);
}

/* The nearest matching time at or beyond `from` (a full minute) in the direction of `step`. A day has only
 * 1440 minutes, so they are tried one by one. */
static int64_t find(const struct cron *cron, int64_t from, int step)
{
    int64_t day = floor_to(from, DAY_S) / DAY_S;
    for (int tries = 0;
         tries<2; tries++, day += step, from = step> 0 ? day * DAY_S : (day + 1) * DAY_S - MINUTE_S) {
        int64_t found = find_day(cron, day, step);
        if (found == INT64_MIN)
            return INT64_MIN;
        if (found != day) {
            day = found;
            from = step > 0 ? day * DAY_S : (day + 1) * DAY_S - MINUTE_S;
        }
        for (int64_t at = from; floor_to(at, DAY_S) == day * DAY_S; at += step * MINUTE_S) {
            int64_t second = at - day * DAY_S;
            if ((cron->hours >> (second / HOUR_S) & 1) && (cron->minutes >> (second % HOUR_S / MINUTE_S) & 1))
                return at;
        }
    }
    return INT64_MIN;
}

int64_t cron_next(const struct cron *cron, int64_t after)
{
    return find(cron, floor_to(after, MINUTE_S) + MINUTE_S, 1);
}

int64_t cron_previous(const struct cron *cron, int64_t until)
{
    return find(cron, floor_to(until, MINUTE_S), -1);
}
