/* SPDX-License-Identifier: MIT
 *
 * `svcd job` lists the jobs; `svcd job NAME` runs one now.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "commands/command.h"
#include "commands/job_report.h"
#include "commands/session.h"
#include "jobs/table.h"
#include "statements.h"

#define TIME_LEN sizeof "2024-05-01 10:30:00"

/* ---- the list ---- */

static void format_time(char text[TIME_LEN], int64_t seconds)
{
    struct tm tm;
    time_t time = (time_t)seconds;
    if (!gmtime_r(&time, &tm) || !strftime(text, TIME_LEN, "%Y-%m-%d %H:%M:%S", &tm))
        snprintf(text, TIME_LEN, "?");
}

static void print_job(const struct config *config, const struct job *job, const struct last_runs_row *last)
{
    char last_text[TIME_LEN] = "never", next_text[TIME_LEN] = "disabled", rows[24] = "";
    const struct cron *schedule = job_schedule(job, config);
    if (last)
        format_time(last_text, last->started.us / 1000000);
    if (last && last->has_rows)
        snprintf(rows, sizeof rows, "%lld", (long long)last->rows);
    if (job_is_enabled(job, config))
        format_time(next_text, cron_next(schedule, time(NULL)));
    printf("%-18s  %-16s  %-19s  %-7s  %7s  %s\n", job->name, schedule->text, last_text,
           last ? last->outcome : "", rows, next_text);
    if (last && last->error)
        printf("    %s\n", last->error);
}

static enum next runs_found(struct call *call, const struct last_runs_row *rows, size_t n)
{
    printf("%-18s  %-16s  %-19s  %-7s  %7s  %s\n", "job", "schedule", "last run (UTC)", "outcome", "rows",
           "next run (UTC)");
    for (size_t i = 0; i < jobs_n; i++) {
        const struct last_runs_row *last = NULL;
        for (size_t r = 0; r < n; r++)
            if (strcmp(rows[r].job, jobs[i].name) == 0)
                last = &rows[r];
        print_job(call->context->config, &jobs[i], last);
    }
    return task_end(call);
}

static enum next find_runs(struct call *call, const void *nothing)
{
    (void)nothing;
    char **names = call_alloc(call, jobs_n, sizeof *names);
    if (!names)
        return call_no_memory(call);
    for (size_t i = 0; i < jobs_n; i++)
        names[i] = call_printf(call, "%s", jobs[i].name);
    return sql_last_runs(call, (struct sql_texts){ names, jobs_n }, runs_found);
}

static int list(const struct config *config)
{
    struct session session;
    if (session_init(&session, config))
        return EXIT_FAILURE;
    int rc = session_do(&session, "job", find_runs, NULL);
    session_finish(&session);
    return rc ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* ---- running one now ---- */

static void on_run_ended(struct job_run *run)
{
    *(bool *)run->data = true;
}

static int run_now(struct session *session, const struct job *job)
{
    bool ended = false;
    struct job_run run = { .job = job, .by_hand = true, .on_ended = on_run_ended, .data = &ended };
    job_run_start(&run, &session->context);
    session_run_until(session, &ended);
    job_run_finish(&run);
    if (run.outcome == JOB_DONE)
        printf("%s: done, rows: %lld, %.3f s\n", job->name, (long long)run.rows, (double)run.took_us / 1e6);
    else if (run.outcome == JOB_BUSY)
        fprintf(stderr, "svcd: %s is running elsewhere at this moment; nothing was done\n", job->name);
    return run.outcome == JOB_DONE ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* Exit status 0: done; 1: it failed, or is running elsewhere; 2: there is no such job. */
static int run_by_name(const struct config *config, const char *name)
{
    const struct job *job = job_find(name);
    if (!job) {
        fprintf(stderr, "svcd: there is no job %s; the jobs are:", name);
        for (size_t i = 0; i < jobs_n; i++)
            fprintf(stderr, " %s", jobs[i].name);
        fputc('\n', stderr);
        return EXIT_USAGE;
    }
    struct session session;
    if (session_init(&session, config))
        return EXIT_FAILURE;
    int status = run_now(&session, job);
    session_finish(&session);
    return status;
}

static int run(const struct config *config, const struct command_line *line)
{
    const char *name = line->operands[0];
    bool report = command_line_option(line, "report");
    if (report && (!name || strcmp(name, "update-models") != 0))
        return command_misused("--report", "goes with 'job update-models'");
    if (!name)
        return list(config);
    int status = run_by_name(config, name);
    return report && status == EXIT_SUCCESS ? job_report_print(config) : status;
}

const struct command command_job = {
    .name = "job",
    .synopsis = "job [NAME [--report]]",
    .summary = "list the jobs, or run one now",
    .options = { { "report", NULL, "after update-models, show how accurate the models are" } },
    .operands_max = 1,
    .run = run,
};
