/* SPDX-License-Identifier: MIT
 *
 * Accounts, seen by their callers; logging in is test_login.c's, profiles are test_profile.c's.
 */
#include "harness.h"

#include <time.h>

#define MENTEE   account_package_ProfileType_MENTEE
#define MENTOR   account_package_ProfileType_MENTOR
#define DAY      INT64_C(86400)
#define YEAR_1   INT64_C(-62135596800) /* 0001-01-01T00:00:00Z */
#define PASSWORD "correct horse"

static const account_package_RegistrationReply *register_user(
    const account_package_RegistrationRequest *request)
{
    return rpc_ok(RPC_REGISTER_USER, request);
}

/* A request that is granted; tests change what they are about. */
static account_package_RegistrationRequest registration(int area)
{
    return (account_package_RegistrationRequest){ .name = "Ada Lovelace",
                                                  .email = "ada@example.com",
                                                  .password = PASSWORD,
                                                  .has_dateOfBirth = true,
                                                  .dateOfBirth.seconds = 631152000, /* 1990-01-01 */
                                                  .businessAreaId = area };
}

/* ---- ListBusinessAreas, ListSkills ---- */

static const google_protobuf_Empty nothing;

START_TEST(business_areas_are_listed_by_id)
{
    const account_package_ListBusinessAreasReply *none = rpc_ok(RPC_LIST_BUSINESS_AREAS, &nothing);
    ck_assert_uint_eq(none->businessAreas_count, 0);
    db_run("INSERT INTO businesssector VALUES (30, 'C'), (10, 'A'), (20, NULL)");
    const account_package_ListBusinessAreasReply *reply = rpc_ok(RPC_LIST_BUSINESS_AREAS, &nothing);
    ck_assert_uint_eq(reply->businessAreas_count, 3);
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(reply->businessAreas[i].id, 10 * (i + 1));
    ck_assert_str_eq(reply->businessAreas[0].name, "A");
    ck_assert_str_eq(reply->businessAreas[2].name, "C");
}
END_TEST

START_TEST(skills_are_listed_by_id)
{
    const account_package_ListSkillsReply *none = rpc_ok(RPC_LIST_SKILLS, &nothing);
    ck_assert_uint_eq(none->skills_count, 0);
    db_run("INSERT INTO skill VALUES (3, 'c'), (1, 'a'), (2, 'Äpfel')");
    const account_package_ListSkillsReply *reply = rpc_ok(RPC_LIST_SKILLS, &nothing);
    ck_assert_uint_eq(reply->skills_count, 3);
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(reply->skills[i].id, i + 1);
    ck_assert_str_eq(reply->skills[1].name, "Äpfel");
}
END_TEST

/* Calls that wait together are given the rows of one execution, and the bytes that the first has made of
 * them, each of its own method; whoever comes later sees what has changed since. */
START_TEST(lists_asked_for_at_once_are_each_complete_and_never_older_than_the_call)
{
    enum { CALLS = 64 };
    uint64_t before = call_n_replied_as_others();
    make_area("Here");
    for (int skills = 1; skills <= 2001; skills += 1000) { /* the last reply outgrows every buffer */
        db_run("INSERT INTO skill SELECT n, 'Skill ' || n FROM generate_series(%d, %d) n", skills,
               skills == 1 ? 1 : skills + 999);
        struct sent *sent[CALLS], *areas[CALLS];
        for (int i = 0; i < CALLS; i++) {
            sent[i] = rpc_send(RPC_LIST_SKILLS, &nothing);
            areas[i] = rpc_send(RPC_LIST_BUSINESS_AREAS, &nothing);
        }
        rpc_wait_all();
        long n = db_int("SELECT count(*) FROM skill");
        for (int i = 0; i < CALLS; i++) {
            const account_package_ListSkillsReply *reply = sent[i]->reply;
            ck_assert_uint_eq(reply->skills_count, (size_t)n);
            ck_assert_int_eq(reply->skills[n - 1].id, db_int("SELECT max(skillid) FROM skill"));
            ck_assert_uint_eq(sent[i]->len, sent[0]->len);
            ck_assert_mem_eq(sent[i]->bytes, sent[0]->bytes, sent[0]->len);
            const account_package_ListBusinessAreasReply *of_areas = areas[i]->reply;
            ck_assert_uint_eq(of_areas->businessAreas_count, 1);
            ck_assert_str_eq(of_areas->businessAreas[0].name, "Here");
        }
    }
    ck_assert_uint_gt(call_n_replied_as_others(), before);
}
END_TEST

/* ---- RegisterUser ---- */

