/* SPDX-License-Identifier: MIT
 *
 * A write that comes again with its idempotency-key acts once, and is answered as it was the first time.
 */
#include "harness.h"
#include "jobs_kit.h"

#include <libpq-fe.h>
#include <stdio.h>
#include <string.h>

#include "call/once.h"

#define MENTOR account_package_ProfileType_MENTOR

static struct sent *send_plan(const char *key, int64_t mentee, char *content)
{
    rpc_set_key(key);
    return rpc_send(RPC_CREATE_PLANS_OF_ACTIONS, &(meeting_package_CreatePlansOfActionsRequest){
                                                     .menteeUserId = mentee, .plansOfAction = content });
}

static int64_t plan_id(const struct sent *sent)
{
    ck_assert_msg(sent->status == STATUS_OK, "status %d: %s", sent->status, sent->message);
    return ((const meeting_package_CreatePlansOfActionsReply *)sent->reply)->plansOfAction.id;
}

static int64_t create_plan(const char *key, int64_t mentee, char *content)
{
    struct sent *sent = send_plan(key, mentee, content);
    rpc_wait(sent);
    return plan_id(sent);
}

static const struct sent *is_answered_the_same(const char *path, const pb_msgdesc_t *request_fields,
                                               const pb_msgdesc_t *reply_fields, size_t reply_size,
                                               const void *request, const struct sent *first)
{
    const char *before = db_state();
    struct sent *again = rpc_send(path, request_fields, reply_fields, reply_size, request);
    rpc_wait(again);
    ck_assert_msg(again->status == STATUS_OK, "status %d: %s", again->status, again->message);
    ck_assert_uint_eq(again->len, first->len);
    ck_assert_int_eq(memcmp(again->bytes, first->bytes, first->len), 0);
    ck_assert_str_eq(before, db_state());
    return again;
}

static struct sent *first(const char *path, const pb_msgdesc_t *request_fields,
                          const pb_msgdesc_t *reply_fields, size_t reply_size, const void *request)
{
    struct sent *sent = rpc_send(path, request_fields, reply_fields, reply_size, request);
    rpc_wait(sent);
    ck_assert_msg(sent->status == STATUS_OK, "%s: status %d: %s", path, sent->status, sent->message);
    return sent;
}

static long n_kept(void)
{
    return db_int("SELECT count(*) FROM kept_answer");
}

/* ---- answers ---- */

START_TEST(a_write_that_comes_again_acts_once)
{
    int mentee = make_mentee(make_area("Here"), "");
    int64_t id = create_plan("k", mentee, "run");
    ck_assert_int_eq(create_plan("k", mentee, "run"), id);
    ck_assert_int_eq(create_plan("k", mentee, "run"), id);
    ck_assert_int_eq(db_int("SELECT count(*) FROM milestone"), 1);
    ck_assert_int_ne(create_plan("another", mentee, "run"), id);
    ck_assert_int_ne(create_plan(NULL, mentee, "run"), id);
}
END_TEST

START_TEST(without_a_key_nothing_is_kept)
{
    create_plan(NULL, make_mentee(make_area("Here"), ""), "run");
    ck_assert_int_eq(n_kept(), 0);
}
END_TEST

START_TEST(a_false_is_kept_though_it_would_be_true_now)
{
    meeting_package_TogglePlansOfActionCompletionRequest no_plan = { .planid = 4711 };
    rpc_set_key("k");
    struct sent *sent = first(RPC_TOGGLE_PLANS_OF_ACTION_COMPLETION, &no_plan);
    ck_assert(!((meeting_package_TogglePlansOfActionCompletionReply *)sent->reply)->successful);
    int mentee = make_mentee(make_area("Here"), "");
    db_run("INSERT INTO milestone (milestoneid, menteeid, content, completed) SELECT 4711, menteeid, 'x', "
           "false FROM mentee WHERE accountid = %d",
           mentee);
    is_answered_the_same(RPC_TOGGLE_PLANS_OF_ACTION_COMPLETION, &no_plan, sent);
    rpc_set_key("new");
    ck_assert(((meeting_package_TogglePlansOfActionCompletionReply *)first(
                   RPC_TOGGLE_PLANS_OF_ACTION_COMPLETION, &no_plan)
                   ->reply)
                  ->successful);
}
END_TEST

