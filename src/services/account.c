/* SPDX-License-Identifier: MIT
 *
 * Accounts: logging in, registering, profiles and their notifications.
 */
#include <inttypes.h>
#include <string.h>
#include <uv.h>

#include "base/text.h"
#include "call/check.h"
#include "call/delay.h"
#include "call/hashing.h"
#include "call/origin.h"
#include "call/sql.h"
#include "login/hash_pool.h"
#include "login/throttle.h"
#include "methods.h"
#include "observe/log.h"
#include "services/refuse.h"
#include "statements.h"

#define PASSWORD_MIN_CHARACTERS 6
#define FLOOR_STEP_NS           10000000 /* failed logins are answered at such steps; see login_failed() */

/* ---- attempts: shared by TryLogin and RegisterUser ---- */

/* One attempt with a password, from the throttle's admission to the end of its call. */
struct attempt {
    struct throttle_ticket ticket;
    struct hashing hashing;
    int64_t account_id; /* of the e-mail, if it has one */
    struct sql_bytes stored;
};

static int64_t now_us(void)
{
    return (int64_t)(uv_hrtime() / 1000);
}

/* An attempt whose hash was never begun is not charged to its client; one whose hash was begun is, even if
 * the client left before the answer. */
static void attempt_over(struct call *call)
{
    const struct attempt *attempt = call->locals;
    if (attempt->hashing.job.started_ns == 0)
        throttle_untried(call->context->throttle, &attempt->ticket);
}

static void attempt_succeeded(struct call *call)
{
    const struct attempt *attempt = call->locals;
    throttle_succeeded(call->context->throttle, now_us(), &attempt->ticket);
}

/* Asks the throttle. Returns 0, and call->locals is the attempt; or the milliseconds after which to retry; or
 * UV_ENOMEM; or UV_ENOBUFS: too many passwords wait. email NULL: only the client's address is charged. */
static int attempt_begin(struct call *call, const char *email)
{
    struct ip client;
    struct attempt *attempt = call_alloc(call, 1, sizeof *attempt);
    if (!attempt)
        return UV_ENOMEM;
    int wait_ms = throttle_admit(call->context->throttle, now_us(), email,
                                 call_client(call, &client) ? &client : NULL, &attempt->ticket);
    if (wait_ms)
        return wait_ms;
    attempt->hashing.job.client = throttle_client(&attempt->ticket);
    call->locals = attempt;
    call->at_end = attempt_over;
    return password_is_refused(call, &attempt->hashing) ? UV_ENOBUFS : 0;
}

/* etc/fail2ban reads these lines, so their rate limit is high; the throttle keeps one client's few. */
static void tell_client(struct call *call, const char *what, int64_t account_id)
{
    static struct log_site site = { .max = 1000 };
    struct ip client;
    char text[ADDRESS_TEXT_LEN];
    bool is_known = call_client(call, &client);
    if (is_known)
        ip_format(&client, text);
    if (log_wants(LOG_LEVEL_INFO))
        log_write(&site, LOG_LEVEL_INFO, what,
                  LOG_FIELDS(log_str("client", is_known ? text : "unknown"), call_log_ids(call),
                             account_id ? log_int("account", account_id) : (struct log_field){ 0 }));
}

static enum next attempt_refused(struct call *call, int wait_ms)
{
    if (wait_ms == UV_ENOBUFS)
        return password_refuse(call);
    if (wait_ms < 0)
        return call_no_memory(call);
    tell_client(call, "login refused", 0);
    return call_push_back(call, STATUS_RESOURCE_EXHAUSTED, (unsigned)wait_ms,
                          "too many failed attempts; try again later");
}

/* ---- TryLogin ----
 *
 * All failures must look alike, in their bytes and in their timing: an unknown e-mail costs a hash too, and
 * no failure is answered before the slowest scheme's hash would be done. */

/* Delays a failure until password.failure_floor_ms of hashing time have passed since the hash began. The
 * floor is in hashing time: pauses that hash workers make for a busy loop do not count. It is checked only at
 * fixed steps after the hash's beginning, so that the answer's time does not show when the hash was done. */
