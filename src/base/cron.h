/* SPDX-License-Identifier: MIT
 *
 * Schedules in cron's notation: five fields, minute hour day month weekday, all in UTC. A field is a list,
 * separated by commas, of
 *
 *   *             every value
 *   N             this value
 *   A-B           the values from A to B
 *   any of these  followed by /S: every S-th of the values, counted from the first; N/S means N-highest/S
 *
 * minute 0-59, hour 0-23, day 1-31, month 1-12, weekday 0-7 (0 and 7 are Sunday). Names (mon, jan), @daily
 * and the like, and seconds are not supported. As in cron, when both day and weekday are restricted (neither
 * begins with *), a day matches if either does. Plain values; any thread.
 */
#ifndef BASE_CRON_H
#define BASE_CRON_H

#include <stdbool.h>
#include <stdint.h>

#define CRON_TEXT_LEN 128

/* Bit n stands for value n. Equal schedules have equal members, except perhaps text. */
struct cron {
    uint64_t minutes;
    uint32_t hours;
    uint32_t days;
    uint16_t months;
    uint8_t weekdays;         /* 0-6 */
    bool either_day;          /* it suffices that day or weekday matches */
    char text[CRON_TEXT_LEN]; /* as it was written */
};

/* Returns 0; or UV_EINVAL for a malformed schedule and one that never comes (31 February), and *cron is
 * unchanged. */
int cron_parse(struct cron *cron, const char *text);

/* The first time after `after`, and the last one not after `until`; seconds since 1970-01-01 00:00 UTC, up to
 * the year 9999. */
int64_t cron_next(const struct cron *cron, int64_t after);
int64_t cron_previous(const struct cron *cron, int64_t until);

#endif
