/* SPDX-License-Identifier: MIT
 *
 * What a lost connection may cost: every call is answered exactly once (the harness fails a second answer), a
 * read is sent again, a write is UNAVAILABLE rather than acknowledged before its commit, and the pool comes
 * back by itself.
 */
#include "pool_kit.h"

#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

#include "db/pool.h"

/* While the gate is closed reads of mentormessage and writes to websitefeedback and milestone wait, but
 * statements can be prepared, as they could not under a lock on the tables. */
static void make_gate(void)
{
    db_run(
        "CREATE FUNCTION test.pass() RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN"
        "  PERFORM pg_advisory_xact_lock_shared(" DB_GATE "); RETURN true; END $$;"
        "CREATE FUNCTION test.pass_row() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM test.pass(); "
        "RETURN NEW; END $$;"
        "CREATE TRIGGER gate BEFORE INSERT ON websitefeedback FOR EACH ROW EXECUTE FUNCTION test.pass_row();"
        "CREATE TRIGGER gate BEFORE UPDATE ON milestone FOR EACH ROW EXECUTE FUNCTION test.pass_row();"
        "CREATE POLICY gate ON mentormessage USING (test.pass());"
        "ALTER TABLE mentormessage ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY");
}

#define BLOCKED "application_name ~ ' svcd ' AND wait_event = 'advisory'"

/* What is blocked gives up now and then, and begins anew apart from others. */
static void kill_blocked(int at_most)
{
    for (;;) {
        harness_run_until_blocked("advisory", 1);
        if (db_int("SELECT count(*) FROM (SELECT pg_terminate_backend(pid) FROM (SELECT pid FROM "
                   "pg_stat_activity WHERE " BLOCKED " LIMIT %d) p) k",
                   at_most) > 0)
            return;
    }
}

/* ---- reads ---- */

enum { MENTORS = 100 };

static void make_mentors_with_messages(int mentors[MENTORS])
{
    int area = make_area("Here");
    for (int i = 0; i < MENTORS; i++)
        mentors[i] = make_mentor(area, "");
    db_run("INSERT INTO mentormessage (mentorid, message) SELECT mentorid, 'for ' || accountid FROM mentor");
}

static void has_its_message(const struct sent *sent, int mentor)
{
    ck_assert_msg(sent->status == STATUS_OK, "status %d: %s", sent->status, sent->message);
    const account_package_NotificationsReply *reply = sent->reply;
    ck_assert_uint_eq(reply->desiredNotifications_count, 1);
    ck_assert_str_eq(reply->desiredNotifications[0], numbered("for", mentor));
}

START_TEST(reads_of_a_killed_backend_are_sent_again)
{
    int mentors[MENTORS];
    make_mentors_with_messages(mentors);
    make_gate();
    PGconn *holder = db_close_gate();
    struct sent *sent[MENTORS];
    for (int i = 0; i < MENTORS; i++)
        sent[i] = get_notifications(mentors[i]);
    harness_run_until_blocked("advisory", 1);
    kill_blocked(1);
    harness_run_ms(50);
    for (int i = 0; i < MENTORS; i++)
        ck_assert_msg(!sent[i]->answered, "call %d: status %d: %s", i, sent[i]->status, sent[i]->message);
    db_open_gate(holder);
    rpc_wait_all();
    for (int i = 0; i < MENTORS; i++)
        has_its_message(sent[i], mentors[i]);
}
END_TEST

START_TEST(a_read_that_loses_two_backends_is_unavailable)
{
    int mentors[MENTORS];
    make_mentors_with_messages(mentors);
    make_gate();
    PGconn *holder = db_close_gate();
    struct sent *sent = get_notifications(mentors[0]);
    for (int i = 0; i < 2; i++) {
        harness_run_until_blocked("advisory", 1);
        kill_blocked(1);
        harness_run_ms(i == 0 ? 50 : 0);
    }
    rpc_wait(sent);
    ck_assert_int_eq(sent->status, STATUS_UNAVAILABLE);
    db_open_gate(holder);
}
END_TEST

/* ---- writes ---- */

START_TEST(no_write_is_acknowledged_while_it_is_not_committed)
{
    make_gate();
    PGconn *holder = db_close_gate();
    struct sent *sent[30];
    for (int i = 0; i < 30; i++)
        sent[i] = add_feedback(numbered("text", i));
    harness_run_until_blocked("advisory", 1);
    harness_run_ms(200);
    for (int i = 0; i < 30; i++)
        ck_assert(!sent[i]->answered);
    kill_blocked(10);
    rpc_wait_all();
    for (int i = 0; i < 30; i++)
        ck_assert_int_eq(sent[i]->status, STATUS_UNAVAILABLE);
    db_open_gate(holder);
    ck_assert_int_eq(db_int("SELECT count(*) FROM websitefeedback"), 0);
}
END_TEST