START_TEST(a_false_that_only_a_read_led_to_is_kept)
{
    int mentor = make_mentor(make_area("There"), ""), mentee = make_mentee(make_area("Here"), "");
    matching_package_MenteeToMentorMatchingRequest of_mentee = { .menteeUserId = mentee };
    make_assignment(mentor, mentee);
    rpc_set_key("k");
    struct sent *sent = first(RPC_TRY_MATCH, &of_mentee);
    ck_assert(!((matching_package_MenteeToMentorMatchingReply *)sent->reply)->status);
    db_run("DELETE FROM assignment");
    is_answered_the_same(RPC_TRY_MATCH, &of_mentee, sent);
    rpc_set_key("new");
    ck_assert(
        ((matching_package_MenteeToMentorMatchingReply *)first(RPC_TRY_MATCH, &of_mentee)->reply)->status);
}
END_TEST

START_TEST(a_false_that_precedes_what_is_wrong_with_a_request_is_kept)
{
    int mentor = make_mentor(make_area("Here"), "");
    meeting_package_CreatePlansOfActionsRequest too_long = { .menteeUserId = mentor,
                                                             .plansOfAction = text_of(10001, "x") };
    rpc_set_key("k");
    struct sent *sent = first(RPC_CREATE_PLANS_OF_ACTIONS, &too_long);
    db_run("INSERT INTO mentee (accountid) VALUES (%d)", mentor);
    is_answered_the_same(RPC_CREATE_PLANS_OF_ACTIONS, &too_long, sent);
}
END_TEST

START_TEST(what_a_write_read_before_is_as_it_was)
{
    int mentor = make_mentor(make_area("There"), ""), mentee = make_mentee(make_area("Here"), "");
    matching_package_MenteeToMentorMatchingRequest of_mentee = { .menteeUserId = mentee };
    rpc_set_key("k");
    struct sent *sent = first(RPC_TRY_MATCH, &of_mentee);
    const matching_package_MenteeToMentorMatchingReply *reply = sent->reply;
    ck_assert(reply->status);
    ck_assert_int_eq(reply->mentorUserId, mentor);
    is_answered_the_same(RPC_TRY_MATCH, &of_mentee, sent);
    db_run("DELETE FROM assignment");
    is_answered_the_same(RPC_TRY_MATCH, &of_mentee, sent);
}
END_TEST

START_TEST(errors_are_not_kept)
{
    int mentor = make_mentor(make_area("There"), ""), mentee = make_mentee(make_area("Here"), "");
    meeting_package_ScheduleNewMeetingRequest meeting = { .menteeUserId = mentee,
                                                          .has_start = true,
                                                          .start = { .seconds = 4102444800 },
                                                          .duration = 60,
                                                          .link = "x" };
    rpc_set_key("k");
    for (int i = 0; i < 2; i++) {
        rpc_fails(STATUS_FAILED_PRECONDITION, "has no mentor", RPC_SCHEDULE_NEW_MEETING, &meeting);
        ck_assert_int_eq(n_kept(), 0);
    }
    make_assignment(mentor, mentee);
    struct sent *sent = first(RPC_SCHEDULE_NEW_MEETING, &meeting);
    ck_assert(((meeting_package_ScheduleNewMeetingReply *)sent->reply)->success);
    is_answered_the_same(RPC_SCHEDULE_NEW_MEETING, &meeting, sent);
    ck_assert_int_eq(db_int("SELECT count(*) FROM meeting"), 1);
}
END_TEST

/* As if svcd had died before it could. */
START_TEST(an_error_that_could_not_be_forgotten_is_acted_on)
{
    int mentor = make_mentor(make_area("There"), ""), mentee = make_mentee(make_area("Here"), "");
    feedback_package_AddProgFeedbackRequest feedback = { .mentorUserId = mentor,
                                                         .menteeUserId = mentee,
                                                         .content = "good" };
    db_run("CREATE FUNCTION test.stay() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
           "RETURN NULL; END $$;"
           "CREATE TRIGGER stays BEFORE DELETE ON kept_answer FOR EACH ROW EXECUTE FUNCTION test.stay()");
    rpc_set_key("k");
    struct sent *sent = rpc_send(RPC_ADD_PROG_FEEDBACK, &feedback);
    rpc_wait(sent);
    ck_assert_int_eq(sent->status, STATUS_NOT_FOUND);
    db_run("DROP TRIGGER stays ON kept_answer");
    ck_assert_int_eq(n_kept(), 1);
    make_assignment(mentor, mentee);
    sent = first(RPC_ADD_PROG_FEEDBACK, &feedback);
    is_answered_the_same(RPC_ADD_PROG_FEEDBACK, &feedback, sent);
    ck_assert_int_eq(db_int("SELECT count(*) FROM developmentfeedback"), 1);
}
END_TEST

