/* SPDX-License-Identifier: MIT
 *
 * Jobs: each run happens once and wholly, whoever else tries, fails or dies; and what each job does. The
 * clock is the test's: it stands in 2050, after everything that the database knows.
 */
#include "harness.h"

#include <libpq-fe.h>
#include <math.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <uv.h>

#include "daemon.h"
#include "jobs/job.h"
#include "jobs/scheduler.h"
#include "jobs/session.h"

#define SATURDAY INT64_C(2524608000) /* 2050-01-01 00:00 */
#define MINUTE   60
#define DAY      86400
#define PATIENCE 20 /* seconds */

extern char **environ;

static struct config config;
static struct database_params params;
static struct conn_options conn;
static struct scheduler *schedulers[8];
static size_t schedulers_n;
static int64_t now_s;

/* ---- set-up ---- */

static int64_t test_clock(void)
{
    return now_s;
}

/* Both jobs are off unless told otherwise. */
static void configure(const char *setting1, const char *setting2)
{
    const char *settings[] = { "jobs.update_models_enabled=no", "jobs.suggest_workshops_enabled=no", setting1,
                               setting2 };
    struct config_source source = { .environment = environ,
                                    .settings = settings,
                                    .n_settings = setting2   ? 4
                                                  : setting1 ? 3
                                                             : 2 };
    ck_assert_int_eq(config_load(&config, &source, stderr), 0);
    database_params_set_for_jobs(&params, &config);
    conn = database_conn_options(&params, &config, 0);
    conn.reconnect_min_ms = 5;
    conn.reconnect_max_ms = 20;
    now_s = SATURDAY;
    log_set_level(LOG_LEVEL_ERROR);
}

static void start_scheduler_on(uv_loop_t *loop)
{
    struct scheduler_options options = {
        .config = &config, .conn = conn, .now_s = test_clock, .retry_min_ms = 20
    };
    ck_assert_int_eq(scheduler_start(&schedulers[schedulers_n++], loop, &options), 0);
}

static void start_scheduler(void)
{
    start_scheduler_on(harness_loop());
}

static void tear_down_jobs(void)
{
    for (size_t i = 0; i < schedulers_n; i++)
        scheduler_stop(schedulers[i]);
    harness_run_ms(5);
    while (schedulers_n > 0)
        scheduler_destroy(schedulers[--schedulers_n]);
    config_finish(&config);
}

static void wake_all(void)
{
    for (size_t i = 0; i < schedulers_n; i++)
        scheduler_wake(schedulers[i]);
}

static enum job_outcome outcome_by_hand;

static void on_ended(struct job_run *run)
{
    outcome_by_hand = run->outcome;
    *(bool *)run->data = true;
}

/* On a loop of its own, as the command does. */
static enum job_outcome run_by_hand(const char *name)
{
    struct session session;
    bool ended = false;
    struct job_run run = { .job = job_find(name), .by_hand = true, .on_ended = on_ended, .data = &ended };
    ck_assert_int_eq(session_open(&session, &config, &conn), 0);
    job_run_start(&run, &session.context);
    session_run_until(&session, &ended);
    session_close(&session);
    job_run_finish(&run);
    return outcome_by_hand;
}

/* ---- what is asked ---- */

static long runs(const char *outcome)
{
    return db_int("SELECT count(*) FROM svcd.job_run WHERE outcome = %s", db_quote(outcome));
}

static long messages(void)
{
    return db_int("SELECT count(*) FROM mentormessage");
}

static void wait_for_runs(const char *outcome, long n)
{
    for (time_t begun = time(NULL); runs(outcome) < n;) {
        ck_assert_msg(time(NULL) - begun < PATIENCE, "%ld runs were %s, not %ld", runs(outcome), outcome, n);
        harness_run_ms(5);
    }
}

/* Statements that wait for the gate. */
static long blocked(void)
{
    return db_int(
        "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = 4711 AND NOT granted");
}

/* ---- a world with something to suggest ---- */

#define MENTORS 3

static void make_mentees_who_want(int area, int skill, int n)
{
    char skills[16];
    snprintf(skills, sizeof skills, "%d", skill);
    while (n-- > 0)
        make_mentee(area, skills);
}

