/* SPDX-License-Identifier: MIT
 *
 * Meetings: appointments, workshops and plans of action.
 */
#include <inttypes.h>

#include "call/check.h"
#include "methods.h"
#include "services/refuse.h"
#include "statements.h"

/* ---- List5AppointmentsByUserID: the next five meetings and workshops of a profile ---- */

static enum next appointments_listed(struct call *call, const struct appointment_row *rows, size_t n)
{
    meeting_package_Appointment *appointments = call_alloc(call, n, sizeof *appointments);
    if (!appointments)
        return call_no_memory(call);
    for (size_t i = 0; i < n; i++)
        appointments[i] = (meeting_package_Appointment){
            .type = rows[i].is_workshop ? meeting_package_AppointmentType_WORKSHOP
                                        : meeting_package_AppointmentType_MEETING,
            .name = rows[i].name,
            .has_start_time = true,
            .start_time = time_from_sql(rows[i].start),
            .duration_minutes = rows[i].duration,
            .skill = rows[i].skill,
            .link = rows[i].link,
        };
    return reply_list5_appointments_by_user_id(
        call, (meeting_package_ListAppointmentsReply){ .appointments = appointments,
                                                       .appointments_count = (pb_size_t)n });
}

enum next meeting_list5_appointments_by_user_id(struct call *call,
                                                const meeting_package_ListAppointmentsRequest *req)
{
    return req->profileType == meeting_package_ProfileType_MENTOR
               ? sql_mentor_appointments(call, req->userid, appointments_listed)
               : sql_mentee_appointments(call, req->userid, appointments_listed);
}

/* ---- ListPlansOfActions: the mentee's open plans of action, by id ---- */

static enum next plans_listed(struct call *call, const struct open_plans_row *rows, size_t n)
{
    meeting_package_PlansOfAction *plans = call_alloc(call, n, sizeof *plans);
    if (!plans)
        return call_no_memory(call);
    for (size_t i = 0; i < n; i++)
        plans[i] = (meeting_package_PlansOfAction){ .id = rows[i].id, .content = rows[i].content };
    return reply_list_plans_of_actions(
        call, (meeting_package_ListPlansOfActionsReply){ .plansOfActions = plans,
                                                         .plansOfActions_count = (pb_size_t)n });
}

enum next meeting_list_plans_of_actions(struct call *call,
                                        const meeting_package_ListPlansOfActionsRequest *req)
{
    return sql_open_plans(call, req->userid, plans_listed);
}

/* ---- TogglePlansOfActionCompletion: completed or not ---- */

static enum next plan_toggled(struct call *call, const struct toggle_plan_row *row)
{
    return reply_toggle_plans_of_action_completion(
        call, (meeting_package_TogglePlansOfActionCompletionReply){ .successful = row != NULL });
}

enum next meeting_toggle_plans_of_action_completion(
    struct call *call, const meeting_package_TogglePlansOfActionCompletionRequest *req)
{
    return sql_toggle_plan(call, req->planid, plan_toggled);
}

/* ---- CreatePlansOfActions ---- */

static enum next plan_created(struct call *call, const struct create_plan_row *row)
{
    if (!row)
        return reply_create_plans_of_actions(
            call, (meeting_package_CreatePlansOfActionsReply){ .successful = false });
    return reply_create_plans_of_actions(call,
                                         (meeting_package_CreatePlansOfActionsReply){
                                             .successful = true,
                                             .has_plansOfAction = true,
                                             .plansOfAction = { .id = row->id, .content = row->content } });
}

enum next meeting_create_plans_of_actions(struct call *call,
                                          const meeting_package_CreatePlansOfActionsRequest *req)
{
    const char *wrong = check_text(call, "plansOfAction", req->plansOfAction, TEXT_MAX);
    if (!wrong)
        return sql_create_plan(call, req->menteeUserId, req->plansOfAction, plan_created);
    check_keep(call, wrong);
    return sql_plan_is_refused(call, req->menteeUserId, refuse);
}

