/* SPDX-License-Identifier: MIT
 *
 * The scheduler: each run happens once and wholly, whoever else tries, fails or dies.
 */
#include <libpq-fe.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <uv.h>

#include "jobs_kit.h"

#define SUGGEST_HALF_HOURLY "jobs.suggest_workshops_enabled=yes", "jobs.suggest_workshops=*/30 * * * *"

/* ---- a run that stops half way ---- */

/* While the gate is closed a run stops after its first notification. */
static void make_gate(void)
{
    db_run("CREATE SEQUENCE test.sent;"
           "CREATE FUNCTION test.pass() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
           "  IF nextval('test.sent') %% 3 = 2 THEN PERFORM pg_advisory_xact_lock_shared(" DB_GATE
           "); END IF; "
           "RETURN NEW; END $$;"
           "CREATE TRIGGER gate BEFORE INSERT ON mentormessage FOR EACH ROW EXECUTE FUNCTION test.pass()");
}

/* Statements that wait for the gate. */
static long blocked(void)
{
    return db_int("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = " DB_GATE
                  " AND NOT granted");
}

static void wait_until_blocked(void)
{
    for (time_t begun = time(NULL); blocked() == 0;) {
        ck_assert_msg(time(NULL) - begun < PATIENCE, "nothing waits at the gate");
        harness_run_ms(5);
    }
}

/* The first run of a scheduler stops half way until the gate is opened. */
static PGconn *begin_blocked_run(void)
{
    make_demand();
    make_gate();
    jobs_configure(SUGGEST_HALF_HOURLY);
    PGconn *holder = db_close_gate();
    jobs_start_scheduler();
    wait_until_blocked();
    return holder;
}

static void must_be_done_once(void)
{
    jobs_wait_for_runs("done", 1);
    harness_run_ms(50);
    ck_assert_int_eq(jobs_runs("done"), 1);
    ck_assert_int_eq(jobs_messages(), MENTORS);
}

/* ---- when jobs run ---- */

START_TEST(several_schedulers_run_a_job_once_a_period)
{
    make_demand();
    jobs_configure(SUGGEST_HALF_HOURLY);
    for (int i = 0; i < 6; i++)
        jobs_start_scheduler();
    for (int period = 1; period <= 8; period++) {
        jobs_wait_for_runs("done", period);
        jobs_wake_all();
        harness_run_ms(20);
        ck_assert_int_eq(jobs_runs("done"), period);
        ck_assert_int_eq(jobs_messages(), period * MENTORS);
        kit.now_s += 30 * MINUTE;
        jobs_wake_all();
    }
    ck_assert_int_eq(jobs_runs("failed"), 0);
    ck_assert_str_eq(
        db_text("SELECT min(due) || ' ' || (max(due) - min(due)) FROM svcd.job_run WHERE run_id <= "
                "(SELECT min(run_id) + 7 FROM svcd.job_run)"),
        db_text("SELECT '%s 03:30:00'", jobs_time("0")));
}
END_TEST

START_TEST(a_job_runs_by_itself_when_its_time_comes)
{
    make_demand();
    jobs_configure("jobs.suggest_workshops_enabled=yes", "jobs.suggest_workshops=* * * * *");
    kit.now_s = kit.saturday_s + 59;
    jobs_start_scheduler();
    jobs_wait_for_runs("done", 1);
    kit.now_s = kit.saturday_s + 60; /* nobody wakes the scheduler: it had one second to sleep */
    jobs_wait_for_runs("done", 2);
    ck_assert_str_eq(db_text("SELECT max(due) FROM svcd.job_run"), jobs_time("1 minute"));
}
END_TEST

START_TEST(missed_runs_are_caught_up_once)
{
    make_demand();
    jobs_configure("jobs.suggest_workshops_enabled=yes", NULL);
    db_run("SELECT note_run('suggest-workshops', '%s', '1 s', 'done', 0, NULL)", jobs_time("-55 days"));
    jobs_start_scheduler();
    jobs_start_scheduler();
    jobs_wait_for_runs("done", 2);
    kit.now_s += 3600;
    jobs_wake_all();
    harness_run_ms(100);
    ck_assert_int_eq(jobs_runs("done"), 2);
    ck_assert_int_eq(jobs_messages(), MENTORS);
    ck_assert_str_eq(db_text("SELECT max(due) FROM svcd.job_run"), jobs_time("-6 days"));
}
END_TEST

