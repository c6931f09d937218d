/* SPDX-License-Identifier: MIT
 *
 * Checks of the fields of requests that write. Each returns NULL, or says what is wrong in the call's memory;
 * chain them with ?: and answer STATUS_INVALID_ARGUMENT with the first. (That text is UTF-8 without NUL and
 * that enum values are known has been checked before the handler runs.)
 */
#ifndef CALL_CHECK_H
#define CALL_CHECK_H

#include "call/call.h"
#include "google/protobuf/timestamp.pb.h"

#define TEXT_MAX             10000 /* characters */
#define EMAIL_MAX            320   /* characters: 64 before the @, 255 after it (RFC 5321, 4.5.3.1) */
#define DURATION_MAX_MINUTES (7 * 24 * 60)
/* Skills of one profile. Matching keeps a row for each combination of three of a mentor's skills
 * (svcd.offer): 41,664 rows for 64 skills. */
#define SKILLS_MAX 64

/* 1 .. 2^31-1, the range of the tables' serial keys. */
const char *check_id(struct call *call, const char *field, int64_t id);
/* At most max characters; NULL passes. */
const char *check_text(struct call *call, const char *field, const char *text, size_t max);
/* Present and within 0001-01-01 .. 9999-12-31, as google.protobuf.Timestamp says. */
const char *check_time(struct call *call, const char *field, bool present,
                       const google_protobuf_Timestamp *time);
/* At most SKILLS_MAX. */
const char *check_skills(struct call *call, const char *field, size_t n);
/* 1 .. DURATION_MAX_MINUTES. */
const char *check_duration(struct call *call, const char *field, int64_t minutes);
/* 0 .. 5, not NaN. */
const char *check_rating(struct call *call, const char *field, float rating);

/* Answers INVALID_ARGUMENT with what a check found. */
CALL_MUST_USE enum next check_failed(struct call *call, const char *wrong);
/* Some RPCs answer *false* if a row does not exist, even if a field is wrong as well. So a failed check must
 * not be answered at once: this keeps what it said in call->wrong while the database is asked, and the
 * continuation answers false, or else with check_failed. `wrong` NULL: the checks found nothing. */
void check_keep(struct call *call, const char *wrong);

/* The time must have passed check_time; nanoseconds are cut to microseconds. */
struct sql_time time_to_sql(const google_protobuf_Timestamp *time);
google_protobuf_Timestamp time_from_sql(struct sql_time time);
/* The UTC day of a time; it need not have passed check_time. */
struct sql_date time_to_day(const google_protobuf_Timestamp *time);
struct sql_date today(void);

#endif
