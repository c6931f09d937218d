/* SPDX-License-Identifier: MIT
 *
 * The JSON of /status, which the status page draws. Names that are constants in the code are copied without
 * escaping; text from the configuration is escaped.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "access/access.h"
#include "admin/pages.h"
#include "base/wall_clock.h"
#include "call/call.h"
#include "config/warnings.h"
#include "db/pool_metrics.h"
#include "login/hash_pool.h"
#include "login/throttle.h"
#include "observe/log.h"
#include "observe/process.h"

#define JOBS_MAX 16

static double ms(uint64_t ns)
{
    return (double)ns / 1e6;
}

static const char *yes(bool is_so)
{
    return is_so ? "true" : "false";
}

bool admin_is_ready(const struct admin_view *view)
{
    const struct context *context = view->options.context;
    return !context->draining && pool_is_available(context->pool);
}

static void put_string(FILE *out, const char *text)
{
    fputc('"', out);
    for (const unsigned char *s = (const unsigned char *)text; *s; s++)
        if (*s == '"' || *s == '\\' || *s < 0x20)
            fprintf(out, "\\u%04x", *s);
        else
            fputc(*s, out);
    fputc('"', out);
}

/* ---- calls ---- */

static void put_series(FILE *out, const struct history *history, size_t method,
                       uint32_t (*of)(const struct history *, size_t, unsigned))
{
    for (unsigned slot = 0; slot < HISTORY_SLOTS; slot++)
        fprintf(out, "%s%" PRIu32, slot ? "," : "", of(history, method, slot));
}

static void put_method(FILE *out, const struct admin_view *view, size_t number)
{
    const struct method_account *account = account_of_method(number);
    const char *path = number < rpc_methods_n ? rpc_methods[number].path : "/unknown/unknown";
    const char *slash = strrchr(path, '/');
    uint64_t failed = 0;
    struct histogram recent;
    history_recent(&view->history, number, &recent);
    for (unsigned code = 1; code < GRPC_CODES; code++)
        failed += account->handled[code];
    fprintf(out,
            "{\"service\":\"%.*s\",\"method\":\"%s\",\"started\":%" PRIu64 ",\"ok\":%" PRIu64
            ",\"failed\":%" PRIu64,
            (int)(slash - path - 1), path + 1, slash + 1, account->begun, account->handled[0], failed);
    fprintf(out, ",\"p50_ms\":%.3f,\"p95_ms\":%.3f,\"p99_ms\":%.3f",
            ms(histogram_quantile(&recent, histogram_times_ns, 0.5)),
            ms(histogram_quantile(&recent, histogram_times_ns, 0.95)),
            ms(histogram_quantile(&recent, histogram_times_ns, 0.99)));
    fprintf(out, ",\"total_ms\":%.3f", ms(account->seconds.sum));
    for (enum account_wait wait = 0; wait < ACCOUNT_WAITS; wait++)
        fprintf(out, ",\"%s_ms\":%.3f", account_wait_names[wait], ms(account->waited_ns[wait]));
    fputs(",\"calls\":[", out);
    put_series(out, &view->history, number, history_calls);
    fputs("],\"errors\":[", out);
    put_series(out, &view->history, number, history_errors);
    fputs("]}", out);
}

/* The failed calls by method and code. Of a failure in the current slot only that slot is known, so its time
 * is given as now. */
static void put_errors(FILE *out, const struct admin_view *view)
{
    const char *before = "";
    for (size_t i = 0; i <= rpc_methods_n; i++) {
        const struct method_account *account = account_of_method(i);
        const struct method_history *history = &view->history.methods[i];
        for (unsigned code = 1; code < GRPC_CODES; code++) {
            if (account->handled[code] == 0)
                continue;
            bool is_new = account->handled[code] != history->before.handled[code];
            fprintf(out, "%s{\"method\":\"%s\",\"code\":\"%s\",\"n\":%" PRIu64 ",\"last_ms\":%" PRId64 "}",
                    before, i < rpc_methods_n ? rpc_methods[i].path : "unknown", grpc_code_name(code),
                    account->handled[code], is_new ? wall_clock_ms() : history->last_ms[code]);
            before = ",";
        }
    }
}