/* Ten mentees want what three mentors teach: a run sends three notifications. */
static void make_demand(void)
{
    int area = make_area("Here"), skill = make_skill("Knots");
    char skills[16];
    snprintf(skills, sizeof skills, "%d", skill);
    for (int i = 0; i < MENTORS; i++)
        make_mentor(area, skills);
    make_mentees_who_want(area, skill, 10);
}

/* While the gate is closed a run stops after its first notification. */
static void make_gate(void)
{
    db_run("CREATE SCHEMA test; CREATE SEQUENCE test.sent;"
           "CREATE FUNCTION test.pass() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
           "  IF nextval('test.sent') %% 3 = 2 THEN PERFORM pg_advisory_xact_lock_shared(4711); END IF; "
           "RETURN NEW; END $$;"
           "CREATE TRIGGER gate BEFORE INSERT ON mentormessage FOR EACH ROW EXECUTE FUNCTION test.pass()");
}

static PGconn *close_gate(void)
{
    PGconn *holder = db_connect();
    PQclear(PQexec(holder, "SELECT pg_advisory_lock(4711)"));
    return holder;
}

static void open_gate(PGconn *holder)
{
    PQclear(PQexec(holder, "SELECT pg_advisory_unlock(4711)"));
}

static void wait_until_blocked(void)
{
    for (time_t begun = time(NULL); blocked() == 0;) {
        ck_assert_msg(time(NULL) - begun < PATIENCE, "nothing waits at the gate");
        harness_run_ms(5);
    }
}

#define SUGGEST_HALF_HOURLY "jobs.suggest_workshops_enabled=yes", "jobs.suggest_workshops=*/30 * * * *"

/* ---- the scheduler ---- */

START_TEST(several_schedulers_run_a_job_once_a_period)
{
    make_demand();
    configure(SUGGEST_HALF_HOURLY);
    for (int i = 0; i < 6; i++)
        start_scheduler();
    for (int period = 1; period <= 8; period++) {
        wait_for_runs("done", period);
        wake_all();
        harness_run_ms(20);
        ck_assert_int_eq(runs("done"), period);
        ck_assert_int_eq(messages(), period * MENTORS);
        now_s += 30 * MINUTE;
        wake_all();
    }
    ck_assert_int_eq(runs("failed"), 0);
    ck_assert_str_eq(
        db_text("SELECT min(due) || ' ' || (max(due) - min(due)) FROM svcd.job_run WHERE run_id <= "
                "(SELECT min(run_id) + 7 FROM svcd.job_run)"),
        "2050-01-01 00:00:00 03:30:00");
}
END_TEST

START_TEST(a_job_runs_by_itself_when_its_time_comes)
{
    make_demand();
    configure("jobs.suggest_workshops_enabled=yes", "jobs.suggest_workshops=* * * * *");
    now_s = SATURDAY + 59;
    start_scheduler();
    wait_for_runs("done", 1);
    now_s = SATURDAY + 60; /* nobody wakes the scheduler: it had one second to sleep */
    wait_for_runs("done", 2);
    ck_assert_str_eq(db_text("SELECT max(due) FROM svcd.job_run"), "2050-01-01 00:01:00");
}
END_TEST

START_TEST(missed_runs_are_caught_up_once)
{
    make_demand();
    configure("jobs.suggest_workshops_enabled=yes", NULL);
    db_run("SELECT note_run('suggest-workshops', '2049-11-07 00:00', '1 s', 'done', 0, NULL)");
    start_scheduler();
    start_scheduler();
    wait_for_runs("done", 2);
    now_s += 3600;
    wake_all();
    harness_run_ms(100);
    ck_assert_int_eq(runs("done"), 2);
    ck_assert_int_eq(messages(), MENTORS);
    ck_assert_str_eq(db_text("SELECT max(due) FROM svcd.job_run"), "2049-12-26 00:00:00");
}
END_TEST

START_TEST(what_was_due_before_svcd_knew_the_database_was_not_missed)
{
    make_demand();
    configure("jobs.suggest_workshops_enabled=yes", "jobs.suggest_workshops=0 0 1 1 *");
    now_s = db_int("SELECT extract(epoch FROM min(applied_at))::bigint FROM svcd.migration");
    start_scheduler();
    harness_run_ms(200);
    ck_assert_int_eq(runs("done") + runs("failed"), 0);
}
END_TEST

