/* SPDX-License-Identifier: MIT
 *
 * The metrics: Prometheus' text of them, and what a histogram says of what was put in.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "observe/metrics.h"

static struct bytes text;

static void finish(void)
{
    for (enum metric metric = 0; metric < METRICS_N; metric++)
        metrics_set_reader(metric, NULL, NULL);
    bytes_finish(&text);
}

static const char *written(void)
{
    text.len = 0;
    ck_assert_int_eq(metrics_write(&text), 0);
    ck_assert_int_eq(bytes_reserve(&text, 1), 0);
    text.data[text.len] = '\0';
    return (const char *)text.data;
}

static void read_gauge(struct metrics_out *out, enum metric metric, const void *owner)
{
    metrics_put(out, metric, *(const int *)owner);
}

static void read_escaped(struct metrics_out *out, enum metric metric, const void *owner)
{
    (void)owner;
    metrics_put(out, metric, 1, "a \"b\"\\\nc");
}

static void read_histogram(struct metrics_out *out, enum metric metric, const void *owner)
{
    metrics_put_histogram(out, metric, owner);
}

static void read_summary(struct metrics_out *out, enum metric metric, const void *owner)
{
    (void)owner;
    metrics_put_summary(out, metric, 3, 1500000001, "list", "read");
}

START_TEST(a_metric_that_nobody_tells_is_left_out)
{
    ck_assert_str_eq(written(), "");
}
END_TEST

START_TEST(a_sample_follows_the_help_and_type_of_its_metric)
{
    int value = 7;
    metrics_set_reader(METRIC_svcd_connections, read_gauge, &value);
    ck_assert_str_eq(written(), "# HELP svcd_connections Open client connections.\n"
                                "# TYPE svcd_connections gauge\n"
                                "svcd_connections 7\n");
}
END_TEST

START_TEST(values_of_labels_are_escaped)
{
    metrics_set_reader(METRIC_svcd_build_info, read_escaped, NULL);
    ck_assert_ptr_nonnull(strstr(written(), "\nsvcd_build_info{version=\"a \\\"b\\\"\\\\\\nc\"} 1\n"));
}
END_TEST

START_TEST(figures_are_told_in_the_unit_of_the_name)
{
    int value = 1500;
    metrics_set_reader(METRIC_process_start_time_seconds, read_gauge, &value);
    ck_assert_ptr_nonnull(strstr(written(), "\nprocess_start_time_seconds 1.5\n"));
    metrics_set_reader(METRIC_svcd_database_statement_seconds, read_summary, NULL);
    ck_assert_ptr_nonnull(strstr(
        written(), "\nsvcd_database_statement_seconds_sum{statement=\"list\",lane=\"read\"} 1.500000001\n"
                   "svcd_database_statement_seconds_count{statement=\"list\",lane=\"read\"} 3\n"));
}
END_TEST

START_TEST(a_histogram_adds_up)
{
    struct histogram histogram = { 0 };
    const uint64_t ns[] = { 0, 50000, 50001, 3000000, 10000000000, 20000000000 };
    for (size_t i = 0; i < sizeof ns / sizeof *ns; i++)
        histogram_add_time(&histogram, ns[i]);
    metrics_set_reader(METRIC_svcd_loop_lag_seconds, read_histogram, &histogram);
    const char *all = written();
    const char *const wanted[] = {
        "_bucket{le=\"0.00005\"} 2\n", "_bucket{le=\"0.0001\"} 3\n", "_bucket{le=\"0.0025\"} 3\n",
        "_bucket{le=\"0.005\"} 4\n",   "_bucket{le=\"5\"} 4\n",      "_bucket{le=\"10\"} 5\n",
        "_bucket{le=\"+Inf\"} 6\n",    "_sum 30.003100001\n",        "_count 6\n"
    };
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
        ck_assert_msg(strstr(all, wanted[i]) != NULL, "no %s in\n%s", wanted[i], all);
        all = strstr(all, wanted[i]);
    }
    ck_assert_uint_eq(histogram_n(&histogram), 6);
}
END_TEST

START_TEST(quantiles_lie_within_the_bucket_that_holds_them)
{
    struct histogram histogram = { 0 };
    ck_assert_uint_eq(histogram_quantile(&histogram, histogram_times_ns, 0.5), 0);
    for (int i = 0; i < 90; i++)
        histogram_add_time(&histogram, 300000);
    for (int i = 0; i < 10; i++)
        histogram_add_time(&histogram, 40000000);
    uint64_t p50 = histogram_quantile(&histogram, histogram_times_ns, 0.5);
    uint64_t p99 = histogram_quantile(&histogram, histogram_times_ns, 0.99);
    ck_assert(p50 > 250000 && p50 <= 500000);
    ck_assert(p99 > 25000000 && p99 <= 50000000);
    histogram_add_time(&histogram, UINT64_C(100000000000));
    ck_assert_uint_eq(histogram_quantile(&histogram, histogram_times_ns, 1), UINT64_C(10000000000));
}
END_TEST

Suite *metrics_suite(void)
{
    Suite *suite = suite_create("metrics");
    TCase *tcase = tcase_create("metrics");
    tcase_add_checked_fixture(tcase, NULL, finish);
    tcase_add_test(tcase, a_metric_that_nobody_tells_is_left_out);
    tcase_add_test(tcase, a_sample_follows_the_help_and_type_of_its_metric);
    tcase_add_test(tcase, values_of_labels_are_escaped);
    tcase_add_test(tcase, figures_are_told_in_the_unit_of_the_name);
    tcase_add_test(tcase, a_histogram_adds_up);
    tcase_add_test(tcase, quantiles_lie_within_the_bucket_that_holds_them);
    suite_add_tcase(suite, tcase);
    return suite;
}