static void registration_is_refused(const account_package_RegistrationRequest *request)
{
    const account_package_RegistrationReply *reply = rpc_ok_unchanged(RPC_REGISTER_USER, request);
    ck_assert(!reply->status && !reply->has_accountId);
}

static void registration_fails(const char *words, const account_package_RegistrationRequest *request)
{
    rpc_fails(STATUS_INVALID_ARGUMENT, words, RPC_REGISTER_USER, request);
}

static void registration_is_granted(const account_package_RegistrationRequest *request)
{
    const account_package_RegistrationReply *reply = register_user(request);
    ck_assert(reply->status && reply->has_accountId);
    ck_assert_int_eq(reply->accountId,
                     db_int("SELECT accountid FROM account WHERE email = %s", db_quote(request->email)));
}

START_TEST(a_registered_account_is_stored_as_asked)
{
    int area = make_area("Here");
    account_package_RegistrationRequest request = registration(area);
    request.name = "Ada Müller ✓";
    request.dateOfBirth =
        (google_protobuf_Timestamp){ .seconds = 951782399, .nanos = 999999999 }; /* the last of 2000-02-28 */
    const account_package_RegistrationReply *reply = register_user(&request);
    ck_assert(reply->status);
    ck_assert_int_eq(reply->accountId, 1001);
    ck_assert_int_eq(db_int("SELECT count(*) FROM account"), 1);
    ck_assert_str_eq(
        db_text("SELECT concat_ws('|', accountid, name, email, dob, businesssectorid) FROM account"),
        db_text("SELECT '1001|Ada Müller ✓|ada@example.com|2000-02-28|%d'", area));
    ck_assert_str_eq(db_text("SELECT convert_from(substr(passwordhash, 1, 10), 'UTF8') FROM account"),
                     "$argon2id$");
    ck_assert_int_eq(db_int("SELECT position('correct' IN encode(passwordhash, 'escape')) FROM account"), 0);
}
END_TEST

START_TEST(a_password_needs_six_characters_which_may_be_of_several_bytes)
{
    account_package_RegistrationRequest request = registration(make_area("Here"));
    char *const refused[] = { NULL, "", "12345", "ééééé", "12 45", "\xF0\x9F\x98\x80\xF0\x9F\x98\x80" };
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        request.password = refused[i];
        registration_is_refused(&request);
    }
    request.password = "123456";
    registration_is_granted(&request);
    request.email = "other@example.com";
    request.password = "éééééé";
    registration_is_granted(&request);
}
END_TEST

START_TEST(a_date_of_birth_after_today_is_refused)
{
    account_package_RegistrationRequest request = registration(make_area("Here"));
    while (time(NULL) % DAY > DAY - 60) /* or it would be tomorrow before all is asked */
        harness_run_ms(1000);
    int64_t today = time(NULL) / DAY * DAY;
    request.dateOfBirth.seconds = today + DAY;
    registration_is_refused(&request);
    request.dateOfBirth.seconds = INT64_C(253402300800); /* the year 10000 */
    registration_is_refused(&request);
    request.dateOfBirth.seconds = INT64_MAX;
    registration_is_refused(&request);
    request.dateOfBirth = (google_protobuf_Timestamp){ .seconds = today + DAY - 1, .nanos = 999999999 };
    registration_is_granted(&request);
    ck_assert_int_eq(db_int("SELECT dob - (now() AT TIME ZONE 'UTC')::date FROM account"), 0);
}
END_TEST

START_TEST(a_business_area_that_is_none_is_refused)
{
    account_package_RegistrationRequest request = registration(make_area("Here"));
    static const int64_t none[] = { 0, -1, INT64_MIN, 999999, INT64_C(1) << 31, INT64_C(1) << 32, INT64_MAX };
    for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
        request.businessAreaId = none[i];
        registration_is_refused(&request);
    }
    request.businessAreaId = (INT64_C(1) << 32) + 1001; /* not cut to an area that exists */
    registration_is_refused(&request);
}
END_TEST

START_TEST(an_empty_name_or_email_is_refused)
{
    int area = make_area("Here");
    account_package_RegistrationRequest request = registration(area);
    request.name = "";
    registration_is_refused(&request);
    request.name = NULL;
    registration_is_refused(&request);
    request = registration(area);
    request.email = "";
    registration_is_refused(&request);
    request.email = NULL;
    registration_is_refused(&request);
}
END_TEST

START_TEST(a_taken_email_is_refused_and_its_owner_unharmed)
{
    account_package_RegistrationRequest request = registration(make_area("Here"));
    registration_is_granted(&request);
    request.name = "Somebody else";
    request.password = "another password";
    registration_is_refused(&request);
    request.email = "Ada@example.com"; /* case counts */
    registration_is_granted(&request);
}
END_TEST

