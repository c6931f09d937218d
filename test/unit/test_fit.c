/* SPDX-License-Identifier: MIT
 *
 * Least squares: known solutions, and data that have none or many.
 */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <uv.h>

#include "jobs/fit.h"

struct sample {
    int64_t s, a;
    double r;
};

static struct fit fitted(const struct fit_sums *sums)
{
    struct fit fit = { NAN, NAN, NAN };
    ck_assert_int_eq(fit_solve(sums, &fit), 0);
    ck_assert(isfinite(fit.by_skill) && isfinite(fit.by_age) && isfinite(fit.base));
    return fit;
}

static struct fit fit_of(const struct sample *samples, size_t n)
{
    struct fit_sums sums = { 0 };
    for (size_t i = 0; i < n; i++)
        fit_sums_add(&sums, 1, samples[i].s, samples[i].a, samples[i].r);
    return fitted(&sums);
}

#define FIT_OF(...)                                                                                          \
    fit_of((const struct sample[]){ __VA_ARGS__ },                                                           \
           sizeof(const struct sample[]){ __VA_ARGS__ } / sizeof(struct sample))

static void fit_is(struct fit fit, double by_skill, double by_age, double base)
{
    ck_assert_double_eq_tol(fit.by_skill, by_skill, 1e-9);
    ck_assert_double_eq_tol(fit.by_age, by_age, 1e-9);
    ck_assert_double_eq_tol(fit.base, base, 1e-9);
}

static double error_of(const struct fit *fit, const struct sample *samples, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += pow(samples[i].r - fit_predict(fit, samples[i].s, samples[i].a), 2);
    return sqrt(sum / (double)n);
}

/* The same numbers every time. */
static int64_t dice(int64_t below)
{
    static uint64_t state = 1;
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (int64_t)(state >> 33) % below;
}

START_TEST(a_plane_is_found)
{
    fit_is(FIT_OF({ 0, 0, 3 }, { 1, 0, 3.5 }, { 0, 10, 2 }, { 3, -20, 6.5 }), 0.5, -0.1, 3);
}
END_TEST

START_TEST(a_known_solution_is_found_where_no_plane_fits)
{
    /* By hand: the columns are not correlated, so each coefficient is its own regression. */
    fit_is(FIT_OF({ 0, -1, 1 }, { 0, 1, 2 }, { 2, -1, 2 }, { 2, 1, 5 }), 1, 1, 1.5);
}
END_TEST

START_TEST(one_sample_is_predicted_and_says_nothing_of_the_rest)
{
    fit_is(FIT_OF({ 3, -40, 4.5 }), 0, 0, 4.5);
}
END_TEST

START_TEST(identical_samples_are_as_one)
{
    struct fit_sums sums = { 0 };
    fit_sums_add(&sums, 10000000, 3, -40, 4.1);
    fit_is(fitted(&sums), 0, 0, 4.1);
}
END_TEST

START_TEST(the_mean_is_predicted_where_equal_pairs_rate_differently)
{
    fit_is(FIT_OF({ 2, 5, 1 }, { 2, 5, 2 }, { 2, 5, 4.5 }), 0, 0, 2.5);
}
END_TEST

START_TEST(a_constant_column_counts_nothing)
{
    fit_is(FIT_OF({ 2, 0, 1 }, { 2, 10, 2 }, { 2, 20, 3 }), 0, 0.1, 1);
    fit_is(FIT_OF({ 0, -60, 5 }, { 1, -60, 4 }, { 2, -60, 3 }), -1, 0, 5);
}
END_TEST

START_TEST(of_two_columns_that_go_together_each_has_its_half)
{
    /* a = 10 s: of rating = 1 + s, half is the skills' and half the ages'. */
    fit_is(FIT_OF({ 0, 0, 1 }, { 1, 10, 2 }, { 2, 20, 3 }, { 3, 30, 4 }), 0.5, 0.05, 1);
    fit_is(FIT_OF({ 0, 30, 1 }, { 1, 20, 2 }, { 2, 10, 3 }, { 3, 0, 4 }), 0.5, -0.05, 2.5);
}
END_TEST

START_TEST(two_samples_are_met_exactly)
{
    static const struct sample samples[] = { { 3, 10, 4.1 }, { 4, 5, 4.5 } };
    struct fit fit = fit_of(samples, 2);
    ck_assert_double_lt(error_of(&fit, samples, 2), 1e-9);
    ck_assert_double_lt(fabs(fit.by_skill) + fabs(fit.by_age), 1);
}
END_TEST