START_TEST(a_run_by_hand_makes_up_for_a_missed_one)
{
    make_demand();
    configure("jobs.suggest_workshops_enabled=yes", NULL);
    db_run("SELECT note_run('suggest-workshops', '2049-12-31 12:00', '1 s', 'done', 0, NULL)");
    start_scheduler();
    harness_run_ms(200);
    ck_assert_int_eq(runs("done"), 1);
    now_s += DAY;
    wake_all();
    wait_for_runs("done", 2);
}
END_TEST

START_TEST(a_disabled_job_does_not_run_but_by_hand)
{
    make_demand();
    configure("jobs.update_models_enabled=yes", NULL);
    start_scheduler();
    wait_for_runs("done", 1);
    now_s += 7 * DAY;
    wake_all();
    wait_for_runs("done", 2);
    ck_assert_int_eq(messages(), 0);
    ck_assert_int_eq(db_int("SELECT count(*) FROM svcd.job_run WHERE job <> 'update-models'"), 0);
    ck_assert_int_eq(run_by_hand("suggest-workshops"), JOB_DONE);
    ck_assert_int_eq(messages(), MENTORS);
}
END_TEST

START_TEST(with_no_job_enabled_there_is_no_scheduler)
{
    configure(NULL, NULL);
    start_scheduler();
    ck_assert_ptr_null(schedulers[0]);
    schedulers_n = 0;
}
END_TEST

START_TEST(a_connection_killed_half_way_leaves_nothing_and_the_run_is_made_again)
{
    make_demand();
    make_gate();
    configure(SUGGEST_HALF_HOURLY);
    PGconn *holder = close_gate();
    start_scheduler();
    wait_until_blocked();
    db_run("SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND objid = 4711 AND "
           "NOT granted");
    ck_assert_int_eq(messages(), 0);
    ck_assert_int_eq(runs("done"), 0);
    open_gate(holder);
    wait_for_runs("done", 1);
    harness_run_ms(50);
    ck_assert_int_eq(runs("done"), 1);
    ck_assert_int_eq(messages(), MENTORS);
}
END_TEST

/* The process dies; its statement may end well or not at the server, which has not noticed yet. */
START_TEST(a_process_killed_half_way_costs_no_run_and_doubles_none)
{
    make_demand();
    make_gate();
    configure(SUGGEST_HALF_HOURLY);
    PGconn *holder = close_gate();
    pid_t child = fork();
    if (child == 0) {
        uv_loop_t loop;
        uv_loop_init(&loop);
        start_scheduler_on(&loop);
        uv_run(&loop, UV_RUN_DEFAULT);
        _exit(0);
    }
    wait_until_blocked();
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    start_scheduler();
    harness_run_ms(50);
    ck_assert_int_eq(messages(), 0);
    open_gate(holder);
    wait_for_runs("done", 1);
    harness_run_ms(50);
    ck_assert_int_eq(runs("done"), 1);
    ck_assert_int_eq(messages(), MENTORS);
}
END_TEST

START_TEST(runs_of_a_job_do_not_overlap)
{
    make_demand();
    make_gate();
    configure(SUGGEST_HALF_HOURLY);
    PGconn *holder = close_gate();
    start_scheduler();
    wait_until_blocked();
    ck_assert_int_eq(run_by_hand("suggest-workshops"), JOB_BUSY);
    ck_assert_int_eq(run_by_hand("update-models"), JOB_DONE);
    open_gate(holder);
    wait_for_runs("done", 2);
    ck_assert_int_eq(run_by_hand("suggest-workshops"), JOB_DONE);
    ck_assert_int_eq(messages(), 2 * MENTORS);
}
END_TEST

START_TEST(a_run_longer_than_its_period_is_followed_by_one_run)
{
    make_demand();
    make_gate();
    configure(SUGGEST_HALF_HOURLY);
    PGconn *holder = close_gate();
    start_scheduler();
    wait_until_blocked();
    now_s += 5 * 30 * MINUTE;
    wake_all();
    open_gate(holder);
    wait_for_runs("done", 2);
    wake_all();
    harness_run_ms(50);
    ck_assert_int_eq(runs("done"), 2);
    ck_assert_str_eq(db_text("SELECT max(due) FROM svcd.job_run"), "2050-01-01 02:30:00");
}
END_TEST

