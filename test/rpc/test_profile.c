/* SPDX-License-Identifier: MIT
 *
 * Signing up for a profile, and changing one, seen by their callers.
 */
#include "harness.h"

#include <string.h>

#include "base/text.h"

#define MENTEE account_package_ProfileType_MENTEE
#define MENTOR account_package_ProfileType_MENTOR

/* ---- RegisterMentee, RegisterMentor ---- */

#define SIGNUP(id, ...)                                                                                      \
    (&(account_package_ProfileSignupRequest){ .userid = (id),                                                \
                                              .desiredSkills_count =                                         \
                                                  sizeof((const char *[]){ __VA_ARGS__ }) / sizeof(char *),  \
                                              .desiredSkills = (char *[]){ __VA_ARGS__ } })
#define SIGNUP_WITHOUT_SKILLS(id) (&(account_package_ProfileSignupRequest){ .userid = (id) })

static bool register_mentee(const account_package_ProfileSignupRequest *request)
{
    return ((const account_package_ProfileSignupReply *)rpc_ok(RPC_REGISTER_MENTEE, request))->status;
}

static bool register_mentor(const account_package_ProfileSignupRequest *request)
{
    return ((const account_package_ProfileSignupReply *)rpc_ok(RPC_REGISTER_MENTOR, request))->status;
}

static const char *skills_of(const char *kind, int account)
{
    return db_text("SELECT coalesce(string_agg(s.name, ',' ORDER BY s.name), '') FROM %s p JOIN %sskill k ON "
                   "k.%sid = p.%sid "
                   "JOIN skill s ON s.skillid = k.skillid WHERE p.accountid = %d",
                   kind, kind, kind, kind, account);
}

START_TEST(an_account_becomes_mentee_and_mentor_with_skills_by_name)
{
    int account = make_account(make_area("Here"));
    make_skill("Go");
    make_skill("C");
    make_skill("SQL");
    ck_assert(register_mentee(SIGNUP(account, "SQL", "C")));
    ck_assert(register_mentor(SIGNUP(account, "Go")));
    ck_assert_str_eq(skills_of("mentee", account), "C,SQL");
    ck_assert_str_eq(skills_of("mentor", account), "Go");
}
END_TEST

START_TEST(a_profile_may_have_no_skills_and_a_skill_named_twice_is_one)
{
    int area = make_area("Here"), without = make_account(area), twice = make_account(area);
    make_skill("C");
    ck_assert(register_mentee(SIGNUP_WITHOUT_SKILLS(without)));
    ck_assert(register_mentor(SIGNUP(twice, "C", "C")));
    ck_assert_str_eq(skills_of("mentee", without), "");
    ck_assert_str_eq(skills_of("mentor", twice), "C");
}
END_TEST

START_TEST(signing_up_for_a_profile_one_has_is_false)
{
    int area = make_area("Here"), mentee = make_mentee(area, ""), mentor = make_mentor(area, "");
    make_skill("C");
    ck_assert(!((const account_package_ProfileSignupReply *)rpc_ok_unchanged(RPC_REGISTER_MENTEE,
                                                                             SIGNUP(mentee, "C")))
                   ->status);
    ck_assert(!((const account_package_ProfileSignupReply *)rpc_ok_unchanged(RPC_REGISTER_MENTOR,
                                                                             SIGNUP(mentor, "C")))
                   ->status);
}
END_TEST

START_TEST(having_the_profile_comes_before_an_unknown_skill_and_too_much_text)
{
    int area = make_area("Here"), mentee = make_mentee(area, ""), mentor = make_mentor(area, "");
    char *too_long = text_of(10001, "x");
    const account_package_ProfileSignupReply *replies[] = {
        rpc_ok_unchanged(RPC_REGISTER_MENTEE, SIGNUP(mentee, "no such skill")),
        rpc_ok_unchanged(RPC_REGISTER_MENTOR, SIGNUP(mentor, "no such skill")),
        rpc_ok_unchanged(RPC_REGISTER_MENTEE, SIGNUP(mentee, too_long)),
        rpc_ok_unchanged(RPC_REGISTER_MENTOR, SIGNUP(mentor, too_long)),
    };
    for (size_t i = 0; i < sizeof replies / sizeof *replies; i++)
        ck_assert(!replies[i]->status);
}
END_TEST