START_TEST(a_day_later_a_key_is_new)
{
    int mentee = make_mentee(make_area("Here"), "");
    int64_t id = create_plan("k", mentee, "run");
    db_run("UPDATE kept_answer SET at = now() - interval '23 hours 59 minutes'");
    ck_assert_int_eq(create_plan("k", mentee, "run"), id);
    db_run("UPDATE kept_answer SET at = now() - interval '24 hours 1 second'");
    int64_t later = create_plan("k", mentee, "another");
    ck_assert_int_ne(later, id);
    ck_assert_int_eq(create_plan("k", mentee, "another"), later);
    ck_assert_int_eq(n_kept(), 1);
}
END_TEST

/* ---- requests ---- */

START_TEST(a_key_with_another_request_is_refused)
{
    int mentee = make_mentee(make_area("Here"), "");
    create_plan("k", mentee, "run");
    rpc_fails(
        STATUS_INVALID_ARGUMENT, "idempotency-key", RPC_CREATE_PLANS_OF_ACTIONS,
        &(meeting_package_CreatePlansOfActionsRequest){ .menteeUserId = mentee, .plansOfAction = "walk" });
    rpc_fails(STATUS_INVALID_ARGUMENT, "idempotency-key", RPC_CREATE_PLANS_OF_ACTIONS,
              &(meeting_package_CreatePlansOfActionsRequest){ .menteeUserId = mentee });
}
END_TEST

START_TEST(methods_do_not_share_keys)
{
    int account = make_account(make_area("Here"));
    account_package_ProfileSignupRequest signup = { .userid = account };
    rpc_set_key("k");
    ck_assert(((account_package_ProfileSignupReply *)first(RPC_REGISTER_MENTEE, &signup)->reply)->status);
    ck_assert(((account_package_ProfileSignupReply *)first(RPC_REGISTER_MENTOR, &signup)->reply)->status);
    ck_assert(((account_package_ProfileSignupReply *)first(RPC_REGISTER_MENTEE, &signup)->reply)->status);
    ck_assert_int_eq(db_int("SELECT count(*) FROM mentee"), 1);
}
END_TEST

/* With what is at its default, in another order, twice, or with fields that svcd does not know. */
START_TEST(how_a_request_is_written_does_not_matter)
{
    int mentor = make_mentor(make_area("There"), ""), mentee = make_mentee(make_area("Here"), "");
    make_assignment(mentor, mentee);
    ck_assert(mentor == 1001 && mentee == 1002); /* e9 07, ea 07 */
    char plain[] = "\x08\xe9\x07\x10\xea\x07\x1a\x00", order[] = "\x1a\x00\x10\xea\x07\x08\xe9\x07",
         left_out[] = "\x08\xe9\x07\x10\xea\x07", twice[] = "\x08\x07\x10\xea\x07\x08\xe9\x07",
         unknown[] = "\x08\xe9\x07\x10\xea\x07\x78\x05";
    struct {
        char *bytes;
        size_t len;
    } ways[] = { { plain, sizeof plain - 1 },
                 { order, sizeof order - 1 },
                 { left_out, sizeof left_out - 1 },
                 { twice, sizeof twice - 1 },
                 { unknown, sizeof unknown - 1 } };
    rpc_set_key("k");
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        struct sent *sent = rpc_send_bytes(RPC_ADD_PROG_FEEDBACK, ways[i].bytes, ways[i].len, 0);
        rpc_wait(sent);
        ck_assert_msg(sent->status == STATUS_OK, "way %zu: status %d: %s", i, sent->status, sent->message);
    }
    ck_assert_int_eq(db_int("SELECT count(*) FROM developmentfeedback"), 1);
}
END_TEST

START_TEST(optional_text_that_is_empty_is_another_request_than_none)
{
    int mentee = make_mentee(make_area("Here"), "");
    account_package_UpdateProfileDetailsRequest update = { .userid = mentee };
    rpc_set_key("k");
    first(RPC_UPDATE_PROFILE_DETAILS, &update);
    update.newEmail = "";
    rpc_fails(STATUS_INVALID_ARGUMENT, "idempotency-key", RPC_UPDATE_PROFILE_DETAILS, &update);
}
END_TEST

