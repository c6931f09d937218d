/* SPDX-License-Identifier: MIT
 *
 * Prometheus metrics: the table of all metrics, and their text form. The figures themselves are plain
 * integers of the parts that count them, so counting costs next to nothing; each part registers a function
 * that reads them when metrics are requested. A metric without such a function is left out.
 *
 * Loop thread only. If a figure belongs to another thread, its reading function must synchronize.
 */
#ifndef OBSERVE_METRICS_H
#define OBSERVE_METRICS_H

#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "observe/histogram.h"

/* The unit in which a figure is counted; it is divided by 10 to this power to get the unit in the metric's
 * name. */
enum metric_unit {
    UNIT_ONE,
    UNIT_MS = 3,
    UNIT_US = 6,
    UNIT_NS = 9,
};

/* One row per metric: name, type, unit of the figures, label names separated by commas, help text. */
/* clang-format off */
#define METRICS(X) \
    X(grpc_server_started_total, COUNTER, ONE, "grpc_type,grpc_service,grpc_method", "Calls begun.") \
    X(grpc_server_handled_total, COUNTER, ONE, "grpc_type,grpc_service,grpc_method,grpc_code", "Calls answered, or left by their peer, by status.") \
    X(grpc_server_msg_received_total, COUNTER, ONE, "grpc_type,grpc_service,grpc_method", "Requests of calls.") \
    X(grpc_server_msg_sent_total, COUNTER, ONE, "grpc_type,grpc_service,grpc_method", "Messages of answers.") \
    X(grpc_server_handling_seconds, HISTOGRAM, NS, "grpc_type,grpc_service,grpc_method", "From a call's beginning to its answer.") \
    X(svcd_call_wait_seconds_total, COUNTER, NS, "grpc_service,grpc_method,wait", "What calls waited for: a connection (queue), the database, a hash. The rest is their own.") \
    X(svcd_calls_running, GAUGE, ONE, "", "Calls begun and not answered.") \
    X(svcd_calls_held, GAUGE, ONE, "", "Calls that wait to be begun, for the database has as many as it takes.") \
    X(svcd_calls_held_total, COUNTER, ONE, "", "Calls that waited so.") \
    X(svcd_connections, GAUGE, ONE, "", "Connections of clients.") \
    X(svcd_connections_max, GAUGE, ONE, "", "Connections of clients that there may be.") \
    X(svcd_http_connections, GAUGE, ONE, "", "Connections of svcd's own edge (http, https, unix).") \
    X(svcd_http_requests_running, GAUGE, ONE, "", "Requests of that edge whose answer is not written.") \
    X(svcd_http_buffered_bytes, GAUGE, ONE, "", "Requests that are not complete and replies that are not read.") \
    X(svcd_http_closed_total, COUNTER, ONE, "reason", "Connections of that edge that were closed.") \
    X(svcd_tls_certificate_expiry_seconds, GAUGE, ONE, "", "When the certificate of https listeners expires, since 1970.") \
    X(svcd_database_available, GAUGE, ONE, "", "1 while the database answers.") \
    X(svcd_database_connections, GAUGE, ONE, "lane,state", "Connections to the database.") \
    X(svcd_database_queue_length, GAUGE, ONE, "lane", "Statements that wait for a connection.") \
    X(svcd_database_queue_limit, GAUGE, ONE, "", "Statements that may wait in one lane.") \
    X(svcd_database_refused_total, COUNTER, ONE, "lane", "Statements refused because their queue was full.") \
    X(svcd_database_wait_seconds, HISTOGRAM, NS, "lane", "Statements waiting for a connection.") \
    X(svcd_database_batch_size, HISTOGRAM, ONE, "lane", "Statements sent together.") \
    X(svcd_database_lost_total, COUNTER, ONE, "lane", "Connections that were up and broke.") \
    X(svcd_database_statement_seconds, SUMMARY, NS, "statement,lane", "From sending a statement to its rows.") \
    X(svcd_database_statement_failures_total, COUNTER, ONE, "statement,lane", "Statements that the database refused.") \
    X(svcd_database_standby_up, GAUGE, ONE, "standby", "1 while a standby answers.") \
    X(svcd_database_standby_lag_seconds, GAUGE, NS, "standby", "How old what a standby has is at most, as measured; left out where that is not known.") \
    X(svcd_database_standby_reads_total, COUNTER, ONE, "standby", "Reads that a standby answered.") \
    X(svcd_database_standby_failures_total, COUNTER, ONE, "standby", "Reads that a standby did not answer, and another server was asked.") \
    X(svcd_database_stale_reads_total, COUNTER, ONE, "", "Reads that standbys answered while there was no primary to measure them by.") \
    X(svcd_loop_lag_seconds, HISTOGRAM, NS, "", "How late a timer of the event loop was.") \
    X(svcd_hash_queue_length, GAUGE, ONE, "", "Passwords that wait to be hashed.") \
    X(svcd_hash_queue_limit, GAUGE, ONE, "", "Passwords that may wait.") \
    X(svcd_hash_workers, GAUGE, ONE, "", "Threads that hash.") \
    X(svcd_hash_running, GAUGE, ONE, "", "Passwords being hashed.") \
    X(svcd_hash_total, COUNTER, ONE, "kind", "Passwords verified, and hashes made.") \
    X(svcd_hash_refused_total, COUNTER, ONE, "reason", "Passwords not hashed: the queue was full, the deadline too near, the call cancelled.") \
    X(svcd_hash_paused_seconds_total, COUNTER, NS, "", "What hashing stood still for a busy loop.") \
    X(svcd_hash_seconds, GAUGE, NS, "", "Mean duration of the last few hashes.") \
    X(svcd_throttle_admitted_total, COUNTER, ONE, "", "Attempts at passwords that might be made.") \
    X(svcd_throttle_refused_total, COUNTER, ONE, "", "Attempts at passwords refused before any hash.") \
    X(svcd_throttle_charged_total, COUNTER, ONE, "table", "What admitted attempts were charged to.") \
    X(svcd_throttle_entries, GAUGE, ONE, "", "Entries that each of the throttle's tables has room for.") \
    X(svcd_job_runs_total, COUNTER, ONE, "job_name,outcome", "Runs of jobs by this process.") \
    X(svcd_job_running, GAUGE, ONE, "job_name", "1 while this process runs the job.") \
    X(svcd_job_last_run_timestamp_seconds, GAUGE, MS, "job_name", "When this process last knew that a run was done, by whomever; 0: not yet.") \
    X(svcd_job_last_run_seconds, GAUGE, US, "job_name", "How long the last run took that this process did.") \
    X(svcd_job_next_run_timestamp_seconds, GAUGE, MS, "job_name", "When the schedule has its next run.") \
    X(svcd_caller_calls_total, COUNTER, ONE, "caller,code", "Calls answered of those who said who they are, by status.") \
    X(svcd_caller_calls_running, GAUGE, ONE, "caller", "Their calls that are not over.") \
    X(svcd_caller_refused_total, COUNTER, ONE, "reason", "Calls refused for who made them, or how many.") \
    X(svcd_config_reload_success, GAUGE, ONE, "", "1 if the configuration was taken when it was last read.") \
    X(svcd_config_reload_timestamp_seconds, GAUGE, MS, "", "When a configuration was last taken, since 1970.") \
    X(svcd_log_dropped_lines_total, COUNTER, ONE, "", "Lines of the log that were lost.") \
    X(svcd_trace_spans_sent_total, COUNTER, ONE, "", "Spans that the collector of traces has taken.") \
    X(svcd_trace_spans_dropped_total, COUNTER, ONE, "reason", "Spans that were lost: the buffer was full, the collector refused them, svcd stopped.") \
    X(svcd_build_info, GAUGE, ONE, "version", "1; its label tells the version.") \
    X(process_cpu_seconds_total, COUNTER, US, "", "CPU time, of user and system.") \
    X(process_start_time_seconds, GAUGE, MS, "", "When the process started, since 1970.") \
    X(process_resident_memory_bytes, GAUGE, ONE, "", "Memory in RAM.") \
    X(process_virtual_memory_bytes, GAUGE, ONE, "", "Memory mapped.") \
    X(process_open_fds, GAUGE, ONE, "", "Open file descriptors.") \
    X(process_max_fds, GAUGE, ONE, "", "File descriptors that may be open.")
