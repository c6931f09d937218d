/* SPDX-License-Identifier: MIT
 *
 * Matching, seen by its callers. What happens under concurrency is test_concurrency.c's matter.
 */
#include "harness.h"

#include <libpq-fe.h>
#include <stdio.h>
#include <string.h>

#define MENTEE(account) (&(matching_package_MenteeToMentorMatchingRequest){ .menteeUserId = (account) })

typedef matching_package_MenteeToMentorMatchingReply match_reply;

static const match_reply *try_match(int account)
{
    return rpc_ok(RPC_TRY_MATCH, MENTEE(account));
}

static void gets(int mentee, int mentor)
{
    const match_reply *reply = try_match(mentee);
    ck_assert_msg(reply->status, "mentee %d gets nobody", mentee);
    ck_assert_int_eq(reply->mentorUserId, mentor);
    ck_assert_str_eq(reply->mentorName, db_text("SELECT name FROM account WHERE accountid = %d", mentor));
    ck_assert_int_eq(
        db_int("SELECT count(*) FROM assignment a JOIN mentor m ON m.mentorid = a.mentorid JOIN mentee e "
               "ON e.menteeid = a.menteeid WHERE m.accountid = %d AND e.accountid = %d",
               mentor, mentee),
        1);
}

static void gets_nobody(int mentee)
{
    const match_reply *reply = rpc_ok_unchanged(RPC_TRY_MATCH, MENTEE(mentee));
    ck_assert(!reply->status);
    ck_assert_int_eq(reply->mentorUserId, 0);
    ck_assert(!reply->mentorName);
}

static void born(int account, const char *day)
{
    db_run("UPDATE account SET dob = %s WHERE accountid = %d", db_quote(day), account);
}

static void fill(int mentor, int area, int mentees)
{
    for (int i = 0; i < mentees; i++)
        make_assignment(mentor, make_mentee(area, ""));
}

/* ---- who qualifies ---- */

START_TEST(a_mentee_is_matched_with_a_mentor_of_another_area)
{
    int here = make_area("Here"), there = make_area("There");
    int mentee = make_mentee(here, "");
    make_mentor(here, "");
    gets(mentee, make_mentor(there, ""));
    ck_assert_int_eq(db_int("SELECT count(*) FROM assignment"), 1);
}
END_TEST

START_TEST(nobody_qualifies_in_ones_own_area)
{
    int here = make_area("Here"), mentee = make_mentee(here, "");
    db_run("INSERT INTO mentor (accountid) VALUES (%d)", mentee);
    make_mentor(here, "");
    gets_nobody(mentee);
}
END_TEST

START_TEST(without_mentors_nobody_is_matched)
{
    gets_nobody(make_mentee(make_area("Here"), ""));
}
END_TEST

START_TEST(a_mentor_of_four_mentees_qualifies_and_one_of_five_does_not)
{
    int here = make_area("Here"), there = make_area("There"), mentor = make_mentor(there, "");
    fill(mentor, here, 4);
    int fifth = make_mentee(here, ""), sixth = make_mentee(here, "");
    gets(fifth, mentor);
    gets_nobody(sixth);
    db_run("DELETE FROM assignment WHERE assignmentid = (SELECT min(assignmentid) FROM assignment)");
    gets(sixth, mentor);
}
END_TEST

START_TEST(a_mentee_with_a_mentor_gets_no_other)
{
    int here = make_area("Here"), there = make_area("There"), mentee = make_mentee(here, "");
    make_assignment(make_mentor(there, ""), mentee);
    make_mentor(there, "");
    gets_nobody(mentee);
}
END_TEST

START_TEST(an_account_without_mentee_profile_is_not_found)
{
    int area = make_area("Here"), account = make_account(area), mentor = make_mentor(area, "");
    rpc_fails(STATUS_NOT_FOUND, "mentee profile", RPC_TRY_MATCH, MENTEE(account));
    rpc_fails(STATUS_NOT_FOUND, "mentee profile", RPC_TRY_MATCH, MENTEE(mentor));
    rpc_fails(STATUS_NOT_FOUND, "999999", RPC_TRY_MATCH, MENTEE(999999));
    rpc_fails(STATUS_NOT_FOUND, "mentee profile", RPC_TRY_MATCH, MENTEE(1));
    rpc_fails(STATUS_NOT_FOUND, "mentee profile", RPC_TRY_MATCH, MENTEE(INT32_MAX));
}
END_TEST