/* Rows so large that the server sends results long before the commit, which waits at the gate. */
START_TEST(a_result_that_comes_before_the_commit_is_held_back)
{
    int mentee = make_mentee(make_area("Here"), "");
    make_gate();
    db_run(
        "CREATE CONSTRAINT TRIGGER slow AFTER INSERT ON milestone DEFERRABLE INITIALLY DEFERRED FOR EACH ROW"
        "  WHEN (new.content LIKE 'slow%%') EXECUTE FUNCTION test.pass_row()");
    PGconn *holder = db_close_gate();
    struct sent *sent[20];
    for (int i = 0; i < 20; i++) {
        char *content = text_of(9000, "x");
        if (i == 0)
            memcpy(content, "slow", 4);
        sent[i] =
            rpc_send(RPC_CREATE_PLANS_OF_ACTIONS, &(meeting_package_CreatePlansOfActionsRequest){
                                                      .menteeUserId = mentee, .plansOfAction = content });
    }
    harness_run_until_blocked("advisory", 1);
    harness_run_ms(200);
    ck_assert(!sent[0]->answered);
    long answered = 0; /* those that gave up waiting behind it */
    for (int i = 0; i < 20; i++)
        answered += sent[i]->answered;
    ck_assert_int_ge(db_int("SELECT count(*) FROM milestone"), answered);
    db_open_gate(holder);
    rpc_wait_all();
    for (int i = 0; i < 20; i++)
        ck_assert_int_eq(sent[i]->status, STATUS_OK);
    ck_assert_int_eq(db_int("SELECT count(*) FROM milestone"), 20);
}
END_TEST

START_TEST(a_write_whose_backend_is_killed_is_unavailable_and_the_lane_comes_back)
{
    int mentee = make_mentee(make_area("Here"), "");
    db_run("INSERT INTO milestone (menteeid, content, completed) SELECT menteeid, 'plan', false FROM mentee "
           "WHERE accountid = %d",
           mentee);
    make_gate();
    PGconn *holder = db_close_gate();
    struct sent *sent = rpc_send(RPC_TOGGLE_PLANS_OF_ACTION_COMPLETION,
                                 &(meeting_package_TogglePlansOfActionCompletionRequest){ .planid = 1001 });
    harness_run_until_blocked("advisory", 1);
    kill_blocked(1);
    rpc_wait(sent);
    ck_assert_int_eq(sent->status, STATUS_UNAVAILABLE);
    ck_assert_msg(strstr(sent->message, "unknown"), "\"%s\" does not tell that the outcome is unknown",
                  sent->message);
    db_open_gate(holder);
    ck_assert_str_eq(db_text("SELECT completed FROM milestone"), "f");
    for (int i = 0; i < 8; i++) { /* over every connection of the lane */
        const meeting_package_TogglePlansOfActionCompletionReply *reply =
            rpc_ok(RPC_TOGGLE_PLANS_OF_ACTION_COMPLETION,
                   &(meeting_package_TogglePlansOfActionCompletionRequest){ .planid = 1001 });
        ck_assert(reply->successful);
    }
}
END_TEST

/* ---- load ---- */

static void count_writes(struct sent *const *writes, int n, int *ok, int *lost)
{
    *ok = *lost = 0;
    for (int i = 0; i < n; i++) {
        *ok += writes[i]->answered && writes[i]->status == STATUS_OK;
        *lost += writes[i]->answered && writes[i]->status != STATUS_OK;
    }
}

/* Backends die at random under a mix of reads and writes, the next once more writes have come through, or
 * have all been answered.
 */
START_TEST(under_load_what_was_acknowledged_is_stored_once_and_nothing_else_twice)
{
    enum { MAX = 4000 };
    static struct sent *writes[MAX], *reads[MAX];
    int mentors[MENTORS], n = 0, ok = 0, lost = 0;
    make_mentors_with_messages(mentors);
    while (n < MAX) {
        for (int i = 0; i < 40; i++, n++) {
            writes[n] = add_feedback(numbered("text", n));
            reads[n] = get_notifications(mentors[n % MENTORS]);
        }
        harness_run_ms(2);
        db_run(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name ~ ' svcd ' ORDER "
            "BY random() LIMIT 1");
        for (int before = ok; ok == before && ok + lost < n;) {
            harness_run_ms(8);
            count_writes(writes, n, &ok, &lost);
        }
    }
    rpc_wait_all();
    count_writes(writes, n, &ok, &lost);
    for (int i = 0; i < n; i++) {
        long stored =
            db_int("SELECT count(*) FROM websitefeedback WHERE message = %s", db_quote(numbered("text", i)));
        ck_assert_int_le(stored, 1);
        if (writes[i]->status == STATUS_OK)
            ck_assert_int_eq(stored, 1);
        else
            ck_assert_msg(writes[i]->status == STATUS_UNAVAILABLE, "status %d: %s", writes[i]->status,
                          writes[i]->message);
        if (reads[i]->status == STATUS_OK)
            has_its_message(reads[i], mentors[i % MENTORS]);
        else
            ck_assert_msg(reads[i]->status == STATUS_UNAVAILABLE, "status %d: %s", reads[i]->status,
                          reads[i]->message);
    }
    ck_assert_msg(ok > 100 && lost > 0, "%d acknowledged, %d lost: the test tests nothing", ok, lost);
    harness_run_ms(100); /* the last one killed has been missed, and come back */
    harness_run_until(&harness_context()->pool->available);
    struct sent *after = add_feedback("after");
    rpc_wait(after);
    ck_assert_int_eq(after->status, STATUS_OK);
    ck_assert_int_eq(db_int("SELECT count(*) FROM websitefeedback WHERE message = 'after'"), 1);
}
END_TEST

