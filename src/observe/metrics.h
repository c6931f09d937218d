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
    X(grpc_server_started_total, COUNTER, ONE, "grpc_type,grpc_service,grpc_method", "Calls started, including calls that were refused at once.") \
    X(grpc_server_handled_total, COUNTER, ONE, "grpc_type,grpc_service,grpc_method,grpc_code", "Calls completed, by gRPC status code; a call whose client went away counts, too.") \
    X(grpc_server_msg_received_total, COUNTER, ONE, "grpc_type,grpc_service,grpc_method", "Request messages received.") \
    X(grpc_server_msg_sent_total, COUNTER, ONE, "grpc_type,grpc_service,grpc_method", "Response messages sent.") \
    X(grpc_server_handling_seconds, HISTOGRAM, NS, "grpc_type,grpc_service,grpc_method", "Duration of calls, from the start of the call to its status.") \
    X(svcd_call_wait_seconds_total, COUNTER, NS, "grpc_service,grpc_method,wait", "Time that calls spent waiting: for a database connection (queue), for PostgreSQL (database), for a password hash (hash). The rest of a call's duration is spent in svcd itself.") \
    X(svcd_calls_running, GAUGE, ONE, "", "Calls that have started and are not completed.") \
    X(svcd_calls_held, GAUGE, ONE, "", "Calls that are held back before they start because the database is fully loaded.") \
    X(svcd_calls_held_total, COUNTER, ONE, "", "Calls that were held back before they started because the database was fully loaded.") \
    X(svcd_connections, GAUGE, ONE, "", "Open client connections.") \
    X(svcd_connections_max, GAUGE, ONE, "", "Limit on open client connections (server.max_connections).") \
    X(svcd_http_connections, GAUGE, ONE, "", "Open client connections on http, https and unix listeners.") \
    X(svcd_http_requests_running, GAUGE, ONE, "", "Requests on http, https and unix listeners that are not completely answered.") \
    X(svcd_http_buffered_bytes, GAUGE, ONE, "", "Memory that incomplete requests and unread responses use on http, https and unix listeners (limit: server.max_buffered_bytes).") \
    X(svcd_http_closed_total, COUNTER, ONE, "reason", "Connections closed on http, https and unix listeners, by reason.") \
    X(svcd_tls_certificate_expiry_seconds, GAUGE, ONE, "", "Expiry date of the certificate of https listeners, as Unix time.") \
    X(svcd_database_available, GAUGE, ONE, "", "1 if the database can serve calls, 0 if not.") \
    X(svcd_database_connections, GAUGE, ONE, "lane,state", "Connections to the database, by lane (kind of statement) and state.") \
    X(svcd_database_queue_length, GAUGE, ONE, "lane", "Statements waiting for a database connection.") \
    X(svcd_database_queue_limit, GAUGE, ONE, "", "Limit on statements waiting in one lane (database.queue_limit).") \
    X(svcd_database_refused_total, COUNTER, ONE, "lane", "Statements refused because the queue of their lane was full.") \
    X(svcd_database_wait_seconds, HISTOGRAM, NS, "lane", "Time that a statement waited for a database connection.") \
    X(svcd_database_batch_size, HISTOGRAM, ONE, "lane", "Number of statements sent together as one batch.") \
    X(svcd_database_lost_total, COUNTER, ONE, "lane", "Established database connections that were lost.") \
    X(svcd_database_statement_seconds, SUMMARY, NS, "statement,lane", "Time from sending a statement to receiving its result.") \
    X(svcd_database_statement_failures_total, COUNTER, ONE, "statement,lane", "Statements that PostgreSQL answered with an error.") \
    X(svcd_database_standby_up, GAUGE, ONE, "standby", "1 if the standby can answer reads, 0 if not.") \
    X(svcd_database_standby_lag_seconds, GAUGE, NS, "standby", "Upper bound of how far the standby is behind the primary; absent while it is unknown.") \
    X(svcd_database_standby_reads_total, COUNTER, ONE, "standby", "Reads answered by the standby.") \
    X(svcd_database_standby_failures_total, COUNTER, ONE, "standby", "Reads that failed on the standby and were to be retried on another server.") \
    X(svcd_database_stale_reads_total, COUNTER, ONE, "", "Reads answered by standbys while no primary was available.") \
    X(svcd_loop_lag_seconds, HISTOGRAM, NS, "", "Delay of a regular timer of the event loop beyond its due time.") \
    X(svcd_hash_queue_length, GAUGE, ONE, "", "Passwords waiting to be hashed.") \
    X(svcd_hash_queue_limit, GAUGE, ONE, "", "Limit on passwords waiting to be hashed (password.queue_limit).") \
    X(svcd_hash_workers, GAUGE, ONE, "", "Threads that hash passwords.") \
    X(svcd_hash_running, GAUGE, ONE, "", "Passwords being hashed.") \
    X(svcd_hash_total, COUNTER, ONE, "kind", "Passwords verified (verify) and hashes created (make), including hashes renewed at login.") \
    X(svcd_hash_refused_total, COUNTER, ONE, "reason", "Passwords not hashed because the queue was full (full), the deadline was too close (deadline) or the call was cancelled (cancelled).") \
    X(svcd_hash_paused_seconds_total, COUNTER, NS, "", "Time that hashing threads paused in favour of a busy event loop.") \
    X(svcd_hash_seconds, GAUGE, NS, "", "Moving average of the duration of a hash.") \
    X(svcd_throttle_admitted_total, COUNTER, ONE, "", "Password attempts that the throttle admitted.") \
    X(svcd_throttle_refused_total, COUNTER, ONE, "", "Password attempts that the throttle refused before any hash was computed.") \
    X(svcd_throttle_charged_total, COUNTER, ONE, "table", "Tokens taken for admitted attempts, by kind of bucket.") \
    X(svcd_throttle_entries, GAUGE, ONE, "", "Capacity of each table of the throttle (throttle.entries).") \
    X(svcd_job_runs_total, COUNTER, ONE, "job_name,outcome", "Attempts by this process to run a job, by outcome: done, failed, already (done before, by any process), busy (running in another process).") \
    X(svcd_job_running, GAUGE, ONE, "job_name", "1 while this process is running the job.") \
    X(svcd_job_last_run_timestamp_seconds, GAUGE, MS, "job_name", "Unix time at which this process last learned of a completed run, its own or that of another process; 0 if not yet.") \
    X(svcd_job_last_run_seconds, GAUGE, US, "job_name", "Duration of the last run that this process completed.") \
    X(svcd_job_next_run_timestamp_seconds, GAUGE, MS, "job_name", "Unix time of the next scheduled run.") \
    X(svcd_caller_calls_total, COUNTER, ONE, "caller,code", "Calls completed, by authenticated caller and gRPC status code.") \
    X(svcd_caller_calls_running, GAUGE, ONE, "caller", "Calls of an authenticated caller that are not completed.") \
    X(svcd_caller_refused_total, COUNTER, ONE, "reason", "Calls refused by access control or by a limit of their caller, by reason.") \
    X(svcd_config_reload_success, GAUGE, ONE, "", "1 if the last reload of the configuration succeeded or none was attempted, 0 if it failed.") \
    X(svcd_config_reload_timestamp_seconds, GAUGE, MS, "", "Unix time at which the current configuration was loaded.") \
    X(svcd_log_dropped_lines_total, COUNTER, ONE, "", "Log lines lost because standard error did not accept them.") \
    X(svcd_trace_spans_sent_total, COUNTER, ONE, "", "Spans accepted by the trace collector.") \
    X(svcd_trace_spans_dropped_total, COUNTER, ONE, "reason", "Spans dropped because the buffer was full (buffer_full), the collector refused them (refused), or svcd stopped or changed its collector (stopped).") \
    X(svcd_build_info, GAUGE, ONE, "version", "Always 1; the label carries the version of svcd.") \
    X(process_cpu_seconds_total, COUNTER, US, "", "Total user and system CPU time spent.") \
    X(process_start_time_seconds, GAUGE, MS, "", "Unix time at which the process started.") \
    X(process_resident_memory_bytes, GAUGE, ONE, "", "Resident memory size.") \
    X(process_virtual_memory_bytes, GAUGE, ONE, "", "Virtual memory size.") \
    X(process_open_fds, GAUGE, ONE, "", "Open file descriptors.") \
    X(process_max_fds, GAUGE, ONE, "", "Maximum number of open file descriptors.")
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