START_TEST(an_id_that_cannot_be_one_is_an_invalid_argument)
{
    static const int64_t ids[] = { 0, -1, INT64_MIN, INT64_C(1) << 31, (INT64_C(1) << 32) + 1001, INT64_MAX };
    make_mentee(make_area("Here"), "");
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++)
        rpc_fails(STATUS_INVALID_ARGUMENT, "menteeUserId", RPC_TRY_MATCH, MENTEE(ids[i]));
}
END_TEST

/* ---- which of them ---- */

START_TEST(an_area_without_model_goes_before_the_best_prediction)
{
    int here = make_area("Here"), modelled = make_area("Modelled"), unknown = make_area("Unknown");
    int c = make_skill("C");
    const char *skills = db_text("SELECT '%d'", c);
    make_model(here, modelled, 5, 5, 5);
    int mentee = make_mentee(here, skills), next = make_mentee(here, skills);
    int best = make_mentor(modelled, skills), to_try = make_mentor(unknown, "");
    gets(mentee, to_try);
    fill(to_try, here, 4);
    gets(next, best); /* who is full does not call for a try */
}
END_TEST

START_TEST(shared_skills_count_as_the_model_says)
{
    int here = make_area("Here"), there = make_area("There");
    const char *three = db_text("SELECT '%d, %d, %d'", make_skill("A"), make_skill("B"), make_skill("C"));
    make_model(here, there, 0.5, 0, 3);
    int none = make_mentor(there, ""), all = make_mentor(there, three);
    make_mentor(there, "1001");
    gets(make_mentee(here, three), all);
    db_run("UPDATE ratingmodel SET skilloverlapcoefficient = -0.5");
    gets(make_mentee(here, three), none);
}
END_TEST

START_TEST(only_skills_that_both_have_count)
{
    int here = make_area("Here"), there = make_area("There");
    make_skill("A"), make_skill("B"), make_skill("C"), make_skill("D");
    make_model(here, there, 1, 0, 0);
    make_mentor(there, "1002, 1003, 1004");
    int shared = make_mentor(there, "1001");
    gets(make_mentee(here, "1001"), shared);
}
END_TEST

START_TEST(the_age_difference_counts_as_the_model_says)
{
    int here = make_area("Here"), there = make_area("There"), mentee = make_mentee(here, ""),
        next = make_mentee(here, "");
    make_model(here, there, 0, 0.1, 3);
    int young = make_mentor(there, ""), old = make_mentor(there, "");
    make_mentor(there, "");
    born(young, "2001-01-01");
    born(old, "1950-01-01");
    gets(mentee, old); /* the mentee is born later: a positive difference */
    db_run("UPDATE ratingmodel SET agedifferencecoefficient = -0.1");
    gets(next, young);
}
END_TEST

/* 182 days are 0.499 years of 365 days, 183 are 0.501; two mentors within the same rounded year are equal,
 * and then the skill decides. */
START_TEST(the_age_difference_is_rounded_to_whole_years)
{
    int here = make_area("Here"), there = make_area("There");
    make_skill("A");
    make_model(here, there, 0.001, 1, 0);
    int a = make_mentor(there, ""), b = make_mentor(there, "1001");
    born(a, "1989-07-03"); /* 182 days before 1990-01-01: 0 years */
    born(b, "1989-12-31");
    gets(make_mentee(here, "1001"), b);
    born(a, "1989-07-02"); /* 183 days: 1 year */
    gets(make_mentee(here, "1001"), a);
    born(a, "1990-07-02"); /* -182: 0 */
    born(b, "1990-07-03"); /* -183: -1 */
    gets(make_mentee(here, "1001"), a);
    born(b, "1990-07-02");
    gets(make_mentee(here, "1001"), b);
}
END_TEST

START_TEST(the_model_of_a_pair_serves_both_directions_and_offsets_tell_areas_apart)
{
    int low = make_area("Low"), middle = make_area("Middle"), high = make_area("High");
    make_model(low, middle, 0, 0, 2);
    make_model(middle, high, 0, 0, 4);
    make_model(low, high, 0, 0, 3);
    int of_low = make_mentor(low, ""), of_high = make_mentor(high, "");
    gets(make_mentee(middle, ""), of_high);
    db_run("UPDATE ratingmodel SET modeloffset = 5 WHERE businessarea1id = %d AND businessarea2id = %d", low,
           middle);
    gets(make_mentee(middle, ""), of_low);
}
END_TEST