/* ---- a database that goes away ---- */

/* A folder with a link to the server's socket, which the test can take away. */
static char folder[] = "/tmp/svcd-test-XXXXXX", link_path[100], socket_path[200];

static struct pool *use_linked_pool(void)
{
    static const char *values[32];
    struct pool_options options = *harness_pool_options();
    ck_assert_ptr_nonnull(mkdtemp(folder));
    const char *port = "5432";
    for (size_t i = 0; options.conn.keywords[i]; i++) {
        values[i] = options.conn.values[i];
        if (strcmp(options.conn.keywords[i], "port") == 0)
            port = values[i];
        if (strcmp(options.conn.keywords[i], "host") != 0)
            continue;
        snprintf(socket_path, sizeof socket_path, "%s/.s.PGSQL.", values[i]);
        values[i] = folder;
    }
    strcat(socket_path, port);
    snprintf(link_path, sizeof link_path, "%s/.s.PGSQL.%s", folder, port);
    options.conn.values = values;
    return harness_use_pool(&options);
}

static grpc_health_v1_HealthCheckResponse_ServingStatus health(void)
{
    return ((const grpc_health_v1_HealthCheckResponse *)rpc_ok(RPC_CHECK,
                                                               &(grpc_health_v1_HealthCheckRequest){ 0 }))
        ->status;
}

/* Some may have been on their way up when the others were ended, without a name yet by which to find them. */
static void end_all(const struct pool *pool)
{
    for (int lane = 0; lane < LANES; lane++)
        while (pool->lanes[lane].up > 0) {
            db_run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                   "WHERE application_name ~ ' svcd '");
            harness_run_ms(5);
        }
}

/* Whether within a second; on a machine where connecting takes long by itself, within ten times that. */
static bool is_back_soon(const struct pool *pool)
{
    unsigned most_ms = 10 * harness_connect_ms();
    uint64_t begun_ns = uv_hrtime();
    harness_run_until(&pool->available);
    return (uv_hrtime() - begun_ns) / 1000000 < (most_ms > 1000 ? most_ms : 1000);
}

static void is_unavailable_at_once(struct sent *sent)
{
    ck_assert(sent->answered);
    ck_assert_int_eq(sent->status, STATUS_UNAVAILABLE);
}

START_TEST(calls_are_unavailable_at_once_while_the_database_is_away_and_served_within_a_second_of_its_return)
{
    int mentor = make_mentor(make_area("Here"), "");
    struct pool *pool = use_linked_pool(); /* starts while there is no database */
    harness_run_ms(300);
    is_unavailable_at_once(get_notifications(mentor));
    is_unavailable_at_once(add_feedback("away"));
    ck_assert_int_eq(health(), grpc_health_v1_HealthCheckResponse_ServingStatus_NOT_SERVING);
    int soon_n = 0, late_n = 0; /* now and then a machine stands still: a pool that is late is so each time */
    while (soon_n < 2 && late_n < 5) {
        ck_assert_int_eq(symlink(socket_path, link_path), 0);
        if (is_back_soon(pool))
            soon_n++;
        else
            late_n++;
        ck_assert_int_eq(health(), grpc_health_v1_HealthCheckResponse_ServingStatus_SERVING);
        rpc_ok(RPC_ADD_DEV_FEEDBACK, &(feedback_package_AddDevFeedbackRequest){ .content = "back" });
        unlink(link_path);
        end_all(pool);
        is_unavailable_at_once(add_feedback("away again"));
        ck_assert_int_eq(health(), grpc_health_v1_HealthCheckResponse_ServingStatus_NOT_SERVING);
    }
    rmdir(folder);
    ck_assert_int_eq(soon_n, 2);
    ck_assert_int_eq(db_int("SELECT count(*) FROM websitefeedback"), soon_n + late_n);
}
END_TEST

Suite *loss_suite(void)
{
    Suite *suite = suite_create("loss");
    TCase *tcase = harness_case(suite, "killed backends");
    tcase_add_test(tcase, reads_of_a_killed_backend_are_sent_again);
    tcase_add_test(tcase, a_read_that_loses_two_backends_is_unavailable);
    tcase_add_test(tcase, no_write_is_acknowledged_while_it_is_not_committed);
    tcase_add_test(tcase, a_result_that_comes_before_the_commit_is_held_back);
    tcase_add_test(tcase, a_write_whose_backend_is_killed_is_unavailable_and_the_lane_comes_back);
    tcase_add_test(tcase, under_load_what_was_acknowledged_is_stored_once_and_nothing_else_twice);
    tcase_add_test(
        tcase,
        calls_are_unavailable_at_once_while_the_database_is_away_and_served_within_a_second_of_its_return);
    return suite;
}