START_TEST(a_failed_run_changes_nothing_is_noted_and_tried_again)
{
    make_demand();
    configure(SUGGEST_HALF_HOURLY);
    db_run(
        "CREATE SCHEMA test; CREATE SEQUENCE test.sent;"
        "CREATE FUNCTION test.refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        "  IF nextval('test.sent') %% 2 = 0 THEN RAISE EXCEPTION 'no paper left'; END IF; RETURN NEW; END $$;"
        "CREATE TRIGGER refuse BEFORE INSERT ON mentormessage FOR EACH ROW EXECUTE FUNCTION test.refuse()");
    start_scheduler();
    wait_for_runs("failed", 3);
    ck_assert_int_eq(messages(), 0);
    ck_assert_int_eq(runs("done"), 0);
    ck_assert_ptr_nonnull(strstr(db_text("SELECT error FROM svcd.job_run LIMIT 1"), "no paper left"));
    ck_assert_int_eq(db_int("SELECT count(*) FROM svcd.job_run WHERE started > finished OR rows IS NOT NULL"),
                     0);
    db_run("DROP TRIGGER refuse ON mentormessage");
    wait_for_runs("done", 1);
    ck_assert_int_eq(messages(), MENTORS);
}
END_TEST

START_TEST(a_database_that_is_away_when_a_run_is_due_gets_it_on_its_return)
{
    make_demand();
    configure(SUGGEST_HALF_HOURLY);
    size_t host = 0;
    while (strcmp(params.keywords[host], "host") != 0)
        host++;
    const char *right = params.values[host];
    params.values[host] = "/nonexistent";
    log_set_level(LOG_LEVEL_ERROR);
    start_scheduler();
    harness_run_ms(50);
    now_s += 30 * MINUTE;
    wake_all();
    harness_run_ms(50);
    ck_assert_int_eq(runs("done"), 0);
    params.values[host] = right;
    wait_for_runs("done", 1);
    harness_run_ms(50);
    ck_assert_int_eq(runs("done"), 1);
    ck_assert_int_eq(messages(), MENTORS);
}
END_TEST

START_TEST(a_statement_of_a_job_may_take_longer_than_one_of_an_rpc)
{
    make_demand();
    configure("database.statement_timeout_ms=1", "jobs.suggest_workshops=0 0 * * *");
    db_run(
        "CREATE SCHEMA test;"
        "CREATE FUNCTION test.dawdle() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(0.05); "
        "RETURN NEW; END $$;"
        "CREATE TRIGGER dawdle BEFORE INSERT ON mentormessage FOR EACH ROW EXECUTE FUNCTION test.dawdle()");
    ck_assert_int_eq(run_by_hand("suggest-workshops"), JOB_DONE);
    ck_assert_int_eq(messages(), MENTORS);
}
END_TEST

/* ---- suggest-workshops ---- */

START_TEST(nine_unmatched_mentees_are_not_enough_and_ten_are)
{
    configure(NULL, NULL);
    int area = make_area("Here"), few = make_skill("Knots"), enough = make_skill("Sails");
    char both[32];
    snprintf(both, sizeof both, "%d, %d", few, enough);
    int first = make_mentor(area, both);
    make_mentor(area, db_text("SELECT '%d'", enough));
    make_mentor(area, "");
    make_mentees_who_want(area, few, 9);
    make_mentees_who_want(area, enough, 10);
    ck_assert_int_eq(run_by_hand("suggest-workshops"), JOB_DONE);
    ck_assert_int_eq(messages(), 2);
    ck_assert_int_eq(db_int("SELECT count(DISTINCT mentorid) FROM mentormessage"), 2);
    ck_assert_int_eq(db_int("SELECT rows FROM svcd.job_run"), 2);
    const char *text =
        db_text("SELECT message FROM mentormessage JOIN mentor USING (mentorid) WHERE accountid = %d", first);
    ck_assert_msg(strstr(text, "Sails") && strstr(text, "10"), "%s", text);
}
END_TEST