START_TEST(a_key_has_1_to_128_printable_characters)
{
    int mentee = make_mentee(make_area("Here"), "");
    meeting_package_CreatePlansOfActionsRequest plan = { .menteeUserId = mentee, .plansOfAction = "run" };
    const char *wrong[] = { "", " ", text_of(IDEMPOTENCY_KEY_MAX + 1, "k"), "a\tb", "a\x7f", "é", "\x80" };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        rpc_set_key(wrong[i]);
        rpc_fails(STATUS_INVALID_ARGUMENT, "idempotency-key", RPC_CREATE_PLANS_OF_ACTIONS, &plan);
        rpc_ok(RPC_ACCOUNT_PROFILES, &(account_package_ProfilesRequest){ .userid = mentee });
    }
    const char *right[] = { "a", text_of(IDEMPOTENCY_KEY_MAX, "~"), "a,b", "\"%s\\n'" };
    for (size_t i = 0; i < sizeof right / sizeof *right; i++)
        ck_assert_int_eq(create_plan(right[i], mentee, "run"), create_plan(right[i], mentee, "run"));
    ck_assert_int_eq(db_int("SELECT count(*) FROM milestone"), 4);
}
END_TEST

START_TEST(blanks_around_a_key_do_not_count)
{
    int mentee = make_mentee(make_area("Here"), "");
    int64_t plan = create_plan("one key", mentee, "run");
    const char *same[] = { " one key", "one key ", "   one key   " };
    for (size_t i = 0; i < sizeof same / sizeof *same; i++)
        ck_assert_int_eq(create_plan(same[i], mentee, "run"), plan);
    ck_assert_int_ne(create_plan("one  key", mentee, "run"), plan);
}
END_TEST

START_TEST(reads_take_no_notice_of_a_key)
{
    int area = make_area("Here"), account = make_account(area);
    rpc_set_key("k");
    const account_package_ProfilesReply *reply =
        rpc_ok(RPC_ACCOUNT_PROFILES, &(account_package_ProfilesRequest){ .userid = account });
    ck_assert(!reply->isMentee);
    db_run("INSERT INTO mentee (accountid) VALUES (%d)", account);
    reply = rpc_ok(RPC_ACCOUNT_PROFILES, &(account_package_ProfilesRequest){ .userid = account });
    ck_assert(reply->isMentee);
    rpc_ok(RPC_ACCOUNT_PROFILES, &(account_package_ProfilesRequest){ .userid = 1 });
    ck_assert_int_eq(n_kept(), 0);
}
END_TEST

/* ---- passwords ---- */

static struct sent *registered(char *password)
{
    return first(RPC_REGISTER_USER, &(account_package_RegistrationRequest){ .name = "Ann",
                                                                            .has_dateOfBirth = true,
                                                                            .email = "ann@example.com",
                                                                            .password = password,
                                                                            .businessAreaId = 1001 });
}

START_TEST(a_registration_that_comes_again_is_one)
{
    make_area("Here");
    rpc_set_key("k");
    const account_package_RegistrationReply *one = registered("secret 1")->reply;
    const account_package_RegistrationReply *two = registered("secret 1")->reply;
    ck_assert(one->status && two->status);
    ck_assert_int_eq(one->accountId, two->accountId);
    ck_assert_int_eq(db_int("SELECT count(*) FROM account"), 1);
}
END_TEST

START_TEST(nothing_is_kept_of_a_password)
{
    make_area("Here");
    rpc_set_key("k");
    ck_assert(!((account_package_RegistrationReply *)registered("short")->reply)->status);
    ck_assert_int_eq(n_kept(), 0);
    ck_assert(((account_package_RegistrationReply *)registered("secret 1")->reply)->status);
    const char *digest = db_text("SELECT digest::text FROM kept_answer");
    db_run("DELETE FROM kept_answer; DELETE FROM account");
    ck_assert(((account_package_RegistrationReply *)registered("another 1")->reply)->status);
    ck_assert_str_eq(db_text("SELECT digest::text FROM kept_answer"), digest);
    ck_assert_int_eq(db_int("SELECT count(*) FROM kept_answer k WHERE k::text LIKE '%%' || "
                            "encode('another', 'hex') || '%%'"),
                     0);
}
END_TEST

START_TEST(a_login_takes_no_notice_of_a_key)
{
    make_area("Here");
    registered("secret 1");
    rpc_set_key("k");
    account_package_AuthenticateRequest login = { .username = "ann@example.com", .password = "secret 1" };
    ck_assert(((account_package_AuthenticateReply *)first(RPC_TRY_LOGIN, &login)->reply)->status);
    login.password = "another";
    ck_assert(!((account_package_AuthenticateReply *)first(RPC_TRY_LOGIN, &login)->reply)->status);
    ck_assert_int_eq(n_kept(), 0);
}
END_TEST