/* clang-format on */

enum metric {
#define METRIC_ID(name, type, unit, labels, help) METRIC_##name,
    METRICS(METRIC_ID)
#undef METRIC_ID
        METRICS_N
};

struct metrics_out;
typedef void(metric_read)(struct metrics_out *out, enum metric metric, const void *owner);

/* Registers the function that reads a metric (NULL: none any more); `owner` is handed to it. */
void metrics_set_reader(enum metric metric, metric_read *read, const void *owner);

/* Appends every metric in Prometheus' text format, version 0.0.4. 0 or UV_ENOMEM. */
int metrics_write(struct bytes *text);

/* ---- for reading functions ---- */

/* Writes a sample; `values` are those of its labels in order, ended by NULL. They are escaped. */
void metrics_put_labelled(struct metrics_out *out, enum metric metric, int64_t value,
                          const char *const *values);
void metrics_put_histogram_labelled(struct metrics_out *out, enum metric metric,
                                    const struct histogram *histogram, const char *const *values);
/* Writes a summary: the number of observations and their sum. */
void metrics_put_summary_labelled(struct metrics_out *out, enum metric metric, uint64_t n, uint64_t sum,
                                  const char *const *values);

#define METRIC_LABELS(...) ((const char *const[]){ __VA_ARGS__ __VA_OPT__(, ) NULL })
#define metrics_put(out, metric, value, ...)                                                                 \
    metrics_put_labelled(out, metric, (int64_t)(value), METRIC_LABELS(__VA_ARGS__))
#define metrics_put_histogram(out, metric, histogram, ...)                                                   \
    metrics_put_histogram_labelled(out, metric, histogram, METRIC_LABELS(__VA_ARGS__))
#define metrics_put_summary(out, metric, n, sum, ...)                                                        \
    metrics_put_summary_labelled(out, metric, n, sum, METRIC_LABELS(__VA_ARGS__))

#endif