static void put_calls(FILE *out, const struct admin_view *view)
{
    fprintf(out, "\"slot_ms\":%d,\"running\":%" PRIu64 ",\"methods\":[", HISTORY_SLOT_MS, account_running());
    for (size_t i = 0; i <= rpc_methods_n; i++) {
        fputs(i ? "," : "", out);
        put_method(out, view, i);
    }
    fputs("],\"recent_errors\":[", out);
    put_errors(out, view);
    fputs("]", out);
}

/* ---- the daemon's parts ---- */

static void put_services(FILE *out, bool is_ready)
{
    for (size_t i = 0; i < rpc_services_n; i++)
        fprintf(out, "%s{\"name\":\"%s\",\"serving\":%s}", i ? "," : "", rpc_services[i], yes(is_ready));
}

static void put_lane(FILE *out, const struct pool_lane *lane, const char *name)
{
    fprintf(out,
            "{\"lane\":\"%s\",\"queued\":%u,\"refused\":%" PRIu64 ",\"lost\":%" PRIu64 ",\"connections\":[",
            name, lane->queue.n, lane->refused_n, lane->lost_n);
    for (unsigned i = 0; i < lane->wanted; i++) {
        const struct conn *conn = &lane->conns[i];
        const struct batch *batch = &conn->batch;
        bool is_busy = conn->state == CONN_BUSY && batch->n > 0;
        fprintf(out, "%s{\"number\":%u,\"state\":\"%s\",\"statement\":\"%s\",\"statements\":%zu}",
                i ? "," : "", conn->number, conn_state_name(conn->state),
                is_busy ? batch->executions[0].statement->name : "", is_busy ? batch->n : 0);
    }
    fputs("]}", out);
}

static void put_database(FILE *out, const struct pool *pool)
{
    const char *before = "";
    fprintf(out, "\"database\":{\"available\":%s,\"queue_limit\":%u,\"lanes\":[",
            yes(pool_is_available(pool)), pool->options.queue_max);
    for (enum lane lane = 0; lane < LANES; lane++) {
        if (pool->lanes[lane].conns_n == 0)
            continue;
        fputs(before, out);
        put_lane(out, &pool->lanes[lane], lane_name(lane));
        before = ",";
    }
    fputs("]}", out);
}

/* Callers' names need no escaping: see caller_name_is_valid(). */
static void put_caller(FILE *out, const struct caller *caller)
{
    const char *before = "";
    fprintf(out,
            "{\"name\":\"%s\",\"certificate\":%s,\"rate\":%u,\"concurrent\":%u,\"running\":%u,"
            "\"limited\":%" PRIu64 ",\"handled\":{",
            caller->name, yes(caller->has_certificate), caller->rate, caller->concurrent,
            caller->state.running, caller->state.limited);
    for (unsigned code = 0; code < GRPC_CODES; code++) {
        if (caller->state.handled[code] == 0)
            continue;
        fprintf(out, "%s\"%s\":%" PRIu64, before, grpc_code_name(code), caller->state.handled[code]);
        before = ",";
    }
    fputs("}}", out);
}

/* Without access.callers = token no caller is identified or refused, so the lists are empty. */
static void put_callers(FILE *out, const struct access *access)
{
    bool is_needed = access && access_is_needed(access);
    fprintf(out, "\"asks_for_token\":%s,\"callers\":[", yes(is_needed));
    for (size_t i = 0; is_needed && i < access_callers(access)->n; i++) {
        fputs(i ? "," : "", out);
        put_caller(out, access_callers(access)->items[i]);
    }
    fputs("],\"callers_refused\":{", out);
    for (enum access_verdict verdict = ACCESS_GRANTED + 1; is_needed && verdict < ACCESS_VERDICTS; verdict++)
        fprintf(out, "%s\"%s\":%" PRIu64, verdict > ACCESS_GRANTED + 1 ? "," : "",
                access_verdict_names[verdict], access_refused_n(access, verdict));
    fputs("}", out);
}