START_TEST(no_sample_is_no_fit)
{
    struct fit fit;
    ck_assert_int_eq(fit_solve(&(struct fit_sums){ 0 }, &fit), UV_EINVAL);
}
END_TEST

START_TEST(the_shipped_history_is_fitted_better_than_by_gradient_descent)
{
    struct sample samples[100];
    size_t n = 0;
    FILE *file = fopen("test/data/ratings/1-4.csv", "r");
    ck_assert_msg(file != NULL, "run the tests in the project's folder");
    ck_assert_int_eq(fscanf(file, "%*[^\n]"), 0);
    while (fscanf(file, "%ld,%ld,%lf", &samples[n].s, &samples[n].a, &samples[n].r) == 3)
        n++;
    fclose(file);
    ck_assert_uint_eq(n, 9);
    struct fit fit = fit_of(samples, n);
    ck_assert_double_le(error_of(&fit, samples, n), 0.2279);
}
END_TEST

START_TEST(no_other_plane_fits_better)
{
    for (int world = 0; world < 300; world++) {
        struct sample samples[40];
        size_t n = 1 + (size_t)dice(40);
        for (size_t i = 0; i < n; i++)
            samples[i] = (struct sample){ dice(6), dice(121) - 60, (double)dice(51) / 10 };
        struct fit fit = fit_of(samples, n);
        double error = error_of(&fit, samples, n);
        for (int i = 0; i < 50; i++) {
            struct fit other = { fit.by_skill + (double)(dice(201) - 100) / 1e4,
                                 fit.by_age + (double)(dice(201) - 100) / 1e5,
                                 fit.base + (double)(dice(201) - 100) / 1e4 };
            ck_assert_double_ge(error_of(&other, samples, n), error - 1e-9);
        }
    }
}
END_TEST

START_TEST(everything_is_finite_for_ages_of_60_and_far_beyond)
{
    static const int64_t ages[] = { 40, 60, 10000 };
    for (size_t i = 0; i < 3; i++)
        for (int world = 0; world < 300; world++) {
            struct fit_sums sums = { 0 };
            for (int64_t n = dice(6); n >= 0; n--)
                fit_sums_add(&sums, 1 + dice(1000000), dice(3), (dice(3) - 1) * ages[i],
                             (double)dice(51) / 10);
            struct fit fit = fitted(&sums);
            ck_assert_double_lt(fabs(fit.by_skill), 20);
            ck_assert_double_lt(fabs(fit.by_age), 20);
        }
}
END_TEST

START_TEST(a_sample_taken_away_again_was_never_there)
{
    struct fit_sums sums = { 0 };
    fit_sums_add(&sums, 3, 2, -30, 4);
    fit_sums_add(&sums, 1, 4, 10, 2);
    struct fit before = fitted(&sums);
    fit_sums_add(&sums, 1, 5, 60, 0.5);
    fit_sums_add(&sums, -1, 5, 60, 0.5);
    fit_is(fitted(&sums), before.by_skill, before.by_age, before.base);
    fit_sums_add(&sums, -1, 4, 10, 2);
    fit_is(fitted(&sums), 0, 0, 4);
}
END_TEST

Suite *fit_suite(void)
{
    Suite *suite = suite_create("fit");
    TCase *tcase = tcase_create("fit");
    tcase_add_test(tcase, a_plane_is_found);
    tcase_add_test(tcase, a_known_solution_is_found_where_no_plane_fits);
    tcase_add_test(tcase, one_sample_is_predicted_and_says_nothing_of_the_rest);
    tcase_add_test(tcase, identical_samples_are_as_one);
    tcase_add_test(tcase, the_mean_is_predicted_where_equal_pairs_rate_differently);
    tcase_add_test(tcase, a_constant_column_counts_nothing);
    tcase_add_test(tcase, of_two_columns_that_go_together_each_has_its_half);
    tcase_add_test(tcase, two_samples_are_met_exactly);
    tcase_add_test(tcase, no_sample_is_no_fit);
    tcase_add_test(tcase, the_shipped_history_is_fitted_better_than_by_gradient_descent);
    tcase_add_test(tcase, no_other_plane_fits_better);
    tcase_add_test(tcase, everything_is_finite_for_ages_of_60_and_far_beyond);
    tcase_add_test(tcase, a_sample_taken_away_again_was_never_there);
    suite_add_tcase(suite, tcase);
    return suite;
}