START_TEST(a_name_has_at_most_10000_characters_and_an_email_320)
{
    int area = make_area("Here");
    account_package_RegistrationRequest request = registration(area);
    request.name = text_of(10001, "é");
    registration_fails("name: at most 10000", &request);
    request.name = text_of(10000, "é");
    request.email = text_of(321, "é");
    registration_fails("email: at most 320", &request);
    request.email = text_of(320, "é");
    registration_is_granted(&request);
}
END_TEST

START_TEST(a_date_of_birth_lies_in_the_years_1_to_9999)
{
    account_package_RegistrationRequest request = registration(make_area("Here"));
    request.has_dateOfBirth = false;
    registration_fails("dateOfBirth", &request);
    request.has_dateOfBirth = true;
    request.dateOfBirth.seconds = YEAR_1 - 1;
    registration_fails("dateOfBirth", &request);
    request.dateOfBirth.seconds = INT64_MIN;
    registration_fails("dateOfBirth", &request);
    request.dateOfBirth = (google_protobuf_Timestamp){ .seconds = 0, .nanos = -1 };
    registration_fails("nanos", &request);
    request.dateOfBirth.nanos = 1000000000;
    registration_fails("nanos", &request);
    request.dateOfBirth = (google_protobuf_Timestamp){ .seconds = YEAR_1, .nanos = 0 };
    registration_is_granted(&request);
    ck_assert_str_eq(db_text("SELECT dob FROM account"), "0001-01-01");
    request.email = "before.1970@example.com";
    request.dateOfBirth = (google_protobuf_Timestamp){ .seconds = -1, .nanos = 0 };
    registration_is_granted(&request);
    ck_assert_str_eq(db_text("SELECT max(dob) FROM account"), "1969-12-31");
}
END_TEST

START_TEST(a_password_has_at_most_1024_bytes)
{
    account_package_RegistrationRequest request = registration(make_area("Here"));
    request.password = text_of(1025, "x");
    registration_fails("password", &request);
    request.password = text_of(1024, "x");
    registration_is_granted(&request);
    const account_package_AuthenticateReply *login =
        rpc_ok(RPC_TRY_LOGIN, &(account_package_AuthenticateRequest){ .username = request.email,
                                                                      .password = request.password });
    ck_assert(login->status);
}
END_TEST

/* Each of these is wrong in two ways: one of them is false, the other a status. */
START_TEST(what_makes_a_registration_false_comes_before_what_is_wrong_with_it)
{
    int area = make_area("Here");
    account_package_RegistrationRequest granted = registration(area), wrong = registration(area);
    registration_is_granted(&granted);
    wrong.email = "new@example.com";
    wrong.name = text_of(10001, "x");
    wrong.has_dateOfBirth = false;
    account_package_RegistrationRequest request = wrong;
    request.password = "12345";
    registration_is_refused(&request);
    request = wrong;
    request.businessAreaId = 0;
    registration_is_refused(&request);
    request = wrong;
    request.businessAreaId = 999999;
    registration_is_refused(&request);
    request = wrong;
    request.email = "";
    registration_is_refused(&request);
    request = wrong;
    request.email = granted.email;
    registration_is_refused(&request);
    request = wrong;
    request.has_dateOfBirth = true;
    request.dateOfBirth.seconds = time(NULL) + 2 * DAY;
    registration_is_refused(&request);
    registration_fails("name", &wrong);
}
END_TEST

/* ---- AccountProfiles ---- */

static void has_profiles(int64_t account, bool mentor, bool mentee)
{
    const account_package_ProfilesReply *reply =
        rpc_ok_unchanged(RPC_ACCOUNT_PROFILES, &(account_package_ProfilesRequest){ .userid = account });
    ck_assert_msg(reply->isMentor == mentor && reply->isMentee == mentee, "account %ld", (long)account);
}

START_TEST(both_profile_flags_are_told_and_an_unknown_user_has_neither)
{
    int area = make_area("Here");
    int both = make_mentor(area, "");
    db_run("INSERT INTO mentee (accountid) VALUES (%d)", both);
    has_profiles(make_account(area), false, false);
    has_profiles(make_mentor(area, ""), true, false);
    has_profiles(make_mentee(area, ""), false, true);
    has_profiles(both, true, true);
    has_profiles(999999, false, false);
    has_profiles(0, false, false);
    has_profiles(-1, false, false);
    has_profiles(INT64_MAX, false, false);
    has_profiles(INT64_MIN, false, false);
    has_profiles((INT64_C(1) << 32) + both, false, false);
}
END_TEST