/* Whom the rule allows for a mentee, word by word: those without model, if any; else those of the highest
 * rating. The answer lists account ids as ",1,2,", and is "," if nobody qualifies. */
static const char *allowed_for(int mentee)
{
    return db_text(
        "WITH qualifying AS ("
        " SELECT ma.accountid, r.modeloffset IS NOT NULL AS modelled, r.skilloverlapcoefficient * (SELECT "
        "count(*) FROM ("
        "   SELECT skillid FROM mentorskill k WHERE k.mentorid = m.mentorid INTERSECT"
        "   SELECT skillid FROM menteeskill k WHERE k.menteeid = e.menteeid) both_have)"
        "  + r.agedifferencecoefficient * round((ea.dob - ma.dob) / 365.0::float8) + r.modeloffset AS rating"
        " FROM mentee e JOIN account ea ON ea.accountid = e.accountid"
        " JOIN account ma ON ma.businesssectorid <> ea.businesssectorid JOIN mentor m ON m.accountid = "
        "ma.accountid"
        " LEFT JOIN ratingmodel r ON (r.businessarea1id, r.businessarea2id) IN ((ea.businesssectorid,"
        "  ma.businesssectorid), (ma.businesssectorid, ea.businesssectorid))"
        " WHERE e.accountid = %d AND (SELECT count(*) FROM assignment a WHERE a.mentorid = m.mentorid) < 5), "
        "allowed AS (SELECT accountid FROM qualifying WHERE NOT modelled UNION ALL"
        " SELECT accountid FROM qualifying WHERE rating >= (SELECT max(rating) - 1e-9 FROM qualifying)"
        "  AND NOT EXISTS (SELECT FROM qualifying WHERE NOT modelled))"
        "SELECT ',' || coalesce(string_agg(accountid || ',', ''), '') FROM allowed",
        mentee);
}

/* Small, so that ties, full mentors and areas without model are common. */
static void make_random_world(int seed)
{
    db_run("DELETE FROM account; DELETE FROM businesssector; DELETE FROM skill; DELETE FROM ratingmodel;"
           "SELECT setseed(%d / 1000.0);"
           "INSERT INTO businesssector SELECT i, 'area' FROM generate_series(1, 4) i;"
           "INSERT INTO skill SELECT i, 'skill' FROM generate_series(1, 5) i;"
           "INSERT INTO account SELECT i, 'Person ' || i, i || '@example.com', 'x', date '1960-01-01' + "
           "(random() * 14000)::int,"
           " 1 + floor(random() * 4)::int FROM generate_series(1, 16) i;"
           "INSERT INTO mentor SELECT i, i FROM generate_series(1, 4) i;"
           "INSERT INTO mentee SELECT i, i FROM generate_series(3, 16) i;"
           "INSERT INTO mentorskill (mentorid, skillid) SELECT m, s FROM generate_series(1, 4) m, "
           "generate_series(1, 5) s"
           " WHERE random() < 0.5;"
           "INSERT INTO menteeskill (menteeid, skillid) SELECT e, s FROM generate_series(3, 16) e, "
           "generate_series(1, 5) s"
           " WHERE random() < 0.5;"
           "INSERT INTO ratingmodel SELECT a, b, (random() * 3)::int * 0.25 - 0.25, (random() * 4)::int * "
           "0.05 - 0.1,"
           " (random() * 2)::int FROM generate_series(1, 4) a, generate_series(1, 4) b WHERE a < b AND "
           "random() < %f",
           seed, seed % 3 ? 1.0 : 0.8);
}

START_TEST(in_random_worlds_the_choice_is_one_that_the_rule_allows)
{
    int matched = 0;
    for (int seed = 0; seed < 20; seed++) {
        make_random_world(seed);
        for (int mentee = 3; mentee <= 16; mentee++) {
            const char *allowed = allowed_for(mentee);
            const match_reply *reply = try_match(mentee);
            const char *chosen = db_text("SELECT CASE WHEN %d > 0 THEN ',%d,' ELSE '' END",
                                         (int)reply->mentorUserId, (int)reply->mentorUserId);
            ck_assert_msg(reply->status ? strstr(allowed, chosen) != NULL : strcmp(allowed, ",") == 0,
                          "world %d: mentee %d gets %s, but the rule says %s", seed, mentee, chosen, allowed);
            matched += reply->status;
        }
    }
    ck_assert_int_gt(matched, 150);
}
END_TEST

