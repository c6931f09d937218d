/* SPDX-License-Identifier: MIT */
#include "call/check.h"

#include <inttypes.h>
#include <time.h>

#include "base/text.h"

#define DAY_SECONDS 86400
#define TIME_MIN    INT64_C(-62135596800) /* 0001-01-01T00:00:00Z (timestamp.proto) */
#define TIME_MAX    INT64_C(253402300799) /* 9999-12-31T23:59:59Z */

/* Without memory for the message it is the field's name alone. */
#define wrong(call, field, ...) (call_printf(call, __VA_ARGS__) ?: (field))

const char *check_id(struct call *call, const char *field, int64_t id)
{
    if (id >= 1 && id <= INT32_MAX)
        return NULL;
    return wrong(call, field, "%s: an id is 1 to 2147483647, got %" PRId64, field, id);
}

const char *check_text(struct call *call, const char *field, const char *text, size_t max)
{
    size_t length = text_length(text);
    if (length <= max)
        return NULL;
    return wrong(call, field, "%s: at most %zu characters, got %zu", field, max, length);
}

const char *check_time(struct call *call, const char *field, bool present,
                       const google_protobuf_Timestamp *time)
{
    if (!present)
        return wrong(call, field, "%s: a timestamp is required", field);
    if (time->seconds >= TIME_MIN && time->seconds <= TIME_MAX && time->nanos >= 0 &&
        time->nanos <= 999999999)
        return NULL;
    return wrong(call, field,
                 "%s: a timestamp lies in the years 1 to 9999 with nanos 0 to 999999999, got %" PRId64
                 " s %d ns",
                 field, time->seconds, (int)time->nanos);
}

const char *check_skills(struct call *call, const char *field, size_t n)
{
    if (n <= SKILLS_MAX)
        return NULL;
    return wrong(call, field, "%s: at most %d skills, got %zu", field, SKILLS_MAX, n);
}

const char *check_duration(struct call *call, const char *field, int64_t minutes)
{
    if (minutes >= 1 && minutes <= DURATION_MAX_MINUTES)
        return NULL;
    return wrong(call, field, "%s: 1 to %d minutes, got %" PRId64, field, DURATION_MAX_MINUTES, minutes);
}

const char *check_rating(struct call *call, const char *field, float rating)
{
    if (rating >= 0 && rating <= 5)
        return NULL;
    return wrong(call, field, "%s: a rating is 0 to 5, got %g", field, (double)rating);
}

enum next check_failed(struct call *call, const char *wrong)
{
    return call_fail(call, STATUS_INVALID_ARGUMENT, "%s", wrong);
}

void check_keep(struct call *call, const char *wrong)
{
    call->wrong = wrong;
}

struct sql_time time_to_sql(const google_protobuf_Timestamp *time)
{
    return (struct sql_time){ .us = time->seconds * 1000000 + time->nanos / 1000 };
}

google_protobuf_Timestamp time_from_sql(struct sql_time time)
{
    int64_t seconds = time.us / 1000000, us = time.us % 1000000;
    if (us < 0) { /* before 1970: nanos must count forward nevertheless (timestamp.proto) */
        seconds--;
        us += 1000000;
    }
    return (google_protobuf_Timestamp){ .seconds = seconds, .nanos = (int32_t)us * 1000 };
}

static struct sql_date day_of(int64_t seconds)
{
    int64_t days = seconds / DAY_SECONDS - (seconds % DAY_SECONDS < 0);
    if (days > INT32_MAX)
        days = INT32_MAX;
    if (days < INT32_MIN)
        days = INT32_MIN;
    return (struct sql_date){ .days = (int32_t)days };
}

struct sql_date time_to_day(const google_protobuf_Timestamp *timestamp)
{
    return day_of(timestamp->seconds);
}

struct sql_date today(void)
{
    return day_of(time(NULL));
}