START_TEST(matched_mentees_and_doubled_skills_do_not_count)
{
    configure(NULL, NULL);
    int here = make_area("Here"), there = make_area("There"), skill = make_skill("Knots");
    const char *skills = db_text("SELECT '%d'", skill);
    int mentor = make_mentor(here, skills);
    make_assignment(mentor, make_mentee(there, skills));
    make_mentees_who_want(there, skill, 9);
    db_run("INSERT INTO menteeskill (menteeid, skillid) SELECT menteeid, skillid FROM menteeskill");
    db_run("INSERT INTO mentorskill (mentorid, skillid) SELECT mentorid, skillid FROM mentorskill");
    ck_assert_int_eq(run_by_hand("suggest-workshops"), JOB_DONE);
    ck_assert_int_eq(messages(), 0);
    db_run("DELETE FROM assignment");
    ck_assert_int_eq(run_by_hand("suggest-workshops"), JOB_DONE);
    ck_assert_int_eq(messages(), 1);
}
END_TEST

START_TEST(a_mentor_hears_of_each_skill_that_is_wanted)
{
    configure(NULL, NULL);
    int area = make_area("Here"), knots = make_skill("Knots"), sails = make_skill("Sails");
    make_mentor(area, db_text("SELECT '%d, %d'", knots, sails));
    for (int i = 0; i < 10; i++)
        make_mentee(area, db_text("SELECT '%d, %d'", knots, sails));
    ck_assert_int_eq(run_by_hand("suggest-workshops"), JOB_DONE);
    ck_assert_int_eq(messages(), 2);
    ck_assert_int_eq(db_int("SELECT count(*) FROM mentormessage WHERE message LIKE '%%Knots%%'"), 1);
    ck_assert_int_eq(db_int("SELECT count(*) FROM mentormessage WHERE message LIKE '%%Sails%%'"), 1);
}
END_TEST

/* ---- update-models ---- */

static void queue_rating(int area1, int area2, int overlap, int age, double rating)
{
    db_run("INSERT INTO pendingratingfeedback VALUES (%d, %d, %d, %d, %.17g)", area1, area2, overlap, age,
           rating);
}

static void model_is(int area1, int area2, double by_skill, double by_age, double base)
{
    ck_assert_msg(
        db_int("SELECT count(*) FROM ratingmodel WHERE businessarea1id = %d AND businessarea2id = %d "
               "AND abs(skilloverlapcoefficient - %.17g) < 1e-9 AND abs(agedifferencecoefficient - %.17g) < "
               "1e-9 "
               "AND abs(modeloffset - %.17g) < 1e-9",
               area1, area2, by_skill, by_age, base) == 1,
        "the models are %s", db_text("SELECT string_agg(m::text, ' ') FROM ratingmodel m"));
}

START_TEST(queued_ratings_become_a_model_for_each_pair_of_areas)
{
    configure(NULL, NULL);
    queue_rating(1, 2, 0, 0, 1);
    queue_rating(1, 2, 1, 0, 2);
    queue_rating(1, 2, 0, 10, 3);
    queue_rating(2, 7, 4, -60, 4.5);
    ck_assert_int_eq(run_by_hand("update-models"), JOB_DONE);
    ck_assert_int_eq(db_int("SELECT count(*) FROM ratingmodel"), 2);
    model_is(1, 2, 1, 0.2, 1);
    model_is(2, 7, 0, 0, 4.5);
    ck_assert_int_eq(db_int("SELECT count(*) FROM pendingratingfeedback"), 0);
    ck_assert_int_eq(db_int("SELECT rows FROM svcd.job_run"), 2);
}
END_TEST

START_TEST(a_model_is_fitted_to_the_whole_history)
{
    configure(NULL, NULL);
    for (int i = 0; i < 5; i++) {
        queue_rating(1, 2, 2, 10, 4);
        ck_assert_int_eq(run_by_hand("update-models"), JOB_DONE);
    }
    model_is(1, 2, 0, 0, 4);
    queue_rating(1, 2, 2, 10, 1);
    ck_assert_int_eq(run_by_hand("update-models"), JOB_DONE);
    model_is(1, 2, 0, 0, 3.5);
    ck_assert_int_eq(db_int("SELECT n FROM rating_history"), 6);
    ck_assert_int_eq(db_int("SELECT sum(n) FROM rating_sample"), 6);
    ck_assert_int_eq(db_int("SELECT count(*) FROM rating_sample"), 2);
    ck_assert_int_eq(db_int("SELECT count(*) FROM ratingmodel"), 1);
}
END_TEST