static enum next login_failed(struct call *call)
{
    const struct hash_job *job = &((const struct attempt *)call->locals)->hashing.job;
    int64_t floor_ns = call->context->config->password.failure_floor_ms * INT64_C(1000000);
    int64_t missing_ns = floor_ns - hash_pool_computed_ns(call->context->hash_pool, job);
    if (missing_ns > 0) { /* at least this much more must pass */
        uint64_t from_ns = job->started_ns + (uint64_t)floor_ns, at_ns = uv_hrtime() + (uint64_t)missing_ns;
        uint64_t n_steps = at_ns > from_ns ? (at_ns - from_ns - 1) / FLOOR_STEP_NS + 1 : 0;
        return call_delay(call, from_ns + n_steps * FLOOR_STEP_NS, login_failed);
    }
    tell_client(call, "login failed", ((const struct attempt *)call->locals)->account_id);
    return reply_try_login(call, (account_package_AuthenticateReply){ .status = false });
}

static enum next login_granted(struct call *call)
{
    const struct attempt *attempt = call->locals;
    return reply_try_login(call, (account_package_AuthenticateReply){
                                     .status = true, .has_id = true, .id = attempt->account_id });
}

/* The row does not matter: if the hash was not replaced, somebody has changed the password meanwhile. */
static enum next login_renewed(struct call *call, const struct renew_password_hash_row *row)
{
    (void)row;
    return login_granted(call);
}

static enum next login_not_renewed(struct call *call)
{
    const struct attempt *attempt = call->locals;
    log_warn("an outdated password hash could not be renewed", log_int("account", attempt->account_id));
    return login_granted(call);
}

static enum next login_checked(struct call *call, const struct hash_job *done)
{
    const struct attempt *attempt = call->locals;
    if (done->verdict == PASSWORD_UNUSABLE)
        log_warn("stored password hash is unusable", log_int("account", attempt->account_id));
    if (done->verdict != PASSWORD_MATCHES)
        return login_failed(call);
    attempt_succeeded(call);
    if (!done->made[0])
        return login_granted(call);
    struct sql_bytes renewed = { .data = (const uint8_t *)done->made, .len = strlen(done->made) };
    sql_may_fail(call, login_not_renewed);
    return sql_renew_password_hash(call, attempt->account_id, attempt->stored, renewed, login_renewed);
}

static enum next credentials_read(struct call *call, const struct login_credentials_row *row)
{
    const account_package_AuthenticateRequest *req = call_request(call);
    struct attempt *attempt = call->locals;
    if (row) {
        attempt->account_id = row->account_id;
        attempt->stored =
            row->password_hash.data ? row->password_hash : (struct sql_bytes){ .data = (const uint8_t *)"" };
    }
    return password_check(call, &attempt->hashing, req->password, attempt->stored, login_checked);
}

enum next account_try_login(struct call *call, const account_package_AuthenticateRequest *req)
{
    const char *email = req->username ? req->username : "";
    int wait_ms = attempt_begin(call, email);
    if (wait_ms)
        return attempt_refused(call, wait_ms);
    return sql_login_credentials(call, email, credentials_read);
}

/* ---- ListBusinessAreas, ListSkills: the reference data, by id ---- */

static enum next areas_listed(struct call *call, const struct list_business_areas_row *rows, size_t n)
{
    account_package_BusinessArea *areas = call_alloc(call, n, sizeof *areas);
    if (!areas)
        return call_no_memory(call);
    for (size_t i = 0; i < n; i++)
        areas[i] = (account_package_BusinessArea){ .id = rows[i].id, .name = rows[i].name };
    return reply_list_business_areas(call, (account_package_ListBusinessAreasReply){
                                               .businessAreas = areas, .businessAreas_count = (pb_size_t)n });
}

enum next account_list_business_areas(struct call *call, const google_protobuf_Empty *req)
{
    (void)req;
    return sql_list_business_areas(call, areas_listed);
}