/* ---- shared by ScheduleNewMeeting and ScheduleNewWorkshop ---- */

/* Start and duration are checked first: without them no overlap can be computed. */
static const char *check_span(struct call *call, bool has_start, const google_protobuf_Timestamp *start,
                              int64_t duration)
{
    return check_time(call, "start", has_start, start)
               ?: (duration < 1 ? check_duration(call, "duration", duration) : NULL);
}

/* ---- ScheduleNewMeeting: between a mentee and its mentor ---- */

static enum next meeting_scheduled(struct call *call, const struct schedule_meeting_row *row)
{
    const meeting_package_ScheduleNewMeetingRequest *req = call_request(call);
    switch (row->outcome) {
    case SCHEDULE_MEETING_NO_PROFILE:
        return call_fail(call, STATUS_NOT_FOUND, "menteeUserId: account %" PRId64 " has no mentee profile",
                         req->menteeUserId);
    case SCHEDULE_MEETING_NO_MENTOR:
        return call_fail(call, STATUS_FAILED_PRECONDITION,
                         "menteeUserId: mentee %" PRId64 " has no mentor yet", req->menteeUserId);
    case SCHEDULE_MEETING_DONE:
    case SCHEDULE_MEETING_OVERLAP:
        break;
    }
    return reply_schedule_new_meeting(
        call, (meeting_package_ScheduleNewMeetingReply){ .success = row->outcome == SCHEDULE_MEETING_DONE });
}

enum next meeting_schedule_new_meeting(struct call *call,
                                       const meeting_package_ScheduleNewMeetingRequest *req)
{
    const char *wrong = check_id(call, "menteeUserId", req->menteeUserId)
                            ?: check_span(call, req->has_start, &req->start, req->duration);
    if (wrong)
        return check_failed(call, wrong);
    struct sql_time start = time_to_sql(&req->start);
    wrong = check_duration(call, "duration", req->duration) ?: check_text(call, "link", req->link, TEXT_MAX);
    if (!wrong)
        return sql_schedule_meeting(call, req->menteeUserId, start, req->duration, req->link,
                                    meeting_scheduled);
    check_keep(call, wrong);
    return sql_meeting_overlaps(call, req->menteeUserId, start, req->duration, refuse);
}

/* ---- ScheduleNewWorkshop: for everybody with a skill ---- */

static enum next workshop_scheduled(struct call *call, const struct schedule_workshop_row *row)
{
    switch (row->outcome) {
    case SCHEDULE_WORKSHOP_NO_SKILL:
        return call_fail(call, STATUS_NOT_FOUND, "skill: there is no skill of that name");
    case SCHEDULE_WORKSHOP_DONE:
    case SCHEDULE_WORKSHOP_OVERLAP:
        break;
    }
    return reply_schedule_new_workshop(
        call, (meeting_package_ScheduleNewWorkshopReply){ .status = row->outcome == SCHEDULE_WORKSHOP_DONE });
}

enum next meeting_schedule_new_workshop(struct call *call,
                                        const meeting_package_ScheduleNewWorkshopRequest *req)
{
    const char *wrong = check_span(call, req->has_start, &req->start, req->duration);
    if (wrong)
        return check_failed(call, wrong);
    struct sql_time start = time_to_sql(&req->start);
    int32_t minutes = req->duration < INT32_MAX ? (int32_t)req->duration : INT32_MAX;
    wrong = check_duration(call, "duration", req->duration) ?: check_text(call, "link", req->link, TEXT_MAX)
                ?: check_text(call, "skill", req->skill, TEXT_MAX);
    if (!wrong)
        return sql_schedule_workshop(call, req->skill, start, minutes, req->link, workshop_scheduled);
    check_keep(call, wrong);
    return sql_workshop_overlaps(call, req->skill, start, minutes, refuse);
}
