/* SPDX-License-Identifier: MIT */
#include "jobs_kit.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "commands/session.h"
#include "config/load.h"

#define JOBS_MAX 32

extern char **environ;

struct jobs_kit kit;

/* ---- set-up ---- */

static int64_t test_clock(void)
{
    return kit.now_s;
}

/* The key that turns a job off, as a setting. */
static const char *off(const struct job *job)
{
    char *setting = text_of(80, " "), *name = setting + strlen("jobs.");
    snprintf(setting, 80, "jobs.%s_enabled=no", job->name);
    for (char *at = name; *at; at++)
        if (*at == '-')
            *at = '_';
    return setting;
}

/* Every job is off unless told otherwise. */
void jobs_configure(const char *setting1, const char *setting2)
{
    const char *settings[JOBS_MAX + 2];
    size_t n = 0;
    ck_assert_uint_le(jobs_n, JOBS_MAX);
    while (n < jobs_n) {
        settings[n] = off(&jobs[n]);
        n++;
    }
    if (setting1)
        settings[n++] = setting1;
    if (setting2)
        settings[n++] = setting2;
    struct config_source source = { .environment = environ, .settings = settings, .n_settings = n };
    ck_assert_int_eq(config_load(&kit.config, &source, stderr), 0);
    database_params_set_for_jobs(&kit.params, &kit.config);
    world_serve_as(&kit.params);
    kit.conn = database_conn_options(&kit.params, &kit.config, 0);
    kit.conn.reconnect_min_ms = 5;
    kit.conn.reconnect_max_ms = 20;
    kit.now_s = kit.saturday_s =
        db_int("SELECT extract(epoch FROM date_trunc('week', now() AT TIME ZONE 'UTC') "
               "- interval '23 days')::bigint");
    db_run("UPDATE svcd.migration SET applied_at = to_timestamp(%ld) - interval '1 year'", kit.saturday_s);
    log_set_level(LOG_LEVEL_ERROR);
}

const char *jobs_time(const char *interval)
{
    return db_text("SELECT to_timestamp(%ld) AT TIME ZONE 'UTC' + interval '%s'", kit.saturday_s, interval);
}

void jobs_start_scheduler_on(uv_loop_t *loop)
{
    struct scheduler_options options = {
        .config = &kit.config, .conn = kit.conn, .now_s = test_clock, .retry_min_ms = 20
    };
    ck_assert_int_eq(scheduler_start(&kit.schedulers[kit.schedulers_n++], loop, &options), 0);
}

void jobs_start_scheduler(void)
{
    jobs_start_scheduler_on(harness_loop());
}

static void tear_down_jobs(void)
{
    for (size_t i = 0; i < kit.schedulers_n; i++)
        scheduler_stop(kit.schedulers[i]);
    harness_run_ms(5);
    while (kit.schedulers_n > 0)
        scheduler_destroy(kit.schedulers[--kit.schedulers_n]);
    config_finish(&kit.config);
}

void jobs_wake_all(void)
{
    for (size_t i = 0; i < kit.schedulers_n; i++)
        scheduler_wake(kit.schedulers[i]);
}

static enum job_outcome outcome_by_hand;

static void on_ended(struct job_run *run)
{
    outcome_by_hand = run->outcome;
    *(bool *)run->data = true;
}

/* On a loop of its own, as the command does. */
enum job_outcome jobs_run_by_hand(const char *name)
{
    struct session session;
    bool ended = false;
    struct job_run run = { .job = job_find(name), .by_hand = true, .on_ended = on_ended, .data = &ended };
    ck_assert_int_eq(session_init(&session, &kit.config), 0);
    job_run_start(&run, &session.context);
    session_run_until(&session, &ended);
    session_finish(&session);
    job_run_finish(&run);
    return outcome_by_hand;
}

/* ---- what is asked ---- */

long jobs_runs(const char *outcome)
{
    return db_int("SELECT count(*) FROM svcd.job_run WHERE outcome = %s", db_quote(outcome));
}

long jobs_messages(void)
{
    return db_int("SELECT count(*) FROM mentormessage");
}

void jobs_wait_for_runs(const char *outcome, long n)
{
    for (time_t begun = time(NULL); jobs_runs(outcome) < n;) {
        ck_assert_msg(time(NULL) - begun < PATIENCE, "%ld runs were %s, not %ld", jobs_runs(outcome), outcome,
                      n);
        harness_run_ms(5);
    }
}

/* ---- a world with something to suggest ---- */

void make_mentees_who_want(int area, int skill, int n)
{
    char skills[16];
    snprintf(skills, sizeof skills, "%d", skill);
    while (n-- > 0)
        make_mentee(area, skills);
}

/* Ten mentees want what three mentors teach: a run sends three notifications. */
void make_demand(void)
{
    int area = make_area("Here"), skill = make_skill("Knots");
    char skills[16];
    snprintf(skills, sizeof skills, "%d", skill);
    for (int i = 0; i < MENTORS; i++)
        make_mentor(area, skills);
    make_mentees_who_want(area, skill, 10);
}

/* ---- the suite ---- */

TCase *jobs_case(Suite *suite, const char *name)
{
    TCase *tcase = harness_case(suite, name);
    tcase_add_checked_fixture(tcase, NULL, tear_down_jobs);
    return tcase;
}