START_TEST(what_was_due_before_svcd_knew_the_database_was_not_missed)
{
    make_demand();
    jobs_configure("jobs.suggest_workshops_enabled=yes", "jobs.suggest_workshops=0 0 1 1 *");
    kit.now_s = db_int("SELECT extract(epoch FROM min(applied_at))::bigint FROM svcd.migration");
    jobs_start_scheduler();
    harness_run_ms(200);
    ck_assert_int_eq(jobs_runs("done") + jobs_runs("failed"), 0);
}
END_TEST

START_TEST(a_run_by_hand_makes_up_for_a_missed_one)
{
    make_demand();
    jobs_configure("jobs.suggest_workshops_enabled=yes", NULL);
    ck_assert_int_eq(jobs_run_by_hand("suggest-workshops"), JOB_DONE);
    kit.now_s = time(NULL);
    jobs_start_scheduler();
    harness_run_ms(200);
    ck_assert_int_eq(jobs_runs("done"), 1);
    ck_assert_int_eq(jobs_messages(), MENTORS);
}
END_TEST

START_TEST(a_disabled_job_does_not_run_but_by_hand)
{
    make_demand();
    jobs_configure("jobs.update_models_enabled=yes", NULL);
    jobs_start_scheduler();
    jobs_wait_for_runs("done", 1);
    kit.now_s += 7 * DAY;
    jobs_wake_all();
    jobs_wait_for_runs("done", 2);
    ck_assert_int_eq(jobs_messages(), 0);
    ck_assert_int_eq(db_int("SELECT count(*) FROM svcd.job_run WHERE job <> 'update-models'"), 0);
    ck_assert_int_eq(jobs_run_by_hand("suggest-workshops"), JOB_DONE);
    ck_assert_int_eq(jobs_messages(), MENTORS);
}
END_TEST

START_TEST(with_no_job_enabled_there_is_no_scheduler)
{
    jobs_configure(NULL, NULL);
    jobs_start_scheduler();
    ck_assert_ptr_null(kit.schedulers[0]);
    kit.schedulers_n = 0;
}
END_TEST

START_TEST(a_connection_killed_half_way_leaves_nothing_and_the_run_is_made_again)
{
    PGconn *holder = begin_blocked_run();
    db_run("SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND objid = " DB_GATE
           " AND "
           "NOT granted");
    ck_assert_int_eq(jobs_messages(), 0);
    ck_assert_int_eq(jobs_runs("done"), 0);
    db_open_gate(holder);
    must_be_done_once();
}
END_TEST

/* The process dies; its statement may end well or not at the server, which has not noticed yet. */
START_TEST(a_process_killed_half_way_costs_no_run_and_doubles_none)
{
    make_demand();
    make_gate();
    jobs_configure(SUGGEST_HALF_HOURLY);
    PGconn *holder = db_close_gate();
    pid_t child = fork();
    if (child == 0) {
        uv_loop_t loop;
        uv_loop_init(&loop);
        jobs_start_scheduler_on(&loop);
        uv_run(&loop, UV_RUN_DEFAULT);
        _exit(0);
    }
    wait_until_blocked();
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    jobs_start_scheduler();
    harness_run_ms(50);
    ck_assert_int_eq(jobs_messages(), 0);
    db_open_gate(holder);
    must_be_done_once();
}
END_TEST

START_TEST(a_clock_that_is_ahead_of_the_database_s_runs_nothing_and_stops_nobody)
{
    make_demand();
    jobs_configure(SUGGEST_HALF_HOURLY);
    db_run("INSERT INTO svcd.job_run (job, due, started, finished, outcome) SELECT 'suggest-workshops', t, "
           "t, t, 'done' "
           "FROM (SELECT now() AT TIME ZONE 'UTC' + interval '3 days') f (t)"); /* whoever let that happen */
    int64_t right_s = kit.now_s;
    kit.now_s = time(NULL) + 3 * DAY;
    jobs_start_scheduler();
    jobs_wait_for_runs("failed", 1);
    ck_assert_ptr_nonnull(
        strstr(db_text("SELECT error FROM svcd.job_run WHERE outcome = 'failed' LIMIT 1"), "clock"));
    ck_assert_int_eq(jobs_messages(), 0);
    kit.now_s = right_s;
    jobs_wake_all();
    jobs_wait_for_runs("done", 2);
    ck_assert_int_eq(jobs_messages(), MENTORS);
}
END_TEST