START_TEST(an_unknown_skill_is_not_found_and_nothing_is_stored)
{
    int account = make_account(make_area("Here"));
    make_skill("C");
    rpc_fails(STATUS_NOT_FOUND, "\"c\"", RPC_REGISTER_MENTEE, SIGNUP(account, "C", "c"));
    rpc_fails(STATUS_NOT_FOUND, "\"COBOL\"", RPC_REGISTER_MENTOR, SIGNUP(account, "COBOL", "C"));
    rpc_fails(STATUS_NOT_FOUND, "\"\"", RPC_REGISTER_MENTOR, SIGNUP(account, ""));
}
END_TEST

/* As metadata each byte may take three, and a client whose limit that breaks loses its other calls, too. */
START_TEST(a_message_quotes_no_more_than_200_characters_of_a_skill)
{
    static const char *const characters[] = { "x", "ü", "世", "\xF0\x9F\x98\x80" };
    int account = make_account(make_area("Here"));
    for (size_t c = 0; c < 4; c++) {
        struct sent *sent = rpc_send(RPC_REGISTER_MENTEE, SIGNUP(account, text_of(10000, characters[c])));
        rpc_wait(sent);
        ck_assert_int_eq(sent->status, STATUS_NOT_FOUND);
        ck_assert_msg(strstr(sent->message, text_of(199, characters[c])), "%s", sent->message);
        ck_assert_msg(!strstr(sent->message, text_of(201, characters[c])), "%s", sent->message);
        ck_assert_uint_le(strlen(sent->message), MESSAGE_LEN_MAX);
        ck_assert_msg(text_is_utf8((const uint8_t *)sent->message, strlen(sent->message)), "%s",
                      sent->message);
    }
    rpc_fails(STATUS_NOT_FOUND, "there is no skill \"grüße\"", RPC_REGISTER_MENTOR, SIGNUP(account, "grüße"));
}
END_TEST

START_TEST(an_unknown_account_is_not_found)
{
    make_skill("C");
    rpc_fails(STATUS_NOT_FOUND, "999999", RPC_REGISTER_MENTEE, SIGNUP(999999, "C"));
    rpc_fails(STATUS_NOT_FOUND, "999999", RPC_REGISTER_MENTOR, SIGNUP(999999, "C"));
    rpc_fails(STATUS_NOT_FOUND, "2147483647", RPC_REGISTER_MENTOR, SIGNUP_WITHOUT_SKILLS(INT32_MAX));
    rpc_fails(STATUS_NOT_FOUND, "1", RPC_REGISTER_MENTEE, SIGNUP_WITHOUT_SKILLS(1));
}
END_TEST

START_TEST(an_id_that_cannot_be_one_is_an_invalid_argument)
{
    static const int64_t ids[] = { 0, -1, INT64_MIN, INT64_C(1) << 31, (INT64_C(1) << 32) + 1001, INT64_MAX };
    make_account(make_area("Here"));
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
        rpc_fails(STATUS_INVALID_ARGUMENT, "userid", RPC_REGISTER_MENTEE, SIGNUP_WITHOUT_SKILLS(ids[i]));
        rpc_fails(STATUS_INVALID_ARGUMENT, "userid", RPC_REGISTER_MENTOR, SIGNUP_WITHOUT_SKILLS(ids[i]));
    }
}
END_TEST

START_TEST(a_skill_has_at_most_10000_characters)
{
    int account = make_account(make_area("Here"));
    char *name = text_of(10000, "x"), *too_long = text_of(10001, "x");
    rpc_fails(STATUS_INVALID_ARGUMENT, "desiredSkills: at most 10000", RPC_REGISTER_MENTEE,
              SIGNUP(account, too_long));
    rpc_fails(STATUS_INVALID_ARGUMENT, "desiredSkills", RPC_REGISTER_MENTOR, SIGNUP(account, "C", too_long));
    char *many[65];
    for (size_t i = 0; i < 65; i++)
        many[i] = "C";
    rpc_fails(STATUS_INVALID_ARGUMENT, "desiredSkills: at most 64 skills, got 65", RPC_REGISTER_MENTOR,
              &(account_package_ProfileSignupRequest){
                  .userid = account, .desiredSkills = many, .desiredSkills_count = 65 });
    rpc_fails(STATUS_NOT_FOUND, "there is no skill", RPC_REGISTER_MENTEE, SIGNUP(account, name));
}
END_TEST

/* ---- UpdateProfileDetails ---- */

typedef account_package_UpdateProfileDetailsRequest update;

static bool update_profile(const update *request)
{
    return ((const account_package_UpdateProfileDetailsResponse *)rpc_ok(RPC_UPDATE_PROFILE_DETAILS, request))
        ->success;
}

static void update_is_refused(const update *request)
{
    const account_package_UpdateProfileDetailsResponse *reply =
        rpc_ok_unchanged(RPC_UPDATE_PROFILE_DETAILS, request);
    ck_assert(!reply->success);
}