static void put_logins(FILE *out, const struct admin_view *view)
{
    const struct throttle_stats *throttle = throttle_stats(view->options.context->throttle);
    struct hash_pool_stats hash;
    hash_pool_stats(view->options.context->hash_pool, &hash);
    fprintf(out, "\"throttle\":{\"admitted\":%" PRIu64 ",\"refused\":%" PRIu64 "}", throttle->n_admitted,
            throttle->n_refused);
    fprintf(out,
            ",\"hash\":{\"queued\":%d,\"queue_limit\":%d,\"running\":%d,\"verified\":%" PRIu64
            ",\"made\":%" PRIu64 ",\"refused_full\":%" PRIu64 ",\"refused_late\":%" PRIu64
            ",\"mean_ms\":%.3f}",
            hash.n_queued, hash.queue_limit, hash.n_running, hash.n_verified, hash.n_made,
            hash.n_refused_full, hash.n_refused_late, ms(hash.mean_duration_ns));
}

static void put_jobs(FILE *out, const struct admin_view *view)
{
    struct admin_job jobs[JOBS_MAX];
    size_t n = view->options.jobs(view->options.data, jobs, JOBS_MAX);
    fputs("\"jobs\":[", out);
    for (size_t i = 0; i < n && i < JOBS_MAX; i++)
        fprintf(out,
                "%s{\"name\":\"%s\",\"running\":%s,\"outcome\":\"%s\",\"done\":%" PRIu64
                ",\"failed\":%" PRIu64 ",\"next_ms\":%" PRId64 ",\"last_ms\":%" PRId64 ",\"took_ms\":%.3f}",
                i ? "," : "", jobs[i].name, yes(jobs[i].running), jobs[i].outcome ?: "", jobs[i].done_n,
                jobs[i].failed_n, jobs[i].next_s * 1000, jobs[i].done_s * 1000,
                (double)jobs[i].took_us / 1e3);
    fputs("]", out);
}

static void put_process(FILE *out)
{
    struct process_figures figures;
    const struct histogram *lag = process_loop_lag();
    process_figures(&figures);
    fprintf(out,
            "\"process\":{\"cpu_s\":%.3f,\"resident_bytes\":%" PRId64 ",\"open_fds\":%" PRId64
            ",\"max_fds\":%" PRId64 ",\"loop_lag_p99_ms\":%.3f,\"log_dropped\":%" PRIu64 "}",
            (double)figures.cpu_us / 1e6, figures.resident_bytes, figures.open_fds, figures.max_fds,
            ms(histogram_quantile(lag, histogram_times_ns, 0.99)), log_n_dropped());
}

static void put_warnings(FILE *out, const struct config *config)
{
    char warnings[CONFIG_WARNINGS_MAX][CONFIG_WARNING_LEN];
    size_t n = config_warnings(config, warnings);
    fputs("\"warnings\":[", out);
    for (size_t i = 0; i < n; i++) {
        fputs(i ? "," : "", out);
        put_string(out, warnings[i]);
    }
    fputs("]", out);
}

static void put_all(FILE *out, const struct admin_view *view)
{
    const struct config *config = view->options.config;
    bool is_ready = admin_is_ready(view);
    fprintf(
        out,
        "{\"version\":\"%s\",\"now_ms\":%" PRId64 ",\"started_ms\":%" PRId64 ",\"ready\":%s,\"draining\":%s,",
        SVCD_VERSION, wall_clock_ms(), view->started_ms, yes(is_ready), yes(view->options.context->draining));
    fputs("\"services\":[", out);
    put_services(out, is_ready);
    fprintf(out, "],\"connections\":{\"open\":%u,\"max\":%d},", view->options.connections(view->options.data),
            config->server.max_connections);
    put_calls(out, view);
    fputc(',', out);
    put_database(out, view->options.context->pool);
    fputc(',', out);
    put_callers(out, view->options.context->access);
    fputc(',', out);
    put_logins(out, view);
    fputc(',', out);
    put_jobs(out, view);
    fputc(',', out);
    put_process(out);
    fputc(',', out);
    put_warnings(out, config);
    fputs("}\n", out);
}

int admin_status_write(const struct admin_view *view, struct bytes *text)
{
    char *printed = NULL;
    size_t len = 0;
    FILE *out = account_of_method(0) ? open_memstream(&printed, &len) : NULL;
    if (!out)
        return UV_ENOMEM;
    put_all(out, view);
    int rc = fclose(out) ? UV_ENOMEM : bytes_reserve(text, len);
    if (!rc)
        bytes_put(text, printed, len);
    free(printed);
    return rc;
}