START_TEST(runs_of_a_job_do_not_overlap)
{
    PGconn *holder = begin_blocked_run();
    ck_assert_int_eq(jobs_run_by_hand("suggest-workshops"), JOB_BUSY);
    ck_assert_int_eq(jobs_run_by_hand("update-models"), JOB_DONE);
    db_open_gate(holder);
    jobs_wait_for_runs("done", 2);
    ck_assert_int_eq(jobs_run_by_hand("suggest-workshops"), JOB_DONE);
    ck_assert_int_eq(jobs_messages(), 2 * MENTORS);
}
END_TEST

START_TEST(a_run_longer_than_its_period_is_followed_by_one_run)
{
    PGconn *holder = begin_blocked_run();
    kit.now_s += 5 * 30 * MINUTE;
    jobs_wake_all();
    db_open_gate(holder);
    jobs_wait_for_runs("done", 2);
    jobs_wake_all();
    harness_run_ms(50);
    ck_assert_int_eq(jobs_runs("done"), 2);
    ck_assert_str_eq(db_text("SELECT max(due) FROM svcd.job_run"), jobs_time("150 minutes"));
}
END_TEST

START_TEST(a_failed_run_changes_nothing_is_noted_and_tried_again)
{
    make_demand();
    jobs_configure(SUGGEST_HALF_HOURLY);
    db_run(
        "CREATE SEQUENCE test.sent;"
        "CREATE FUNCTION test.refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        "  IF nextval('test.sent') %% 2 = 0 THEN RAISE EXCEPTION 'no paper left'; END IF; RETURN NEW; END $$;"
        "CREATE TRIGGER refuse BEFORE INSERT ON mentormessage FOR EACH ROW EXECUTE FUNCTION test.refuse()");
    jobs_start_scheduler();
    jobs_wait_for_runs("failed", 3);
    ck_assert_int_eq(jobs_messages(), 0);
    ck_assert_int_eq(jobs_runs("done"), 0);
    ck_assert_ptr_nonnull(strstr(db_text("SELECT error FROM svcd.job_run LIMIT 1"), "no paper left"));
    ck_assert_int_eq(db_int("SELECT count(*) FROM svcd.job_run WHERE started > finished OR rows IS NOT NULL"),
                     0);
    db_run("DROP TRIGGER refuse ON mentormessage");
    jobs_wait_for_runs("done", 1);
    ck_assert_int_eq(jobs_messages(), MENTORS);
}
END_TEST

START_TEST(a_database_that_is_away_when_a_run_is_due_gets_it_on_its_return)
{
    make_demand();
    jobs_configure(SUGGEST_HALF_HOURLY);
    size_t host = 0;
    while (strcmp(kit.params.keywords[host], "host") != 0)
        host++;
    const char *right = kit.params.values[host];
    kit.params.values[host] = "/nonexistent";
    log_set_level(LOG_LEVEL_ERROR);
    jobs_start_scheduler();
    harness_run_ms(50);
    kit.now_s += 30 * MINUTE;
    jobs_wake_all();
    harness_run_ms(50);
    ck_assert_int_eq(jobs_runs("done"), 0);
    kit.params.values[host] = right;
    must_be_done_once();
}
END_TEST

START_TEST(connections_that_a_lock_keeps_from_coming_up_do_not_pile_up)
{
    jobs_configure("jobs.update_models_enabled=yes", "database.connect_timeout_ms=100");
    struct pg_conn *holder = db_hold("LOCK TABLE svcd.rating_import, svcd.job_run");
    jobs_start_scheduler();
    harness_run_ms(3000);
    ck_assert_int_le(db_int("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"), 4);
    db_let_go(holder);
    jobs_wait_for_runs("done", 1);
}
END_TEST