static const char *email_of(int account)
{
    return db_text("SELECT email FROM account WHERE accountid = %d", account);
}

static int area_of(int account)
{
    return (int)db_int("SELECT businesssectorid FROM account WHERE accountid = %d", account);
}

#define SKILLS(...)                                                                                          \
    .skills_count = sizeof((int64_t[]){ __VA_ARGS__ }) / sizeof(int64_t), .skills = (int64_t[])              \
    {                                                                                                        \
        __VA_ARGS__                                                                                          \
    }

START_TEST(only_what_is_present_changes)
{
    int here = make_area("Here"), there = make_area("There");
    int c = make_skill("C"), go = make_skill("Go");
    int account = make_mentee(here, db_text("SELECT '%d, %d'", c, go));
    const char *old_email = email_of(account);
    ck_assert(
        update_profile(&(update){ .userid = account, .profileType = MENTEE, .newEmail = "new@example.com" }));
    ck_assert_str_eq(email_of(account), "new@example.com");
    ck_assert_int_eq(area_of(account), here);
    ck_assert_str_eq(skills_of("mentee", account), "C,Go"); /* an empty list leaves them */
    ck_assert(update_profile(
        &(update){ .userid = account, .profileType = MENTEE, .has_newBSId = true, .newBSId = there }));
    ck_assert_int_eq(area_of(account), there);
    ck_assert_str_eq(email_of(account), "new@example.com");
    ck_assert(update_profile(&(update){ .userid = account, .profileType = MENTEE, SKILLS(go) }));
    ck_assert_str_eq(skills_of("mentee", account), "Go");
    ck_assert_int_eq(area_of(account), there);
    ck_assert(update_profile(&(update){ .userid = account,
                                        .profileType = MENTEE,
                                        .newEmail = (char *)old_email,
                                        .has_newBSId = true,
                                        .newBSId = here,
                                        SKILLS(c, go, c) }));
    ck_assert_str_eq(skills_of("mentee", account), "C,Go");
    ck_assert_str_eq(email_of(account), old_email);
    ck_assert_int_eq(area_of(account), here);
}
END_TEST

START_TEST(an_update_without_changes_succeeds_and_changes_nothing)
{
    int account = make_mentor(make_area("Here"), "");
    const account_package_UpdateProfileDetailsResponse *reply =
        rpc_ok_unchanged(RPC_UPDATE_PROFILE_DETAILS, &(update){ .userid = account, .profileType = MENTOR });
    ck_assert(reply->success);
    reply = rpc_ok_unchanged(RPC_UPDATE_PROFILE_DETAILS, &(update){ .userid = account,
                                                                    .profileType = MENTOR,
                                                                    .newEmail = (char *)email_of(account),
                                                                    .has_newBSId = true,
                                                                    .newBSId = area_of(account) });
    ck_assert(reply->success);
}
END_TEST

START_TEST(skills_are_those_of_the_named_profile_alone)
{
    int c = make_skill("C"), go = make_skill("Go");
    int account = make_mentee(make_area("Here"), db_text("SELECT '%d'", c));
    db_run("INSERT INTO mentor (accountid) VALUES (%d)", account);
    ck_assert(update_profile(&(update){ .userid = account, .profileType = MENTOR, SKILLS(go) }));
    ck_assert_str_eq(skills_of("mentee", account), "C");
    ck_assert_str_eq(skills_of("mentor", account), "Go");
}
END_TEST

/* Everything else in these requests could be done. */
START_TEST(an_update_is_all_or_nothing)
{
    int here = make_area("Here"), there = make_area("There"), c = make_skill("C"), go = make_skill("Go");
    int account = make_mentee(here, db_text("SELECT '%d'", c)), other = make_account(here);
    update granted = { .userid = account,
                       .profileType = MENTEE,
                       .newEmail = "new@example.com",
                       .has_newBSId = true,
                       .newBSId = there,
                       SKILLS(go) };
    update request = granted;
    request.profileType = MENTOR;
    update_is_refused(&request);
    request.userid = other;
    update_is_refused(&request);
    request = granted;
    request.userid = other;
    update_is_refused(&request);
    request = granted;
    request.newEmail = (char *)email_of(other);
    update_is_refused(&request);
    request.newEmail = "";
    update_is_refused(&request);
    request = granted;
    request.newBSId = 999999;
    update_is_refused(&request);
    request = granted;
    request.skills = (int64_t[]){ 999999 };
    update_is_refused(&request);
    request.skills_count = 2;
    request.skills = (int64_t[]){ go, 999999 };
    update_is_refused(&request);
    ck_assert(update_profile(&granted));
}
END_TEST