static enum next skills_listed(struct call *call, const struct list_skills_row *rows, size_t n)
{
    account_package_Skill *skills = call_alloc(call, n, sizeof *skills);
    if (!skills)
        return call_no_memory(call);
    for (size_t i = 0; i < n; i++)
        skills[i] = (account_package_Skill){ .id = rows[i].id, .name = rows[i].name };
    return reply_list_skills(
        call, (account_package_ListSkillsReply){ .skills = skills, .skills_count = (pb_size_t)n });
}

enum next account_list_skills(struct call *call, const google_protobuf_Empty *req)
{
    (void)req;
    return sql_list_skills(call, skills_listed);
}

/* ---- RegisterUser ---- */

static enum next user_registered(struct call *call, const struct register_user_row *row)
{
    if (row->has_account_id)
        attempt_succeeded(call);
    return reply_register_user(call,
                               (account_package_RegistrationReply){ .status = row->has_account_id,
                                                                    .has_accountId = row->has_account_id,
                                                                    .accountId = row->account_id });
}

/* Only now the database is asked whether the e-mail is taken, so that finding out costs the client a hash. */
static enum next registration_hashed(struct call *call, const struct hash_job *done)
{
    const account_package_RegistrationRequest *req = call_request(call);
    struct sql_bytes hash = { .data = (const uint8_t *)done->made, .len = strlen(done->made) };
    return sql_register_user(call, req->name, req->email, hash, time_to_day(&req->dateOfBirth),
                             req->businessAreaId, user_registered);
}

static bool is_empty(const char *text)
{
    return !text || !*text;
}

/* Requests that are answered with the reply's false status, which takes precedence over INVALID_ARGUMENT. A
 * taken e-mail and a missing business area are answered so, too, but only the database knows those. */
static bool registration_is_refused(const account_package_RegistrationRequest *req)
{
    return text_length(req->password) < PASSWORD_MIN_CHARACTERS || is_empty(req->name) ||
           is_empty(req->email) || req->businessAreaId <= 0 ||
           (req->has_dateOfBirth && time_to_day(&req->dateOfBirth).days > today().days);
}

enum next account_register_user(struct call *call, const account_package_RegistrationRequest *req)
{
    if (registration_is_refused(req))
        return reply_register_user(call, (account_package_RegistrationReply){ .status = false });
    const char *wrong = check_text(call, "name", req->name, TEXT_MAX)
                        ?: check_text(call, "email", req->email, EMAIL_MAX)
                        ?: check_time(call, "dateOfBirth", req->has_dateOfBirth, &req->dateOfBirth)
                        ?: password_problem(hash_pool_policy(call->context->hash_pool), req->password,
                                            strlen(req->password));
    int wait_ms = attempt_begin(call, NULL);
    if (wait_ms)
        return attempt_refused(call, wait_ms);
    struct attempt *attempt = call->locals;
    if (!wrong)
        return password_hash(call, &attempt->hashing, req->password, registration_hashed);
    /* Charged although no hash is computed, since the answer tells whether the e-mail is taken. */
    call->at_end = NULL;
    check_keep(call, wrong);
    return sql_registration_is_refused(call, req->email, req->businessAreaId, refuse);
}

/* ---- AccountProfiles ---- */

static enum next profiles_read(struct call *call, const struct account_profiles_row *row)
{
    return reply_account_profiles(
        call, (account_package_ProfilesReply){ .isMentor = row->is_mentor, .isMentee = row->is_mentee });
}

enum next account_account_profiles(struct call *call, const account_package_ProfilesRequest *req)
{
    return sql_account_profiles(call, req->userid, profiles_read);
}

/* ---- GetNotifications: all messages of a profile, oldest first ---- */

static enum next notifications_read(struct call *call, const struct notification_row *rows, size_t n)
{
    char **messages = call_alloc(call, n, sizeof *messages);
    if (!messages)
        return call_no_memory(call);
    for (size_t i = 0; i < n; i++)
        messages[i] = rows[i].message;
    return reply_get_notifications(
        call, (account_package_NotificationsReply){ .desiredNotifications = messages,
                                                    .desiredNotifications_count = (pb_size_t)n });
}