/* ---- at once ---- */

#define BLOCKED "application_name ~ ' svcd ' AND wait_event = 'advisory'"

static void make_gate(void)
{
    db_run("CREATE FUNCTION test.pass_row() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
           "  PERFORM pg_advisory_xact_lock_shared(" DB_GATE "); RETURN NEW; END $$;"
           "CREATE TRIGGER gate BEFORE INSERT OR UPDATE ON milestone FOR EACH ROW EXECUTE FUNCTION "
           "test.pass_row()");
}

START_TEST(of_many_at_once_one_acts_and_all_are_answered_alike)
{
    struct sent *sent[50];
    int mentee = make_mentee(make_area("Here"), "");
    for (size_t i = 0; i < 50; i++)
        sent[i] = send_plan("k", mentee, "run");
    rpc_wait_all();
    for (size_t i = 0; i < 50; i++)
        ck_assert_int_eq(plan_id(sent[i]), plan_id(sent[0]));
    ck_assert_int_eq(db_int("SELECT count(*) FROM milestone"), 1);
}
END_TEST

START_TEST(of_many_toggles_at_once_one_acts)
{
    struct sent *sent[50];
    int mentee = make_mentee(make_area("Here"), "");
    int64_t plan = create_plan(NULL, mentee, "run");
    rpc_set_key("k");
    for (size_t i = 0; i < 50; i++)
        sent[i] = rpc_send(RPC_TOGGLE_PLANS_OF_ACTION_COMPLETION,
                           &(meeting_package_TogglePlansOfActionCompletionRequest){ .planid = plan });
    rpc_wait_all();
    for (size_t i = 0; i < 50; i++)
        ck_assert_int_eq(sent[i]->status, STATUS_OK);
    ck_assert_str_eq(db_text("SELECT completed FROM milestone"), "t");
}
END_TEST

START_TEST(who_comes_again_waits_for_the_first)
{
    int mentee = make_mentee(make_area("Here"), "");
    make_gate();
    PGconn *holder = db_close_gate();
    struct sent *one = send_plan("k", mentee, "run");
    harness_run_until_blocked("advisory", 1);
    struct sent *two = send_plan("k", mentee, "run");
    harness_run_ms(300);
    ck_assert(!one->answered && !two->answered);
    db_open_gate(holder);
    rpc_wait_all();
    ck_assert_int_eq(plan_id(one), plan_id(two));
    ck_assert_int_eq(db_int("SELECT count(*) FROM milestone"), 1);
}
END_TEST

START_TEST(who_comes_again_acts_if_the_first_is_lost)
{
    int mentee = make_mentee(make_area("Here"), "");
    make_gate();
    PGconn *holder = db_close_gate();
    struct sent *one = send_plan("k", mentee, "run");
    do
        harness_run_until_blocked("advisory", 1);
    while (
        db_int("SELECT count(*) FROM (SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE " BLOCKED
               ") k") == 0);
    rpc_wait(one);
    ck_assert_int_eq(one->status, STATUS_UNAVAILABLE);
    db_open_gate(holder);
    struct sent *two;
    do { /* until there is a connection again */
        harness_run_ms(10);
        two = send_plan("k", mentee, "run");
        rpc_wait(two);
    } while (two->status == STATUS_UNAVAILABLE);
    ck_assert_int_eq(create_plan("k", mentee, "run"), plan_id(two));
    ck_assert_int_eq(db_int("SELECT count(*) FROM milestone"), 1);
}
END_TEST

/* The first of two is ended while the other waits, for one of two reasons. */
static void ends_before(void (*end)(struct sent *one))
{
    int mentee = make_mentee(make_area("Here"), "");
    int64_t plan = create_plan(NULL, mentee, "run");
    make_gate();
    PGconn *holder = db_close_gate();
    meeting_package_TogglePlansOfActionCompletionRequest toggle = { .planid = plan };
    rpc_set_key("k");
    struct sent *one = rpc_send(RPC_TOGGLE_PLANS_OF_ACTION_COMPLETION, &toggle);
    harness_run_until_blocked("advisory", 1);
    struct sent *two = rpc_send(RPC_TOGGLE_PLANS_OF_ACTION_COMPLETION, &toggle);
    end(one);
    db_open_gate(holder);
    rpc_wait_all();
    while (two->status == STATUS_UNAVAILABLE) { /* it shared the connection */
        harness_run_ms(10);
        two = rpc_send(RPC_TOGGLE_PLANS_OF_ACTION_COMPLETION, &toggle);
        rpc_wait(two);
    }
    ck_assert_int_eq(two->status, STATUS_OK);
    is_answered_the_same(RPC_TOGGLE_PLANS_OF_ACTION_COMPLETION, &toggle, two);
    ck_assert_str_eq(db_text("SELECT completed FROM milestone"), "t");
}

