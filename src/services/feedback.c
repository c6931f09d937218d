/* SPDX-License-Identifier: MIT
 *
 * Feedback: ratings, which become samples for the matching models, and texts.
 */
#include <stdio.h>
#include <stdlib.h>

#include "call/check.h"
#include "methods.h"
#include "services/refuse.h"
#include "statements.h"

static enum next not_assigned(struct call *call)
{
    return call_fail(call, STATUS_NOT_FOUND,
                     "mentorUserId, menteeUserId: they are not assigned to each other");
}

/* Rounds to one decimal as printf does it, from the exact binary value: many decimals that look like ties
 * (2.25 is one, 2.35 is not) have no exact binary form. */
static double round_rating(float rating)
{
    char text[16];
    snprintf(text, sizeof text, "%.1f", (double)rating);
    return strtod(text, NULL);
}

static const char *check_feedback(struct call *call, const feedback_package_AddFeedbackRequest *req)
{
    return check_id(call, "mentorUserId", req->mentorUserId) ?: check_id(call, "menteeUserId", req->menteeUserId)
           ?: check_rating(call, "rating", req->rating);
}

/* ---- AddFeedbackOnMentor: a mentee rates its mentor, once ---- */

static enum next mentor_rated(struct call *call, const struct rating_row *row)
{
    if (row->outcome == RATING_NOT_ASSIGNED)
        return not_assigned(call);
    return reply_add_feedback_on_mentor(
        call, (feedback_package_AddFeedbackReply){ .status = row->outcome == RATING_DONE });
}

enum next feedback_add_feedback_on_mentor(struct call *call, const feedback_package_AddFeedbackRequest *req)
{
    const char *wrong = check_feedback(call, req);
    if (!wrong)
        return sql_add_feedback_on_mentor(call, req->mentorUserId, req->menteeUserId,
                                          round_rating(req->rating), mentor_rated);
    check_keep(call, wrong);
    return sql_rating_is_refused(call, req->mentorUserId, req->menteeUserId, true, refuse);
}

/* ---- AddFeedbackOnMentee: the mentor rates a mentee, once ---- */

static enum next mentee_rated(struct call *call, const struct rating_row *row)
{
    if (row->outcome == RATING_NOT_ASSIGNED)
        return not_assigned(call);
    return reply_add_feedback_on_mentee(
        call, (feedback_package_AddFeedbackReply){ .status = row->outcome == RATING_DONE });
}

enum next feedback_add_feedback_on_mentee(struct call *call, const feedback_package_AddFeedbackRequest *req)
{
    const char *wrong = check_feedback(call, req);
    if (!wrong)
        return sql_add_feedback_on_mentee(call, req->mentorUserId, req->menteeUserId,
                                          round_rating(req->rating), mentee_rated);
    check_keep(call, wrong);
    return sql_rating_is_refused(call, req->mentorUserId, req->menteeUserId, false, refuse);
}

/* ---- AddDevFeedback: feedback about the site, for its developers ---- */

static enum next dev_feedback_added(struct call *call)
{
    return reply_add_dev_feedback(call, (feedback_package_AddFeedbackReply){ .status = true });
}

enum next feedback_add_dev_feedback(struct call *call, const feedback_package_AddDevFeedbackRequest *req)
{
    const char *wrong = check_text(call, "content", req->content, TEXT_MAX);
    if (wrong)
        return check_failed(call, wrong);
    return sql_add_dev_feedback(call, req->content, dev_feedback_added);
}

/* ---- AddProgFeedback: feedback about a mentee's progress ---- */

static enum next prog_feedback_added(struct call *call, const struct add_prog_feedback_row *row)
{
    if (row->outcome == ADD_PROG_FEEDBACK_NOT_ASSIGNED)
        return not_assigned(call);
    return reply_add_prog_feedback(call, (feedback_package_AddFeedbackReply){ .status = true });
}

enum next feedback_add_prog_feedback(struct call *call, const feedback_package_AddProgFeedbackRequest *req)
{
    const char *wrong = check_id(call, "mentorUserId", req->mentorUserId) ?: check_id(call, "menteeUserId", req->menteeUserId)
                        ?: check_text(call, "content", req->content, TEXT_MAX);
    if (wrong)
        return check_failed(call, wrong);
    return sql_add_prog_feedback(call, req->mentorUserId, req->menteeUserId, req->content,
                                 prog_feedback_added);
}