START_TEST(ids_that_cannot_be_one_make_an_update_false)
{
    int here = make_area("Here"), c = make_skill("C"), account = make_mentee(here, "");
    static const int64_t ids[] = { 0, -1, INT64_MIN, INT64_C(1) << 31, INT64_MAX };
    const int64_t wrapped = INT64_C(1) << 32;
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
        update_is_refused(&(update){ .userid = ids[i], .profileType = MENTEE });
        update_is_refused(
            &(update){ .userid = account, .profileType = MENTEE, .has_newBSId = true, .newBSId = ids[i] });
        update_is_refused(&(update){ .userid = account, .profileType = MENTEE, SKILLS(ids[i]) });
    }
    update_is_refused(&(update){ .userid = account + wrapped, .profileType = MENTEE });
    update_is_refused(&(update){
        .userid = account, .profileType = MENTEE, .has_newBSId = true, .newBSId = here + wrapped });
    update_is_refused(&(update){ .userid = account, .profileType = MENTEE, SKILLS(c + wrapped) });
}
END_TEST

START_TEST(a_new_email_has_at_most_320_characters)
{
    int account = make_mentee(make_area("Here"), "");
    rpc_fails(STATUS_INVALID_ARGUMENT, "newEmail: at most 320", RPC_UPDATE_PROFILE_DETAILS,
              &(update){ .userid = account, .profileType = MENTEE, .newEmail = text_of(321, "é") });
    ck_assert(
        update_profile(&(update){ .userid = account, .profileType = MENTEE, .newEmail = text_of(320, "é") }));
}
END_TEST

START_TEST(an_update_has_at_most_64_skills)
{
    int account = make_mentee(make_area("Here"), ""), skill = make_skill("C");
    int64_t skills[65];
    for (size_t i = 0; i < 65; i++)
        skills[i] = skill;
    update many = { .userid = account, .profileType = MENTEE, .skills_count = 65, .skills = skills };
    rpc_fails(STATUS_INVALID_ARGUMENT, "skills: at most 64 skills, got 65", RPC_UPDATE_PROFILE_DETAILS,
              &many);
    many.skills_count = 64;
    ck_assert(update_profile(&many));
}
END_TEST

START_TEST(what_makes_an_update_false_comes_before_too_long_an_email)
{
    int account = make_mentee(make_area("Here"), "");
    char *too_long = text_of(321, "x");
    update_is_refused(&(update){ .userid = account, .profileType = MENTOR, .newEmail = too_long });
    update_is_refused(&(update){ .userid = 999999, .profileType = MENTEE, .newEmail = too_long });
    update_is_refused(
        &(update){ .userid = account, .profileType = MENTEE, .newEmail = too_long, SKILLS(999999) });
    update_is_refused(
        &(update){ .userid = account, .profileType = MENTEE, .newEmail = too_long, .has_newBSId = true });
}
END_TEST

Suite *profile_suite(void)
{
    Suite *suite = suite_create("profile");
    TCase *tcase = harness_case(suite, "rules");
    tcase_add_test(tcase, an_account_becomes_mentee_and_mentor_with_skills_by_name);
    tcase_add_test(tcase, a_profile_may_have_no_skills_and_a_skill_named_twice_is_one);
    tcase_add_test(tcase, signing_up_for_a_profile_one_has_is_false);
    tcase_add_test(tcase, having_the_profile_comes_before_an_unknown_skill_and_too_much_text);
    tcase_add_test(tcase, an_unknown_skill_is_not_found_and_nothing_is_stored);
    tcase_add_test(tcase, a_message_quotes_no_more_than_200_characters_of_a_skill);
    tcase_add_test(tcase, an_unknown_account_is_not_found);
    tcase_add_test(tcase, an_id_that_cannot_be_one_is_an_invalid_argument);
    tcase_add_test(tcase, a_skill_has_at_most_10000_characters);
    tcase_add_test(tcase, only_what_is_present_changes);
    tcase_add_test(tcase, an_update_without_changes_succeeds_and_changes_nothing);
    tcase_add_test(tcase, skills_are_those_of_the_named_profile_alone);
    tcase_add_test(tcase, an_update_is_all_or_nothing);
    tcase_add_test(tcase, ids_that_cannot_be_one_make_an_update_false);
    tcase_add_test(tcase, a_new_email_has_at_most_320_characters);
    tcase_add_test(tcase, an_update_has_at_most_64_skills);
    tcase_add_test(tcase, what_makes_an_update_false_comes_before_too_long_an_email);
    return suite;
}