enum next account_get_notifications(struct call *call, const account_package_NotificationsRequest *req)
{
    return req->targetProfileType == account_package_ProfileType_MENTOR
               ? sql_mentor_notifications(call, req->userid, notifications_read)
               : sql_mentee_notifications(call, req->userid, notifications_read);
}

/* ---- RegisterMentee, RegisterMentor: a profile with its skills ---- */

static const char *check_signup(struct call *call, const account_package_ProfileSignupRequest *req)
{
    const char *wrong = check_id(call, "userid", req->userid)
                            ?: check_skills(call, "desiredSkills", req->desiredSkills_count);
    for (size_t i = 0; i < req->desiredSkills_count && !wrong; i++)
        wrong = check_text(call, "desiredSkills", req->desiredSkills[i], TEXT_MAX);
    return wrong;
}

static struct sql_texts signup_skills(const account_package_ProfileSignupRequest *req)
{
    return (struct sql_texts){ .texts = req->desiredSkills, .n = req->desiredSkills_count };
}

/* Says what is missing (account, skill, ...); NULL: nothing. */
static const char *signup_missing(struct call *call, const struct signup_row *row)
{
    const account_package_ProfileSignupRequest *req = call_request(call);
    switch (row->outcome) {
    case SIGNUP_NO_ACCOUNT:
        return call_printf(call, "userid: there is no account %" PRId64, req->userid) ?: "userid";
    case SIGNUP_NO_SKILL:
        return call_printf(call, "desiredSkills: there is no skill %s", call_quote(call, row->detail))
                   ?: "desiredSkills";
    case SIGNUP_DONE:
    case SIGNUP_ALREADY:
        break;
    }
    return NULL;
}

static enum next mentee_registered(struct call *call, const struct signup_row *row)
{
    const char *missing = signup_missing(call, row);
    if (missing)
        return call_fail(call, STATUS_NOT_FOUND, "%s", missing);
    return reply_register_mentee(
        call, (account_package_ProfileSignupReply){ .status = row->outcome == SIGNUP_DONE });
}

enum next account_register_mentee(struct call *call, const account_package_ProfileSignupRequest *req)
{
    const char *wrong = check_signup(call, req);
    if (!wrong)
        return sql_register_mentee(call, req->userid, signup_skills(req), mentee_registered);
    check_keep(call, wrong);
    return sql_signup_is_refused(call, req->userid, false, refuse);
}

static enum next mentor_registered(struct call *call, const struct signup_row *row)
{
    const char *missing = signup_missing(call, row);
    if (missing)
        return call_fail(call, STATUS_NOT_FOUND, "%s", missing);
    return reply_register_mentor(
        call, (account_package_ProfileSignupReply){ .status = row->outcome == SIGNUP_DONE });
}

enum next account_register_mentor(struct call *call, const account_package_ProfileSignupRequest *req)
{
    const char *wrong = check_signup(call, req);
    if (!wrong)
        return sql_register_mentor(call, req->userid, signup_skills(req), mentor_registered);
    check_keep(call, wrong);
    return sql_signup_is_refused(call, req->userid, true, refuse);
}

/* ---- UpdateProfileDetails: e-mail, business area and skills, all or nothing ---- */

static enum next profile_updated(struct call *call, const struct update_profile_row *row)
{
    return reply_update_profile_details(
        call, (account_package_UpdateProfileDetailsResponse){ .success = row->success });
}

enum next account_update_profile_details(struct call *call,
                                         const account_package_UpdateProfileDetailsRequest *req)
{
    const char *wrong = check_text(call, "newEmail", req->newEmail, EMAIL_MAX)
                            ?: check_skills(call, "skills", req->skills_count);
    bool is_mentor = req->profileType == account_package_ProfileType_MENTOR;
    const int64_t *new_area = req->has_newBSId ? &req->newBSId : NULL;
    struct sql_ids skills = { .ids = req->skills, .n = req->skills_count };
    if (!wrong)
        return sql_update_profile(call, req->userid, is_mentor, req->newEmail, new_area, skills,
                                  profile_updated);
    check_keep(call, wrong);
    return sql_update_is_refused(call, req->userid, is_mentor, req->newEmail, new_area, skills, refuse);
}