/* 5 mentors in 2 areas, 500 draws: the chi-squared statistic of 4 degrees of freedom exceeds 34 once in 1.3
 * million runs (its tail is exp(-x/2) (1 + x/2)). */
START_TEST(among_areas_without_model_every_mentor_is_as_likely)
{
    enum { MENTORS = 5, MENTEES = 20, ROUNDS = 25, EXPECTED = MENTEES * ROUNDS / MENTORS };
    int here = make_area("Here"), large = make_area("Large"), small = make_area("Small");
    int mentees[MENTEES], mentors[MENTORS], drawn[MENTORS] = { 0 };
    for (int i = 0; i < MENTEES; i++)
        mentees[i] = make_mentee(here, "");
    for (int i = 0; i < MENTORS; i++)
        mentors[i] = make_mentor(i < 4 ? large : small, "");
    for (int n = 0; n < MENTEES * ROUNDS; n++) {
        int64_t mentor = try_match(mentees[n % MENTEES])->mentorUserId;
        for (int i = 0; i < MENTORS; i++)
            drawn[i] += mentors[i] == mentor;
        db_run("DELETE FROM assignment"); /* or the next choice would not be free */
    }
    double chi_squared = 0;
    int total = 0;
    for (int i = 0; i < MENTORS; i++) {
        double off = drawn[i] - EXPECTED;
        chi_squared += off * off / EXPECTED;
        total += drawn[i];
    }
    ck_assert_int_eq(total, MENTEES * ROUNDS);
    ck_assert_msg(chi_squared < 34, "chi-squared %.1f: %d %d %d %d %d", chi_squared, drawn[0], drawn[1],
                  drawn[2], drawn[3], drawn[4]);
}
END_TEST

/* ---- test/sql/matching_property.sql: more worlds than RPCs could cross, and changes between matches ---- */

static void load_property_script(void)
{
    static char script[65536];
    FILE *file = fopen("test/sql/matching_property.sql", "r");
    ck_assert_msg(file, "test/sql/matching_property.sql cannot be read; run from the top of the source tree");
    size_t len = fread(script, 1, sizeof script - 1, file);
    fclose(file);
    ck_assert_uint_lt(len, sizeof script - 1);
    PGresult *result = PQexec(db_connect(), script);
    ck_assert_msg(PQresultStatus(result) == PGRES_COMMAND_OK, "%s", PQresultErrorMessage(result));
    PQclear(result);
}

START_TEST(the_property_script_holds_in_random_worlds)
{
    load_property_script();
    db_run("SELECT svcd_test.check_match_worlds(25, 0.25)");
    db_run("DROP SCHEMA svcd_test CASCADE");
}
END_TEST

START_TEST(the_property_script_finds_blind_choice_uniform_among_many_mentors)
{
    load_property_script();
    db_run("SELECT setseed(0.5); SELECT svcd_test.check_match_uniform(100)");
    db_run("DROP SCHEMA svcd_test CASCADE");
}
END_TEST

/* ---- GetMatchingMentor, GetMenteesByMentorId ---- */

START_TEST(a_mentee_is_told_its_mentor_and_false_if_it_has_none)
{
    int here = make_area("Here"), there = make_area("There"), mentee = make_mentee(here, "");
    int mentor = make_mentor(there, "");
    const match_reply *reply = rpc_ok_unchanged(RPC_GET_MATCHING_MENTOR, MENTEE(mentee));
    ck_assert(!reply->status && reply->mentorUserId == 0 && !reply->mentorName);
    make_assignment(mentor, mentee);
    reply = rpc_ok_unchanged(RPC_GET_MATCHING_MENTOR, MENTEE(mentee));
    ck_assert(reply->status);
    ck_assert_int_eq(reply->mentorUserId, mentor);
    ck_assert_str_eq(reply->mentorName, db_text("SELECT name FROM account WHERE accountid = %d", mentor));
}
END_TEST

