/* SPDX-License-Identifier: MIT
 *
 * `svcd job update-models --report`: how far the models' predictions are from the ratings, as
 * root-mean-square errors, compared with always predicting the mean. "Left out" is leave-one-out
 * cross-validation: each sample is predicted by a fit to all others, which shows whether a model generalizes
 * or merely overfits.
 */
#include "commands/job_report.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "commands/session.h"
#include "jobs/fit.h"
#include "statements.h"

#define PAGE 10000 /* LIMIT of rating_samples */

struct report {
    const struct rating_sums_row *pairs;
    size_t pairs_n, pair; /* `pair`: the one in progress */
    int64_t seen;         /* its distinct samples so far */
    struct fit_sums sums;
    struct fit fit;
    double fit_error, left_out_error, mean_error, mean_left_out_error; /* sums of squares */
};

static enum next list_samples(struct call *call, struct report *report);

/* ---- a pair ---- */

static double squared(double x)
{
    return x * x;
}

static int add_errors(struct report *report, const struct rating_samples_row *sample)
{
    double weight = (double)sample->n, mean = report->sums.r / (double)report->sums.n;
    report->fit_error += weight * squared(sample->rating - fit_predict(&report->fit, sample->skill_overlap,
                                                                       sample->age_difference));
    report->mean_error += weight * squared(sample->rating - mean);
    if (report->sums.n < 2)
        return 0;
    struct fit_sums others = report->sums;
    struct fit fit;
    fit_sums_add(&others, -1, sample->skill_overlap, sample->age_difference, sample->rating);
    int rc = fit_solve(&others, &fit);
    if (rc)
        return rc;
    report->left_out_error +=
        weight * squared(sample->rating - fit_predict(&fit, sample->skill_overlap, sample->age_difference));
    report->mean_left_out_error += weight * squared(sample->rating - others.r / (double)others.n);
    return 0;
}

static int begin_pair(struct report *report)
{
    const struct rating_sums_row *row = &report->pairs[report->pair];
    report->sums = (struct fit_sums){ row->n,  row->s, row->a,  row->ss, row->sa,
                                      row->aa, row->r, row->sr, row->ar, row->rr };
    report->seen = 0;
    report->fit_error = report->left_out_error = report->mean_error = report->mean_left_out_error = 0;
    return fit_solve(&report->sums, &report->fit);
}

static void print_head(void)
{
    puts("Root-mean-square errors. Left out: each rating is predicted from all others.\n");
    printf("%-13s %10s %10s %10s %10s %9s %9s %9s %9s  %s\n", "areas", "samples", "by skill", "by age",
           "offset", "model", "left out", "mean", "left out", "model is");
}

static void print_pair(const struct report *report)
{
    const struct rating_sums_row *row = &report->pairs[report->pair];
    double n = (double)row->n;
    printf("%5lld and %-4lld %9lld %10.5f %10.5f %10.5f %9.5f ", (long long)row->area1_id,
           (long long)row->area2_id, (long long)row->n, report->fit.by_skill, report->fit.by_age,
           report->fit.base, sqrt(report->fit_error / n));
    if (row->n < 2) {
        printf("%9s %9.5f %9s  %s\n", "-", sqrt(report->mean_error / n), "-", "unproven");
        return;
    }
    printf("%9.5f %9.5f %9.5f  %s\n", sqrt(report->left_out_error / n), sqrt(report->mean_error / n),
           sqrt(report->mean_left_out_error / n),
           report->left_out_error < report->mean_left_out_error ? "better" : "no better");
}

/* ---- all ---- */

static enum next next_pair(struct call *call, struct report *report)
{
    if (report->pair == report->pairs_n)
        return task_end(call);
    if (begin_pair(report))
        return call_fail(call, STATUS_INTERNAL, "no model can be fitted");
    return list_samples(call, report);
}

static enum next samples_listed(struct call *call, const struct rating_samples_row *rows, size_t n)
{
    struct report *report = call->locals;
    for (size_t i = 0; i < n; i++)
        if (add_errors(report, &rows[i]))
            return call_fail(call, STATUS_INTERNAL, "no model can be fitted");
    report->seen += (int64_t)n;
    if (n == PAGE)
        return list_samples(call, report);
    print_pair(report);
    report->pair++;
    return next_pair(call, report);
}

static enum next list_samples(struct call *call, struct report *report)
{
    const struct rating_sums_row *row = &report->pairs[report->pair];
    return sql_rating_samples(call, row->area1_id, row->area2_id, report->seen, samples_listed);
}

static enum next pairs_listed(struct call *call, const struct rating_sums_row *rows, size_t n)
{
    struct report *report = call->locals;
    report->pairs = rows;
    report->pairs_n = n;
    if (n == 0)
        puts("There are no ratings yet.");
    else
        print_head();
    return next_pair(call, report);
}

static enum next list_pairs(struct call *call, const void *nothing)
{
    (void)nothing;
    return sql_rating_sums(call, pairs_listed);
}

int job_report_print(const struct config *config)
{
    struct session session;
    struct report report = { 0 };
    if (session_init(&session, config))
        return EXIT_FAILURE;
    int rc = session_do(&session, "report", list_pairs, &report);
    session_finish(&session);
    return rc ? EXIT_FAILURE : EXIT_SUCCESS;
}