START_TEST(nothing_new_leaves_models_alone)
{
    configure(NULL, NULL);
    queue_rating(1, 2, 2, 10, 4);
    ck_assert_int_eq(run_by_hand("update-models"), JOB_DONE);
    const char *before = db_text("SELECT xmin FROM ratingmodel");
    ck_assert_int_eq(run_by_hand("update-models"), JOB_DONE);
    ck_assert_str_eq(db_text("SELECT xmin FROM ratingmodel"), before);
    ck_assert_int_eq(db_int("SELECT rows FROM svcd.job_run ORDER BY run_id DESC LIMIT 1"), 0);
}
END_TEST

START_TEST(runs_of_long_ago_are_forgotten_but_for_what_says_when_the_next_is_due)
{
    configure(NULL, NULL);
    db_run("INSERT INTO svcd.job_run (job, due, started, finished, outcome)"
           " SELECT j, d, d, d, o FROM (VALUES"
           " ('update-models', now() - interval '300 days', 'failed'), ('update-models', now() - interval "
           "'200 days', 'done'),"
           " ('update-models', now() - interval '80 days', 'done'), ('suggest-workshops', now() - interval "
           "'300 days', 'done'),"
           " ('suggest-workshops', now() - interval '200 days', 'failed')) v (j, at, o), LATERAL (SELECT at "
           "AT TIME ZONE 'UTC') t (d)");
    ck_assert_int_eq(run_by_hand("update-models"), JOB_DONE);
    ck_assert_int_eq(db_int("SELECT count(*) FROM svcd.job_run WHERE job = 'update-models'"), 2);
    ck_assert_int_eq(db_int("SELECT count(*) FROM svcd.job_run WHERE job = 'suggest-workshops'"), 2);
    db_run("SELECT svcd.note_run('suggest-workshops', NULL, '0', 'failed', NULL, 'no reason')");
    ck_assert_str_eq(db_text("SELECT string_agg(outcome, ' ' ORDER BY due) FROM svcd.job_run WHERE job = "
                             "'suggest-workshops'"),
                     "done failed"); /* nothing was done since; that of 200 days ago is gone */
}
END_TEST

START_TEST(a_model_of_the_python_backend_that_is_not_a_number_is_replaced)
{
    configure(NULL, NULL);
    queue_rating(1, 2, 2, 10, 4);
    ck_assert_int_eq(run_by_hand("update-models"), JOB_DONE);
    db_run("UPDATE ratingmodel SET modeloffset = 'NaN'");
    ck_assert_int_eq(run_by_hand("update-models"), JOB_DONE);
    model_is(1, 2, 0, 0, 4);
    db_run("DELETE FROM ratingmodel");
    ck_assert_int_eq(run_by_hand("update-models"), JOB_DONE);
    model_is(1, 2, 0, 0, 4);
}
END_TEST

START_TEST(what_cannot_be_computed_with_stays_in_the_queue_and_spoils_nothing)
{
    configure(NULL, NULL);
    queue_rating(1, 2, 2, 10, 4);
    db_run("INSERT INTO pendingratingfeedback VALUES (1, 2, 2, 10, 'NaN'), (1, 2, 2, 10, 'Infinity'), (1, 2, "
           "2, 10, NULL),"
           "(1, 2, NULL, 10, 3), (1, 2, 2, 2000000000, 3), (NULL, 2, 2, 10, 3)");
    ck_assert_int_eq(run_by_hand("update-models"), JOB_DONE);
    model_is(1, 2, 0, 0, 4);
    ck_assert_int_eq(db_int("SELECT count(*) FROM pendingratingfeedback"), 6);
}
END_TEST

START_TEST(ages_of_60_years_either_way_give_finite_models)
{
    configure(NULL, NULL);
    for (int i = 0; i < 40; i++)
        queue_rating(1 + i % 4, 6, i % 3, i % 2 ? 60 : -60, i % 6);
    ck_assert_int_eq(run_by_hand("update-models"), JOB_DONE);
    ck_assert_int_eq(db_int("SELECT count(*) FROM model"), 4);
    ck_assert_int_eq(db_int("SELECT count(*) FROM ratingmodel"), 4);
}
END_TEST