START_TEST(asking_for_the_mentor_of_who_is_no_mentee_is_not_found)
{
    int mentor = make_mentor(make_area("Here"), "");
    static const int64_t ids[] = { 0, -1, 999999, INT64_MIN, INT64_MAX, (INT64_C(1) << 32) + 1001 };
    rpc_fails(STATUS_NOT_FOUND, "mentee profile", RPC_GET_MATCHING_MENTOR, MENTEE(mentor));
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++)
        rpc_fails(STATUS_NOT_FOUND, "mentee profile", RPC_GET_MATCHING_MENTOR, MENTEE(ids[i]));
}
END_TEST

static const matching_package_GetMenteesReply *mentees_of(int64_t mentor)
{
    return rpc_ok_unchanged(RPC_GET_MENTEES_BY_MENTOR_ID,
                            &(matching_package_GetMenteesRequest){ .mentorUserId = mentor });
}

START_TEST(a_mentors_mentees_come_oldest_assignment_first)
{
    int here = make_area("Here"), there = make_area("There"), mentor = make_mentor(there, ""), mentees[5];
    for (int i = 0; i < 5; i++)
        mentees[i] = make_mentee(here, "");
    static const int order[] = { 3, 0, 4, 1, 2 };
    for (int i = 0; i < 5; i++)
        make_assignment(mentor, mentees[order[i]]);
    make_assignment(make_mentor(there, ""), make_mentee(here, ""));
    const matching_package_GetMenteesReply *reply = mentees_of(mentor);
    ck_assert_uint_eq(reply->mentees_count, 5);
    for (int i = 0; i < 5; i++) {
        ck_assert_int_eq(reply->mentees[i].userid, mentees[order[i]]);
        ck_assert_str_eq(reply->mentees[i].name,
                         db_text("SELECT name FROM account WHERE accountid = %d", mentees[order[i]]));
    }
}
END_TEST

START_TEST(who_is_no_mentor_or_has_no_mentees_has_none)
{
    int here = make_area("Here"), mentor = make_mentor(here, ""), mentee = make_mentee(here, "");
    int64_t ids[] = { mentor, mentee, 999999, 0, -1, INT64_MIN, INT64_MAX };
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++)
        ck_assert_uint_eq(mentees_of(ids[i])->mentees_count, 0);
}
END_TEST

Suite *matching_suite(void)
{
    Suite *suite = suite_create("matching");
    TCase *tcase = harness_case(suite, "rules");
    tcase_add_test(tcase, a_mentee_is_matched_with_a_mentor_of_another_area);
    tcase_add_test(tcase, nobody_qualifies_in_ones_own_area);
    tcase_add_test(tcase, without_mentors_nobody_is_matched);
    tcase_add_test(tcase, a_mentor_of_four_mentees_qualifies_and_one_of_five_does_not);
    tcase_add_test(tcase, a_mentee_with_a_mentor_gets_no_other);
    tcase_add_test(tcase, an_account_without_mentee_profile_is_not_found);
    tcase_add_test(tcase, an_id_that_cannot_be_one_is_an_invalid_argument);
    tcase_add_test(tcase, an_area_without_model_goes_before_the_best_prediction);
    tcase_add_test(tcase, shared_skills_count_as_the_model_says);
    tcase_add_test(tcase, only_skills_that_both_have_count);
    tcase_add_test(tcase, the_age_difference_counts_as_the_model_says);
    tcase_add_test(tcase, the_age_difference_is_rounded_to_whole_years);
    tcase_add_test(tcase, the_model_of_a_pair_serves_both_directions_and_offsets_tell_areas_apart);
    tcase_add_test(tcase, in_random_worlds_the_choice_is_one_that_the_rule_allows);
    tcase_add_test(tcase, among_areas_without_model_every_mentor_is_as_likely);
    tcase_add_test(tcase, the_property_script_holds_in_random_worlds);
    tcase_add_test(tcase, the_property_script_finds_blind_choice_uniform_among_many_mentors);
    tcase_add_test(tcase, a_mentee_is_told_its_mentor_and_false_if_it_has_none);
    tcase_add_test(tcase, asking_for_the_mentor_of_who_is_no_mentee_is_not_found);
    tcase_add_test(tcase, a_mentors_mentees_come_oldest_assignment_first);
    tcase_add_test(tcase, who_is_no_mentor_or_has_no_mentees_has_none);
    return suite;
}