static void kill_it(struct sent *one)
{
    (void)one;
    do
        harness_run_until_blocked("advisory", 1);
    while (
        db_int("SELECT count(*) FROM (SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE " BLOCKED
               ") k") == 0);
    harness_run_ms(100);
}

static void leave(struct sent *one)
{
    rpc_cancel(one);
    harness_run_ms(100);
}

START_TEST(who_waits_acts_when_the_firsts_connection_is_killed)
{
    ends_before(kill_it);
}
END_TEST

START_TEST(who_waits_acts_when_the_first_goes_away)
{
    ends_before(leave);
}
END_TEST

/* ---- the job ---- */

START_TEST(answers_older_than_a_day_are_removed_and_no_others)
{
    jobs_configure(NULL, NULL);
    db_run(
        "INSERT INTO kept_answer (id, step, digest, before, rows, at) SELECT i::text::bytea, 1, '', '', '', "
        "now() - CASE WHEN i %% 2 = 0 THEN interval '24 hours 1 second' ELSE interval '23 hours 50 minutes' "
        "END FROM generate_series(1, 12200) i");
    ck_assert_int_eq(jobs_run_by_hand("forget-answers"), JOB_DONE);
    ck_assert_int_eq(db_int("SELECT rows FROM svcd.job_run"), 6100);
    ck_assert_int_eq(n_kept(), 6100);
    ck_assert_int_eq(jobs_run_by_hand("forget-answers"), JOB_DONE);
    ck_assert_int_eq(n_kept(), 6100);
}
END_TEST

Suite *once_suite(void)
{
    Suite *suite = suite_create("once");
    TCase *tcase = harness_case(suite, "answers");
    tcase_add_test(tcase, a_write_that_comes_again_acts_once);
    tcase_add_test(tcase, without_a_key_nothing_is_kept);
    tcase_add_test(tcase, a_false_is_kept_though_it_would_be_true_now);
    tcase_add_test(tcase, a_false_that_only_a_read_led_to_is_kept);
    tcase_add_test(tcase, a_false_that_precedes_what_is_wrong_with_a_request_is_kept);
    tcase_add_test(tcase, what_a_write_read_before_is_as_it_was);
    tcase_add_test(tcase, errors_are_not_kept);
    tcase_add_test(tcase, an_error_that_could_not_be_forgotten_is_acted_on);
    tcase_add_test(tcase, a_day_later_a_key_is_new);
    tcase = harness_case(suite, "requests");
    tcase_add_test(tcase, a_key_with_another_request_is_refused);
    tcase_add_test(tcase, methods_do_not_share_keys);
    tcase_add_test(tcase, how_a_request_is_written_does_not_matter);
    tcase_add_test(tcase, optional_text_that_is_empty_is_another_request_than_none);
    tcase_add_test(tcase, a_key_has_1_to_128_printable_characters);
    tcase_add_test(tcase, blanks_around_a_key_do_not_count);
    tcase_add_test(tcase, reads_take_no_notice_of_a_key);
    tcase_add_test(tcase, a_registration_that_comes_again_is_one);
    tcase_add_test(tcase, nothing_is_kept_of_a_password);
    tcase_add_test(tcase, a_login_takes_no_notice_of_a_key);
    tcase = harness_case(suite, "at once");
    tcase_add_test(tcase, of_many_at_once_one_acts_and_all_are_answered_alike);
    tcase_add_test(tcase, of_many_toggles_at_once_one_acts);
    tcase_add_test(tcase, who_comes_again_waits_for_the_first);
    tcase_add_test(tcase, who_comes_again_acts_if_the_first_is_lost);
    tcase_add_test(tcase, who_waits_acts_when_the_firsts_connection_is_killed);
    tcase_add_test(tcase, who_waits_acts_when_the_first_goes_away);
    tcase = jobs_case(suite, "job");
    tcase_add_test(tcase, answers_older_than_a_day_are_removed_and_no_others);
    return suite;
}