START_TEST(a_crash_between_collecting_and_storing_loses_nothing)
{
    configure(NULL, NULL);
    queue_rating(1, 2, 2, 10, 4);
    db_run("SELECT ratings_to_fit(NULL)");
    ck_assert_int_eq(db_int("SELECT count(*) FROM pendingratingfeedback"), 0);
    ck_assert_int_eq(db_int("SELECT count(*) FROM ratingmodel"), 0);
    ck_assert_int_eq(run_by_hand("update-models"), JOB_DONE);
    model_is(1, 2, 0, 0, 4);
}
END_TEST

START_TEST(a_model_of_fewer_ratings_than_there_are_by_now_is_not_stored)
{
    configure(NULL, NULL);
    queue_rating(1, 2, 2, 10, 4);
    queue_rating(1, 2, 2, 10, 3);
    db_run("SELECT ratings_to_fit(NULL)");
    db_run("SELECT run_job('update-models', NULL, '0 s', "
           "'[{\"area1_id\":1,\"area2_id\":2,\"n\":1,\"by_skill\":9,\"by_age\":9,"
           "\"base\":9}]')");
    ck_assert_int_eq(db_int("SELECT count(*) FROM ratingmodel"), 0);
    ck_assert_int_eq(run_by_hand("update-models"), JOB_DONE);
    model_is(1, 2, 0, 0, 3.5);
}
END_TEST

START_TEST(a_run_between_the_halves_of_another_is_not_done_without_its_models)
{
    configure(NULL, NULL);
    queue_rating(1, 2, 2, 10, 4);
    db_run("SELECT ratings_to_fit('2050-01-01')");
    ck_assert_str_eq(db_text("SELECT outcome FROM run_job('update-models', '2050-01-01', '0 s', '[]')"),
                     "busy");
    ck_assert_int_eq(runs("done"), 0);
    ck_assert_str_eq(
        db_text("SELECT outcome FROM run_job('update-models', '2050-01-01', '0 s', "
                "'[{\"area1_id\":1,\"area2_id\":2,\"n\":1,\"by_skill\":0,\"by_age\":0,\"base\":4}]')"),
        "done");
    model_is(1, 2, 0, 0, 4);
}
END_TEST

START_TEST(a_rating_given_by_rpc_becomes_part_of_the_model)
{
    configure(NULL, NULL);
    int here = make_area("Here"), there = make_area("There");
    int mentor = make_mentor(here, ""), mentee = make_mentee(there, "");
    make_assignment(mentor, mentee);
    const feedback_package_AddFeedbackReply *reply = rpc_ok(
        RPC_ADD_FEEDBACK_ON_MENTOR, &(feedback_package_AddFeedbackRequest){
                                        .mentorUserId = mentor, .menteeUserId = mentee, .rating = 3.5F });
    ck_assert(reply->status);
    ck_assert_int_eq(run_by_hand("update-models"), JOB_DONE);
    model_is(here, there, 0, 0, 3.5);
}
END_TEST

START_TEST(several_schedulers_count_each_rating_once)
{
    configure("jobs.update_models_enabled=yes", "jobs.update_models=* * * * *");
    for (int i = 0; i < 5; i++)
        start_scheduler();
    for (int period = 1; period <= 10; period++) {
        for (int i = 0; i < 20; i++)
            queue_rating(1, 2, i % 3, i - 10, i % 6);
        now_s += MINUTE;
        wake_all();
        harness_run_ms(10);
    }
    ck_assert_int_eq(run_by_hand("update-models") == JOB_FAILED, 0);
    for (time_t begun = time(NULL); db_int("SELECT coalesce(sum(fitted_n), 0) FROM rating_history") < 200;) {
        ck_assert_int_lt(time(NULL) - begun, PATIENCE);
        now_s += MINUTE;
        wake_all();
        harness_run_ms(20);
    }
    ck_assert_int_eq(db_int("SELECT n FROM rating_history"), 200);
    ck_assert_int_eq(db_int("SELECT sum(n) FROM rating_sample"), 200);
    ck_assert_int_eq(runs("failed"), 0);
}
END_TEST

