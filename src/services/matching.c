/* SPDX-License-Identifier: MIT
 *
 * Matching: the rules that choose a mentor are sql/functions/matching.sql.
 */
#include <inttypes.h>

#include "call/check.h"
#include "methods.h"
#include "statements.h"

static enum next no_mentee_profile(struct call *call, int64_t account_id)
{
    return call_fail(call, STATUS_NOT_FOUND, "menteeUserId: account %" PRId64 " has no mentee profile",
                     account_id);
}

/* ---- TryMatch: gives a mentee without a mentor the best one ---- */

static enum next match_tried(struct call *call, const struct try_match_row *row)
{
    const matching_package_MenteeToMentorMatchingRequest *req = call_request(call);
    switch (row->outcome) {
    case TRY_MATCH_NO_PROFILE:
        return no_mentee_profile(call, req->menteeUserId);
    case TRY_MATCH_ALREADY:
    case TRY_MATCH_NO_MENTOR:
        return reply_try_match(call, (matching_package_MenteeToMentorMatchingReply){ .status = false });
    case TRY_MATCH_MATCHED:
        break;
    }
    return reply_try_match(
        call, (matching_package_MenteeToMentorMatchingReply){
                  .status = true, .mentorUserId = row->mentor_account_id, .mentorName = row->mentor_name });
}

/* The front end calls TryMatch on every view of the dashboard: for a mentee that has a mentor already this
 * costs only one read and no lock. */
static enum next match_state_read(struct call *call, const struct match_state_row *row)
{
    const matching_package_MenteeToMentorMatchingRequest *req = call_request(call);
    if (!row)
        return no_mentee_profile(call, req->menteeUserId);
    if (row->matched)
        return reply_try_match(call, (matching_package_MenteeToMentorMatchingReply){ .status = false });
    return sql_try_match(call, req->menteeUserId, match_tried);
}

enum next matching_try_match(struct call *call, const matching_package_MenteeToMentorMatchingRequest *req)
{
    const char *wrong = check_id(call, "menteeUserId", req->menteeUserId);
    if (wrong)
        return check_failed(call, wrong);
    return sql_match_state(call, req->menteeUserId, match_state_read);
}

/* ---- GetMatchingMentor: the mentee's mentor ---- */

static enum next mentor_found(struct call *call, const struct matching_mentor_row *row)
{
    const matching_package_MenteeToMentorMatchingRequest *req = call_request(call);
    if (!row)
        return no_mentee_profile(call, req->menteeUserId);
    return reply_get_matching_mentor(
        call, (matching_package_MenteeToMentorMatchingReply){ .status = row->has_mentor_account_id,
                                                              .mentorUserId = row->mentor_account_id,
                                                              .mentorName = row->mentor_name });
}

enum next matching_get_matching_mentor(struct call *call,
                                       const matching_package_MenteeToMentorMatchingRequest *req)
{
    return sql_matching_mentor(call, req->menteeUserId, mentor_found);
}

/* ---- GetMenteesByMentorId: the mentor's mentees, oldest assignment first ---- */

static enum next mentees_listed(struct call *call, const struct mentees_of_mentor_row *rows, size_t n)
{
    matching_package_Mentee *mentees = call_alloc(call, n, sizeof *mentees);
    if (!mentees)
        return call_no_memory(call);
    for (size_t i = 0; i < n; i++)
        mentees[i] = (matching_package_Mentee){ .userid = rows[i].account_id, .name = rows[i].name };
    return reply_get_mentees_by_mentor_id(
        call, (matching_package_GetMenteesReply){ .mentees = mentees, .mentees_count = (pb_size_t)n });
}

enum next matching_get_mentees_by_mentor_id(struct call *call, const matching_package_GetMenteesRequest *req)
{
    return sql_mentees_of_mentor(call, req->mentorUserId, mentees_listed);
}