START_TEST(a_statement_of_a_job_may_take_longer_than_one_of_an_rpc)
{
    make_demand();
    jobs_configure("database.statement_timeout_ms=1", "jobs.suggest_workshops=0 0 * * *");
    db_run(
        "CREATE FUNCTION test.dawdle() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(0.05); "
        "RETURN NEW; END $$;"
        "CREATE TRIGGER dawdle BEFORE INSERT ON mentormessage FOR EACH ROW EXECUTE FUNCTION test.dawdle()");
    ck_assert_int_eq(jobs_run_by_hand("suggest-workshops"), JOB_DONE);
    ck_assert_int_eq(jobs_messages(), MENTORS);
}
END_TEST

START_TEST(runs_of_long_ago_are_forgotten_but_for_what_says_when_the_next_is_due)
{
    jobs_configure(NULL, NULL);
    db_run("INSERT INTO svcd.job_run (job, due, started, finished, outcome)"
           " SELECT j, d, d, d, o FROM (VALUES"
           " ('update-models', now() - interval '300 days', 'failed'), ('update-models', now() - interval "
           "'200 days', 'done'),"
           " ('update-models', now() - interval '80 days', 'done'), ('suggest-workshops', now() - interval "
           "'300 days', 'done'),"
           " ('suggest-workshops', now() - interval '200 days', 'failed')) v (j, at, o), LATERAL (SELECT at "
           "AT TIME ZONE 'UTC') t (d)");
    ck_assert_int_eq(jobs_run_by_hand("update-models"), JOB_DONE);
    ck_assert_int_eq(db_int("SELECT count(*) FROM svcd.job_run WHERE job = 'update-models'"), 2);
    ck_assert_int_eq(db_int("SELECT count(*) FROM svcd.job_run WHERE job = 'suggest-workshops'"), 2);
    db_run("SELECT svcd.note_run('suggest-workshops', NULL, '0', 'failed', NULL, 'no reason')");
    ck_assert_str_eq(db_text("SELECT string_agg(outcome, ' ' ORDER BY due) FROM svcd.job_run WHERE job = "
                             "'suggest-workshops'"),
                     "done failed"); /* nothing was done since; that of 200 days ago is gone */
}
END_TEST

Suite *scheduler_suite(void)
{
    Suite *suite = suite_create("scheduler");
    TCase *tcase = jobs_case(suite, "scheduler");
    tcase_add_test(tcase, several_schedulers_run_a_job_once_a_period);
    tcase_add_test(tcase, a_job_runs_by_itself_when_its_time_comes);
    tcase_add_test(tcase, missed_runs_are_caught_up_once);
    tcase_add_test(tcase, what_was_due_before_svcd_knew_the_database_was_not_missed);
    tcase_add_test(tcase, a_run_by_hand_makes_up_for_a_missed_one);
    tcase_add_test(tcase, a_disabled_job_does_not_run_but_by_hand);
    tcase_add_test(tcase, with_no_job_enabled_there_is_no_scheduler);
    tcase_add_test(tcase, a_connection_killed_half_way_leaves_nothing_and_the_run_is_made_again);
    tcase_add_test(tcase, a_process_killed_half_way_costs_no_run_and_doubles_none);
    tcase_add_test(tcase, a_clock_that_is_ahead_of_the_database_s_runs_nothing_and_stops_nobody);
    tcase_add_test(tcase, runs_of_a_job_do_not_overlap);
    tcase_add_test(tcase, a_run_longer_than_its_period_is_followed_by_one_run);
    tcase_add_test(tcase, a_failed_run_changes_nothing_is_noted_and_tried_again);
    tcase_add_test(tcase, a_database_that_is_away_when_a_run_is_due_gets_it_on_its_return);
    tcase_add_test(tcase, connections_that_a_lock_keeps_from_coming_up_do_not_pile_up);
    tcase_add_test(tcase, a_statement_of_a_job_may_take_longer_than_one_of_an_rpc);
    tcase_add_test(tcase, runs_of_long_ago_are_forgotten_but_for_what_says_when_the_next_is_due);
    return suite;
}