/* ---- GetNotifications ---- */

static const account_package_NotificationsReply *notifications(int64_t account,
                                                               account_package_ProfileType profile)
{
    return rpc_ok_unchanged(RPC_GET_NOTIFICATIONS, &(account_package_NotificationsRequest){
                                                       .userid = account, .targetProfileType = profile });
}

START_TEST(notifications_of_the_profile_come_oldest_first_and_all)
{
    int account = make_mentor(make_area("Here"), "");
    db_run("INSERT INTO mentee (accountid) VALUES (%d)", account);
    make_mentee(make_area("There"), "");
    db_run("INSERT INTO mentormessage (mentormessageid, mentorid, message) "
           "SELECT 3000 - n, mentorid, 'n' || (3000 - n) FROM mentor, generate_series(1, 300) n");
    db_run("INSERT INTO menteemessage (menteeid, message) SELECT menteeid, 'to mentee ' || accountid FROM "
           "mentee");
    const account_package_NotificationsReply *reply = notifications(account, MENTOR);
    ck_assert_uint_eq(reply->desiredNotifications_count, 300);
    ck_assert_str_eq(reply->desiredNotifications[0], "n2700");
    ck_assert_str_eq(reply->desiredNotifications[299], "n2999");
    reply = notifications(account, MENTEE);
    ck_assert_uint_eq(reply->desiredNotifications_count, 1);
    ck_assert_str_eq(reply->desiredNotifications[0], db_text("SELECT 'to mentee %d'", account));
}
END_TEST

START_TEST(whoever_lacks_the_profile_has_no_notifications)
{
    int mentor = make_mentor(make_area("Here"), "");
    db_run("INSERT INTO mentormessage (mentorid, message) SELECT mentorid, 'hello' FROM mentor");
    ck_assert_uint_eq(notifications(mentor, MENTEE)->desiredNotifications_count, 0);
    ck_assert_uint_eq(notifications(mentor, MENTOR)->desiredNotifications_count, 1);
    ck_assert_uint_eq(notifications(999999, MENTOR)->desiredNotifications_count, 0);
    ck_assert_uint_eq(notifications(-1, MENTEE)->desiredNotifications_count, 0);
}
END_TEST

START_TEST(a_notification_without_text_is_an_empty_one)
{
    int mentor = make_mentor(make_area("Here"), "");
    db_run("INSERT INTO mentormessage (mentorid, message) SELECT mentorid, m FROM mentor, unnest(ARRAY[NULL, "
           "'b', '']) m");
    const account_package_NotificationsReply *reply = notifications(mentor, MENTOR);
    ck_assert_uint_eq(reply->desiredNotifications_count, 3);
    ck_assert_str_eq(reply->desiredNotifications[0], "");
    ck_assert_str_eq(reply->desiredNotifications[1], "b");
}
END_TEST

Suite *account_suite(void)
{
    Suite *suite = suite_create("account");
    TCase *tcase = harness_case(suite, "rules");
    tcase_add_test(tcase, business_areas_are_listed_by_id);
    tcase_add_test(tcase, skills_are_listed_by_id);
    tcase_add_test(tcase, lists_asked_for_at_once_are_each_complete_and_never_older_than_the_call);
    tcase_add_test(tcase, a_registered_account_is_stored_as_asked);
    tcase_add_test(tcase, a_password_needs_six_characters_which_may_be_of_several_bytes);
    tcase_add_test(tcase, a_date_of_birth_after_today_is_refused);
    tcase_add_test(tcase, a_business_area_that_is_none_is_refused);
    tcase_add_test(tcase, an_empty_name_or_email_is_refused);
    tcase_add_test(tcase, a_taken_email_is_refused_and_its_owner_unharmed);
    tcase_add_test(tcase, a_name_has_at_most_10000_characters_and_an_email_320);
    tcase_add_test(tcase, a_date_of_birth_lies_in_the_years_1_to_9999);
    tcase_add_test(tcase, a_password_has_at_most_1024_bytes);
    tcase_add_test(tcase, what_makes_a_registration_false_comes_before_what_is_wrong_with_it);
    tcase_add_test(tcase, both_profile_flags_are_told_and_an_unknown_user_has_neither);
    tcase_add_test(tcase, notifications_of_the_profile_come_oldest_first_and_all);
    tcase_add_test(tcase, whoever_lacks_the_profile_has_no_notifications);
    tcase_add_test(tcase, a_notification_without_text_is_an_empty_one);
    return suite;
}