START_TEST(models_are_stored_while_mentees_are_matched)
{
    configure("jobs.update_models_enabled=yes", "jobs.update_models=* * * * *");
    int here = make_area("Here"), there = make_area("There"), mentees[100];
    for (int i = 0; i < 20; i++)
        make_mentor(here, "");
    for (int i = 0; i < 100; i++)
        mentees[i] = make_mentee(there, "");
    make_model(here, there, 1, 1, 1);
    start_scheduler();
    wait_for_runs("done", 1);
    struct sent *sent[100];
    for (int i = 0; i < 100; i++) {
        sent[i] = rpc_send(RPC_TRY_MATCH,
                           &(matching_package_MenteeToMentorMatchingRequest){ .menteeUserId = mentees[i] });
        if (i % 5 < 4)
            continue;
        queue_rating(here, there, i % 3, i - 50, i % 6);
        now_s += MINUTE;
        wake_all();
        wait_for_runs("done", 2 + i / 5);
    }
    rpc_wait_all();
    for (int i = 0; i < 100; i++) {
        ck_assert_int_eq(sent[i]->status, STATUS_OK);
        ck_assert(((const matching_package_MenteeToMentorMatchingReply *)sent[i]->reply)->status);
    }
    ck_assert_int_eq(runs("failed"), 0);
    ck_assert_int_eq(db_int("SELECT fitted_n FROM rating_history"), 20);
    ck_assert_int_eq(db_int("SELECT count(*) FROM ratingmodel"), 1);
    ck_assert_int_eq(db_int("SELECT max(n) FROM (SELECT count(*) AS n FROM assignment GROUP BY mentorid) a"),
                     5);
}
END_TEST

Suite *jobs_suite(void)
{
    Suite *suite = suite_create("jobs");
    TCase *tcase = harness_case(suite, "jobs");
    tcase_add_checked_fixture(tcase, NULL, tear_down_jobs);
    tcase_add_test(tcase, several_schedulers_run_a_job_once_a_period);
    tcase_add_test(tcase, a_job_runs_by_itself_when_its_time_comes);
    tcase_add_test(tcase, missed_runs_are_caught_up_once);
    tcase_add_test(tcase, what_was_due_before_svcd_knew_the_database_was_not_missed);
    tcase_add_test(tcase, a_run_by_hand_makes_up_for_a_missed_one);
    tcase_add_test(tcase, a_disabled_job_does_not_run_but_by_hand);
    tcase_add_test(tcase, with_no_job_enabled_there_is_no_scheduler);
    tcase_add_test(tcase, a_connection_killed_half_way_leaves_nothing_and_the_run_is_made_again);
    tcase_add_test(tcase, a_process_killed_half_way_costs_no_run_and_doubles_none);
    tcase_add_test(tcase, runs_of_a_job_do_not_overlap);
    tcase_add_test(tcase, a_run_longer_than_its_period_is_followed_by_one_run);
    tcase_add_test(tcase, a_failed_run_changes_nothing_is_noted_and_tried_again);
    tcase_add_test(tcase, a_database_that_is_away_when_a_run_is_due_gets_it_on_its_return);
    tcase_add_test(tcase, a_statement_of_a_job_may_take_longer_than_one_of_an_rpc);
    tcase_add_test(tcase, nine_unmatched_mentees_are_not_enough_and_ten_are);
    tcase_add_test(tcase, matched_mentees_and_doubled_skills_do_not_count);
    tcase_add_test(tcase, a_mentor_hears_of_each_skill_that_is_wanted);
    tcase_add_test(tcase, queued_ratings_become_a_model_for_each_pair_of_areas);
    tcase_add_test(tcase, a_model_is_fitted_to_the_whole_history);
    tcase_add_test(tcase, nothing_new_leaves_models_alone);
    tcase_add_test(tcase, runs_of_long_ago_are_forgotten_but_for_what_says_when_the_next_is_due);
    tcase_add_test(tcase, a_model_of_the_python_backend_that_is_not_a_number_is_replaced);
    tcase_add_test(tcase, what_cannot_be_computed_with_stays_in_the_queue_and_spoils_nothing);
    tcase_add_test(tcase, ages_of_60_years_either_way_give_finite_models);
    tcase_add_test(tcase, a_crash_between_collecting_and_storing_loses_nothing);
    tcase_add_test(tcase, a_model_of_fewer_ratings_than_there_are_by_now_is_not_stored);
    tcase_add_test(tcase, a_run_between_the_halves_of_another_is_not_done_without_its_models);
    tcase_add_test(tcase, a_rating_given_by_rpc_becomes_part_of_the_model);
    tcase_add_test(tcase, several_schedulers_count_each_rating_once);
    tcase_add_test(tcase, models_are_stored_while_mentees_are_matched);
    return suite;
}
